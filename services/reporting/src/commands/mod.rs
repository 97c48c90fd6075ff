//! The units of work of reporting: reports are written, kept, read, listed, shared and scheduled. Deliberately no drawing: that is `page`.

mod facts;
mod files;
mod generate;
mod links;
mod mails;
mod rebuild;
mod runs;
mod schedules;
mod times;

use std::{sync::Arc, time::Duration};

use platform::{
    Clock, Database, Kit, blobs::Blobs, bus::Bus, keys::KeyRing, page::Page, patience::eventually,
    rpc::NatsTransport, shutdown::Shutdown,
};
use prost::Message as _;
use proto::{
    auth::auth_nats::Client as Auth,
    common::BlobRef,
    ingestion::{
        DatasetImported, DatasetState, GetDatasetRequest, ingestion_nats::Client as Ingestion,
    },
    reporting::{ReportFormat, ReportGenerated},
    rpc::{Caller, Context},
    training::{GetModelRequest, ModelState, training_nats::Client},
};
use tokio::sync::Notify;
use uuid::Uuid;

use self::runs::{Mail, Run};

use crate::{
    Error,
    store::{self, ModelRow, ReportRow, Wanted},
};

pub use files::media_type;
pub use generate::About;
pub use schedules::{Wish, format_of};

type Result<T> = std::result::Result<T, Error>;

/// How long an event already published may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a file at most: an answer has to be carried by one message.
const LARGEST_FILE: usize = 7 << 19;

/// A report that was read.
#[derive(Debug)]
pub struct Read {
    pub report: ReportRow,
    /// Its page; empty unless wanted.
    pub html: String,
    /// The file of a format; empty unless one was wanted.
    pub file: Vec<u8>,
}

/// Rung when there is something to do.
#[derive(Debug, Default)]
pub struct Bells {
    /// A schedule is new, or goes on.
    pub schedules: Notify,
    /// A report is to be mailed.
    pub mail: Notify,
}

/// What reporting can do.
#[derive(Debug, Clone)]
pub struct Commands {
    database: Database,
    blobs: Blobs,
    clock: Clock,
    bus: Bus,
    keys: KeyRing,
    bells: Arc<Bells>,
    shutdown: Shutdown,
    auth: Auth<NatsTransport>,
    training: Client<NatsTransport>,
    ingestion: Ingestion<NatsTransport>,
}

impl Commands {
    pub fn new(kit: &Kit) -> Self {
        Self {
            database: kit.database(),
            blobs: kit.blobs.clone(),
            clock: kit.clock.clone(),
            bus: kit.bus.clone(),
            keys: kit.keys.clone(),
            bells: Arc::default(),
            shutdown: kit.shutdown.clone(),
            auth: Auth(kit.transport.clone()),
            training: Client(kit.transport.clone()),
            ingestion: Ingestion(kit.transport.clone()),
        }
    }

    /// What is rung when there is something to do.
    pub fn bells(&self) -> &Bells {
        &self.bells
    }

    async fn keep(
        &self,
        context: &Context,
        caller: &Caller,
        written: Written,
        html: &str,
        run: Option<&Run>,
    ) -> Result<ReportRow> {
        let mut made = Vec::new();
        let kept = self.keep_all(context, caller, written, html, run, &mut made);
        let kept = kept.await;
        if kept.is_err() {
            // What no row names would never be found again.
            for blob in &made {
                self.blobs.delete(caller.tenant_id, blob).await?;
            }
        }
        kept
    }

    /// Keeps a report and what is to be mailed of it; blobs are added to `made`.
    async fn keep_all(
        &self,
        context: &Context,
        caller: &Caller,
        written: Written,
        html: &str,
        run: Option<&Run>,
        made: &mut Vec<BlobRef>,
    ) -> Result<ReportRow> {
        let page = self
            .blobs
            .put(caller.tenant_id, "report", html.as_bytes())
            .await?;
        made.push(page.clone());
        let mut report = ReportRow {
            id: Uuid::now_v7(),
            kind: written.kind.to_owned(),
            model_id: written.model_id,
            dataset_id: written.dataset_id,
            title: written.title,
            insights: sqlx::types::Json(written.insights),
            content: written.content,
            page_key: page.key.clone(),
            page_size_bytes: page.size_bytes,
            page_sha256: page.sha256.clone(),
            created_at: self.clock.now(),
            created_by: caller.user_id,
            version: 0,
        };
        let run = match run {
            Some(run) => {
                let mail = self.prepare_mail(caller.tenant_id, run, &report, made);
                Some((run, mail.await?))
            }
            None => None,
        };
        let basis = written.basis;
        report.version = self
            .write_report(context, caller, &report, basis.as_ref(), run)
            .await?;
        Ok(report)
    }

