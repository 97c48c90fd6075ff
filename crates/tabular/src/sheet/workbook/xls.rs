//! Excel workbooks before 2007, read by calamine from a copy that was made harmless.
//!
//! Deliberately whole in memory: such a workbook has at most 65,536 rows and 256 columns.

use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{Data, DataRef, Reader, SheetVisible, Xls};

use super::super::archive::Content;
use super::super::line::Line;
use super::super::{FileFormat, Limits, ReadError, ReadOptions, Sheet, Source};
use super::compound::{Compound, with_one_stream};
use super::{Book, biff, damaged, protected};

/// A sheet with its cells.
struct Table {
    name: String,
    is_visible: bool,
    cells: calamine::Range<Data>,
    /// Row in the sheet of each row of the cells, which have no gaps.
    rows: Vec<u32>,
}

struct Tables(Vec<Table>);

/// Reads a compound file as a workbook; other documents are refused by their streams.
pub(in super::super) fn read(
    source: &dyn Source,
    options: &ReadOptions,
) -> Result<Sheet, ReadError> {
    let limits = &options.limits;
    let mut bytes = Vec::new();
    Content::plain(source, limits)
        .open()?
        .read_to_end(&mut bytes)?;
    let mut stream = workbook_stream(&bytes)?;
    let packed = bytes.len() as u64;
    drop(bytes);
    let tamed = biff::tame(&mut stream, limits, packed)?;
    let file = with_one_stream("Workbook", stream).ok_or_else(|| ReadError::TooLargeExpanded {
        limit: limits.expanded_bytes(packed),
    })?;
    // calamine indexes into records that are too short; nothing of it outlives the call.
    let tables = catch_unwind(AssertUnwindSafe(|| tables(file, tamed)))
        .unwrap_or_else(|_| Err(damaged(&"its records contradict each other")))?;
    super::choose_and_read(&mut Tables(tables), FileFormat::Xls, options)
}

fn workbook_stream(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let file = Compound::open(bytes)?;
    for name in ["Workbook", "Book"] {
        if let Some(stream) = file.stream(name)? {
            return Ok(stream);
        }
    }
    for (name, looks_like) in [
        ("WordDocument", "an old Word document"),
        ("PowerPoint Document", "an old PowerPoint presentation"),
        ("__properties_version1.0", "an e-mail of Outlook"),
    ] {
        if file.has(name) {
            return Err(ReadError::NotTable { looks_like });
        }
    }
    if file.has("EncryptedPackage") {
        return Err(protected());
    }
    Err(ReadError::NotTable {
        looks_like: "an old document (a compound file without a workbook)",
    })
}

fn tables(file: Vec<u8>, tamed: Vec<biff::Tamed>) -> Result<Vec<Table>, ReadError> {
    let mut book = Xls::new(Cursor::new(file)).map_err(|e| damaged(&e))?;
    let sheets = book.sheets_metadata().to_vec();
    if sheets.len() != tamed.len() {
        return Err(damaged(&"its sheets cannot be told apart"));
    }
    let table = |(sheet, tamed): (calamine::Sheet, biff::Tamed)| {
        Ok(Table {
            is_visible: sheet.visible == SheetVisible::Visible,
            cells: book.worksheet_range(&sheet.name).map_err(|e| damaged(&e))?,
            name: sheet.name,
            rows: tamed.rows,
        })
    };
    sheets.into_iter().zip(tamed).map(table).collect()
}

impl Book for Tables {
    fn sheets(&self) -> Vec<(String, bool)> {
        let tables = self.0.iter();
        tables
            .map(|table| (table.name.clone(), table.is_visible))
            .collect()
    }

    fn rows(
        &mut self,
        sheet: usize,
        limits: &Limits,
        each: &mut dyn FnMut(u32, &Line) -> Result<bool, ReadError>,
    ) -> Result<u32, ReadError> {
        let Some(table) = self.0.get(sheet) else {
            return Ok(0);
        };
        let (first_row, first_column) = table.cells.start().unwrap_or_default();
        let mut line = Line::default();
        for (at, cells) in (first_row as usize..).zip(table.cells.rows()) {
            line.clear();
            for (column, value) in (first_column as usize..).zip(cells) {
                line.push(column, &borrowed(value), limits)?;
            }
            let row = table.rows.get(at).copied().unwrap_or(u32::MAX);
            if !line.is_empty() && !each(row, &line)? {
                break;
            }
        }
        Ok(table.rows.last().copied().unwrap_or(0))
    }
}

fn borrowed(value: &Data) -> DataRef<'_> {
    match value {
        Data::Int(number) => DataRef::Int(*number),
        Data::Float(number) => DataRef::Float(*number),
        Data::String(text) => DataRef::SharedString(text),
        Data::Bool(truth) => DataRef::Bool(*truth),
        Data::DateTime(moment) => DataRef::DateTime(*moment),
        Data::DateTimeIso(text) => DataRef::DateTimeIso(text.clone()),
        Data::DurationIso(text) => DataRef::DurationIso(text.clone()),
        Data::Error(error) => DataRef::Error(error.clone()),
        Data::Empty => DataRef::Empty,
    }
}

#[cfg(test)]
#[path = "xls_tests.rs"]
mod tests;
