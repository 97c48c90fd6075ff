//! A system of a benchmark's own: servers that wait for the disk as in production, a database of its
//! own, and ingestion as a process of its own, whose memory can be told from the others'.
//! Deliberately no setting that `valutai up` would not use.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use futures::Stream;
use localservers::Servers;
use platform::{
    Clock, Service,
    bus::Bus,
    config::{ACK_WAIT, Accounts, CallRate, Key, Networks, Secret, TOKEN_MEMORY, UploadLimits},
    launch::{Launch, Launched},
    patience::eventually,
    tail::{Positioned, Start, tail},
};
use proto::ingestion::{DatasetFailed, DatasetImported, ListDatasetsRequest};
use tonic::{Code, Request};
use uuid::Uuid;

use crate::{
    args::{DEFAULT_TIMEOUT, Secret as Password},
    bench::{process::Process, store::Store},
    client::{Connection, auth},
    error::{Error, Result},
    server::{
        nats_config,
        stack::{self, SERVICES, ServerArgs},
    },
};

const INGESTION: &str = "ingestion";
/// Statements are slow here, and that is what is measured.
pub const LOG: &str = "warn,sqlx=error";
/// Longest wait for one answer of a process that is starting.
const ANSWER_LIMIT: Duration = Duration::from_secs(1);
/// Longest wait for ingestion to answer.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A running system.
#[derive(Debug)]
pub struct System {
    dir: PathBuf,
    servers: Servers,
    launch: Launch,
    launched: Launched,
    ingestion: Process,
    bus: Bus,
    /// Signed in as an owner.
    pub connection: Connection,
    /// The owner's organisation.
    pub tenant: Uuid,
}

impl System {
    /// Starts everything below a temporary folder; `report` hears what is being done.
    ///
    /// # Errors
    /// Where something does not start; nothing is left running.
    pub async fn start(
        args: &ServerArgs,
        report: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        let name = format!("valutai_bench_{}", std::process::id());
        let dir = std::env::temp_dir().join(&name);
        fs::create_dir_all(&dir).map_err(Error::file(&dir))?;
        let users = nats_config::users(&name);
        let servers = stack::start_servers(args, &dir, true, (&users, None), report).await?;
        let launch = Launch {
            admin_url: Secret::new(servers.postgres_url()),
            database: name.clone(),
            app_password: Secret::new(Key::generate().to_base64()),
            nats_url: Secret::new(servers.nats_url()),
            nats_urls: nats_config::urls(std::slice::from_ref(&servers), &users),
            nats_ca: None,
            subject_prefix: name,
            stream_replicas: 1,
            blob_dir: dir.join("blobs"),
            kek: stack::kept_keys(&Process::key_file(&dir))?,
            audit_key: stack::kept_keys(&dir.join("audit-key"))?,
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            postgres_connections: 8,
            ack_wait: ACK_WAIT,
            uploads: UploadLimits::default(),
            clamd: None,
            accounts: Accounts {
                // One network asks more often here than any does elsewhere; attempts are counted all the same.
                account_attempts: u32::MAX,
                network_attempts: u32::MAX,
                ..Accounts::default()
            },
            token_memory: TOKEN_MEMORY,
            trusted_proxies: Networks::default(),
            webhook_networks: Networks::default(),
            operator: None,
            // One organisation is to show what the whole system can do.
            calls: CallRate::NONE,
            outside: None,
        };
        match start_services(&launch, &dir).await {
            Ok(started) => Ok(Self {
                dir,
                servers,
                launch,
                launched: started.launched,
                ingestion: started.ingestion,
                bus: started.bus,
                connection: started.connection,
                tenant: started.tenant,
            }),
            Err(error) => {
                stack::stop_servers(servers).await?;
                Err(error)
            }
        }
    }

    /// The events of finished imports from now on.
    ///
    /// # Errors
    /// Where NATS refuses.
    pub async fn imported(
        &self,
    ) -> Result<impl Stream<Item = platform::Result<Positioned<DatasetImported>>> + use<>> {
        let opened = tail(&self.bus, self.tenant, Start::Now).await;
        Ok(opened.map_err(failed)?.1)
    }

    /// The events of imports that came to a bad end, from now on.
    ///
    /// # Errors
    /// Where NATS refuses.
    pub async fn failed_imports(
        &self,
    ) -> Result<impl Stream<Item = (Uuid, DatasetFailed)> + use<>> {
        self.bus.hear().await.map_err(failed)
    }

    /// What it was launched with.
    #[must_use]
    pub fn launch(&self) -> &Launch {
        &self.launch
    }

