//! What a service watches by itself: whether its inbox knows what its consumers have acknowledged, and how long dead letters have
//! lain. The figures are rows of its schema, for whoever asks Postgres for metrics. Deliberately only forward from the first look,
//! and only what the service may read anyway: [`super::reconcile`] compares everything, with an operator's rights.

use std::{collections::HashSet, time::Duration};

use async_nats::jetstream::stream::{DirectGetErrorKind, Stream};
use sqlx::PgConnection;
use tokio::time::sleep;
use uuid::Uuid;

use super::{REPLAY_TO, State, reconcile::ids_of, state};
use crate::{
    Database,
    bus::{Bus, bus_error},
    error::{Result, chain},
    shutdown::Shutdown,
};

/// Between two looks at what consumers have acknowledged.
const RECONCILE_EVERY: Duration = Duration::from_secs(15 * 60);
/// Between two looks at dead letters.
const LETTERS_EVERY: Duration = Duration::from_secs(60);
/// Messages that are looked up together.
const TOGETHER: usize = 500;
/// Messages that are read at a look; the next one goes on from there.
const MOST: usize = 200_000;

/// A consumer that claims every event that it handles.
#[derive(Debug, Clone)]
pub(crate) struct Claiming {
    pub(crate) consumer: String,
    pub(crate) domain: String,
    pub(crate) subjects: Vec<String>,
}

/// How far a consumer was compared with its inbox.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
struct Compared {
    position: i64,
    missing: Vec<i64>,
}

/// A message that was acknowledged, and the ids that a claim may be under.
struct Held {
    position: i64,
    ids: Vec<Uuid>,
}

