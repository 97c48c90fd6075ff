//! The rules of models: the states they go through, when one may take the place of another, and how a
//! stored model is told. Deliberately no I/O, and no learning: data and figures are only translated
//! from and for the learning core.

pub mod alias;
pub mod holdout;
pub mod labels;
pub mod losses;
pub mod retraining;
pub mod scores;
pub mod side_by_side;
pub mod snapshot;
pub mod tracking;

use chrono::{DateTime, Utc};
use platform::wire::timestamp;
use prost::Message as _;
use proto::training::{LossComparison, Model, ModelState};
use uuid::Uuid;

use crate::{Error, store::ModelRow};

/// Where a model is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Waiting for a worker.
    Queued,
    /// A worker is learning.
    Training,
    /// Ready to predict.
    Ready,
    /// Training failed.
    Failed,
    /// Somebody ended its training.
    Cancelled,
}

impl State {
    /// As it is stored.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Training => "training",
            Self::Ready => "ready",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// As it was stored; the table allows no other text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text {
            "queued" => Self::Queued,
            "training" => Self::Training,
            "ready" => Self::Ready,
            "cancelled" => Self::Cancelled,
            _ => Self::Failed,
        }
    }

    fn message(self) -> ModelState {
        match self {
            Self::Queued => ModelState::Queued,
            Self::Training => ModelState::Training,
            Self::Ready => ModelState::Ready,
            Self::Failed => ModelState::Failed,
            Self::Cancelled => ModelState::Cancelled,
        }
    }

    /// Lets only ready models pass.
    ///
    /// # Errors
    /// `NotReady`, with what to do instead.
    pub fn require_ready(self, id: Uuid) -> Result<(), Error> {
        let advice = match self {
            Self::Ready => return Ok(()),
            Self::Queued | Self::Training => "wait until its training has ended",
            Self::Failed => "train another one, see its problem for the reason",
            Self::Cancelled => "train another one",
        };
        Err(Error::NotReady {
            id,
            state: self.text(),
            advice,
        })
    }
}

/// Why a model should not be trusted further, one of whose imports was taken back at a time.
#[must_use]
pub fn stale_reason(undone_at: DateTime<Utc>) -> String {
    format!(
        "learned from an import that was taken back on {}: train again",
        undone_at.format("%Y-%m-%d")
    )
}

/// A stored model as it is told.
///
/// # Errors
/// Where what training found cannot be read back.
pub(crate) fn model_message(row: &ModelRow) -> Result<Model, Error> {
    let learned = match &row.learned {
        Some(bytes) => Model::decode(bytes.as_slice())?,
        None => Model::default(),
    };
    let state = State::of(&row.state);
    let user = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    Ok(Model {
        id: row.id.to_string(),
        dataset_id: row.dataset_id.to_string(),
        state: state.message() as i32,
        champion: row.aliases.iter().any(|name| name == alias::CHAMPION),
        stage: row.stage.clone(),
        progress: row.progress,
        problem: row.problem.clone(),
        created_at: Some(timestamp(row.created_at)),
        created_by: user(row.created_by),
        reason: row.reason.clone(),
        seed: row.seed.cast_unsigned(),
        started_at: row.started_at.map(timestamp),
        attempts: row.attempts.cast_unsigned(),
        finished_at: row.finished_at.map(timestamp),
        cancelled_by: user(row.cancelled_by),
        import_ids: row.import_ids.iter().map(Uuid::to_string).collect(),
        // One that is not there answers nothing that could mislead.
        stale_reason: match (row.stale_at, state) {
            (_, State::Failed | State::Cancelled) | (None, _) => String::new(),
            (Some(stale_at), _) => stale_reason(stale_at),
        },
        aliases: row.aliases.clone(),
        promoted_at: row.promoted_at.map(timestamp),
        promoted_by: user(row.promoted_by),
        promotion_reason: row.promotion_reason.clone().unwrap_or_default(),
        gate: match &row.gate {
            Some(bytes) => Some(LossComparison::decode(bytes.as_slice())?),
            None => None,
        },
        ..learned
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_as_they_were_stored() {
        use State as S;
        for state in [S::Queued, S::Training, S::Ready, S::Failed, S::Cancelled] {
            assert_eq!(State::of(state.text()), state);
        }
    }

    #[test]
    fn only_ready_models_pass() {
        let id = Uuid::nil();
        assert!(State::Ready.require_ready(id).is_ok());
        let refusal = State::Training.require_ready(id).unwrap_err().to_string();
        assert!(refusal.contains("\"training\""), "{refusal}");
        assert!(refusal.contains("wait"), "{refusal}");
    }

    #[test]
    fn only_models_that_may_answer_are_called_stale() {
        let row = |state: State| ModelRow {
            state: state.text().to_owned(),
            import_ids: vec![Uuid::max()],
            stale_at: Some(DateTime::UNIX_EPOCH),
            ..ModelRow::default()
        };
        let told = |state| model_message(&row(state)).unwrap();
        assert_eq!(
            told(State::Ready).stale_reason,
            "learned from an import that was taken back on 1970-01-01: train again"
        );
        assert_eq!(told(State::Failed).stale_reason, "");
        assert_eq!(told(State::Cancelled).stale_reason, "");
        assert_eq!(told(State::Ready).import_ids, [Uuid::max().to_string()]);
    }
}
