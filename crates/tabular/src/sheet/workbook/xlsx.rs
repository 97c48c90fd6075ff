//! Excel workbooks since 2007: the cells of a sheet as a stream, as they were last calculated.
//!
//! Deliberately streams instead of taking calamine's ranges: two cells far apart would make a range
//! of gigabytes. Formulas, formats and merged cells are not looked at.

use std::io;

use calamine::{Reader, SheetVisible, Xlsx};
use zip::ZipArchive;

use super::super::archive::{Limited, Seekable};
use super::super::line::Line;
use super::super::{FileFormat, Limits, ReadError, ReadOptions, Sheet};
use super::{Book, damaged};

/// Most shared strings: each costs memory of its own, however short.
const MAX_SHARED_STRINGS: u64 = 5_000_000;

/// Whether a zip archive is a workbook; an error for other documents of offices.
pub(in super::super) fn is_workbook(archive: &ZipArchive<Seekable<'_>>) -> Result<bool, ReadError> {
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
pub(in super::super) fn check_size(
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

/// Reads the stated sheet of a workbook, or the one that looks most like a table.
pub(in super::super) fn read(
    file: Seekable<'_>,
    options: &ReadOptions,
) -> Result<Sheet, ReadError> {
    let book = Xlsx::new(io::BufReader::new(file)).map_err(|e| damaged(&e))?;
    super::choose_and_read(&mut Stream(book), FileFormat::Xlsx, options)
}

struct Stream<'a>(Xlsx<io::BufReader<Seekable<'a>>>);

impl Book for Stream<'_> {
    fn sheets(&self) -> Vec<(String, bool)> {
        let sheets = self.0.sheets_metadata().iter();
        sheets
            .map(|sheet| (sheet.name.clone(), sheet.visible == SheetVisible::Visible))
            .collect()
    }

    fn rows(
        &mut self,
        sheet: usize,
        limits: &Limits,
        each: &mut dyn FnMut(u32, &Line) -> Result<bool, ReadError>,
    ) -> Result<u32, ReadError> {
        let Some(name) = self
            .0
            .sheets_metadata()
            .get(sheet)
            .map(|sheet| sheet.name.clone())
        else {
            return Ok(0);
        };
        let mut reader = self
            .0
            .worksheet_cells_reader(&name)
            .map_err(|e| damaged(&e))?;
        let end = reader.dimensions().end.0;
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
}
