//! The calls that prediction answers: wire types in, commands, wire types out. Deliberately no rules,
//! and no streams: the gateway makes them of these calls and of the events.

mod webhooks;

use platform::page::{Page, parse_id};
use proto::{
    prediction::{self as pb, prediction_nats::PredictionService},
    raw::{RawPrediction, RawPredictions},
    rpc::{Context, Encoded},
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    Error,
    commands::{Commands, Told},
    domain::{
        answer::Wanted,
        comparison::{SIMILAR_MAX, SIMILAR_USUAL},
        contributions::kept_detail,
    },
};

pub use webhooks::WebhookRpc;

/// Answers the service's calls.
#[derive(Debug)]
pub struct Rpc {
    commands: Commands,
}

impl Rpc {
    pub fn new(commands: Commands) -> Self {
        Self { commands }
    }
}

#[async_trait::async_trait]
impl PredictionService for Rpc {
    async fn predict(
        &self,
        context: Context,
        request: pb::PredictRequest,
    ) -> Result<Encoded<pb::PredictResponse>, Status> {
        let caller = context.caller()?;
        let commands = &self.commands;
        let model_id = commands
            .wanted_model(&context, caller, &request.model_id)
            .await?;
        let quotes = vec![request.quote.ok_or(Error::NoQuote)?];
        let similar = request.similar_quotes.unwrap_or(SIMILAR_USUAL);
        let wanted = wanted(similar, request.recommendations.unwrap_or(true))?;
        let mut made = self
            .commands
            .predict(&context, context.caller()?, model_id, quotes, wanted)
            .await?;
        let Told { id, prediction } = made.pop().ok_or(Error::NoQuote)?;
        Ok(Encoded::like(&RawPrediction {
            id: id.to_string(),
            prediction,
        }))
    }

    async fn predict_batch(
        &self,
        context: Context,
        request: pb::PredictBatchRequest,
    ) -> Result<Encoded<pb::PredictBatchResponse>, Status> {
        let caller = context.caller()?;
        let commands = &self.commands;
        let model_id = commands
            .wanted_model(&context, caller, &request.model_id)
            .await?;
        let wanted = wanted(request.similar_quotes, request.recommendations)?;
        let made = self
            .commands
            .predict(
                &context,
                context.caller()?,
                model_id,
                request.quotes,
                wanted,
            )
            .await?;
        let predictions = made.into_iter().map(|told| told.prediction);
        Ok(Encoded::like(&RawPredictions {
            predictions: predictions.collect(),
        }))
    }

