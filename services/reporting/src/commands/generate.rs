//! Writing a report: what is known is read, the domain makes a report of it, and it is kept. Deliberately no question to
//! another service, but whether something that is not known here is on its way.

use prost::Message as _;
use proto::{
    common::BlobRef,
    ingestion::{DatasetImported, Snapshot},
    rpc::{Caller, Context},
    training::ModelTrained,
};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::{
    Commands, Result, Written,
    facts::{answers, ended, finding, judged, model_facts, predicted},
    runs::Run,
};
use crate::{
    Error,
    domain::{
        self, DatasetFacts, Insight,
        deals::Deals,
        pipeline::{self, JUDGED, PipelineFacts},
        price::{self, PriceFacts},
        quotes,
        track::{self, MOST_QUOTES, TrackFacts},
        win_loss::{self, WinLossFacts},
    },
    page,
    store::{self, ModelRow, ReportRow},
};

/// Drift findings that a track record tells.
const FINDINGS: i64 = 50;
/// Forecasts that are looked at; fewer of them have decided quotes.
const FORECASTS: i64 = 3 * JUDGED as i64;

/// What a report is to be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A model.
    Model(Uuid),
    /// The wins and losses of a dataset.
    WinLoss(Uuid),
    /// The open quotes of a dataset, by a model where one is named.
    Pipeline(Uuid, Option<Uuid>),
    /// The prices of a dataset, by a model where one is named.
    Price(Uuid, Option<Uuid>),
    /// The predictions of a model, or of all of them.
    Track(Option<Uuid>),
}

impl About {
    /// The kind, the model and the dataset.
    pub fn parts(self) -> (&'static str, Option<Uuid>, Option<Uuid>) {
        match self {
            Self::Model(model) => (store::MODEL, Some(model), None),
            Self::WinLoss(dataset) => (store::WIN_LOSS, None, Some(dataset)),
            Self::Pipeline(dataset, model) => (store::PIPELINE, model, Some(dataset)),
            Self::Price(dataset, model) => (store::PRICE, model, Some(dataset)),
            Self::Track(model) => (store::TRACK, model, None),
        }
    }

    /// What has these parts; nothing where they do not go together.
    pub fn of(kind: &str, model_id: Option<Uuid>, dataset_id: Option<Uuid>) -> Option<Self> {
        match kind {
            store::MODEL => model_id.map(Self::Model),
            store::WIN_LOSS => dataset_id.map(Self::WinLoss),
            store::PIPELINE => dataset_id.map(|id| Self::Pipeline(id, model_id)),
            store::PRICE => dataset_id.map(|id| Self::Price(id, model_id)),
            store::TRACK => Some(Self::Track(model_id)),
            _ => None,
        }
    }
}

impl Commands {
    /// Writes a report and keeps it.
    pub async fn generate(&self, context: &Context, about: About) -> Result<ReportRow> {
        let caller = context.caller().map_err(platform::Error::from)?;
        self.generate_for(context, caller, about, None).await
    }

    /// Writes a report for somebody, or for a run of a schedule, where nobody asks.
    pub(super) async fn generate_for(
        &self,
        context: &Context,
        caller: &Caller,
        about: About,
        run: Option<&Run>,
    ) -> Result<ReportRow> {
        let (written, html) = match about {
            About::Model(id) => self.model_card(context, caller, id).await?,
            About::WinLoss(id) => self.win_loss(context, caller, id).await?,
            About::Pipeline(id, model) => self.pipeline(context, caller, id, model).await?,
            About::Price(id, model) => self.price(context, caller, id, model).await?,
            About::Track(model) => self.track(context, caller, model).await?,
        };
        self.keep(context, caller, written, &html, run).await
    }

    async fn model_card(
        &self,
        context: &Context,
        caller: &Caller,
        model_id: Uuid,
    ) -> Result<(Written, String)> {
        let row = self.known_model(context, caller, model_id).await?;
        let content = domain::build(&model_facts(&row)?, self.clock.now());
        let html = page::render(&content)?;
        let written = Written {
            kind: store::MODEL,
            model_id: Some(model_id),
            dataset_id: None,
            title: content.title.clone(),
            insights: content.sentences(),
            content: serde_json::to_value(&content)?,
            basis: None,
        };
        Ok((written, html))
    }

