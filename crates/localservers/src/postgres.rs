//! Makes, starts and stops one private Postgres. It deliberately makes no database, role or schema
//! beyond what `initdb` does: those are the product's.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::command;
use crate::environment::FOREIGN_POSTGRES_SETTINGS;
use crate::error::Error;
use crate::files;
use crate::identity::Identity;
use crate::options::{NatsMember, NatsOutsiders, NatsUser};
use crate::ports;
use crate::process;
use crate::version::Version;

/// The superuser of every cluster made here.
const ADMIN: &str = "valutai_admin";

/// Also the name by which a running server is recognised.
const PROGRAM: &str = "postgres";

/// Recovery after a crash may replay minutes of writes before the server is ready.
const START_LIMIT_SECONDS: &str = "300";

/// After each signal of a stop.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A port can be taken between the look and the bind; this often another one is tried.
const PORT_ATTEMPTS: usize = 5;

/// Tried in order: the first is not known to every system's C library.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];

/// Where a server lives and on whose behalf.
#[derive(Clone, Copy)]
pub(crate) struct Place<'a> {
    pub(crate) data_dir: &'a Path,
    pub(crate) identity: &'a Identity,
    /// The process group that the keeper ends when the owner goes away during a start.
    pub(crate) group: i32,
    pub(crate) durable: bool,
    pub(crate) nats_users: &'a [NatsUser],
    pub(crate) nats_outsiders: Option<&'a NatsOutsiders>,
    pub(crate) nats_member: Option<&'a NatsMember>,
}

/// A running Postgres.
#[derive(Debug)]
pub(crate) struct Postgres {
    pub(crate) pid: u32,
    pub(crate) port: u16,
    pub(crate) url: String,
}

/// The file in which Postgres keeps its process id.
pub(crate) fn pid_file(data_dir: &Path) -> PathBuf {
    cluster(data_dir).join("postmaster.pid")
}

fn cluster(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres")
}

/// Makes the cluster when there is none and starts it on `port`, or on another where that is taken.
///
/// # Errors
/// [`Error::OtherPostgresVersion`], [`Error::NotStarted`] with the end of the log, or what `initdb`
/// said.
pub(crate) fn start(
    bin_dir: &Path,
    version: Version,
    place: Place<'_>,
    port: u16,
    report: &mut dyn FnMut(&str),
) -> Result<Postgres, Error> {
    let password_file = place.data_dir.join("postgres.password");
    let password = files::password(&password_file)?;
    place.identity.give(&password_file)?;
    let cluster = cluster(place.data_dir);
    match files::read_if_there(&cluster.join("PG_VERSION"))? {
        None => init(bin_dir, place, &password_file, report)?,
        Some(found) if found.trim() != version.major.to_string() => {
            return Err(Error::OtherPostgresVersion {
                data_dir: cluster,
                found: found.trim().to_owned(),
                offered: version.to_string(),
            });
        }
        Some(_) => end_leftover(place.data_dir, report)?,
    }
    let port = launch(bin_dir, place, &cluster, port)?;
    let pid = process::running_in(&pid_file(place.data_dir), PROGRAM).ok_or_else(|| {
        Error::NotStarted {
            what: "Postgres",
            reason: "it ended right after it was ready".to_owned(),
            log: log_file(place.data_dir),
        }
    })?;
    Ok(Postgres {
        pid,
        port,
        url: format!("postgres://{ADMIN}:{password}@127.0.0.1:{port}/postgres"),
    })
}

/// Stops the server: with its writes finished when `gentle`, else as quickly as it can.
///
/// # Errors
/// [`Error::NotStopped`] when it outlives even a kill.
pub(crate) fn stop(pid: u32, gentle: bool) -> Result<(), Error> {
    let signals: &[&str] = if gentle {
        &["INT", "QUIT", "KILL"]
    } else {
        &["QUIT", "KILL"]
    };
    process::end("Postgres", pid, signals, STOP_LIMIT)
}

/// Kills the server as it stands; its other processes notice and end by themselves.
///
/// # Errors
/// [`Error::NotStopped`] when it outlives the kill.
pub(crate) fn kill(pid: u32) -> Result<(), Error> {
    process::end("Postgres", pid, &["KILL"], STOP_LIMIT)
}