/// Compares what consumers of a service have acknowledged with what it remembers, now and again.
pub(crate) async fn keep_reconciling(
    database: Database,
    bus: Bus,
    consumers: Vec<Claiming>,
    shutdown: Shutdown,
) {
    loop {
        for consumer in &consumers {
            if let Err(error) = reconcile(&database, &bus, consumer).await {
                tracing::warn!(error = %chain(&error), consumer = %consumer.consumer, "its inbox could not be compared");
            }
        }
        tokio::select! {
            () = sleep(RECONCILE_EVERY) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Notes how many dead letters there are and since when, now and again; by a service that may read them.
pub async fn keep_counting(database: Database, bus: Bus, shutdown: Shutdown) {
    loop {
        if let Err(error) = count(&database, &bus).await {
            tracing::warn!(error = %chain(&error), "the dead letters could not be counted");
        }
        tokio::select! {
            () = sleep(LETTERS_EVERY) => {}
            () = shutdown.cancelled() => return,
        }
    }
}

/// Notes how many dead letters there are now.
///
/// # Errors
/// Where NATS or Postgres is away.
pub async fn count(database: &Database, bus: &Bus) -> Result<State> {
    let state = state(bus).await?;
    let mut connection = database.outside_tenants().await?;
    sqlx::query(
        "INSERT INTO watched (name, number, since) VALUES ('dead letters', $1, $2)
         ON CONFLICT (name) DO UPDATE SET number = excluded.number, since = excluded.since, seen_at = now()",
    )
    .bind(i64::try_from(state.count).unwrap_or(i64::MAX))
    .bind(state.oldest_at)
    .execute(&mut *connection)
    .await?;
    Ok(state)
}

/// Goes on from where a consumer was compared last. What was acknowledged before the first look is left to the command, since
/// nobody noted then what was buried.
async fn reconcile(database: &Database, bus: &Bus, of: &Claiming) -> Result<()> {
    let stream = bus.context().get_stream(bus.subjects().stream(&of.domain));
    let stream = stream.await.map_err(bus_error)?;
    let info = stream.consumer_info(&of.consumer).await;
    let acknowledged = info.map_err(bus_error)?.ack_floor.stream_sequence;
    let acknowledged = i64::try_from(acknowledged).unwrap_or(i64::MAX);
    let mut connection = database.outside_tenants().await?;
    let Some(before) = compared(&mut connection, &of.consumer).await? else {
        let begun = Compared {
            position: acknowledged,
            missing: Vec::new(),
        };
        return note(&mut connection, &of.consumer, &begun).await;
    };
    let mut missing = still_missing(&stream, &mut connection, of, &before.missing).await?;
    let (held, position) = read(&stream, of, before.position, acknowledged).await?;
    for some in held.chunks(TOGETHER) {
        missing.extend(unknown(&mut connection, &of.consumer, some).await?);
    }
    if missing.len() > before.missing.len() {
        tracing::error!(consumer = %of.consumer, positions = ?missing, "events were acknowledged and are not in the inbox");
    }
    note(
        &mut connection,
        &of.consumer,
        &Compared { position, missing },
    )
    .await
}

/// What was acknowledged behind a position, and how far was read.
async fn read(stream: &Stream, of: &Claiming, behind: i64, up_to: i64) -> Result<(Vec<Held>, i64)> {
    let (mut held, mut read_to) = (Vec::new(), up_to.max(behind));
    for subject in &of.subjects {
        let mut position = behind;
        for count in 0.. {
            let from = u64::try_from(position.saturating_add(1)).unwrap_or(0);
            let next = stream.direct_get_next_for_subject(subject.as_str(), Some(from));
            let message = match next.await {
                Ok(message) => message,
                Err(error) if error.kind() == DirectGetErrorKind::NotFound => break,
                Err(error) => return Err(bus_error(error)),
            };
            position = i64::try_from(message.sequence).unwrap_or(i64::MAX);
            if position > up_to {
                break;
            }
            if count == MOST {
                read_to = read_to.min(position - 1);
                break;
            }
            let only = message.headers.get(REPLAY_TO);
            if only.is_none_or(|name| name.as_str() == of.consumer) {
                held.push(Held {
                    position,
                    ids: ids_of(Some(&message.headers), &message.payload),
                });
            }
        }
    }
    held.retain(|one| one.position <= read_to);
    Ok((held, read_to))
}

/// Of what was missing, what still is: the stream may have forgotten it, or it was replayed and handled meanwhile.
async fn still_missing(
    stream: &Stream,
    connection: &mut PgConnection,
    of: &Claiming,
    missing: &[i64],
) -> Result<Vec<i64>> {
    let mut held = Vec::new();
    for position in missing {
        match stream
            .direct_get(u64::try_from(*position).unwrap_or(0))
            .await
        {
            Ok(message) => held.push(Held {
                position: *position,
                ids: ids_of(Some(&message.headers), &message.payload),
            }),
            Err(error) if error.kind() == DirectGetErrorKind::NotFound => {}
            Err(error) => return Err(bus_error(error)),
        }
    }
    unknown(connection, &of.consumer, &held).await
}

/// The positions of those that were neither handled nor buried.
async fn unknown(connection: &mut PgConnection, consumer: &str, held: &[Held]) -> Result<Vec<i64>> {
    let ids: Vec<Uuid> = held.iter().flat_map(|one| one.ids.clone()).collect();
    let known: Vec<Uuid> = sqlx::query_scalar(
        "SELECT event_id FROM inbox WHERE consumer = $1 AND event_id = ANY($2)
         UNION SELECT event_id FROM buried WHERE consumer = $1 AND event_id = ANY($2)",
    )
    .bind(consumer)
    .bind(ids)
    .fetch_all(connection)
    .await?;
    let known: HashSet<Uuid> = known.into_iter().collect();
    let unknown = held
        .iter()
        // Without an id nothing can be claimed; it was buried for that.
        .filter(|one| !one.ids.is_empty() && !one.ids.iter().any(|id| known.contains(id)));
    Ok(unknown.map(|one| one.position).collect())
}

/// Remembers that a consumer has given a message up, which is no loss.
pub(crate) async fn note_buried(database: &Database, consumer: &str, ids: &[Uuid]) -> Result<()> {
    let mut connection = database.outside_tenants().await?;
    sqlx::query(
        "INSERT INTO buried (consumer, event_id) SELECT $1, id FROM unnest($2::uuid[]) id ON CONFLICT DO NOTHING",
    )
    .bind(consumer)
    .bind(ids)
    .execute(&mut *connection)
    .await?;
    Ok(())
}

async fn compared(connection: &mut PgConnection, consumer: &str) -> Result<Option<Compared>> {
    Ok(
        sqlx::query_as("SELECT position, missing FROM reconciled WHERE consumer = $1")
            .bind(consumer)
            .fetch_optional(connection)
            .await?,
    )
}

/// Another replica may have compared more meanwhile, which stays.
async fn note(connection: &mut PgConnection, consumer: &str, found: &Compared) -> Result<()> {
    sqlx::query(
        "INSERT INTO reconciled (consumer, position, missing) VALUES ($1, $2, $3)
         ON CONFLICT (consumer) DO UPDATE SET position = excluded.position, missing = excluded.missing, checked_at = now()
         WHERE reconciled.position <= excluded.position",
    )
    .bind(consumer)
    .bind(found.position)
    .bind(&found.missing)
    .execute(connection)
    .await?;
    Ok(())
}

/// Compares every consumer of a service that claims its events, at once; for tests and operators in a hurry.
///
/// # Errors
/// Where NATS or Postgres is away.
pub async fn compare_now(
    database: &Database,
    bus: &Bus,
    consumer: &str,
    domain: &str,
    event_types: &[String],
) -> Result<()> {
    let subjects = event_types.iter();
    let subjects = subjects.map(|event| bus.subjects().event_of_all(event));
    let of = Claiming {
        consumer: consumer.to_owned(),
        domain: domain.to_owned(),
        subjects: subjects.collect(),
    };
    reconcile(database, bus, &of).await
}
