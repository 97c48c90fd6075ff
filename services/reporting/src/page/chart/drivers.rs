//! Horizontal bars of the columns' importance with their intervals.
//!
//! Names stand above their bars, so that long ones fit on a phone. Deliberately not here: the choice of columns.

use super::{Anchor, Canvas, Drawing, Layout, Role, draw, round_step, shortened};
use crate::domain::{Driver, text};
use crate::page::PageError;

/// Height of a column's name and bar.
const ROW: i32 = 33;
/// Letters of a name that fit beside its value.
const NAME: usize = 36;

/// Draws the columns; `None` without any.
pub(in crate::page) fn chart(drivers: &[Driver]) -> Result<Option<Drawing>, PageError> {
    if drivers.is_empty() {
        return Ok(None);
    }
    let rows = i32::try_from(drivers.len()).unwrap_or(i32::MAX / ROW / 8);
    let layout = Layout {
        width: 360,
        height: rows * ROW + 50,
        left: 10,
        right: 20,
        top: 4,
        bottom: 46,
    };
    let (low, high) = range(drivers);
    let depth = f64::from(rows);
    draw(layout, (low, high), (0.0, depth), |canvas| {
        axis(canvas, low, high, depth)?;
        for (driver, row) in drivers.iter().zip(0..rows) {
            bar(canvas, driver, (low, high), depth - f64::from(row))?;
        }
        Ok(())
    })
    .map(Some)
}

/// Ends of the axis: everything drawn, and zero.
fn range(drivers: &[Driver]) -> (f64, f64) {
    let (mut low, mut high) = (0.0f64, 0.0f64);
    for driver in drivers {
        let ends = driver.interval.map_or((0.0, 0.0), |i| (i.low, i.high));
        low = low.min(driver.permutation).min(ends.0);
        high = high.max(driver.permutation).max(ends.1);
    }
    if high - low > 1e-9 {
        (low, high)
    } else {
        (low, low + 0.01)
    }
}

fn axis(canvas: &Canvas<'_>, low: f64, high: f64, depth: f64) -> Result<(), PageError> {
    let step = round_step(high - low, 6.0);
    let (from, to) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    let decimals = usize::try_from((-step.log10().floor()).clamp(0.0, 6.0) as i64).unwrap_or(3);
    for tick in from..=to {
        let at = tick as f64 * step;
        let role = if tick == 0 { Role::Axis } else { Role::Grid };
        canvas.line(&[(at, 0.0), (at, depth)], role, 4)?;
        let label = if tick == 0 {
            "0".to_owned()
        } else {
            format!("{at:.decimals$}")
        };
        canvas.text(&label, (at, 0.0), (0, 13), Anchor::Middle, Role::Muted)?;
    }
    canvas.text(
        "rise of the log loss when shuffled",
        (high, 0.0),
        (12, 33),
        Anchor::End,
        Role::Ink,
    )
}

fn bar(
    canvas: &Canvas<'_>,
    driver: &Driver,
    (low, high): (f64, f64),
    top: f64,
) -> Result<(), PageError> {
    let (role, ink) = if driver.clear {
        (Role::Band, Role::Ink)
    } else {
        (Role::Grid, Role::Muted)
    };
    let name = shortened(&driver.column, NAME);
    canvas.text(&name, (low, top), (0, 9), Anchor::Start, ink)?;
    let value = text::score(driver.permutation);
    canvas.text(&value, (high, top), (12, 9), Anchor::End, ink)?;
    canvas.bar((0.0, top - 0.52), (driver.permutation, top - 0.88), role)?;
    let line = if driver.clear {
        Role::Accent
    } else {
        Role::Muted
    };
    if let Some(interval) = driver.interval {
        let y = top - 0.7;
        canvas.line(&[(interval.low, y), (interval.high, y)], line, 6)?;
        for end in [interval.low, interval.high] {
            canvas.line(&[(end, y + 0.1), (end, y - 0.1)], line, 6)?;
        }
    }
    canvas.dot((driver.permutation, top - 0.7), 3, line)
}
