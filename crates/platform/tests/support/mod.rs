//! A service for the platform's tests: it keeps notes, one for each event it hears. Deliberately
//! small: what is tested is what the platform promises.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part"
)]

use std::sync::atomic::{AtomicUsize, Ordering};

use platform::{
    Code, Coded, Kit, Service, TenantTx, Wiring,
    consumer::{Consumer, Delivered, Delivery, Failure},
};
use proto::training::{
    ModelFlagged, ModelPromoted, TrainingCancelled, TrainingFailed, TrainingProgressed,
};
use testkit::{TestResult, World};
use uuid::Uuid;

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("tests/migrations");

/// Keeps a note for every `TrainingFailed`, and fails on every `ModelPromoted` until it has tried
/// as often as its `reason` says.
pub const NOTES: Service = Service {
    name: "notes",
    migrations: Some(&MIGRATIONS),
    wire: |kit| {
        Box::pin(async move {
            Ok(Wiring::new()
                .consume(consumer(&kit))
                .consume(long_work(&kit))
                .consume(away(&kit))
                .consume(together(&kit)))
        })
    },
};

#[derive(Debug, thiserror::Error)]
#[error("not yet")]
struct NotYet;

impl Coded for NotYet {
    fn code(&self) -> Code {
        Code::Unavailable
    }
}

pub static ATTEMPTS: AtomicUsize = AtomicUsize::new(0);

/// What everybody needs is not there.
#[derive(Debug, thiserror::Error)]
#[error("away")]
struct Away;

impl Coded for Away {
    fn code(&self) -> Code {
        Code::Away
    }
}

/// Tries of `TrainingCancelled`, and how many of them are told that what they need is away.
pub static TRIES: AtomicUsize = AtomicUsize::new(0);
pub static AWAY_FOR: AtomicUsize = AtomicUsize::new(0);

/// Keeps a note for every `TrainingCancelled` whose delivery is the first.
fn away(kit: &Kit) -> Consumer {
    let database = kit.database();
    Consumer::new("notes-away", "training").on(
        move |delivery: Delivery, event: TrainingCancelled| {
            let database = database.clone();
            async move {
                if TRIES.fetch_add(1, Ordering::SeqCst) < AWAY_FOR.load(Ordering::SeqCst) {
                    return Err(Away.into());
                }
                assert_eq!(delivery.attempt, 1, "it was given back");
                note(&database, &delivery, &event.model_id).await
            }
        },
    )
}

fn consumer(kit: &Kit) -> Consumer {
    let (database, other) = (kit.database(), kit.database());
    Consumer::new("notes", "training")
        .claims_all("notes")
        .on(move |delivery: Delivery, event: TrainingFailed| {
            let database = database.clone();
            async move { note(&database, &delivery, &event.model_id).await }
        })
        .on(move |delivery: Delivery, event: ModelPromoted| {
            let database = other.clone();
            async move {
                ATTEMPTS.fetch_add(1, Ordering::SeqCst);
                let wanted: i64 = event.reason.parse().unwrap_or(1);
                if delivery.attempt < wanted {
                    return Err(NotYet.into());
                }
                note(&database, &delivery, &event.model_id).await
            }
        })
}

fn long_work(kit: &Kit) -> Consumer {
    let database = kit.database();
    Consumer::new("notes-long", "training")
        .one_per_replica()
        .on(move |delivery: Delivery, event: TrainingProgressed| {
            let database = database.clone();
            async move { note(&database, &delivery, &event.model_id).await }
        })
}

/// Keeps a note for every `ModelFlagged`, in one transaction those that came together; a model that is none is poison.
fn together(kit: &Kit) -> Consumer {
    let database = kit.database();
    Consumer::new("notes-together", "training")
        .together(100)
        .on_all(move |delivered: Delivered<ModelFlagged>| {
            let database = database.clone();
            async move {
                let Some((mut tx, events)) = database.begin_together(delivered).await? else {
                    return Ok(());
                };
                for event in &events {
                    let id = platform::page::parse_id("id", &event.model_id)?;
                    insert_note(&mut tx, id).await?;
                }
                Ok(tx.commit().await?)
            }
        })
}

async fn note(database: &platform::Database, delivery: &Delivery, id: &str) -> Result<(), Failure> {
    let opened = database
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    let id = platform::page::parse_id("id", id)?;
    insert_note(&mut tx, id).await?;
    tx.commit().await?;
    Ok(())
}

pub async fn insert_note(tx: &mut TenantTx, id: Uuid) -> platform::Result<()> {
    let tenant = tx.tenant();
    sqlx::query("INSERT INTO note (tenant_id, id) VALUES ($1, $2)")
        .bind(tenant)
        .bind(id)
        .execute(tx.connection())
        .await?;
    Ok(())
}

pub async fn count_notes(tx: &mut TenantTx) -> TestResult<i64> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM note")
        .fetch_one(tx.connection())
        .await?)
}

pub fn failed(id: Uuid) -> TrainingFailed {
    TrainingFailed {
        model_id: id.to_string(),
        problem: String::new(),
    }
}

pub fn flagged(model_id: &str) -> ModelFlagged {
    ModelFlagged {
        model_id: model_id.to_owned(),
        ..ModelFlagged::default()
    }
}

/// A connection beside the platform's, with all rights.
pub async fn connect(world: &World) -> TestResult<async_nats::Client> {
    let address: async_nats::ServerAddr = world.launch.nats_url.expose().parse()?;
    let (user, password) = (address.username(), address.password());
    let connected = async_nats::ConnectOptions::with_user_and_password(
        user.unwrap_or_default().to_owned(),
        password.unwrap_or_default().to_owned(),
    )
    .connect(address.clone());
    Ok(connected.await?)
}
