//! The auth service: accounts, sessions, members of an organisation, the tenant's data key, and the
//! audit trail.
//!
//! Layout: [`domain`] has the rules, `commands` the units of work, `events` what it reacts to, `rpc`
//! the calls it answers, `store` the SQL. Deliberately not here: who may call what, which stands
//! beside each method in the contract.

mod commands;
pub mod domain;
mod error;
mod events;
mod rpc;
mod store;

pub use error::Error;

use platform::{Kit, Service, Wiring};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service.
pub const SERVICE: Service = Service {
    name: "auth",
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
        .rpc(proto::auth::auth_nats::Server(rpc::Rpc::new(commands))))
}
