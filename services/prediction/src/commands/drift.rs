//! Checks for drift: with every hundred predictions of a model at most once a minute, and when asked for. Deliberately behind
//! the stream of predictions, where it holds up nobody, and with one word for the way of predictions: what is said against the
//! model.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use platform::{consumer::Delivered, error::chain, page::parse_id};
use prost::Message as _;
use proto::{
    prediction::{DriftEnded, DriftReport, PredictionMade},
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{Commands, Result, off_thread};
use crate::{
    Error,
    domain::drift::{self, Evidence, LOOKED_AT, RECENT, Recent, detected, reason, same_findings},
    store::{self, RecentRow},
};

/// Predictions of a model from one check to the next.
const EVERY: u32 = 100;
/// Shortest time from one check to the next.
const SHORTEST: Duration = Duration::from_secs(60);
/// Models watched at most.
const MOST_MODELS: usize = 10_000;

/// Counts the predictions of models since they were last checked, in this process.
#[derive(Debug, Clone, Default)]
pub struct DriftWatch(Arc<Mutex<HashMap<(Uuid, Uuid), Watched>>>);

#[derive(Debug, Default)]
struct Watched {
    predictions: u32,
    checked: Option<Instant>,
}

impl DriftWatch {
    /// Counts a prediction; true where a check is due, which is then taken as done.
    fn is_due(&self, tenant: Uuid, model: Uuid, now: Instant) -> bool {
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if watched.len() >= MOST_MODELS {
            watched.clear();
        }
        let watched = watched.entry((tenant, model)).or_default();
        watched.predictions = watched.predictions.saturating_add(1);
        let rested = watched
            .checked
            .is_none_or(|checked| now.saturating_duration_since(checked) >= SHORTEST);
        let due = watched.predictions >= EVERY && rested;
        if due {
            *watched = Watched {
                predictions: 0,
                checked: Some(now),
            };
        }
        due
    }
}

impl Commands {
    /// Counts predictions, and checks their models where that is due. What fails is told to the log alone: the next hundred
    /// predictions bring the next check.
    pub async fn watch_drift(&self, delivered: &Delivered<PredictionMade>) {
        let tenant = delivered.tenant;
        for event in delivered.events() {
            let Ok(model_id) = parse_id("model_id", &event.model_id) else {
                continue;
            };
            if !self.drift_watch.is_due(tenant, model_id, Instant::now()) {
                continue;
            }
            let context = Context::system("drift");
            if let Err(error) = self.check(&context, tenant, Some(model_id)).await {
                tracing::warn!(error = %chain(&error), model = %model_id, "a model could not be checked for drift");
            }
        }
    }

    /// The last check, of which viewers may read; so nothing is asked of training, of which they may not.
    pub async fn get_drift(&self, caller: &Caller, model_id: Option<Uuid>) -> Result<DriftReport> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let model = match model_id {
            Some(id) => store::find_model(&mut tx, id)
                .await?
                .ok_or(Error::NoModel(id))?,
            None => store::find_champion(&mut tx)
                .await?
                .ok_or(Error::NoChampion)?,
        };
        let report = store::find_drift_report(&mut tx, model.id).await?;
        tx.commit().await?;
        let report = report.ok_or(Error::NotChecked(model.id))?;
        Ok(DriftReport::decode(report.as_slice())?)
    }

    pub async fn check_drift(
        &self,
        context: &Context,
        caller: &Caller,
        model_id: Option<Uuid>,
    ) -> Result<DriftReport> {
        self.check(context, caller.tenant_id, model_id).await
    }

    async fn check(
        &self,
        context: &Context,
        tenant: Uuid,
        model_id: Option<Uuid>,
    ) -> Result<DriftReport> {
        let model = self.models.find(context, tenant, model_id).await?;
        let comparison = self.models.comparison(tenant, &model).await?;
        let evidence = self.evidence(tenant, model.id).await?;
        let (id, now) = (model.id, self.kit.clock.now());
        let mut report = off_thread(move || {
            let of = drift::Checked {
                id: model.id,
                model: &model.model,
                fields: &model.fields,
                history: &model.history,
                past: comparison.as_ref().map(|comparison| &comparison.quotes),
            };
            drift::check(&of, evidence, now)
        })
        .await?;
        let mut tx = self.kit.database().begin(tenant).await?;
        store::claim_drift(&mut tx, id).await?;
        let before = match store::find_drift_report(&mut tx, id).await? {
            Some(bytes) => DriftReport::decode(bytes.as_slice())?,
            None => DriftReport::default(),
        };
        if report.drifting && before.drifting {
            report.drifting_since = before.drifting_since;
        }
        let bytes = report.encode_to_vec();
        store::update_drift_report(&mut tx, id, &bytes, &reason(&report)).await?;
        if !same_findings(&before, &report) {
            if report.drifting {
                tx.publish(&detected(&report)).await?;
            } else {
                let ended = DriftEnded {
                    model_id: report.model_id.clone(),
                    checked_at: report.checked_at,
                };
                tx.publish(&ended).await?;
            }
        }
        if context.caller.is_some() {
            tx.audit(context, "prediction.check_drift", id).await?;
        }
        tx.commit().await?;
        Ok(report)
    }

    async fn evidence(&self, tenant: Uuid, model_id: Uuid) -> Result<Evidence> {
        let mut tx = self.kit.database().begin(tenant).await?;
        let recent = store::list_recent(&mut tx, model_id, LOOKED_AT).await?;
        let most = i64::try_from(RECENT).unwrap_or(i64::MAX);
        let decided = store::list_decided_answers(&mut tx, model_id, most).await?;
        tx.commit().await?;
        let of = |row: RecentRow| Recent {
            quote_ref: row.quote_ref,
            predicted_at: row.created_at,
            probability: row.win_probability,
            input: row.input,
        };
        Ok(Evidence {
            recent: recent.into_iter().map(of).collect(),
            decided,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hundredth_prediction_brings_a_check_but_not_twice_a_minute() {
        let (watch, tenant, model) = (DriftWatch::default(), Uuid::nil(), Uuid::max());
        let start = Instant::now();
        let hundred = |at| (0..100).filter(|_| watch.is_due(tenant, model, at)).count();
        assert_eq!(hundred(start), 1);
        assert_eq!(hundred(start + SHORTEST / 2), 0);
        assert!(
            watch.is_due(tenant, model, start + SHORTEST),
            "what was counted waits"
        );
        assert_eq!(hundred(start + SHORTEST), 0);
        assert_eq!(
            (0..99)
                .filter(|_| watch.is_due(model, tenant, start))
                .count(),
            0
        );
    }
}
