//! The units of work of prediction. Answers are computed before any transaction is opened, with what was last seen of
//! champion, policy and warnings; the ledger keeps them with those of others, if all of that still holds. Deliberately no
//! rules of fields: `domain` has them.

mod aliases;
mod changes;
mod comparisons;
mod decided;
mod drift;
mod explain;
mod export;
mod known;
mod ledger;
mod models;
mod outcomes;
mod policies;
mod retention;
mod shadow;
mod track_record;
mod webhooks;

use std::{
    sync::Arc,
    time::{Instant, SystemTime},
};

use bytes::Bytes;
use chrono::NaiveDate;
use platform::{
    Kit,
    audit::was_recorded,
    fair::{FairPermits, Room},
    telemetry::traceparent,
    wire::timestamp,
};
use prost::Message as _;
use proto::{
    prediction::{Prediction, PredictionMade, QuoteInput},
    rpc::{Caller, Context},
};
use tracing::Span;
use uuid::Uuid;

use crate::{
    Error,
    commands::{
        drift::DriftWatch,
        known::LastSeen,
        ledger::{Entry, Kept, Ledger, Standing, before_this},
        models::{Loaded, Models},
        policies::Policies,
        shadow::Challengers,
    },
    domain::{
        self, Ids,
        answer::{self, Answer, Asked, Wanted},
        comparison::{Comparison, day},
        contributions::kept_detail,
        fields::{self, Past},
        messages::evidence_text,
        once::{KEPT, Once},
        policy::Policy,
    },
    store::{self, PredictionRow},
};

pub use retention::{RetentionBell, expire};
pub use webhooks::Webhooks;

type Result<T> = std::result::Result<T, Error>;

/// Requests that may wait for a processor.
const ROOM: Room = Room {
    of_one: 512,
    of_all: 2048,
};

/// What prediction can do.
#[derive(Debug, Clone)]
pub struct Commands {
    kit: Kit,
    models: Models,
    policies: Policies,
    ids: Ids,
    challengers: Challengers,
    seen: LastSeen,
    ledger: Ledger,
    /// As many as there are processors, so that what is computed takes turns among tenants.
    processors: FairPermits,
    drift_watch: DriftWatch,
    retention_bell: RetentionBell,
}

impl Commands {
    pub fn new(kit: &Kit) -> Self {
        let seen = LastSeen::default();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            kit: kit.clone(),
            models: Models::new(kit, &seen),
            policies: Policies::new(kit),
            ids: Ids::default(),
            challengers: Challengers::default(),
            ledger: Ledger::new(kit),
            processors: FairPermits::new(processors, ROOM),
            seen,
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
    ) -> Result<Vec<Told>> {
        domain::check_quotes(&quotes)?;
        let tenant = caller.tenant_id;
        let key = context.idempotency_key.as_deref();
        let once = key.map(|key| Once::new(key, model_id, &quotes, wanted));
        let once = once.transpose()?;
        if let Some(once) = &once
            && let Some(ids) = self.answered_before(tenant, once).await?
        {
            return self.read_again(tenant, &ids).await;
        }
        let mut quotes = quotes;
        loop {
            if context.deadline.is_some_and(|at| at < SystemTime::now()) {
                return Err(Error::Late);
            }
            let coming = self.ledger.announce(tenant);
            let question = self.question(context, tenant, model_id, wanted).await?;
            let (model_id_now, policy_version) = (question.model.id, question.policy.version);
            let as_of = question.as_of;
            let (asked, answers) = self.compute(tenant, question, quotes).await?;
            quotes = asked;
            let stale_reason = self.seen.stale_reason(tenant, model_id_now);
            let mut rows = Vec::with_capacity(quotes.len());
            let mut news = Vec::with_capacity(quotes.len());
            let mut told = Vec::with_capacity(quotes.len());
            for (quote, mut answer) in quotes.iter().zip(answers) {
                let stale = answer::stale(&stale_reason);
                answer.prediction.warnings.splice(0..0, stale);
                answer::flag_drift(&mut answer.prediction, &stale_reason);
                let (row, made, as_told) = self.keep(caller, model_id_now, quote, answer, as_of)?;
                rows.push(row);
                news.push(made);
                told.push(as_told);
            }
            let entry = Entry {
                context: context.clone(),
                span: Span::current(),
                traceparent: traceparent(),
                model_id: model_id_now,
                as_champion: model_id.is_none(),
                policy_version,
                stale_reason,
                once: once.clone(),
                rows,
                news,
            };
            match self.ledger.keep(coming, entry).await? {
                Kept::Now => {
                    // Its entry was committed with those of others, in another task.
                    was_recorded();
                    return Ok(told);
                }
                Kept::Before(ids) => return self.read_again(tenant, &ids).await,
                Kept::Outdated(standing) => {
                    self.look_again(tenant, model_id_now, policy_version, &standing)
                        .await?;
                }
            }
        }
    }

    /// Loads a model before it is asked.
    pub async fn warm(&self, tenant: Uuid, id: Uuid) -> Result<()> {
        self.models.warm(tenant, id).await
    }

