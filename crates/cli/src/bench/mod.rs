//! `valutai bench`: measures the system on this machine, beside something that it can be compared
//! with, in one run. Deliberately no thresholds: it prints figures and judges none.

use clap::Subcommand;

use crate::{args::Global, error::Result};

pub mod auth;
pub mod cluster;
pub mod figures;
pub mod history;
pub mod idle;
pub mod import;
pub mod loss;
pub mod predict;
pub mod process;
pub mod psql;
pub mod quotes;
pub mod restarts;
pub mod store;
pub mod system;

/// Commands of `valutai bench`.
#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Time an import, from the first byte sent to the event `DatasetImported`, beside \copy of the
    /// same rows by psql into an identical table of the same Postgres
    Import(Box<import::ImportBench>),
    /// Time the pages of `quotes list` on a large dataset, for every filter and order
    Quotes(Box<quotes::QuotesBench>),
    /// Time predictions, one by one and in bulk, beside a bare echo called by the same client
    Predict(Box<predict::PredictBench>),
    /// Time authenticated calls beside the same calls without a token, sign-ins, and how long an ended session is served
    Auth(Box<auth::AuthBench>),
    /// Kill services and servers while predictions are asked for, and look whether anything is lost
    Loss(Box<loss::LossBench>),
    /// Replace every replica of every service in turn under a mixed load, and look whether a call failed or anything is lost
    Restarts(Box<restarts::RestartsBench>),
    /// Measure memory and processor time of each service when nobody calls
    Idle(Box<idle::IdleBench>),
    /// Kill each process of a cluster in turn under a mixed load: how long nobody was answered, and whether anything is lost
    Cluster(Box<cluster::ClusterBench>),
}

/// Runs a command.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: BenchCommand, global: &Global) -> Result<()> {
    match command {
        BenchCommand::Import(args) => import::run(*args, global.output).await,
        BenchCommand::Quotes(args) => quotes::run(*args, global.output).await,
        BenchCommand::Predict(args) => predict::run(*args, global.output).await,
        BenchCommand::Auth(args) => auth::run(*args, global.output).await,
        BenchCommand::Loss(args) => loss::run(*args, global.output).await,
        BenchCommand::Restarts(args) => restarts::run(*args, global.output).await,
        BenchCommand::Idle(args) => idle::run(*args, global.output).await,
        BenchCommand::Cluster(args) => cluster::run(*args, global.output).await,
    }
}
