//! The whole system in one process: servers found or obtained, secrets kept in the data folder, all
//! services started. Deliberately nothing that production would do differently below this file.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use clap::Args;
use localservers::{Cluster, NatsOutsiders, NatsUser, Options, Servers, StartOptions};
use platform::{
    Clock, Service, address,
    config::{
        ACK_WAIT, Accounts, ClamdAddress, ConfigError, Key, Keys, Kms, MailSink, Networks,
        OperatorToken, Outside, Secret, TOKEN_MEMORY, UploadLimits, calls_from_env,
        nats_ca_from_env,
    },
    launch::{Launch, Launched},
};

use super::nats_config;
use crate::error::{Error, Result};

/// First word of every subject and stream.
const PREFIX: &str = "valutai";

/// Every service, in the order in which they start; the gateway last, so that who reaches it
/// reaches all.
pub const SERVICES: [Service; 6] = [
    auth::SERVICE,
    ingestion::SERVICE,
    training::SERVICE,
    prediction::SERVICE,
    reporting::SERVICE,
    gateway::SERVICE,
];

/// Where to find the servers.
#[derive(Debug, Clone, Default, Args)]
pub struct ServerArgs {
    /// A running Postgres to use, with the rights to make roles and a database
    #[arg(
        long,
        env = "VALUTAI_ADMIN_POSTGRES_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub postgres_url: Option<String>,
    /// A running NATS with JetStream to use
    #[arg(
        long,
        env = "VALUTAI_UP_NATS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub nats_url: Option<String>,
    /// Folder with initdb, pg_ctl and postgres
    #[arg(long, env = "VALUTAI_POSTGRES_BIN", value_name = "DIR")]
    pub postgres_bin: Option<PathBuf>,
    /// The nats-server program
    #[arg(long, env = "VALUTAI_NATS_SERVER", value_name = "FILE")]
    pub nats_server: Option<PathBuf>,
}

impl ServerArgs {
    /// Where the search begins.
    #[must_use]
    pub fn options(&self) -> Options {
        Options {
            postgres_bin_dir: self.postgres_bin.clone(),
            nats_server: self.nats_server.clone(),
            ..Options::default()
        }
    }
}

/// A running system.
#[derive(Debug)]
pub struct Stack {
    servers: Servers,
    launched: Launched,
    /// Address of the gateway, as a URL.
    pub endpoint: String,
}

impl Stack {
    /// Starts everything on a data folder; `report` hears what is being done.
    ///
    /// # Errors
    /// Where a server cannot be had or a service does not start; nothing is left running.
    pub async fn start(
        args: &ServerArgs,
        data_dir: &Path,
        listen: SocketAddr,
        durable: bool,
        report: impl FnMut(&str) + Send + 'static,
    ) -> Result<Self> {
        fs::create_dir_all(data_dir).map_err(Error::file(data_dir))?;
        let users = nats_config::users(PREFIX);
        let callout = kept_secret(&data_dir.join("nats-callout-key"))?;
        let outsiders = nats_config::outsiders(PREFIX, &callout);
        let known = (users.as_slice(), Some(outsiders));
        let servers = start_servers(args, data_dir, durable, known, report).await?;
        match launch(&servers, &users, data_dir, listen, durable).await {
            Ok((launched, endpoint)) => Ok(Self {
                servers,
                launched,
                endpoint,
            }),
            Err(error) => {
                stop_servers(servers).await?;
                Err(error)
            }
        }
    }

    /// Stops the services, then the servers that were started for them.
    ///
    /// # Errors
    /// Where a server does not stop.
    pub async fn stop(self) -> Result<()> {
        self.launched.stop().await;
        stop_servers(self.servers).await
    }
}

/// Finds or obtains the servers and starts those that no address was given for.
pub(crate) async fn start_servers(
    args: &ServerArgs,
    data_dir: &Path,
    durable: bool,
    known: (&[NatsUser], Option<NatsOutsiders>),
    mut report: impl FnMut(&str) + Send + 'static,
) -> Result<Servers> {
    let options = args.options();
    let mut start = start_options(args, data_dir, known);
    start.durable = durable;
    blocking(move || Servers::obtain_and_start(&options, &start, &mut report)).await
}

/// Like that, with so many nats-servers as one cluster, which wait for the disk.
pub(crate) async fn start_cluster(
    args: &ServerArgs,
    data_dir: &Path,
    servers: usize,
    known: (&[NatsUser], Option<NatsOutsiders>),
    mut report: impl FnMut(&str) + Send + 'static,
) -> Result<Cluster> {
    let options = args.options();
    let start = start_options(args, data_dir, known);
    blocking(move || Cluster::obtain_and_start(&options, &start, servers, &mut report)).await
}

/// Stops a cluster that was started.
pub(crate) async fn stop_cluster(cluster: Cluster) -> Result<()> {
    blocking(move || cluster.stop()).await
}

fn start_options(
    args: &ServerArgs,
    data_dir: &Path,
    (users, outsiders): (&[NatsUser], Option<NatsOutsiders>),
) -> StartOptions {
    let mut start = StartOptions::durable(data_dir.join("servers"));
    start.postgres_url.clone_from(&args.postgres_url);
    start.nats_url.clone_from(&args.nats_url);
    start.nats_users = users.to_vec();
    start.nats_outsiders = outsiders;
    start
}

