//! A service as a value: its name, its migrations, and how it is wired. One process can run one or
//! all of them by the same code. Deliberately no mode for development: that is a configuration.

use std::{
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use proto::rpc::Dispatch;
use sqlx::migrate::Migrator;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::{
    Clock, Config, Database,
    blobs::Blobs,
    bus::Bus,
    config::TelemetryConfig,
    consumer::Consumer,
    dead::watch::keep_reconciling,
    erase,
    error::{Result, chain},
    health::Health,
    keys::{KeyRing, RemoteKeys},
    migrate::Schema,
    outbox::Relay,
    patience::until_there,
    rpc::{self, NatsTransport},
    shutdown::{self, Shutdown},
    telemetry,
};

/// Longest wait for running work at the end.
const WORK_GRACE: Duration = Duration::from_secs(20);
/// Longest wait for each of the later phases.
const PHASE_GRACE: Duration = Duration::from_secs(5);

/// A deployable service.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// Its name, which is also its domain, its schema and its queue group.
    pub name: &'static str,
    /// Its migrations; `None` for a service without a database.
    pub migrations: Option<&'static Migrator>,
    /// Builds what it runs.
    pub wire: fn(Kit) -> BoxFuture<'static, Result<Wiring>>,
}

impl Service {
    /// The schema, for `migrate`.
    #[must_use]
    pub fn schema(&self) -> Option<Schema> {
        self.migrations.map(|migrator| Schema {
            name: self.name,
            migrator,
        })
    }
}

/// What a service is given.
#[derive(Debug, Clone)]
pub struct Kit {
    /// The configuration.
    pub config: Config,
    /// The service's schema; `None` where it has none.
    database: Option<Database>,
    /// NATS.
    pub bus: Bus,
    /// Encrypted blobs.
    pub blobs: Blobs,
    /// The data keys of tenants.
    pub keys: KeyRing,
    /// The time.
    pub clock: Clock,
    /// Calls to other services, under the generated clients.
    pub transport: NatsTransport,
    /// Told when to stop.
    pub shutdown: Shutdown,
}

impl Kit {
    /// The service's schema.
    ///
    /// # Panics
    /// Where the service declares no migrations, which is a mistake in its code.
    #[must_use]
    pub fn database(&self) -> Database {
        self.database
            .clone()
            .expect("a service that uses a database declares its migrations")
    }
}

/// What a service runs.
#[derive(Default)]
pub struct Wiring {
    rpc: Vec<Arc<dyn Dispatch>>,
    consumers: Vec<Consumer>,
    tasks: Vec<(&'static str, BoxFuture<'static, ()>)>,
    address: Option<SocketAddr>,
}

impl std::fmt::Debug for Wiring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wiring")
            .field("consumers", &self.consumers)
            .finish_non_exhaustive()
    }
}

impl Wiring {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers calls; of several services of a domain each its own.
    #[must_use]
    pub fn rpc(mut self, dispatch: impl Dispatch) -> Self {
        self.rpc.push(Arc::new(dispatch));
        self
    }

    /// Consumes events.
    #[must_use]
    pub fn consume(mut self, consumer: Consumer) -> Self {
        self.consumers.push(consumer);
        self
    }

    /// Runs a task that ends when told to stop.
    #[must_use]
    pub fn task(
        mut self,
        name: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.tasks.push((name, Box::pin(task)));
        self
    }

    /// Tells the address that it listens on.
    #[must_use]
    pub fn listening(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }
}

/// A service at work.
#[derive(Debug)]
pub struct Running {
    name: &'static str,
    kit: Kit,
    work: TaskTracker,
    relay: Option<(Shutdown, tokio::task::JoinHandle<()>)>,
    health: Option<Health>,
    /// The address it listens on; `None` where it only speaks NATS.
    pub address: Option<SocketAddr>,
}

/// Starts a service; it is ready when this answers, which takes as long as Postgres and NATS are away.
///
/// # Errors
/// Where Postgres refuses, or the walls do not hold.
pub async fn start(
    service: &Service,
    config: Config,
    clock: Clock,
    shutdown: Shutdown,
) -> Result<Running> {
    let health = match config.health_listen {
        Some(address) => Some(Health::serve(address).await?),
        None => None,
    };
    let bus = Bus::connect(&config, service.name).await?;
    let transport = NatsTransport::new(bus.clone());
    let remote = RemoteKeys(proto::auth::auth_nats::Client(transport.clone()));
    let keys = KeyRing::new(config.kek.clone(), Arc::new(remote));
    let database = match service.migrations {
        Some(_) => {
            let connect = || Database::connect(&config, service.name, clock.clone());
            Some(until_there("Postgres", connect).await?)
        }
        None => None,
    };
    let kit = Kit {
        blobs: Blobs::local(&config.blob_dir, keys.clone())?,
        keys,
        config,
        database,
        bus,
        clock,
        transport,
        shutdown,
    };
    until_there("JetStream", || bootstrap_streams(&kit, service)).await?;
    let wiring = (service.wire)(kit.clone()).await?;
    let work = TaskTracker::new();
    let relay = start_relay(&kit);
    work.spawn(erase::forget_keys(&kit, kit.shutdown.clone()).await?);
    let erasure = kit
        .database
        .as_ref()
        .map(|_| erase::consumer(&kit, service.name));
    let mut claiming = Vec::new();
    for consumer in wiring.consumers.into_iter().chain(erasure) {
        let consumer = consumer.noting(kit.database.as_ref());
        claiming.extend(consumer.claiming(&kit.bus));
        until_there("JetStream", || consumer.ensure(&kit.bus)).await?;
        work.spawn(consumer.run(kit.bus.clone(), kit.shutdown.clone()));
    }
    if let Some(database) = kit.database.clone().filter(|_| !claiming.is_empty()) {
        let (bus, shutdown) = (kit.bus.clone(), kit.shutdown.clone());
        work.spawn(keep_reconciling(database, bus, claiming, shutdown));
    }
    if !wiring.rpc.is_empty() {
        let serving = rpc::serve(
            kit.bus.clone(),
            wiring.rpc,
            kit.database.clone(),
            kit.shutdown.clone(),
        )
        .await?;
        work.spawn(serving);
    }
    for (_, task) in wiring.tasks {
        work.spawn(task);
    }
    if let Some(health) = &health {
        health.set_ready(true).await;
    }
    work.close();
    tracing::info!(service = service.name, "ready");
    Ok(Running {
        name: service.name,
        kit,
        work,
        relay,
        health,
        address: wiring.address,
    })
}

