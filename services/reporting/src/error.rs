//! What reporting refuses, in sentences for the caller. Deliberately few: it only reads.

use platform::{Code, Coded};
use uuid::Uuid;

/// Why reporting refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such report for this tenant.
    #[error("there is no report {0}: list them with `valutai reports list`")]
    NoReport(Uuid),
    /// A link does not open, for whatever reason.
    #[error(
        "this link opens no report: it is wrong, has expired, was revoked or belongs to another organisation; ask whoever sent it for a new one, or sign in where it belongs"
    )]
    NoLink,
    /// There is no such link for this tenant.
    #[error("there is no link {0}: list them with `valutai reports links list`")]
    UnknownLink(Uuid),
    /// A link was to hold for too long.
    #[error("a link holds for 1 to {0} hours: name fewer")]
    LinkHours(u32),
    /// The expression of a schedule is none.
    #[error(
        "\"{expression}\" is no cron expression ({why}): write minute, hour, day of the month, month and day of the week, such as 0 7 * * 1 for Mondays at seven"
    )]
    Cron {
        /// As it came.
        expression: String,
        /// What is wrong with it.
        why: String,
    },
    /// The time zone of a schedule is none.
    #[error("\"{0}\" is no time zone: name one by its IANA name, such as Europe/Berlin")]
    TimeZone(String),
    /// The times of a schedule are too close.
    #[error("a schedule runs once an hour at the most: leave more time between its times")]
    TooOften,
    /// A file cannot be attached in that format.
    #[error("files are attached to mail as CSV, XLSX or PDF: name one of these, or none")]
    AttachedFormat,
    /// A schedule was to have too many recipients.
    #[error("a schedule has {0} recipients at the most: name fewer")]
    Recipients(usize),
    /// A recipient cannot be written to.
    #[error("{0} Name members with a confirmed address, by the ids of `valutai team list`")]
    Recipient(String),
    /// The organisation has enough schedules.
    #[error("there are {0} schedules already: delete one that is not needed")]
    Schedules(i64),
    /// There is no such schedule for this tenant.
    #[error("there is no schedule {0}: list them with `valutai reports schedule list`")]
    UnknownSchedule(Uuid),
    /// The caller gets no mail of such a schedule.
    #[error("no schedule {0} sends you mail: take the id from the end of the newest letter")]
    NoRecipient(Uuid),
    /// A schedule is about a dataset that is not there any more.
    #[error("the dataset {0} is gone: delete this schedule, and make one for another dataset")]
    DatasetGone(Uuid),
    /// A schedule is about a model that is not there any more.
    #[error("the model {0} is gone: delete this schedule, and make one for another model")]
    ModelGone(Uuid),
    /// Whoever ran a schedule died at it again and again.
    #[error("the report broke off several times: tell the operator")]
    BrokeOff,
    /// A run is not this process's to end any more.
    #[error("the schedule was paused, deleted or taken over meanwhile")]
    RunTaken,
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
    /// The dataset has no open quotes.
    #[error("the dataset {0} has no open quotes to forecast: import some that are not decided yet")]
    NoOpenQuotes(Uuid),
    /// No model has learned from the dataset.
    #[error("no model has learned from the dataset {0}: train one, or name another dataset")]
    NoModel(Uuid),
    /// The model learned from another dataset.
    #[error("the model {0} learned from another dataset: name one that learned from this")]
    OtherDataset(Uuid),
    /// The model was told of before reports kept enough of the news.
    #[error(
        "of model {0} only what a model card needs is known here: an owner has to run `valutai reports rebuild`, or train again"
    )]
    ModelBefore(Uuid),
    /// The learning core refused the model or its quotes.
    #[error("the model cannot read the quotes: {0}")]
    Learning(#[from] ml::Error),
    /// The import has ended but its event is late.
    #[error("the quotes of dataset {0} are still on their way: try again in a moment")]
    DatasetLate(Uuid),
    /// The file is larger than an answer.
    #[error("the file of report {0} is larger than 3.5 MiB: take its JSON, or a narrower report")]
    TooLarge(Uuid),
    /// The streams keep less than is known.
    #[error(
        "nothing was changed: the event streams keep 30 days, and of what is known here they have only {0}; restore a backup instead"
    )]
    StreamsKeepLess(String),
    /// A stream did not deliver what it has.
    #[error("the event streams do not deliver what they have: try again in a moment")]
    StreamSilent,
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
            Self::NoReport(_)
            | Self::NoLink
            | Self::UnknownLink(_)
            | Self::UnknownSchedule(_)
            | Self::NoRecipient(_) => Code::NotFound,
            Self::LinkHours(_)
            | Self::Cron { .. }
            | Self::TimeZone(_)
            | Self::TooOften
            | Self::AttachedFormat
            | Self::Recipients(_) => Code::Invalid,
            Self::ModelNotReady(_)
            | Self::DatasetNotReady(_)
            | Self::NoQuotes(_)
            | Self::NoOpenQuotes(_)
            | Self::NoModel(_)
            | Self::OtherDataset(_)
            | Self::TooLarge(_)
            | Self::StreamsKeepLess(_)
            | Self::ModelBefore(_)
            | Self::Recipient(_)
            | Self::Schedules(_)
            | Self::DatasetGone(_)
            | Self::ModelGone(_)
            | Self::BrokeOff
            | Self::RunTaken => Code::FailedPrecondition,
            Self::ModelLate(_) | Self::DatasetLate(_) | Self::StreamSilent => Code::Unavailable,
            Self::Page(_)
            | Self::Json(_)
            | Self::Stored(_)
            | Self::Learning(_)
            | Self::Broken(_) => Code::Internal,
            Self::Platform(error) => error.code(),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        platform::error::to_status(&error)
    }
}
