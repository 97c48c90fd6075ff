//! Why a file cannot be read at all, in sentences that say what to do.
//!
//! Deliberately not about single rows: uneven rows are listed in the sheet, wrong cells are found
//! by [`mod@crate::validate`].

use std::io;

/// Why a file cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The content is of a type that is not read.
    #[error(
        "this looks like {looks_like}, not a table: export the quotes as CSV (UTF-8) or as an Excel workbook and upload that"
    )]
    NotTable {
        /// What it looks like, with article.
        looks_like: &'static str,
    },
    /// Nothing but white space.
    #[error("the file is empty: upload a table with a header row and at least 30 quotes below it")]
    Empty,
    /// Bytes that the encoding does not have.
    #[error(
        "the file is read as {encoding}, but what stands at byte {position} does not exist in it: the file may be cut off or damaged, export it again, or state another encoding (--encoding windows-1252)"
    )]
    BrokenEncoding {
        /// The encoding, found or stated.
        encoding: String,
        /// Offset of the first wrong byte, behind a byte order mark.
        position: u64,
    },
    /// An encoding that is not known.
    #[error(
        "the encoding \"{label}\" is not known: state one such as utf-8, windows-1252, windows-1250, iso-8859-2, cp850 or cp437, or none to have it found"
    )]
    UnknownEncoding {
        /// What was stated.
        label: String,
    },
    /// Several encodings make sense of the bytes, and give different letters.
    #[error("{}", ambiguous(candidates))]
    AmbiguousEncoding {
        /// The encodings, likeliest first, each with the same cell as it reads in it.
        candidates: Vec<EncodingCandidate>,
    },
    /// A delimiter that cannot be one.
    #[error(
        "{delimiter:?} cannot separate cells: state a comma, a semicolon, a tab, \"|\" or another single ASCII character"
    )]
    BadDelimiter {
        /// What was stated.
        delimiter: char,
    },
    /// Larger than allowed.
    #[error(
        "the file has {bytes} bytes and {limit} are allowed: leave out columns or split it by time"
    )]
    TooLarge {
        /// Size of the file in bytes.
        bytes: u64,
        /// Allowed bytes.
        limit: u64,
    },
    /// Unpacks to more than allowed.
    #[error(
        "the content unpacks to more than {limit} bytes, which are allowed for a file of its size: leave out columns, split it by time, or upload it unpacked"
    )]
    TooLargeExpanded {
        /// Allowed bytes.
        limit: u64,
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
        /// Row in the file, as a spreadsheet numbers it.
        row: u32,
        /// Allowed bytes.
        limit: usize,
    },
    /// A quotation mark that swallows the rest of the file.
    #[error(
        "a quotation mark opened in row {row} is never closed: close it or double it (\"\") and upload again"
    )]
    UnclosedQuote {
        /// Row in the file, as a spreadsheet numbers it.
        row: u32,
    },
    /// The first row of the table holds values.
    #[error(
        "row {row} should name the columns, but holds values ({}): put a row with the names of the columns above it, say which row has them (--header-row {}), or that there are none (--header-row 0), which calls them column 1, column 2 and so on",
        quoted(cells),
        row.saturating_sub(1).max(1)
    )]
    NoHeader {
        /// Row in the file.
        row: u32,
        /// Its first cells.
        cells: Vec<String>,
    },
    /// The row that should name the columns is none.
    #[error(
        "row {row} should name the columns, but is empty or not there: say which row does (--header-row 1)"
    )]
    NoSuchRow {
        /// The row asked for.
        row: u32,
    },
    /// The rows cannot be told apart.
    #[error(
        "the file cannot be split into rows near row {row} ({detail}): export it again as CSV (UTF-8)"
    )]
    Broken {
        /// Row in the file, as a spreadsheet numbers it.
        row: u32,
        /// What the reader said.
        detail: String,
    },
    /// An archive of several files.
    #[error(
        "the zip archive holds {count} files ({}): pack exactly one, or upload it unpacked",
        names.join(", ")
    )]
    SeveralFiles {
        /// How many.
        count: usize,
        /// Names of the first ten.
        names: Vec<String>,
    },
    /// An archive in an archive.
    #[error("the archive holds {looks_like}: unpack it once and upload what is inside")]
    NestedArchive {
        /// What it looks like, with article.
        looks_like: &'static str,
    },
    /// An archive, workbook or Parquet file that cannot be opened.
    #[error("{what} cannot be opened ({detail}): it may be cut off or damaged, export it again")]
    Damaged {
        /// What kind of file, with article.
        what: &'static str,
        /// What the reader said.
        detail: String,
    },
    /// A kind of file that is known and not supported in all its parts.
    #[error("{what}: {advice}")]
    Unsupported {
        /// What is not supported.
        what: String,
        /// What to do.
        advice: &'static str,
    },
    /// A sheet that the workbook does not have.
    #[error("there is no sheet \"{wanted}\": the workbook has {}", quoted(found))]
    NoSuchSheet {
        /// The sheet asked for.
        wanted: String,
        /// The sheets there are.
        found: Vec<String>,
    },
    /// The bytes could not be had.
    #[error("the file could not be read to its end ({detail}): try again")]
    Source {
        /// What the source said.
        detail: String,
    },
}

impl ReadError {
    /// Stable name of the rule that the file breaks, for example `file_encoding`.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NotTable { .. } | Self::Unsupported { .. } => "file_type",
            Self::Empty => "file_empty",
            Self::BrokenEncoding { .. }
            | Self::UnknownEncoding { .. }
            | Self::AmbiguousEncoding { .. } => "file_encoding",
            Self::TooLarge { .. }
            | Self::TooLargeExpanded { .. }
            | Self::TooManyRows { .. }
            | Self::TooManyColumns { .. }
            | Self::CellTooLong { .. } => "file_size",
            Self::NoHeader { .. } | Self::NoSuchRow { .. } => "file_header",
            Self::UnclosedQuote { .. } | Self::Broken { .. } | Self::BadDelimiter { .. } => {
                "file_structure"
            }
            Self::SeveralFiles { .. } | Self::NestedArchive { .. } => "file_archive",
            Self::Damaged { .. } => "file_damaged",
            Self::NoSuchSheet { .. } => "file_sheet",
            Self::Source { .. } => "file_source",
        }
    }
}

/// An encoding that makes sense of the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodingCandidate {
    /// Its name, as it can be stated.
    pub encoding: String,
    /// A cell of the file as it reads in this encoding.
    pub example: String,
}

fn ambiguous(candidates: &[EncodingCandidate]) -> String {
    let readings: Vec<String> = candidates
        .iter()
        .map(|c| format!("\"{}\" in {}", c.example, c.encoding))
        .collect();
    let label = candidates.first().map_or("utf-8", |c| c.encoding.as_str());
    format!(
        "the letters of the file can be read in several ways: one cell is {}. State which is right (--encoding {label}), or export the file as UTF-8",
        readings.join(" or ")
    )
}

fn quoted(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        Self::other(error)
    }
}

impl From<io::Error> for ReadError {
    /// A read error that travelled through a reader comes out again as itself.
    fn from(error: io::Error) -> Self {
        let detail = error.to_string();
        error
            .into_inner()
            .and_then(|inner| inner.downcast::<Self>().ok())
            .map_or(Self::Source { detail }, |inner| *inner)
    }
}