async fn bootstrap_streams(kit: &Kit, service: &Service) -> Result<()> {
    if service.migrations.is_some() {
        kit.bus.ensure_stream(service.name).await?;
        // Every unit of work leaves an audit entry, whose events belong to auth.
        kit.bus.ensure_stream("auth").await?;
    }
    Ok(())
}

/// The relay outlives the work, so that the last events still leave.
fn start_relay(kit: &Kit) -> Option<(Shutdown, tokio::task::JoinHandle<()>)> {
    let database = kit.database.clone()?;
    let stop = Shutdown::new();
    let relay = Relay::new(database, kit.bus.clone()).run(stop.clone());
    Some((stop, tokio::spawn(relay)))
}

impl Running {
    /// Waits until the service is told to stop, then ends it phase by phase, each bounded: running
    /// work, the last events, the connection to NATS, the one to Postgres.
    pub async fn finish(self) {
        self.kit.shutdown.cancelled().await;
        let service = self.name;
        tracing::info!(service, "takes no new work");
        if let Some(health) = &self.health {
            health.set_ready(false).await;
        }
        phase(service, "work", WORK_GRACE, self.work.wait()).await;
        if let Some((stop, relay)) = self.relay {
            stop.cancel();
            // What is cut off stays in the outbox for the next start.
            phase(service, "events", PHASE_GRACE, relay).await;
        }
        phase(service, "nats", PHASE_GRACE, self.kit.bus.flush()).await;
        if let Some(database) = self.kit.database {
            phase(service, "postgres", PHASE_GRACE, database.close()).await;
        }
        if let Some(health) = self.health {
            health.stop();
        }
        tracing::info!(service, "stopped");
    }
}

/// Waits for a part of the end as long as it may take, and says how it went.
async fn phase<T>(service: &str, phase: &str, grace: Duration, part: impl Future<Output = T>) {
    let begun = Instant::now();
    match timeout(grace, part).await {
        Ok(_) => tracing::info!(service, phase, took = ?begun.elapsed(), "drained"),
        Err(_) => tracing::warn!(service, phase, "cut off after {grace:?}"),
    }
}

/// The whole life of a process that runs one service, for its `main`.
#[must_use]
pub fn main(service: Service) -> ExitCode {
    let telemetry = match telemetry::init(&TelemetryConfig::from_env("info")) {
        Ok(telemetry) => telemetry,
        Err(reason) => {
            eprintln!("{reason}");
            return ExitCode::from(2);
        }
    };
    // Two workers at least: the exporter blocks one of them when it flushes.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(std::thread::available_parallelism().map_or(2, |n| n.get().max(2)))
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(service)),
        Err(error) => Err(crate::Error::Io {
            what: "the runtime cannot be started".to_owned(),
            source: error,
        }),
    };
    telemetry.shutdown();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}: {}", service.name, chain(&error));
            ExitCode::FAILURE
        }
    }
}

/// Runs one service by the settings in the environment until a signal ends it.
///
/// # Errors
/// Where a setting is missing or the service cannot start.
pub async fn run(service: Service) -> Result<()> {
    let shutdown = Shutdown::new();
    shutdown::on_signals(&shutdown).map_err(|source| crate::Error::Io {
        what: "signals cannot be handled".to_owned(),
        source,
    })?;
    run_until(&service, Config::from_env()?, Clock::system(), shutdown).await
}

/// Runs one service until it is told to stop, also while it still waits for what it needs.
///
/// # Errors
/// Where the service cannot start.
pub async fn run_until(
    service: &Service,
    config: Config,
    clock: Clock,
    shutdown: Shutdown,
) -> Result<()> {
    tokio::select! {
        started = start(service, config, clock, shutdown.clone()) => started?.finish().await,
        // Nothing runs yet that would have to be finished.
        () = shutdown.cancelled() => tracing::info!(service = service.name, "stopped before it was ready"),
    }
    Ok(())
}