    /// What answers now, as far as it was last seen.
    async fn question(
        &self,
        context: &Context,
        tenant: Uuid,
        model_id: Option<Uuid>,
        wanted: Wanted,
    ) -> Result<Ask> {
        let model = self.models.find(context, tenant, model_id).await?;
        let comparison = match wanted.needs_past_quotes() {
            true => self.models.comparison(tenant, &model).await?,
            false => None,
        };
        Ok(Ask {
            model,
            comparison,
            policy: self.policies.usual(tenant),
            as_of: self.kit.clock.now().date_naive(),
            wanted,
        })
    }

    /// Answers quotes, in turn with what others ask, and hands them back. Off the async threads, where they would hold up
    /// every step of the transactions of others; but for single ones of a model that takes less than the way there and back.
    async fn compute(
        &self,
        tenant: Uuid,
        question: Ask,
        quotes: Vec<QuoteInput>,
    ) -> Result<(Vec<QuoteInput>, Vec<Answer>)> {
        let _permit = self
            .processors
            .acquire(tenant)
            .await
            .map_err(|_| Error::Busy)?;
        if quotes.len() > 1 || question.wanted.needs_past_quotes() {
            return question.of(quotes).await;
        }
        match question.model.pace.is_quick() {
            true => question.answer_one(quotes),
            false => off_thread(move || question.answer_one(quotes)).await,
        }
    }

    /// Takes in what holds instead of what was last seen.
    async fn look_again(
        &self,
        tenant: Uuid,
        model_id: Uuid,
        policy_version: u64,
        standing: &Standing,
    ) -> Result<()> {
        self.seen.note_champion(tenant, standing.champion);
        self.seen
            .note_stale(tenant, model_id, &standing.stale_reason);
        if standing.policy_version != policy_version {
            self.policies.read(tenant).await?;
        }
        Ok(())
    }

    /// The predictions that answered the same call before, where one did.
    async fn answered_before(&self, tenant: Uuid, once: &Once) -> Result<Option<Vec<Uuid>>> {
        let since = self.kit.clock.now() - KEPT;
        let mut tx = self.kit.database().begin(tenant).await?;
        let known = store::find_requests(&mut tx, &[&once.key], since).await?;
        tx.commit().await?;
        let known = known.first().map(|known| before_this(once, known));
        known.transpose()
    }

    /// Predictions as they were told.
    async fn read_again(&self, tenant: Uuid, ids: &[Uuid]) -> Result<Vec<Told>> {
        let times = ids
            .iter()
            .map(|id| domain::created_at(*id).ok_or(Error::NoPrediction(*id)));
        let times = times.collect::<Result<Vec<_>>>()?;
        let mut tx = self.kit.database().begin(tenant).await?;
        let kept = store::find_predictions(&mut tx, ids, &times).await?;
        tx.commit().await?;
        let read = |id: &Uuid| {
            let row = kept.iter().find(|row| row.id == *id);
            let row = row.ok_or(Error::NoPrediction(*id))?;
            let prediction = kept_detail(&row.detail)?.encode_to_vec().into();
            Ok(Told {
                id: *id,
                prediction,
            })
        };
        ids.iter().map(read).collect()
    }

    /// Gives an answer its identity.
    fn keep(
        &self,
        caller: &Caller,
        model_id: Uuid,
        quote: &QuoteInput,
        answer: Answer,
        as_of: NaiveDate,
    ) -> Result<(PredictionRow, PredictionMade, Told)> {
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
        let (input, input_hash) = fields::kept_input(quote)?;
        let (told, detail) = answer.contributions.beside(&prediction);
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
            detail,
            created_by: caller.user_id,
            as_of,
            derived: answer.derived,
        };
        let told = Told {
            id,
            prediction: told,
        };
        Ok((row, answer::made(&prediction), told))
    }

    pub async fn get_prediction(&self, caller: &Caller, id: Uuid) -> Result<Prediction> {
        let created_at = domain::created_at(id).ok_or(Error::NoPrediction(id))?;
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let detail = store::find_prediction(&mut tx, id, created_at).await?;
        tx.commit().await?;
        let detail = detail.ok_or(Error::NoPrediction(id))?;
        Ok(kept_detail(&detail)?)
    }
}

/// A prediction as it is told.
#[derive(Debug)]
pub struct Told {
    pub id: Uuid,
    /// The prediction, encoded.
    pub prediction: Bytes,
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
    /// Answers quotes off the async threads, and hands them back.
    async fn of(self, quotes: Vec<QuoteInput>) -> Result<(Vec<QuoteInput>, Vec<Answer>)> {
        off_thread(move || self.answer(quotes)).await
    }

    /// Answers a single quote here and now, hands it back, and notes how long it took.
    fn answer_one(&self, quotes: Vec<QuoteInput>) -> Result<(Vec<QuoteInput>, Vec<Answer>)> {
        let begun = Instant::now();
        let answered = self.answer(quotes);
        self.model.pace.note(begun.elapsed());
        answered
    }

    /// Answers quotes here and now, and hands them back.
    fn answer(&self, quotes: Vec<QuoteInput>) -> Result<(Vec<QuoteInput>, Vec<Answer>)> {
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
    }
}

/// Computes where it holds up nobody.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let span = Span::current();
    tokio::task::spawn_blocking(move || span.in_scope(work))
        .await
        .map_err(|error| Error::Broken(error.to_string()))?
}
