//! What would come of a file, for looking at before anything is kept.
//!
//! Deliberately without a judgement of its own on rows; the rules are [`mod@crate::validate`]'s. How
//! many quotes would be created or updated only the store knows.

mod claim;
mod columns;
mod sum;

pub use claim::{Claim, Tier};
pub use columns::ColumnPreview;

use crate::cell::{self, CellValue, date_of};
use crate::errors_file::is_report_column;
use crate::mapping::{Field, Mapping};
use crate::profile::Profile;
use crate::sheet::Sheet;
use crate::validate::{Month, Validated, reading};

/// How many rows are shown as they are read.
pub const FIRST_ROWS: usize = 20;

/// What would come of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// Data rows in the file, without the empty ones.
    pub row_count: u32,
    /// Columns in the file.
    pub column_count: u32,
    /// Rows that would be accepted: all that break no rule, or none where the file is refused.
    pub accepted_rows: u32,
    /// Rows that would be refused: those that break a rule, or all where the file is refused.
    pub refused_rows: u32,
    /// Rows without a problem that were won.
    pub won: u32,
    /// Rows without a problem that were lost.
    pub lost: u32,
    /// Rows without a problem that are not decided.
    pub open: u32,
    /// Rows that repeat an earlier row cell by cell.
    pub repeated_rows: u32,
    /// Rows whose identifier (and revision) an earlier, different row has.
    pub repeated_ids: u64,
    /// Won, lost and open by month; empty without dates.
    pub months: Vec<Month>,
    /// What a model of these rows could claim.
    pub claim: Claim,
    /// One entry per column of the file, in its order.
    pub columns: Vec<ColumnPreview>,
    /// The first [`FIRST_ROWS`] rows.
    pub first_rows: Vec<RowPreview>,
}

/// A row as it stands and as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowPreview {
    /// Row in the file, as a spreadsheet numbers it.
    pub row: u32,
    /// One entry per column of the file; personal ones are empty.
    pub cells: Vec<CellPreview>,
}

/// A cell as it stands and as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellPreview {
    /// The text of the file, at most [`MAX_TEXT_CHARS`] characters.
    pub raw: String,
    /// Numbers with a decimal point, dates as `YYYY-MM-DD`, other text trimmed; `None` where
    /// missing or unreadable.
    pub value: Option<String>,
    /// Whether something stands there that the column's kind does not read.
    pub is_unreadable: bool,
}

/// Longest text that a preview repeats, in characters.
pub const MAX_TEXT_CHARS: usize = 200;

/// Looks at a file that has been read, mapped and validated.
pub fn preview(
    sheet: &Sheet,
    profiles: &[Profile],
    mapping: &Mapping,
    validated: &Validated,
) -> Preview {
    let report = &validated.report;
    let accepted = validated.frame.as_ref().map_or(0, |frame| frame.len());
    let accepted_rows = u32::try_from(accepted).unwrap_or(u32::MAX);
    let repeated_ids = report
        .totals
        .iter()
        .find(|total| total.0 == "quote_id_unique");
    Preview {
        row_count: report.row_count,
        column_count: report.column_count,
        accepted_rows,
        refused_rows: if validated.frame.is_some() {
            report.bad_rows
        } else {
            report.row_count
        },
        won: report.won,
        lost: report.lost,
        open: report.open_rows,
        repeated_rows: report.repeated_rows,
        repeated_ids: repeated_ids.map_or(0, |total| total.1),
        months: report.months.clone(),
        claim: Claim::of(report.won, report.lost),
        columns: columns::all(sheet, profiles, mapping),
        first_rows: (0..sheet.row_count().min(FIRST_ROWS))
            .map(|row| row_preview(sheet, profiles, mapping, row))
            .collect(),
    }
}

fn row_preview(sheet: &Sheet, profiles: &[Profile], mapping: &Mapping, row: usize) -> RowPreview {
    let cells = (0..sheet.headers.len()).map(|column| {
        if is_hidden(mapping, column) {
            return CellPreview {
                raw: String::new(),
                value: None,
                is_unreadable: false,
            };
        }
        let raw = sheet.cell(row, column);
        let (kind, format) = reading(mapping, profiles, column);
        let read = cell::read(raw, kind, &format);
        CellPreview {
            raw: shortened(raw),
            value: shown(&read),
            is_unreadable: matches!(read, CellValue::Unreadable(_)),
        }
    });
    RowPreview {
        row: sheet.row_numbers.get(row).copied().unwrap_or(0),
        cells: cells.collect(),
    }
}

/// Whether the values of a column are kept from reports.
fn is_hidden(mapping: &Mapping, column: usize) -> bool {
    let mapped = mapping.columns.get(column);
    mapped.is_some_and(|mapped| mapped.field == Field::Personal || is_report_column(&mapped.name))
}

fn shown(value: &CellValue<'_>) -> Option<String> {
    match value {
        CellValue::Number(number) => Some(number.to_string()),
        CellValue::Day(day) => date_of(*day).map(|date| date.to_string()),
        CellValue::Category(word) => Some(shortened(word)),
        CellValue::Missing | CellValue::Unreadable(_) => None,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(MAX_TEXT_CHARS).collect()
}
