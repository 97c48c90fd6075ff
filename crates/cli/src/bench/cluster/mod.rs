//! `valutai bench cluster`: three nats-servers as one cluster, two replicas of every service, and each of these processes
//! killed in turn under a mixed load, one at a time. Afterwards every acknowledged prediction and its event are there exactly
//! once, and no consumer was left behind. Deliberately one Postgres that lives: `bench loss` kills that.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use clap::Args;
use platform::{
    bus::Bus,
    config::TelemetryConfig,
    dead::{self, reconcile::reconcile},
    streams,
};
use rand::{SeedableRng as _, seq::SliceRandom as _};
use rand_chacha::ChaCha20Rng;

use self::{
    figures::{Backlog, ClusterFigures},
    span::Span,
};
use super::{
    figures::{Machine, print},
    loss::{Kills, check},
    restarts::{
        fleet::Fleet,
        load::{self, Load},
    },
    system::LOG,
};
use crate::{
    error::{Error, Result},
    output::Format,
    server::stack::ServerArgs,
};

pub mod figures;
pub mod span;

/// nats-servers of the cluster, and copies of each stream.
const NATS_SERVERS: usize = 3;
/// The stream whose leader is killed because it leads.
const STREAM: &str = "valutai-prediction";
/// Longest wait for consumers to have handled what there is.
const CAUGHT_UP_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks at consumers, which give no sign.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Options of `bench cluster`.
#[derive(Debug, Args)]
pub struct ClusterBench {
    /// Times that each process is killed
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Callers at once
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub callers: u32,
    /// Seconds that a killed process stays away before it is started again
    #[arg(long, value_name = "S", default_value_t = 2, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub dead: u64,
    /// Seconds of calm after each, under load as well, and three times as many before the first
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u64).range(0..=600))]
    pub calm: u64,
    /// Kill only processes of this service, or `nats-server`
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    /// Drives the order of the kills
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// Which process is killed.
#[derive(Debug, Clone, Copy)]
enum Victim {
    /// A replica of a service.
    Replica(usize),
    /// One of the nats-servers: the one that leads the cluster, then the one that leads a stream, then any, and none twice.
    Server,
}

/// Runs `bench cluster`.
///
/// # Errors
/// Where a step fails, something was lost or came twice, or a consumer was left behind; everything is stopped all the same.
pub async fn run(args: ClusterBench, format: Format) -> Result<()> {
    if args.servers.postgres_url.is_some() || args.servers.nats_url.is_some() {
        return Err(Error::Misuse(
            "servers that others use are not killed: leave --postgres-url and --nats-url out"
                .to_owned(),
        ));
    }
    let telemetry = platform::telemetry::init(&TelemetryConfig::from_env(LOG));
    let telemetry = telemetry.map_err(Error::Misuse)?;
    let started = Fleet::start(&args.servers, NATS_SERVERS, |text| eprintln!("{text}"));
    let mut fleet = started.await?;
    let measured = measure(&args, &mut fleet).await;
    let stopped = fleet.stop().await;
    tokio::task::spawn_blocking(|| telemetry.shutdown())
        .await
        .map_err(failed)?;
    let figures = measured?;
    stopped?;
    print(format, &figures, |out| figures.write(out))?;
    match figures.predictions.is_exact() && figures.backlog.is_empty() {
        true => Ok(()),
        false => Err(Error::Failed(
            "predictions or events were lost or came twice, or a consumer was left behind"
                .to_owned(),
        )),
    }
}

async fn measure(args: &ClusterBench, fleet: &mut Fleet) -> Result<ClusterFigures> {
    let machine = Machine::look();
    let subscriber = check::Subscriber::start(fleet.bus(), fleet.tenant).await?;
    let load = load::start(&fleet.connections, &fleet.dataset, args.callers);
    let begun = Instant::now();
    let outcome = kill_all(args, fleet, begun).await;
    let done = finish(load, fleet).await?;
    let spans = outcome?;
    let seconds = begun.elapsed().as_secs_f64();
    let mut store = fleet.store().await?;
    fleet.settle(&mut store).await?;
    let last = load::last(&fleet.connections).await?;
    let heard = subscriber.until(&last).await?;
    let rows = store.prediction_ids(load::PREFIX).await?;
    let predictions = check::compare(&done.answered, &rows, &heard, Kills::default(), seconds);
    let backlog = backlog(&fleet.bus(), fleet).await?;
    Ok(ClusterFigures::new(
        machine.until_now(),
        seconds,
        &spans,
        done,
        &heard.times,
        predictions,
        backlog,
    ))
}

