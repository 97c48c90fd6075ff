//! A file as rows and columns of text, and nothing more.
//!
//! Deliberately ignorant of what cells mean (see [`crate::cell`]) and of file names: format,
//! archive and encoding are found from the content.

mod archive;
mod column;
mod decode;
mod dos;
mod error;
mod evidence;
mod limits;
mod line;
mod origin;
mod parquet;
mod read;
mod records;
mod sniff;
mod survey;
mod table;
mod workbook;

use std::io::{self, Read};

pub use column::Column;
pub use error::{EncodingCandidate, ReadError};
pub use limits::{Limits, ReadOptions};
pub use origin::{Archive, FileFormat, Origin, SheetInfo};
pub use read::read;

/// A row that has more or fewer cells than the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnevenRow {
    /// Row in the file, the header being row 1.
    pub row: u32,
    /// Cells in the header.
    pub expected: usize,
    /// Cells in the row.
    pub found: usize,
}

/// What a file itself says of a column's values, besides their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Native {
    /// Nothing: the values are text, whatever they look like.
    #[default]
    Text,
    /// Every filled cell is a number, written with a decimal point and without groups.
    Numbers,
    /// Every filled cell is a date, written as `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS`.
    Dates,
    /// Every filled cell is `true` or `false`.
    Booleans,
}

/// Where the bytes of a file come from. Reading takes several passes, so it is opened several times.
pub trait Source {
    /// The bytes from the beginning.
    ///
    /// # Errors
    /// Where they cannot be had.
    fn open(&self) -> io::Result<Box<dyn Read + '_>>;

    /// Size of the file in bytes.
    fn size_bytes(&self) -> u64;
}

impl Source for [u8] {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self))
    }

    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }
}

impl Source for &[u8] {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(*self))
    }

    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }
}

impl Source for Vec<u8> {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(self.as_slice()))
    }

    fn size_bytes(&self) -> u64 {
        self.len() as u64
    }
}

/// A file as headers and columns of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Names of the columns, trimmed; different from each other even when case is ignored.
    pub headers: Vec<String>,
    /// The columns, as many as headers.
    pub columns: Vec<Column>,
    /// Row in the file of each data row, ascending; the header is row 1 and empty lines count.
    pub row_numbers: Vec<u32>,
    /// What it was read from.
    pub origin: Origin,
    /// Rows with too few or too many cells, ascending; missing cells are empty, surplus ones dropped.
    pub uneven: Vec<UnevenRow>,
    /// Rows without any value; they are left out.
    pub empty_rows: u32,
}

impl Sheet {
    /// Number of data rows.
    pub fn row_count(&self) -> usize {
        self.row_numbers.len()
    }

    /// What separates the cells of a text; a comma where nothing does.
    pub fn delimiter(&self) -> char {
        self.origin.delimiter.unwrap_or(',')
    }

    /// The cell of a data row (from 0) and column (from 0), exactly as it stood; empty outside.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        self.columns
            .get(column)
            .map(|cells| cells.get(row))
            .unwrap_or_default()
    }

    /// Header and cell of every column of a data row, for keeping the row as it stood.
    pub fn record(&self, row: usize) -> impl Iterator<Item = (&str, &str)> {
        self.headers
            .iter()
            .zip(&self.columns)
            .map(move |(header, cells)| (header.as_str(), cells.get(row)))
    }

    /// Puts other cells into the sheet: data row and column (each from 0) with the new text.
    pub fn set_cells(&mut self, mut cells: Vec<(usize, usize, String)>) {
        cells.sort_by_key(|(row, column, _)| (*column, *row));
        for some in cells.chunk_by(|a, b| a.1 == b.1) {
            let Some(column) = some.first().and_then(|cell| self.columns.get_mut(cell.1)) else {
                continue;
            };
            let cells: Vec<(usize, String)> = some
                .iter()
                .map(|(row, _, text)| (*row, text.clone()))
                .collect();
            *column = column.with_cells(&cells);
        }
    }

    /// Data row (from 0) of a row number of the file; `None` for the header and rows left out.
    pub fn index_of(&self, file_row: u32) -> Option<usize> {
        self.row_numbers.binary_search(&file_row).ok()
    }

    /// Column (from 0) of a name, ignoring case and surrounding white space.
    pub fn column_index(&self, name: &str) -> Option<usize> {
        let wanted = name.trim().to_lowercase();
        self.headers
            .iter()
            .position(|header| header.to_lowercase() == wanted)
    }
}
