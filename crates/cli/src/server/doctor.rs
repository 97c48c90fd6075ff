//! `valutai doctor`: what is missing or misconfigured on this machine, or in a running system, and how to mend it.
//! Deliberately changes nothing, but for a file that it writes to the blobs and removes.

pub mod finding;
mod nats;
mod parts;
mod postgres;
pub mod system;

use std::path::PathBuf;

use clap::Args;
use localservers::inspect;
use platform::Config;

use self::finding::{Finding, Level};
use super::stack::ServerArgs;
use crate::{
    args::Global,
    error::{Error, Result},
    output::{self, Format},
};

/// Options of `doctor`.
#[derive(Debug, Default, Args)]
pub struct DoctorArgs {
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
    /// Also check the settings that `valutai serve` reads from the environment
    #[arg(long)]
    pub serve: bool,
    /// Look at a running system instead of this machine, by the settings that its services have in their environment
    #[arg(long, conflicts_with = "serve")]
    pub system: bool,
    /// NATS with an operator's credentials, who sees every stream [default: VALUTAI_NATS_URL, which sees some]
    #[arg(
        long,
        env = "VALUTAI_OPERATOR_NATS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub operator_nats_url: Option<String>,
    /// Monitoring page of a nats-server, such as http://nats:8222; of a cluster each
    #[arg(long, value_name = "URL")]
    pub nats_monitor: Vec<String>,
    /// Health service of a replica, such as auth=auth:8081
    #[arg(long, value_name = "NAME=ADDRESS")]
    pub health: Vec<String>,
    /// Folder of encrypted blobs
    #[arg(long, env = "VALUTAI_BLOB_DIR", value_name = "DIR")]
    pub blob_dir: Option<PathBuf>,
}

/// Runs `doctor`.
///
/// # Errors
/// Where something has to be mended.
pub async fn run(args: &DoctorArgs, global: &Global) -> Result<()> {
    let findings = match args.system {
        true => system::examine(Config::from_env(), args, global).await,
        false => {
            let mut findings: Vec<Finding> = inspect(&args.servers.options())
                .into_iter()
                .map(Finding::from)
                .collect();
            if args.serve {
                findings.push(settings(&Config::from_env()));
            }
            findings
        }
    };
    match global.output {
        Format::Json => output::line(&finding::as_json(&findings))?,
        Format::Table => output::print(|out| findings.iter().try_for_each(|one| one.write(out)))?,
    }
    let faults = findings
        .iter()
        .filter(|finding| finding.level == Level::Fault);
    match faults.count() {
        0 => Ok(()),
        faults => Err(Error::Failed(format!(
            "{faults} of {} checks found something to mend",
            findings.len()
        ))),
    }
}

/// Whether everything is set that a service reads.
fn settings<E: std::fmt::Display>(config: &Result<Config, E>) -> Finding {
    const WHAT: &str = "settings for `valutai serve`";
    match config {
        Ok(config) => Finding::ok(WHAT, format!("complete: {config:?}")),
        Err(error) => Finding::fault(
            WHAT,
            error.to_string(),
            "set it for the service and run this again",
        ),
    }
}
