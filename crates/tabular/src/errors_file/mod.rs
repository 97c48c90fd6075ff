//! The bad rows of a file as a file of their own, to mend and upload again.
//!
//! The rows stand as they stood, in the file's columns, with two columns in front that say where
//! each came from and what is wrong. Reading leaves those two out again ([`is_report_column`]).
//! Deliberately without formulas: whatever a cell holds, a spreadsheet shows it as text.

mod csv;
mod xlsx;

use std::io;

pub use self::csv::csv;
pub use xlsx::{MAX_XLSX_CELLS, MAX_XLSX_ROWS, xlsx};

use crate::cell::{Decimal, NumberFormat, is_missing, parse_number};
use crate::sheet::Sheet;
use crate::validate::BadRow;

/// Header of the column that holds the row's number in the file it came from.
pub const ROW_HEADER: &str = "ValutAI row";

/// Header of the column that says what is wrong.
pub const PROBLEM_HEADER: &str = "ValutAI problem";

/// Why no file of errors could be made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The bytes could not be written.
    #[error("the file of errors cannot be written: {0}")]
    Io(#[from] io::Error),
    /// No workbook could be made of the rows.
    #[error("no workbook can be made of the bad rows ({0}): fetch them as CSV")]
    Workbook(String),
}

/// Whether a column is one of the two that an errors file adds, whatever the case and white space.
pub fn is_report_column(header: &str) -> bool {
    let header = header.trim();
    header.eq_ignore_ascii_case(ROW_HEADER) || header.eq_ignore_ascii_case(PROBLEM_HEADER)
}

/// A cell as it stood before [`csv()`] put an apostrophe in front of it; any other as it is.
///
/// For the cells of a file that has a report column ([`is_report_column`]), and only those.
pub fn unescape(cell: &str) -> &str {
    match cell.strip_prefix('\'') {
        Some(rest) if begins_formula(rest.trim_start_matches('\'')) => rest,
        _ => cell,
    }
}

/// A cell that no spreadsheet takes for a formula. Numbers such as `-5`, `+3.2` or `(4.00)` and
/// dashes for nothing stay as they are, so that they are the same when read again.
fn escape(cell: &str) -> std::borrow::Cow<'_, str> {
    let inner = cell.trim_start_matches('\'');
    if !begins_formula(inner) {
        return cell.into();
    }
    let is_number = |decimal| parse_number(cell, &NumberFormat { decimal }).is_some();
    let harmless = is_missing(cell) || is_number(Decimal::Point) || is_number(Decimal::Comma);
    // Control characters in front are dangerous whatever follows them.
    if harmless && !cell.starts_with(['\t', '\r', '\n']) {
        return cell.into();
    }
    format!("'{cell}").into()
}

/// A cell that [`unescape`] gives back as it stands; workbooks know texts from formulas, so only
/// what would lose an apostrophe gets one more.
fn guarded(cell: &str) -> std::borrow::Cow<'_, str> {
    if unescape(cell).len() == cell.len() {
        cell.into()
    } else {
        format!("'{cell}").into()
    }
}

/// Whether a spreadsheet may take a text for a formula, by its first character; the wide forms
/// are those of East Asian keyboards.
fn begins_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

/// Columns of the sheet that go into the file; those of an earlier errors file do not.
fn columns(sheet: &Sheet) -> Vec<usize> {
    let headers = sheet.headers.iter().enumerate();
    headers
        .filter(|(_, header)| !is_report_column(header))
        .map(|(column, _)| column)
        .collect()
}

/// Everything that is wrong with a row, in one text.
fn sentences(sheet: &Sheet, row: &BadRow<'_>) -> String {
    let one =
        |(column, sentence, fix): (Option<usize>, &crate::validate::Sentence, Option<&str>)| {
            let header = column.and_then(|column| sheet.headers.get(column));
            let place = header.map_or_else(String::new, |header| format!("{header}: "));
            let fix = fix.map_or_else(String::new, |fix| format!(" (probably {fix})"));
            format!("{place}{}{fix}; {}", sentence.message, sentence.suggestion)
        };
    let all: Vec<String> = row.findings().map(one).collect();
    all.join(" | ")
}

/// The row's number in the file, as a spreadsheet numbers it.
fn file_row(sheet: &Sheet, row: &BadRow<'_>) -> u32 {
    sheet.row_numbers.get(row.index).copied().unwrap_or(0)
}