/// Stops the servers that were started.
pub(crate) async fn stop_servers(servers: Servers) -> Result<()> {
    blocking(move || servers.stop()).await
}

/// Work on servers, which blocks.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, localservers::Error> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| Error::Failed(error.to_string()))?
        .map_err(|error| Error::Failed(platform::error::chain(&error)))
}

async fn launch(
    servers: &Servers,
    users: &[NatsUser],
    data_dir: &Path,
    listen: SocketAddr,
    durable: bool,
) -> Result<(Launched, String)> {
    let setting = |error: ConfigError| Error::Failed(error.to_string());
    let launch = Launch {
        admin_url: Secret::new(servers.postgres_url()),
        database: "valutai".to_owned(),
        app_password: Secret::new(kept_secret(&data_dir.join("app-password"))?.to_base64()),
        nats_url: Secret::new(servers.nats_url()),
        nats_urls: nats_config::urls(std::slice::from_ref(servers), users),
        // Of a server that was not started here.
        nats_ca: servers
            .nats_monitor_url()
            .is_none()
            .then(nats_ca_from_env)
            .flatten(),
        subject_prefix: PREFIX.to_owned(),
        stream_replicas: 1,
        blob_dir: data_dir.join("blobs"),
        kek: kept_keys(&data_dir.join("key-encryption-key"))?,
        audit_key: kept_keys(&data_dir.join("audit-key"))?,
        listen,
        tls: None,
        postgres_connections: 8,
        ack_wait: ACK_WAIT,
        uploads: UploadLimits::from_env().map_err(setting)?,
        clamd: ClamdAddress::from_env().map_err(setting)?,
        accounts: accounts(data_dir, durable).map_err(setting)?,
        token_memory: TOKEN_MEMORY,
        trusted_proxies: Networks::trusted_proxies_from_env().map_err(setting)?,
        webhook_networks: Networks::webhooks_from_env().map_err(setting)?,
        operator: OperatorToken::from_env().map_err(setting)?,
        calls: calls_from_env().map_err(setting)?,
        outside: outside(servers, data_dir)?,
    };
    keep_admin_url(servers, data_dir, &launch.database)?;
    keep(&data_dir.join("admin-nats-url"), servers.nats_url())?;
    let failed = |error: platform::Error| Error::Failed(platform::error::chain(&error));
    launch.prepare(&SERVICES).await.map_err(failed)?;
    let launched = launch
        .start(&SERVICES, &Clock::system())
        .await
        .map_err(failed)?;
    let endpoint = format!("http://{}", launched.address().map_err(failed)?);
    Ok((launched, endpoint))
}

/// How programs outside read events: of the server that was started here by a key of the data folder, of another one as the
/// environment says.
fn outside(servers: &Servers, data_dir: &Path) -> Result<Option<Outside>> {
    if servers.nats_monitor_url().is_none() {
        return Outside::from_env().map_err(|error| Error::Failed(error.to_string()));
    }
    let host = servers.nats_url().rsplit_once('@').map(|(_, host)| host);
    let url = host.map(|host| format!("nats://{host}"));
    let key = kept_keys(&data_dir.join("nats-callout-key"))?;
    Ok(url.map(|url| Outside { key, url }))
}

/// Leaves the administrator's address of the database in the data folder, for `valutai keys` and `psql`.
fn keep_admin_url(servers: &Servers, data_dir: &Path, database: &str) -> Result<()> {
    let url = servers.postgres_url();
    let options = address::postgres(url).map_err(|error| Error::Failed(error.to_string()))?;
    let url = address::postgres_url(&options.database(database), url);
    keep(&data_dir.join("admin-postgres-url"), &url)
}

/// Writes a file that its owner alone reads.
fn keep(path: &Path, text: &str) -> Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(Error::file(path))?;
    file.write_all(text.as_bytes()).map_err(Error::file(path))
}

/// Mail is printed unless told otherwise: nobody runs a mail server beside this. Where the data goes
/// at the end, nobody waits for mail.
fn accounts(data_dir: &Path, durable: bool) -> Result<Accounts, ConfigError> {
    let accounts = Accounts::from_env()?;
    let usual = match durable {
        true => MailSink::Stderr,
        false => MailSink::Folder(data_dir.join("mail")),
    };
    Ok(Accounts {
        mail: accounts.mail.or(Some(usual)),
        ..accounts
    })
}

/// Keys of the data folder, in a file that `valutai keys` may change; made at the first start.
pub(crate) fn kept_keys(path: &Path) -> Result<Keys> {
    if !path.exists() {
        kept_secret(path)?;
    }
    Keys::from_file(path, Kms::from_env()).map_err(|error| Error::content(path, error.to_string()))
}

/// Reads a secret of the data folder; makes it at the first start, readable by its owner only.
pub(crate) fn kept_secret(path: &Path) -> Result<Key> {
    match fs::read_to_string(path) {
        Ok(text) => {
            Key::from_base64(&text).map_err(|error| Error::content(path, error.to_string()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let key = Key::generate();
            let mut file = fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(Error::file(path))?;
            file.write_all(key.to_base64().as_bytes())
                .map_err(Error::file(path))?;
            Ok(key)
        }
        Err(error) => Err(Error::file(path)(error)),
    }
}
