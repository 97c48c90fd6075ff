//! Uploads: taken over, refused, or only previewed.

use chrono::NaiveDate;
use proto::{
    common::BlobRef,
    ingestion::{DatasetRejected, DatasetUploaded, ErrorsFormat, ImportReport, Preview},
    rpc::{Caller, Context},
};
use tabular::{Problem, Severity, errors_file};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{
    Commands, Result,
    look::{Eyes, Glance},
};
use crate::{
    Error,
    domain::{
        inspect::{Inspection, Unreadable},
        meaning,
        plan::Effect,
        reading::Reading,
        report,
    },
    store,
};

/// What the client said about an upload.
#[derive(Debug)]
pub struct Upload {
    pub name: String,
    pub file_name: String,
    pub reading: Reading,
    pub dataset_id: Option<Uuid>,
    pub forget_mapping: bool,
    pub errors_format: ErrorsFormat,
    pub blob: BlobRef,
}

/// What became of an upload.
#[derive(Debug)]
pub struct Registered {
    pub dataset: store::DatasetRow,
    pub import: store::ImportRow,
    pub report: ImportReport,
    /// Whether the dataset had this very file already.
    pub already_imported: bool,
}

/// What an import would do.
#[derive(Debug)]
pub struct Previewed {
    pub preview: Preview,
    /// The errors file, which the caller deletes.
    pub errors: Option<BlobRef>,
}

impl Commands {
    /// Reads an upload and takes it over, or says what is wrong with it. What is not taken over is
    /// deleted.
    pub async fn register_upload(
        &self,
        context: &Context,
        caller: &Caller,
        upload: Upload,
    ) -> Result<Registered> {
        let outcome = self.judge(context, caller, &upload).await;
        let kept = matches!(&outcome, Ok(registered) if !registered.already_imported);
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
    ) -> Result<Registered> {
        if let Some(registered) = self.find_same_file(caller, upload).await? {
            return Ok(registered);
        }
        let today = self.clock.now().date_naive();
        let looked = self.look(caller, upload, today).await?;
        let inspection = match looked {
            Ok(inspection) => inspection,
            Err(found) => {
                let report = report::of_unreadable(&found);
                return Err(self.reject(context, caller, upload, &report).await?);
            }
        };
        let mut told = report::of(&inspection);
        if !inspection.is_accepted() {
            let refused = self.reject(context, caller, upload, &told).await?;
            drop_elsewhere(inspection);
            return Err(refused);
        }
        told.warnings
            .extend(self.same_file_elsewhere(caller, upload).await?);
        let accepted = self
            .accept(context, caller, upload, told, &inspection)
            .await;
        drop_elsewhere(inspection);
        accepted
    }

    /// Reads an upload and says what was found; nothing is kept.
    pub async fn check_upload(
        &self,
        context: &Context,
        caller: &Caller,
        upload: Upload,
    ) -> Result<ImportReport> {
        let today = self.clock.now().date_naive();
        let outcome = self.look(caller, &upload, today).await;
        self.discard(caller.tenant_id, &upload.blob).await;
        let told = match outcome? {
            Ok(inspection) => {
                let told = report::of(&inspection);
                drop_elsewhere(inspection);
                told
            }
            Err(found) => report::of_unreadable(&found),
        };
        self.note_look(context, caller, &upload).await?;
        Ok(told)
    }

