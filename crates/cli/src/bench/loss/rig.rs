//! The system of the loss test: servers that wait for the disk; gateway and prediction as processes of
//! their own, started again whenever they are gone; the other services in this one. Deliberately killed
//! with signal 9 only: who is asked to stop loses nothing anyway.

use std::{fs, path::PathBuf, slice, time::Duration};

use indicatif::ProgressBar;
use localservers::{NatsUser, Servers};
use platform::{
    Clock, Service,
    bus::Bus,
    config::{ACK_WAIT, Accounts, CallRate, Key, Networks, Secret, TOKEN_MEMORY, UploadLimits},
    launch::{Launch, Launched},
    patience::eventually,
    shutdown::Shutdown,
};
use proto::{
    ingestion::{DatasetState, UploadHeader},
    training::ModelState,
};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use uuid::Uuid;

use super::{Kills, Plan};
use crate::{
    args::{DEFAULT_TIMEOUT, Secret as Password},
    bench::{
        process::{Process, free_address},
        store::Store,
    },
    client::{Connection, auth, datasets, models},
    error::{Error, Result},
    sample,
    server::{
        nats_config,
        stack::{self, SERVICES, ServerArgs},
    },
};

/// First word of every subject and stream, and the name of the database.
const PREFIX: &str = "valutai";
const HISTORY_ROWS: usize = 400;
/// Longest wait for a part of the system that was started.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for the outbox to run empty.
const RELAY_LIMIT: Duration = Duration::from_secs(120);
/// Between two looks at what gives no sign.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Longest that something stays dead.
const DEAD_MS: u64 = 500;

/// A running system that is about to suffer.
#[derive(Debug)]
pub struct Rig {
    dir: PathBuf,
    program: PathBuf,
    servers: Option<Servers>,
    launch: Launch,
    launched: Launched,
    prediction: Process,
    gateway: Process,
    bus: Bus,
    /// Signed in as an owner.
    pub connection: Connection,
    /// The owner's organisation.
    pub tenant: Uuid,
}

impl Rig {
    /// Starts everything and trains a model; `program` is `valutai`.
    ///
    /// # Errors
    /// Where something does not start; nothing is left running.
    pub async fn start(
        args: &ServerArgs,
        program: PathBuf,
        report: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        if args.postgres_url.is_some() || args.nats_url.is_some() {
            return Err(Error::Misuse(
                "servers that others use are not killed: leave --postgres-url and --nats-url out"
                    .to_owned(),
            ));
        }
        let dir = super::folder();
        fs::create_dir_all(&dir).map_err(Error::file(&dir))?;
        let users = nats_config::users(PREFIX);
        let servers = stack::start_servers(args, &dir, true, (&users, None), report).await?;
        let launch = launch(slice::from_ref(&servers), &users, &dir)?;
        match Parts::start(&launch, &dir, &program).await {
            Ok(parts) => Ok(Self {
                dir,
                program,
                servers: Some(servers),
                launch,
                launched: parts.launched,
                prediction: parts.prediction,
                gateway: parts.gateway,
                bus: parts.bus,
                connection: parts.connection,
                tenant: parts.tenant,
            }),
            Err(error) => {
                stack::stop_servers(servers).await?;
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
        Store::connect(&self.launch).await
    }

    /// Kills at random until told that it is enough, each of the four at least once.
    ///
    /// # Errors
    /// Where something does not come back.
    pub async fn kill_until(&mut self, enough: Shutdown, plan: Plan) -> Result<Kills> {
        let mut rng = ChaCha20Rng::seed_from_u64(plan.seed);
        let mut kills = Kills::default();
        // All of them in a drawn order, and then any.
        let mut order: Vec<u32> = (0..4).collect();
        for at in (1..order.len()).rev() {
            order.swap(at, rng.random_range(0..=at));
        }
        let mut left = plan.most_kills;
        while !order.is_empty() || left > 0 && !enough.is_cancelled() {
            let pause = Duration::from_millis(rng.random_range(0..plan.kill_within_ms));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = enough.cancelled(), if order.is_empty() => break,
            }
            let dead = Duration::from_millis(rng.random_range(0..DEAD_MS));
            let victim = order.pop().unwrap_or_else(|| rng.random_range(0..4));
            self.kill(victim, dead, &mut kills).await?;
            left = left.saturating_sub(1);
            self.revive()?;
        }
        // What could not start because something else was down is started when it has given up.
        while !enough.is_cancelled() {
            self.revive()?;
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = enough.cancelled() => {}
            }
        }
        Ok(kills)
    }

