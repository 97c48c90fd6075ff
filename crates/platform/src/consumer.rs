//! Durable consumers: pull, handle, acknowledge; wait longer after each failure; move what cannot be
//! handled to the dead letters. Deliberately no idempotence of its own: handlers claim the event in
//! the transaction of its effect.

use std::{collections::HashMap, fmt, future::Future, sync::Arc, time::Duration};

use async_nats::jetstream::{
    AckKind, Message,
    consumer::{AckPolicy, DeliverPolicy, PullConsumer, pull},
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{StreamExt, future::BoxFuture};
use prost::Name;
use tokio::time::sleep;
use tracing::Instrument as _;
use uuid::{Uuid, Version};

use crate::{
    bus::{Bus, Outgoing, bus_error},
    error::{Coded, Fate, Result, chain},
    shutdown::Shutdown,
    telemetry,
};

/// At this delivery a message that still fails is a dead letter.
const LAST_DELIVERY: i64 = 5;
const PULL_EXPIRES: Duration = Duration::from_secs(30);
const PULL_HEARTBEAT: Duration = Duration::from_secs(10);

/// One delivery of an event.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The event's id, for the inbox.
    pub event_id: Uuid,
    /// The tenant, from the subject.
    pub tenant: Uuid,
    /// Name of the consumer, for the inbox.
    pub consumer: String,
    /// How often it has been delivered, this time included.
    pub attempt: i64,
}

impl Delivery {
    /// Whether a failure now is the end of it.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.attempt >= LAST_DELIVERY
    }

    /// When the event was made, by its id; later than that it may have waited. `None` where the id
    /// is of another kind than ours.
    #[must_use]
    pub fn made_at(&self) -> Option<DateTime<Utc>> {
        if self.event_id.get_version() != Some(Version::SortRand) {
            return None;
        }
        let (seconds, nanos) = self.event_id.get_timestamp()?.to_unix();
        DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
    }
}

/// Why handling failed, and what becomes of the message.
#[derive(Debug)]
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

type Handler =
    Arc<dyn Fn(Delivery, Bytes) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// A durable consumer of one domain's events.
#[derive(Clone)]
pub struct Consumer {
    name: String,
    domain: String,
    in_order: bool,
    /// Events taken at once, where order does not matter.
    at_once: usize,
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
            in_order: true,
            at_once: 1,
            handlers: HashMap::new(),
        }
    }

    /// For work that takes long and needs no order: each replica works on one event of its own.
    #[must_use]
    pub fn one_per_replica(self) -> Self {
        self.some_per_replica(1)
    }

    /// For work that is quick and needs no order: each replica takes so many events at once, and
    /// works on them one after the other. They have to be done within the waiting time together.
    #[must_use]
    pub fn some_per_replica(mut self, at_once: usize) -> Self {
        self.in_order = false;
        self.at_once = at_once;
        self
    }

    /// Handles an event type.
    #[must_use]
    pub fn on<E, F, R>(mut self, handler: F) -> Self
    where
        E: prost::Message + Name + Default,
        F: Fn(Delivery, E) -> R + Send + Sync + 'static,
        R: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let raw: Handler = Arc::new(move |delivery, body| {
            let handler = Arc::clone(&handler);
            Box::pin(async move {
                let event = E::decode(body).map_err(crate::Error::from)?;
                handler(delivery, event).await
            })
        });
        self.handlers.insert(E::full_name(), raw);
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
            // A net: the last delivery is dead-lettered here, not dropped by the server.
            max_deliver: LAST_DELIVERY + 2,
            max_ack_pending: if self.in_order { 1 } else { 1000 },
            filter_subject,
            filter_subjects,
            ..pull::Config::default()
        };
        bus.context()
            .create_consumer_on_stream(config, bus.subjects().stream(&self.domain))
            .await
            .map_err(bus_error)
    }

    async fn pull(&self, bus: &Bus, shutdown: &Shutdown) -> Result<()> {
        let consumer = self.ensure(bus).await?;
        if !self.in_order {
            return self.pull_singly(&consumer, bus, shutdown).await;
        }
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
                Some(message) => self.process(bus, message.map_err(bus_error)?).await,
                None => return Ok(()),
            }
        }
    }

    /// Asks for as many messages as may wait here, and does not ask again before they are done.
    async fn pull_singly(
        &self,
        consumer: &PullConsumer,
        bus: &Bus,
        shutdown: &Shutdown,
    ) -> Result<()> {
        loop {
            // No heartbeat: async-nats 0.51 forgets to wake a batch behind one, so that a message which
            // comes after ten quiet seconds is lost until it is delivered again. A server that falls
            // silent is noticed by the batch's own timer, five seconds after the request expires.
            let mut messages = consumer
                .batch()
                .max_messages(self.at_once)
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
                let message = message.map_err(|error| crate::Error::Bus(error.to_string()))?;
                self.process(bus, message).await;
            }
        }
    }

    async fn process(&self, bus: &Bus, message: Message) {
        let event_type = header(&message, "ce-type").unwrap_or_default();
        let span = tracing::info_span!("event", otel.kind = "consumer", consumer = %self.name, event = %event_type);
        telemetry::continue_trace(&span, header(&message, "traceparent").as_deref());
        async {
            let attempt = message.info().map_or(1, |info| info.delivered);
            let outcome = self.handle(bus, &message, &event_type, attempt).await;
            if let Err(error) = settle(self, bus, &message, &event_type, attempt, outcome).await {
                tracing::warn!(error = %chain(&error), "the message will be delivered again");
            }
        }
        .instrument(span)
        .await;
    }

    async fn handle(
        &self,
        bus: &Bus,
        message: &Message,
        event_type: &str,
        attempt: i64,
    ) -> Result<(), Failure> {
        let dead = |reason: &str| Failure {
            fate: Fate::DeadLetter,
            reason: reason.to_owned(),
        };
        let handler = self
            .handlers
            .get(event_type)
            .ok_or_else(|| dead("no handler for this ce-type"))?;
        let delivery = Delivery {
            event_id: header(message, "ce-id")
                .and_then(|id| Uuid::try_parse(&id).ok())
                .ok_or_else(|| dead("ce-id is missing or malformed"))?,
            tenant: bus
                .subjects()
                .tenant_of(&message.subject)
                .ok_or_else(|| dead("the subject names no tenant"))?,
            consumer: self.name.clone(),
            attempt,
        };
        // In a task of its own, so that a panic is a failure of this message and not of the consumer.
        let mut work = tokio::spawn(
            handler(delivery, message.payload.clone()).instrument(tracing::Span::current()),
        );
        let progress = bus.ack_wait() / 3;
        loop {
            tokio::select! {
                done = &mut work => return done.unwrap_or_else(|panic| Err(Failure {
                    fate: Fate::Retry,
                    reason: panic.to_string(),
                })),
                () = sleep(progress) => {
                    if let Err(error) = message.ack_with(AckKind::Progress).await {
                        tracing::warn!(%error, "progress could not be reported");
                    }
                }
            }
        }
    }
}

