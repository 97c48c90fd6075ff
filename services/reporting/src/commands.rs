//! The units of work of reporting: generate, read and list reports. Deliberately no drawing: that is
//! `page`.

use std::time::Duration;

use platform::{
    Clock, Database, Kit, blobs::Blobs, page::Page, patience::eventually, rpc::NatsTransport,
};
use prost::Message as _;
use proto::{
    ingestion::{
        DatasetImported, DatasetState, GetDatasetRequest, Snapshot,
        ingestion_nats::Client as Ingestion,
    },
    reporting::ReportGenerated,
    rpc::{Caller, Context},
    training::{GetModelRequest, Model, ModelState, training_nats::Client},
};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use crate::{
    Error,
    domain::{
        self, DatasetFacts, ModelFacts,
        deals::Deals,
        win_loss::{self, WinLossFacts},
    },
    page,
    store::{self, ModelRow, ReportRow},
};

type Result<T> = std::result::Result<T, Error>;

/// How long an event already published may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// What reporting can do.
#[derive(Debug, Clone)]
pub struct Commands {
    database: Database,
    blobs: Blobs,
    clock: Clock,
    training: Client<NatsTransport>,
    ingestion: Ingestion<NatsTransport>,
}

impl Commands {
    pub fn new(kit: &Kit) -> Self {
        Self {
            database: kit.database(),
            blobs: kit.blobs.clone(),
            clock: kit.clock.clone(),
            training: Client(kit.transport.clone()),
            ingestion: Ingestion(kit.transport.clone()),
        }
    }

    pub async fn generate_report(&self, context: &Context, model_id: Uuid) -> Result<ReportRow> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let row = match self.find_model(caller, model_id).await? {
            Some(row) => row,
            None => self.await_model(context, caller, model_id).await?,
        };
        let now = self.clock.now();
        let content = domain::build(&facts(&row)?, now);
        let html = page::render(&content)?;
        let written = Written {
            kind: store::MODEL,
            model_id: Some(model_id),
            dataset_id: None,
            title: content.title.clone(),
            insights: content.sentences(),
            content: serde_json::to_value(&content)?,
        };
        self.keep(context, caller, written, &html).await
    }

    /// Analyses the wins and losses of a dataset.
    pub async fn analyse_dataset(&self, context: &Context, dataset_id: Uuid) -> Result<ReportRow> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let event = match self.find_dataset(caller, dataset_id).await? {
            Some(event) => event,
            None => self.await_dataset(context, caller, dataset_id).await?,
        };
        let snapshot = event.snapshot.as_ref().ok_or(Error::NoQuotes(dataset_id))?;
        let snapshot = self.blobs.get(caller.tenant_id, snapshot).await?;
        let now = self.clock.now();
        let worked = spawn_blocking(move || -> Result<_> {
            let facts = WinLossFacts {
                dataset_id: event.dataset_id,
                dataset: DatasetFacts {
                    name: event.name,
                    row_count: event.row_count,
                    won_count: event.won_count,
                },
                win_rates: event.win_rates,
                deals: Deals::read(Snapshot::decode(&*snapshot)?),
            };
            let content = win_loss::analyse(&facts, now);
            let html = page::win_loss::render(&content)?;
            Ok((content, html))
        });
        let (content, html) = worked
            .await
            .map_err(|error| Error::Broken(error.to_string()))??;
        let insights = content.insights.iter();
        let written = Written {
            kind: store::WIN_LOSS,
            model_id: None,
            dataset_id: Some(dataset_id),
            title: content.title.clone(),
            insights: insights.map(|insight| insight.text.clone()).collect(),
            content: serde_json::to_value(&content)?,
        };
        self.keep(context, caller, written, &html).await
    }

    async fn keep(
        &self,
        context: &Context,
        caller: &Caller,
        written: Written,
        html: &str,
    ) -> Result<ReportRow> {
        let page = self
            .blobs
            .put(caller.tenant_id, "report", html.as_bytes())
            .await?;
        let report = ReportRow {
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
        };
        let written = self.write_report(context, caller, &report).await;
        if written.is_err() {
            // A page that no report names would never be found again.
            self.blobs.delete(caller.tenant_id, &page).await?;
        }
        written?;
        Ok(report)
    }

    async fn write_report(
        &self,
        context: &Context,
        caller: &Caller,
        report: &ReportRow,
    ) -> Result<()> {
        let mut tx = self.database.begin(caller.tenant_id).await?;
        store::insert_report(&mut tx, report).await?;
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
        Ok(tx.commit().await?)
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

    pub async fn get_report(
        &self,
        context: &Context,
        id: Uuid,
        include_html: bool,
    ) -> Result<(ReportRow, String)> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let found = store::find_report(&mut tx, id).await?;
        tx.commit().await?;
        let report = found.ok_or(Error::NoReport(id))?;
        let html = if include_html {
            let page = self.blobs.get(caller.tenant_id, &report.page()).await?;
            String::from_utf8_lossy(&page).into_owned()
        } else {
            String::new()
        };
        Ok((report, html))
    }

    pub async fn list_reports(
        &self,
        context: &Context,
        model_id: Option<Uuid>,
        dataset_id: Option<Uuid>,
        page: Page,
    ) -> Result<Vec<ReportRow>> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let reports = store::list_reports(&mut tx, model_id, dataset_id, page).await?;
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
}

fn facts(row: &ModelRow) -> Result<ModelFacts> {
    let dataset = match &row.dataset {
        Some(content) => DatasetImported::decode(content.as_slice())?,
        None => DatasetImported::default(),
    };
    Ok(ModelFacts {
        model: Model {
            champion: row.champion,
            ..Model::decode(row.content.as_slice())?
        },
        dataset: DatasetFacts {
            row_count: dataset.row_count,
            won_count: dataset.won_count,
            name: dataset.name,
        },
        win_rates: dataset.win_rates,
        predictions_made: u64::try_from(row.prediction_count).unwrap_or(0),
    })
}
