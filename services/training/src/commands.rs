//! The units of work of training, each in one transaction. Deliberately no wire types, but for what
//! it publishes and asks other services: `rpc` translates.

use std::time::Duration;

use chrono::{DateTime, Utc};
use platform::{Kit, TenantTx, page::Page, patience::eventually};
use proto::{
    ingestion::{DatasetState, GetDatasetRequest, ingestion_nats},
    rpc::{Caller, Context},
    training::{ModelFlagged, ModelPromoted, TrainingRequested},
};
use uuid::Uuid;

use crate::{
    Error,
    domain::{State, stale_reason},
    store::{self, ModelRow},
};

type Result<T> = std::result::Result<T, Error>;

/// Longest wait for the news of a dataset that ingestion calls ready.
const NEWS_PATIENCE: Duration = Duration::from_secs(10);
/// Longest reason of a promotion, in characters.
const REASON_MAX: usize = 500;

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
        seed: u64,
    ) -> Result<ModelRow> {
        self.await_dataset(context, caller.tenant_id, dataset_id)
            .await?;
        let model = ModelRow {
            id: Uuid::now_v7(),
            dataset_id,
            seed: seed.cast_signed(),
            state: State::Queued.text().to_owned(),
            stage: String::new(),
            progress: 0.0,
            problem: String::new(),
            created_at: self.kit.clock.now(),
            created_by: caller.user_id,
            finished_at: None,
            learned: None,
            champion: false,
            import_ids: Vec::new(),
            stale_at: None,
        };
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        store::insert_model(&mut tx, &model).await?;
        tx.publish(&TrainingRequested {
            model_id: model.id.to_string(),
            dataset_id: dataset_id.to_string(),
        })
        .await?;
        tx.audit(context, "training.train_model", model.id).await?;
        tx.commit().await?;
        Ok(model)
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

    pub async fn get_model(&self, caller: &Caller, id: Uuid) -> Result<ModelRow> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
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
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let models = store::list_models(&mut tx, dataset_id, page.before, page.size).await?;
        tx.commit().await?;
        Ok(models)
    }

    /// Makes a model the champion; nothing happens where it is already.
    pub async fn promote_model(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
        reason: &str,
    ) -> Result<ModelRow> {
        let length = reason.chars().count();
        if length > REASON_MAX {
            return Err(Error::Reason(length));
        }
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let previous = store::claim_champion(&mut tx).await?;
        let mut model = store::find_model(&mut tx, id)
            .await?
            .ok_or(Error::NoModel(id))?;
        State::of(&model.state).require_ready(id)?;
        if previous != Some(id) {
            let promotion = Promotion {
                previous,
                promoted_by: Some(caller.user_id),
                reason,
            };
            promote(&mut tx, &self.kit, context, id, promotion).await?;
        }
        tx.commit().await?;
        model.champion = true;
        Ok(model)
    }
}

/// Who makes a model the champion, and why.
#[derive(Debug)]
pub struct Promotion<'a> {
    pub previous: Option<Uuid>,
    pub promoted_by: Option<Uuid>,
    pub reason: &'a str,
}

/// Makes a model the champion within a unit of work that has claimed the championship.
pub async fn promote(
    tx: &mut TenantTx,
    kit: &Kit,
    context: &Context,
    id: Uuid,
    promotion: Promotion<'_>,
) -> Result<()> {
    let text = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    store::update_champion(
        tx,
        id,
        promotion.promoted_by,
        promotion.reason,
        kit.clock.now(),
    )
    .await?;
    tx.publish(&ModelPromoted {
        model_id: id.to_string(),
        previous_model_id: text(promotion.previous),
        promoted_by: text(promotion.promoted_by),
        reason: promotion.reason.to_owned(),
    })
    .await?;
    Ok(tx.audit(context, "training.promote_model", id).await?)
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
