//! The units of work of reporting: generate, read and list reports. Deliberately no drawing: that is
//! `page`.

use std::time::Duration;

use platform::{
    Clock, Database, Kit, blobs::Blobs, page::Page, patience::eventually, rpc::NatsTransport,
};
use prost::Message as _;
use proto::{
    ingestion::DatasetImported,
    reporting::ReportGenerated,
    rpc::{Caller, Context},
    training::{GetModelRequest, Model, ModelState, training_nats::Client},
};
use uuid::Uuid;

use crate::{
    Error,
    domain::{self, DatasetFacts, ModelFacts},
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
}

impl Commands {
    pub fn new(kit: &Kit) -> Self {
        Self {
            database: kit.database(),
            blobs: kit.blobs.clone(),
            clock: kit.clock.clone(),
            training: Client(kit.transport.clone()),
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
        let page = self
            .blobs
            .put(caller.tenant_id, "report", html.as_bytes())
            .await?;
        let report = ReportRow {
            id: Uuid::now_v7(),
            model_id,
            title: content.title.clone(),
            insights: sqlx::types::Json(content.sentences()),
            content: serde_json::to_value(&content)?,
            page_key: page.key.clone(),
            page_size_bytes: page.size_bytes,
            page_sha256: page.sha256.clone(),
            created_at: now,
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
            model_id: report.model_id.to_string(),
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
        page: Page,
    ) -> Result<Vec<ReportRow>> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let reports = store::list_reports(&mut tx, model_id, page).await?;
        tx.commit().await?;
        Ok(reports)
    }
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
            ..DatasetFacts::default()
        },
        win_rates: dataset.win_rates,
        predictions_made: u64::try_from(row.prediction_count).unwrap_or(0),
    })
}
