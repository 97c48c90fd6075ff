//! The calls that prediction answers: wire types in, commands, wire types out. Deliberately no rules,
//! and no streams: the gateway makes them of these calls and of the events.

use platform::page::{Page, parse_id};
use prost::Message as _;
use proto::{
    prediction::{self as pb, prediction_nats::PredictionService},
    rpc::Context,
};
use tonic::Status;
use uuid::Uuid;

use crate::{Error, commands::Commands};

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
    ) -> Result<pb::PredictResponse, Status> {
        let caller = context.caller()?;
        let commands = &self.commands;
        let model_id = commands
            .wanted_model(&context, caller, &request.model_id)
            .await?;
        let quotes = vec![request.quote.ok_or(Error::NoQuote)?];
        let mut made = self
            .commands
            .predict(&context, context.caller()?, model_id, quotes)
            .await?;
        let prediction = made.pop().ok_or(Error::NoQuote)?;
        Ok(pb::PredictResponse {
            id: prediction.id.clone(),
            prediction: Some(prediction),
        })
    }

    async fn predict_batch(
        &self,
        context: Context,
        request: pb::PredictBatchRequest,
    ) -> Result<pb::PredictBatchResponse, Status> {
        let caller = context.caller()?;
        let commands = &self.commands;
        let model_id = commands
            .wanted_model(&context, caller, &request.model_id)
            .await?;
        let predictions = self
            .commands
            .predict(&context, context.caller()?, model_id, request.quotes)
            .await?;
        Ok(pb::PredictBatchResponse { predictions })
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
        let model_id = optional_id(&request.model_id)?;
        let rows = self
            .commands
            .list_predictions(context.caller()?, model_id, page)
            .await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
        let predictions: Result<Vec<_>, _> = rows
            .iter()
            .map(|row| pb::Prediction::decode(row.detail.as_slice()))
            .collect();
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
}

/// A model's id, where one is named.
fn optional_id(model_id: &str) -> Result<Option<Uuid>, Status> {
    match model_id {
        "" => Ok(None),
        id => Ok(Some(parse_id("model_id", id)?)),
    }
}
