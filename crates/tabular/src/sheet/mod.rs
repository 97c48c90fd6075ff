//! A file as rows and columns of text, and nothing more.
//!
//! Deliberately ignorant of what cells mean (see [`crate::cell`]) and of file names: format,
//! archive and encoding are found from the content.

mod archive;
mod aside;
mod column;
mod decode;
mod dos;
mod error;
mod evidence;
mod layout;
mod limits;
mod line;
mod mixed;
mod origin;
mod pages;
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
    /// Row in the file, as a spreadsheet numbers it.
    pub row: u32,
    /// Cells in the header.
    pub expected: usize,
    /// Cells in the row.
    pub found: usize,
}

/// Why a row of a file is none of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeftOutKind {
    /// It stands above the header: a title, a note, the criteria of a report.
    AboveHeader,
    /// It says the names of the columns once more.
    HeaderAgain,
    /// It adds up the rows above.
    Sum,
    /// It stands below the table: a note, a copyright.
    BelowTable,
}

impl LeftOutKind {
    /// `above_header`, `header_again`, `sum` or `below_table`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AboveHeader => "above_header",
            Self::HeaderAgain => "header_again",
            Self::Sum => "sum",
            Self::BelowTable => "below_table",
        }
    }
}

/// A row that is none of the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Row in the file.
    pub row: u32,
    /// Why.
    pub kind: LeftOutKind,
    /// Its filled cells, at most 120 characters of them.
    pub text: String,
}

/// A column whose name an earlier one has too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenamedHeader {
    /// Its place, counted from 1.
    pub column: usize,
    /// The name as it stands.
    pub header: String,
    /// The name that it goes by.
    pub name: String,
}

/// What a file itself says of a column's values, besides their text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Native {
    /// Nothing: the values are text, whatever they look like.
    #[default]
    Text,
    /// Every filled cell is a number, written with a decimal point and without groups; words for
    /// nothing may stand between them.
    Numbers,
    /// Likewise dates, written as `YYYY-MM-DD` or `YYYY-MM-DDTHH:MM:SS`.
    Dates,
    /// Likewise `true` or `false`.
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
    /// Row in the file of each data row, ascending, as a spreadsheet numbers them: empty lines count,
    /// and so does what stands above the header.
    pub row_numbers: Vec<u32>,
    /// What it was read from.
    pub origin: Origin,
    /// Rows with too few or too many cells, ascending; missing cells are empty, surplus ones dropped.
    pub uneven: Vec<UnevenRow>,
    /// Rows without any value, lines drawn with dashes among them; they are left out.
    pub empty_rows: u32,
    /// Rows that are none of the data, those above the header first; at most 120 of them.
    pub left_out: Vec<LeftOut>,
    /// Such rows below the header, all of them.
    pub left_out_rows: u32,
    /// Columns whose name an earlier column has too.
    pub renamed: Vec<RenamedHeader>,
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
