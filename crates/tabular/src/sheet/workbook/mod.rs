//! Excel workbooks: which sheet is read, and where its table is.
//!
//! Deliberately the same for both formats; how cells come out of them is in `xlsx` and `xls`.

mod biff;
mod compound;
pub(super) mod xls;
pub(super) mod xlsx;

use super::aside::is_drawn;
use super::layout::{Header, Intake, Layout, SAMPLE_ROWS};
use super::line::Line;
use super::{FileFormat, Limits, Origin, ReadError, ReadOptions, Sheet, SheetInfo};

/// Sheets that are looked at.
const MAX_SHEETS: usize = 200;

/// A workbook that gives its cells row by row.
trait Book {
    /// Name of each sheet, and whether it is not hidden.
    fn sheets(&self) -> Vec<(String, bool)>;

    /// The filled rows of a sheet (from 0) one by one, with their number from 0; `each` says whether
    /// to go on. Answers the number of the last row, as far as the workbook tells.
    fn rows(
        &mut self,
        sheet: usize,
        limits: &Limits,
        each: &mut dyn FnMut(u32, &Line) -> Result<bool, ReadError>,
    ) -> Result<u32, ReadError>;
}

fn damaged(error: &dyn std::fmt::Display) -> ReadError {
    ReadError::Damaged {
        what: "the Excel workbook",
        detail: error.to_string(),
    }
}

fn protected() -> ReadError {
    ReadError::Unsupported {
        what: "the Excel workbook is protected by a password".to_owned(),
        advice: "save it without one, or as CSV (UTF-8), and upload that",
    }
}

/// Reads the stated sheet, or the one that looks most like a table; a hidden one only where no other
/// does.
fn choose_and_read(
    book: &mut dyn Book,
    format: FileFormat,
    options: &ReadOptions,
) -> Result<Sheet, ReadError> {
    let limits = &options.limits;
    let mut sheets = book.sheets();
    sheets.truncate(MAX_SHEETS);
    let mut looks = Vec::with_capacity(sheets.len());
    for (at, (_, is_visible)) in sheets.iter().enumerate() {
        looks.push(look_at(book, at, *is_visible, options));
    }
    let best = (0..looks.len())
        .rev()
        .max_by_key(|at| looks.get(*at).map(|look: &Look| look.score));
    let chosen = match &options.sheet {
        Some(wanted) => {
            let name = wanted.trim().to_lowercase();
            let found = sheets
                .iter()
                .position(|(n, _)| n.trim().to_lowercase() == name);
            found.ok_or_else(|| ReadError::NoSuchSheet {
                wanted: wanted.clone(),
                found: sheets.iter().map(|(name, _)| name.clone()).collect(),
            })?
        }
        None => best.ok_or(ReadError::Empty)?,
    };
    let (Some((name, _)), Some(look)) = (sheets.get(chosen), looks.get(chosen)) else {
        return Err(ReadError::Empty);
    };
    let mut origin = Origin::of(format);
    origin.sheets = sheets
        .iter()
        .zip(&looks)
        .enumerate()
        .map(|(at, ((name, _), look))| SheetInfo {
            name: name.clone(),
            rows: look.rows,
            columns: look.columns,
            suggested: Some(at) == best,
        })
        .collect();
    origin.sheet.clone_from(name);
    let mut intake = Intake::new(look.layout, limits, true);
    book.rows(chosen, limits, &mut |row, line| {
        intake.push(row.saturating_add(1), line.cells(), line.natives())?;
        Ok(true)
    })?;
    intake.finish(origin)
}

/// What a sheet looks like by its first rows.
#[derive(Debug)]
struct Look {
    rows: u32,
    columns: u32,
    layout: Layout,
    /// The larger, the more like a table: whether there are rows under names, whether it is not
    /// hidden, and how many cells.
    score: (bool, bool, u64),
}

fn look_at(book: &mut dyn Book, sheet: usize, is_visible: bool, options: &ReadOptions) -> Look {
    let mut sample: Vec<Line> = Vec::new();
    let mut last = 0;
    // A sheet that cannot be read (a chart, or too wide) is no table; read later it says why.
    let end = book.rows(sheet, &options.limits, &mut |number, line| {
        if line.filled().0 > 0 && !is_drawn(line.cells()) {
            sample.push(line.clone());
            last = number;
        }
        Ok(sample.len() < SAMPLE_ROWS)
    });
    let layout = Layout::of(&sample, options.header_row);
    let Ok(end) = end else {
        return Look {
            rows: 0,
            columns: 0,
            layout,
            score: (false, is_visible, 0),
        };
    };
    let width = sample.iter().map(|line| line.filled().0).max().unwrap_or(0);
    let columns = u32::try_from(width).unwrap_or(u32::MAX);
    let rows = if sample.is_empty() {
        0
    } else {
        last.max(end).saturating_add(1)
    };
    let is_table = match layout.header {
        Header::Behind(above) => {
            let names = sample.get(above).map_or(0, |line| line.filled().0);
            sample.len() >= above + 2 && names >= 2
        }
        _ => false,
    };
    Look {
        rows,
        columns,
        layout,
        score: (is_table, is_visible, u64::from(rows) * u64::from(columns)),
    }
}
