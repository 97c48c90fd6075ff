//! `valutai bench loss`: predictions are asked for while prediction service, gateway, nats-server and
//! Postgres are killed at random and started again. Afterwards every acknowledged prediction has to be in
//! the ledger exactly once, and its event with a subscriber that drops what it has seen by `ce-id`.

use std::{
    io::{self, Write},
    path::PathBuf,
    time::Instant,
};

use clap::Args;
use platform::config::TelemetryConfig;
use serde::Serialize;

use self::rig::Rig;
use super::{
    figures::{Machine, print},
    system::LOG,
};
use crate::{
    error::{Error, Result},
    output::Format,
    server::stack::ServerArgs,
};

pub mod check;
pub mod load;
pub mod rig;

/// Options of `bench loss`.
#[derive(Debug, Args)]
pub struct LossBench {
    /// Times that it is done
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub runs: u32,
    /// Predictions of each run
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(10..=10_000_000))]
    pub predictions: u32,
    /// Callers at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub callers: u32,
    /// Longest time between two kills, in milliseconds; each is drawn below it
    #[arg(long, value_name = "MS", default_value_t = 2000, value_parser = clap::value_parser!(u64).range(100..=600_000))]
    pub kill_within: u64,
    /// Most kills of a run [default: as many as there is time for]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(4..))]
    pub kills: Option<u32>,
    /// Drives every draw
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// What one run is to be.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    /// Number of the run, which names its quotes.
    pub run: u32,
    /// Predictions.
    pub predictions: u32,
    /// Callers at once.
    pub callers: u32,
    /// Longest time between two kills, in milliseconds.
    pub kill_within_ms: u64,
    /// Most kills, at least four.
    pub most_kills: u32,
    /// Drives every draw.
    pub seed: u64,
}

/// Kills with signal 9, by what was killed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Kills {
    /// The prediction service.
    pub prediction: u32,
    /// The gateway.
    pub gateway: u32,
    /// nats-server.
    pub nats: u32,
    /// Postgres.
    pub postgres: u32,
}

/// What one run found.
#[derive(Debug, Serialize)]
pub struct LossRun {
    /// Predictions that were acknowledged.
    pub acknowledged: usize,
    /// Calls that took, those among them that failed and were made again with the same key.
    pub calls: usize,
    /// What was killed.
    pub kills: Kills,
    /// Seconds until the last acknowledgement.
    pub seconds: f64,
    /// Rows of the run in the ledger.
    pub ledger_rows: usize,
    /// Acknowledged predictions that are not in the ledger.
    pub missing_rows: usize,
    /// Rows that nobody got as an answer.
    pub extra_rows: usize,
    /// Different events that the subscriber received, by `ce-id`.
    pub events: usize,
    /// Events that came more than once and were dropped by `ce-id`.
    pub repeated_events: usize,
    /// Acknowledged predictions without an event.
    pub missing_events: usize,
    /// Events beyond one for each row.
    pub extra_events: usize,
}

impl LossRun {
    /// Whether each acknowledged prediction is there exactly once, and nothing else.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        [
            self.missing_rows,
            self.extra_rows,
            self.missing_events,
            self.extra_events,
        ]
        .iter()
        .all(|count| *count == 0)
    }
}

/// What `bench loss` found.
#[derive(Debug, Serialize)]
pub struct LossFigures {
    /// Where.
    pub machine: Machine,
    /// Whether every run was exact.
    pub exact: bool,
    /// In the order of time.
    pub runs: Vec<LossRun>,
}

impl LossFigures {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.machine.write(out)?;
        for (number, run) in self.runs.iter().enumerate() {
            let kills = run.kills;
            writeln!(
                out,
                "\nrun {}: {} acknowledged in {:.1} s by {} calls",
                number + 1,
                run.acknowledged,
                run.seconds,
                run.calls
            )?;
            writeln!(
                out,
                "  killed: prediction {}, gateway {}, nats-server {}, Postgres {}",
                kills.prediction, kills.gateway, kills.nats, kills.postgres
            )?;
            writeln!(
                out,
                "  ledger: {} rows, {} missing, {} extra; events: {}, {} missing, {} extra, {} repeated and dropped",
                run.ledger_rows,
                run.missing_rows,
                run.extra_rows,
                run.events,
                run.missing_events,
                run.extra_events,
                run.repeated_events
            )?;
        }
        let verdict = match self.exact {
            true => "nothing lost, nothing twice",
            false => "NOT EXACT",
        };
        writeln!(out, "\n{verdict}")
    }
}

/// Runs `bench loss`.
///
/// # Errors
/// Where a step fails, or a run was not exact; everything is stopped all the same.
pub async fn run(args: LossBench, format: Format) -> Result<()> {
    let telemetry = platform::telemetry::init(&TelemetryConfig::from_env(LOG));
    let telemetry = telemetry.map_err(Error::Misuse)?;
    let machine = Machine::look();
    let program = std::env::current_exe().map_err(Error::file("this program"))?;
    let mut runs = Vec::new();
    let mut rig = Rig::start(&args.servers, program, |text| eprintln!("{text}")).await?;
    let outcome = async {
        for run in 1..=args.runs {
            let plan = Plan {
                run,
                predictions: args.predictions,
                callers: args.callers,
                kill_within_ms: args.kill_within,
                most_kills: args.kills.unwrap_or(u32::MAX),
                seed: args.seed + u64::from(run),
            };
            let found = run_once(&mut rig, plan).await?;
            // A long series may be broken off, and each run stands for itself.
            let figures = serde_json::to_string(&found);
            let figures = figures.map_err(|error| Error::Failed(error.to_string()))?;
            eprintln!("run {run} of {}: {figures}", args.runs);
            runs.push(found);
        }
        Ok::<(), Error>(())
    }
    .await;
    let stopped = rig.stop().await;
    tokio::task::spawn_blocking(|| telemetry.shutdown())
        .await
        .map_err(|error| Error::Failed(error.to_string()))?;
    outcome?;
    stopped?;
    let figures = LossFigures {
        machine: machine.until_now(),
        exact: runs.iter().all(LossRun::is_exact),
        runs,
    };
    print(format, &figures, |out| figures.write(out))?;
    match figures.exact {
        true => Ok(()),
        false => Err(Error::Failed(
            "predictions or events were lost, or came twice".to_owned(),
        )),
    }
}

/// Asks, kills meanwhile, and looks what is there afterwards.
///
/// # Errors
/// Where the system does not come back, or refuses a call for good.
pub async fn run_once(rig: &mut Rig, plan: Plan) -> Result<LossRun> {
    let subscriber = check::Subscriber::start(rig.bus(), rig.tenant).await?;
    let start = Instant::now();
    let load = load::start(&rig.connection, plan);
    let kills = rig.kill_until(load.done(), plan).await?;
    let answered = load.finish().await?;
    let seconds = start.elapsed().as_secs_f64();
    rig.settle().await?;
    // Behind this one's event the stream holds nothing more of the run.
    let last = load::last(&rig.connection, plan).await?;
    let heard = subscriber.until(&last).await?;
    let mut store = rig.store().await?;
    let rows = store.prediction_ids(&load::prefix(plan)).await?;
    Ok(check::compare(&answered, &rows, &heard, kills, seconds))
}

/// A folder for one rig.
fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("valutai_loss_{}", uuid::Uuid::now_v7().simple()))
}