    async fn kill(&mut self, victim: u32, dead: Duration, kills: &mut Kills) -> Result<()> {
        match victim {
            0 => {
                self.prediction.kill();
                kills.prediction += 1;
                tokio::time::sleep(dead).await;
            }
            1 => {
                self.gateway.kill();
                kills.gateway += 1;
                tokio::time::sleep(dead).await;
            }
            2 => {
                self.on_servers(Servers::kill_nats).await?;
                kills.nats += 1;
                tokio::time::sleep(dead).await;
                self.on_servers(Servers::restart_nats).await?;
            }
            _ => {
                self.on_servers(Servers::kill_postgres).await?;
                kills.postgres += 1;
                tokio::time::sleep(dead).await;
                self.on_servers(Servers::restart_postgres).await?;
            }
        }
        Ok(())
    }

    /// Starts what is gone, also what could not start because something else was.
    fn revive(&mut self) -> Result<()> {
        if self.prediction.has_ended() {
            self.prediction = Process::start(&self.program, &self.launch, &self.dir, "prediction")?;
        }
        if self.gateway.has_ended() {
            self.gateway = Process::start(&self.program, &self.launch, &self.dir, "gateway")?;
        }
        Ok(())
    }

    async fn on_servers(
        &mut self,
        work: impl FnOnce(&mut Servers) -> Result<(), localservers::Error> + Send + 'static,
    ) -> Result<()> {
        let Some(mut servers) = self.servers.take() else {
            return Err(Error::Failed("the servers are gone".to_owned()));
        };
        let (servers, done) = tokio::task::spawn_blocking(move || {
            let done = work(&mut servers);
            (servers, done)
        })
        .await
        .map_err(|error| Error::Failed(error.to_string()))?;
        self.servers = Some(servers);
        done.map_err(|error| Error::Failed(platform::error::chain(&error)))
    }

