//! The auth service: accounts, sessions, API keys, members of an organisation, the tenant's data key,
//! and the audit trail.
//!
//! Layout: [`domain`] has the rules, `commands` the units of work, `events` what it reacts to, `rpc`
//! the calls it answers, `jobs` the mail, the end of organisations and programs outside, `store` the SQL. Deliberately not here: who may call what, which stands
//! beside each method in the contract.

mod commands;
pub mod domain;
mod error;
mod events;
mod jobs;
mod rpc;
mod store;

pub use error::Error;
pub use store::count_sealed;

use std::sync::Arc;

use platform::{Kit, Service, Wiring, dead::watch::keep_counting};

static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!();

/// The service.
pub const SERVICE: Service = Service {
    name: "auth",
    migrations: Some(&MIGRATIONS),
    wire: |kit| Box::pin(wire(kit)),
};

async fn wire(kit: Kit) -> platform::Result<Wiring> {
    let bells = Arc::new(commands::Bells::default());
    let commands = commands::Commands::new(&kit, Arc::clone(&bells))
        .await
        .map_err(refused)?;
    commands.seal_addresses().await.map_err(refused)?;
    jobs::ensure_partitions(&kit).await.map_err(refused)?;
    let ending = jobs::end_organizations(commands.clone(), Arc::clone(&bells), kit.clone());
    let mut wiring = Wiring::new()
        .consume(events::consumer(&kit, &commands))
        .task("endings", ending)
        .task(
            "dead letters",
            keep_counting(kit.database(), kit.bus.clone(), kit.shutdown.clone()),
        )
        .task("rewrapping", jobs::rewrap(commands.clone(), kit.clone()))
        .task("partitions", jobs::keep_partitions(kit.clone()));
    if !kit.config.accounts.providers.is_empty() {
        let refreshing = jobs::refresh_provider_tokens(commands.clone(), kit.clone());
        wiring = wiring.task("provider tokens", refreshing);
    }
    if let Some(outside) = kit.config.outside.clone() {
        kit.bus.ensure_stream(domain::streams::DOMAIN).await?;
        let admitting = jobs::admit_outside(commands.clone(), outside, &kit).await?;
        wiring = wiring
            .task("admitting", admitting)
            .task("readers", jobs::keep_readers(commands.clone(), kit.clone()));
    }
    match jobs::Post::new(&kit, commands.clone()).map_err(refused)? {
        Some(post) => wiring = wiring.task("mail", jobs::send_mail(post, bells, kit.clone())),
        None => {
            tracing::warn!("VALUTAI_MAIL is not set: nobody can be invited or set a new password")
        }
    }
    let operators = rpc::OperatorRpc::new(&kit);
    Ok(wiring
        .rpc(proto::auth::auth_nats::Server(rpc::Rpc::new(commands)))
        .rpc(proto::auth::operator_nats::Server(operators)))
}

/// A setting that auth cannot start with.
fn refused(error: Error) -> platform::Error {
    match error {
        Error::Platform(error) => error,
        other => platform::Error::Setting(other.to_string()),
    }
}
