//! The ingestion service: quote histories, their upload, mapping, validation and storage.
//!
//! Layout: [`domain`] has the rules and the way between files, rows and the contract, `commands` the
//! units of work, `events` what it reacts to, `jobs` the work itself, `rpc` the calls it answers,
//! `store` the SQL. Deliberately not here: what cells mean, which is `tabular`, and taking the bytes
//! of an upload, which is the gateway's.

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
    name: "ingestion",
    migrations: Some(&MIGRATIONS),
    wire: |kit| Box::pin(wire(kit)),
};

#[expect(
    clippy::unused_async,
    reason = "every service is wired by the same signature"
)]
async fn wire(kit: Kit) -> platform::Result<Wiring> {
    let commands = commands::Commands::new(&kit);
    Ok(Wiring::new()
        .consume(events::consumer(&kit))
        .task("sweep of blobs", jobs::sweep(kit.clone()))
        .rpc(proto::ingestion::ingestion_nats::Server(rpc::Rpc::new(
            commands,
        ))))
}
