//! The challenger in the champion's shadow: it is asked what the champion was asked, once that is answered,
//! and its answers are kept. Deliberately behind the stream of predictions and not on the way of those
//! who ask, so that it costs them nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use platform::{consumer::Delivered, page::parse_id, wire::timestamp};
use proto::{
    prediction::PredictionMade,
    rpc::{Caller, Context},
    training::ShadowComparison,
};
use uuid::Uuid;

use super::{Ask, Commands, Result};
use crate::{
    Error,
    domain::{self, answer::Wanted, fields},
    store::{self, ShadowRow},
};

/// The model that answers in the shadow.
const CHALLENGER: &str = "challenger";
/// How long it is remembered which model that is, so that those who have none pay nothing for it.
const REMEMBERED: Duration = Duration::from_secs(2);
/// Tenants remembered at most.
const MOST_TENANTS: usize = 10_000;

/// Which model is the challenger of whom, for a moment.
#[derive(Debug, Clone, Default)]
pub struct Challengers(Arc<Mutex<Known>>);

/// The challengers of tenants, and since when that is known.
type Known = HashMap<Uuid, (Instant, Option<Uuid>)>;

impl Challengers {
    fn remembered(&self, tenant: Uuid) -> Option<Option<Uuid>> {
        let known = self.lock();
        let (since, challenger) = known.get(&tenant)?;
        (since.elapsed() < REMEMBERED).then_some(*challenger)
    }

    fn remember(&self, tenant: Uuid, challenger: Option<Uuid>) {
        let mut known = self.lock();
        if known.len() >= MOST_TENANTS {
            known.clear();
        }
        known.insert(tenant, (Instant::now(), challenger));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Commands {
    /// Asks the challenger what the champion was asked, where there is one.
    pub async fn shadow(&self, delivered: &Delivered<PredictionMade>) -> Result<()> {
        let tenant = delivered.tenant;
        let challenger = match self.challengers.remembered(tenant) {
            Some(challenger) => challenger,
            None => self.find_challenger(tenant).await?,
        };
        let Some(challenger) = challenger else {
            return Ok(());
        };
        let mut rows = Vec::new();
        for event in delivered.events() {
            rows.extend(self.shadow_answer(tenant, challenger, event).await?);
        }
        // A row that is there already stays as it is, so that nothing needs to be claimed.
        let mut tx = self.kit.database().begin(tenant).await?;
        for row in &rows {
            store::insert_shadow_answer(&mut tx, row).await?;
        }
        Ok(tx.commit().await?)
    }

    /// What the challenger says where the champion answered; nothing where another model did, or where the challenger
    /// cannot.
    async fn shadow_answer(
        &self,
        tenant: Uuid,
        challenger: Uuid,
        event: &PredictionMade,
    ) -> Result<Option<ShadowRow>> {
        let id = parse_id("prediction_id", &event.prediction_id)?;
        let created_at = domain::created_at(id).ok_or(Error::NoPrediction(id))?;
        let mut tx = self.kit.database().begin(tenant).await?;
        let champion = store::find_champion(&mut tx).await?;
        let asked = store::find_asked(&mut tx, id, created_at).await?;
        tx.commit().await?;
        let (Some(champion), Some(asked)) = (champion, asked) else {
            return Ok(None);
        };
        // Other models have no shadow.
        if asked.model_id != champion.id || asked.model_id == challenger {
            return Ok(None);
        }
        let context = Context::system(&event.prediction_id);
        let model = self.models.find(&context, tenant, Some(challenger)).await?;
        let quote = fields::sent_input(&asked.input, &event.quote_ref)?;
        let question = Ask {
            model,
            comparison: None,
            policy: self.policies.usual(tenant),
            as_of: created_at.date_naive(),
            wanted: Wanted::default(),
        };
        let answer = match question.of(vec![quote]).await {
            Ok((_, mut answers)) => answers.pop(),
            // What the champion could read may be nothing to the challenger.
            Err(Error::InQuote { .. } | Error::NoKnownField(_)) => None,
            Err(error) => return Err(error),
        };
        Ok(answer.map(|answer| ShadowRow {
            prediction_id: id,
            created_at,
            model_id: asked.model_id,
            win_probability: asked.win_probability,
            shadow_model_id: challenger,
            shadow_win_probability: answer.prediction.win_probability,
        }))
    }

    async fn find_challenger(&self, tenant: Uuid) -> Result<Option<Uuid>> {
        let mut tx = self.kit.database().begin(tenant).await?;
        let challenger = store::find_alias(&mut tx, CHALLENGER).await?;
        tx.commit().await?;
        self.challengers.remember(tenant, challenger);
        Ok(challenger)
    }

    /// How far the answers of two models to the same questions were apart.
    pub async fn compare_shadow(
        &self,
        caller: &Caller,
        models: (Uuid, Uuid),
        threshold: f64,
    ) -> Result<ShadowComparison> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let found = store::find_apart(&mut tx, models, threshold).await?;
        tx.commit().await?;
        Ok(ShadowComparison {
            prediction_count: found.answers.cast_unsigned(),
            moved_count: found.moved.cast_unsigned(),
            threshold,
            mean_absolute_difference: found.mean_absolute.unwrap_or_default(),
            mean_difference: found.mean.unwrap_or_default(),
            largest_difference: found.largest.unwrap_or_default(),
            first_at: found.first_at.map(timestamp),
            last_at: found.last_at.map(timestamp),
            problem: String::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challengers_are_remembered_for_a_moment_only() {
        let (known, tenant, id) = (Challengers::default(), Uuid::nil(), Uuid::max());
        assert_eq!(known.remembered(tenant), None);
        known.remember(tenant, Some(id));
        assert_eq!(known.remembered(tenant), Some(Some(id)));
        known
            .lock()
            .insert(tenant, (Instant::now() - REMEMBERED, Some(id)));
        assert_eq!(known.remembered(tenant), None);
    }
}
