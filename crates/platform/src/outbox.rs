//! The transactional outbox: events are rows of the unit of work that causes them, and one relay per
//! service publishes them in order. Deliberately no cursor: a row is there until it is published.

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

/// Rows published together; the sweet spot measured for atomic batches.
const BATCH: i64 = 200;
/// Net under the in-process wake-up: rows of a process that died before it could ring.
const POLL: Duration = Duration::from_millis(300);
const RETRY: Duration = Duration::from_secs(1);
/// Handled events are remembered longer than any stream keeps them.
const INBOX_KEPT_DAYS: i32 = 35;

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    event_id: Uuid,
    stream: String,
    subject: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Row {
    /// An event with its CloudEvents headers in binary mode.
    pub(crate) fn new<E: Message + Name>(
        subjects: &Subjects,
        source: &str,
        tenant: Uuid,
        event: &E,
        now: DateTime<Utc>,
        traceparent: Option<String>,
    ) -> Self {
        let event_id = Uuid::now_v7();
        let full_name = E::full_name();
        let mut headers = BTreeMap::from([
            ("Nats-Msg-Id".to_owned(), event_id.to_string()),
            ("ce-specversion".to_owned(), "1.0".to_owned()),
            ("ce-id".to_owned(), event_id.to_string()),
            ("ce-source".to_owned(), format!("valutai/{source}")),
            (
                "ce-time".to_owned(),
                now.to_rfc3339_opts(SecondsFormat::Millis, true),
            ),
            ("ce-subject".to_owned(), tenant.to_string()),
            ("ce-type".to_owned(), full_name.clone()),
            ("content-type".to_owned(), "application/protobuf".to_owned()),
        ]);
        headers.extend(traceparent.map(|value| ("traceparent".to_owned(), value)));
        Self {
            event_id,
            stream: subjects.stream(proto::access::domain_of(&full_name)),
            subject: subjects.event(&tenant.to_string(), &full_name),
            headers,
            body: event.encode_to_vec(),
        }
    }
}

/// Writes events into the outbox, in their order.
pub(crate) async fn insert_all(connection: &mut PgConnection, rows: &[Row]) -> Result<()> {
    fn column<T>(rows: &[Row], of: impl Fn(&Row) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    sqlx::query(
        "INSERT INTO outbox (event_id, stream, subject, headers, body)
         SELECT event_id, stream, subject, headers, body
         FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::bytea[])
            WITH ORDINALITY AS row (event_id, stream, subject, headers, body, position)
         ORDER BY row.position",
    )
    .bind(column(rows, |row| row.event_id))
    .bind(column(rows, |row| row.stream.clone()))
    .bind(column(rows, |row| row.subject.clone()))
    .bind(column(rows, |row| {
        serde_json::json!(row.headers).to_string()
    }))
    .bind(column(rows, |row| row.body.clone()))
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
        forget_old_events(&mut connection).await?;
        loop {
            let published = self.step(&mut connection).await?;
            if published == BATCH as usize {
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

    async fn publish(&self, rows: &[Pending]) -> Result<()> {
        for run in rows.chunk_by(|a, b| a.stream == b.stream) {
            let messages = run.iter().map(outgoing).collect::<Result<Vec<_>>>()?;
            self.bus.publish_all(&messages).await?;
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
        "SELECT position, stream, subject, headers, body FROM outbox ORDER BY position LIMIT $1",
    )
    .bind(BATCH)
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

fn outgoing(row: &Pending) -> Result<Outgoing> {
    let stored: BTreeMap<String, String> = serde_json::from_str(&row.headers)
        .map_err(|error| Error::Bus(format!("stored headers are not readable: {error}")))?;
    let mut headers = HeaderMap::new();
    for (name, value) in stored {
        headers.insert(name, value);
    }
    Ok(Outgoing {
        subject: row.subject.clone(),
        headers,
        body: Bytes::from(row.body.clone()),
    })
}
