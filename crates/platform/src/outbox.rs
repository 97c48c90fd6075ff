//! The transactional outbox: events are rows of the unit of work that causes them, and one relay per
//! service publishes them in order. Events that are committed together share rows and messages. Deliberately no cursor: a row is there until it is published.

mod spans;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use async_nats::HeaderMap;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use prost::{Message, Name};
use proto::common::EventBatch;
use sqlx::PgConnection;
use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    batch,
    bus::{Bus, Outgoing, Subjects},
    database::Database,
    error::{Error, Result, chain},
    shutdown::Shutdown,
};

/// Rows looked at together.
const ROWS: i64 = 200;
/// Bytes read at once, but for those of a single row.
const STEP_BYTES: i64 = 2 * 1024 * 1024;
/// Events of one message.
const GROUP: usize = 500;
/// Bytes of one message; a server takes 1 MiB at most where it was not told otherwise.
const GROUP_BYTES: usize = 256 * 1024;
/// What a batch holds of an event beside its body, in bytes.
const ENVELOPE_BYTES: usize = 250;
/// Messages of one atomic batch; 200 is the sweet spot, and the server takes at most 1000.
const BATCH: usize = 200;
/// Net under the in-process wake-up: rows of a process that died before it could ring.
const POLL: Duration = Duration::from_millis(300);
/// Least time between two steps: what is committed meanwhile shares the cost of the next one.
const GATHERING: Duration = Duration::from_millis(25);
/// The same after a step with more rows than [`FEW`]: under load there is more to share, for each who handles it as well.
const GATHERING_MANY: Duration = Duration::from_millis(100);
const FEW: usize = 4;
const RETRY: Duration = Duration::from_secs(1);
/// Handled events are remembered longer than any stream keeps them.
const INBOX_KEPT_DAYS: i32 = 35;

/// An event to be published, with the trace that it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Traced<'e, E> {
    /// The event.
    pub event: &'e E,
    /// The `traceparent` of whoever caused it.
    pub traceparent: Option<&'e str>,
}

/// Events on their way: one, or several of one kind and tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    /// Of the first event.
    event_id: Uuid,
    stream: String,
    subject: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
    events: i32,
}

impl Row {
    /// Events with their CloudEvents headers in binary mode, in as few rows as possible.
    pub(crate) fn all<E: Message + Name>(
        subjects: &Subjects,
        source: &str,
        tenant: Uuid,
        events: &[Traced<'_, E>],
        now: DateTime<Utc>,
    ) -> Vec<Self> {
        let full_name = E::full_name();
        let kind = Kind {
            stream: subjects.stream(proto::access::domain_of(&full_name)),
            subject: subjects.event(&tenant.to_string(), &full_name),
            headers: BTreeMap::from([
                ("ce-specversion".to_owned(), "1.0".to_owned()),
                ("ce-source".to_owned(), format!("valutai/{source}")),
                (
                    "ce-time".to_owned(),
                    now.to_rfc3339_opts(SecondsFormat::Millis, true),
                ),
                ("ce-subject".to_owned(), tenant.to_string()),
                ("ce-type".to_owned(), full_name),
            ]),
        };
        let encoded = events
            .iter()
            .map(|traced| (traced.event.encode_to_vec(), traced.traceparent))
            .collect();
        groups(encoded)
            .into_iter()
            .map(|group| kind.row(group))
            .collect()
    }
}

impl Row {
    /// The message of it, for those who have no outbox.
    pub(crate) fn message(&self) -> Outgoing {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.insert(name.as_str(), value.as_str());
        }
        Outgoing {
            subject: self.subject.clone(),
            headers,
            body: Bytes::from(self.body.clone()),
        }
    }
}

/// An encoded event and its `traceparent`.
type Encoded<'e> = (Vec<u8>, Option<&'e str>);

/// Cuts events into what fits into a message each.
fn groups(events: Vec<Encoded<'_>>) -> Vec<Vec<Encoded<'_>>> {
    let mut groups: Vec<Vec<Encoded<'_>>> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let size = event.0.len() + ENVELOPE_BYTES;
        match groups.last_mut() {
            Some(group) if group.len() < GROUP && bytes + size <= GROUP_BYTES => {
                bytes += size;
                group.push(event);
            }
            _ => {
                bytes = size;
                groups.push(vec![event]);
            }
        }
    }
    groups
}

