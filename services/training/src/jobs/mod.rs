//! The training of one model, as work that outlives a message: it may be interrupted at any point
//! and is then begun again. Deliberately no learning: it carries data to `ml` and results back.

mod progress;
mod resources;
mod running;

pub use running::Running;

use std::{ops::ControlFlow, sync::Arc};

use ml::{TrainOptions, Trained, TrainingSet};
use platform::{
    Coded as _, Kit, TenantTx,
    consumer::{Consumer, Delivery, Failure},
    error::{Fate, chain},
    page::parse_id,
};
use prost::Message as _;
use proto::{
    ingestion::Snapshot,
    rpc::Context,
    training::{InputSchema, Model, ModelTrained, TrainingFailed, TrainingRequested},
};
use tokio::sync::{Semaphore, oneshot, watch};
use uuid::Uuid;

use crate::{
    Error,
    commands::{Promotion, flag, promote, set_challenger},
    domain::{holdout::holdout, model_message, scores, snapshot, tracking},
    jobs::{resources::Meter, running::Stop},
    store::{self, ModelBlobs},
};

type Result<T> = std::result::Result<T, Error>;

/// The consumer that trains.
pub fn consumer(kit: &Kit, running: &Running) -> Consumer {
    let worker = Worker {
        kit: kit.clone(),
        running: running.clone(),
        // A training fills a core and much memory: never two in one process.
        turn: Arc::new(Semaphore::new(1)),
    };
    Consumer::new("training-worker", "training")
        .one_per_replica()
        .on(move |delivery: Delivery, event: TrainingRequested| {
            let worker = worker.clone();
            async move { Ok::<(), Failure>(worker.train_model(&delivery, &event).await?) }
        })
}

#[derive(Debug, Clone)]
struct Worker {
    kit: Kit,
    running: Running,
    turn: Arc<Semaphore>,
}

/// What a finished training leaves behind.
struct Finished {
    model: Model,
    input_schema: InputSchema,
    artefact: Vec<u8>,
    /// Empty where the snapshot had none.
    history: Vec<u8>,
    past_quotes: Vec<u8>,
    /// What is kept of the evaluation, encoded.
    holdout: Vec<u8>,
}

/// What a training begins with.
struct Work {
    /// The snapshot.
    data: Vec<u8>,
    /// SHA-256 of the snapshot.
    sha256: Vec<u8>,
    seed: u64,
}

/// How a training ended that was not interrupted.
enum Outcome {
    Finished(Box<Finished>),
    /// The data cannot be learned from; why, in a sentence.
    Hopeless(String),
    /// Somebody cancelled it, who has noted that.
    Cancelled,
}

impl Worker {
    async fn train_model(&self, delivery: &Delivery, event: &TrainingRequested) -> Result<()> {
        let id = parse_id("model_id", &event.model_id)?;
        let dataset_id = parse_id("dataset_id", &event.dataset_id)?;
        let Err(error) = self.attempt(delivery, id, dataset_id).await else {
            return Ok(());
        };
        if delivery.is_last() || error.code().fate() == Fate::DeadLetter {
            tracing::error!(error = %chain(&error), model = %id, "a training was given up");
            let problem = "the training broke down for a reason that is not in the data: train \
                           again, and tell the operator if it happens again";
            self.fail(delivery, id, problem).await?;
        }
        Err(error)
    }

    async fn attempt(&self, delivery: &Delivery, id: Uuid, dataset_id: Uuid) -> Result<()> {
        let mut tx = self.kit.database().begin(delivery.tenant).await?;
        let dataset = store::claim_dataset(&mut tx, dataset_id).await?;
        let model = store::claim_model(&mut tx, id, self.kit.clock.now()).await?;
        // Not where it is finished: what it learned from stands.
        if let (Some(dataset), Some(_)) = (&dataset, &model) {
            let (imports, rows) = (&dataset.import_ids, dataset.row_count);
            store::update_model_imports(&mut tx, id, imports, rows).await?;
        }
        if let Some(model) = &model {
            let action = if model.attempts == 1 {
                "training.start_training"
            } else {
                "training.resume_training"
            };
            let context = Context::system(delivery.event_id.to_string());
            tx.audit(&context, action, id).await?;
        }
        tx.commit().await?;
        let Some(model) = model else { return Ok(()) };
        let Some(dataset) = dataset else {
            let problem = "the dataset was deleted before the training could read it: train on another dataset";
            return self.fail(delivery, id, problem).await;
        };
        let Some(snapshot) = dataset.snapshot() else {
            let problem = "the imports of the dataset were taken back before the training could read them: import a \
                           file with decided quotes into it, then train again";
            return self.fail(delivery, id, problem).await;
        };
        let work = Work {
            data: self.kit.blobs.get(delivery.tenant, &snapshot).await?,
            sha256: snapshot.sha256,
            seed: model.seed.cast_unsigned(),
        };
        match self.learn(delivery.tenant, id, work).await? {
            Outcome::Finished(finished) => self.finish(delivery, id, *finished).await,
            Outcome::Hopeless(problem) => self.fail(delivery, id, &problem).await,
            Outcome::Cancelled => Ok(()),
        }
    }

