//! The reliability diagram: observed win rate against mean prediction, with intervals and the diagonal.
//!
//! Deliberately not here: judgement, which is an insight's.

use super::{Anchor, Canvas, Drawing, Layout, Role, draw};
use crate::domain::Bin;
use crate::page::PageError;

const LAYOUT: Layout = Layout {
    width: 360,
    height: 330,
    left: 48,
    right: 14,
    top: 26,
    bottom: 46,
};

/// Draws the bins; `None` without any.
pub(in crate::page) fn chart(bins: &[Bin]) -> Result<Option<Drawing>, PageError> {
    if bins.is_empty() {
        return Ok(None);
    }
    draw(LAYOUT, (0.0, 1.0), (0.0, 1.0), |canvas| {
        frame(canvas)?;
        for bin in bins {
            let x = bin.mean_predicted;
            let inside = bin.interval.contains(x);
            let role = if inside { Role::Accent } else { Role::Weak };
            canvas.line(&[(x, bin.interval.low), (x, bin.interval.high)], role, 7)?;
        }
        let points: Vec<(f64, f64)> = bins
            .iter()
            .map(|bin| (bin.mean_predicted, bin.observed_rate))
            .collect();
        for (bin, point) in bins.iter().zip(&points) {
            let inside = bin.interval.contains(bin.mean_predicted);
            let role = if inside { Role::Accent } else { Role::Weak };
            canvas.dot(*point, 5, role)?;
        }
        Ok(())
    })
    .map(Some)
}

fn frame(canvas: &Canvas<'_>) -> Result<(), PageError> {
    for i in 0..=4 {
        let at = f64::from(i) / 4.0;
        let label = format!("{} %", i * 25);
        canvas.line(&[(0.0, at), (1.0, at)], Role::Grid, 4)?;
        canvas.line(&[(at, 0.0), (at, 1.0)], Role::Grid, 4)?;
        let end = if i == 4 { Anchor::End } else { Anchor::Middle };
        let shift = if i == 4 { 8 } else { 0 };
        canvas.text(&label, (at, 0.0), (shift, 14), end, Role::Muted)?;
        canvas.text(&label, (0.0, at), (-6, 0), Anchor::End, Role::Muted)?;
    }
    canvas.line(&[(0.0, 0.0), (1.0, 1.0)], Role::Reference, 6)?;
    canvas.text("won", (0.0, 1.0), (-42, -16), Anchor::Start, Role::Ink)?;
    canvas.text(
        "predicted probability",
        (1.0, 0.0),
        (8, 33),
        Anchor::End,
        Role::Ink,
    )
}