    async fn note_look(&self, context: &Context, caller: &Caller, upload: &Upload) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let id = upload_id(&upload.blob);
        tx.audit(context, "ingestion.preview_dataset", id).await?;
        Ok(tx.commit().await?)
    }

    /// Looks at an upload; also proves that the blob is the caller's.
    async fn look(
        &self,
        caller: &Caller,
        upload: &Upload,
        today: NaiveDate,
    ) -> Result<std::result::Result<Inspection, Unreadable>> {
        let glance = Glance {
            tenant: caller.tenant_id,
            blob: upload.blob.clone(),
            reading: upload.reading.clone(),
            dataset_id: upload.dataset_id,
            remember: !upload.forget_mapping,
            today,
        };
        self.eyes().look(&glance).await
    }

    pub(super) fn eyes(&self) -> Eyes<'_> {
        Eyes {
            database: &self.database,
            blobs: &self.blobs,
            keys: &self.keys,
            limits: self.limits,
        }
    }

    /// The import of then, where the dataset has this very file.
    async fn find_same_file(&self, caller: &Caller, upload: &Upload) -> Result<Option<Registered>> {
        let Some(id) = upload.dataset_id else {
            return Ok(None);
        };
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let dataset = store::find_dataset(&mut tx, id)
            .await?
            .ok_or(Error::NoDataset(id))?;
        let import = store::find_import_of_file(&mut tx, id, &upload.blob.sha256).await?;
        tx.commit().await?;
        Ok(import.map(|import| Registered {
            dataset,
            import,
            report: ImportReport::default(),
            already_imported: true,
        }))
    }

    /// Warns where another dataset has this very file.
    async fn same_file_elsewhere(
        &self,
        caller: &Caller,
        upload: &Upload,
    ) -> Result<Vec<proto::ingestion::Problem>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let found = store::list_datasets_of_file(&mut tx, &upload.blob.sha256).await?;
        tx.commit().await?;
        let warning = |(id, name): &(Uuid, String)| Problem {
            severity: Severity::Warning,
            ..Problem::error(
                "file_known",
                format!("this very file is dataset \"{name}\" ({id}) already"),
                format!("delete one of the two, or import newer files with --into {id}"),
            )
        };
        let warnings: Vec<Problem> = found.iter().take(1).map(warning).collect();
        Ok(report::problems(&warnings))
    }

    async fn accept(
        &self,
        context: &Context,
        caller: &Caller,
        upload: &Upload,
        told: ImportReport,
        inspection: &Inspection,
    ) -> Result<Registered> {
        let now = self.clock.now();
        let import_id = Uuid::now_v7();
        let dataset_id = upload.dataset_id.unwrap_or_else(Uuid::now_v7);
        let columns = meaning::store_columns(&told.columns);
        let settled = settled(upload, inspection);
        let mut tx = self.database.begin(caller.tenant_id).await?;
        if upload.dataset_id.is_some() {
            store::claim_dataset(&mut tx, dataset_id)
                .await?
                .ok_or(Error::NoDataset(dataset_id))?;
        } else {
            let dataset = store::NewDataset {
                id: dataset_id,
                name: &upload.name,
                columns: &columns,
                created_at: now,
                created_by: caller.user_id,
            };
            store::insert_dataset(&mut tx, &dataset).await?;
        }
        let import = store::NewImport {
            id: import_id,
            dataset_id,
            file_name: &upload.file_name,
            reading: &settled,
            upload: &upload.blob,
            rows_total: told.row_count - told.refused_row_count.min(told.row_count),
            created_at: now,
            created_by: caller.user_id,
        };
        store::insert_import(&mut tx, &import).await?;
        let fingerprint = tabular::fingerprint(&inspection.sheet.headers);
        store::insert_remembered(&mut tx, &fingerprint, &settled, now).await?;
        let dataset = store::find_dataset(&mut tx, dataset_id).await?;
        let stored = store::find_import(&mut tx, import_id).await?;
        tx.publish(&DatasetUploaded {
            dataset_id: dataset_id.to_string(),
            blob: Some(upload.blob.clone()),
            import_id: import_id.to_string(),
        })
        .await?;
        tx.audit(context, "ingestion.import_dataset", import_id)
            .await?;
        tx.commit().await?;
        Ok(Registered {
            dataset: dataset.ok_or(Error::NoDataset(dataset_id))?,
            import: stored.ok_or(Error::NoImport(import_id))?,
            report: told,
            already_imported: false,
        })
    }

    /// Notes a refusal; answers its sentence.
    async fn reject(
        &self,
        context: &Context,
        caller: &Caller,
        upload: &Upload,
        told: &ImportReport,
    ) -> Result<Error> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        tx.publish(&DatasetRejected {
            rules: report::rules(told),
        })
        .await?;
        tx.audit(context, "ingestion.reject_upload", upload_id(&upload.blob))
            .await?;
        tx.commit().await?;
        Ok(Error::Refused(report::refusal(told)))
    }

    /// Says what an import would do; nothing is kept but the errors file, which the caller deletes.
    pub async fn inspect_upload(
        &self,
        context: &Context,
        caller: &Caller,
        upload: Upload,
    ) -> Result<Previewed> {
        let today = self.clock.now().date_naive();
        let previewed = match self.look(caller, &upload, today).await? {
            Ok(inspection) => self.preview(caller, &upload, inspection).await?,
            Err(found) => Previewed {
                preview: report::preview_of_unreadable(&found),
                errors: None,
            },
        };
        self.note_look(context, caller, &upload).await?;
        Ok(previewed)
    }

    async fn preview(
        &self,
        caller: &Caller,
        upload: &Upload,
        inspection: Inspection,
    ) -> Result<Previewed> {
        let format = upload.errors_format;
        let worked = spawn_blocking(move || {
            let preview = report::preview(&inspection, Effect::default());
            let errors = errors(&inspection, format);
            (preview, errors, inspection)
        });
        let (mut preview, errors, inspection) = worked
            .await
            .map_err(|error| Error::Broken(error.to_string()))?;
        let is_understood = inspection.missing.is_empty();
        let refused = inspection.validated.report.bad_rows;
        let mut effect = Effect::default();
        if let Some((content, _)) = inspection.into_content() {
            let mut tx = self.database.begin(caller.tenant_id).await?;
            let eyes = self.eyes();
            let planned = eyes
                .plan(&mut tx, upload.dataset_id, &upload.reading, content)
                .await?;
            tx.commit().await?;
            effect = planned.0.effect;
            spawn_blocking(move || drop(planned));
        }
        effect.refused = if is_understood { refused } else { 0 };
        preview.effect = Some(report::effect_message(&effect));
        preview
            .warnings
            .extend(self.same_file_elsewhere(caller, upload).await?);
        let errors = match errors? {
            Some(bytes) => Some(self.blobs.put(caller.tenant_id, "errors", &bytes).await?),
            None => None,
        };
        Ok(Previewed { preview, errors })
    }
}

