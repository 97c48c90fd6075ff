//! What ingestion refuses, in sentences for the caller. Deliberately not here: what is wrong with
//! single cells, which `tabular` words and the report lists.

use platform::{Code, Coded};
use uuid::Uuid;

/// Why ingestion refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The dataset is unknown.
    #[error("there is no dataset {0}: list them with `valutai datasets list`")]
    NoDataset(Uuid),
    /// The import is unknown.
    #[error("there is no import {0}: list them with `valutai datasets imports`")]
    NoImport(Uuid),
    /// A later import has other versions of the same quotes.
    #[error("import {0} changed quotes of this one later: undo that one first")]
    BuiltUpon(Uuid),
    /// Only a finished import can be taken back.
    #[error("the import is {0}: only one that is done can be undone")]
    NotDone(String),
    /// A format that is none.
    #[error(
        "the format of column \"{0}\" is none: state YMD, DMY, MDY or SERIAL for dates, or . or , for decimals"
    )]
    NoFormat(String),
    /// A word of the outcome column without a meaning.
    #[error("the outcome word \"{0}\" has no meaning: say won, lost or open")]
    NoOutcome(String),
    /// A stored file is not what it was.
    #[error("the stored file is damaged: import it again")]
    Damaged,
    /// A stored file cannot be read.
    #[error("a stored file cannot be read: {0}")]
    Storage(String),
    /// The call lacks a part.
    #[error("the upload lacks its {0}: send it again through the gateway")]
    Incomplete(&'static str),
    /// A mapping without a meaning.
    #[error(
        "the mapping of column \"{0}\" names no field: say what it stands for, for example outcome, price or date"
    )]
    NoField(String),
    /// The file is refused; the sentence says why.
    #[error("{0}")]
    Refused(String),
    /// Stored or outgoing JSON is not what it should be.
    #[error("a stored value is not readable")]
    Json(#[from] serde_json::Error),
    /// The database took another number of quotes than the file has.
    #[error("{written} quotes arrived in the database, and the file has {expected}")]
    Incoherent {
        /// Quotes that arrived.
        written: u64,
        /// Quotes that were sent.
        expected: usize,
    },
    /// Work off the async threads broke down.
    #[error("reading the file broke down: {0}")]
    Broken(String),
    /// Something below failed.
    #[error(transparent)]
    Platform(#[from] platform::Error),
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Platform(error.into())
    }
}

impl Coded for Error {
    fn code(&self) -> Code {
        match self {
            Self::NoDataset(_) | Self::NoImport(_) => Code::NotFound,
            Self::BuiltUpon(_) | Self::NotDone(_) => Code::FailedPrecondition,
            Self::Incomplete(_)
            | Self::NoField(_)
            | Self::NoFormat(_)
            | Self::NoOutcome(_)
            | Self::Refused(_) => Code::Invalid,
            Self::Storage(_) => Code::Unavailable,
            Self::Damaged | Self::Json(_) | Self::Incoherent { .. } | Self::Broken(_) => {
                Code::Internal
            }
            Self::Platform(error) => error.code(),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        // The sentence repeats a cell of the file, and logs hold nothing that may be personal.
        if let Error::Refused(sentence) = error {
            tracing::info!("an upload was refused");
            return Self::invalid_argument(sentence);
        }
        platform::error::to_status(&error)
    }
}
