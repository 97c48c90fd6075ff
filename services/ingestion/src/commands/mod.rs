//! The units of work of ingestion: reading happens before, each then opens one transaction.
//! Deliberately no storing of quotes, which is a job of its own.

mod imports;
pub mod look;
mod quotes;
mod uploads;

use platform::{Clock, Database, Kit, blobs::Blobs, keys::KeyRing, page::Page};
use proto::{
    common::BlobRef,
    ingestion::DatasetDeleted,
    rpc::{Caller, Context},
};
use uuid::Uuid;

pub use quotes::ListedQuote;
pub use uploads::Upload;

use crate::{Error, store};

type Result<T> = std::result::Result<T, Error>;

/// What ingestion can do.
#[derive(Debug, Clone)]
pub struct Commands {
    database: Database,
    blobs: Blobs,
    keys: KeyRing,
    limits: tabular::Limits,
    clock: Clock,
}

impl Commands {
    pub fn new(kit: &Kit) -> Self {
        Self {
            database: kit.database(),
            blobs: kit.blobs.clone(),
            keys: kit.keys.clone(),
            limits: look::limits(&kit.config.uploads),
            clock: kit.clock.clone(),
        }
    }

    pub async fn get_dataset(&self, caller: &Caller, id: Uuid) -> Result<store::DatasetRow> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let found = store::find_dataset(&mut tx, id).await?;
        tx.commit().await?;
        found.ok_or(Error::NoDataset(id))
    }

    pub async fn list_datasets(
        &self,
        caller: &Caller,
        page: &Page,
    ) -> Result<Vec<store::DatasetRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let found = store::list_datasets(&mut tx, page).await?;
        tx.commit().await?;
        Ok(found)
    }

    pub async fn delete_dataset(&self, context: &Context, caller: &Caller, id: Uuid) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let dataset = store::claim_dataset(&mut tx, id)
            .await?
            .ok_or(Error::NoDataset(id))?;
        let mut blobs = store::list_uploads(&mut tx, id).await?;
        blobs.extend(dataset.snapshot());
        store::delete_dataset(&mut tx, id).await?;
        tx.publish(&DatasetDeleted {
            dataset_id: id.to_string(),
        })
        .await?;
        tx.audit(context, "ingestion.delete_dataset", id).await?;
        tx.commit().await?;
        for blob in blobs {
            self.discard(caller.tenant_id, &blob).await;
        }
        Ok(())
    }

    /// Deletes a blob that nothing refers to any more; what fails here the sweeper takes later.
    async fn discard(&self, tenant: Uuid, blob: &BlobRef) {
        if let Err(error) = self.blobs.delete(tenant, blob).await {
            tracing::warn!(%error, "a blob that is not needed any more is left behind");
        }
    }
}
