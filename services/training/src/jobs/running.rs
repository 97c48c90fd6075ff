//! The trainings that run in this process, so that one can be told to stop at once. Deliberately no state
//! of the model: that a training is cancelled stands in the database, and is seen there by whoever
//! missed the news.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::StreamExt as _;
use platform::{Kit, page::parse_id};
use proto::training::TrainingCancelled;
use uuid::Uuid;

/// Tells one training to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Tells it.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it was told.
    pub fn is_told(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The trainings of this process, by tenant and model.
#[derive(Debug, Clone, Default)]
pub struct Running(Arc<Mutex<HashMap<(Uuid, Uuid), Stop>>>);

impl Running {
    /// Notes a training until the answer is dropped.
    pub fn begin(&self, tenant: Uuid, model: Uuid) -> Run {
        let (key, stop) = ((tenant, model), Stop::default());
        self.lock().insert(key, stop.clone());
        Run {
            running: self.clone(),
            key,
            stop,
        }
    }

    /// Listens for trainings that are cancelled, in every process, from now until told to stop.
    ///
    /// # Errors
    /// Where NATS refuses the subscription.
    pub async fn hear(&self, kit: &Kit) -> platform::Result<impl Future<Output = ()> + use<>> {
        let cancelled = kit.bus.hear::<TrainingCancelled>().await?;
        let (running, shutdown) = (self.clone(), kit.shutdown.clone());
        Ok(async move {
            let mut cancelled = pin!(cancelled);
            loop {
                let heard = tokio::select! {
                    heard = cancelled.next() => heard,
                    () = shutdown.cancelled() => return,
                };
                let Some((tenant, event)) = heard else { return };
                if let Ok(model) = parse_id("model_id", &event.model_id)
                    && let Some(stop) = running.lock().get(&(tenant, model))
                {
                    stop.stop();
                }
            }
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(Uuid, Uuid), Stop>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One training that runs.
#[derive(Debug)]
pub struct Run {
    running: Running,
    key: (Uuid, Uuid),
    /// Whether it is told to stop.
    pub stop: Stop,
}

impl Drop for Run {
    fn drop(&mut self) {
        self.running.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_training_is_known_while_it_runs() {
        let (running, tenant, model) = (Running::default(), Uuid::nil(), Uuid::max());
        let run = running.begin(tenant, model);
        assert!(!run.stop.is_told());
        running.lock()[&(tenant, model)].stop();
        assert!(run.stop.is_told());
        drop(run);
        assert!(running.lock().is_empty());
    }
}
