//! Who waits for an answer finds out that none will come. A request can be lost between nats-server and a replica that
//! is ending, and a replica can be killed with calls in its hands; the caller would wait until its deadline. So after a
//! second it asks all replicas whether one of them holds the call. Deliberately no second attempt here: whether the lost
//! call had an effect is not known, so the caller is told, and decides.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures::StreamExt as _;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::{
    bus::{Bus, bus_error},
    error::Result,
};

/// The method whose subject the question goes to. Replicas hear it beside their queue, so that all of them do.
pub(super) const METHOD: &str = "_held";
/// Until the first question, and the shortest time between two.
const SHORTEST: Duration = Duration::from_secs(1);
/// Longest time between two questions.
const LONGEST: Duration = Duration::from_secs(8);
/// How long replicas may take to say that they hold a call.
const PATIENCE: Duration = Duration::from_secs(1);
/// So often in a row nobody has to hold a call before it counts as lost.
const MISSES: u32 = 2;

/// The calls that a replica holds: those that it works on, and those that wait in it for their turn.
#[derive(Debug, Clone, Default)]
pub(super) struct Held(Arc<Mutex<HashSet<Uuid>>>);

/// A call that is held until this is dropped.
#[derive(Debug)]
pub(super) struct Holding {
    held: Held,
    call: Uuid,
}

impl Held {
    /// Holds a call.
    pub(super) fn hold(&self, call: Uuid) -> Holding {
        self.calls(|calls| calls.insert(call));
        Holding {
            held: self.clone(),
            call,
        }
    }

    fn calls<T>(&self, work: impl FnOnce(&mut HashSet<Uuid>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers, until the handle is dropped, whoever asks for a call that is held here. Of others it says nothing:
    /// another replica may hold them.
    pub(super) async fn tell(&self, bus: &Bus, domain: &str) -> Result<AbortOnDropHandle<()>> {
        let subject = bus.subjects().call(domain, METHOD);
        let mut questions = bus.client().subscribe(subject).await.map_err(bus_error)?;
        let (held, bus) = (self.clone(), bus.clone());
        Ok(AbortOnDropHandle::new(tokio::spawn(async move {
            while let Some(question) = questions.next().await {
                let asked = Uuid::from_slice(&question.payload);
                let is_here = asked.is_ok_and(|call| held.calls(|calls| calls.contains(&call)));
                let (true, Some(reply_to)) = (is_here, question.reply) else {
                    continue;
                };
                if let Err(error) = bus.client().publish(reply_to, Bytes::new()).await {
                    tracing::warn!(%error, "nobody was told that a call is held here");
                }
            }
        })))
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.held.calls(|calls| calls.remove(&self.call));
    }
}

/// Ends when no replica of a domain holds a call any more; its answer may be on the way at that time.
pub(super) async fn lost(bus: &Bus, domain: &str, call: Uuid) {
    let subject = bus.subjects().call(domain, METHOD);
    let (mut pause, mut misses) = (SHORTEST, 0);
    while misses < MISSES {
        sleep(pause).await;
        let question = async_nats::Request::new()
            .payload(Bytes::copy_from_slice(call.as_bytes()))
            .timeout(Some(PATIENCE));
        // Whatever goes wrong here, nobody has said that the call is held.
        match bus.client().send_request(subject.clone(), question).await {
            Ok(_) => {
                misses = 0;
                pause = (pause * 2).min(LONGEST);
            }
            Err(_) => {
                misses += 1;
                pause = SHORTEST;
            }
        }
    }
}