/// Stops a server that an earlier run left behind, as happens when its keeper was killed too.
pub(crate) fn end_leftover(data_dir: &Path, report: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let Some(pid) = process::running_in(&pid_file(data_dir), PROGRAM) else {
        return Ok(());
    };
    report(&format!(
        "stopping Postgres (process {pid}), left by an earlier run"
    ));
    stop(pid, true)
}

fn init(
    bin_dir: &Path,
    place: Place<'_>,
    password_file: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<(), Error> {
    report("making a new Postgres cluster");
    let unfinished = place.data_dir.join("postgres.unfinished");
    let mut refused = None;
    for locale in LOCALES {
        files::remove_tree(&unfinished)?;
        let mut initdb = program(bin_dir, "initdb", place);
        initdb
            .arg("--pgdata")
            .arg(&unfinished)
            .args(["--username", ADMIN, "--auth=scram-sha-256"])
            .args(["--encoding=UTF8", "--lc-messages=C", "--locale", locale])
            .arg("--pwfile")
            .arg(password_file);
        if !place.durable {
            initdb.arg("--no-sync");
        }
        match command::run(&mut initdb) {
            Ok(_) => {
                let conf = unfinished.join("postgresql.conf");
                let mut text = fs::read_to_string(&conf).map_err(Error::io("read", &conf))?;
                text.push_str("\ninclude 'valutai.conf'\n");
                fs::write(&conf, text).map_err(Error::io("write", &conf))?;
                let cluster = cluster(place.data_dir);
                return fs::rename(&unfinished, &cluster)
                    .map_err(Error::io("put in place", &cluster));
            }
            Err(error) => refused = Some(error),
        }
    }
    refused.map_or(Ok(()), Err)
}

/// Starts the cluster and gives back the port that it listens on.
fn launch(bin_dir: &Path, place: Place<'_>, cluster: &Path, mut port: u16) -> Result<u16, Error> {
    let log = log_file(place.data_dir);
    files::rotate_log(&log)?;
    let mut attempts = 0;
    loop {
        attempts += 1;
        let conf = cluster.join("valutai.conf");
        files::write_private(&conf, &settings(port, place.durable))?;
        place.identity.give(&conf)?;
        let said_before = files::size(&log);
        let mut pg_ctl = program(bin_dir, "pg_ctl", place);
        pg_ctl
            .args(["start", "--wait", "--silent"])
            .args(["--timeout", START_LIMIT_SECONDS, "--pgdata"])
            .arg(cluster)
            .arg("--log")
            .arg(&log);
        let Err(error) = command::run(&mut pg_ctl) else {
            return Ok(port);
        };
        let said = files::log_end(&log, said_before);
        let port_taken = said.contains("could not bind") || said.contains("already in use");
        if !port_taken || attempts >= PORT_ATTEMPTS {
            return Err(Error::NotStarted {
                what: "Postgres",
                reason: format!("{error}: {said}"),
                log,
            });
        }
        port = ports::pick_free()?;
    }
}

fn settings(port: u16, durable: bool) -> String {
    let safety = if durable {
        // With the usual 128 MB and 1 GB a large import writes pages out to make room, and again after
        // each of the checkpoints that it forces.
        "fsync = on\nsynchronous_commit = on\nfull_page_writes = on\n\
         shared_buffers = '512MB'\nmax_wal_size = '4GB'\n"
    } else {
        "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
         wal_level = minimal\nmax_wal_senders = 0\n"
    };
    format!(
        "# Written by valutai at every start.\n\
         listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = ''\n\
         max_connections = 200\n\
         password_encryption = 'scram-sha-256'\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n\
         logging_collector = off\n\
         {safety}"
    )
}

fn program(bin_dir: &Path, name: &str, place: Place<'_>) -> Command {
    let mut command = Command::new(bin_dir.join(name));
    for setting in FOREIGN_POSTGRES_SETTINGS {
        command.env_remove(setting);
    }
    // On macOS, Postgres refuses to start where the locale of the environment is not known.
    command.env("LC_ALL", "C");
    place.identity.drop_to_runner(&mut command);
    command.process_group(place.group);
    command
}

fn log_file(data_dir: &Path) -> PathBuf {
    data_dir.join("postgres.log")
}
