//! The tables of a document as CSV and as a workbook: numbers as numbers, and no text that a spreadsheet takes for a formula.
//!
//! Deliberately without charts, which a spreadsheet draws better itself.

use std::borrow::Cow;

use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};

use super::PageError;
use super::document::{Cell, Column, Document, Table, Unit};

/// Letters that a sheet's name may have.
const SHEET_NAME: usize = 31;

/// A text that no spreadsheet takes for a formula: what begins like one has an apostrophe before it.
fn escaped(text: &str) -> Cow<'_, str> {
    let begins = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    if text.trim_start_matches('\'').starts_with(begins) {
        format!("'{text}").into()
    } else {
        text.into()
    }
}

/// The headers of a table; a range has two.
fn heads(table: &Table) -> Vec<String> {
    let columns = table.columns.iter();
    columns
        .flat_map(|column| match column.range {
            true => vec![
                format!("{} from", column.name),
                format!("{} to", column.name),
            ],
            false => vec![column.name.to_owned()],
        })
        .collect()
}

/// A cell as the cells of a spreadsheet: two for a range.
fn cells(column: &Column, cell: &Cell) -> Vec<Cell> {
    match cell {
        Cell::Range(low, high) => vec![Cell::Number(*low), Cell::Number(*high)],
        other if column.range => vec![other.clone(), Cell::Missing],
        other => vec![other.clone()],
    }
}

/// The sentences and tables as CSV, one below the other, each under its name; shares are fractions, and numbers have all their
/// digits.
///
/// # Errors
/// When a row cannot be written.
pub fn csv(document: &Document) -> Result<Vec<u8>, PageError> {
    let mut out = csv::WriterBuilder::new()
        .flexible(true)
        .terminator(csv::Terminator::CRLF)
        .from_writer("\u{feff}".as_bytes().to_vec());
    let failed = |error: csv::Error| PageError::File(error.to_string());
    out.write_record([escaped(&document.title).as_ref()])
        .map_err(failed)?;
    for insight in &document.insights {
        out.write_record([escaped(&insight.text).as_ref()])
            .map_err(failed)?;
    }
    for table in document.sections.iter().flat_map(|part| &part.tables) {
        out.write_record([""]).map_err(failed)?;
        out.write_record([escaped(&table.caption).as_ref()])
            .map_err(failed)?;
        out.write_record(heads(table)).map_err(failed)?;
        for row in &table.rows {
            let row = table.columns.iter().zip(row);
            let texts = row.flat_map(|(column, cell)| cells(column, cell));
            let texts: Vec<String> = texts
                .map(|cell| match cell {
                    Cell::Text(text) => escaped(&text).into_owned(),
                    Cell::Number(number) => number.to_string(),
                    Cell::Range(..) | Cell::Missing => String::new(),
                })
                .collect();
            out.write_record(texts).map_err(failed)?;
        }
    }
    out.into_inner()
        .map_err(|error| PageError::File(error.to_string()))
}

/// The sentences and tables as a workbook, a sheet each.
///
/// # Errors
/// When the workbook cannot be written.
pub fn xlsx(document: &Document) -> Result<Vec<u8>, PageError> {
    workbook(document).map_err(|error| PageError::File(error.to_string()))
}

fn workbook(document: &Document) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let bold = Format::new().set_bold();
    let wrapped = Format::new().set_text_wrap();
    let first = book.add_worksheet();
    first.set_name("Summary")?;
    first.set_column_width(0, 110)?;
    first.write_string_with_format(0, 0, escaped(&document.title), &bold)?;
    for (row, insight) in (2..).zip(&document.insights) {
        first.write_string_with_format(row, 0, escaped(&insight.text), &wrapped)?;
    }
    let tables = document.sections.iter().flat_map(|part| &part.tables);
    for (number, table) in (1_usize..).zip(tables) {
        let sheet = book.add_worksheet();
        sheet.set_name(sheet_name(number, &table.caption))?;
        fill(sheet, table, &bold)?;
    }
    book.save_to_buffer()
}

fn fill(sheet: &mut Worksheet, table: &Table, bold: &Format) -> Result<(), XlsxError> {
    for (at, head) in (0..).zip(heads(table)) {
        sheet.write_string_with_format(0, at, escaped(&head), bold)?;
        sheet.set_column_width(at, if at == 0 { 28 } else { 16 })?;
    }
    sheet.set_freeze_panes(1, 0)?;
    for (line, row) in (1..).zip(&table.rows) {
        let of = table.columns.iter().zip(row);
        let of = of.flat_map(|(column, cell)| {
            let cells = cells(column, cell);
            cells.into_iter().map(|cell| (column.unit, cell))
        });
        for (at, (unit, cell)) in (0..).zip(of) {
            match cell {
                Cell::Text(text) => sheet.write_string(line, at, escaped(&text))?,
                Cell::Number(number) => {
                    let format = Format::new().set_num_format(number_format(unit));
                    sheet.write_number_with_format(line, at, number, &format)?
                }
                Cell::Range(..) | Cell::Missing => sheet,
            };
        }
    }
    Ok(())
}

fn number_format(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "#,##0",
        Unit::Decimal => "#,##0.0",
        Unit::Percent | Unit::Points => "0.0%",
        Unit::Money => "#,##0.00",
        Unit::Text | Unit::Score | Unit::Probability => "0.000",
    }
}

/// A name that a sheet may have, and no other sheet has.
fn sheet_name(number: usize, caption: &str) -> String {
    let allowed = |c: &char| !matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\' | '\'');
    let name: String = caption.chars().filter(allowed).collect();
    format!("{number} {name}")
        .chars()
        .take(SHEET_NAME)
        .collect::<String>()
        .trim()
        .to_owned()
}
