//! What is wrong with a file, row by row, in words a user can act on.
//!
//! Deliberately not an error type: a file may have thousands of problems, and they are data for a
//! report. What stops the reading of a file altogether is [`crate::sheet::ReadError`].

/// How many problems of each severity a report keeps; the others are only counted.
pub const MAX_PROBLEMS: usize = 200;

/// The longest excerpt of a cell that a problem repeats, in characters.
const MAX_VALUE_CHARS: usize = 80;

/// Whether a problem blocks the import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Blocks the file or, where the caller allows it, sets the row aside.
    Error,
    /// Worth a look; the file is accepted.
    Warning,
}

/// One thing that is wrong or worth a look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether it blocks the import.
    pub severity: Severity,
    /// Stable name of the rule, for example `price_positive`.
    pub rule: &'static str,
    /// Row in the file, as a spreadsheet numbers it; 0 where it concerns the file or column.
    pub row: u32,
    /// Header of the column; empty where it concerns the row or file.
    pub column: String,
    /// The cell as it stood, at most 80 characters of it.
    pub value: String,
    /// What is wrong, in a sentence.
    pub message: String,
    /// What to do about it.
    pub suggestion: String,
    /// The whole cell as it should probably read; `None` where that cannot be told.
    pub fix: Option<String>,
}

impl Problem {
    /// An error that concerns the file or a column; add the rest with [`Problem::at`] and [`Problem::with_value`].
    pub fn error(rule: &'static str, message: String, suggestion: String) -> Self {
        Self {
            severity: Severity::Error,
            rule,
            row: 0,
            column: String::new(),
            value: String::new(),
            message,
            suggestion,
            fix: None,
        }
    }

    /// As [`Problem::error`], but not blocking.
    pub fn warning(rule: &'static str, message: String, suggestion: String) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(rule, message, suggestion)
        }
    }

    /// Says where: row (0 for none) and column (empty for none).
    #[must_use]
    pub fn at(mut self, row: u32, column: &str) -> Self {
        self.row = row;
        self.column = column.to_owned();
        self
    }

    /// Repeats the cell as it stood, shortened to 80 characters.
    #[must_use]
    pub fn with_value(mut self, value: &str) -> Self {
        self.value = value.chars().take(MAX_VALUE_CHARS).collect();
        self
    }

    /// Adds the cell as it should probably read.
    #[must_use]
    pub fn with_fix(mut self, fix: Option<String>) -> Self {
        self.fix = fix;
        self
    }
}
