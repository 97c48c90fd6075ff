//! Durable consumers: pull, handle, acknowledge; wait longer after each failure; move what cannot be
//! handled to the dead letters, and wait with a message in hand where what everybody needs is away.
//! Deliberately no idempotence of its own: handlers claim the event in the transaction of its effect.

mod delivery;
mod lots;
mod spans;

use std::{collections::HashMap, fmt, future::Future, sync::Arc, time::Duration};

use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull};
use bytes::Bytes;
use futures::{FutureExt as _, StreamExt, future::BoxFuture};
use prost::Name;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

pub use self::delivery::{Delivered, Delivery, Told};
use crate::{
    bus::{Bus, bus_error},
    database::Database,
    dead::{reconcile::INBOX, watch::Claiming},
    error::{Coded, Fate, Result, chain},
    shutdown::Shutdown,
};

/// At this delivery a message that still fails is a dead letter.
const LAST_DELIVERY: i64 = 5;
/// A message that comes this often was taken by processes that ended before they said what became of it.
const TOO_OFTEN: i64 = 10;
/// Longest wait for JetStream to say that a consumer is there. A cluster that is electing a leader loses what it is asked, so
/// that it is better asked again.
const ENSURED_WITHIN: Duration = Duration::from_secs(2);
const PULL_EXPIRES: Duration = Duration::from_secs(30);
const PULL_HEARTBEAT: Duration = Duration::from_secs(10);

/// Why handling failed, and what becomes of the message.
#[derive(Debug, Clone)]
pub struct Failure {
    fate: Fate,
    reason: String,
}

impl<E: Coded> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            fate: error.code().fate(),
            reason: chain(&error),
        }
    }
}

type Handling = BoxFuture<'static, Result<(), Failure>>;

/// What handles the events of a type.
#[derive(Clone)]
enum Handler {
    /// One after the other.
    Each(Arc<dyn Fn(Delivery, Bytes) -> Handling + Send + Sync>),
    /// All that have come at once.
    Together(Arc<dyn Fn(Delivered<Told>) -> Handling + Send + Sync>),
}

/// How messages are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turns {
    /// One after the other, over all replicas.
    InOrder,
    /// One at a time, in each replica.
    OnePerReplica,
    /// So many at once, in each replica.
    Together(usize),
}

/// A durable consumer of one domain's events.
#[derive(Clone)]
pub struct Consumer {
    name: String,
    domain: String,
    turns: Turns,
    /// The schema whose inbox has a row for every event that was handled.
    inbox: Option<String>,
    /// Where it is noted what was given up.
    database: Option<Database>,
    handlers: HashMap<String, Handler>,
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Consumer({} of {})", self.name, self.domain)
    }
}

impl Consumer {
    /// A consumer named after the service and what it reads. One event at a time, in order, over all
    /// replicas: an event that fails holds up those behind it until it is handled or given up.
    #[must_use]
    pub fn new(service: &str, domain: &str) -> Self {
        Self {
            name: format!("{service}-{domain}"),
            domain: domain.to_owned(),
            turns: Turns::InOrder,
            inbox: None,
            database: None,
            handlers: HashMap::new(),
        }
    }

    /// For work that takes long and needs no order: each replica works on one event of its own.
    #[must_use]
    pub fn one_per_replica(self) -> Self {
        Self {
            turns: Turns::OnePerReplica,
            ..self
        }
    }

    /// For work that is quick, and cheaper where it is done together: each replica takes all that has come, up to so many
    /// messages. They are in order as long as there is one replica and none of them fails.
    #[must_use]
    pub fn together(self, at_once: usize) -> Self {
        Self {
            turns: Turns::Together(at_once),
            ..self
        }
    }

    /// Says that every event it handles is claimed in the inbox of a schema, so that what is acknowledged can be held against
    /// that: see [`crate::dead::reconcile`].
    #[must_use]
    pub fn claims_all(self, schema: &str) -> Self {
        Self {
            inbox: Some(schema.to_owned()),
            ..self
        }
    }

    /// Says where what it gives up is noted, so that its service can watch it.
    pub(crate) fn noting(self, database: Option<&Database>) -> Self {
        Self {
            database: database.filter(|_| self.inbox.is_some()).cloned(),
            ..self
        }
    }

    /// What its service watches of it; `None` where it leaves no row for each event.
    pub(crate) fn claiming(&self, bus: &Bus) -> Option<Claiming> {
        self.inbox.as_ref()?;
        Some(Claiming {
            consumer: self.name.clone(),
            domain: self.domain.clone(),
            subjects: self
                .handlers
                .keys()
                .map(|name| bus.subjects().event_of_all(name))
                .collect(),
        })
    }

