//! The win rate by month with its interval band and the win rate over all months.
//!
//! Drawn twice, wide and narrow, because letters must not shrink with the page. Deliberately not here: the test of a
//! change.

use super::{Anchor, Canvas, Drawing, Layout, Role, draw, round_step};
use crate::domain::{Month, month_index};
use crate::page::PageError;

/// Months that are drawn with a dot each; more would run together.
const DOTTED: usize = 40;
const NAMES: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Draws the months for a wide or a narrow page; `None` without any.
pub(in crate::page) fn chart(months: &[Month], wide: bool) -> Result<Option<Drawing>, PageError> {
    let indexed: Vec<(i32, &Month)> = months
        .iter()
        .filter_map(|month| Some((month_index(&month.month)?, month)))
        .collect();
    let (Some(first), Some(last)) = (indexed.first(), indexed.last()) else {
        return Ok(None);
    };
    let (first, last) = (first.0, last.0);
    let layout = Layout {
        width: if wide { 740 } else { 360 },
        height: if wide { 280 } else { 260 },
        left: 48,
        right: 26,
        top: 26,
        bottom: 30,
    };
    let highest = months.iter().map(|m| m.interval.high).fold(0.0, f64::max);
    let step = round_step(highest, 5.0).max(0.05);
    let top = ((highest / step).ceil() * step).min(1.0);
    let x = (f64::from(first) - 0.5, f64::from(last) + 0.5);
    draw(layout, x, (0.0, top), |canvas| {
        rates(canvas, x, top, step)?;
        dates(canvas, (first, last), if wide { 9 } else { 4 })?;
        for run in runs(&indexed) {
            band(canvas, run)?;
        }
        overall(canvas, x, months)?;
        for run in runs(&indexed) {
            line(canvas, run, indexed.len() <= DOTTED)?;
        }
        Ok(())
    })
    .map(Some)
}

fn rates(canvas: &Canvas<'_>, x: (f64, f64), top: f64, step: f64) -> Result<(), PageError> {
    let ticks = (top / step + 1e-9).floor() as i32;
    for tick in 0..=ticks {
        let at = f64::from(tick) * step;
        let role = if tick == 0 { Role::Axis } else { Role::Grid };
        canvas.line(&[(x.0, at), (x.1, at)], role, 4)?;
        let label = format!("{:.0} %", at * 100.0);
        canvas.text(&label, (x.0, at), (-6, 0), Anchor::End, Role::Muted)?;
    }
    canvas.text("won", (x.0, top), (-42, -16), Anchor::Start, Role::Ink)
}

fn dates(canvas: &Canvas<'_>, (first, last): (i32, i32), most: i32) -> Result<(), PageError> {
    let step = step(last - first, most);
    let mut month = (first + step - 1) / step * step;
    if month > last {
        month = first;
    }
    while month <= last {
        let (year, name) = (month / 12, NAMES[(month % 12).unsigned_abs() as usize]);
        let label = if step % 12 == 0 {
            year.to_string()
        } else {
            format!("{name} {year}")
        };
        let at = (f64::from(month), 0.0);
        canvas.text(&label, at, (0, 15), Anchor::Middle, Role::Muted)?;
        month += step;
    }
    Ok(())
}

/// Months between two labels.
fn step(span: i32, most: i32) -> i32 {
    [1, 2, 3, 6, 12, 24, 60, 120, 600, 1200]
        .into_iter()
        .find(|step| span / step < most)
        .unwrap_or(12_000)
}

fn overall(canvas: &Canvas<'_>, x: (f64, f64), months: &[Month]) -> Result<(), PageError> {
    let quotes: u64 = months.iter().map(|m| m.quote_count).sum();
    let won: u64 = months.iter().map(|m| m.won_count).sum();
    let rate = won as f64 / quotes.max(1) as f64;
    canvas.line(&[(x.0, rate), (x.1, rate)], Role::Reference, 6)
}

/// Cuts the months where one is missing, so that no line pretends to know it.
fn runs<'a, 'b>(indexed: &'a [(i32, &'b Month)]) -> impl Iterator<Item = &'a [(i32, &'b Month)]> {
    indexed.chunk_by(|a, b| b.0 - a.0 == 1)
}

fn band(canvas: &Canvas<'_>, run: &[(i32, &Month)]) -> Result<(), PageError> {
    let low = run.iter().map(|(at, m)| (f64::from(*at), m.interval.low));
    let high = run.iter().map(|(at, m)| (f64::from(*at), m.interval.high));
    if run.len() == 1 {
        let ends: Vec<(f64, f64)> = low.chain(high).collect();
        return canvas.line(&ends, Role::Accent, 6);
    }
    let outline: Vec<(f64, f64)> = low.chain(high.rev()).collect();
    canvas.area(&outline, Role::Band)
}

fn line(canvas: &Canvas<'_>, run: &[(i32, &Month)], dotted: bool) -> Result<(), PageError> {
    let points: Vec<(f64, f64)> = run
        .iter()
        .map(|(at, month)| (f64::from(*at), month.win_rate))
        .collect();
    if points.len() > 1 {
        canvas.line(&points, Role::Accent, 8)?;
    }
    if dotted || points.len() == 1 {
        for point in points {
            canvas.dot(point, 3, Role::Accent)?;
        }
    }
    Ok(())
}