    async fn win_loss(
        &self,
        context: &Context,
        caller: &Caller,
        dataset_id: Uuid,
    ) -> Result<(Written, String)> {
        let event = self.known_dataset(context, caller, dataset_id).await?;
        let snapshot = self.snapshot(caller, dataset_id, &event).await?;
        let now = self.clock.now();
        let content = blocking(move || {
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
            Ok(win_loss::analyse(&facts, now))
        })
        .await?;
        let html = page::win_loss::render(&content)?;
        let about = (None, Some(dataset_id));
        let written = written(
            store::WIN_LOSS,
            about,
            &content.title,
            &content.insights,
            &content,
        )?;
        Ok((written, html))
    }

    async fn pipeline(
        &self,
        context: &Context,
        caller: &Caller,
        dataset_id: Uuid,
        model_id: Option<Uuid>,
    ) -> Result<(Written, String)> {
        let event = self.known_dataset(context, caller, dataset_id).await?;
        let snapshot = self.snapshot(caller, dataset_id, &event).await?;
        let (model_id, trained, artefact) = self
            .answering(context, caller, dataset_id, model_id)
            .await?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let outcomes = store::list_outcomes(&mut tx).await?;
        let forecasts = store::list_forecasts(&mut tx, dataset_id, FORECASTS).await?;
        tx.commit().await?;
        let earlier = forecasts
            .into_iter()
            .map(|row| {
                let basis = serde_json::from_value(row.basis)?;
                Ok((row.id.to_string(), row.created_at, basis))
            })
            .collect::<Result<Vec<_>>>()?;
        let now = self.clock.now();
        let (content, basis) = blocking(move || {
            let model = ml::Model::from_bytes(&artefact)?;
            let schema = trained.input_schema.unwrap_or_default();
            let (decided, open) = quotes::read(Snapshot::decode(&*snapshot)?, &schema);
            if open.prices.is_empty() {
                return Err(Error::NoOpenQuotes(dataset_id));
            }
            let facts = PipelineFacts {
                dataset_id: event.dataset_id,
                dataset_name: event.name,
                model_id: model_id.to_string(),
                answers: answers(&model, &open.columns.table)?,
                decided,
                open,
                outcomes: outcomes.into_iter().map(ended).collect(),
                earlier,
            };
            Ok(pipeline::forecast(&facts, now))
        })
        .await?;
        let html = page::render_document(&page::pipeline::document(&content)?)?;
        let about = (Some(model_id), Some(dataset_id));
        let mut written = written(
            store::PIPELINE,
            about,
            &content.title,
            &content.insights,
            &content,
        )?;
        written.basis = Some(serde_json::to_value(&basis)?);
        Ok((written, html))
    }

    async fn price(
        &self,
        context: &Context,
        caller: &Caller,
        dataset_id: Uuid,
        model_id: Option<Uuid>,
    ) -> Result<(Written, String)> {
        let event = self.known_dataset(context, caller, dataset_id).await?;
        let snapshot = self.snapshot(caller, dataset_id, &event).await?;
        let (model_id, trained, artefact) = self
            .answering(context, caller, dataset_id, model_id)
            .await?;
        let now = self.clock.now();
        let content = blocking(move || {
            let model = ml::Model::from_bytes(&artefact)?;
            let schema = trained.input_schema.unwrap_or_default();
            let (decided, _) = quotes::read(Snapshot::decode(&*snapshot)?, &schema);
            let facts = PriceFacts {
                dataset_id: event.dataset_id,
                dataset_name: event.name,
                model_id: model_id.to_string(),
                decided,
            };
            Ok(price::analyse(&facts, &model, now)?)
        })
        .await?;
        let html = page::render_document(&page::price::document(&content)?)?;
        let about = (Some(model_id), Some(dataset_id));
        let written = written(
            store::PRICE,
            about,
            &content.title,
            &content.insights,
            &content,
        )?;
        Ok((written, html))
    }

