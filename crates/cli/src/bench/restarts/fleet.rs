//! Two replicas of every service, each a process of its own, and how one is replaced: a new one is started and waited
//! for until it says that it is ready, and then the old one is asked to stop. A gateway's address is its own, so that
//! its successor waits until it is free, and callers go to the other one meanwhile.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use localservers::Cluster;
use platform::{bus::Bus, launch::Launch};
use serde::Serialize;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    args::{DEFAULT_TIMEOUT, Secret as Password},
    bench::{
        loss::rig::{launch, train},
        process::{LIMIT, LOOK_EVERY, Process, free_address},
        store::Store,
        system::LOG,
    },
    client::{Connection, auth},
    error::{Error, Result},
    server::{
        nats_config,
        stack::{self, SERVICES, ServerArgs},
    },
};

/// First word of every subject and stream, and the name of the database.
const PREFIX: &str = "valutai";

/// One replica that was replaced.
#[derive(Debug, Serialize)]
pub struct Replaced {
    /// Its service.
    pub service: &'static str,
    /// Until the new one was ready, in milliseconds.
    pub ready_ms: f64,
    /// From SIGTERM until the old one was gone, in milliseconds.
    pub drained_ms: f64,
    /// What the old one ended with.
    pub exit_code: i32,
}

#[derive(Debug)]
struct Replica {
    service: &'static str,
    listen: SocketAddr,
    process: Process,
}

/// What replicas are started of and with.
#[derive(Debug)]
pub struct Recipe {
    dir: PathBuf,
    program: PathBuf,
    launch: Launch,
    /// Where replicas write how they start and stop; on the standard error they only complain.
    log: Option<PathBuf>,
}

/// The running system.
#[derive(Debug)]
pub struct Fleet {
    recipe: Recipe,
    /// Gone only while something is done to it.
    servers: Option<Cluster>,
    replicas: Vec<Replica>,
    bus: Bus,
    /// One to each gateway, signed in as an owner.
    pub connections: [Connection; 2],
    /// The owner's organisation.
    pub tenant: Uuid,
    /// A dataset that a model was trained on.
    pub dataset: String,
}

/// What runs once the services do.
struct Parts {
    replicas: Vec<Replica>,
    bus: Bus,
    connections: [Connection; 2],
    tenant: Uuid,
    dataset: String,
}

impl Fleet {
    /// Starts everything and trains a model, with so many nats-servers; several are a cluster with a copy of each stream on each.
    ///
    /// # Errors
    /// Where something does not start; nothing is left running.
    pub async fn start(
        args: &ServerArgs,
        nats_servers: usize,
        report: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let program = std::env::current_exe().map_err(Error::file("this program"))?;
        Self::start_of(program, None, args, nats_servers, report).await
    }

    /// The same with replicas of a program, which is `valutai`, and with a log of how they start and stop.
    ///
    /// # Errors
    /// As [`Fleet::start`].
    pub async fn start_of(
        program: PathBuf,
        log: Option<PathBuf>,
        args: &ServerArgs,
        nats_servers: usize,
        report: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let dir = std::env::temp_dir().join(format!("valutai_restarts_{}", std::process::id()));
        fs::create_dir_all(&dir).map_err(Error::file(&dir))?;
        let users = nats_config::users(PREFIX);
        let callout = stack::kept_secret(&dir.join("nats-callout-key"))?;
        let known = (
            users.as_slice(),
            Some(nats_config::outsiders(PREFIX, &callout)),
        );
        let servers = stack::start_cluster(args, &dir, nats_servers, known, report).await?;
        let mut launch = launch(servers.servers(), &users, &dir)?;
        launch.stream_replicas = nats_servers;
        let recipe = Recipe {
            dir,
            program,
            launch,
            log,
        };
        match parts(&recipe).await {
            Ok(parts) => Ok(Self {
                recipe,
                servers: Some(servers),
                replicas: parts.replicas,
                bus: parts.bus,
                connections: parts.connections,
                tenant: parts.tenant,
                dataset: parts.dataset,
            }),
            Err(error) => {
                stack::stop_cluster(servers).await?;
                Err(error)
            }
        }
    }

