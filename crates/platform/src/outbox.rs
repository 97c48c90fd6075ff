//! The transactional outbox: events are rows of the unit of work that causes them, and one relay per
//! service publishes them in order. Events that are committed together share rows, since a row costs more
//! than what is in it. Deliberately no cursor: a row is there until it is published.

use std::{collections::BTreeMap, time::Duration};

use async_nats::HeaderMap;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use prost::{Message, Name};
use sqlx::PgConnection;
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::{
    bus::{Bus, Outgoing, Subjects},
    database::Database,
    error::{Error, Result, chain},
    shutdown::Shutdown,
};

/// Rows looked at together.
const ROWS: i64 = 200;
/// Events of one row, and of one atomic batch; 200 is the sweet spot, and the server takes at most 1000.
const GROUP: usize = 500;
/// Events read at once, but for those of a single row.
const EVENTS: i64 = 2000;
/// Net under the in-process wake-up: rows of a process that died before it could ring.
const POLL: Duration = Duration::from_millis(300);
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

/// Body of a row with several events.
#[derive(Clone, PartialEq, prost::Message)]
struct Group {
    #[prost(message, repeated, tag = "1")]
    events: Vec<Grouped>,
}

/// What one of them has of its own.
#[derive(Clone, PartialEq, prost::Message)]
struct Grouped {
    /// 16 bytes.
    #[prost(bytes = "bytes", tag = "1")]
    event_id: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    body: Bytes,
    /// Empty where there is none.
    #[prost(string, tag = "3")]
    traceparent: String,
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
        let headers = BTreeMap::from([
            ("ce-specversion".to_owned(), "1.0".to_owned()),
            ("ce-source".to_owned(), format!("valutai/{source}")),
            (
                "ce-time".to_owned(),
                now.to_rfc3339_opts(SecondsFormat::Millis, true),
            ),
            ("ce-subject".to_owned(), tenant.to_string()),
            ("ce-type".to_owned(), full_name.clone()),
            ("content-type".to_owned(), "application/protobuf".to_owned()),
        ]);
        let row = |events: &[Traced<'_, E>]| {
            let (first, event_id) = (&events[0], Uuid::now_v7());
            let mut row = Self {
                event_id,
                stream: subjects.stream(proto::access::domain_of(&full_name)),
                subject: subjects.event(&tenant.to_string(), &full_name),
                headers: headers.clone(),
                body: Vec::new(),
                events: i32::try_from(events.len()).unwrap_or(i32::MAX),
            };
            if events.len() == 1 {
                name(&mut row.headers, event_id, first.traceparent);
                row.body = first.event.encode_to_vec();
            } else {
                row.body = group(event_id, events).encode_to_vec();
            }
            row
        };
        events.chunks(GROUP).map(row).collect()
    }
}

