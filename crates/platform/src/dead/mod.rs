//! Dead letters: read as they were buried, given back to the consumer that refused them, or discarded. Deliberately by NATS
//! alone, so that an operator can work while the services are down; the audit trail is told by an event like everything else.

pub mod reconcile;
pub mod watch;

use std::collections::BTreeMap;

use async_nats::{
    HeaderMap,
    jetstream::{
        message::StreamMessage,
        stream::{LastRawMessageErrorKind, Stream},
    },
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use proto::rpc::Context;
use uuid::Uuid;

use crate::{
    audit::Operation,
    batch,
    bus::{Bus, Outgoing, bus_error},
    error::{Error, Result},
    outbox::{Row, Traced},
    wire,
};

/// Names the one consumer that a message is for; all others pass it over.
pub(crate) const REPLAY_TO: &str = "valutai-replay-to";
/// How often a message had been delivered when it was buried.
pub(crate) const ATTEMPTS: &str = "valutai-dead-attempts";
/// What the audit trail calls it when a letter was removed for good.
const DISCARD: &str = "discard_dead_letter";
/// What the headers of burial begin with.
const BURIAL: &str = "valutai-dead-";

/// A message that could not be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Position in the stream of dead letters.
    pub position: u64,
    /// When it was buried.
    pub buried_at: DateTime<Utc>,
    /// Subject it came on.
    pub subject: String,
    /// The organisation in that subject; `None` where it names none.
    pub tenant: Option<Uuid>,
    /// Consumer that gave up.
    pub consumer: String,
    /// Why.
    pub reason: String,
    /// How often it had been delivered; 0 where that was not noted.
    pub attempts: u32,
    /// Full name of the event's type.
    pub event_type: String,
    /// Its headers, those of the burial left out.
    pub headers: BTreeMap<String, String>,
    /// The body, byte for byte.
    pub body: Bytes,
}

/// Which dead letters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// Only of this consumer.
    pub consumer: Option<String>,
    /// Only of this type, by its full name or the last part of it.
    pub event: Option<String>,
    /// Only of this organisation.
    pub tenant: Option<Uuid>,
    /// Only those whose reason holds this text.
    pub reason: Option<String>,
}

/// How many there are, and since when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// Dead letters.
    pub count: u64,
    /// When the oldest was buried.
    pub oldest_at: Option<DateTime<Utc>>,
}

/// One event of a dead letter.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// Its id; `None` where it has none.
    pub id: Option<Uuid>,
    /// The event as JSON, or why it cannot be shown.
    pub event: Result<serde_json::Value, String>,
}

impl Filter {
    fn holds(&self, letter: &DeadLetter) -> bool {
        let is =
            |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|w| w == found);
        let last = letter.event_type.rsplit('.').next().unwrap_or_default();
        is(&self.consumer, &letter.consumer)
            && (is(&self.event, &letter.event_type) || is(&self.event, last))
            && self
                .tenant
                .is_none_or(|tenant| letter.tenant == Some(tenant))
            && self
                .reason
                .as_ref()
                .is_none_or(|text| letter.reason.contains(text))
    }
}

impl DeadLetter {
    fn read(bus: &Bus, message: &StreamMessage) -> Self {
        let header = |name: &str| {
            let value = message.headers.get(name);
            value.map(ToString::to_string).unwrap_or_default()
        };
        let subject = header("valutai-dead-subject");
        let nanos = message.time.unix_timestamp_nanos();
        let kept = message.headers.iter().filter_map(|(name, values)| {
            let (name, value) = (name.to_string(), values.first()?.to_string());
            // Those of the server's own tell of the copy, and not of the event.
            let is_own = !name.starts_with(BURIAL) && !name.starts_with("Nats-");
            is_own.then_some((name, value))
        });
        Self {
            position: message.sequence,
            buried_at: DateTime::from_timestamp_nanos(i64::try_from(nanos).unwrap_or_default()),
            tenant: bus.subjects().tenant_of(&subject),
            subject,
            consumer: header("valutai-dead-consumer"),
            reason: header("valutai-dead-reason"),
            attempts: header(ATTEMPTS).parse().unwrap_or(0),
            event_type: header("ce-type"),
            headers: kept.collect(),
            body: message.payload.clone(),
        }
    }

    /// Its events, one or several.
    #[must_use]
    pub fn events(&self) -> Vec<Shown> {
        let shown = |id, body: &[u8]| Shown {
            id,
            event: wire::to_json(&self.event_type, body)
                .map_err(|error| crate::error::chain(&error)),
        };
        match batch::unpack(Some(&self.header_map()), &self.body) {
            Ok(events) => events
                .iter()
                .map(|event| shown(event.id, &event.body))
                .collect(),
            Err(error) => vec![Shown {
                id: None,
                event: Err(crate::error::chain(&error)),
            }],
        }
    }

    fn header_map(&self) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in &self.headers {
            map.insert(name.as_str(), value.as_str());
        }
        map
    }
}

