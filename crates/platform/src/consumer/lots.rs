//! What becomes of messages that have come: those of one type and tenant are handled together where their handler wants
//! that, each is settled by what became of it, and what cannot be handled is moved to the dead letters.

use std::time::Duration;

use async_nats::{
    HeaderMap,
    jetstream::{AckKind, Message},
};
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    Consumer, Delivered, Delivery, Failure, Handler, Handling, LAST_DELIVERY, TOO_OFTEN, Told,
    spans,
};
use crate::{
    batch::{self, Carried},
    bus::{Bus, Outgoing},
    dead::{ATTEMPTS, REPLAY_TO, reconcile::ids_of, watch::note_buried},
    error::{Fate, Result, chain},
    shutdown::Shutdown,
    telemetry,
};

/// Between two looks at whether what was away is back.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

impl Consumer {
    /// Handles messages that came together, and settles each.
    pub(super) async fn process(&self, bus: &Bus, shutdown: &Shutdown, messages: Vec<Message>) {
        let mut together: Vec<Lot> = Vec::new();
        for message in messages {
            let lot = self.lot(bus, message).await;
            // What cannot be handled is settled already.
            let Some(lot) = lot else { continue };
            match together.last_mut().filter(|last| last.takes(&lot)) {
                Some(last) => last.parcels.extend(lot.parcels),
                None => together.push(lot),
            }
        }
        for lot in together {
            self.process_lot(bus, shutdown, lot).await;
        }
    }

    /// A message and who handles it; one that nobody can handle is buried.
    async fn lot(&self, bus: &Bus, message: Message) -> Option<Lot> {
        let event_type = header(&message, "ce-type").unwrap_or_default();
        // Somebody else refused it before, and all others have handled it.
        if header(&message, REPLAY_TO).is_some_and(|name| name != self.name) {
            self.settle(bus, &message, &event_type, Ok(())).await;
            return None;
        }
        match self.read(bus, &message, &event_type) {
            Ok((tenant, handler, events)) => Some(Lot {
                event_type,
                tenant,
                handler,
                parcels: vec![Parcel { message, events }],
            }),
            Err(failure) => {
                self.settle(bus, &message, &event_type, Err(failure)).await;
                None
            }
        }
    }

    fn read(
        &self,
        bus: &Bus,
        message: &Message,
        event_type: &str,
    ) -> Result<(Uuid, Handler, Vec<Carried>), Failure> {
        if attempt_of(message) > TOO_OFTEN {
            return Err(dead(
                "it was taken ten times, and each time the process ended before it said what became of it",
            ));
        }
        let handler = self
            .handlers
            .get(event_type)
            .ok_or_else(|| dead("no handler for this ce-type"))?;
        let events = batch::unpack(message.headers.as_ref(), &message.payload)?;
        if events.iter().any(|event| event.id.is_none()) {
            return Err(dead("ce-id is missing or malformed"));
        }
        let tenant = bus.subjects().tenant_of(&message.subject);
        let tenant = tenant.ok_or_else(|| dead("the subject names no tenant"))?;
        Ok((tenant, handler.clone(), events))
    }

