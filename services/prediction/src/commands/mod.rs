//! The units of work of prediction. Answers are computed before the transaction is opened, which then
//! adds what warns of the model, and holds rows, news and the audit entry. Deliberately no rules of fields: `domain` has them.

mod aliases;
mod models;
mod shadow;

use std::sync::Arc;

use platform::{Kit, page::Page, wire::timestamp};
use prost::Message as _;
use proto::{
    prediction::{Prediction, QuoteInput},
    rpc::{Caller, Context},
};
use uuid::Uuid;

use crate::{
    Error,
    commands::{
        models::{Loaded, Models},
        shadow::Challengers,
    },
    domain::{
        self, Ids, answer,
        fields::{self, Past},
    },
    store::{self, KeptRow, PredictionRow},
};

type Result<T> = std::result::Result<T, Error>;

/// What prediction can do.
#[derive(Debug, Clone)]
pub struct Commands {
    kit: Kit,
    models: Models,
    ids: Ids,
    challengers: Challengers,
}

impl Commands {
    pub fn new(kit: &Kit) -> Self {
        Self {
            kit: kit.clone(),
            models: Models::new(kit),
            ids: Ids::default(),
            challengers: Challengers::default(),
        }
    }

    /// Predicts quotes with a model, or with the champion; all of them or none.
    pub async fn predict(
        &self,
        context: &Context,
        caller: &Caller,
        model_id: Option<Uuid>,
        quotes: Vec<QuoteInput>,
    ) -> Result<Vec<Prediction>> {
        domain::check_quotes(&quotes)?;
        let model = self
            .models
            .find(context, caller.tenant_id, model_id)
            .await?;
        let today = tabular::cell::day_number(self.kit.clock.now().date_naive());
        let (quotes, answers) = compute(Arc::clone(&model), quotes, today).await?;
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        // Asked each time, since a model in memory does not hear that it was flagged.
        let stale_reason = store::find_stale_reason(&mut tx, model.id).await?;
        let mut rows = Vec::with_capacity(quotes.len());
        let mut predictions = Vec::with_capacity(quotes.len());
        for (quote, mut answer) in quotes.iter().zip(answers) {
            answer.warnings.splice(0..0, answer::stale(&stale_reason));
            let (row, prediction) = self.keep(caller, model.id, quote, answer)?;
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
        answer: Prediction,
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
            ..answer
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
            evidence: answer::evidence_text(prediction.evidence()),
            input,
            input_hash,
            detail: prediction.encode_to_vec(),
            created_by: caller.user_id,
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

    pub async fn list_predictions(
        &self,
        caller: &Caller,
        model_id: Option<Uuid>,
        page: Page,
    ) -> Result<Vec<KeptRow>> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let rows = match model_id {
            Some(model_id) => {
                store::list_predictions_of_model(&mut tx, model_id, page.before, page.size).await?
            }
            None => store::list_predictions(&mut tx, page.before, page.size).await?,
        };
        tx.commit().await?;
        Ok(rows)
    }
}

/// Answers quotes off the async threads, and hands the quotes back.
async fn compute(
    model: Arc<Loaded>,
    quotes: Vec<QuoteInput>,
    today: i32,
) -> Result<(Vec<QuoteInput>, Vec<Prediction>)> {
    let span = tracing::Span::current();
    tokio::task::spawn_blocking(move || {
        let _entered = span.entered();
        let past = Past {
            history: &model.history,
            today,
        };
        let answers = answer::answer(&model.model, &model.fields, past, &quotes)?;
        Ok((quotes, answers))
    })
    .await
    .map_err(|error| Error::Broken(error.to_string()))?
}
