//! What a sheet was read from: format, archive, encoding, delimiter, sheet of a workbook.
//!
//! Deliberately only a statement for people and for asking again; nothing is read by it.

/// The format of a file's content, found from the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileFormat {
    /// Separated text: CSV, TSV and the like.
    Text,
    /// Excel workbook since 2007.
    Xlsx,
    /// Excel workbook before 2007.
    Xls,
    /// Apache Parquet.
    Parquet,
}

impl FileFormat {
    /// `text`, `xlsx`, `xls` or `parquet`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Xlsx => "xlsx",
            Self::Xls => "xls",
            Self::Parquet => "parquet",
        }
    }
}

/// What a file was packed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Archive {
    /// gzip.
    Gzip,
    /// A zip archive of one file.
    Zip,
}

impl Archive {
    /// `gzip` or `zip`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zip => "zip",
        }
    }
}

/// A sheet of a workbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SheetInfo {
    /// Its name.
    pub name: String,
    /// Rows from the first filled one to the last.
    pub rows: u32,
    /// Columns from the first filled one to the last.
    pub columns: u32,
    /// Whether it looks most like a table of all.
    pub suggested: bool,
}

/// What a sheet was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Format of the content.
    pub format: FileFormat,
    /// What the content was packed in.
    pub archive: Option<Archive>,
    /// Encoding of the text by its usual name; empty for workbooks and Parquet.
    pub encoding: String,
    /// Whether the encoding is certain: stated, or the only one that makes sense of the bytes.
    pub encoding_sure: bool,
    /// What separates the cells of text.
    pub delimiter: Option<char>,
    /// The sheet that was read; empty where the format has none.
    pub sheet: String,
    /// The sheets of a workbook.
    pub sheets: Vec<SheetInfo>,
    /// Filled rows above the header that were skipped.
    pub skipped_rows: u32,
    /// Row in the file that names the columns; 0 where none does.
    pub header_row: u32,
}

impl Origin {
    /// The origin of a format that says everything itself.
    pub(super) fn of(format: FileFormat) -> Self {
        Self {
            format,
            archive: None,
            encoding: String::new(),
            encoding_sure: true,
            delimiter: None,
            sheet: String::new(),
            sheets: Vec::new(),
            skipped_rows: 0,
            header_row: 1,
        }
    }
}