    /// Trains on a thread of its own and tells how far it is meanwhile.
    async fn learn(&self, tenant: Uuid, id: Uuid, work: Work) -> Result<Outcome> {
        let _turn = self
            .turn
            .acquire()
            .await
            .map_err(|error| Error::Broken(error.to_string()))?;
        let run = self.running.begin(tenant, id);
        let (sender, mut progress) = watch::channel(None);
        let (shutdown, stop) = (self.kit.shutdown.clone(), run.stop.clone());
        let mut done = on_a_thread(move || {
            let mut go_on = |step| {
                sender.send_replace(Some(step));
                if shutdown.is_cancelled() || stop.is_told() {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            train(work, &stop, &mut go_on)
        })?;
        let mut reporter = progress::Reporter::new(&self.kit, tenant, id);
        loop {
            tokio::select! {
                done = &mut done => {
                    let panicked = |_| Error::Broken("the thread that trains panicked".to_owned());
                    return done.map_err(panicked)?;
                }
                Ok(()) = progress.changed() => {
                    let step = *progress.borrow_and_update();
                    if let Some(step) = step {
                        reporter.report(step, &run.stop).await;
                    }
                }
            }
        }
    }

    async fn finish(&self, delivery: &Delivery, id: Uuid, finished: Finished) -> Result<()> {
        let blobs = self.put_blobs(delivery.tenant, &finished).await?;
        let done = self
            .finish_with(delivery, id, &finished, blobs.clone())
            .await;
        // Blobs that no row names would never be found again. After an error they stay, since a
        // commit whose answer was lost may have named them.
        if !done? {
            let ModelBlobs {
                artefact,
                history,
                holdout,
                past_quotes,
            } = &blobs;
            for blob in history.iter().chain([holdout, artefact, past_quotes]) {
                self.kit.blobs.delete(delivery.tenant, blob).await?;
            }
        }
        Ok(())
    }

    async fn put_blobs(&self, tenant: Uuid, finished: &Finished) -> Result<ModelBlobs> {
        let put = |purpose, content| self.kit.blobs.put(tenant, purpose, content);
        Ok(ModelBlobs {
            artefact: put("model", &finished.artefact).await?,
            history: match finished.history.as_slice() {
                [] => None,
                history => Some(put("history", history).await?),
            },
            holdout: put("holdout", &finished.holdout).await?,
            past_quotes: put("past-quotes", &finished.past_quotes).await?,
        })
    }

    /// The one unit of work that makes a model ready; false where it was finished before.
    async fn finish_with(
        &self,
        delivery: &Delivery,
        id: Uuid,
        finished: &Finished,
        blobs: ModelBlobs,
    ) -> Result<bool> {
        let Some(mut tx) = self.begin_once(delivery).await? else {
            return Ok(false);
        };
        let learned = scores::stored(&finished.model);
        let tracked = tracking::stored(&finished.model);
        let now = self.kit.clock.now();
        let found = (&learned, &tracked);
        if !store::update_model_ready(&mut tx, id, found, &blobs, now).await? {
            return Ok(false);
        }
        let context = Context::system(delivery.event_id.to_string());
        let first = store::claim_champion(&mut tx).await?.is_none();
        let row = store::find_model(&mut tx, id).await?;
        let row = row.ok_or(Error::NoModel(id))?;
        tx.publish(&ModelTrained {
            model_id: id.to_string(),
            dataset_id: row.dataset_id.to_string(),
            artefact: Some(blobs.artefact),
            history: blobs.history,
            past_quotes: Some(blobs.past_quotes),
            input_schema: Some(finished.input_schema.clone()),
            model: Some(Model {
                champion: first,
                ..scores::in_brief(model_message(&row)?)
            }),
        })
        .await?;
        tx.audit(&context, "training.model_ready", id).await?;
        if let Some(stale_at) = row.stale_at {
            flag(&mut tx, &context, id, stale_at).await?;
        }
        if first {
            let promotion = Promotion {
                reason: "first model",
                ..Promotion::default()
            };
            promote(&mut tx, &self.kit, &context, id, promotion).await?;
        } else if row.created_by.is_none() {
            // Nobody asked for it, so it has to show what it can beside the champion.
            set_challenger(&mut tx, &self.kit, &context, id, &row.reason).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn fail(&self, delivery: &Delivery, id: Uuid, problem: &str) -> Result<()> {
        let Some(mut tx) = self.begin_once(delivery).await? else {
            return Ok(());
        };
        if !store::update_model_failed(&mut tx, id, problem, self.kit.clock.now()).await? {
            return Ok(());
        }
        tx.publish(&TrainingFailed {
            model_id: id.to_string(),
            problem: problem.to_owned(),
        })
        .await?;
        let context = Context::system(delivery.event_id.to_string());
        tx.audit(&context, "training.model_failed", id).await?;
        Ok(tx.commit().await?)
    }

    async fn begin_once(&self, delivery: &Delivery) -> Result<Option<TenantTx>> {
        Ok(self
            .kit
            .database()
            .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
            .await?)
    }
}

/// Works on a thread of its own, which stands back behind those that answer calls; the answer fails
/// where it panics. No thread of the runtime's pool, which could not be raised again.
fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<oneshot::Receiver<T>> {
    let (sender, done) = oneshot::channel();
    let span = tracing::Span::current();
    std::thread::Builder::new()
        .name(resources::THREAD.to_owned())
        .spawn(move || {
            resources::stand_back();
            // Nobody waits any more where the runtime is gone.
            let _ = sender.send(span.in_scope(work));
        })
        .map_err(|error| Error::Broken(format!("no thread can be started: {error}")))?;
    Ok(done)
}

/// The whole of the learning, on the current thread.
fn train(
    work: Work,
    stop: &Stop,
    on_progress: &mut dyn FnMut(ml::Progress) -> ControlFlow<()>,
) -> Result<Outcome> {
    let meter = Meter::begin();
    let mut snapshot = Snapshot::decode(work.data.as_slice())?;
    drop(work.data);
    let history = std::mem::take(&mut snapshot.history);
    let keys = std::mem::take(&mut snapshot.row_keys);
    snapshot.open = None;
    let input_schema = snapshot::input_schema(&snapshot);
    let names = snapshot::quote_names(&snapshot);
    let options = TrainOptions {
        seed: work.seed,
        ..TrainOptions::default()
    };
    let set = snapshot::training_set(snapshot);
    let trained = match ml::train(&set, &options, on_progress) {
        Ok(trained) => trained,
        Err(ml::Error::Cancelled) if stop.is_told() => return Ok(Outcome::Cancelled),
        Err(ml::Error::Cancelled) => return Err(Error::Interrupted),
        Err(problem) => return Ok(Outcome::Hopeless(problem.to_string())),
    };
    let holdout = holdout(&set, &trained, &keys).encode_to_vec();
    let model = learned(&set, &trained, work.sha256, &meter);
    let past = snapshot::past_quotes(set, names, &input_schema, &trained.importance);
    Ok(Outcome::Finished(Box::new(Finished {
        model,
        input_schema,
        artefact: trained.model.to_bytes(),
        history,
        holdout,
        past_quotes: past.to_bytes(),
    })))
}

/// What a training found, and what of.
fn learned(set: &TrainingSet, trained: &Trained, sha256: Vec<u8>, meter: &Meter) -> Model {
    Model {
        data: Some(tracking::fingerprint(set, sha256)),
        features: tracking::features(trained.model.schema()),
        versions: tracking::versions().into_iter().collect(),
        ..scores::learned_model(trained, meter.end())
    }
}
