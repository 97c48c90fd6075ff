//! Streams beside inboxes: what a consumer has acknowledged, and what its service remembers having handled. What is missing was
//! lost between the two. Deliberately only of consumers that claim every event; others may rightly leave no row.

use std::collections::{BTreeMap, HashSet};

use async_nats::jetstream::{
    Message,
    consumer::{DeliverPolicy, Info, pull},
    stream::Stream,
};
use futures::{StreamExt as _, TryStreamExt as _};
use prost::{Message as _, Name as _};
use proto::auth::OperationRecorded;
use sqlx::{AssertSqlSafe, PgConnection};
use uuid::Uuid;

use super::{DISCARD, Filter, REPLAY_TO, action, search};
use crate::{
    batch,
    bus::{Bus, bus_error},
    error::Result,
};

/// Metadata of a consumer that claims every event: the schema with its inbox.
pub(crate) const INBOX: &str = "valutai-inbox";
/// Ids that are looked up at once.
const LOOKED_UP: usize = 1000;

/// A consumer beside its inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reconciled {
    /// The consumer.
    pub consumer: String,
    /// Messages that it has acknowledged and the stream still holds.
    pub acknowledged: u64,
    /// Positions in the stream of those that its inbox does not know, and that neither are nor were dead letters.
    pub missing: Vec<u64>,
}

/// A message of a stream, and the ids that a claim may be under.
struct Held {
    position: u64,
    ids: Vec<Uuid>,
}

/// Compares each consumer that claims every event with the inbox of its service, by a connection that sees the schemas.
///
/// # Errors
/// Where NATS or Postgres refuses.
pub async fn reconcile(bus: &Bus, postgres: &mut PgConnection) -> Result<Vec<Reconciled>> {
    let mut found = Vec::new();
    let prefix = bus.subjects().stream("");
    let mut names = bus.context().stream_names();
    while let Some(name) = names.try_next().await.map_err(bus_error)? {
        let Some(domain) = name.strip_prefix(&prefix) else {
            continue;
        };
        // Another system's prefix may begin with this one.
        if domain == "dead" || domain.contains('-') {
            continue;
        }
        let stream = bus.context().get_stream(&name).await.map_err(bus_error)?;
        let consumers: Vec<Info> = stream.consumers().try_collect().await.map_err(bus_error)?;
        for consumer in consumers {
            if let Some(schema) = consumer.config.metadata.get(INBOX) {
                found.push(of_consumer(bus, postgres, &stream, &consumer, schema).await?);
            }
        }
    }
    Ok(found)
}

async fn of_consumer(
    bus: &Bus,
    postgres: &mut PgConnection,
    stream: &Stream,
    consumer: &Info,
    schema: &str,
) -> Result<Reconciled> {
    let held = acknowledged(stream, consumer).await?;
    let mut missing: BTreeMap<u64, Vec<Uuid>> = BTreeMap::new();
    for some in held.chunks(LOOKED_UP) {
        let ids: Vec<Uuid> = some.iter().flat_map(|held| held.ids.clone()).collect();
        let known = in_inbox(postgres, schema, &consumer.name, &ids).await?;
        for one in some
            .iter()
            .filter(|one| !one.ids.iter().any(|id| known.contains(id)))
        {
            missing.insert(one.position, one.ids.clone());
        }
    }
    let filter = Filter {
        consumer: Some(consumer.name.clone()),
        ..Filter::default()
    };
    // What is buried is not lost, and what was discarded was wanted so.
    if !missing.is_empty() {
        let mut settled = discarded(bus, &consumer.name).await?;
        for letter in search(bus, &filter, 0, usize::MAX).await? {
            settled.extend(ids_of(Some(&letter.header_map()), &letter.body));
        }
        missing.retain(|_, of| !of.iter().any(|id| settled.contains(id)));
    }
    Ok(Reconciled {
        consumer: consumer.name.clone(),
        acknowledged: held.len() as u64,
        missing: missing.into_keys().collect(),
    })
}