    /// A connection to NATS.
    #[must_use]
    pub fn bus(&self) -> Bus {
        self.bus.clone()
    }

    /// The database with an administrator's rights.
    ///
    /// # Errors
    /// Where Postgres cannot be reached.
    pub async fn store(&self) -> Result<Store> {
        Store::connect(&self.recipe.launch).await
    }

    /// The same, for what sees every schema.
    ///
    /// # Errors
    /// Where Postgres cannot be reached.
    pub async fn admin(&self) -> Result<PgConnection> {
        let admin = self.recipe.launch.admin().await;
        admin.map_err(|error| failed(platform::error::chain(&error)))
    }

    /// Replaces one replica after the other, round and round, until the time has come and each was replaced once.
    ///
    /// # Errors
    /// Where a replica does not become ready, or does not end.
    pub async fn replace_until(&mut self, end: Instant) -> Result<Vec<Replaced>> {
        let mut replaced = Vec::new();
        loop {
            for at in 0..self.replicas.len() {
                if Instant::now() >= end && replaced.len() >= self.replicas.len() {
                    return Ok(replaced);
                }
                let found = self.replace(at).await?;
                eprintln!(
                    "{} replaced: ready after {:.0} ms, drained in {:.0} ms",
                    found.service, found.ready_ms, found.drained_ms
                );
                replaced.push(found);
            }
        }
    }

    async fn replace(&mut self, at: usize) -> Result<Replaced> {
        if self.replicas[at].service == "gateway" {
            return self.restart(at).await;
        }
        let begun = Instant::now();
        let process = self.recipe.start(&self.replicas[at]).await?;
        let ready = begun.elapsed();
        let mut old = std::mem::replace(&mut self.replicas[at].process, process);
        Ok(self.replicas[at].replaced(ready, old.end().await?))
    }

    /// Asks a replica to stop, and starts it again once it has ended.
    ///
    /// # Errors
    /// Where it does not end, or does not become ready.
    pub async fn restart(&mut self, at: usize) -> Result<Replaced> {
        let ended = self.replicas[at].process.end().await?;
        let begun = Instant::now();
        self.replicas[at].process = self.recipe.start(&self.replicas[at]).await?;
        Ok(self.replicas[at].replaced(begun.elapsed(), ended))
    }

