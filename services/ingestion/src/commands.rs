//! The units of work of ingestion: reading happens before, each then opens one transaction.
//! Deliberately no storing of quotes, which is a job of its own.

use platform::{Clock, Database, Kit, blobs::Blobs, page::Page};
use proto::{
    common::BlobRef,
    ingestion::{DatasetDeleted, DatasetRejected, DatasetUploaded, ImportReport},
    rpc::{Caller, Context},
};
use tabular::Field;
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{
    Error,
    domain::{
        inspect::{self, Inspection},
        meaning,
    },
    store,
};

type Result<T> = std::result::Result<T, Error>;

/// What ingestion can do.
#[derive(Debug, Clone)]
pub struct Commands {
    database: Database,
    blobs: Blobs,
    clock: Clock,
}

/// What the client said about an upload.
#[derive(Debug)]
pub struct Upload {
    pub name: String,
    pub given: Vec<(Field, String)>,
    pub ignored: Vec<String>,
    pub dry_run: bool,
    pub blob: BlobRef,
}

/// What became of an upload; no dataset after a dry run.
#[derive(Debug)]
pub struct Registered {
    pub dataset: Option<store::DatasetRow>,
    pub report: ImportReport,
}

impl Commands {
    pub fn new(kit: &Kit) -> Self {
        Self {
            database: kit.database(),
            blobs: kit.blobs.clone(),
            clock: kit.clock.clone(),
        }
    }

    /// Reads an upload and takes it over, or says what is wrong with it. What is not taken over is
    /// deleted.
    pub async fn register_upload(
        &self,
        context: &Context,
        caller: &Caller,
        upload: Upload,
    ) -> Result<Registered> {
        // Also proves that the blob is the caller's, before anything could delete it.
        let bytes = self.blobs.get(caller.tenant_id, &upload.blob).await?;
        let outcome = self.judge(context, caller, &upload, bytes).await;
        let kept = matches!(&outcome, Ok(registered) if registered.dataset.is_some());
        if !kept {
            self.discard(caller.tenant_id, &upload.blob).await;
        }
        outcome
    }

    async fn judge(
        &self,
        context: &Context,
        caller: &Caller,
        upload: &Upload,
        bytes: Vec<u8>,
    ) -> Result<Registered> {
        let today = self.clock.now().date_naive();
        let (given, ignored) = (upload.given.clone(), upload.ignored.clone());
        let found = spawn_blocking(move || inspect::inspect(&bytes, &given, &ignored, today))
            .await
            .map_err(|error| Error::Broken(error.to_string()))?;
        if upload.dry_run {
            let mut tx = self.database.begin(caller.tenant_id).await?;
            tx.audit(
                context,
                "ingestion.preview_dataset",
                upload_id(&upload.blob),
            )
            .await?;
            tx.commit().await?;
            return Ok(Registered {
                dataset: None,
                report: found.report,
            });
        }
        let Inspection { report, accepted } = found;
        let Some(accepted) = accepted else {
            return Err(self.reject(context, caller, upload, &report).await?);
        };
        let mapping = meaning::stored(&accepted.mapping);
        // Dropping the rows of a large file takes a while, and they are not needed below.
        spawn_blocking(move || drop(accepted));
        let dataset = self
            .accept(context, caller, upload, &report, mapping)
            .await?;
        Ok(Registered {
            dataset: Some(dataset),
            report,
        })
    }

    async fn accept(
        &self,
        context: &Context,
        caller: &Caller,
        upload: &Upload,
        report: &ImportReport,
        mapping: Vec<meaning::Meaning>,
    ) -> Result<store::DatasetRow> {
        let id = Uuid::now_v7();
        let dataset = store::NewDataset {
            id,
            name: &upload.name,
            columns: meaning::store_columns(&report.columns),
            mapping,
            upload: &upload.blob,
            created_at: self.clock.now(),
            created_by: caller.user_id,
        };
        let mut tx = self.database.begin(caller.tenant_id).await?;
        store::insert_dataset(&mut tx, &dataset).await?;
        let stored = store::find_dataset(&mut tx, id).await?;
        tx.publish(&DatasetUploaded {
            dataset_id: id.to_string(),
            blob: Some(upload.blob.clone()),
        })
        .await?;
        tx.audit(context, "ingestion.import_dataset", id).await?;
        tx.commit().await?;
        stored.ok_or(Error::NoDataset(id))
    }

    /// Notes a refusal; answers its sentence.
    async fn reject(
        &self,
        context: &Context,
        caller: &Caller,
        upload: &Upload,
        report: &ImportReport,
    ) -> Result<Error> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        tx.publish(&DatasetRejected {
            rules: inspect::rules(report),
        })
        .await?;
        tx.audit(context, "ingestion.reject_upload", upload_id(&upload.blob))
            .await?;
        tx.commit().await?;
        Ok(Error::Refused(inspect::refusal(report)))
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
        store::delete_dataset(&mut tx, id).await?;
        tx.publish(&DatasetDeleted {
            dataset_id: id.to_string(),
        })
        .await?;
        tx.audit(context, "ingestion.delete_dataset", id).await?;
        tx.commit().await?;
        self.discard(caller.tenant_id, &dataset.upload()).await;
        if let Some(snapshot) = dataset.snapshot() {
            self.discard(caller.tenant_id, &snapshot).await;
        }
        Ok(())
    }

    pub async fn list_quotes(
        &self,
        caller: &Caller,
        dataset_id: Uuid,
        after: i32,
        limit: i64,
    ) -> Result<Vec<store::QuoteRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        store::find_dataset(&mut tx, dataset_id)
            .await?
            .ok_or(Error::NoDataset(dataset_id))?;
        let quotes = store::list_quotes(&mut tx, dataset_id, after, limit).await?;
        tx.commit().await?;
        Ok(quotes)
    }

    /// Deletes a blob that nothing refers to any more; what fails here costs space and nothing else.
    async fn discard(&self, tenant: Uuid, blob: &BlobRef) {
        if let Err(error) = self.blobs.delete(tenant, blob).await {
            tracing::warn!(%error, "a blob that is not needed any more is left behind");
        }
    }
}

/// Names an upload that never became a dataset: the id behind its blob's last slash.
fn upload_id(blob: &BlobRef) -> Uuid {
    let last = blob.key.rsplit('/').next().unwrap_or_default();
    Uuid::try_parse(last).unwrap_or_default()
}
