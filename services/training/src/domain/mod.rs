//! The rules of models: the states they go through, and how a stored model is told. Deliberately no
//! I/O, and no learning: `snapshot` and `scores` only translate for the learning core.

pub mod labels;
pub mod scores;
pub mod snapshot;

use chrono::{DateTime, Utc};
use platform::wire::timestamp;
use prost::Message as _;
use proto::training::{Model, ModelState};
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
        }
    }

    /// As it was stored; the table allows no other text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        match text {
            "queued" => Self::Queued,
            "training" => Self::Training,
            "ready" => Self::Ready,
            _ => Self::Failed,
        }
    }

    fn message(self) -> ModelState {
        match self {
            Self::Queued => ModelState::Queued,
            Self::Training => ModelState::Training,
            Self::Ready => ModelState::Ready,
            Self::Failed => ModelState::Failed,
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
    Ok(Model {
        id: row.id.to_string(),
        dataset_id: row.dataset_id.to_string(),
        state: State::of(&row.state).message() as i32,
        champion: row.champion,
        stage: row.stage.clone(),
        progress: row.progress,
        problem: row.problem.clone(),
        created_at: Some(timestamp(row.created_at)),
        created_by: row.created_by.to_string(),
        finished_at: row.finished_at.map(timestamp),
        import_ids: row.import_ids.iter().map(Uuid::to_string).collect(),
        // A failed one answers nothing that could mislead.
        stale_reason: match (row.stale_at, State::of(&row.state)) {
            (Some(stale_at), state) if state != State::Failed => stale_reason(stale_at),
            _ => String::new(),
        },
        ..learned
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_come_back_as_they_were_stored() {
        for state in [State::Queued, State::Training, State::Ready, State::Failed] {
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
            id: Uuid::nil(),
            dataset_id: Uuid::nil(),
            seed: 0,
            state: state.text().to_owned(),
            stage: String::new(),
            progress: 0.0,
            problem: String::new(),
            created_at: DateTime::UNIX_EPOCH,
            created_by: Uuid::nil(),
            finished_at: None,
            learned: None,
            champion: false,
            import_ids: vec![Uuid::max()],
            stale_at: Some(DateTime::UNIX_EPOCH),
        };
        let told = |state| model_message(&row(state)).unwrap();
        assert_eq!(
            told(State::Ready).stale_reason,
            "learned from an import that was taken back on 1970-01-01: train again"
        );
        assert_eq!(told(State::Failed).stale_reason, "");
        assert_eq!(told(State::Ready).import_ids, [Uuid::max().to_string()]);
    }
}
