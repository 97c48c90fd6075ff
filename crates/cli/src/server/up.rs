//! `valutai up`: the whole system until a signal ends it. Deliberately no fork into the background:
//! that is a service manager's.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;
use platform::{
    config::TelemetryConfig,
    shutdown::{self, Shutdown},
    telemetry,
};

use super::stack::{ServerArgs, Stack};
use crate::error::{Error, Result};

/// Options of `up`.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Folder of all data [default: /var/lib/valutai for root, else ~/.local/share/valutai]
    #[arg(long, env = "VALUTAI_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Address of the gateway
    #[arg(
        long,
        env = "VALUTAI_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:50051"
    )]
    pub listen: SocketAddr,
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
    /// The user's home, for the default folder.
    #[arg(long, hide = true, env = "HOME")]
    pub home: Option<PathBuf>,
}

/// Runs `up`.
///
/// # Errors
/// Where something cannot be started.
pub async fn run(args: UpArgs) -> Result<()> {
    let telemetry = telemetry::init(&TelemetryConfig::from_env("info")).map_err(Error::Misuse)?;
    let shutdown = Shutdown::new();
    shutdown::on_signals(&shutdown)
        .map_err(|error| Error::Failed(format!("signals cannot be handled: {error}")))?;
    let data_dir = data_dir(&args)?;
    eprintln!("data folder: {}", data_dir.display());
    let stack = Stack::start(&args.servers, &data_dir, args.listen, true, |line| {
        eprintln!("{line}");
    })
    .await?;
    eprintln!("ready at {} (stop with Ctrl-C)", stack.endpoint);
    shutdown.cancelled().await;
    eprintln!("stopping");
    let stopped = stack.stop().await;
    tokio::task::spawn_blocking(|| telemetry.shutdown())
        .await
        .map_err(|error| Error::Failed(error.to_string()))?;
    stopped
}

fn data_dir(args: &UpArgs) -> Result<PathBuf> {
    if let Some(dir) = &args.data_dir {
        return std::path::absolute(dir).map_err(Error::file(dir.clone()));
    }
    let home = args.home.clone().ok_or_else(|| {
        Error::Misuse("there is no home folder: name a folder with --data-dir".to_owned())
    })?;
    // Postgres runs as another user there, who cannot pass through root's own home.
    if home == std::path::Path::new("/root") {
        return Ok(PathBuf::from("/var/lib/valutai"));
    }
    Ok(home.join(".local/share/valutai"))
}