    /// One more gateway of the system.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn another_gateway(&self) -> Result<Gateway> {
        let clock = Clock::system();
        let launched = self.launch.start(&[gateway::SERVICE], &clock).await;
        let launched = launched.map_err(failed)?;
        let endpoint = format!("http://{}", launched.address().map_err(failed)?);
        let connection = Connection::connect(&endpoint, None, DEFAULT_TIMEOUT).await?;
        Ok(Gateway {
            launched,
            connection,
        })
    }

    /// The database with an administrator's rights.
    ///
    /// # Errors
    /// Where Postgres cannot be reached.
    pub async fn store(&self) -> Result<Store> {
        Store::connect(&self.launch).await
    }

    /// Most memory that ingestion held since its start, in MiB; `None` where the system does not tell.
    #[must_use]
    pub fn ingestion_peak_mib(&self) -> Option<f64> {
        self.ingestion.peak_mib()
    }

    /// Ends ingestion and starts it again, so that its memory is counted anew.
    ///
    /// # Errors
    /// Where it does not start.
    pub async fn restart_ingestion(&mut self) -> Result<()> {
        self.ingestion = start_ingestion(&self.launch, &self.dir)?;
        until_it_answers(&self.connection).await
    }

    /// A folder for files of the benchmark, removed at the end.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stops everything and removes what it held.
    ///
    /// # Errors
    /// Where a server does not stop.
    pub async fn stop(self) -> Result<()> {
        drop((self.ingestion, self.bus));
        self.launched.stop().await;
        // Given servers are not ours to fill.
        Store::drop_database(&self.launch).await?;
        stack::stop_servers(self.servers).await?;
        fs::remove_dir_all(&self.dir).map_err(Error::file(&self.dir))
    }
}

/// A gateway beside the first.
#[derive(Debug)]
pub struct Gateway {
    launched: Launched,
    /// Signed in as nobody.
    pub connection: Connection,
}

impl Gateway {
    /// Ends it.
    pub async fn stop(self) {
        drop(self.connection);
        self.launched.stop().await;
    }
}

struct Started {
    launched: Launched,
    ingestion: Process,
    bus: Bus,
    connection: Connection,
    tenant: Uuid,
}

async fn start_services(launch: &Launch, dir: &Path) -> Result<Started> {
    launch.prepare(&SERVICES).await.map_err(failed)?;
    let others: Vec<Service> = SERVICES
        .into_iter()
        .filter(|service| service.name != INGESTION)
        .collect();
    let ingestion = start_ingestion(launch, dir)?;
    let launched = launch
        .start(&others, &Clock::system())
        .await
        .map_err(failed)?;
    let endpoint = format!("http://{}", launched.address().map_err(failed)?);
    let connection = Connection::connect(&endpoint, None, DEFAULT_TIMEOUT).await?;
    // Made for this run and forgotten with it.
    let password = Password::verbatim(&Uuid::new_v4().to_string());
    let signed = auth::sign_up(&connection, "owner@example.com", "Benchmark", &password).await?;
    let connection = connection.with_token(&signed.token)?;
    until_it_answers(&connection).await?;
    let config = launch.config_for("bench").map_err(failed)?;
    Ok(Started {
        bus: Bus::connect(&config, "bench").await.map_err(failed)?,
        launched,
        ingestion,
        connection,
        tenant: Uuid::try_parse(&signed.organization_id)
            .map_err(|error| Error::Failed(error.to_string()))?,
    })
}

fn start_ingestion(launch: &Launch, dir: &Path) -> Result<Process> {
    let program = std::env::current_exe().map_err(Error::file("this program"))?;
    Process::start(&program, launch, dir, INGESTION)
}

async fn until_it_answers(connection: &Connection) -> Result<()> {
    let answer = eventually(START_LIMIT, || async {
        // A call that reached a process which was just ended is never answered.
        let mut request = Request::new(ListDatasetsRequest::default());
        request.set_timeout(ANSWER_LIMIT);
        match connection.ingestion().list_datasets(request).await {
            Ok(_) => Ok(Some(())),
            Err(status) if is_too_early(status.code()) => Ok(None),
            Err(status) => Err(Error::from(status)),
        }
    });
    answer
        .await?
        .ok_or_else(|| Error::Failed("ingestion does not answer".to_owned()))
}

fn is_too_early(code: Code) -> bool {
    matches!(
        code,
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled
    )
}

fn failed(error: platform::Error) -> Error {
    Error::Failed(platform::error::chain(&error))
}
