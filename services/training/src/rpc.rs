//! The calls that training answers: wire types in, commands, wire types out. Deliberately no rules.

use platform::page::{Page, parse_id};
use proto::{
    rpc::Context,
    training::{self as pb, training_nats::TrainingService},
};
use tonic::Status;

use crate::{
    commands::Commands,
    domain::{model_message, scores::in_brief},
};

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
impl TrainingService for Rpc {
    async fn train_model(
        &self,
        context: Context,
        request: pb::TrainModelRequest,
    ) -> Result<pb::TrainModelResponse, Status> {
        let dataset_id = parse_id("dataset_id", &request.dataset_id)?;
        let model = self
            .commands
            .train_model(&context, context.caller()?, dataset_id, request.seed)
            .await?;
        Ok(pb::TrainModelResponse {
            id: model.id.to_string(),
            model: Some(model_message(&model)?),
        })
    }

    async fn get_model(
        &self,
        context: Context,
        request: pb::GetModelRequest,
    ) -> Result<pb::GetModelResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let model = self.commands.get_model(context.caller()?, id).await?;
        Ok(pb::GetModelResponse {
            model: Some(model_message(&model)?),
        })
    }

    async fn list_models(
        &self,
        context: Context,
        request: pb::ListModelsRequest,
    ) -> Result<pb::ListModelsResponse, Status> {
        let page = Page::parse(request.page_size, &request.page_token)?;
        let dataset_id = match request.dataset_id.as_str() {
            "" => None,
            id => Some(parse_id("dataset_id", id)?),
        };
        let models = self
            .commands
            .list_models(context.caller()?, dataset_id, page)
            .await?;
        let ids: Vec<_> = models.iter().map(|model| model.id).collect();
        let brief = |model| model_message(model).map(in_brief);
        let models: Result<Vec<_>, _> = models.iter().map(brief).collect();
        Ok(pb::ListModelsResponse {
            models: models?,
            next_page_token: page.next_token(&ids),
        })
    }

    async fn promote_model(
        &self,
        context: Context,
        request: pb::PromoteModelRequest,
    ) -> Result<pb::PromoteModelResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let model = self
            .commands
            .promote_model(&context, context.caller()?, id, request.reason.trim())
            .await?;
        Ok(pb::PromoteModelResponse {
            model: Some(model_message(&model)?),
        })
    }
}
