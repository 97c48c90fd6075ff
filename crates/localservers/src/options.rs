//! What callers pass in and get out of the search. It deliberately does not read the environment:
//! settings such as `VALUTAI_POSTGRES_BIN` are the caller's to read.

use std::path::PathBuf;

use crate::version::Version;

/// Where to look for the servers and where to keep obtained ones.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Folder with `initdb`, `pg_ctl` and `postgres`; when given, nothing else is tried.
    pub postgres_bin_dir: Option<PathBuf>,
    /// The nats-server program; when given, nothing else is tried.
    pub nats_server: Option<PathBuf>,
    /// Where obtained programs are kept; the default is the user's cache folder, and
    /// `/var/cache/valutai` for root.
    pub cache_dir: Option<PathBuf>,
    /// Use only the cache and the package clients, for testing them.
    pub ignore_installed: bool,
}

/// A usable Postgres and a usable nats-server on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Folder with `initdb`, `pg_ctl` and `postgres`.
    pub postgres_bin_dir: PathBuf,
    /// What `postgres --version` says.
    pub postgres_version: Version,
    /// The nats-server program.
    pub nats_server: PathBuf,
    /// What `nats-server --version` says.
    pub nats_version: Version,
}

/// How to run the pair.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// Folder of databases, streams, logs, passwords and ports; made when missing. As root it is
    /// handed to the user that runs the servers.
    pub data_dir: PathBuf,
    /// Whether an acknowledged write survives a power cut. Without it both servers skip waiting for
    /// the disk, which is right for tests only.
    pub durable: bool,
    /// The servers stop when this process is gone, however it ended. With the current process, they
    /// also stop when the [`crate::Servers`] value is dropped.
    pub owner_pid: u32,
    /// Removes `data_dir` when the servers stop; refused for a folder that holds anything else.
    pub remove_data: bool,
    /// A running Postgres to use instead of starting one.
    pub postgres_url: Option<String>,
    /// A running NATS server to use instead of starting one.
    pub nats_url: Option<String>,
    /// Users of the NATS server that is started, beside the one who may do everything.
    pub nats_users: Vec<NatsUser>,
    /// How programs outside are let into the NATS server that is started; none are without.
    pub nats_outsiders: Option<NatsOutsiders>,
    /// Which server of a cluster the NATS server is; it is alone without.
    pub nats_member: Option<NatsMember>,
}

/// One nats-server of a cluster on this machine.
#[derive(Clone)]
pub struct NatsMember {
    /// Its name, which it keeps: the others know by it what it holds.
    pub name: String,
    /// The loopback port on which the others reach it.
    pub port: u16,
    /// The ports of all of them.
    pub ports: Vec<u16>,
    /// What they show each other, and the administrator shows to each.
    pub password: String,
}

impl std::fmt::Debug for NatsMember {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NatsMember({})", self.name)
    }
}

/// How the NATS server lets in users that it does not know: somebody who answers for them is asked.
#[derive(Debug, Clone)]
pub struct NatsOutsiders {
    /// Public key of whoever answers.
    pub issuer: String,
    /// Account of the users that the server knows, who are asked and answer, and of the streams.
    pub services_account: String,
    /// Account of the others.
    pub account: String,
    /// What leads out of the services' account, as nats-server's configuration writes it.
    pub exports: Vec<serde_json::Value>,
    /// What leads out of the others'.
    pub imports: Vec<serde_json::Value>,
}

/// A user of the NATS server.
#[derive(Clone)]
pub struct NatsUser {
    /// Name to log in with.
    pub name: String,
    /// Password; one that looks like a number is taken for one.
    pub password: String,
    /// What the user may say and hear, as nats-server's configuration writes it.
    pub permissions: serde_json::Value,
}

impl std::fmt::Debug for NatsUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "NatsUser({})", self.name)
    }
}

impl StartOptions {
    /// Servers that keep their data in `data_dir`, survive power cuts and end with this process.
    pub fn durable(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            durable: true,
            owner_pid: std::process::id(),
            remove_data: false,
            postgres_url: None,
            nats_url: None,
            nats_users: Vec::new(),
            nats_outsiders: None,
            nats_member: None,
        }
    }

    /// Servers for a test: quick rather than safe, gone with `owner_pid`, and so is `data_dir`.
    pub fn ephemeral(data_dir: impl Into<PathBuf>, owner_pid: u32) -> Self {
        Self {
            durable: false,
            owner_pid,
            remove_data: true,
            ..Self::durable(data_dir)
        }
    }
}