    async fn track(
        &self,
        context: &Context,
        caller: &Caller,
        model_id: Option<Uuid>,
    ) -> Result<(Written, String)> {
        if let Some(id) = model_id {
            self.known_model(context, caller, id).await?;
        }
        let most = i64::try_from(MOST_QUOTES).unwrap_or(i64::MAX);
        let mut tx = self.database.begin(caller.tenant_id).await?;
        let decided = store::list_decided(&mut tx, model_id, most).await?;
        let drift = store::list_drift(&mut tx, model_id, FINDINGS).await?;
        let months = store::list_predicted(&mut tx, model_id).await?;
        tx.commit().await?;
        let facts = TrackFacts {
            model_id: model_id.map(|id| id.to_string()).unwrap_or_default(),
            judged: decided.iter().filter_map(judged).collect(),
            drift: drift.iter().map(finding).collect::<Result<_>>()?,
            predicted: months.into_iter().map(predicted).collect(),
        };
        let now = self.clock.now();
        let content = blocking(move || Ok(track::record(&facts, now)?)).await?;
        let html = page::render_document(&page::track::document(&content)?)?;
        let about = (model_id, None);
        let written = written(
            store::TRACK,
            about,
            &content.title,
            &content.insights,
            &content,
        )?;
        Ok((written, html))
    }

    async fn snapshot(
        &self,
        caller: &Caller,
        dataset_id: Uuid,
        event: &DatasetImported,
    ) -> Result<Vec<u8>> {
        let snapshot = event.snapshot.as_ref().ok_or(Error::NoQuotes(dataset_id))?;
        Ok(self.blobs.get(caller.tenant_id, snapshot).await?)
    }

    /// The model that answers for a dataset, its news and its artefact.
    async fn answering(
        &self,
        context: &Context,
        caller: &Caller,
        dataset_id: Uuid,
        named: Option<Uuid>,
    ) -> Result<(Uuid, ModelTrained, Vec<u8>)> {
        let id = match named {
            Some(id) => id,
            None => {
                let mut tx = self.database.begin(caller.tenant_id).await?;
                let found = store::find_model_of(&mut tx, dataset_id).await?;
                tx.commit().await?;
                found.ok_or(Error::NoModel(dataset_id))?
            }
        };
        let row = self.known_model(context, caller, id).await?;
        if row.dataset_id != dataset_id {
            return Err(Error::OtherDataset(id));
        }
        let trained = row.trained.ok_or(Error::ModelBefore(id))?;
        let trained = ModelTrained::decode(trained.as_slice())?;
        let artefact: &BlobRef = trained.artefact.as_ref().ok_or(Error::ModelBefore(id))?;
        let artefact = self.blobs.get(caller.tenant_id, artefact).await?;
        Ok((id, trained, artefact))
    }

    pub(super) async fn known_model(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
    ) -> Result<ModelRow> {
        match self.find_model(caller, id).await? {
            Some(row) => Ok(row),
            None => self.await_model(context, caller, id).await,
        }
    }

    pub(super) async fn known_dataset(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
    ) -> Result<DatasetImported> {
        match self.find_dataset(caller, id).await? {
            Some(event) => Ok(event),
            None => self.await_dataset(context, caller, id).await,
        }
    }
}

/// Computes where nobody else waits for the thread.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let worked = spawn_blocking(work).await;
    worked.map_err(|error| Error::Broken(error.to_string()))?
}

/// A report about a model, a dataset or both, as it is kept; it rests on nothing that is to be judged later.
fn written(
    kind: &'static str,
    (model_id, dataset_id): (Option<Uuid>, Option<Uuid>),
    title: &str,
    insights: &[Insight],
    content: &impl serde::Serialize,
) -> Result<Written> {
    Ok(Written {
        kind,
        model_id,
        dataset_id,
        title: title.to_owned(),
        insights: insights
            .iter()
            .map(|insight| insight.text.clone())
            .collect(),
        content: serde_json::to_value(content)?,
        basis: None,
    })
}
