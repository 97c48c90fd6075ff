//! `valutai bench restarts`: every replica of every service is replaced in turn, as a rolling update does it, while
//! people and programs work. Afterwards no call has failed that was made again as gRPC allows, and every prediction
//! and its event are there exactly once. Deliberately no kill: see `bench loss`.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use clap::Args;
use platform::config::TelemetryConfig;
use serde::Serialize;

use self::{
    fleet::{Fleet, Replaced},
    load::Load,
};
use super::{
    figures::{Machine, print},
    loss::{Kills, LossRun, check},
    system::LOG,
};
use crate::{
    error::{Error, Result},
    output::Format,
    server::stack::ServerArgs,
};

pub mod fleet;
pub mod load;

/// Options of `bench restarts`.
#[derive(Debug, Args)]
pub struct RestartsBench {
    /// Seconds under load
    #[arg(long, value_name = "S", default_value_t = 300, value_parser = clap::value_parser!(u64).range(10..=86_400))]
    pub seconds: u64,
    /// Callers at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub callers: u32,
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// Calls of one kind.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Calls {
    /// What was asked for.
    pub kind: &'static str,
    /// Calls with an answer.
    pub answered: usize,
    /// Times that one was made again after UNAVAILABLE.
    pub repeated: usize,
    /// Calls that were refused, or unavailable five times, with the first reason.
    pub failed: usize,
    /// The first reason.
    pub first_failure: Option<String>,
    /// Longest time until an answer, repetitions included, in milliseconds.
    pub slowest_ms: f64,
}

/// What `bench restarts` found.
#[derive(Debug, Serialize)]
pub struct RestartsFigures {
    /// Where.
    pub machine: Machine,
    /// What.
    #[serde(flatten)]
    pub run: Run,
}

/// What became of the calls while replicas were replaced.
#[derive(Debug, Serialize)]
pub struct Run {
    /// Seconds under load.
    pub seconds: f64,
    /// Replicas that were replaced, in the order of time.
    pub replaced: Vec<Replaced>,
    /// Calls by kind.
    pub calls: Vec<Calls>,
    /// Calls that failed.
    pub failed_calls: usize,
    /// Predictions, their rows and their events.
    pub predictions: LossRun,
}

/// Runs `bench restarts`.
///
/// # Errors
/// Where a step fails, a call failed, or something was lost or doubled; everything is stopped all the same.
pub async fn run(args: RestartsBench, format: Format) -> Result<()> {
    let telemetry = platform::telemetry::init(&TelemetryConfig::from_env(LOG));
    let telemetry = telemetry.map_err(Error::Misuse)?;
    let mut fleet = Fleet::start(&args.servers, 1, |text| eprintln!("{text}")).await?;
    let measured = measure(&args, &mut fleet).await;
    let stopped = fleet.stop().await;
    tokio::task::spawn_blocking(|| telemetry.shutdown())
        .await
        .map_err(|error| Error::Failed(error.to_string()))?;
    let figures = measured?;
    stopped?;
    print(format, &figures, |out| figures.write(out))?;
    match figures.run.failed_calls == 0 && figures.run.predictions.is_exact() {
        true => Ok(()),
        false => Err(Error::Failed(
            "calls failed, or predictions or events were lost or came twice".to_owned(),
        )),
    }
}

async fn measure(args: &RestartsBench, fleet: &mut Fleet) -> Result<RestartsFigures> {
    let machine = Machine::look();
    let end = Instant::now() + Duration::from_secs(args.seconds);
    let replace = async |fleet: &mut Fleet, _: &Load| fleet.replace_until(end).await;
    let run = run_once(fleet, args.callers, replace).await?;
    Ok(RestartsFigures {
        machine: machine.until_now(),
        run,
    })
}

/// Has callers work while replicas are replaced, and looks what became of their calls.
///
/// # Errors
/// Where a step fails; not where a call did.
pub async fn run_once(
    fleet: &mut Fleet,
    callers: u32,
    replace: impl AsyncFnOnce(&mut Fleet, &Load) -> Result<Vec<Replaced>>,
) -> Result<Run> {
    let subscriber = check::Subscriber::start(fleet.bus(), fleet.tenant).await?;
    let start = Instant::now();
    let load = load::start(&fleet.connections, &fleet.dataset, callers);
    let replaced = replace(fleet, &load).await?;
    let load::Done {
        calls, answered, ..
    } = load.finish().await?;
    let seconds = start.elapsed().as_secs_f64();
    let mut store = fleet.store().await?;
    fleet.settle(&mut store).await?;
    let last = load::last(&fleet.connections).await?;
    let heard = subscriber.until(&last).await?;
    let rows = store.prediction_ids(load::PREFIX).await?;
    Ok(Run {
        seconds,
        replaced,
        failed_calls: calls.iter().map(|calls| calls.failed).sum(),
        calls,
        predictions: check::compare(&answered, &rows, &heard, Kills::default(), seconds),
    })
}

impl RestartsFigures {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.machine.write(out)?;
        writeln!(
            out,
            "\n{:<24} {:>9} {:>9} {:>7} {:>11}",
            "calls", "answered", "repeated", "failed", "slowest ms"
        )?;
        for calls in &self.run.calls {
            writeln!(
                out,
                "{:<24} {:>9} {:>9} {:>7} {:>11.0}",
                calls.kind, calls.answered, calls.repeated, calls.failed, calls.slowest_ms
            )?;
            if let Some(reason) = &calls.first_failure {
                writeln!(out, "  the first that failed: {reason}")?;
            }
        }
        writeln!(
            out,
            "\n{} replicas replaced in {:.0} s",
            self.run.replaced.len(),
            self.run.seconds
        )?;
        for replaced in &self.run.replaced {
            writeln!(
                out,
                "  {:<12} new one ready after {:>6.0} ms, old one gone after {:>6.0} ms, exit {}",
                replaced.service, replaced.ready_ms, replaced.drained_ms, replaced.exit_code
            )?;
        }
        let run = &self.run.predictions;
        writeln!(
            out,
            "\npredictions: {} acknowledged, {} rows, {} missing, {} extra; events: {}, {} missing, {} extra, {} repeated and dropped",
            run.acknowledged,
            run.ledger_rows,
            run.missing_rows,
            run.extra_rows,
            run.events,
            run.missing_events,
            run.extra_events,
            run.repeated_events
        )
    }
}
