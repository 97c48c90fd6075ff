//! `valutai serve`: one service, as its own program would run. Deliberately without options: a
//! deployed service is configured by its environment.

use clap::{Args, builder::PossibleValuesParser};
use platform::{config::TelemetryConfig, error::chain, service, telemetry};

use super::stack::SERVICES;
use crate::error::{Error, Result};

/// Options of `serve`.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The service to run
    #[arg(value_name = "SERVICE", value_parser = PossibleValuesParser::new(SERVICES.map(|service| service.name)))]
    pub service: String,
}

/// Runs `serve`.
///
/// # Errors
/// Where a setting is missing or the service does not start.
pub async fn run(args: &ServeArgs) -> Result<()> {
    let telemetry = telemetry::init(&TelemetryConfig::from_env("info")).map_err(Error::Misuse)?;
    let service = SERVICES
        .into_iter()
        .find(|service| service.name == args.service)
        .ok_or_else(|| Error::Misuse(format!("there is no service {}", args.service)))?;
    let outcome = service::run(service).await;
    tokio::task::spawn_blocking(|| telemetry.shutdown())
        .await
        .map_err(|error| Error::Failed(error.to_string()))?;
    outcome.map_err(|error| Error::Failed(chain(&error)))
}
