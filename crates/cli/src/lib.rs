//! The `valutai` command line as a library, so that the launcher and tests can reuse its pieces.
//!
//! Layout: [`args`] is the tree of commands; [`client`] talks to a gateway; [`output`], [`table`],
//! [`text`] and [`progress`] show what came back; [`sample`] makes a quote history with known
//! truth; [`score`] predicts without a server; [`server`] runs the system; [`bench`] measures it;
//! [`error`] decides sentences and exit codes. Deliberately not here: any rule of the product, which
//! stands behind the gateway.

use std::process::ExitCode;

use clap::Parser;

pub mod args;
pub mod bench;
pub mod client;
pub mod error;
pub mod files;
pub mod output;
pub mod progress;
pub mod sample;
pub mod score;
pub mod server;
pub mod table;
pub mod text;

pub use error::{Error, Result};

use args::{Cli, Command};

/// Parses the command line, runs the command, tells what went wrong, and answers the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Failed(format!("the runtime cannot start: {error}")))
        .and_then(|runtime| runtime.block_on(run(cli)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is_silent() {
                eprintln!("error: {error}");
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// Runs one command.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Client(command) => client::run(command, cli.global).await,
        Command::Server(command) => server::run(command, &cli.global).await,
        Command::Sample(args) => sample::command::run(&args),
        Command::Score(args) => score::run(&args, &cli.global),
        Command::Bench(command) => bench::run(command, &cli.global).await,
    }
}
