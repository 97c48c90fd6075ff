//! Win rates of groups with their intervals, against the rate of all quotes.
//!
//! Names stand above their bars, so that long ones fit on a phone. Deliberately not here: the choice of groups.

use super::{Anchor, Canvas, Drawing, Layout, Role, draw, shortened};
use crate::domain::{text, win_loss::Group};
use crate::page::PageError;

/// Height of a group's name and bar.
const ROW: i32 = 33;
/// Letters of a name that fit beside its figures.
const NAME: usize = 30;
/// Shares that are marked.
const TICKS: [f64; 5] = [0.0, 0.25, 0.5, 0.75, 1.0];

/// Draws the groups; the dashed line is the rate of all quotes.
pub(in crate::page) fn chart(groups: &[Group], rate: f64) -> Result<Drawing, PageError> {
    let rows = i32::try_from(groups.len()).unwrap_or(i32::MAX / ROW / 8);
    let layout = Layout {
        width: 360,
        height: rows * ROW + 34,
        left: 16,
        right: 24,
        top: 4,
        bottom: 30,
    };
    let depth = f64::from(rows);
    draw(layout, (0.0, 1.0), (0.0, depth), |canvas| {
        for tick in TICKS {
            let role = if tick == 0.0 { Role::Axis } else { Role::Grid };
            canvas.line(&[(tick, 0.0), (tick, depth)], role, 4)?;
            let label = format!("{:.0} %", tick * 100.0);
            canvas.text(&label, (tick, 0.0), (0, 15), Anchor::Middle, Role::Muted)?;
        }
        // Before the names, which then stand on it.
        canvas.line(&[(rate, 0.0), (rate, depth)], Role::Reference, 5)?;
        for (group, row) in groups.iter().zip(0..rows) {
            bar(canvas, group, depth - f64::from(row))?;
        }
        Ok(())
    })
}

fn bar(canvas: &Canvas<'_>, group: &Group, top: f64) -> Result<(), PageError> {
    let (fill, line, ink) = if group.clear {
        (Role::Band, Role::Accent, Role::Ink)
    } else {
        (Role::Grid, Role::Muted, Role::Muted)
    };
    let name = shortened(&group.name, NAME);
    canvas.text(&name, (0.0, top), (0, 9), Anchor::Start, ink)?;
    let value = text::percent(group.win_rate);
    canvas.text(&value, (1.0, top), (12, 9), Anchor::End, ink)?;
    canvas.bar((0.0, top - 0.52), (group.win_rate, top - 0.88), fill)?;
    let y = top - 0.7;
    let ends = group.interval;
    canvas.line(&[(ends.low, y), (ends.high, y)], line, 6)?;
    for end in [ends.low, ends.high] {
        canvas.line(&[(end, y + 0.1), (end, y - 0.1)], line, 6)?;
    }
    canvas.dot((group.win_rate, y), 3, line)
}
