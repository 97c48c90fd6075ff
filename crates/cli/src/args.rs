//! The tree of commands and the options that all of them share. Deliberately no behaviour: each
//! command's options stand beside the code that obeys them.

use std::{ffi::OsString, fmt, path::Path, str::FromStr, time::Duration};

use clap::{Args, Parser, Subcommand};

use crate::{
    bench::BenchCommand, client::ClientCommand, output::Format, sample::command::SampleArgs,
    score::ScoreArgs, server::ServerCommand,
};

/// Where a gateway listens unless told otherwise.
pub const DEFAULT_ENDPOINT: &str = "http://127.0.0.1:50051";
/// Longest a single request may take unless told otherwise.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "valutai",
    version,
    about = "Predicts which sales quotes will be won",
    long_about = "ValutAI learns from a history of quotes which ones are won, and says for a new \
        quote how likely a win is, how sure that is, and what speaks for and against it.",
    after_help = "Exit codes: 0 done, 1 refused or failed, 2 misused. Data goes to the standard \
        output, everything else to the standard error.",
    propagate_version = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// What every command understands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// A command that runs the system.
    #[command(flatten)]
    Server(ServerCommand),
    /// A command that talks to a gateway.
    #[command(flatten)]
    Client(ClientCommand),
    /// Write a generated quote history whose truth is known
    Sample(SampleArgs),
    /// Predict all quotes of a CSV file with an exported model, without a server
    Score(ScoreArgs),
    /// Measure the system on this machine
    #[command(subcommand)]
    Bench(BenchCommand),
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// How to print replies: a table for people, or the reply as protobuf JSON
    #[arg(
        short = 'o',
        long = "output",
        global = true,
        value_enum,
        default_value = "table"
    )]
    pub output: Format,

    /// Address of the gateway
    #[arg(
        long,
        global = true,
        env = "VALUTAI_ENDPOINT",
        value_name = "URL",
        default_value = DEFAULT_ENDPOINT
    )]
    pub endpoint: String,

    /// File with the certificates of the authorities that the gateway's is judged by, instead of the system's
    #[arg(long, global = true, env = "VALUTAI_CA_FILE", value_name = "FILE")]
    pub ca: Option<OsString>,

    /// Session token; better given by the environment, because other users can read a command line
    #[arg(
        long,
        global = true,
        env = "VALUTAI_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    pub token: Option<Secret>,

    /// Longest a single request may take, in seconds; uploads and streams are not limited
    #[arg(
        long,
        global = true,
        env = "VALUTAI_TIMEOUT",
        value_name = "SECONDS",
        default_value = "60",
        value_parser = clap::value_parser!(u64).range(1..=3600)
    )]
    pub timeout: u64,

    /// Folder of the stored session tokens [default: ~/.config/valutai]
    #[arg(long, global = true, env = "VALUTAI_CONFIG_DIR", value_name = "DIR")]
    pub config_dir: Option<OsString>,

    /// The platform's folder of configurations, in which ours is made.
    // Not a path for clap, which refuses empty ones, and an empty variable means an unset one.
    #[arg(long, global = true, hide = true, env = PLATFORM_CONFIG)]
    pub platform_config_dir: Option<OsString>,
}

#[cfg(windows)]
const PLATFORM_CONFIG: &str = "APPDATA";
#[cfg(not(windows))]
const PLATFORM_CONFIG: &str = "XDG_CONFIG_HOME";

impl Global {
    /// File with the certificates of the authorities that are trusted; `None` for those of the system.
    #[must_use]
    pub fn ca(&self) -> Option<&Path> {
        self.ca
            .as_deref()
            .filter(|path| !path.is_empty())
            .map(Path::new)
    }

    /// Longest a single request may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A text as it is, spaces included.
    #[must_use]
    pub fn verbatim(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.trim().to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Which page of a list to show.
#[derive(Debug, Clone, Args)]
pub struct PageArgs {
    /// Entries wanted
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    pub page_size: u32,
    /// Token of the page, as the page before gave it
    #[arg(long, value_name = "TOKEN", default_value = "")]
    pub page_token: String,
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
