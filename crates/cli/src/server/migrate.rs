//! `valutai migrate`: roles, schemas, migrations, by an administrator's connection. Deliberately
//! apart from the services, whose roles may not do any of it.

use clap::Args;
use platform::{
    Service,
    config::Secret,
    error::chain,
    migrate::{Schema, migrate_at},
};

use super::stack::SERVICES;
use crate::{
    error::{Error, Result},
    output,
};

/// Options of `migrate`.
#[derive(Debug, Args)]
pub struct MigrateArgs {
    /// The database to migrate, as a user who may make roles and schemas
    #[arg(
        long,
        env = "VALUTAI_ADMIN_POSTGRES_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub postgres_url: String,
    /// Password to give to the services' login roles; their passwords stay as they are without it
    #[arg(
        long,
        env = "VALUTAI_APP_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    pub app_password: Option<String>,
}

/// Runs `migrate`.
///
/// # Errors
/// Where Postgres refuses.
pub async fn run(args: &MigrateArgs) -> Result<()> {
    let schemas: Vec<Schema> = SERVICES.iter().filter_map(Service::schema).collect();
    let password = args.app_password.clone().map(Secret::new);
    migrate_at(
        &Secret::new(&args.postgres_url),
        &schemas,
        password.as_ref(),
    )
    .await
    .map_err(|error| Error::Failed(chain(&error)))?;
    let names: Vec<&str> = schemas.iter().map(|schema| schema.name).collect();
    output::line(&format!("migrated: {}", names.join(", ")))
}