    async fn write_report(
        &self,
        context: &Context,
        caller: &Caller,
        report: &ReportRow,
        basis: Option<&serde_json::Value>,
        run: Option<(&Run, Option<Mail>)>,
    ) -> Result<i64> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        store::insert_report(&mut tx, report, basis).await?;
        let version = store::find_report(&mut tx, report.id).await?;
        tx.publish(&ReportGenerated {
            report_id: report.id.to_string(),
            model_id: report.model_id.map(|id| id.to_string()).unwrap_or_default(),
            dataset_id: report
                .dataset_id
                .map(|id| id.to_string())
                .unwrap_or_default(),
        })
        .await?;
        tx.audit(context, "reporting.generate_report", report.id)
            .await?;
        if let Some((run, mail)) = run {
            self.end_well(&mut tx, context, run, report.id, mail.as_ref())
                .await?;
        }
        tx.commit().await?;
        Ok(version.map_or(0, |written| written.version))
    }

    async fn find_model(&self, caller: &Caller, id: Uuid) -> Result<Option<ModelRow>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let row = store::find_model(&mut tx, id).await?;
        tx.commit().await?;
        Ok(row)
    }

    async fn find_dataset(&self, caller: &Caller, id: Uuid) -> Result<Option<DatasetImported>> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let row = store::find_dataset(&mut tx, id).await?;
        tx.commit().await?;
        Ok(row
            .map(|row| DatasetImported::decode(row.as_slice()))
            .transpose()?)
    }

    /// The dataset is not known here: ingestion knows whether it is anywhere, and then its event is on the way.
    async fn await_dataset(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
    ) -> Result<DatasetImported> {
        if context.caller.is_none() {
            return Err(Error::DatasetGone(id));
        }
        let request = GetDatasetRequest { id: id.to_string() };
        let answer = self.ingestion.get_dataset(context, request).await;
        let dataset = answer
            .map_err(platform::Error::from)?
            .dataset
            .unwrap_or_default();
        if dataset.state() != DatasetState::Ready {
            return Err(Error::DatasetNotReady(id));
        }
        eventually(PATIENCE, || self.find_dataset(caller, id))
            .await?
            .ok_or(Error::DatasetLate(id))
    }

    /// The model is not known here: training knows whether it is anywhere, and then its event is on
    /// the way.
    async fn await_model(&self, context: &Context, caller: &Caller, id: Uuid) -> Result<ModelRow> {
        if context.caller.is_none() {
            return Err(Error::ModelGone(id));
        }
        let request = GetModelRequest { id: id.to_string() };
        let answer = self.training.get_model(context, request).await;
        let model = answer
            .map_err(platform::Error::from)?
            .model
            .unwrap_or_default();
        if model.state() != ModelState::Ready {
            return Err(Error::ModelNotReady(id));
        }
        eventually(PATIENCE, || self.find_model(caller, id))
            .await?
            .ok_or(Error::ModelLate(id))
    }

    /// A report, its page where that is wanted, and the file of a format where one is.
    pub async fn get_report(
        &self,
        context: &Context,
        id: Uuid,
        include_html: bool,
        format: ReportFormat,
    ) -> Result<Read> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let found = store::find_report(&mut tx, id).await?;
        tx.commit().await?;
        let report = found.ok_or(Error::NoReport(id))?;
        self.read(caller, report, include_html, format).await
    }

    /// The page of a report where that is wanted, and the file of a format where one is.
    async fn read(
        &self,
        caller: &Caller,
        report: ReportRow,
        include_html: bool,
        format: ReportFormat,
    ) -> Result<Read> {
        let html = if include_html || format == ReportFormat::Html {
            self.blobs.get(caller.tenant_id, &report.page()).await?
        } else {
            Vec::new()
        };
        let file = match format {
            ReportFormat::Html => html.clone(),
            format => files::write(&report, format).await?,
        };
        if file.len() > LARGEST_FILE {
            return Err(Error::TooLarge(report.id));
        }
        Ok(Read {
            report,
            html: match include_html {
                true => String::from_utf8_lossy(&html).into_owned(),
                false => String::new(),
            },
            file,
        })
    }

    pub async fn list_reports(
        &self,
        context: &Context,
        wanted: &Wanted,
        page: Page,
    ) -> Result<Vec<ReportRow>> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let reports = store::list_reports(&mut tx, wanted, page).await?;
        tx.commit().await?;
        Ok(reports)
    }
}

/// A report before it is kept.
struct Written {
    kind: &'static str,
    model_id: Option<Uuid>,
    dataset_id: Option<Uuid>,
    title: String,
    insights: Vec<String>,
    content: serde_json::Value,
    /// What it rested on, where it is to be judged later.
    basis: Option<serde_json::Value>,
}