/// What events of one type and tenant have in common.
struct Kind {
    stream: String,
    subject: String,
    headers: BTreeMap<String, String>,
}

impl Kind {
    fn row(&self, mut group: Vec<Encoded<'_>>) -> Row {
        let mut headers = self.headers.clone();
        let mut insert =
            |name: &str, value: &str| headers.insert(name.to_owned(), value.to_owned());
        let (event_id, count) = (Uuid::now_v7(), group.len());
        let id = event_id.to_string();
        insert("Nats-Msg-Id", &id);
        let body = if count == 1 {
            let (body, traceparent) = group.swap_remove(0);
            insert("ce-id", &id);
            insert("content-type", batch::SINGLE);
            if let Some(value) = traceparent {
                insert("traceparent", value);
            }
            body
        } else {
            insert(batch::BATCH_ID, &id);
            insert("content-type", batch::BATCH);
            let named = group.into_iter().map(|(body, traceparent)| {
                let (source, event_type) = (&self.headers["ce-source"], &self.headers["ce-type"]);
                batch::event(Uuid::now_v7(), source, event_type, traceparent, body)
            });
            let events = named.collect();
            EventBatch { events }.encode_to_vec()
        };
        Row {
            event_id,
            stream: self.stream.clone(),
            subject: self.subject.clone(),
            headers,
            body,
            events: i32::try_from(count).unwrap_or(i32::MAX),
        }
    }
}

/// Writes events into the outbox, in their order.
pub(crate) async fn insert_all(connection: &mut PgConnection, rows: &[Row]) -> Result<()> {
    fn column<'r, T>(rows: &'r [Row], of: impl Fn(&'r Row) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    sqlx::query(
        "INSERT INTO outbox (event_id, stream, subject, headers, body, events)
         SELECT event_id, stream, subject, headers, body, events
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[], $6::integer[])
            WITH ORDINALITY AS row (event_id, stream, subject, headers, body, events, position)
         ORDER BY row.position",
    )
    .bind(column(rows, |row| row.event_id))
    .bind(column(rows, |row| row.stream.as_str()))
    .bind(column(rows, |row| row.subject.as_str()))
    .bind(column(rows, |row| {
        serde_json::json!(row.headers).to_string()
    }))
    .bind(column(rows, |row| row.body.as_slice()))
    .bind(column(rows, |row| row.events))
    .execute(connection)
    .await?;
    Ok(())
}

#[derive(Debug, sqlx::FromRow)]
struct Pending {
    position: i64,
    stream: String,
    subject: String,
    headers: String,
    body: Vec<u8>,
}

/// Publishes a service's outbox while it holds the schema's lock.
#[derive(Debug)]
pub struct Relay {
    database: Database,
    bus: Bus,
}

impl Relay {
    /// A relay for a service.
    #[must_use]
    pub fn new(database: Database, bus: Bus) -> Self {
        Self { database, bus }
    }

    /// Runs until told to stop; then publishes what is left, as far as it can at once.
    pub async fn run(self, shutdown: Shutdown) {
        while !shutdown.is_cancelled() {
            if let Err(error) = self.lead(&shutdown).await {
                tracing::warn!(error = %chain(&error), schema = self.database.schema(), "the relay starts again");
                tokio::select! {
                    () = sleep(RETRY) => {}
                    () = shutdown.cancelled() => {}
                }
            }
        }
    }

    /// Waits for the leadership on a connection of its own, and publishes while it lasts. The rows
    /// are deleted on that connection, so that a lost lock is a failed delete.
    async fn lead(&self, shutdown: &Shutdown) -> Result<()> {
        let mut connection = self.database.dedicated().await?;
        while !try_lock(&mut connection, self.database.schema()).await? {
            tokio::select! {
                () = sleep(RETRY) => {}
                () = shutdown.cancelled() => return Ok(()),
            }
        }
        // A delete that a crash takes back costs a second publishing, which stream and inboxes know again.
        sqlx::query("SET synchronous_commit = off")
            .execute(&mut connection)
            .await?;
        forget_old_events(&mut connection).await?;
        // What was there when it was told to stop: another replica may write on without end.
        let mut until: Option<i64> = None;
        loop {
            if until.is_none() && shutdown.is_cancelled() {
                until = Some(last_position(&mut connection).await?);
            }
            let begun = Instant::now();
            let published = self.step(&mut connection).await?;
            let last = published.last().copied();
            if until.is_some_and(|until| last.is_none_or(|last| last >= until)) {
                return Ok(());
            }
            let wait = match published.len() {
                0 => POLL,
                1..=FEW => GATHERING.saturating_sub(begun.elapsed()),
                more if more < BATCH => GATHERING_MANY.saturating_sub(begun.elapsed()),
                _ => Duration::ZERO,
            };
            tokio::select! {
                () = sleep(wait) => {}
                () = self.database.committed.notified(), if published.is_empty() => {}
                () = shutdown.cancelled(), if until.is_none() => {}
            }
        }
    }

