//! The units of work of training, each in one transaction. Deliberately no wire types, but for what
//! it publishes and asks other services: `rpc` translates.

mod champion;
mod compare;
mod gate;
mod retraining;

pub use champion::{Promotion, Wish, promote, set_challenger};
pub use retraining::{promote_by_policy, retrain_if_due};

use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::{Kit, TenantTx, page::Page, patience::eventually};
use proto::{
    ingestion::{DatasetState, GetDatasetRequest, ingestion_nats},
    rpc::{Caller, Context},
    training::{ModelFlagged, TrainingCancelled, TrainingRequested},
};
use uuid::Uuid;

use crate::{
    Error,
    domain::{
        State,
        alias::{Named, require_short},
        stale_reason,
    },
    store::{self, ModelRow, NewModel},
};

type Result<T> = std::result::Result<T, Error>;

/// Longest wait for the news of a dataset that ingestion calls ready.
const NEWS_PATIENCE: Duration = Duration::from_secs(10);

/// What training can do.
#[derive(Debug, Clone)]
pub struct Commands {
    kit: Kit,
}

impl Commands {
    pub fn new(kit: &Kit) -> Self {
        Self { kit: kit.clone() }
    }

    pub async fn train_model(
        &self,
        context: &Context,
        caller: &Caller,
        dataset_id: Uuid,
        (seed, reason): (u64, &str),
    ) -> Result<ModelRow> {
        require_short(reason)?;
        self.await_dataset(context, caller.tenant_id, dataset_id)
            .await?;
        let id = Uuid::now_v7();
        let mut tx = self.begin(caller).await?;
        let model = NewModel {
            id,
            dataset_id,
            seed,
            created_at: self.kit.clock.now(),
            created_by: Some(caller.user_id),
            reason,
        };
        request_training(&mut tx, context, &model).await?;
        let model = store::find_model(&mut tx, id).await?;
        tx.commit().await?;
        model.ok_or(Error::NoModel(id))
    }

    /// Makes sure that a dataset can be trained on. Asks ingestion where nothing to learn from is known
    /// here, since the news of it may still be on its way.
    async fn await_dataset(&self, context: &Context, tenant: Uuid, id: Uuid) -> Result<()> {
        if self.has_dataset(tenant, id).await?.is_some() {
            return Ok(());
        }
        let request = GetDatasetRequest { id: id.to_string() };
        let answer = ingestion_nats::Client(self.kit.transport.clone())
            .get_dataset(context, request)
            .await
            .map_err(|status| match status.code() {
                tonic::Code::NotFound => Error::NoDataset(id),
                _ => platform::Error::from(status).into(),
            })?;
        let dataset = answer.dataset.ok_or(Error::NoDataset(id))?;
        match dataset.state() {
            DatasetState::Ready => {}
            DatasetState::Failed => {
                let problem = dataset.problem;
                return Err(Error::DatasetFailed { id, problem });
            }
            DatasetState::Empty => return Err(Error::DatasetEmpty(id)),
            DatasetState::Importing | DatasetState::Unspecified => {
                return Err(Error::DatasetImporting(id));
            }
        }
        eventually(NEWS_PATIENCE, || self.has_dataset(tenant, id))
            .await?
            .ok_or(Error::DatasetOnItsWay(id))
    }

    async fn has_dataset(&self, tenant: Uuid, id: Uuid) -> Result<Option<()>> {
        let mut tx = self.kit.database().begin(tenant).await?;
        let found = store::find_dataset(&mut tx, id).await?;
        tx.commit().await?;
        Ok(found.and_then(|dataset| dataset.snapshot()).map(|_| ()))
    }

    pub async fn get_model(&self, caller: &Caller, named: &Named) -> Result<ModelRow> {
        let mut tx = self.begin(caller).await?;
        let id = resolve(&mut tx, named).await?;
        let model = store::find_model(&mut tx, id).await?;
        tx.commit().await?;
        model.ok_or(Error::NoModel(id))
    }

    pub async fn list_models(
        &self,
        caller: &Caller,
        dataset_id: Option<Uuid>,
        page: Page,
    ) -> Result<Vec<ModelRow>> {
        let mut tx = self.begin(caller).await?;
        let models = store::list_models(&mut tx, dataset_id, page.before, page.size).await?;
        tx.commit().await?;
        Ok(models)
    }

    /// Ends a training that waits or runs; nothing happens where it was cancelled before.
    pub async fn cancel_training(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
    ) -> Result<ModelRow> {
        let (mut tx, by) = (self.begin(caller).await?, caller.user_id);
        let cancelled =
            store::update_model_cancelled(&mut tx, id, by, self.kit.clock.now()).await?;
        let model = store::find_model(&mut tx, id).await?;
        let model = model.ok_or(Error::NoModel(id))?;
        if cancelled {
            tx.publish(&TrainingCancelled {
                model_id: id.to_string(),
                cancelled_by: by.to_string(),
            })
            .await?;
            tx.audit(context, "training.cancel_training", id).await?;
        }
        tx.commit().await?;
        match State::of(&model.state) {
            State::Cancelled => Ok(model),
            state => Err(Error::Ended {
                id,
                state: state.text(),
            }),
        }
    }

    async fn begin(&self, caller: &Caller) -> Result<TenantTx> {
        Ok(self.kit.database().begin(caller.tenant_id).await?)
    }
}

/// Asks for a training within a unit of work.
pub async fn request_training(
    tx: &mut TenantTx,
    context: &Context,
    model: &NewModel<'_>,
) -> Result<()> {
    store::insert_model(tx, model).await?;
    tx.publish(&TrainingRequested {
        model_id: model.id.to_string(),
        dataset_id: model.dataset_id.to_string(),
    })
    .await?;
    Ok(tx.audit(context, "training.train_model", model.id).await?)
}

/// The id that a caller means, who may have named an alias.
pub async fn resolve(tx: &mut TenantTx, named: &Named) -> Result<Uuid> {
    match named {
        Named::Id(id) => Ok(*id),
        Named::Alias(name) => {
            let alias = store::find_alias(tx, name).await?;
            Ok(alias.ok_or_else(|| Error::NoAlias(name.clone()))?.model_id)
        }
    }
}

/// Tells that a ready model should not be trusted further, within a unit of work that noted it.
pub async fn flag(
    tx: &mut TenantTx,
    context: &Context,
    id: Uuid,
    stale_at: DateTime<Utc>,
) -> Result<()> {
    tx.publish(&ModelFlagged {
        model_id: id.to_string(),
        stale_reason: stale_reason(stale_at),
    })
    .await?;
    Ok(tx.audit(context, "training.flag_model", id).await?)
}
