//! Real Postgres and NATS for tests: the servers are shared by a test run, and every [`World`] has a
//! database, a subject prefix and a blob folder of its own. Deliberately no mocks, and nothing that a
//! product may depend on.

mod certificates;
pub mod openid;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::OnceLock};

use localservers::{Options, SharedServers, shared_for_run};
use platform::{
    Clock, Database, Service,
    bus::Bus,
    config::{ACK_WAIT, Accounts, Key, MailSink, Networks, Secret, TOKEN_MEMORY, UploadLimits},
    launch::{Launch, Launched},
};
use sqlx::PgConnection;
use tonic::transport::Channel;
use uuid::Uuid;

pub use self::certificates::{Authority, Pair};

/// Any error of a test.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A result of a test.
pub type TestResult<T = ()> = Result<T, Failure>;

/// A system of a test's own.
#[derive(Debug)]
pub struct World {
    /// What services are launched with.
    pub launch: Launch,
    /// The time in the services.
    pub clock: Clock,
    services: Vec<Service>,
    launched: Option<Launched>,
}

impl World {
    /// A migrated database for these services, none of them running yet.
    ///
    /// # Errors
    /// Where the servers cannot be had.
    pub async fn new(services: &[Service]) -> TestResult<Self> {
        let servers = servers().await?;
        Self::on(services, &servers.postgres_url, &servers.nats_url).await
    }

    /// A migrated database on servers of the test's own, for tests that break them.
    ///
    /// # Errors
    /// Where the servers cannot be reached.
    pub async fn on(services: &[Service], postgres_url: &str, nats_url: &str) -> TestResult<Self> {
        let name = format!("test_{}", Uuid::now_v7().simple());
        let launch = Launch {
            admin_url: Secret::new(postgres_url),
            database: name.clone(),
            // Roles are shared by the run's databases, and so is their password.
            app_password: Secret::new(
                postgres_url
                    .chars()
                    .filter(char::is_ascii_alphanumeric)
                    .collect::<String>(),
            ),
            nats_url: Secret::new(nats_url),
            nats_urls: BTreeMap::new(),
            nats_ca: None,
            subject_prefix: name.clone(),
            stream_replicas: 1,
            blob_dir: blob_dir(&name),
            kek: Key::generate().into(),
            audit_key: Key::generate().into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            postgres_connections: 4,
            ack_wait: ACK_WAIT,
            uploads: UploadLimits::default(),
            clamd: None,
            accounts: Accounts {
                mail: Some(MailSink::Folder(mail_dir(&name))),
                ..Accounts::default()
            },
            trusted_proxies: Networks::default(),
            token_memory: TOKEN_MEMORY,
            webhook_networks: Networks::default(),
            operator: None,
            calls: platform::config::CallRate::default(),
            outside: None,
        };
        launch.prepare(services).await?;
        Ok(Self {
            launch,
            clock: Clock::system(),
            services: services.to_vec(),
            launched: None,
        })
    }

    /// A new world with its services running.
    ///
    /// # Errors
    /// Where the servers cannot be had or a service does not start.
    pub async fn running(services: &[Service]) -> TestResult<Self> {
        let mut world = Self::new(services).await?;
        world.start().await?;
        Ok(world)
    }

    /// Starts the services.
    ///
    /// # Errors
    /// Where one does not start.
    pub async fn start(&mut self) -> TestResult {
        self.launched = Some(self.launch.start(&self.services, &self.clock).await?);
        Ok(())
    }

    /// Stops the services in good order.
    pub async fn stop(&mut self) {
        if let Some(launched) = self.launched.take() {
            launched.stop().await;
        }
    }

    /// A channel to the running gateway.
    ///
    /// # Errors
    /// Where no gateway runs.
    pub async fn channel(&self) -> TestResult<Channel> {
        Ok(Channel::from_shared(self.endpoint()?)?.connect().await?)
    }

    /// The running gateway's address as a URL.
    ///
    /// # Errors
    /// Where no gateway runs.
    pub fn endpoint(&self) -> TestResult<String> {
        let launched = self.launched.as_ref().ok_or("the world is not running")?;
        let scheme = if self.launch.tls.is_some() {
            "https"
        } else {
            "http"
        };
        Ok(format!("{scheme}://{}", launched.address()?))
    }

    /// A schema as its service sees it.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn database(&self, schema: &'static str) -> TestResult<Database> {
        let config = self.launch.config_for(schema)?;
        Ok(Database::connect(&config, schema, self.clock.clone()).await?)
    }

    /// The bus under this world's prefix.
    ///
    /// # Errors
    /// Where NATS refuses.
    pub async fn bus(&self) -> TestResult<Bus> {
        Ok(Bus::connect(&self.launch.config_for("test")?, "test").await?)
    }

    /// The database with an administrator's eyes, past all policies.
    ///
    /// # Errors
    /// Where Postgres refuses.
    pub async fn admin(&self) -> TestResult<PgConnection> {
        Ok(self.launch.admin().await?)
    }

    /// Where the services leave mail, a file each.
    #[must_use]
    pub fn mail_dir(&self) -> PathBuf {
        mail_dir(&self.launch.database)
    }

    /// Asserts that no service left an event unpublished.
    ///
    /// # Errors
    /// Names the schema whose outbox is not empty.
    pub async fn assert_outboxes_empty(&self) -> TestResult {
        let mut admin = self.admin().await?;
        for service in &self.services {
            let Some(schema) = service.schema() else {
                continue;
            };
            let query = format!("SELECT count(*) FROM {}.outbox", schema.name);
            let waiting: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(query))
                .fetch_one(&mut admin)
                .await?;
            if waiting > 0 {
                return Err(
                    format!("{waiting} events wait in the outbox of {}", schema.name).into(),
                );
            }
        }
        Ok(())
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // The run's own temporary files; what stays behind harms nobody.
        let _ = std::fs::remove_dir_all(&self.launch.blob_dir);
        let _ = std::fs::remove_dir_all(self.mail_dir());
    }
}

/// Asks again until the answer is yes.
///
/// # Errors
/// Says what was waited for when twenty seconds are over, or what asking failed with.
pub async fn eventually<F>(what: &str, mut ask: impl FnMut() -> F) -> TestResult
where
    F: Future<Output = TestResult<bool>>,
{
    let found = platform::patience::eventually(std::time::Duration::from_secs(20), || {
        let asked = ask();
        async move { Ok::<_, Failure>(asked.await?.then_some(())) }
    })
    .await?;
    found.ok_or_else(|| format!("waited in vain: {what}").into())
}

async fn servers() -> TestResult<&'static SharedServers> {
    static SERVERS: OnceLock<SharedServers> = OnceLock::new();
    if SERVERS.get().is_none() {
        let started = tokio::task::spawn_blocking(|| {
            shared_for_run(&Options::default(), &mut |line| eprintln!("{line}"))
        })
        .await??;
        // Whoever was first has started them; everybody else has found the same pair.
        let _ = SERVERS.set(started);
    }
    SERVERS.get().ok_or_else(|| "the servers vanished".into())
}

fn mail_dir(name: &str) -> PathBuf {
    std::env::temp_dir().join("valutai-test-mail").join(name)
}

fn blob_dir(name: &str) -> PathBuf {
    std::env::temp_dir().join("valutai-test-blobs").join(name)
}
