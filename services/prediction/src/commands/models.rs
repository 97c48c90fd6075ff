//! The models that answer: found by id or as the champion, and kept in memory, decrypted and checked,
//! once they were asked or promoted. Deliberately never refreshed: artefact and history of a model do not change.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ml::Model;
use platform::{Kit, patience::eventually};
use prost::Message as _;
use proto::{
    common::BlobRef,
    rpc::Context,
    training::{GetModelRequest, InputSchema, ListModelsRequest, ModelState, training_nats},
};
use tabular::History;
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::{
    Error,
    commands::{comparisons::Comparisons, known::LastSeen},
    domain::{comparison::Comparison, fields::Fields},
    store::{self, ModelRow},
};

type Result<T> = std::result::Result<T, Error>;

/// Longest wait for the news of a model that training calls ready.
const NEWS_PATIENCE: Duration = Duration::from_secs(10);
/// What may be computed between two steps of async tasks without holding up others.
const QUICK: Duration = Duration::from_micros(200);
/// Models kept in memory; beyond that the one not asked for longest is let go.
const KEPT_MODELS: usize = 64;
/// Models asked for in one page when looking for the champion.
const PAGE_SIZE: u32 = 200;

/// A model in memory.
#[derive(Debug)]
pub struct Loaded {
    pub id: Uuid,
    /// Where the quotes are that it learned from, if they are kept.
    past_quotes: Option<BlobRef>,
    pub model: Model,
    pub fields: Fields,
    /// Empty where the model learned nothing from earlier quotes.
    pub history: History,
    pub pace: Pace,
}

/// How long a model takes for one answer.
#[derive(Debug, Default)]
pub struct Pace(AtomicBool);

impl Pace {
    /// Whether the last answer was there sooner than another thread would have begun it.
    pub fn is_quick(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes how long one answer took.
    pub fn note(&self, taken: Duration) {
        self.0.store(taken < QUICK, Ordering::Relaxed);
    }
}

/// Finds models and loads each once.
#[derive(Debug, Clone)]
pub struct Models {
    kit: Kit,
    kept: Arc<Mutex<Kept>>,
    comparisons: Arc<Mutex<Comparisons>>,
    seen: LastSeen,
}

impl Models {
    pub fn new(kit: &Kit, seen: &LastSeen) -> Self {
        Self {
            kit: kit.clone(),
            seen: seen.clone(),
            kept: Arc::default(),
            comparisons: Arc::default(),
        }
    }

    /// The past quotes of a model, read where they are not in memory; nothing where it keeps none.
    pub async fn comparison(
        &self,
        tenant: Uuid,
        model: &Arc<Loaded>,
    ) -> Result<Option<Arc<Comparison>>> {
        let Some(blob) = &model.past_quotes else {
            return Ok(None);
        };
        if let Some(known) = self.comparisons().known((tenant, model.id)) {
            return Ok(Some(known));
        }
        // Two that ask at once may both read them; the one copy is dropped again.
        let bytes = self.kit.blobs.get(tenant, blob).await?;
        let of_model = Arc::clone(model);
        let read = tokio::task::spawn_blocking(move || Comparison::new(&bytes, &of_model.fields));
        let read = read
            .await
            .map_err(|error| Error::Broken(error.to_string()))??;
        let read = Arc::new(read);
        self.comparisons().keep((tenant, model.id), &read);
        Ok(Some(read))
    }

    /// Where a model's parts lie.
    pub async fn row(&self, context: &Context, tenant: Uuid, id: Uuid) -> Result<ModelRow> {
        match self.find_row(tenant, Some(id)).await? {
            Some(row) => Ok(row),
            None => self.await_row(context, tenant, Some(id)).await,
        }
    }

    fn comparisons(&self) -> std::sync::MutexGuard<'_, Comparisons> {
        self.comparisons
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The wanted model, or the champion where none is named.
    pub async fn find(
        &self,
        context: &Context,
        tenant: Uuid,
        wanted: Option<Uuid>,
    ) -> Result<Arc<Loaded>> {
        let usual = wanted.or_else(|| self.seen.champion(tenant));
        if let Some(loaded) = usual.and_then(|id| self.kept().loaded(tenant, id)) {
            return Ok(loaded);
        }
        let row = match self.find_row(tenant, wanted).await? {
            Some(row) => row,
            None => self.await_row(context, tenant, wanted).await?,
        };
        self.seen.note_stale(tenant, row.id, &row.stale_reason);
        if wanted.is_none() {
            self.seen.note_champion(tenant, Some(row.id));
        }
        // The lock is released before anything is loaded; those who want the same wait at the cell.
        let cell = self.kept().cell(tenant, row.id);
        let loaded = cell.get_or_try_init(|| self.load(tenant, &row)).await?;
        Ok(Arc::clone(loaded))
    }

    /// Loads a model and its past quotes before it is asked, so that who asks first does not wait; nothing
    /// happens where it is unknown here.
    pub async fn warm(&self, tenant: Uuid, id: Uuid) -> Result<()> {
        let Some(row) = self.find_row(tenant, Some(id)).await? else {
            return Ok(());
        };
        let cell = self.kept().cell(tenant, row.id);
        let loaded = cell.get_or_try_init(|| self.load(tenant, &row)).await?;
        let loaded = Arc::clone(loaded);
        self.comparison(tenant, &loaded).await?;
        Ok(())
    }

    async fn find_row(&self, tenant: Uuid, wanted: Option<Uuid>) -> Result<Option<ModelRow>> {
        let mut tx = self.kit.database().begin(tenant).await?;
        let row = match wanted {
            Some(id) => store::find_model(&mut tx, id).await?,
            None => store::find_champion(&mut tx).await?,
        };
        tx.commit().await?;
        Ok(row)
    }

