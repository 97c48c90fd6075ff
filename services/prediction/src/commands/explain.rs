//! Answers that are not kept: why two predictions differ, and a quote at other prices. Deliberately computed anew each time.

use std::sync::Arc;

use chrono::NaiveDate;
use proto::{
    prediction::{ExplainDifferenceResponse, PriceCurveResponse, QuoteInput},
    rpc::{Caller, Context},
};
use uuid::Uuid;

use super::{Commands, Result, models::Loaded, off_thread};
use crate::{
    Error,
    domain::{
        self,
        answer::stale,
        comparison::day,
        contributions::kept_detail,
        difference::{Answerer, Kept, explain},
        fields::{Past, sent_input},
        messages,
    },
    store,
};

/// Prices on a curve where nothing else is asked for, and at most.
const POINTS: (u32, u32) = (21, 200);

impl Commands {
    /// Why two predictions differ.
    pub async fn explain_difference(
        &self,
        context: &Context,
        caller: &Caller,
        ids: [Uuid; 2],
    ) -> Result<ExplainDifferenceResponse> {
        let [(from, one), (to, other)] = [
            self.repeatable(context, caller, ids[0]).await?,
            self.repeatable(context, caller, ids[1]).await?,
        ];
        off_thread(move || {
            let models = [&one, &other].map(|model| Answerer {
                model: &model.model,
                fields: &model.fields,
                history: &model.history,
            });
            explain([&from, &to], models)
        })
        .await
    }

    /// A prediction as it was kept, and the model that made it.
    async fn repeatable(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
    ) -> Result<(Kept, Arc<Loaded>)> {
        let (kept, model_id) = self.frozen(caller, id).await?;
        let model = self
            .models
            .find(context, caller.tenant_id, Some(model_id))
            .await?;
        Ok((kept, model))
    }

    /// A prediction as it was kept, and its model.
    async fn frozen(&self, caller: &Caller, id: Uuid) -> Result<(Kept, Uuid)> {
        let created_at = domain::created_at(id).ok_or(Error::NoPrediction(id))?;
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let row = store::find_frozen(&mut tx, id, created_at).await?;
        tx.commit().await?;
        let row = row.ok_or(Error::NoPrediction(id))?;
        let as_of: NaiveDate = row.as_of.unwrap_or_else(|| created_at.date_naive());
        let kept = Kept {
            prediction: kept_detail(&row.detail)?,
            quote: sent_input(&row.input, &row.quote_ref)?,
            as_of: day(as_of),
            derived: row.derived,
        };
        Ok((kept, row.model_id))
    }

    /// A quote at other prices.
    pub async fn price_curve(
        &self,
        context: &Context,
        caller: &Caller,
        model_id: Option<Uuid>,
        quote: QuoteInput,
        points: u32,
    ) -> Result<PriceCurveResponse> {
        let (usual, most) = POINTS;
        let points = match points {
            0 => usual,
            points if (2..=most).contains(&points) => points,
            points => return Err(Error::CurvePoints(points)),
        };
        domain::check_quotes(std::slice::from_ref(&quote))?;
        let tenant = caller.tenant_id;
        let model = self.models.find(context, tenant, model_id).await?;
        let policy = self.policies.read(tenant).await?;
        let today = day(self.kit.clock.now().date_naive());
        let of_model = Arc::clone(&model);
        let mut curve = off_thread(move || {
            let (fields, history) = (&of_model.fields, &of_model.history);
            let mut read = fields.read(&quote)?;
            fields.derive(&mut read, &quote.quote_ref, &Past { history, today });
            let row = fields.table(std::slice::from_ref(&read));
            let rule = policy.price_rule(fields);
            let guide = of_model
                .model
                .price_guide(&row, points as usize, &rule)
                .map_err(|reason| Error::NoCurve(reason.to_string()))?;
            let mut curve = messages::price_curve(guide);
            curve.policy_version = policy.version;
            curve.warnings = read.warnings;
            Ok(curve)
        })
        .await?;
        curve.model_id = model.id.to_string();
        let mut tx = self.kit.database().begin(tenant).await?;
        let stale_reason = store::find_stale_reason(&mut tx, model.id).await?;
        tx.audit(context, "prediction.price_curve", model.id)
            .await?;
        tx.commit().await?;
        curve.warnings.splice(0..0, stale(&stale_reason));
        Ok(curve)
    }
}
