//! Ranges of amounts or scores, one below the other: what is expected, and the span around it.
//!
//! Names stand above their bars, so that long ones fit on a phone. Deliberately not here: what the spans mean, which the
//! caption says.

use super::{Anchor, Canvas, Drawing, Layout, Role, draw, round_step, shortened};
use crate::page::PageError;

/// Height of a name and its bar.
const ROW: i32 = 33;
/// Letters of a name that fit beside its figures.
const NAME: usize = 26;

/// A row of the chart.
pub(in crate::page) struct Row {
    pub(in crate::page) name: String,
    /// The figure in words.
    pub(in crate::page) value: String,
    pub(in crate::page) low: f64,
    pub(in crate::page) mid: f64,
    pub(in crate::page) high: f64,
    /// Another figure to stand beside it.
    pub(in crate::page) mark: Option<f64>,
}

/// Draws the rows; `None` without any. `axis` says what they are measured in; bars begin at zero where `bars` says so.
pub(in crate::page) fn chart(
    rows: &[Row],
    axis: &str,
    bars: bool,
) -> Result<Option<Drawing>, PageError> {
    if rows.is_empty() {
        return Ok(None);
    }
    let count = i32::try_from(rows.len()).unwrap_or(i32::MAX / ROW / 8);
    let layout = Layout {
        width: 360,
        height: count * ROW + 54,
        left: 16,
        right: 26,
        top: 4,
        bottom: 50,
    };
    let (low, high) = ends(rows, bars);
    let depth = f64::from(count);
    draw(layout, (low, high), (0.0, depth), |canvas| {
        let step = round_step(high - low, 5.0);
        let (from, to) = ((low / step).ceil() as i64, (high / step).floor() as i64);
        for tick in from..=to {
            let at = tick as f64 * step;
            let role = if tick == 0 { Role::Axis } else { Role::Grid };
            canvas.line(&[(at, 0.0), (at, depth)], role, 4)?;
            canvas.text(
                &short(at, step),
                (at, 0.0),
                (0, 14),
                Anchor::Middle,
                Role::Muted,
            )?;
        }
        canvas.text(axis, (high, 0.0), (14, 35), Anchor::End, Role::Ink)?;
        for (row, at) in rows.iter().zip(0..count) {
            bar(canvas, row, (low, high), depth - f64::from(at), bars)?;
        }
        Ok(())
    })
    .map(Some)
}

fn ends(rows: &[Row], bars: bool) -> (f64, f64) {
    let all = rows
        .iter()
        .flat_map(|row| [row.low, row.mid, row.high].into_iter().chain(row.mark));
    let (mut low, mut high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if bars {
        low = low.min(0.0);
    }
    if high - low < 1e-9 {
        high = low + 1.0;
    }
    if !bars {
        let room = 0.05 * (high - low);
        (low, high) = (low - room, high + room);
    }
    (low, high)
}

fn bar(
    canvas: &Canvas<'_>,
    row: &Row,
    (low, high): (f64, f64),
    top: f64,
    bars: bool,
) -> Result<(), PageError> {
    let name = shortened(&row.name, NAME);
    canvas.text(&name, (low, top), (0, 9), Anchor::Start, Role::Ink)?;
    canvas.text(&row.value, (high, top), (14, 9), Anchor::End, Role::Ink)?;
    if bars {
        canvas.bar((0.0, top - 0.52), (row.mid, top - 0.88), Role::Band)?;
    }
    let y = top - 0.7;
    canvas.line(&[(row.low, y), (row.high, y)], Role::Accent, 6)?;
    for end in [row.low, row.high] {
        canvas.line(&[(end, y + 0.1), (end, y - 0.1)], Role::Accent, 6)?;
    }
    canvas.dot((row.mid, y), 3, Role::Accent)?;
    if let Some(mark) = row.mark {
        canvas.line(&[(mark, y + 0.2), (mark, y - 0.2)], Role::Weak, 8)?;
    }
    Ok(())
}

/// A number of an axis: "250k", "1.5M", "0.12".
pub(super) fn short(value: f64, step: f64) -> String {
    let (divisor, unit) = match step.abs() {
        step if step >= 1e9 => (1e9, "G"),
        step if step >= 5e5 => (1e6, "M"),
        step if step >= 500.0 => (1e3, "k"),
        _ => (1.0, ""),
    };
    if value == 0.0 {
        return "0".to_owned();
    }
    let parts = step / divisor;
    let decimals = usize::try_from((-parts.log10().floor()).clamp(0.0, 6.0) as i64).unwrap_or(0);
    format!("{:.decimals$}{unit}", value / divisor)
}