    /// The service of each replica.
    #[must_use]
    pub fn services(&self) -> Vec<&'static str> {
        self.replicas
            .iter()
            .map(|replica| replica.service)
            .collect()
    }

    /// Every process, by its service or as `nats-server`, with its id.
    #[must_use]
    pub fn processes(&self) -> Vec<(&'static str, u32)> {
        let services = self.replicas.iter();
        let services = services.map(|replica| (replica.service, replica.process.id()));
        let servers = self.servers.iter().flat_map(Cluster::servers);
        let servers = servers.filter_map(|server| Some(("nats-server", server.nats_pid()?)));
        services.chain(servers).collect()
    }

    /// Starts from now on the programs of a folder, one for each service, instead of this program.
    pub fn use_programs(&mut self, dir: &Path) {
        dir.clone_into(&mut self.recipe.program);
    }

    /// The nats-servers.
    #[must_use]
    pub fn servers(&self) -> Option<&Cluster> {
        self.servers.as_ref()
    }

    /// Kills a replica with signal 9, leaves it so for a time, starts it again and waits until it is ready.
    ///
    /// # Errors
    /// Where it does not become ready.
    pub async fn kill_replica(&mut self, at: usize, dead: Duration) -> Result<()> {
        self.replicas[at].process.kill();
        tokio::time::sleep(dead).await;
        self.replicas[at].process = self.recipe.start(&self.replicas[at]).await?;
        Ok(())
    }

    /// Kills a nats-server with signal 9, leaves it so for a time, starts it again and waits until it is healthy.
    ///
    /// # Errors
    /// Where it does not become healthy.
    pub async fn kill_server(&mut self, at: usize, dead: Duration) -> Result<()> {
        let mut servers = self.servers.take();
        let (servers, done) = stack::blocking(move || {
            let done = servers.as_mut().map(|servers| {
                servers.kill_nats(at)?;
                std::thread::sleep(dead);
                servers.restart_nats(at)
            });
            Ok((servers, done))
        })
        .await?;
        self.servers = servers;
        done.unwrap_or(Ok(()))
            .map_err(|error| failed(platform::error::chain(&error)))
    }

    /// Waits until every event has left the outbox.
    ///
    /// # Errors
    /// Where it does not come to that.
    pub async fn settle(&self, store: &mut Store) -> Result<()> {
        let deadline = Instant::now() + LIMIT;
        while store.count_outbox().await? > 0 {
            if Instant::now() > deadline {
                return Err(failed("the outbox does not run empty"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Stops everything and removes what it held.
    ///
    /// # Errors
    /// Where a server does not stop.
    pub async fn stop(self) -> Result<()> {
        drop((self.connections, self.replicas, self.bus));
        if let Some(servers) = self.servers {
            stack::stop_cluster(servers).await?;
        }
        let dir = &self.recipe.dir;
        fs::remove_dir_all(dir).map_err(Error::file(dir))
    }
}

impl Recipe {
    /// Starts a replica anew and waits until it is ready.
    async fn start(&self, replica: &Replica) -> Result<Process> {
        self.start_at(replica.service, replica.listen).await
    }

    async fn start_at(&self, service: &str, listen: SocketAddr) -> Result<Process> {
        let mut command = Process::command(&self.program, &self.launch, &self.dir, service)?;
        command.env("VALUTAI_LISTEN", listen.to_string());
        if let Some(log) = &self.log {
            let file = fs::File::options().create(true).append(true).open(log);
            command
                .env("VALUTAI_LOG", format!("{LOG},platform::service=info"))
                .env("VALUTAI_LOG_FORMAT", "json")
                .stderr(file.map_err(Error::file(log))?);
        }
        Process::start_ready(&mut command, service).await
    }
}

impl Replica {
    fn replaced(&self, ready: Duration, (drained, exit_code): (Duration, i32)) -> Replaced {
        Replaced {
            service: self.service,
            ready_ms: milliseconds(ready),
            drained_ms: milliseconds(drained),
            exit_code,
        }
    }
}

async fn parts(recipe: &Recipe) -> Result<Parts> {
    let (launch, dir) = (&recipe.launch, &recipe.dir);
    let of_platform = |error: platform::Error| failed(platform::error::chain(&error));
    launch.prepare(&SERVICES).await.map_err(of_platform)?;
    let mut replicas = Vec::new();
    for service in SERVICES {
        for _ in 0..2 {
            let listen = free_address()?;
            let process = recipe.start_at(service.name, listen).await?;
            replicas.push(Replica {
                service: service.name,
                listen,
                process,
            });
        }
    }
    let mut connections = Vec::new();
    for gateway in replicas
        .iter()
        .filter(|replica| replica.service == "gateway")
    {
        let endpoint = format!("http://{}", gateway.listen);
        connections.push(Connection::connect(&endpoint, None, DEFAULT_TIMEOUT).await?);
    }
    let [first, second] = <[Connection; 2]>::try_from(connections)
        .map_err(|_| failed("there are not two gateways"))?;
    let password = Password::verbatim(&Uuid::new_v4().to_string());
    let signed = auth::sign_up(&first, "owner@example.com", "Restarts", &password).await?;
    let connections = [
        first.with_token(&signed.token)?,
        second.with_token(&signed.token)?,
    ];
    let dataset = train(&connections[0], dir).await?;
    let config = launch.config_for("bench").map_err(of_platform)?;
    Ok(Parts {
        replicas,
        bus: Bus::connect(&config, "bench").await.map_err(of_platform)?,
        connections,
        tenant: Uuid::try_parse(&signed.organization_id).map_err(failed)?,
        dataset,
    })
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Failed(error.to_string())
}
