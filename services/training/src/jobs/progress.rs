//! How far a training is, told to readers of the model and to subscribers, not too often.
//! Deliberately never an error: a training does not fail because its news do.

use std::time::{Duration, Instant};

use ml::{Progress, Stage};
use platform::{Kit, error::chain};
use proto::training::TrainingProgressed;
use uuid::Uuid;

use crate::{Error, domain::scores::stage_text, jobs::running::Stop, store};

/// Least time between two pieces of news of one stage.
const PAUSE: Duration = Duration::from_millis(300);

/// Tells how far one training is.
#[derive(Debug)]
pub struct Reporter<'a> {
    kit: &'a Kit,
    tenant: Uuid,
    model: Uuid,
    last: Option<(Stage, Instant)>,
}

impl<'a> Reporter<'a> {
    /// A reporter that has told nothing yet.
    pub fn new(kit: &'a Kit, tenant: Uuid, model: Uuid) -> Self {
        Self {
            kit,
            tenant,
            model,
            last: None,
        }
    }

    /// Tells it, unless the same stage was told a moment ago; stops the training where it turns out to
    /// be over for everybody else.
    pub async fn report(&mut self, progress: Progress, stop: &Stop) {
        if !is_news(self.last, progress.stage, Instant::now()) {
            return;
        }
        match self.write(progress).await {
            Ok(true) => {}
            Ok(false) => stop.stop(),
            Err(error) => {
                tracing::warn!(error = %chain(&error), model = %self.model, "progress could not be told");
            }
        }
        self.last = Some((progress.stage, Instant::now()));
    }

    /// False where the training is cancelled, or finished by another worker.
    async fn write(&self, progress: Progress) -> Result<bool, Error> {
        let stage = stage_text(progress.stage);
        let mut tx = self.kit.database().begin(self.tenant).await?;
        let goes_on =
            store::update_model_progress(&mut tx, self.model, stage, progress.fraction).await?;
        if goes_on {
            tx.publish(&TrainingProgressed {
                model_id: self.model.to_string(),
                stage: stage.to_owned(),
                progress: progress.fraction,
            })
            .await?;
        }
        tx.commit().await?;
        Ok(goes_on)
    }
}

fn is_news(last: Option<(Stage, Instant)>, stage: Stage, now: Instant) -> bool {
    last.is_none_or(|(told, at)| told != stage || now.duration_since(at) >= PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_told_at_once_and_then_seldom() {
        let now = Instant::now();
        assert!(is_news(None, Stage::Folding, now));
        let last = Some((Stage::Folding, now));
        assert!(!is_news(last, Stage::Folding, now + PAUSE / 2));
        assert!(is_news(last, Stage::Fitting, now + PAUSE / 2));
        assert!(is_news(last, Stage::Folding, now + PAUSE));
    }
}
