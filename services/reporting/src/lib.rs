//! The reporting service: reports built from events alone.
//!
//! Layout: [`domain`] makes a report of facts, [`page`] draws it, `events` keeps what the events
//! tell, `commands` has the units of work, `rpc` the calls, `jobs` what is scheduled, `store` the SQL. Deliberately not here:
//! any figure that did not come by an event.

mod commands;
pub mod domain;
mod error;
mod events;
mod jobs;
pub mod page;
mod rpc;
mod store;

pub use error::Error;

use platform::{Kit, Service, Wiring};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service.
pub const SERVICE: Service = Service {
    name: "reporting",
    migrations: Some(&MIGRATIONS),
    wire: |kit| Box::pin(wire(kit)),
};

#[expect(
    clippy::unused_async,
    reason = "every service is wired by the same signature"
)]
async fn wire(kit: Kit) -> platform::Result<Wiring> {
    let commands = commands::Commands::new(&kit);
    let wiring = events::consumers(&kit)
        .into_iter()
        .fold(Wiring::new(), Wiring::consume);
    Ok(wiring
        .task(
            "schedules",
            jobs::run_schedules(kit.clone(), commands.clone()),
        )
        .task("mail", jobs::post_reports(kit.clone(), commands.clone()))
        .task("mailed files", jobs::keep_deliveries(kit, commands.clone()))
        .rpc(proto::reporting::reporting_nats::Server(rpc::Rpc::new(
            commands,
        ))))
}
