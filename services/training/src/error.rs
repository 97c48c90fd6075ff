//! What training refuses, in sentences for the caller. Deliberately not here: what is wrong with the
//! data of a training, which becomes the model's `problem`.

use platform::{Code, Coded};
use uuid::Uuid;

/// Why training refuses or fails.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The dataset is unknown.
    #[error("there is no dataset {0}: list them with `valutai datasets list`")]
    NoDataset(Uuid),
    /// The dataset is not there yet.
    #[error(
        "the dataset {0} is still being imported: wait until `valutai datasets show {0}` says ready"
    )]
    DatasetImporting(Uuid),
    /// The dataset cannot be trained on.
    #[error(
        "the import of the dataset {id} failed ({problem}): correct the file and import it again"
    )]
    DatasetFailed {
        /// The dataset.
        id: Uuid,
        /// Why its import failed.
        problem: String,
    },
    /// The dataset holds nothing to learn from.
    #[error(
        "the dataset {0} holds no won or lost quotes, because every import was taken back or none of its quotes is \
         decided: import a file with decided quotes into it, then train again"
    )]
    DatasetEmpty(Uuid),
    /// The news of the dataset has not arrived.
    #[error(
        "the dataset {0} is ready, but its data has not arrived here yet: try again in a moment"
    )]
    DatasetOnItsWay(Uuid),
    /// The model is unknown.
    #[error("there is no model {0}: list them with `valutai models list`")]
    NoModel(Uuid),
    /// The model cannot be promoted.
    #[error(
        "the model {id} is in state \"{state}\", and only a ready one can be promoted: {advice}"
    )]
    NotReady {
        /// The model.
        id: Uuid,
        /// Where it stands.
        state: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// The training has ended.
    #[error(
        "the training of the model {id} has ended, its state is \"{state}\": there is nothing left to cancel"
    )]
    Ended {
        /// The model.
        id: Uuid,
        /// Where it stands.
        state: &'static str,
    },
    /// Nobody has that name.
    #[error(
        "no model has the alias \"{0}\": list them with `valutai models alias list`, or give the id of a model"
    )]
    NoAlias(String),
    /// No name for a model.
    #[error(
        "\"{0}\" cannot be an alias: take at most 31 lower-case letters, digits and hyphens, a letter first"
    )]
    Alias(String),
    /// The champion's name is not given by hand.
    #[error(
        "the alias \"champion\" is given by `valutai models promote`, which compares the models first"
    )]
    ChampionAlias,
    /// The gate holds the model back.
    #[error(
        "the model {id} does not become the champion: {why}. Train on more or newer quotes, or promote it \
         nevertheless with `--override --reason \"...\"`"
    )]
    HeldBack {
        /// The model.
        id: Uuid,
        /// The figures, in a sentence.
        why: String,
    },
    /// An override needs a reason.
    #[error("an override has to say why: add `--reason \"...\"`")]
    OverrideWithoutReason,
    /// The champion changed meanwhile.
    #[error("the champion changes while models are compared with it: try again in a moment")]
    Contested,
    /// Nothing can be rolled back to.
    #[error("there is nothing to roll back to: {0}")]
    NoWayBack(String),
    /// A model cannot be compared with itself.
    #[error("both are the model {0}: name two different ones")]
    SameModel(Uuid),
    /// The model has nothing to compare.
    #[error(
        "the model {id} is in state \"{state}\", and only ready ones can be compared: {advice}"
    )]
    NothingToCompare {
        /// The model.
        id: Uuid,
        /// Where it stands.
        state: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// A field of a request is out of its range.
    #[error("{0}")]
    Range(&'static str),
    /// The policy makes no sense.
    #[error("{0}")]
    Policy(&'static str),
    /// The reason is too long.
    #[error("the reason has {0} characters: shorten it to at most 500")]
    Reason(usize),
    /// The process is asked to stop; the training starts again elsewhere.
    #[error("the training was interrupted because the service stops")]
    Interrupted,
    /// The training broke down without a word about the data.
    #[error("the training broke down: {0}")]
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
            Self::NoDataset(_) | Self::NoModel(_) | Self::NoAlias(_) => Code::NotFound,
            Self::DatasetImporting(_)
            | Self::DatasetFailed { .. }
            | Self::DatasetEmpty(_)
            | Self::NotReady { .. }
            | Self::Ended { .. }
            | Self::HeldBack { .. }
            | Self::NoWayBack(_)
            | Self::NothingToCompare { .. } => Code::FailedPrecondition,
            Self::Reason(_)
            | Self::Alias(_)
            | Self::ChampionAlias
            | Self::OverrideWithoutReason
            | Self::SameModel(_)
            | Self::Range(_)
            | Self::Policy(_) => Code::Invalid,
            Self::DatasetOnItsWay(_) | Self::Interrupted | Self::Contested => Code::Unavailable,
            Self::Broken(_) => Code::Internal,
            Self::Platform(error) => error.code(),
        }
    }
}

impl From<Error> for tonic::Status {
    fn from(error: Error) -> Self {
        platform::error::to_status(&error)
    }
}