    /// Handles messages. While what they need is away they are kept in hand: given back, each of them would come as often as
    /// the server allows and then be buried, although nothing is wrong with it.
    async fn handle(&self, bus: &Bus, shutdown: &Shutdown, lot: &Lot) -> Result<(), Failure> {
        let mut wait = FIRST_WAIT;
        loop {
            let outcome = finish(bus, lot, self.work(lot)).await;
            let waits = |failure: &Failure| failure.fate == Fate::Wait;
            let Some(failure) = outcome.as_ref().err().filter(|f| waits(f)) else {
                return outcome;
            };
            tracing::warn!(reason = %failure.reason, consumer = %self.name, ?wait, "what this needs is away, waiting for it");
            let shutdown = shutdown.clone();
            let over = async move {
                tokio::select! {
                    () = sleep(wait) => Ok(()),
                    () = shutdown.cancelled() => Err(dead("told to stop")),
                }
            };
            if finish(bus, lot, Box::pin(over)).await.is_err() {
                return outcome;
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    fn work(&self, lot: &Lot) -> Handling {
        let span = || spans::begin(&self.name, &lot.event_type);
        match &lot.handler {
            Handler::Together(handler) => {
                let span = span();
                let events = lot.parcels.iter().flat_map(|parcel| &parcel.events);
                telemetry::link_traces(&span, batch::traces(events));
                let delivered = Delivered {
                    tenant: lot.tenant,
                    consumer: self.name.clone(),
                    parcels: lot
                        .parcels
                        .iter()
                        .map(|parcel| parcel.told(&lot.event_type))
                        .collect(),
                };
                spans::within(span, handler(delivered))
            }
            Handler::Each(handler) => {
                let handlings: Vec<_> = lot
                    .parcels
                    .iter()
                    .flat_map(|parcel| {
                        parcel
                            .events
                            .iter()
                            .map(|event| (attempt_of(&parcel.message), event))
                    })
                    .map(|(attempt, event)| {
                        let span = span();
                        telemetry::continue_trace(&span, event.traceparent.as_deref());
                        let delivery = Delivery {
                            event_id: event.id.unwrap_or_default(),
                            tenant: lot.tenant,
                            consumer: self.name.clone(),
                            attempt,
                        };
                        spans::within(span, handler(delivery, event.body.clone()))
                    })
                    .collect();
                Box::pin(async move {
                    for handling in handlings {
                        handling.await?;
                    }
                    Ok(())
                })
            }
        }
    }

    async fn process_lot(&self, bus: &Bus, shutdown: &Shutdown, lot: Lot) {
        let outcome = self.handle(bus, shutdown, &lot).await;
        if outcome
            .as_ref()
            .is_err_and(|failure| lot.is_tried_apart(failure))
        {
            for parcel in lot.parcels {
                let alone = Lot {
                    event_type: lot.event_type.clone(),
                    tenant: lot.tenant,
                    handler: lot.handler.clone(),
                    parcels: vec![parcel],
                };
                Box::pin(self.process_lot(bus, shutdown, alone)).await;
            }
            return;
        }
        for parcel in &lot.parcels {
            self.settle(bus, &parcel.message, &lot.event_type, outcome.clone())
                .await;
        }
    }

    async fn settle(
        &self,
        bus: &Bus,
        message: &Message,
        event_type: &str,
        outcome: Result<(), Failure>,
    ) {
        let settled = settle(self, bus, message, event_type, outcome).await;
        if let Err(error) = settled {
            tracing::warn!(error = %chain(&error), "the message will be delivered again");
        }
    }
}

/// Messages that are handled together: of one type and tenant.
struct Lot {
    event_type: String,
    tenant: Uuid,
    handler: Handler,
    parcels: Vec<Parcel>,
}

/// A message with its events.
struct Parcel {
    message: Message,
    events: Vec<Carried>,
}

impl Lot {
    /// Whether another one may go along.
    fn takes(&self, other: &Self) -> bool {
        matches!(self.handler, Handler::Together(_))
            && self.tenant == other.tenant
            && self.event_type == other.event_type
    }

    /// Whether each message is tried alone, which shows whose fault a failure was. What passes, such as a server that is
    /// away, is the fault of none, and waiting for it once is enough; but before one is given up the others are spared.
    fn is_tried_apart(&self, failure: &Failure) -> bool {
        let mut attempts = self
            .parcels
            .iter()
            .map(|parcel| attempt_of(&parcel.message));
        self.parcels.len() > 1
            && failure.fate != Fate::Wait
            && (failure.fate != Fate::Retry || attempts.any(|attempt| attempt >= LAST_DELIVERY))
    }
}

impl Parcel {
    /// What the message holds, under the id that it is known again by.
    fn told(&self, event_type: &str) -> (Uuid, Vec<Told>) {
        let id = batch::parcel_id(self.message.headers.as_ref(), &self.events);
        let told = self.events.iter().map(|event| Told {
            id: event.id.unwrap_or_default(),
            event_type: event_type.to_owned(),
            body: event.body.clone(),
        });
        (id, told.collect())
    }
}

fn attempt_of(message: &Message) -> i64 {
    message.info().map_or(1, |info| info.delivered)
}

/// Waits for the work on messages, and tells the server that it goes on.
async fn finish(bus: &Bus, lot: &Lot, work: Handling) -> Result<(), Failure> {
    // In a task of its own, so that a panic is a failure of these messages and not of the consumer.
    let mut work = tokio::spawn(work);
    let progress = bus.ack_wait() / 3;
    loop {
        tokio::select! {
            done = &mut work => return done.unwrap_or_else(|panic| Err(Failure {
                fate: Fate::Retry,
                reason: panic.to_string(),
            })),
            () = sleep(progress) => {
                for parcel in &lot.parcels {
                    if let Err(error) = parcel.message.ack_with(AckKind::Progress).await {
                        tracing::warn!(%error, "progress could not be reported");
                    }
                }
            }
        }
    }
}

fn dead(reason: &str) -> Failure {
    Failure {
        fate: Fate::DeadLetter,
        reason: reason.to_owned(),
    }
}

async fn settle(
    consumer: &Consumer,
    bus: &Bus,
    message: &Message,
    event_type: &str,
    outcome: Result<(), Failure>,
) -> Result<()> {
    let attempt = attempt_of(message);
    let trace_id = header(message, "traceparent").and_then(|value| telemetry::trace_id_in(&value));
    let kind = match outcome {
        Ok(()) => AckKind::Ack,
        Err(failure) if failure.fate == Fate::Retry && attempt < LAST_DELIVERY => {
            let delay = retry_delay(attempt);
            tracing::warn!(reason = %failure.reason, attempt, ?delay, trace_id, "handling failed, trying again");
            AckKind::Nak(Some(delay))
        }
        // It was waited for, until this process was told to stop: another one goes on.
        Err(failure) if failure.fate == Fate::Wait => AckKind::Nak(Some(FIRST_WAIT)),
        Err(failure) => {
            tracing::error!(reason = %failure.reason, attempt, trace_id, "handling failed, moved to the dead letters");
            bury(consumer, bus, message, event_type, &failure.reason).await?;
            if let Some(database) = &consumer.database {
                let ids = ids_of(message.headers.as_ref(), &message.payload);
                note_buried(database, &consumer.name, &ids).await?;
            }
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
    let mut headers = own_headers(message);
    headers.insert("valutai-dead-reason", one_line(reason).as_str());
    headers.insert("valutai-dead-subject", message.subject.as_str());
    headers.insert("valutai-dead-consumer", consumer.name.as_str());
    headers.insert(ATTEMPTS, attempt_of(message).to_string().as_str());
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

/// The headers that the sender meant; those of the server's own would make it part of an atomic batch that is over.
fn own_headers(message: &Message) -> HeaderMap {
    let mut own = HeaderMap::new();
    for (name, values) in message.headers.iter().flat_map(HeaderMap::iter) {
        let name_text = name.to_string();
        if !name_text.starts_with("Nats-") && name_text != REPLAY_TO {
            for value in values {
                own.append(name.clone(), value.clone());
            }
        }
    }
    own
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