/// The errors file; `None` where none is wanted, or nothing is known of single rows.
fn errors(inspection: &Inspection, format: ErrorsFormat) -> Result<Option<Vec<u8>>> {
    let (sheet, bad_rows) = (&inspection.sheet, &inspection.validated.bad_rows);
    if !inspection.missing.is_empty() || bad_rows.total() == 0 {
        return Ok(None);
    }
    let unwritable = |error: errors_file::WriteError| Error::Broken(error.to_string());
    match format {
        ErrorsFormat::Unspecified => Ok(None),
        ErrorsFormat::Csv => {
            let mut out = Vec::new();
            errors_file::csv(sheet, bad_rows, &mut out).map_err(unwritable)?;
            Ok(Some(out))
        }
        ErrorsFormat::Xlsx => errors_file::xlsx(sheet, bad_rows)
            .map(Some)
            .map_err(unwritable),
    }
}

/// How the file was read in the end, so that it is read alike again.
fn settled(upload: &Upload, inspection: &Inspection) -> Reading {
    let mut settled = upload
        .reading
        .settled(&inspection.mapping, &inspection.profiles);
    let origin = &inspection.sheet.origin;
    settled.sheet.clone_from(&origin.sheet);
    settled.encoding.clone_from(&origin.encoding);
    settled.header_row = Some(origin.header_row);
    settled
}

/// Dropping the rows of a large file takes a while.
fn drop_elsewhere(inspection: Inspection) {
    spawn_blocking(move || drop(inspection));
}

/// Names an upload that never became a dataset: the id behind its blob's last slash.
fn upload_id(blob: &BlobRef) -> Uuid {
    let last = blob.key.rsplit('/').next().unwrap_or_default();
    Uuid::try_parse(last).unwrap_or_default()
}
