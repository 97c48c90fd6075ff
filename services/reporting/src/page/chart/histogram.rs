//! How often a sum fell where, with lines at its 10 %, 50 % and 90 % quantiles.
//!
//! Deliberately not here: the draws.

use super::{Anchor, Drawing, Layout, Role, draw, ranges::short, round_step};
use crate::domain::{pipeline::Bar, simulate::Spread};
use crate::page::PageError;

const LAYOUT: Layout = Layout {
    width: 360,
    height: 260,
    left: 16,
    right: 22,
    top: 34,
    bottom: 46,
};

/// Draws the bars; `None` without any.
pub(in crate::page) fn chart(
    bars: &[Bar],
    spread: Spread,
    axis: &str,
) -> Result<Option<Drawing>, PageError> {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else {
        return Ok(None);
    };
    let highest = bars.iter().map(|bar| bar.share).fold(0.0, f64::max);
    if last.to <= first.from {
        return Ok(None);
    }
    draw(LAYOUT, (first.from, last.to), (0.0, highest), |canvas| {
        let step = round_step(last.to - first.from, 5.0);
        let ticks = (first.from / step).ceil() as i64..=(last.to / step).floor() as i64;
        for tick in ticks {
            let at = tick as f64 * step;
            canvas.line(&[(at, 0.0), (at, highest)], Role::Grid, 4)?;
            canvas.text(
                &short(at, step),
                (at, 0.0),
                (0, 14),
                Anchor::Middle,
                Role::Muted,
            )?;
        }
        for bar in bars {
            let gap = 0.08 * (bar.to - bar.from);
            let (from, to) = (bar.from + gap, bar.to - gap);
            canvas.bar((from, 0.0), (to, bar.share), Role::Band)?;
            // What a bar says is its height, which has to be seen on any background.
            canvas.line(&[(from, bar.share), (to, bar.share)], Role::Accent, 5)?;
        }
        canvas.line(&[(first.from, 0.0), (last.to, 0.0)], Role::Axis, 4)?;
        for (at, name, role, anchor) in [
            (spread.p10, "P10", Role::Reference, Anchor::End),
            (spread.p50, "P50", Role::Accent, Anchor::Middle),
            (spread.p90, "P90", Role::Reference, Anchor::Start),
        ] {
            canvas.line(&[(at, 0.0), (at, highest)], role, 8)?;
            canvas.text(name, (at, highest), (0, -14), anchor, Role::Ink)?;
        }
        canvas.text(axis, (last.to, 0.0), (10, 33), Anchor::End, Role::Ink)
    })
    .map(Some)
}