/// The ids of what was refused by a consumer and then discarded, as far as the audit trail's own stream remembers.
async fn discarded(bus: &Bus, consumer: &str) -> Result<HashSet<Uuid>> {
    let subjects = bus.subjects();
    let stream = bus.context().get_stream(subjects.stream("auth")).await;
    let stream = stream.map_err(bus_error)?;
    let subject = subjects.event_of_all(&OperationRecorded::full_name());
    let mut found = HashSet::new();
    read(&stream, subject, Vec::new(), |_, message| {
        for event in batch::unpack(message.headers.as_ref(), &message.payload)? {
            let entry = OperationRecorded::decode(event.body)?;
            let is_meant = entry.action == action(DISCARD)
                && entry.changes.iter().any(|change| change.after == consumer);
            found.extend(
                is_meant
                    .then(|| Uuid::try_parse(&entry.entity_id).ok())
                    .flatten(),
            );
        }
        Ok(true)
    })
    .await?;
    Ok(found)
}

/// What a consumer has acknowledged and its stream still holds.
async fn acknowledged(stream: &Stream, consumer: &Info) -> Result<Vec<Held>> {
    let config = &consumer.config;
    let (subject, subjects) = (
        config.filter_subject.clone(),
        config.filter_subjects.clone(),
    );
    let mut held = Vec::new();
    read(stream, subject, subjects, |position, message| {
        if position > consumer.ack_floor.stream_sequence {
            return Ok(false);
        }
        let headers = message.headers.as_ref();
        let only = headers.and_then(|headers| headers.get(REPLAY_TO));
        if only.is_none_or(|name| name.as_str() == consumer.name) {
            held.push(Held {
                position,
                ids: ids_of(headers, &message.payload),
            });
        }
        Ok(true)
    })
    .await?;
    Ok(held)
}

/// Reads what a stream holds now under some subjects, in its order, until that is enough.
async fn read(
    stream: &Stream,
    filter_subject: String,
    filter_subjects: Vec<String>,
    mut take: impl FnMut(u64, &Message) -> Result<bool>,
) -> Result<()> {
    let reader = stream
        .create_consumer(pull::OrderedConfig {
            filter_subject,
            filter_subjects,
            deliver_policy: DeliverPolicy::All,
            ..pull::OrderedConfig::default()
        })
        .await
        .map_err(bus_error)?;
    if reader.cached_info().num_pending == 0 {
        return Ok(());
    }
    let mut messages = reader.messages().await.map_err(bus_error)?;
    while let Some(message) = messages.next().await {
        let message = message.map_err(bus_error)?;
        let info = message.info();
        let info = info.map_err(|error| crate::Error::Bus(error.to_string()))?;
        if !take(info.stream_sequence, &message)? || info.pending == 0 {
            break;
        }
    }
    Ok(())
}

/// The ids that a claim of a message may be under: that of the batch, or those of its events.
pub(crate) fn ids_of(headers: Option<&async_nats::HeaderMap>, body: &bytes::Bytes) -> Vec<Uuid> {
    let batch = headers.and_then(|headers| headers.get(batch::BATCH_ID));
    let batch = batch.and_then(|id| Uuid::try_parse(id.as_str()).ok());
    let events = batch::unpack(headers, body).unwrap_or_default();
    batch
        .into_iter()
        .chain(events.iter().filter_map(|event| event.id))
        .collect()
}

async fn in_inbox(
    postgres: &mut PgConnection,
    schema: &str,
    consumer: &str,
    ids: &[Uuid],
) -> Result<Vec<Uuid>> {
    let query: String = sqlx::query_scalar(
        "SELECT format('SELECT event_id FROM %I.inbox WHERE consumer = $1 AND event_id = ANY($2)', $1)",
    )
    .bind(schema)
    .fetch_one(&mut *postgres)
    .await?;
    Ok(sqlx::query_scalar(AssertSqlSafe(query))
        .bind(consumer)
        .bind(ids)
        .fetch_all(postgres)
        .await?)
}
