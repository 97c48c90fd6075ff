//! Everything that can go wrong in this crate, one variant per cause, each with what to do about it.
//!
//! Deliberately not here: transport status codes and log levels. The services map [`Error::code`] to those.

/// Why the learning core refused or stopped.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// Columns of different length, duplicate names, category codes without a level, infinite numbers.
    #[error("The table cannot be used: {reason}. Correct the table and try again.")]
    InvalidTable {
        /// What is wrong, naming the column.
        reason: String,
    },
    /// An option lies outside its range.
    #[error("The training options cannot be used: {reason}. Correct the options and try again.")]
    InvalidOptions {
        /// What is wrong, naming the option.
        reason: String,
    },
    /// Probabilities, outcomes, groups or weights that do not fit together or are no numbers.
    #[error("The figures cannot be computed: {reason}. Correct the input and try again.")]
    InvalidInput {
        /// What is wrong.
        reason: String,
    },
    /// Fewer rows than the minimum.
    #[error(
        "{rows} rows are too few to learn from. Provide at least {minimum} quotes with a known outcome."
    )]
    TooFewRows {
        /// Rows that were given.
        rows: usize,
        /// Rows that are needed.
        minimum: usize,
    },
    /// Only won or only lost quotes.
    #[error(
        "{wins} of {rows} quotes are won, so there is nothing to tell apart. Provide quotes of both outcomes."
    )]
    OneOutcome {
        /// Rows that were given.
        rows: usize,
        /// How many of them are won.
        wins: usize,
    },
    /// No column carries information after the encoder dropped what it cannot use.
    #[error(
        "No column can be used to learn from ({reason}). Provide at least one column that varies between quotes."
    )]
    NoUsableColumn {
        /// Why the columns were dropped.
        reason: String,
    },
    /// A column has another type than the model was trained with.
    #[error(
        "Column {column:?} holds {found}, but the model was trained with {expected}. Map the column to the type of the training data."
    )]
    ColumnType {
        /// Name of the column.
        column: String,
        /// Kind of values that the model knows.
        expected: &'static str,
        /// Kind of values that were given.
        found: &'static str,
    },
    /// Won and lost quotes are separated perfectly, so no finite maximum exists.
    #[error(
        "The columns separate won from lost quotes perfectly, so the fit has no finite answer. Remove columns that are filled in after the outcome, or use a penalised fit."
    )]
    Separation,
    /// One column follows from others.
    #[error(
        "The columns depend on each other linearly, so their effects cannot be told apart. Remove constant and duplicate columns."
    )]
    Collinear,
    /// Newton steps did not reach the tolerance.
    #[error(
        "The fit did not converge after {iterations} steps (gradient norm per row {gradient:e}). Raise the penalty or remove extreme values."
    )]
    NotConverged {
        /// Newton steps taken.
        iterations: usize,
        /// Euclidean norm of the gradient divided by the number of rows.
        gradient: f64,
    },
    /// The caller asked to stop.
    #[error("The training was cancelled. Start it again when it is wanted.")]
    Cancelled,
    /// The bytes are not an intact model of ours.
    #[error(
        "The model file is damaged or not a model: {reason}. Restore it from a backup or train again."
    )]
    CorruptArtefact {
        /// What did not fit.
        reason: String,
    },
    /// The bytes are a model of a format that this version does not read.
    #[error(
        "The model file has format {found}, this program reads format {supported}. Train again or upgrade the program."
    )]
    UnsupportedFormat {
        /// Format of the file.
        found: u32,
        /// Format that this version reads and writes.
        supported: u32,
    },
}

impl Error {
    /// A short, stable name of the cause, for logs, metrics and clients.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidTable { .. } => "invalid_table",
            Self::InvalidOptions { .. } => "invalid_options",
            Self::InvalidInput { .. } => "invalid_input",
            Self::TooFewRows { .. } => "too_few_rows",
            Self::OneOutcome { .. } => "one_outcome",
            Self::NoUsableColumn { .. } => "no_usable_column",
            Self::ColumnType { .. } => "column_type",
            Self::Separation => "separation",
            Self::Collinear => "collinear",
            Self::NotConverged { .. } => "not_converged",
            Self::Cancelled => "cancelled",
            Self::CorruptArtefact { .. } => "corrupt_artefact",
            Self::UnsupportedFormat { .. } => "unsupported_format",
        }
    }
}
