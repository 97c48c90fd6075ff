//! The units of work of prediction. Answers are computed before the transaction is opened, which then
//! adds what warns of the model, and holds rows, news and the audit entry. Deliberately no rules of fields: `domain` has them.

mod aliases;
mod changes;
mod comparisons;
mod decided;
mod drift;
mod explain;
mod export;
mod models;
mod outcomes;
mod policies;
mod retention;
mod shadow;
mod track_record;

use std::sync::Arc;

use chrono::NaiveDate;
use platform::{Kit, wire::timestamp};
use prost::Message as _;
use proto::{
    prediction::{Prediction, QuoteInput},
    rpc::{Caller, Context},
};
use uuid::Uuid;

use crate::{
    Error,
    commands::{
        drift::DriftWatch,
        models::{Loaded, Models},
        policies::Policies,
        shadow::Challengers,
    },
    domain::{
        self, Ids,
        answer::{self, Answer, Asked, Wanted},
        comparison::{Comparison, day},
        fields::{self, Past},
        messages::evidence_text,
        policy::Policy,
    },
    store::{self, PredictionRow},
};

pub use retention::{RetentionBell, expire};

type Result<T> = std::result::Result<T, Error>;

/// What prediction can do.
#[derive(Debug, Clone)]
pub struct Commands {
    kit: Kit,
    models: Models,
    policies: Policies,
    ids: Ids,
    challengers: Challengers,
    drift_watch: DriftWatch,
    retention_bell: RetentionBell,
}

impl Commands {
    pub fn new(kit: &Kit) -> Self {
        Self {
            kit: kit.clone(),
            models: Models::new(kit),
            policies: Policies::new(kit),
            ids: Ids::default(),
            challengers: Challengers::default(),
            drift_watch: DriftWatch::default(),
            retention_bell: RetentionBell::default(),
        }
    }

    /// Predicts quotes with a model, or with the champion; all of them or none.
    pub async fn predict(
        &self,
        context: &Context,
        caller: &Caller,
        model_id: Option<Uuid>,
        quotes: Vec<QuoteInput>,
        wanted: Wanted,
    ) -> Result<Vec<Prediction>> {
        domain::check_quotes(&quotes)?;
        let tenant = caller.tenant_id;
        let model = self.models.find(context, tenant, model_id).await?;
        let comparison = if wanted.needs_past_quotes() {
            self.models.comparison(tenant, &model).await?
        } else {
            None
        };
        let as_of = self.kit.clock.now().date_naive();
        let mut quotes = quotes;
        let mut policy = self.policies.usual(tenant);
        let (mut tx, answers, stale_reason) = loop {
            let question = Ask {
                model: Arc::clone(&model),
                comparison: comparison.clone(),
                policy: Arc::clone(&policy),
                as_of,
                wanted,
            };
            let (asked, answers) = question.of(quotes).await?;
            quotes = asked;
            let mut tx = self.kit.database().begin(tenant).await?;
            // Asked each time: what is in memory does not hear that the model was flagged, or the policy changed.
            let standing = store::find_standing(&mut tx, model.id).await?;
            if standing.policy_version.cast_unsigned() == policy.version {
                break (tx, answers, standing.stale_reason);
            }
            policy = self.policies.in_force(&mut tx).await?;
            tx.commit().await?;
        };
        let mut rows = Vec::with_capacity(quotes.len());
        let mut predictions = Vec::with_capacity(quotes.len());
        for (quote, mut answer) in quotes.iter().zip(answers) {
            let stale = answer::stale(&stale_reason);
            answer.prediction.warnings.splice(0..0, stale);
            answer::flag_drift(&mut answer.prediction, &stale_reason);
            let (row, prediction) = self.keep(caller, model.id, quote, answer, as_of)?;
            rows.push(row);
            predictions.push(prediction);
        }
        store::insert_predictions(&mut tx, &rows).await?;
        let news: Vec<_> = predictions.iter().map(answer::made).collect();
        tx.publish_all(&news).await?;
        // One entry for the request; the rows name the user and the model each.
        tx.audit(context, "prediction.predict", model.id).await?;
        tx.commit().await?;
        Ok(predictions)
    }

    /// Gives an answer its identity.
    fn keep(
        &self,
        caller: &Caller,
        model_id: Uuid,
        quote: &QuoteInput,
        answer: Answer,
        as_of: NaiveDate,
    ) -> Result<(PredictionRow, Prediction)> {
        let id = self.ids.next(self.kit.clock.now());
        let created_at = domain::created_at(id)
            .ok_or_else(|| Error::Broken("an id without a time was made".to_owned()))?;
        let prediction = Prediction {
            id: id.to_string(),
            model_id: model_id.to_string(),
            quote_ref: quote.quote_ref.clone(),
            created_at: Some(timestamp(created_at)),
            created_by: caller.user_id.to_string(),
            ..answer.prediction
        };
        let (input, input_hash) = fields::kept_input(quote);
        let row = PredictionRow {
            id,
            created_at,
            model_id,
            quote_ref: quote.quote_ref.clone(),
            win_probability: prediction.win_probability,
            low: prediction.win_probability_low,
            high: prediction.win_probability_high,
            evidence: evidence_text(prediction.evidence()),
            input,
            input_hash,
            detail: prediction.encode_to_vec(),
            created_by: caller.user_id,
            as_of,
            derived: answer.derived,
        };
        Ok((row, prediction))
    }

    pub async fn get_prediction(&self, caller: &Caller, id: Uuid) -> Result<Prediction> {
        let created_at = domain::created_at(id).ok_or(Error::NoPrediction(id))?;
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let detail = store::find_prediction(&mut tx, id, created_at).await?;
        tx.commit().await?;
        let detail = detail.ok_or(Error::NoPrediction(id))?;
        Ok(Prediction::decode(detail.as_slice())?)
    }
}

/// A question, ready to be answered off the async threads.
struct Ask {
    model: Arc<Loaded>,
    comparison: Option<Arc<Comparison>>,
    policy: Arc<Policy>,
    as_of: NaiveDate,
    wanted: Wanted,
}

impl Ask {
    /// Answers quotes, and hands them back.
    async fn of(self, quotes: Vec<QuoteInput>) -> Result<(Vec<QuoteInput>, Vec<Answer>)> {
        off_thread(move || {
            let asked = Asked {
                model: &self.model.model,
                fields: &self.model.fields,
                past: Past {
                    history: &self.model.history,
                    today: day(self.as_of),
                },
                policy: &self.policy,
                comparison: self.comparison.as_deref(),
            };
            let answers = answer::answer(&asked, &quotes, self.wanted)?;
            Ok((quotes, answers))
        })
        .await
    }
}

/// Computes where it holds up nobody.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
        .await
        .map_err(|error| Error::Broken(error.to_string()))?
}
