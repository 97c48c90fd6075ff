//! `valutai bench idle`: what each service takes of a machine when nobody calls: memory after its start, and after it has
//! worked; processor time while it waits. Deliberately with two replicas of each, as deployed, because one of them publishes
//! the events of both and the other waits for its place.

use std::{
    io::{self, Write},
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use platform::config::TelemetryConfig;
use serde::Serialize;

use super::{
    figures::{Machine, print},
    process,
    restarts::{fleet::Fleet, load},
    system::LOG,
};
use crate::{
    error::{Error, Result},
    output::Format,
    server::stack::ServerArgs,
};

/// After the load, until connections and caches have come to rest.
const REST: Duration = Duration::from_secs(15);

/// Options of `bench idle`.
#[derive(Debug, Args)]
pub struct IdleBench {
    /// Seconds under the load of `bench restarts`
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub load: u64,
    /// Seconds without a call
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub idle: u64,
    /// Callers at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub callers: u32,
    /// Folder with a program for each service, as in the images, instead of this one
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// A process.
#[derive(Debug, Serialize)]
pub struct Idle {
    /// Its service, or `nats-server`.
    pub service: &'static str,
    /// Resident memory when it was ready, in MiB.
    pub started_mib: f64,
    /// Resident memory at the end of the load, in MiB.
    pub loaded_mib: f64,
    /// Resident memory at the end of the time without a call, in MiB.
    pub idle_mib: f64,
    /// Most resident memory of its life, in MiB.
    pub peak_mib: f64,
    /// Processor seconds in the time without a call.
    pub idle_cpu_seconds: f64,
}

/// What `bench idle` found.
#[derive(Debug, Serialize)]
pub struct IdleFigures {
    /// Where.
    pub machine: Machine,
    /// Calls answered under the load.
    pub answered: usize,
    /// Seconds without a call.
    pub idle_seconds: f64,
    /// Every process.
    pub processes: Vec<Idle>,
}

/// Runs `bench idle`.
///
/// # Errors
/// Where a step fails, or the system does not tell what processes take.
pub async fn run(args: IdleBench, format: Format) -> Result<()> {
    let telemetry = platform::telemetry::init(&TelemetryConfig::from_env(LOG));
    let telemetry = telemetry.map_err(Error::Misuse)?;
    let started = Fleet::start(&args.servers, 1, |text| eprintln!("{text}"));
    let mut fleet = started.await?;
    let measured = measure(&args, &mut fleet).await;
    let stopped = fleet.stop().await;
    tokio::task::spawn_blocking(|| telemetry.shutdown())
        .await
        .map_err(|error| Error::Failed(error.to_string()))?;
    let figures = measured?;
    stopped?;
    print(format, &figures, |out| figures.write(out))
}

async fn measure(args: &IdleBench, fleet: &mut Fleet) -> Result<IdleFigures> {
    let machine = Machine::look();
    if let Some(programs) = &args.programs {
        fleet.use_programs(programs);
    }
    // Those that are here have trained a model.
    fleet.replace_until(Instant::now()).await?;
    let processes = fleet.processes();
    let started = of_each(&processes, process::memory_mib)?;
    let load = load::start(&fleet.connections, &fleet.dataset, args.callers);
    tokio::time::sleep(Duration::from_secs(args.load)).await;
    let loaded = of_each(&processes, process::memory_mib)?;
    let done = load.finish().await?;
    let mut store = fleet.store().await?;
    fleet.settle(&mut store).await?;
    tokio::time::sleep(REST).await;
    let (begun, before) = (
        Instant::now(),
        of_each(&processes, process::processor_seconds)?,
    );
    tokio::time::sleep(Duration::from_secs(args.idle)).await;
    let after = of_each(&processes, process::processor_seconds)?;
    let idle_seconds = begun.elapsed().as_secs_f64();
    let (idle, peak) = (
        of_each(&processes, process::memory_mib)?,
        of_each(&processes, process::peak_mib)?,
    );
    let figures = processes.iter().enumerate();
    let figures = figures.map(|(at, (service, _))| Idle {
        service,
        started_mib: started[at],
        loaded_mib: loaded[at],
        idle_mib: idle[at],
        peak_mib: peak[at],
        idle_cpu_seconds: after[at] - before[at],
    });
    Ok(IdleFigures {
        machine: machine.until_now(),
        answered: done.answered.calls,
        idle_seconds,
        processes: figures.collect(),
    })
}

fn of_each(
    processes: &[(&'static str, u32)],
    figure: impl Fn(u32) -> Option<f64>,
) -> Result<Vec<f64>> {
    let found = processes.iter().map(|(service, id)| {
        figure(*id).ok_or_else(|| {
            Error::Failed(format!(
                "{service} has ended, or this system does not tell what a process takes"
            ))
        })
    });
    found.collect()
}

impl IdleFigures {
    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.machine.write(out)?;
        writeln!(
            out,
            "{} calls answered before; {:.0} s without a call\n",
            self.answered, self.idle_seconds
        )?;
        writeln!(
            out,
            "{:<12} {:>11} {:>11} {:>11} {:>11} {:>14}",
            "process", "started MiB", "loaded MiB", "idle MiB", "peak MiB", "idle CPU s"
        )?;
        for process in &self.processes {
            writeln!(
                out,
                "{:<12} {:>11.1} {:>11.1} {:>11.1} {:>11.1} {:>14.2}",
                process.service,
                process.started_mib,
                process.loaded_mib,
                process.idle_mib,
                process.peak_mib,
                process.idle_cpu_seconds
            )?;
        }
        Ok(())
    }
}
