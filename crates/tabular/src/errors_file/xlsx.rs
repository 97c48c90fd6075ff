//! Bad rows as a workbook with the wrong cells marked.
//!
//! Deliberately bounded: a workbook is built in memory, and nobody mends more rows by hand. The CSV
//! holds them all.

use rust_xlsxwriter::{Color, Format, Note, Workbook, Worksheet, XlsxError};

use super::{PROBLEM_HEADER, ROW_HEADER, WriteError, columns, file_row, guarded, sentences};
use crate::sheet::Sheet;
use crate::validate::{BadRow, BadRows};

/// Most rows of a workbook.
pub const MAX_XLSX_ROWS: usize = 10_000;

/// Most cells of a workbook; a file of many columns gets fewer rows.
pub const MAX_XLSX_CELLS: usize = 500_000;

/// Longest text that the format allows in a cell, in UTF-16 units.
const MAX_CELL_UNITS: usize = 32_767;

/// Longest text of a note, well below what the format allows.
const MAX_NOTE_CHARS: usize = 1_000;

/// Most columns that the format allows, less the two in front.
const MAX_COLUMNS: usize = 16_382;

/// The first [`MAX_XLSX_ROWS`] bad rows as a workbook: cells are text, never formulas; wrong cells
/// are filled and carry a note that says what is wrong and how it should probably read.
///
/// # Errors
/// Where the workbook cannot be made.
pub fn xlsx(sheet: &Sheet, bad_rows: &BadRows) -> Result<Vec<u8>, WriteError> {
    workbook(sheet, bad_rows).map_err(|error| WriteError::Workbook(error.to_string()))
}

fn workbook(sheet: &Sheet, bad_rows: &BadRows) -> Result<Vec<u8>, XlsxError> {
    let bold = Format::new().set_bold();
    let wrong = Format::new().set_background_color(Color::RGB(0x00FF_C7CE));
    let mut columns = columns(sheet);
    columns.truncate(MAX_COLUMNS);
    let rows = (MAX_XLSX_CELLS / (columns.len() + 2)).clamp(1, MAX_XLSX_ROWS);
    let mut book = Workbook::new();
    let page = book.add_worksheet();
    page.set_name("Rows to mend")?;
    page.set_freeze_panes(1, 0)?;
    page.set_column_width(1, 60)?;
    page.write_string_with_format(0, 0, ROW_HEADER, &bold)?;
    page.write_string_with_format(0, 1, PROBLEM_HEADER, &bold)?;
    for (at, column) in (2..).zip(&columns) {
        let header = guarded(sheet.headers.get(*column).map_or("", String::as_str));
        page.write_string_with_format(0, at, shortened(&header), &bold)?;
    }
    for (line, row) in (1..).zip(bad_rows.iter().take(rows)) {
        write_row(page, line, sheet, &columns, &row, &wrong)?;
    }
    book.save_to_buffer()
}

fn write_row(
    page: &mut Worksheet,
    line: u32,
    sheet: &Sheet,
    columns: &[usize],
    row: &BadRow<'_>,
    wrong: &Format,
) -> Result<(), XlsxError> {
    page.write_string(line, 0, file_row(sheet, row).to_string())?;
    page.write_string(line, 1, shortened(&sentences(sheet, row)))?;
    for (at, column) in (2..).zip(columns) {
        let text = guarded(sheet.cell(row.index, *column));
        let text = shortened(&text);
        let note = note(row, *column);
        if note.is_empty() {
            if !text.is_empty() {
                page.write_string(line, at, text)?;
            }
            continue;
        }
        if text.is_empty() {
            page.write_blank(line, at, wrong)?;
        } else {
            page.write_string_with_format(line, at, text, wrong)?;
        }
        let note: String = note.chars().take(MAX_NOTE_CHARS).collect();
        page.insert_note(line, at, &Note::new(note).add_author_prefix(false))?;
    }
    Ok(())
}

/// What is wrong with one cell of a row; empty where nothing is.
fn note(row: &BadRow<'_>, wanted: usize) -> String {
    let here = row.findings().filter(|found| found.0 == Some(wanted));
    let lines: Vec<String> = here
        .map(|(_, sentence, fix)| {
            let fix = fix.map_or_else(String::new, |fix| format!("\nProbably: {fix}"));
            format!("{}\n{}{fix}", sentence.message, sentence.suggestion)
        })
        .collect();
    lines.join("\n")
}

/// A text that fits into a cell.
fn shortened(text: &str) -> &str {
    if text.len() <= MAX_CELL_UNITS {
        return text;
    }
    let mut units = 0;
    let end = text.char_indices().find(|(_, character)| {
        units += character.len_utf16();
        units > MAX_CELL_UNITS
    });
    end.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}
