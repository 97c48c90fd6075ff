//! The training service: learns models from datasets, keeps their scores, and knows which of them
//! answers by default.
//!
//! Layout: [`domain`] has the rules and the way between the contract and the learning core,
//! `commands` the units of work, `events` what it reacts to, `jobs` the training itself, `rpc` the
//! calls it answers, `store` the SQL. Deliberately not here: learning, which is `ml`, and predicting,
//! which is a service of its own.

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
    name: "training",
    migrations: Some(&MIGRATIONS),
    wire: |kit| Box::pin(wire(kit)),
};

async fn wire(kit: Kit) -> platform::Result<Wiring> {
    let commands = commands::Commands::new(&kit);
    let running = jobs::Running::default();
    Ok(Wiring::new()
        .task("cancellations", running.hear(&kit).await?)
        .consume(events::consumer(&kit))
        .consume(events::own_consumer(&kit))
        .consume(jobs::consumer(&kit, &running))
        .rpc(proto::training::training_nats::Server(rpc::Rpc::new(
            commands,
        ))))
}
