//! Excel workbooks since 2007: the values of one sheet, as they were last calculated.
//!
//! Deliberately streams the cells of a sheet instead of taking calamine's ranges: two cells far
//! apart would make a range of gigabytes. Formulas, formats and merged cells are not looked at.

use std::io;

use calamine::{Reader, Xlsx};
use zip::ZipArchive;

use super::archive::{Limited, Seekable};
use super::line::Line;
use super::table::Table;
use super::{FileFormat, Limits, Origin, ReadError, ReadOptions, Sheet, SheetInfo};

/// Rows that decide where the header is and how much a sheet looks like a table.
const SAMPLE_ROWS: usize = 40;

/// Filled rows above the header that may be a title.
const MAX_TITLE_ROWS: usize = 10;

/// Sheets that are looked at.
const MAX_SHEETS: usize = 200;

/// Most shared strings: each costs memory of its own, however short.
const MAX_SHARED_STRINGS: u64 = 5_000_000;

type Book<'a> = Xlsx<io::BufReader<Seekable<'a>>>;

/// Whether a zip archive is a workbook; an error for other documents of offices.
pub(super) fn is_workbook(archive: &ZipArchive<Seekable<'_>>) -> Result<bool, ReadError> {
    let mut found = false;
    for name in archive.file_names_raw() {
        match name {
            b"xl/workbook.xml" => found = true,
            b"xl/workbook.bin" => {
                return Err(ReadError::Unsupported {
                    what: "this is a binary Excel workbook (XLSB), which is not read".to_owned(),
                    advice: "save it as an Excel workbook (XLSX) and upload that",
                });
            }
            b"word/document.xml" => {
                return Err(ReadError::NotTable {
                    looks_like: "a Word document",
                });
            }
            b"ppt/presentation.xml" => {
                return Err(ReadError::NotTable {
                    looks_like: "a PowerPoint presentation",
                });
            }
            b"META-INF/manifest.xml" => {
                return Err(ReadError::Unsupported {
                    what: "this is an OpenDocument file, which is not read".to_owned(),
                    advice: "save it as an Excel workbook (XLSX) or as CSV (UTF-8) and upload that",
                });
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Unpacks every part once into nothing, so that the limits hold before calamine sees it.
pub(super) fn check_size(
    archive: &mut ZipArchive<Seekable<'_>>,
    limits: &Limits,
    packed: u64,
) -> Result<(), ReadError> {
    let limit = limits.expanded_bytes(packed);
    let mut left = limit;
    for index in 0..archive.len() {
        let file = archive.by_index(index).map_err(|e| damaged(&e))?;
        let shared = file.name_raw() == b"xl/sharedStrings.xml";
        if file.size() > left {
            return Err(ReadError::TooLargeExpanded { limit });
        }
        let mut reader = Limited::new(file, left, |limit| ReadError::TooLargeExpanded { limit });
        let mut counting = Counting::default();
        let size = match io::copy(&mut reader, &mut counting) {
            Ok(size) => size,
            Err(error) => {
                return Err(match ReadError::from(error) {
                    ReadError::TooLargeExpanded { .. } => ReadError::TooLargeExpanded { limit },
                    other => damaged(&other),
                });
            }
        };
        if shared && counting.openings > MAX_SHARED_STRINGS * 4 {
            return Err(ReadError::TooLargeExpanded { limit });
        }
        left = left.saturating_sub(size);
    }
    Ok(())
}

/// Counts the tags of XML that is written into it.
#[derive(Default)]
struct Counting {
    openings: u64,
}

impl io::Write for Counting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.openings += bytes.iter().filter(|byte| **byte == b'<').count() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn damaged(error: &dyn std::fmt::Display) -> ReadError {
    ReadError::Damaged {
        what: "the Excel workbook",
        detail: error.to_string(),
    }
}

/// Reads the stated sheet of a workbook, or the one that looks most like a table.
pub(super) fn read(file: Seekable<'_>, options: &ReadOptions) -> Result<Sheet, ReadError> {
    let limits = &options.limits;
    let mut book = Xlsx::new(io::BufReader::new(file)).map_err(|e| damaged(&e))?;
    let mut names = book.sheet_names();
    names.truncate(MAX_SHEETS);
    let mut looks = Vec::with_capacity(names.len());
    for name in &names {
        looks.push(look_at(&mut book, name, limits));
    }
    let best = (0..looks.len())
        .rev()
        .max_by_key(|at| looks.get(*at).map(|look: &Look| look.score));
    let chosen = match &options.sheet {
        Some(wanted) => {
            let wanted_lower = wanted.trim().to_lowercase();
            let found = names
                .iter()
                .position(|n| n.trim().to_lowercase() == wanted_lower);
            found.ok_or_else(|| ReadError::NoSuchSheet {
                wanted: wanted.clone(),
                found: names.clone(),
            })?
        }
        None => best.ok_or(ReadError::Empty)?,
    };
    let (Some(name), Some(look)) = (names.get(chosen), looks.get(chosen)) else {
        return Err(ReadError::Empty);
    };
    let infos = names.iter().zip(&looks).enumerate();
    let mut origin = Origin::of(FileFormat::Xlsx);
    origin.sheets = infos
        .map(|(at, (name, look))| SheetInfo {
            name: name.clone(),
            rows: look.rows,
            columns: look.columns,
            suggested: Some(at) == best,
        })
        .collect();
    origin.sheet.clone_from(name);
    origin.skipped_rows = u32::try_from(look.title_rows).unwrap_or(u32::MAX);
    read_sheet(&mut book, name, look.title_rows, origin, limits)
}

/// The filled rows of a sheet one by one; `each` says whether to go on.
fn rows(
    book: &mut Book<'_>,
    name: &str,
    limits: &Limits,
    mut each: impl FnMut(u32, &Line) -> Result<bool, ReadError>,
) -> Result<(u32, u32), ReadError> {
    let mut reader = book.worksheet_cells_reader(name).map_err(|e| damaged(&e))?;
    let end = reader.dimensions().end;
    let mut line = Line::default();
    let mut row = None;
    while let Some(cell) = reader.next_cell().map_err(|e| damaged(&e))? {
        let (at, column) = cell.get_position();
        if row != Some(at) {
            if let Some(number) = row.filter(|_| !line.is_empty()) {
                if at < number {
                    return Err(damaged(&"its rows are not in order"));
                }
                if !each(number, &line)? {
                    return Ok(end);
                }
            }
            row = Some(at);
            line.clear();
        }
        line.push(column as usize, cell.get_value(), limits)?;
    }
    if let Some(number) = row.filter(|_| !line.is_empty()) {
        each(number, &line)?;
    }
    Ok(end)
}

/// What a sheet looks like by its first rows.
#[derive(Debug, Default)]
struct Look {
    rows: u32,
    columns: u32,
    title_rows: usize,
    /// The larger, the more like a table: whether there are rows under names, and how many cells.
    score: (bool, u64),
}

fn look_at(book: &mut Book<'_>, name: &str, limits: &Limits) -> Look {
    let mut sample: Vec<Line> = Vec::new();
    let mut last = 0;
    // A sheet that cannot be read (a chart, or too wide) is no table; read later it says why.
    let Ok(end) = rows(book, name, limits, |number, line| {
        if line.filled().0 > 0 {
            sample.push(line.clone());
            last = number;
        }
        Ok(sample.len() < SAMPLE_ROWS)
    }) else {
        return Look::default();
    };
    let title_rows = title_rows(&sample);
    let width = sample.iter().map(|line| line.filled().0).max().unwrap_or(0);
    let named = sample.get(title_rows).map_or((0, false), Line::filled);
    let columns = u32::try_from(width).unwrap_or(u32::MAX);
    let rows = if sample.is_empty() {
        0
    } else {
        last.max(end.0).saturating_add(1)
    };
    let is_table = sample.len() >= title_rows + 2 && named.0 >= 2 && named.1;
    Look {
        rows,
        columns,
        title_rows,
        score: (is_table, u64::from(rows) * u64::from(columns)),
    }
}

/// How many filled rows stand above the header: those that are plainly narrower than the table.
fn title_rows(sample: &[Line]) -> usize {
    let width = sample.iter().map(|line| line.filled().0).max().unwrap_or(0);
    if width < 3 {
        return 0;
    }
    let header = sample
        .iter()
        .take(MAX_TITLE_ROWS + 1)
        .position(|line| line.filled().0 * 5 >= width * 3);
    match header {
        Some(at) if sample.get(at).is_some_and(|line| line.filled().1) => at,
        _ => 0,
    }
}

fn read_sheet(
    book: &mut Book<'_>,
    name: &str,
    title_rows: usize,
    origin: Origin,
    limits: &Limits,
) -> Result<Sheet, ReadError> {
    let mut table: Option<Table<'_>> = None;
    let mut skipped = 0;
    rows(book, name, limits, |row, line| {
        let number = row.saturating_add(1);
        if let Some(table) = &mut table {
            table.push(number, line.cells(), line.natives())?;
        } else if line.filled().0 == 0 {
            return Ok(true);
        } else if skipped < title_rows {
            skipped += 1;
        } else {
            table = Some(Table::new(number, line.cells(), limits)?.with_short_rows());
        }
        Ok(true)
    })?;
    table.ok_or(ReadError::Empty)?.finish(origin)
}