    async fn get_prediction(
        &self,
        context: Context,
        request: pb::GetPredictionRequest,
    ) -> Result<pb::GetPredictionResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let prediction = self.commands.get_prediction(context.caller()?, id).await?;
        Ok(pb::GetPredictionResponse {
            prediction: Some(prediction),
        })
    }

    async fn list_predictions(
        &self,
        context: Context,
        request: pb::ListPredictionsRequest,
    ) -> Result<pb::ListPredictionsResponse, Status> {
        let page = Page::parse(request.page_size, &request.page_token)?;
        let rows = self
            .commands
            .list_ledger(context.caller()?, &request, page)
            .await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let predictions: Result<Vec<_>, _> =
            rows.iter().map(|row| kept_detail(&row.detail)).collect();
        Ok(pb::ListPredictionsResponse {
            predictions: predictions.map_err(Error::from)?,
            next_page_token: page.next_token(&ids),
        })
    }

    async fn compare_shadow(
        &self,
        context: Context,
        request: pb::CompareShadowRequest,
    ) -> Result<pb::CompareShadowResponse, Status> {
        let models = (
            parse_id("model_a", &request.model_a)?,
            parse_id("model_b", &request.model_b)?,
        );
        let comparison = self
            .commands
            .compare_shadow(context.caller()?, models, request.threshold)
            .await?;
        Ok(pb::CompareShadowResponse {
            comparison: Some(comparison),
        })
    }

    async fn explain_difference(
        &self,
        context: Context,
        request: pb::ExplainDifferenceRequest,
    ) -> Result<pb::ExplainDifferenceResponse, Status> {
        let ids = [
            parse_id("from_id", &request.from_id)?,
            parse_id("to_id", &request.to_id)?,
        ];
        let caller = context.caller()?;
        Ok(self
            .commands
            .explain_difference(&context, caller, ids)
            .await?)
    }

    async fn price_curve(
        &self,
        context: Context,
        request: pb::PriceCurveRequest,
    ) -> Result<pb::PriceCurveResponse, Status> {
        let caller = context.caller()?;
        let commands = &self.commands;
        let model_id = commands
            .wanted_model(&context, caller, &request.model_id)
            .await?;
        let quote = request.quote.ok_or(Error::NoQuote)?;
        Ok(self
            .commands
            .price_curve(&context, caller, model_id, quote, request.points)
            .await?)
    }

    async fn get_recommendation_policy(
        &self,
        context: Context,
        _: pb::GetRecommendationPolicyRequest,
    ) -> Result<pb::GetRecommendationPolicyResponse, Status> {
        let policy = self.commands.get_policy(context.caller()?).await?;
        Ok(pb::GetRecommendationPolicyResponse {
            policy: Some(policy),
        })
    }

    async fn set_recommendation_policy(
        &self,
        context: Context,
        request: pb::SetRecommendationPolicyRequest,
    ) -> Result<pb::SetRecommendationPolicyResponse, Status> {
        let caller = context.caller()?;
        Ok(self
            .commands
            .set_policy(&context, caller, request.fields, request.expected_version)
            .await?)
    }

    async fn prepare_export(
        &self,
        context: Context,
        request: pb::PrepareExportRequest,
    ) -> Result<pb::PrepareExportResponse, Status> {
        let id = parse_id("model_id", &request.model_id)?;
        let file = self
            .commands
            .prepare_export(&context, context.caller()?, id)
            .await?;
        Ok(pb::PrepareExportResponse { file: Some(file) })
    }

    async fn record_outcome(
        &self,
        context: Context,
        request: pb::RecordOutcomeRequest,
    ) -> Result<pb::RecordOutcomeResponse, Status> {
        let told = request.outcome.ok_or(Error::NoQuoteRef)?;
        let caller = context.caller()?;
        let recorded = self
            .commands
            .record_outcomes(&context, caller, vec![told])
            .await;
        // Of one there is no number to tell.
        let mut recorded = recorded.map_err(|error| match error {
            Error::InRecord { problem, .. } => *problem,
            other => other,
        })?;
        Ok(pb::RecordOutcomeResponse {
            recorded: recorded.pop(),
        })
    }

    async fn record_outcomes(
        &self,
        context: Context,
        request: pb::RecordOutcomesRequest,
    ) -> Result<pb::RecordOutcomesResponse, Status> {
        let recorded = self
            .commands
            .record_outcomes(&context, context.caller()?, request.outcomes)
            .await?;
        Ok(pb::RecordOutcomesResponse { recorded })
    }

    async fn get_outcome(
        &self,
        context: Context,
        request: pb::GetOutcomeRequest,
    ) -> Result<pb::GetOutcomeResponse, Status> {
        let caller = context.caller()?;
        Ok(self.commands.get_outcome(caller, request.quote_ref).await?)
    }

    async fn record_estimates(
        &self,
        context: Context,
        request: pb::RecordEstimatesRequest,
    ) -> Result<pb::RecordEstimatesResponse, Status> {
        let caller = context.caller()?;
        let estimates = self
            .commands
            .record_estimates(&context, caller, &request.estimates)
            .await?;
        Ok(pb::RecordEstimatesResponse { estimates })
    }

    async fn track_record(
        &self,
        context: Context,
        request: pb::TrackRecordRequest,
    ) -> Result<pb::TrackRecordResponse, Status> {
        Ok(self
            .commands
            .track_record(context.caller()?, &request)
            .await?)
    }

    async fn get_drift(
        &self,
        context: Context,
        request: pb::GetDriftRequest,
    ) -> Result<pb::GetDriftResponse, Status> {
        let model_id = optional_id(&request.model_id)?;
        let report = self.commands.get_drift(context.caller()?, model_id).await?;
        Ok(pb::GetDriftResponse {
            report: Some(report),
        })
    }

    async fn check_drift(
        &self,
        context: Context,
        request: pb::CheckDriftRequest,
    ) -> Result<pb::CheckDriftResponse, Status> {
        let model_id = optional_id(&request.model_id)?;
        let report = self
            .commands
            .check_drift(&context, context.caller()?, model_id)
            .await?;
        Ok(pb::CheckDriftResponse {
            report: Some(report),
        })
    }

    async fn get_ledger_settings(
        &self,
        context: Context,
        _: pb::GetLedgerSettingsRequest,
    ) -> Result<pb::GetLedgerSettingsResponse, Status> {
        let settings = self.commands.get_ledger_settings(context.caller()?).await?;
        Ok(pb::GetLedgerSettingsResponse {
            settings: Some(settings),
        })
    }

    async fn set_ledger_settings(
        &self,
        context: Context,
        request: pb::SetLedgerSettingsRequest,
    ) -> Result<pb::SetLedgerSettingsResponse, Status> {
        let caller = context.caller()?;
        let settings = self
            .commands
            .set_ledger_settings(&context, caller, request.retention_days)
            .await?;
        Ok(pb::SetLedgerSettingsResponse {
            settings: Some(settings),
        })
    }
}

/// What is wanted beside each prediction.
fn wanted(similar: u32, changes: bool) -> Result<Wanted, Error> {
    if similar > SIMILAR_MAX {
        return Err(Error::SimilarCount(similar));
    }
    Ok(Wanted {
        similar: similar as usize,
        changes,
    })
}

/// A model's id, where one is named.
fn optional_id(model_id: &str) -> Result<Option<Uuid>, Status> {
    match model_id {
        "" => Ok(None),
        id => Ok(Some(parse_id("model_id", id)?)),
    }
}