async fn stream(bus: &Bus) -> Result<Stream> {
    let name = bus.subjects().dead_stream();
    bus.context().get_stream(name).await.map_err(bus_error)
}

/// How many dead letters there are, and since when.
///
/// # Errors
/// Where NATS refuses.
pub async fn state(bus: &Bus) -> Result<State> {
    let mut stream = stream(bus).await?;
    let count = stream.info().await.map_err(bus_error)?.state.messages;
    let oldest = list(bus, 1).await?;
    Ok(State {
        count,
        oldest_at: oldest.first().map(|letter| letter.buried_at),
    })
}

/// The oldest dead letters.
///
/// # Errors
/// Where NATS refuses.
pub async fn list(bus: &Bus, limit: usize) -> Result<Vec<DeadLetter>> {
    bus.ensure_dead_stream().await?;
    search(bus, &Filter::default(), 0, limit).await
}

/// The oldest dead letters behind a position that a filter holds.
///
/// # Errors
/// Where NATS refuses.
pub async fn search(
    bus: &Bus,
    filter: &Filter,
    after: u64,
    limit: usize,
) -> Result<Vec<DeadLetter>> {
    let stream = stream(bus).await?;
    let all = format!("{}.>", bus.subjects().dead_stream());
    let mut letters = Vec::new();
    let mut position = after.saturating_add(1);
    while letters.len() < limit {
        let next = stream
            .get_first_raw_message_by_subject(&all, position)
            .await;
        let message = match next {
            Ok(message) => message,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => break,
            Err(error) => return Err(bus_error(error)),
        };
        position = message.sequence.saturating_add(1);
        let letter = DeadLetter::read(bus, &message);
        if filter.holds(&letter) {
            letters.push(letter);
        }
    }
    Ok(letters)
}

/// The dead letter at a position; `None` where there is none, or none any more.
///
/// # Errors
/// Where NATS refuses.
pub async fn find(bus: &Bus, position: u64) -> Result<Option<DeadLetter>> {
    match stream(bus).await?.get_raw_message(position).await {
        Ok(message) => Ok(Some(DeadLetter::read(bus, &message))),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(bus_error(error)),
    }
}

/// Gives a dead letter back to the consumer that refused it, under its ids, so that what was handled of it is known again;
/// with `to_all` to every consumer of its stream. Where this breaks off it can be repeated: for five minutes the stream
/// knows what was replayed.
///
/// # Errors
/// Where the consumer is gone, or NATS refuses.
pub async fn replay(
    bus: &Bus,
    letter: &DeadLetter,
    to_all: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let domain = letter.event_type.split('.').nth(1).unwrap_or_default();
    let mut headers = letter.header_map();
    if !to_all {
        let name = bus.subjects().stream(domain);
        let of = bus.context().get_stream(name).await.map_err(bus_error)?;
        if of.consumer_info(&letter.consumer).await.is_err() {
            return Err(Error::Malformed {
                what: "consumer",
                value: letter.consumer.clone(),
                remedy: "it is not there any more: discard the letter, or replay it to all",
            });
        }
        headers.insert(REPLAY_TO, letter.consumer.as_str());
    }
    headers.insert(
        "Nats-Msg-Id",
        format!("replay:{}:{}", letter.position, letter.consumer).as_str(),
    );
    let message = Outgoing {
        subject: letter.subject.clone(),
        headers,
        body: letter.body.clone(),
    };
    bus.publish(message).await?;
    finish(bus, letter, "replay_dead_letter", now).await
}

/// Removes a dead letter for good.
///
/// # Errors
/// Where NATS refuses.
pub async fn discard(bus: &Bus, letter: &DeadLetter, now: DateTime<Utc>) -> Result<()> {
    finish(bus, letter, DISCARD, now).await
}

fn action(what: &str) -> String {
    format!("operator.{what}")
}

/// Tells the audit trail of the organisation, and takes the letter away.
async fn finish(bus: &Bus, letter: &DeadLetter, what: &str, now: DateTime<Utc>) -> Result<()> {
    if let Some(tenant) = letter.tenant {
        let id = letter
            .headers
            .get("ce-id")
            .or(letter.headers.get(batch::BATCH_ID));
        let id = id
            .and_then(|id| Uuid::try_parse(id).ok())
            .unwrap_or_default();
        let action = action(what);
        let operation = Operation::done(&action, id).changed("consumer", "", &letter.consumer);
        let entry = operation.entry(&Context::system("dead-letters"), now);
        let traced = Traced {
            event: &entry,
            traceparent: None,
        };
        for row in Row::all(bus.subjects(), "operator", tenant, &[traced], now) {
            bus.publish(row.message()).await?;
        }
    }
    tracing::info!(position = letter.position, consumer = %letter.consumer, what, "a dead letter was settled");
    let gone = stream(bus).await?.delete_message(letter.position).await;
    gone.map(drop).map_err(bus_error)
}