    /// Handles an event type, event by event. Of a message with several that fails, those that were handled come again.
    #[must_use]
    pub fn on<E, F, R>(mut self, handler: F) -> Self
    where
        E: prost::Message + Name + Default,
        F: Fn(Delivery, E) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let raw = Handler::Each(Arc::new(move |delivery, body| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let event = E::decode(body).map_err(crate::Error::from)?;
                handler(delivery, event).await
            })
        }));
        self.handlers.insert(E::full_name(), raw);
        self
    }

    /// Handles an event type, all events of a tenant that have come at once: in one transaction, which claims them.
    #[must_use]
    pub fn on_all<E, F, R>(mut self, handler: F) -> Self
    where
        E: prost::Message + Name + Default,
        F: Fn(Delivered<E>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let raw = Handler::Together(Arc::new(move |delivered: Delivered<Told>| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let decoded = |(id, told): (Uuid, Vec<Told>)| {
                    let bodies = told.into_iter().map(|told| told.body);
                    let events: Result<Vec<E>, _> = bodies.map(E::decode).collect();
                    Ok((id, events?))
                };
                let parcels: Result<Vec<_>> = delivered.parcels.into_iter().map(decoded).collect();
                handler(Delivered {
                    tenant: delivered.tenant,
                    consumer: delivered.consumer,
                    parcels: parcels?,
                })
                .await
            })
        }));
        self.handlers.insert(E::full_name(), raw);
        self
    }

    /// Handles an event type as [`Consumer::on_all`] does, by its full name, and each event as it came.
    #[must_use]
    pub fn on_told<F, R>(mut self, event_type: &str, handler: F) -> Self
    where
        F: Fn(Delivered<Told>) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let raw = Handler::Together(Arc::new(move |delivered| Box::pin(handler(delivered))));
        self.handlers.insert(event_type.to_owned(), raw);
        self
    }

    /// Runs until told to stop, making its stream and itself anew whenever they fail.
    pub(crate) async fn run(self, bus: Bus, shutdown: Shutdown) {
        let mut failures = 0_u32;
        while !shutdown.is_cancelled() {
            match self.pull(&bus, &shutdown).await {
                Ok(()) => failures = 0,
                Err(error) => {
                    tracing::warn!(consumer = %self.name, error = %chain(&error), "the consumer starts again");
                    failures += 1;
                }
            }
            tokio::select! {
                () = sleep(pause(failures)) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Makes the stream and the durable consumer where missing.
    ///
    /// # Errors
    /// Where NATS refuses.
    pub(crate) async fn ensure(&self, bus: &Bus) -> Result<PullConsumer> {
        bus.ensure_stream(&self.domain).await?;
        bus.ensure_dead_stream().await?;
        let mut filter_subjects: Vec<String> = self
            .handlers
            .keys()
            .map(|name| bus.subjects().event_of_all(name))
            .collect();
        filter_subjects.sort();
        // One subject stands in the request's own subject, so that the server can hold a user to it.
        let filter_subject = match filter_subjects.len() {
            1 => filter_subjects.remove(0),
            _ => String::new(),
        };
        let config = pull::Config {
            durable_name: Some(self.name.clone()),
            deliver_policy: DeliverPolicy::All,
            ack_policy: AckPolicy::Explicit,
            ack_wait: bus.ack_wait(),
            // The last delivery is dead-lettered here, and none is dropped by the server.
            max_deliver: TOO_OFTEN + 5,
            max_ack_pending: if self.turns == Turns::InOrder {
                1
            } else {
                1000
            },
            filter_subject,
            filter_subjects,
            metadata: self
                .inbox
                .iter()
                .map(|schema| (INBOX.to_owned(), schema.clone()))
                .collect(),
            ..pull::Config::default()
        };
        bus.context()
            .create_consumer_on_stream(config, bus.subjects().stream(&self.domain))
            .await
            .map_err(bus_error)
    }

    async fn pull(&self, bus: &Bus, shutdown: &Shutdown) -> Result<()> {
        let consumer = timeout(ENSURED_WITHIN, self.ensure(bus)).await;
        let consumer = consumer.map_err(|_| {
            crate::Error::Bus("JetStream does not answer, it may be electing a leader".to_owned())
        })??;
        match self.turns {
            Turns::InOrder => self.pull_in_order(&consumer, bus, shutdown).await,
            Turns::OnePerReplica => self.pull_some(&consumer, bus, shutdown, 1).await,
            Turns::Together(most) => self.pull_some(&consumer, bus, shutdown, most).await,
        }
    }

    async fn pull_in_order(
        &self,
        consumer: &PullConsumer,
        bus: &Bus,
        shutdown: &Shutdown,
    ) -> Result<()> {
        // The server holds back the next message until this one is settled.
        let mut messages = consumer
            .stream()
            .max_messages_per_batch(1)
            .expires(PULL_EXPIRES)
            .heartbeat(PULL_HEARTBEAT)
            .messages()
            .await
            .map_err(bus_error)?;
        loop {
            let next = tokio::select! {
                next = messages.next() => next,
                () = shutdown.cancelled() => return Ok(()),
            };
            match next {
                Some(message) => {
                    let message = message.map_err(bus_error)?;
                    self.process(bus, shutdown, vec![message]).await;
                }
                None => return Ok(()),
            }
        }
    }

    /// Asks for as many messages as may wait here, does all that have come, and does not ask again before they are done.
    async fn pull_some(
        &self,
        consumer: &PullConsumer,
        bus: &Bus,
        shutdown: &Shutdown,
        most: usize,
    ) -> Result<()> {
        loop {
            // No heartbeat: async-nats 0.51 forgets to wake a batch behind one, so that a message which
            // comes after ten quiet seconds is lost until it is delivered again. A server that falls
            // silent is noticed by the batch's own timer, five seconds after the request expires.
            let mut messages = consumer
                .batch()
                .max_messages(most)
                .expires(PULL_EXPIRES)
                .messages()
                .await
                .map_err(bus_error)?;
            loop {
                let next = tokio::select! {
                    next = messages.next() => next,
                    () = shutdown.cancelled() => return Ok(()),
                };
                let Some(message) = next else { break };
                let broken = |error: async_nats::Error| crate::Error::Bus(error.to_string());
                let mut come = vec![message.map_err(broken)?];
                while let Some(Some(message)) = messages.next().now_or_never() {
                    come.push(message.map_err(broken)?);
                }
                self.process(bus, shutdown, come).await;
            }
        }
    }
}

fn pause(failures: u32) -> Duration {
    Duration::from_millis(50 << failures.min(7))
}
