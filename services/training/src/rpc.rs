//! The calls that training answers: wire types in, commands, wire types out. Deliberately no rules.

use platform::{
    page::{Page, parse_id},
    wire::timestamp,
};
use proto::{
    rpc::Context,
    training::{self as pb, training_nats::TrainingService},
};
use tonic::Status;

use crate::{
    commands::{Commands, Wish},
    domain::{alias::Named, model_message, scores::in_brief},
    store::AliasRow,
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
            .train_model(
                &context,
                context.caller()?,
                dataset_id,
                (request.seed, request.reason.trim()),
            )
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
        let named = Named::parse("id", &request.id)?;
        let model = self.commands.get_model(context.caller()?, &named).await?;
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
        let wish = Wish {
            id: parse_id("id", &request.id)?,
            reason: request.reason.trim(),
            overrides: request.r#override,
        };
        let model = self
            .commands
            .promote_model(&context, context.caller()?, wish)
            .await?;
        Ok(pb::PromoteModelResponse {
            model: Some(model_message(&model)?),
        })
    }

    async fn rollback_model(
        &self,
        context: Context,
        request: pb::RollbackModelRequest,
    ) -> Result<pb::RollbackModelResponse, Status> {
        let (model, previous) = self
            .commands
            .rollback_model(&context, context.caller()?, request.reason.trim())
            .await?;
        Ok(pb::RollbackModelResponse {
            model: Some(model_message(&model)?),
            previous_model_id: previous.to_string(),
        })
    }

    async fn cancel_training(
        &self,
        context: Context,
        request: pb::CancelTrainingRequest,
    ) -> Result<pb::CancelTrainingResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let model = self
            .commands
            .cancel_training(&context, context.caller()?, id)
            .await?;
        Ok(pb::CancelTrainingResponse {
            model: Some(model_message(&model)?),
        })
    }

    async fn compare_models(
        &self,
        context: Context,
        request: pb::CompareModelsRequest,
    ) -> Result<pb::CompareModelsResponse, Status> {
        Ok(self
            .commands
            .compare_models(&context, context.caller()?, &request)
            .await?)
    }

    async fn set_model_alias(
        &self,
        context: Context,
        request: pb::SetModelAliasRequest,
    ) -> Result<pb::SetModelAliasResponse, Status> {
        let model_id = match request.model_id.as_str() {
            "" => None,
            id => Some(parse_id("model_id", id)?),
        };
        let change = (model_id, request.reason.trim());
        let alias = self
            .commands
            .set_model_alias(&context, context.caller()?, &request.alias, change)
            .await?;
        Ok(pb::SetModelAliasResponse {
            alias: alias.map(alias_message),
        })
    }

    async fn list_model_aliases(
        &self,
        context: Context,
        _: pb::ListModelAliasesRequest,
    ) -> Result<pb::ListModelAliasesResponse, Status> {
        let aliases = self.commands.list_model_aliases(context.caller()?).await?;
        Ok(pb::ListModelAliasesResponse {
            aliases: aliases.into_iter().map(alias_message).collect(),
        })
    }

    async fn set_retraining_policy(
        &self,
        context: Context,
        request: pb::SetRetrainingPolicyRequest,
    ) -> Result<pb::SetRetrainingPolicyResponse, Status> {
        let policy = request.policy.unwrap_or_default();
        let dataset_id = parse_id("policy.dataset_id", &policy.dataset_id)?;
        let policy = self
            .commands
            .set_retraining_policy(&context, context.caller()?, dataset_id, &policy)
            .await?;
        Ok(pb::SetRetrainingPolicyResponse {
            policy: Some(policy),
        })
    }

    async fn get_retraining_policy(
        &self,
        context: Context,
        request: pb::GetRetrainingPolicyRequest,
    ) -> Result<pb::GetRetrainingPolicyResponse, Status> {
        let dataset_id = parse_id("dataset_id", &request.dataset_id)?;
        let policy = self
            .commands
            .get_retraining_policy(&context, context.caller()?, dataset_id)
            .await?;
        Ok(pb::GetRetrainingPolicyResponse {
            policy: Some(policy),
        })
    }
}

fn alias_message(alias: AliasRow) -> pb::ModelAlias {
    pb::ModelAlias {
        alias: alias.name,
        model_id: alias.model_id.to_string(),
        set_at: Some(timestamp(alias.set_at)),
        set_by: alias.set_by.map(|id| id.to_string()).unwrap_or_default(),
        reason: alias.reason,
    }
}
