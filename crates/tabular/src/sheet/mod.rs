//! A file as rows and columns of text, and nothing more.
//!
//! Deliberately ignorant of what cells mean (see [`crate::cell`]) and of file names: the type is
//! found from the content. Only separated text is read; workbooks are refused with advice.

mod read;
mod sniff;

pub use read::read;

/// What a file may cost at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Largest file in bytes; never more than 1 GiB, whatever is set.
    pub max_bytes: usize,
    /// Most data rows.
    pub max_rows: usize,
    /// Most columns.
    pub max_columns: usize,
    /// Longest cell in bytes of UTF-8.
    pub max_cell_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: 256 * 1024 * 1024,
            max_rows: 1_000_000,
            max_columns: 500,
            max_cell_bytes: 32 * 1024,
        }
    }
}

/// How the bytes of a file were turned into text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8, plain ASCII included.
    Utf8,
    /// UTF-8 with a byte order mark.
    Utf8Bom,
    /// Not valid UTF-8, so read as windows-1252.
    Windows1252,
}

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The content is of another type.
    #[error(
        "this looks like {looks_like}, not a CSV file: export the quotes as CSV (UTF-8) and upload that"
    )]
    NotText {
        /// What it looks like, with article.
        looks_like: &'static str,
    },
    /// Nothing but white space.
    #[error(
        "the file is empty: upload a CSV file with a header row and at least 30 quotes below it"
    )]
    Empty,
    /// UTF-16 text.
    #[error(
        "the file is encoded as UTF-16: save it as \"CSV UTF-8\" (Excel: Save As) and upload that"
    )]
    Utf16,
    /// Marked as UTF-8, but is not.
    #[error(
        "the file says it is UTF-8 but byte {position} is not: it may be cut off or damaged, export it again"
    )]
    BrokenUtf8 {
        /// Offset of the first wrong byte after the byte order mark.
        position: usize,
    },
    /// Larger than allowed.
    #[error(
        "the file has {bytes} bytes and {limit} are allowed: leave out columns or split it by time"
    )]
    TooLarge {
        /// Size of the file in bytes.
        bytes: usize,
        /// Allowed bytes.
        limit: usize,
    },
    /// More rows than allowed.
    #[error(
        "the file has more than {limit} rows: upload the newest quotes only, or split it by time"
    )]
    TooManyRows {
        /// Allowed rows.
        limit: usize,
    },
    /// More columns than allowed.
    #[error("the file has {found} columns and {limit} are allowed: leave out what is not needed")]
    TooManyColumns {
        /// Columns in the header.
        found: usize,
        /// Allowed columns.
        limit: usize,
    },
    /// A cell that is longer than allowed.
    #[error(
        "a cell in row {row} is longer than {limit} bytes: shorten it, or look for a quotation mark that is never closed"
    )]
    CellTooLong {
        /// Row in the file, the header being row 1.
        row: u32,
        /// Allowed bytes.
        limit: usize,
    },
    /// A quotation mark that swallows the rest of the file.
    #[error(
        "a quotation mark opened in row {row} is never closed: close it or double it (\"\") and upload again"
    )]
    UnclosedQuote {
        /// Row in the file, the header being row 1.
        row: u32,
    },
    /// Two columns of one name.
    #[error(
        "the header \"{header}\" stands for columns {first} and {second}: give each column a name of its own (upper and lower case count as equal)"
    )]
    DuplicateHeader {
        /// The name as it stands at the first of the two.
        header: String,
        /// Place of the first, counted from 1.
        first: usize,
        /// Place of the second, counted from 1.
        second: usize,
    },
    /// The header row holds no name.
    #[error("the first row holds no column names: put the names of the columns into the first row")]
    NoHeader,
    /// The rows cannot be told apart.
    #[error(
        "the file cannot be split into rows near row {row} ({detail}): export it again as CSV (UTF-8)"
    )]
    Broken {
        /// Row in the file, the header being row 1.
        row: u32,
        /// What the reader said.
        detail: String,
    },
}

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

/// The cells of one column in one piece of memory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Column {
    text: String,
    // u32 is enough: the file is at most 1 GiB, and decoding makes at most three bytes of one.
    ends: Vec<u32>,
}

impl Column {
    pub(crate) fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends
            .push(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
    }

    /// The cell of a data row, counted from 0; empty beyond the end.
    pub fn get(&self, index: usize) -> &str {
        let start = match index.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(u32::MAX),
            None => 0,
        };
        let end = self.ends.get(index).copied().unwrap_or(0);
        self.text
            .get(start as usize..end as usize)
            .unwrap_or_default()
    }

    /// Every cell from the first data row on, exactly as it stood.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.ends.len()).map(|index| self.get(index))
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
    /// How the bytes were read.
    pub encoding: Encoding,
    /// What separates the cells.
    pub delimiter: char,
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
