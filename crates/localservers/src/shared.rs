//! One pair of servers for all tests of one run, however many processes and threads they are spread
//! over. It deliberately separates no tests from each other: that is done by databases and subject
//! prefixes, in `testkit`.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::files;
use crate::identity::Identity;
use crate::nats;
use crate::options::{Options, StartOptions};
use crate::process;
use crate::servers::Servers;

/// For looking whether a server on this machine still listens.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);

/// Servers that this process is the owner of, and which would stop if they were dropped.
static OWNED: Mutex<Vec<Servers>> = Mutex::new(Vec::new());

/// Where the servers of this test run are. They stop, and their data is removed, when the process
/// `owner_pid` ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedServers {
    /// Address of the database `postgres`, as superuser, with the password.
    pub postgres_url: String,
    /// Address of the NATS server, with user and password.
    pub nats_url: String,
    /// Address of the NATS server's monitoring pages.
    pub nats_monitor_url: String,
    /// Process id of Postgres.
    pub postgres_pid: u32,
    /// Process id of nats-server. Killing it disturbs every test of the run.
    pub nats_pid: u32,
    /// The process whose end ends the servers: the one that started the tests.
    pub owner_pid: u32,
}

/// Gives every caller of one test run the same servers, starting them for the first one. The run is
/// known by the parent process, which is `cargo` for tests; a process without one is its own run.
///
/// # Errors
/// Those of [`crate::find_or_obtain`] and [`Servers::start`]; [`Error::ForeignFolder`] when the
/// folder for the run was made by somebody else.
pub fn shared_for_run(
    options: &Options,
    report: &mut dyn FnMut(&str),
) -> Result<SharedServers, Error> {
    let parent = std::os::unix::process::parent_id();
    let owner = if parent <= 1 {
        std::process::id()
    } else {
        parent
    };
    shared_for_owner(owner, options, report)
}

fn shared_for_owner(
    owner_pid: u32,
    options: &Options,
    report: &mut dyn FnMut(&str),
) -> Result<SharedServers, Error> {
    let identity = Identity::detect()?;
    let folder = std::env::temp_dir().join(format!("valutai-test-{}-{owner_pid}", identity.uid));
    make_run_folder(&folder, &identity)?;
    let lock_path = folder.join("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(Error::io("open", &lock_path))?;
    lock.lock().map_err(Error::io("lock", &lock_path))?;
    let state = folder.join("servers.json");
    if let Some(running) = read_running(&state)? {
        return Ok(running);
    }
    let data_dir = folder.join("servers");
    let start = StartOptions::ephemeral(&data_dir, owner_pid);
    let servers = Servers::obtain_and_run(options, &start, Some(&folder), &identity, report)?;
    let shared = describe(&servers, owner_pid)?;
    let text = serde_json::to_string_pretty(&shared).map_err(|error| Error::Damaged {
        path: state.clone(),
        reason: error.to_string(),
    })?;
    files::write_private(&state, &text)?;
    // A poisoned list is still a list of servers to hold on to.
    OWNED
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
        .push(servers);
    Ok(shared)
}

fn describe(servers: &Servers, owner_pid: u32) -> Result<SharedServers, Error> {
    let ours = Error::NotOurs {
        what: "a server of a test run",
    };
    let (Some(postgres_pid), Some(nats_pid), Some(nats_monitor_url)) = (
        servers.postgres_pid(),
        servers.nats_pid(),
        servers.nats_monitor_url(),
    ) else {
        return Err(ours);
    };
    Ok(SharedServers {
        postgres_url: servers.postgres_url().to_owned(),
        nats_url: servers.nats_url().to_owned(),
        nats_monitor_url,
        postgres_pid,
        nats_pid,
        owner_pid,
    })
}

/// Makes the folder for this user alone. The user that runs the servers for root must be able to
/// pass through it, but not to list it.
fn make_run_folder(folder: &Path, identity: &Identity) -> Result<(), Error> {
    let mode = if identity.is_root() { 0o711 } else { 0o700 };
    match DirBuilder::new().mode(mode).create(folder) {
        Ok(()) => return files::set_mode(folder, mode),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(Error::io("make the folder", folder)(error)),
    }
    let found = fs::symlink_metadata(folder).map_err(Error::io("read", folder))?;
    if found.is_dir() && found.uid() == identity.uid {
        return Ok(());
    }
    Err(Error::ForeignFolder {
        path: PathBuf::from(folder),
    })
}

/// The servers described in the state file, if both still answer.
fn read_running(state: &Path) -> Result<Option<SharedServers>, Error> {
    let Some(text) = files::read_if_there(state)? else {
        return Ok(None);
    };
    let shared: SharedServers = serde_json::from_str(&text).map_err(|error| Error::Damaged {
        path: state.to_path_buf(),
        reason: error.to_string(),
    })?;
    Ok(answers(&shared).then_some(shared))
}

fn answers(shared: &SharedServers) -> bool {
    let postgres = port_of(&shared.postgres_url).is_some_and(|port| {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        TcpStream::connect_timeout(&address, CONNECT_LIMIT).is_ok()
    });
    let nats = port_of(&shared.nats_url)
        .zip(password_of(&shared.nats_url))
        .is_some_and(|(port, password)| nats::greet(port, password).is_ok());
    postgres && nats && process::is_running(shared.postgres_pid)
}

fn port_of(url: &str) -> Option<u16> {
    let after = url.rsplit_once(':')?.1;
    after.split('/').next()?.parse().ok()
}

fn password_of(url: &str) -> Option<&str> {
    url.rsplit_once('@')?
        .0
        .rsplit_once(':')
        .map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(
            port_of("postgres://a:b@127.0.0.1:5432/postgres"),
            Some(5432)
        );
        assert_eq!(port_of("nats://a:b@127.0.0.1:4222"), Some(4222));
        assert_eq!(port_of("nats://nowhere"), None);
        assert_eq!(password_of("nats://a:b@127.0.0.1:4222"), Some("b"));
    }
}