/// Lets the callers end, and finds out what became of predictions that failed: they may have been made all the same.
async fn finish(load: Load, fleet: &Fleet) -> Result<load::Done> {
    let mut done = load.finish().await?;
    let found = load::ask_again(&fleet.connections, &done.unanswered).await?;
    done.answered.ids.extend(found);
    Ok(done)
}

/// Kills one process after the other; answers what was done when.
async fn kill_all(args: &ClusterBench, fleet: &mut Fleet, begun: Instant) -> Result<Vec<Span>> {
    let calm = Duration::from_secs(args.calm);
    let mut rng = ChaCha20Rng::seed_from_u64(args.seed);
    tokio::time::sleep(calm * 3).await;
    let mut spans = vec![Span::calm(begun)];
    for _ in 0..args.rounds {
        let mut victims: Vec<Victim> = (0..fleet.services().len()).map(Victim::Replica).collect();
        victims.extend([Victim::Server; NATS_SERVERS]);
        victims.shuffle(&mut rng);
        let mut killed = HashSet::new();
        for victim in victims {
            let name = match victim {
                Victim::Replica(at) => fleet.services()[at],
                Victim::Server => "nats-server",
            };
            if args.only.as_ref().is_some_and(|only| only != name) {
                continue;
            }
            let span = kill(fleet, victim, &mut killed, Duration::from_secs(args.dead)).await?;
            eprintln!("{span}");
            spans.push(span);
            tokio::time::sleep(calm).await;
        }
    }
    Ok(spans)
}

async fn kill(
    fleet: &mut Fleet,
    victim: Victim,
    killed: &mut HashSet<usize>,
    dead: Duration,
) -> Result<Span> {
    let span = match victim {
        Victim::Replica(at) => {
            let span = Span::begin(fleet.services()[at], String::new());
            fleet.kill_replica(at, dead).await?;
            span
        }
        Victim::Server => {
            let (at, role) = next_server(fleet, killed)?;
            killed.insert(at);
            let span = Span::begin("nats-server", role);
            fleet.kill_server(at, dead).await?;
            span
        }
    };
    Ok(span.healthy())
}

/// The nats-server to kill next, and what it does at this moment.
fn next_server(fleet: &Fleet, killed: &HashSet<usize>) -> Result<(usize, String)> {
    let cluster = fleet.servers().ok_or_else(|| failed("no servers"))?;
    let (leader, streams) = (cluster.leader(), cluster.stream_leaders());
    let of_stream = streams.iter().find(|(name, _)| name == STREAM);
    let wanted = [leader, of_stream.map(|(_, at)| *at)];
    let at = wanted
        .into_iter()
        .flatten()
        .chain(0..NATS_SERVERS)
        .find(|at| !killed.contains(at))
        .ok_or_else(|| failed("every nats-server was killed"))?;
    let led = streams.iter().filter(|(_, leader)| *leader == at).count();
    let streams = format!("leads {led} of {} streams", streams.len());
    let role = match leader == Some(at) {
        true => format!("leads the cluster, {streams}"),
        false => streams,
    };
    Ok((at, role))
}

/// Waits until every consumer has handled what there is, and looks whether something was acknowledged and never handled.
async fn backlog(bus: &Bus, fleet: &Fleet) -> Result<Backlog> {
    let of_platform = |error: platform::Error| failed(platform::error::chain(&error));
    let deadline = Instant::now() + CAUGHT_UP_WITHIN;
    let behind = loop {
        let seen = streams::look(bus).await.map_err(of_platform)?;
        let behind: Vec<String> = seen
            .iter()
            .flat_map(|stream| &stream.consumers)
            .filter(|(_, consumer)| consumer.pending + consumer.unsettled > 0)
            .map(|(name, consumer)| {
                format!(
                    "{name}: {} waiting, {} unsettled",
                    consumer.pending, consumer.unsettled
                )
            })
            .collect();
        if behind.is_empty() || Instant::now() > deadline {
            break behind;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    };
    let mut admin = fleet.admin().await?;
    let held = reconcile(bus, &mut admin).await.map_err(of_platform)?;
    Ok(Backlog {
        behind,
        acknowledged_and_not_handled: held.iter().map(|one| one.missing.len()).sum(),
        dead_letters: dead::state(bus).await.map_err(of_platform)?.count,
    })
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Failed(error.to_string())
}
