//! What prediction refuses, in sentences for the caller. Deliberately not here: why no price is
//! recommended, which is part of an answer.

use std::time::Duration;

use platform::{Code, Coded, overload::exhausted};
use uuid::Uuid;

/// When a prediction may be asked for again that was refused for want of room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why prediction refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The model is unknown.
    #[error("there is no model {0}: list them with `valutai models list`")]
    NoModel(Uuid),
    /// Nobody has that name.
    #[error(
        "no model has the alias \"{0}\": list them with `valutai models alias list`, or give the id of a model"
    )]
    NoAlias(String),
    /// The model cannot answer.
    #[error("the model {id} is in state \"{state}\", and only a ready one can predict: {advice}")]
    NotReady {
        /// The model.
        id: Uuid,
        /// Where it stands.
        state: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// No model answers by default.
    #[error("there is no model yet: train a model first: `valutai models train --dataset ID`")]
    NoChampion,
    /// The news of a model has not arrived.
    #[error("the model is ready, but has not arrived here yet: try again in a moment")]
    ModelOnItsWay,
    /// The prediction is unknown.
    #[error("there is no prediction {0}: list them with `valutai predictions list`")]
    NoPrediction(Uuid),
    /// The quote is missing.
    #[error("the request holds no quote: send one with its fields")]
    NoQuote,
    /// The batch is empty or too large.
    #[error("the request holds {0} quotes: send 1 to 500")]
    QuoteCount(usize),
    /// The caller's name for the quote is too long.
    #[error("quote_ref has {0} characters: shorten it to at most 200")]
    QuoteRef(usize),
    /// A text holds a character that cannot be stored.
    #[error("{0} holds a null character: remove it")]
    NullCharacter(String),
    /// A number is infinite or not one.
    #[error("the field \"{0}\" is not a finite number: send a finite one, or leave the field out")]
    NotFinite(String),
    /// A value is not what the column holds.
    #[error(
        "the field \"{field}\" holds \"{value}\", which is not {expected}: write it like {example}"
    )]
    Unreadable {
        /// The field.
        field: String,
        /// Its value, shortened.
        value: String,
        /// What the column holds.
        expected: &'static str,
        /// A value that would be understood.
        example: &'static str,
    },
    /// Nothing of the quote means anything to the model.
    #[error("the quote has no field that the model reads: name at least one of {0}")]
    NoKnownField(String),
    /// One of several quotes is refused.
    #[error("quote {number}: {problem}")]
    InQuote {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        problem: Box<Error>,
    },
    /// More similar quotes are wanted than are given.
    #[error("{0} similar quotes are wanted: ask for at most 20")]
    SimilarCount(u32),
    /// Too few or too many prices are wanted.
    #[error("{0} points are wanted on the price curve: ask for 2 to 200, or 0 for 21")]
    CurvePoints(u32),
    /// There is no price curve.
    #[error("there is no price curve: {0}")]
    NoCurve(String),
    /// A policy is not one.
    #[error("the recommendation policy cannot be set: {0}")]
    Policy(String),
    /// The policy was set by somebody else meanwhile.
    #[error(
        "the recommendation policy has version {found}, not {expected}: read it again and apply your change to it"
    )]
    PolicyChanged {
        /// Version in force.
        found: u64,
        /// Version that was to be replaced.
        expected: u64,
    },
    /// The artefact of a model is gone.
    #[error(
        "the model {0} answered, but is not kept any more: only predictions of models that are can be explained or exported"
    )]
    ModelGone(Uuid),
    /// A prediction is of a time when too little was kept.
    #[error(
        "the prediction {0} comes out differently today, so its difference to another cannot be explained: predict the quote again and compare that"
    )]
    NotRepeatable(String),
    /// A model cannot read a quote that another one could.
    #[error("the models read quotes differently, so the predictions cannot be compared: {0}")]
    NotComparable(Box<Error>),
    /// An outcome or an estimate names no quote.
    #[error(
        "it has no quote_ref, so it cannot be joined to predictions: name the quote as its predictions named it"
    )]
    NoQuoteRef,
    /// An outcome is not one.
    #[error("the outcome cannot be recorded: {0}")]
    Outcome(String),
    /// An estimate is not one.
    #[error("the estimate {0} is no probability that can be compared: send 0.01 to 0.99")]
    Estimate(f64),
    /// One of several outcomes or estimates is refused.
    #[error("number {number}: {problem}")]
    InRecord {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        problem: Box<Error>,
    },
    /// The request is empty or too large.
    #[error("the request holds {0} outcomes or estimates: send 1 to 500")]
    RecordCount(usize),
    /// Nothing was recorded of the quote.
    #[error(
        "no outcome was recorded of the quote \"{0}\": record one with `valutai outcomes record`"
    )]
    NoOutcome(String),
    /// The model was never checked for drift.
    #[error(
        "the model {0} was not checked yet: it is with every hundred predictions, or now by `valutai predictions drift --check`"
    )]
    NotChecked(Uuid),
    /// Predictions are to be kept too short or too long.
    #[error("predictions cannot be kept for {0} days: set 30 to 36500, or 0 to keep them for good")]
    Retention(u32),
    /// A period is none.
    #[error(
        "the period is empty or out of range: send a beginning before its end, or leave one out"
    )]
    TimeRange,
    /// A record cannot be made.
    #[error("the track record cannot be made: {0}")]
    TrackRecord(String),
    /// A model file cannot be used.
    #[error("the model file cannot be used: {0}")]
    Portable(String),
    /// A model cannot be used.
    #[error("a model cannot be used")]
    Model(#[from] ml::Error),
    /// What was learned of earlier quotes cannot be used.
    #[error("the history of a model cannot be used")]
    History(#[from] tabular::HistoryError),
    /// A key is none.
    #[error("the idempotency key is empty or too long: use 1 to 200 characters, such as a UUID")]
    Key,
    /// A key came with another request before.
    #[error(
        "this idempotency key came with another request in the last 24 hours: use a new key for a new request"
    )]
    KeyReused,
    /// Nothing was kept, or that is not known.
    #[error(
        "the prediction may or may not have been stored: send it again, with an idempotency key if it must not be stored twice"
    )]
    NotKept,
    /// The caller has stopped waiting.
    #[error("the deadline has passed")]
    Late,
    /// More is waiting to be computed than is useful.
    #[error("more predictions are asked for than can be computed: wait a second and try again")]
    Busy,
    /// An endpoint is unknown.
    #[error("there is no webhook {0}: list them with `valutai webhooks list`")]
    NoWebhook(Uuid),
    /// A delivery is unknown.
    #[error(
        "there is no delivery of the event {0} to this webhook: list them with `valutai webhooks deliveries`, which go back 30 days"
    )]
    NoDelivery(Uuid),
    /// An endpoint is not one.
    #[error("the webhook cannot be used: {0}")]
    Webhook(String),
    /// A tenant has as many endpoints as it may.
    #[error("there are {0} webhooks already: delete one that is not needed")]
    WebhookCount(i64),
    /// Something of ours broke.
    #[error("predicting broke down: {0}")]
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

