//! The chance of winning against the price, with the band of its intervals.
//!
//! Deliberately in factors of the price, which the axis says.

use super::{Anchor, Canvas, Drawing, Layout, Role, draw};
use crate::domain::price::Point;
use crate::page::PageError;

const LAYOUT: Layout = Layout {
    width: 360,
    height: 250,
    left: 48,
    right: 22,
    top: 26,
    bottom: 46,
};

/// Draws a curve; `None` with fewer than two points.
pub(in crate::page) fn chart(points: &[Point]) -> Result<Option<Drawing>, PageError> {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return Ok(None);
    };
    if last.ratio <= first.ratio {
        return Ok(None);
    }
    draw(LAYOUT, (first.ratio, last.ratio), (0.0, 1.0), |canvas| {
        frame(canvas, first.ratio, last.ratio)?;
        let low = points.iter().map(|p| (p.ratio, p.interval.low));
        let high = points.iter().map(|p| (p.ratio, p.interval.high));
        let outline: Vec<(f64, f64)> = low.chain(high.rev()).collect();
        canvas.area(&outline, Role::Band)?;
        canvas.line(&[(1.0, 0.0), (1.0, 1.0)], Role::Reference, 6)?;
        let line: Vec<(f64, f64)> = points.iter().map(|p| (p.ratio, p.probability)).collect();
        canvas.line(&line, Role::Accent, 8)
    })
    .map(Some)
}

fn frame(canvas: &Canvas<'_>, from: f64, to: f64) -> Result<(), PageError> {
    for i in 0..=4 {
        let at = f64::from(i) / 4.0;
        let role = if i == 0 { Role::Axis } else { Role::Grid };
        canvas.line(&[(from, at), (to, at)], role, 4)?;
        let label = format!("{} %", i * 25);
        canvas.text(&label, (from, at), (-6, 0), Anchor::End, Role::Muted)?;
    }
    for percent in [70, 80, 90, 100, 110, 120, 130] {
        let at = f64::from(percent) / 100.0;
        if at >= from - 1e-9 && at <= to + 1e-9 {
            canvas.line(&[(at, 0.0), (at, 1.0)], Role::Grid, 4)?;
            let label = percent.to_string();
            canvas.text(&label, (at, 0.0), (0, 14), Anchor::Middle, Role::Muted)?;
        }
    }
    canvas.text("won", (from, 1.0), (-42, -16), Anchor::Start, Role::Ink)?;
    canvas.text(
        "price in % of what was quoted",
        (to, 0.0),
        (10, 33),
        Anchor::End,
        Role::Ink,
    )
}