async fn settle(
    consumer: &Consumer,
    bus: &Bus,
    message: &Message,
    event_type: &str,
    attempt: i64,
    outcome: Result<(), Failure>,
) -> Result<()> {
    let kind = match outcome {
        Ok(()) => AckKind::Ack,
        Err(failure) if failure.fate == Fate::Retry && attempt < LAST_DELIVERY => {
            let delay = retry_delay(attempt);
            tracing::warn!(reason = %failure.reason, attempt, ?delay, "handling failed, trying again");
            AckKind::Nak(Some(delay))
        }
        Err(failure) => {
            tracing::error!(reason = %failure.reason, attempt, "handling failed, moved to the dead letters");
            bury(consumer, bus, message, event_type, &failure.reason).await?;
            AckKind::Term
        }
    };
    message
        .ack_with(kind)
        .await
        .map_err(|error| crate::Error::Bus(error.to_string()))
}

/// Copies a message as it is to the dead letters, with where it was and why it is there.
async fn bury(
    consumer: &Consumer,
    bus: &Bus,
    message: &Message,
    event_type: &str,
    reason: &str,
) -> Result<()> {
    let mut headers = message.headers.clone().unwrap_or_default();
    headers.insert("valutai-dead-reason", one_line(reason).as_str());
    headers.insert("valutai-dead-subject", message.subject.as_str());
    headers.insert("valutai-dead-consumer", consumer.name.as_str());
    let id = header(message, "Nats-Msg-Id").unwrap_or_default();
    headers.insert("Nats-Msg-Id", format!("{}:{id}", consumer.name).as_str());
    let event = event_type.rsplit('.').next().filter(|e| !e.is_empty());
    bus.publish(Outgoing {
        subject: bus
            .subjects()
            .dead(&consumer.name, event.unwrap_or("unknown")),
        headers,
        body: message.payload.clone(),
    })
    .await
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(1000)
        .collect()
}

fn header(message: &Message, name: &str) -> Option<String> {
    let headers = message.headers.as_ref()?;
    headers.get(name).map(ToString::to_string)
}

fn retry_delay(attempt: i64) -> Duration {
    Duration::from_millis(500) * 4_u32.pow(u32::try_from(attempt.clamp(1, 6) - 1).unwrap_or(0))
}

fn pause(failures: u32) -> Duration {
    Duration::from_millis(50 << failures.min(7))
}