impl From<prost::DecodeError> for Error {
    fn from(error: prost::DecodeError) -> Self {
        Self::Broken(format!("stored bytes cannot be decoded: {error}"))
    }
}

impl Coded for Error {
    fn code(&self) -> Code {
        match self {
            Self::Late => Code::Late,
            Self::Busy => Code::Exhausted,
            Self::NoModel(_)
            | Self::NoAlias(_)
            | Self::NoPrediction(_)
            | Self::NoOutcome(_)
            | Self::NoWebhook(_)
            | Self::NoDelivery(_) => Code::NotFound,
            Self::NotReady { .. }
            | Self::NoChampion
            | Self::NoCurve(_)
            | Self::NotChecked(_)
            | Self::PolicyChanged { .. }
            | Self::ModelGone(_)
            | Self::NotRepeatable(_)
            | Self::KeyReused
            | Self::WebhookCount(_)
            | Self::NotComparable(_) => Code::FailedPrecondition,
            Self::ModelOnItsWay | Self::NotKept => Code::Unavailable,
            Self::NoQuote
            | Self::QuoteCount(_)
            | Self::QuoteRef(_)
            | Self::NullCharacter(_)
            | Self::NotFinite(_)
            | Self::Unreadable { .. }
            | Self::NoKnownField(_)
            | Self::SimilarCount(_)
            | Self::CurvePoints(_)
            | Self::Policy(_)
            | Self::Key
            | Self::NoQuoteRef
            | Self::Outcome(_)
            | Self::Estimate(_)
            | Self::RecordCount(_)
            | Self::Retention(_)
            | Self::Webhook(_)
            | Self::TimeRange
            | Self::TrackRecord(_)
            | Self::Portable(_) => Code::Invalid,
            Self::InQuote { problem, .. } | Self::InRecord { problem, .. } => problem.code(),
            Self::Model(_) | Self::History(_) | Self::Broken(_) => Code::Internal,
            Self::Platform(error) => error.code(),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy => exhausted(&error.to_string(), RETRY_AFTER),
            error => platform::error::to_status(&error),
        }
    }
}