fn group<E: Message>(first_id: Uuid, events: &[Traced<'_, E>]) -> Group {
    let grouped = events.iter().enumerate().map(|(at, traced)| {
        let id = if at == 0 { first_id } else { Uuid::now_v7() };
        Grouped {
            event_id: Bytes::copy_from_slice(id.as_bytes()),
            body: traced.event.encode_to_vec().into(),
            traceparent: traced.traceparent.unwrap_or_default().to_owned(),
        }
    });
    Group {
        events: grouped.collect(),
    }
}

/// Adds the headers that tell an event from the others of its group.
fn name(headers: &mut BTreeMap<String, String>, event_id: Uuid, traceparent: Option<&str>) {
    headers.insert("Nats-Msg-Id".to_owned(), event_id.to_string());
    headers.insert("ce-id".to_owned(), event_id.to_string());
    if let Some(value) = traceparent {
        headers.insert("traceparent".to_owned(), value.to_owned());
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
    events: i32,
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
        forget_old_events(&mut connection).await?;
        loop {
            let published = self.step(&mut connection).await?;
            if published > 0 {
                continue;
            }
            if shutdown.is_cancelled() {
                return Ok(());
            }
            tokio::select! {
                _ = timeout(POLL, self.database.committed.notified()) => {}
                () = shutdown.cancelled() => {}
            }
        }
    }

    /// Publishes one batch and deletes it; answers how many rows that was.
    async fn step(&self, connection: &mut PgConnection) -> Result<usize> {
        let rows = pending(connection).await?;
        self.publish(&rows).await?;
        delete(connection, &rows).await?;
        Ok(rows.len())
    }

    /// Stream by stream: order is promised within one, and what alternates in the outbox would
    /// otherwise leave message by message.
    async fn publish(&self, rows: &[Pending]) -> Result<()> {
        let mut streams: BTreeMap<&str, Vec<Outgoing>> = BTreeMap::new();
        for row in rows {
            let messages = streams.entry(&row.stream).or_default();
            messages.extend(outgoing(row)?);
        }
        for messages in streams.values() {
            for batch in messages.chunks(GROUP) {
                self.bus.publish_all(batch).await?;
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
        "SELECT position, stream, subject, headers, body, events
         FROM (SELECT *, sum(events) OVER (ORDER BY position) - events AS before
               FROM (SELECT * FROM outbox ORDER BY position LIMIT $1) first) counted
         WHERE before < $2 ORDER BY position",
    )
    .bind(ROWS)
    .bind(EVENTS)
    .fetch_all(connection)
    .await?)
}

async fn delete(connection: &mut PgConnection, rows: &[Pending]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let positions: Vec<i64> = rows.iter().map(|row| row.position).collect();
    sqlx::query("DELETE FROM outbox WHERE position = ANY($1)")
        .bind(positions)
        .execute(connection)
        .await?;
    Ok(())
}

async fn forget_old_events(connection: &mut PgConnection) -> Result<()> {
    sqlx::query("DELETE FROM inbox WHERE handled_at < now() - make_interval(days => $1)")
        .bind(INBOX_KEPT_DAYS)
        .execute(connection)
        .await?;
    Ok(())
}

/// The messages of a row.
fn outgoing(row: &Pending) -> Result<Vec<Outgoing>> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Error::Bus(format!("a row of the outbox is not readable: {error}"))
    };
    let stored: BTreeMap<String, String> =
        serde_json::from_str(&row.headers).map_err(|error| unreadable(&error))?;
    let message = |headers: &BTreeMap<String, String>, body: Bytes| {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(name.as_str(), value.as_str());
        }
        Outgoing {
            subject: row.subject.clone(),
            headers: map,
            body,
        }
    };
    if row.events == 1 {
        return Ok(vec![message(&stored, Bytes::from(row.body.clone()))]);
    }
    let group = Group::decode(row.body.as_slice()).map_err(|error| unreadable(&error))?;
    let mut headers = stored;
    let messages = group.events.into_iter().map(|event| {
        let id = Uuid::from_slice(&event.event_id).map_err(|error| unreadable(&error))?;
        headers.remove("traceparent");
        let traceparent = Some(event.traceparent.as_str()).filter(|value| !value.is_empty());
        name(&mut headers, id, traceparent);
        Ok(message(&headers, event.body))
    });
    messages.collect()
}

#[cfg(test)]
mod tests {
    use proto::training::TrainingFailed;

    use super::*;

    fn pending(row: Row) -> Pending {
        Pending {
            position: 1,
            stream: row.stream,
            subject: row.subject,
            headers: serde_json::json!(row.headers).to_string(),
            body: row.body,
            events: row.events,
        }
    }

    #[test]
    fn a_group_comes_apart_into_what_single_events_would_be() {
        let subjects = Subjects::new("test");
        let event = |number: u32| TrainingFailed {
            model_id: number.to_string(),
            problem: String::new(),
        };
        let events: Vec<TrainingFailed> = (0..GROUP as u32 + 1).map(event).collect();
        let mut traced: Vec<_> = events
            .iter()
            .map(|event| Traced {
                event,
                traceparent: None,
            })
            .collect();
        traced[0].traceparent = Some("00-1-2-01");
        let (tenant, now) = (Uuid::max(), DateTime::UNIX_EPOCH);
        let rows = Row::all(&subjects, "notes", tenant, &traced, now);
        assert_eq!(rows.len(), 2);
        let messages: Vec<Outgoing> = rows
            .into_iter()
            .flat_map(|row| outgoing(&pending(row)).expect("readable"))
            .collect();
        assert_eq!(messages.len(), events.len());
        let of =
            |message: &Outgoing, name: &str| message.headers.get(name).map(ToString::to_string);
        let mut ids: Vec<_> = messages
            .iter()
            .map(|message| of(message, "ce-id"))
            .collect();
        for (at, (message, event)) in messages.iter().zip(&events).enumerate() {
            assert_eq!(message.body, event.encode_to_vec());
            assert_eq!(of(message, "Nats-Msg-Id"), ids[at]);
            assert_eq!(of(message, "traceparent").is_some(), at == 0);
            assert_eq!(message.headers.len(), if at == 0 { 9 } else { 8 });
        }
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), events.len());
    }
}