    /// Waits until everything is up again and every event has left the outbox.
    ///
    /// # Errors
    /// Where it does not come to that.
    pub async fn settle(&mut self) -> Result<()> {
        let deadline = std::time::Instant::now() + RELAY_LIMIT;
        loop {
            self.revive()?;
            // Postgres may have come back in this moment.
            if let Ok(mut store) = self.store().await
                && store.count_outbox().await.is_ok_and(|waiting| waiting == 0)
            {
                return Ok(());
            }
            if std::time::Instant::now() > deadline {
                return Err(Error::Failed("the outbox does not run empty".to_owned()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Stops everything and removes what it held.
    ///
    /// # Errors
    /// Where a server does not stop.
    pub async fn stop(self) -> Result<()> {
        drop((self.gateway, self.prediction, self.bus));
        self.launched.stop().await;
        if let Some(servers) = self.servers {
            stack::stop_servers(servers).await?;
        }
        fs::remove_dir_all(&self.dir).map_err(Error::file(&self.dir))
    }
}

/// The launch of a system below a folder, on servers of its own: the first has the Postgres, each a nats-server.
///
/// # Errors
/// Where keys cannot be kept there.
pub fn launch(servers: &[Servers], users: &[NatsUser], dir: &std::path::Path) -> Result<Launch> {
    let nats: Vec<&str> = servers.iter().map(Servers::nats_url).collect();
    Ok(Launch {
        admin_url: Secret::new(servers[0].postgres_url()),
        database: PREFIX.to_owned(),
        app_password: Secret::new(Key::generate().to_base64()),
        nats_url: Secret::new(nats.join(",")),
        nats_urls: nats_config::urls(servers, users),
        nats_ca: None,
        subject_prefix: PREFIX.to_owned(),
        stream_replicas: 1,
        blob_dir: dir.join("blobs"),
        kek: stack::kept_keys(&Process::key_file(dir))?,
        audit_key: stack::kept_keys(&Process::audit_key_file(dir))?,
        // The same for every gateway that is started.
        listen: free_address()?,
        tls: None,
        postgres_connections: 8,
        ack_wait: ACK_WAIT,
        uploads: UploadLimits::default(),
        clamd: None,
        accounts: Accounts::default(),
        token_memory: TOKEN_MEMORY,
        trusted_proxies: Networks::default(),
        webhook_networks: Networks::default(),
        operator: None,
        calls: CallRate::NONE,
        outside: None,
    })
}

/// What is started after the servers.
struct Parts {
    launched: Launched,
    prediction: Process,
    gateway: Process,
    bus: Bus,
    connection: Connection,
    tenant: Uuid,
}

impl Parts {
    async fn start(
        launch: &Launch,
        dir: &std::path::Path,
        program: &std::path::Path,
    ) -> Result<Self> {
        let failed = |error: platform::Error| Error::Failed(platform::error::chain(&error));
        launch.prepare(&SERVICES).await.map_err(failed)?;
        let others: Vec<Service> = SERVICES
            .into_iter()
            .filter(|service| !["prediction", "gateway"].contains(&service.name))
            .collect();
        let prediction = Process::start(program, launch, dir, "prediction")?;
        let launched = launch
            .start(&others, &Clock::system())
            .await
            .map_err(failed)?;
        let gateway = Process::start(program, launch, dir, "gateway")?;
        let endpoint = format!("http://{}", launch.listen);
        let connection = eventually(START_LIMIT, || async {
            let connected = Connection::connect(&endpoint, None, DEFAULT_TIMEOUT).await;
            Ok::<_, Error>(connected.ok())
        });
        let connection = connection
            .await?
            .ok_or_else(|| Error::Failed("the gateway does not start".to_owned()))?;
        let password = Password::verbatim(&Uuid::new_v4().to_string());
        let signed = auth::sign_up(&connection, "owner@example.com", "Loss", &password).await?;
        let connection = connection.with_token(&signed.token)?;
        train(&connection, dir).await?;
        let config = launch.config_for("bench").map_err(failed)?;
        Ok(Self {
            launched,
            prediction,
            gateway,
            bus: Bus::connect(&config, "bench").await.map_err(failed)?,
            connection,
            tenant: Uuid::try_parse(&signed.organization_id)
                .map_err(|error| Error::Failed(error.to_string()))?,
        })
    }
}

/// Imports a history and trains a model on it; the id of the dataset.
///
/// # Errors
/// Where either fails.
pub async fn train(connection: &Connection, dir: &std::path::Path) -> Result<String> {
    let mut file = Vec::new();
    sample::csv::write_history(&mut file, &sample::generate(HISTORY_ROWS, 1))
        .map_err(|error| Error::Failed(error.to_string()))?;
    let path = dir.join("history.csv");
    fs::write(&path, file).map_err(Error::file(&path))?;
    let hidden = ProgressBar::hidden();
    let header = UploadHeader {
        name: "history".to_owned(),
        file_name: "history.csv".to_owned(),
        ..UploadHeader::default()
    };
    let imported = datasets::upload(connection, header, &path, &hidden).await?;
    let dataset = datasets::wait_until_imported(connection, &imported.id, &hidden).await?;
    if dataset.state() != DatasetState::Ready {
        return Err(Error::Failed(dataset.problem));
    }
    let started = models::train(connection, &dataset.id, 1, "").await?;
    let model = models::wait_until_trained(connection, &started.id, &hidden).await?;
    match model.state() {
        ModelState::Ready => Ok(dataset.id),
        _ => Err(Error::Failed(model.problem)),
    }
}
