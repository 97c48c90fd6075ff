//! Outcomes recorded, corrected and read, and people's estimates beside them. Deliberately one way for callers and imports, so
//! that what is corrected by one is history to the other, and nothing counts twice.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use platform::{TenantTx, wire::timestamp};
use prost::Message as _;
use proto::{
    prediction::{
        AdviceFollowed, AdviceTaken, Estimate, FieldValue, GetOutcomeResponse, JudgedPrediction,
        Outcome, OutcomeInput, OutcomeRecorded, OutcomeSource, Prediction, QuoteOutcome,
        RecordEffect, RecordedOutcome,
    },
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{Commands, Result};
use crate::{
    Error,
    domain::{
        advice::{advises, taken},
        fields::sent_input,
        outcomes::{
            NewOutcome, Standing, check_estimates, check_outcomes, check_quote_ref, recorded,
            state_of, state_word,
        },
    },
    store::{self, AdviceRow, EarlierRow, EstimateRow, JudgedRow, OutcomeRow},
};

/// Predictions of a quote in which the first recommendation is looked for.
const LOOKED_AT: i64 = 5;

/// Who tells an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Teller {
    /// A user.
    User(Uuid),
    /// An import of a dataset.
    Import(Uuid),
}

impl Commands {
    /// Records what a caller tells.
    pub async fn record_outcomes(
        &self,
        context: &Context,
        caller: &Caller,
        told: Vec<OutcomeInput>,
    ) -> Result<Vec<RecordedOutcome>> {
        let new = check_outcomes(told, self.kit.clock.now())?;
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        store::claim_outcomes(&mut tx).await?;
        let done = self
            .record(&mut tx, context, Teller::User(caller.user_id), &new)
            .await?;
        tx.audit(context, "prediction.record_outcomes", caller.tenant_id)
            .await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Records outcomes, each of another quote, in a unit of work that has claimed them.
    pub async fn record(
        &self,
        tx: &mut TenantTx,
        context: &Context,
        teller: Teller,
        new: &[NewOutcome],
    ) -> Result<Vec<RecordedOutcome>> {
        let quotes: Vec<String> = new.iter().map(|new| new.quote_ref.clone()).collect();
        let known = by_quote(store::list_outcomes(tx, &quotes).await?, |row| {
            &row.quote_ref
        });
        let now = self.kit.clock.now();
        let (mut effects, mut written, mut rejoined) = (Vec::new(), Vec::new(), Vec::new());
        for new in new {
            let before = known.get(&new.quote_ref).and_then(|rows| rows.first());
            let standing = before.map(standing);
            let (effect, after) = recorded(standing.as_ref(), new);
            let row = match before {
                Some(before) if effect == RecordEffect::Unchanged => before.clone(),
                _ => row(&new.quote_ref, &after, teller, now),
            };
            if effect != RecordEffect::Unchanged {
                written.push(row.clone());
            }
            // A repetition may still tell what the quote was like in the end.
            if effect != RecordEffect::Unchanged || !new.final_fields.is_empty() {
                rejoined.push((new, after.decided_at));
            }
            effects.push((effect, row, before.map(|row| row.state.clone())));
        }
        store::update_outcomes(tx, &written).await?;
        self.rejoin(tx, context, &rejoined).await?;
        let judged = by_quote(store::list_judged(tx, &quotes).await?, |row| &row.quote_ref);
        let nothing = Vec::new();
        let judged_of = |quote_ref: &String| judged.get(quote_ref).unwrap_or(&nothing);
        let news: Vec<OutcomeRecorded> = effects
            .iter()
            .filter(|(effect, ..)| *effect != RecordEffect::Unchanged)
            .map(|(_, row, before)| event(row, before.as_deref(), judged_of(&row.quote_ref)))
            .collect();
        tx.publish_all(&news).await?;
        Ok(effects
            .iter()
            .map(|(effect, row, _)| RecordedOutcome {
                effect: *effect as i32,
                outcome: Some(outcome(row)),
                predictions: judged_of(&row.quote_ref)
                    .iter()
                    .map(judged_message)
                    .collect(),
            })
            .collect())
    }

    /// Joins quotes to what had been said of them.
    async fn rejoin(
        &self,
        tx: &mut TenantTx,
        context: &Context,
        rejoined: &[(&NewOutcome, DateTime<Utc>)],
    ) -> Result<()> {
        let quotes: Vec<String> = rejoined
            .iter()
            .map(|(new, _)| new.quote_ref.clone())
            .collect();
        let decided: Vec<DateTime<Utc>> = rejoined.iter().map(|(_, at)| *at).collect();
        store::update_judged(tx, &quotes, &decided).await?;
        let earlier = by_quote(
            store::list_earlier(tx, &quotes, &decided, LOOKED_AT).await?,
            |row| &row.quote_ref,
        );
        let mut advice = Vec::new();
        for (new, _) in rejoined {
            let rows = earlier.get(&new.quote_ref).map_or(&[][..], Vec::as_slice);
            let tenant = tx.tenant();
            advice.extend(self.advice(context, tenant, new, rows).await?);
        }
        store::update_advice(tx, &quotes, &advice).await
    }

    /// What became of the first recommendation that was given for a quote.
    async fn advice(
        &self,
        context: &Context,
        tenant: Uuid,
        new: &NewOutcome,
        earlier: &[EarlierRow],
    ) -> Result<Option<AdviceRow>> {
        for row in earlier {
            let prediction = Prediction::decode(row.detail.as_slice())?;
            if !advises(&prediction) {
                continue;
            }
            let model = match self.models.find(context, tenant, Some(row.model_id)).await {
                Ok(model) => model,
                // Without the model nobody knows how the fields are read.
                Err(Error::ModelGone(_)) => return Ok(None),
                Err(error) => return Err(error),
            };
            let sent = sent_input(&row.input, &row.quote_ref)?;
            let last: Option<HashMap<String, FieldValue>> = match &row.last_input {
                _ if !new.final_fields.is_empty() => Some(new.final_fields.clone()),
                Some(last) => Some(sent_input(last, &row.quote_ref)?.fields),
                None => None,
            };
            let found = taken(&prediction, &sent, &model.fields, last.as_ref());
            return Ok(found.map(|found| AdviceRow {
                quote_ref: row.quote_ref.clone(),
                prediction_id: row.id,
                model_id: row.model_id,
                followed: followed_word(found.followed()).to_owned(),
                statement: found.statement,
                win_probability: found.win_probability,
                promised_probability: found.promised_probability,
            }));
        }
        Ok(None)
    }

    pub async fn get_outcome(
        &self,
        caller: &Caller,
        quote_ref: String,
    ) -> Result<GetOutcomeResponse> {
        check_quote_ref(&quote_ref)?;
        let quotes = [quote_ref];
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let found = store::list_outcomes(&mut tx, &quotes).await?;
        let [quote_ref] = &quotes;
        let Some(row) = found.first() else {
            return Err(Error::NoOutcome(quote_ref.clone()));
        };
        let history = store::list_outcome_changes(&mut tx, quote_ref).await?;
        let judged = store::list_judged(&mut tx, &quotes).await?;
        let estimate = store::find_estimate(&mut tx, quote_ref, row.decided_at).await?;
        let advice = store::find_advice(&mut tx, quote_ref).await?;
        tx.commit().await?;
        Ok(GetOutcomeResponse {
            outcome: Some(outcome(row)),
            history: history.iter().map(outcome).collect(),
            predictions: judged.iter().map(judged_message).collect(),
            estimate: estimate.as_ref().map(estimate_message),
            advice: advice.map(|row| AdviceTaken {
                prediction_id: row.prediction_id.to_string(),
                statement: row.statement,
                followed: followed_of(&row.followed) as i32,
                win_probability: row.win_probability,
                promised_probability: row.promised_probability,
            }),
        })
    }

    pub async fn record_estimates(
        &self,
        context: &Context,
        caller: &Caller,
        told: &[Estimate],
    ) -> Result<Vec<Estimate>> {
        check_estimates(told)?;
        let now = self.kit.clock.now();
        let row = |estimate: &Estimate| EstimateRow {
            quote_ref: estimate.quote_ref.clone(),
            id: self.ids.next(now),
            estimated_at: now,
            estimated_by: caller.user_id,
            win_probability: estimate.win_probability,
        };
        let rows: Vec<EstimateRow> = told.iter().map(row).collect();
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        store::insert_estimates(&mut tx, &rows).await?;
        tx.audit(context, "prediction.record_estimates", caller.tenant_id)
            .await?;
        tx.commit().await?;
        Ok(rows.iter().map(estimate_message).collect())
    }
}

fn by_quote<R>(rows: Vec<R>, quote: impl Fn(&R) -> &String) -> HashMap<String, Vec<R>> {
    let mut by_quote: HashMap<String, Vec<R>> = HashMap::new();
    for row in rows {
        by_quote.entry(quote(&row).clone()).or_default().push(row);
    }
    by_quote
}

fn standing(row: &OutcomeRow) -> Standing {
    Standing {
        state: state_of(&row.state),
        decided_at: row.decided_at,
        version: row.version,
    }
}

fn row(quote_ref: &str, standing: &Standing, teller: Teller, now: DateTime<Utc>) -> OutcomeRow {
    let (recorded_by, dataset_id) = match teller {
        Teller::User(user) => (Some(user), None),
        Teller::Import(dataset) => (None, Some(dataset)),
    };
    OutcomeRow {
        quote_ref: quote_ref.to_owned(),
        version: standing.version,
        state: state_word(standing.state).to_owned(),
        decided_at: standing.decided_at,
        recorded_at: now,
        recorded_by,
        dataset_id,
    }
}

fn source(row: &OutcomeRow) -> OutcomeSource {
    match row.dataset_id {
        Some(_) => OutcomeSource::Import,
        None => OutcomeSource::Caller,
    }
}

fn outcome(row: &OutcomeRow) -> Outcome {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    Outcome {
        quote_ref: row.quote_ref.clone(),
        outcome: state_of(&row.state) as i32,
        decided_at: Some(timestamp(row.decided_at)),
        recorded_at: Some(timestamp(row.recorded_at)),
        recorded_by: id(row.recorded_by),
        source: source(row) as i32,
        dataset_id: id(row.dataset_id),
        version: row.version.unsigned_abs(),
    }
}

fn event(row: &OutcomeRow, before: Option<&str>, judged: &[JudgedRow]) -> OutcomeRecorded {
    let last = judged.iter().find(|judged| judged.counts);
    OutcomeRecorded {
        quote_ref: row.quote_ref.clone(),
        outcome: row.state.clone(),
        previous_outcome: before.unwrap_or_default().to_owned(),
        version: row.version.unsigned_abs(),
        decided_at: Some(timestamp(row.decided_at)),
        source: match source(row) {
            OutcomeSource::Import => "import",
            _ => "caller",
        }
        .to_owned(),
        prediction_id: last
            .map(|last| last.prediction_id.to_string())
            .unwrap_or_default(),
        model_id: last
            .map(|last| last.model_id.to_string())
            .unwrap_or_default(),
        win_probability: last.map_or(0.0, |last| last.win_probability),
    }
}

fn judged_message(row: &JudgedRow) -> JudgedPrediction {
    JudgedPrediction {
        prediction_id: row.prediction_id.to_string(),
        model_id: row.model_id.to_string(),
        predicted_at: Some(timestamp(row.predicted_at)),
        win_probability: row.win_probability,
        win_probability_low: row.low,
        win_probability_high: row.high,
        counts: row.counts,
    }
}

fn estimate_message(row: &EstimateRow) -> Estimate {
    Estimate {
        quote_ref: row.quote_ref.clone(),
        win_probability: row.win_probability,
        estimated_at: Some(timestamp(row.estimated_at)),
        estimated_by: row.estimated_by.to_string(),
    }
}

fn followed_word(followed: AdviceFollowed) -> &'static str {
    match followed {
        AdviceFollowed::Yes => "yes",
        AdviceFollowed::Partly => "partly",
        AdviceFollowed::No => "no",
        AdviceFollowed::Unknown | AdviceFollowed::Unspecified => "unknown",
    }
}

/// What a kept word says of a recommendation.
pub fn followed_of(word: &str) -> AdviceFollowed {
    match word {
        "yes" => AdviceFollowed::Yes,
        "partly" => AdviceFollowed::Partly,
        "no" => AdviceFollowed::No,
        _ => AdviceFollowed::Unknown,
    }
}

/// The outcome that takes back what was recorded.
pub fn withdrawn(quote_ref: String, known_at: DateTime<Utc>) -> NewOutcome {
    NewOutcome {
        quote_ref,
        state: QuoteOutcome::Withdrawn,
        decided_at: None,
        known_at,
        final_fields: HashMap::new(),
    }
}
