//! What reporting refuses, in sentences for the caller. Deliberately few: it only reads.

use platform::{Code, Coded};
use uuid::Uuid;

/// Why reporting refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such report for this tenant.
    #[error("there is no report {0}: list them with `valutai reports list`")]
    NoReport(Uuid),
    /// The model is still being trained, or failed.
    #[error("the model {0} is not ready: wait until its training has ended well")]
    ModelNotReady(Uuid),
    /// The model's training has ended but its event is late.
    #[error("the figures of model {0} are still on their way: try again in a moment")]
    ModelLate(Uuid),
    /// The dataset is still being imported, or failed.
    #[error("the dataset {0} is not ready: wait until its import has ended well")]
    DatasetNotReady(Uuid),
    /// The dataset has no decided quotes.
    #[error("the dataset {0} has no decided quotes to analyse: import some")]
    NoQuotes(Uuid),
    /// The import has ended but its event is late.
    #[error("the quotes of dataset {0} are still on their way: try again in a moment")]
    DatasetLate(Uuid),
    /// A part of ours ended in an unexpected way.
    #[error("a part of the work broke off: {0}")]
    Broken(String),
    /// The page could not be drawn.
    #[error("the report's page could not be drawn")]
    Page(#[from] crate::page::PageError),
    /// The figures could not be written as JSON.
    #[error("the report's figures could not be written")]
    Json(#[from] serde_json::Error),
    /// What is stored cannot be read.
    #[error("a stored figure cannot be read")]
    Stored(#[from] prost::DecodeError),
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
            Self::NoReport(_) => Code::NotFound,
            Self::ModelNotReady(_) | Self::DatasetNotReady(_) | Self::NoQuotes(_) => {
                Code::FailedPrecondition
            }
            Self::ModelLate(_) | Self::DatasetLate(_) => Code::Unavailable,
            Self::Page(_) | Self::Json(_) | Self::Stored(_) | Self::Broken(_) => Code::Internal,
            Self::Platform(error) => error.code(),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        platform::error::to_status(&error)
    }
}