    /// Asks training about a model unknown here, since the news of it may still be on its way.
    async fn await_row(
        &self,
        context: &Context,
        tenant: Uuid,
        wanted: Option<Uuid>,
    ) -> Result<ModelRow> {
        match wanted {
            Some(id) => self.require_ready(context, id).await?,
            None => self.require_champion(context).await?,
        }
        eventually(NEWS_PATIENCE, || self.find_row(tenant, wanted))
            .await?
            .ok_or(Error::ModelOnItsWay)
    }

    async fn require_ready(&self, context: &Context, id: Uuid) -> Result<()> {
        let request = GetModelRequest { id: id.to_string() };
        let answer = training_nats::Client(self.kit.transport.clone())
            .get_model(context, request)
            .await
            .map_err(|status| match status.code() {
                tonic::Code::NotFound => Error::NoModel(id),
                _ => platform::Error::from(status).into(),
            })?;
        let model = answer.model.ok_or(Error::NoModel(id))?;
        let (state, advice) = match model.state() {
            ModelState::Ready => return Ok(()),
            ModelState::Training => ("training", "wait until its training has ended"),
            ModelState::Queued | ModelState::Unspecified => {
                ("queued", "wait until its training has ended")
            }
            ModelState::Failed => ("failed", "train another one, or name another model"),
            ModelState::Cancelled => ("cancelled", "train another one, or name another model"),
        };
        Err(Error::NotReady { id, state, advice })
    }

    async fn require_champion(&self, context: &Context) -> Result<()> {
        let training = training_nats::Client(self.kit.transport.clone());
        let mut page_token = String::new();
        loop {
            let request = ListModelsRequest {
                dataset_id: String::new(),
                page_size: PAGE_SIZE,
                page_token,
            };
            let page = training
                .list_models(context, request)
                .await
                .map_err(platform::Error::from)?;
            if page.models.iter().any(|model| model.champion) {
                return Ok(());
            }
            if page.next_page_token.is_empty() {
                return Err(Error::NoChampion);
            }
            page_token = page.next_page_token;
        }
    }

    async fn load(&self, tenant: Uuid, row: &ModelRow) -> Result<Arc<Loaded>> {
        let artefact = self.part(tenant, row, &row.artefact()).await?;
        let history = match row.history() {
            Some(blob) => Some(self.part(tenant, row, &blob).await?),
            None => None,
        };
        let schema = InputSchema::decode(row.input_schema.as_slice())?;
        let (id, past_quotes) = (row.id, row.past_quotes());
        tokio::task::spawn_blocking(move || {
            let model = Model::from_bytes(&artefact)?;
            let fields = Fields::new(model.schema(), &schema);
            let history = match history {
                Some(bytes) => History::from_bytes(&bytes)?,
                None => History::build(std::iter::empty()),
            };
            Ok(Arc::new(Loaded {
                id,
                past_quotes,
                model,
                fields,
                history,
                pace: Pace::default(),
            }))
        })
        .await
        .map_err(|error| Error::Broken(error.to_string()))?
    }

    /// Reads a part of a model, which may be gone.
    pub async fn part(&self, tenant: Uuid, row: &ModelRow, blob: &BlobRef) -> Result<Vec<u8>> {
        self.kit.blobs.get(tenant, blob).await.map_err(|error| {
            if error.is_missing_blob() {
                Error::ModelGone(row.id)
            } else {
                error.into()
            }
        })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Cell = Arc<OnceCell<Arc<Loaded>>>;

/// Cells of models, each with the turn at which it was last asked for.
#[derive(Debug, Default)]
struct Kept {
    cells: HashMap<(Uuid, Uuid), (Cell, u64)>,
    turn: u64,
}

impl Kept {
    /// A model that is in memory already.
    fn loaded(&mut self, tenant: Uuid, id: Uuid) -> Option<Arc<Loaded>> {
        self.turn += 1;
        let (cell, asked) = self.cells.get_mut(&(tenant, id))?;
        *asked = self.turn;
        cell.get().cloned()
    }

    /// The cell of a model, empty where it is new.
    fn cell(&mut self, tenant: Uuid, id: Uuid) -> Cell {
        self.turn += 1;
        let key = (tenant, id);
        if !self.cells.contains_key(&key) && self.cells.len() >= KEPT_MODELS {
            let oldest = self.cells.iter().min_by_key(|(_, (_, asked))| *asked);
            if let Some(oldest) = oldest.map(|(key, _)| *key) {
                self.cells.remove(&oldest);
            }
        }
        let (cell, asked) = self.cells.entry(key).or_default();
        *asked = self.turn;
        Arc::clone(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_not_asked_for_longest_is_let_go() {
        let (tenant, mut kept) = (Uuid::nil(), Kept::default());
        let ids: Vec<Uuid> = (1..=KEPT_MODELS as u128).map(Uuid::from_u128).collect();
        for id in &ids {
            kept.cell(tenant, *id);
        }
        let first = kept.cell(tenant, ids[0]);
        kept.cell(tenant, Uuid::max());
        assert_eq!(kept.cells.len(), KEPT_MODELS);
        assert!(Arc::ptr_eq(&first, &kept.cell(tenant, ids[0])));
        assert!(!kept.cells.contains_key(&(tenant, ids[1])));
    }

    #[test]
    fn models_of_two_tenants_are_two() {
        let (mut kept, id) = (Kept::default(), Uuid::from_u128(1));
        let one = kept.cell(Uuid::from_u128(2), id);
        assert!(!Arc::ptr_eq(&one, &kept.cell(Uuid::from_u128(3), id)));
    }
}
