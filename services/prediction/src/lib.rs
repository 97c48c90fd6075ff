//! The prediction service: answers how likely new quotes are won, and keeps every answer.
//!
//! Layout: [`domain`] has the rules of fields, ids and answers, `commands` the units of work and the
//! models in memory, `events` what it reacts to, `jobs` the partitions made ahead, `rpc` the calls it
//! answers, `store` the SQL. Deliberately not here: learning, and the streams, which the gateway
//! makes of these calls and of the events.

mod commands;
pub mod domain;
mod error;
mod events;
mod jobs;
mod rpc;
mod store;

pub use error::Error;

use platform::{Kit, Service, Wiring};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service.
pub const SERVICE: Service = Service {
    name: "prediction",
    migrations: Some(&MIGRATIONS),
    wire: |kit| Box::pin(wire(kit)),
};

async fn wire(kit: Kit) -> platform::Result<Wiring> {
    jobs::ensure_partitions(&kit).await?;
    let commands = commands::Commands::new(&kit);
    let webhooks = commands::Webhooks::new(&kit)?;
    let warming = events::keep_warm(&kit, &commands).await?;
    Ok(Wiring::new()
        .consume(events::consumer(&kit, &commands))
        .consume(events::shadow_consumer(&commands))
        .consume(events::decided_consumer(&commands))
        .consume(events::webhook_consumer(&webhooks))
        .consume(events::promotion_consumer(&webhooks))
        .task("warming", warming)
        .task("webhooks", webhooks.clone().keep_delivering())
        .task(
            "deliveries",
            jobs::keep_deliveries(kit.clone(), webhooks.clone()),
        )
        .task("retention", jobs::keep_retention(kit.clone(), &commands))
        .task("partitions", jobs::keep_partitions(kit))
        .rpc(proto::prediction::webhook_nats::Server(
            rpc::WebhookRpc::new(webhooks),
        ))
        .rpc(proto::prediction::prediction_nats::Server(rpc::Rpc::new(
            commands,
        ))))
}