    /// Publishes what is first and deletes it; answers the positions.
    async fn step(&self, connection: &mut PgConnection) -> Result<Vec<i64>> {
        let rows = pending(connection).await?;
        self.publish(&rows).await?;
        let positions: Vec<i64> = rows.iter().map(|row| row.position).collect();
        delete(connection, &positions).await?;
        Ok(positions)
    }

    /// Stream by stream: order is promised within one, and what alternates in the outbox would
    /// otherwise leave message by message.
    async fn publish(&self, rows: &[Pending]) -> Result<()> {
        let mut streams: BTreeMap<&str, Vec<Outgoing>> = BTreeMap::new();
        for row in rows {
            let messages = streams.entry(&row.stream).or_default();
            messages.push(outgoing(row)?);
        }
        for messages in streams.values() {
            for batch in messages.chunks(BATCH) {
                spans::during(batch, self.bus.publish_all(batch)).await?;
            }
        }
        Ok(())
    }

    /// Publishes what is pending and stops before the delete, as a crash there would.
    ///
    /// # Errors
    /// Where Postgres or NATS is away.
    pub async fn publish_without_delete(&self) -> Result<usize> {
        let mut connection = self.database.dedicated().await?;
        let rows = pending(&mut connection).await?;
        self.publish(&rows).await?;
        Ok(rows.len())
    }
}

async fn try_lock(connection: &mut PgConnection, schema: &str) -> Result<bool> {
    Ok(
        sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtext('valutai.relay'), hashtext($1))")
            .bind(schema)
            .fetch_one(connection)
            .await?,
    )
}

async fn pending(connection: &mut PgConnection) -> Result<Vec<Pending>> {
    Ok(sqlx::query_as(
        "SELECT position, stream, subject, headers, body
         FROM (SELECT *, sum(octet_length(body)) OVER (ORDER BY position) - octet_length(body) AS before
               FROM (SELECT * FROM outbox ORDER BY position LIMIT $1) first) counted
         WHERE before < $2 ORDER BY position",
    )
    .bind(ROWS)
    .bind(STEP_BYTES)
    .fetch_all(connection)
    .await?)
}

async fn delete(connection: &mut PgConnection, positions: &[i64]) -> Result<()> {
    if positions.is_empty() {
        return Ok(());
    }
    sqlx::query("DELETE FROM outbox WHERE position = ANY($1)")
        .bind(positions)
        .execute(connection)
        .await?;
    Ok(())
}

/// The position of the newest row; 0 where there is none.
async fn last_position(connection: &mut PgConnection) -> Result<i64> {
    Ok(
        sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM outbox")
            .fetch_one(connection)
            .await?,
    )
}

async fn forget_old_events(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("DELETE FROM inbox WHERE handled_at < now() - make_interval(days => $1)")
        .bind(INBOX_KEPT_DAYS)
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM buried WHERE buried_at < now() - make_interval(days => $1)")
        .bind(INBOX_KEPT_DAYS)
        .execute(connection)
        .await?;
    Ok(())
}

/// The message of a row.
fn outgoing(row: &Pending) -> Result<Outgoing> {
    let stored: BTreeMap<String, String> = serde_json::from_str(&row.headers)
        .map_err(|error| Error::Bus(format!("a row of the outbox is not readable: {error}")))?;
    let mut headers = HeaderMap::new();
    for (name, value) in &stored {
        headers.insert(name.as_str(), value.as_str());
    }
    Ok(Outgoing {
        subject: row.subject.clone(),
        headers,
        body: Bytes::from(row.body.clone()),
    })
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
