//! The running pair: started together, watched by one keeper, stopped together. It deliberately does
//! not notice a server that dies on its own; whoever talks to it does.

mod crash;

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use crate::error::Error;
use crate::files;
use crate::find::Found;
use crate::identity::Identity;
use crate::keeper::{Charge, Keeper};
use crate::nats::{self, Nats};
use crate::obtain;
use crate::options::{Binaries, NatsMember, NatsOutsiders, NatsUser, Options, StartOptions};
use crate::ports::Ports;
use crate::postgres::{self, Place, Postgres};

/// Marks a data folder that was made by an ephemeral run and may therefore be removed.
const EPHEMERAL_MARK: &str = "ephemeral";

/// A running Postgres and nats-server.
///
/// They stop with [`Servers::stop`], and in any case when their owner is gone. When the owner is this
/// process, dropping the value stops them too, shortly afterwards and without waiting.
#[derive(Debug)]
pub struct Servers {
    postgres_url: String,
    nats_url: String,
    own: Option<Own>,
}

/// What was started here.
#[derive(Debug)]
struct Own {
    identity: Identity,
    data_dir: PathBuf,
    durable: bool,
    nats_users: Vec<NatsUser>,
    nats_outsiders: Option<NatsOutsiders>,
    nats_member: Option<NatsMember>,
    remove: Option<PathBuf>,
    keeper: Keeper,
    postgres: Option<(Found, Postgres)>,
    nats: Option<(PathBuf, Nats)>,
}

/// The programs of those servers that are to be started.
#[derive(Default)]
struct Programs {
    postgres: Option<Found>,
    nats: Option<Found>,
}

impl Servers {
    /// Starts the servers that `start` does not give an address for, and waits until they are ready.
    /// The first start in a data folder makes the database cluster.
    ///
    /// # Errors
    /// [`Error::NotStarted`], [`Error::DataDirInUse`], [`Error::NotReachable`],
    /// [`Error::OtherPostgresVersion`], [`Error::NotEphemeral`], [`Error::Io`]; nothing is left running.
    pub fn start(
        binaries: &Binaries,
        start: &StartOptions,
        report: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        let programs = Programs {
            postgres: start.postgres_url.is_none().then(|| Found {
                path: binaries.postgres_bin_dir.clone(),
                version: binaries.postgres_version,
            }),
            nats: start.nats_url.is_none().then(|| Found {
                path: binaries.nats_server.clone(),
                version: binaries.nats_version,
            }),
        };
        let remove = start.remove_data.then_some(start.data_dir.as_path());
        Self::run(&programs, start, remove, &Identity::detect()?, report)
    }

    /// Like [`Servers::start`], but finds or obtains only the programs that are needed: none for a
    /// server that `start` gives an address for.
    ///
    /// # Errors
    /// Those of [`crate::find_or_obtain`] and of [`Servers::start`].
    pub fn obtain_and_start(
        options: &Options,
        start: &StartOptions,
        report: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        let remove = start.remove_data.then_some(start.data_dir.as_path());
        Self::obtain_and_run(options, start, remove, &Identity::detect()?, report)
    }

    /// As above, with the folder to remove at the end, which may be one around the data folder.
    pub(crate) fn obtain_and_run(
        options: &Options,
        start: &StartOptions,
        remove: Option<&Path>,
        identity: &Identity,
        report: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        let mut programs = Programs::default();
        if start.postgres_url.is_none() {
            programs.postgres = Some(obtain::find_or_obtain_postgres(options, identity, report)?);
        }
        if start.nats_url.is_none() {
            programs.nats = Some(obtain::find_or_obtain_nats(options, identity, report)?);
        }
        Self::run(&programs, start, remove, identity, report)
    }

    fn run(
        programs: &Programs,
        start: &StartOptions,
        remove: Option<&Path>,
        identity: &Identity,
        report: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        let mut servers = Self {
            postgres_url: start.postgres_url.clone().unwrap_or_default(),
            nats_url: start.nats_url.clone().unwrap_or_default(),
            own: None,
        };
        if programs.postgres.is_none() && programs.nats.is_none() {
            return Ok(servers);
        }
        let mut own = Own::prepare(programs, start, remove, identity, report)?;
        if let Err(error) = own.start(programs, report) {
            // The reason for the failed start is the news; what cannot be undone is said beside it.
            if let Err(also) = own.end(false) {
                report(&format!("while giving up: {also}"));
            }
            return Err(error);
        }
        if let Some((_, postgres)) = &own.postgres {
            servers.postgres_url.clone_from(&postgres.url);
        }
        if let Some((_, nats)) = &own.nats {
            servers.nats_url.clone_from(&nats.url);
        }
        servers.own = Some(own);
        Ok(servers)
    }

    /// Address of the database `postgres`, as superuser, with the password.
    pub fn postgres_url(&self) -> &str {
        &self.postgres_url
    }

    /// Address of the NATS server, with user and password.
    pub fn nats_url(&self) -> &str {
        &self.nats_url
    }

    /// Address of the NATS server's monitoring pages; `None` when it was not started here.
    pub fn nats_monitor_url(&self) -> Option<String> {
        let port = self.nats_monitor_port()?;
        Some(format!("http://127.0.0.1:{port}"))
    }

    pub(crate) fn nats_monitor_port(&self) -> Option<u16> {
        Some(self.own.as_ref()?.nats.as_ref()?.1.monitor_port)
    }

    /// Where nats-server logs; empty when it was not started here.
    pub(crate) fn nats_log(&self) -> PathBuf {
        let own = self.own.as_ref();
        own.map(|own| nats::log_file(&own.data_dir))
            .unwrap_or_default()
    }

    /// Process id of Postgres; `None` when it was not started here.
    pub fn postgres_pid(&self) -> Option<u32> {
        Some(self.own.as_ref()?.postgres.as_ref()?.1.pid)
    }

    /// Process id of nats-server, of the last one where it was killed; `None` when it was not started
    /// here.
    pub fn nats_pid(&self) -> Option<u32> {
        Some(self.own.as_ref()?.nats.as_ref()?.1.pid())
    }

    /// Stops what was started here and waits for it: Postgres after finishing its writes, NATS after
    /// writing its streams; both are killed when they take too long. Removes the data if so asked.
    ///
    /// # Errors
    /// [`Error::NotStopped`] when one outlives even a kill; [`Error::Io`] when the data cannot be
    /// removed.
    pub fn stop(self) -> Result<(), Error> {
        match self.own {
            Some(own) => own.end(true),
            None => Ok(()),
        }
    }
}

impl Own {
    /// Makes the folder ready and starts the keeper, so that from here on nothing can be left over.
    fn prepare(
        programs: &Programs,
        start: &StartOptions,
        remove: Option<&Path>,
        identity: &Identity,
        report: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        let made = files::make_private_dir(&start.data_dir)?;
        let data_dir =
            fs::canonicalize(&start.data_dir).map_err(Error::io("find", &start.data_dir))?;
        identity.give(&data_dir)?;
        identity.require_reach(&data_dir)?;
        if start.remove_data {
            require_ephemeral(&data_dir, made)?;
        }
        let nats_program = programs.nats.as_ref().map(|found| found.path.as_path());
        let keeper = Keeper::start(
            &Charge {
                owner_pid: start.owner_pid,
                data_dir: &data_dir,
                nats_pid_file: nats::pid_file(&data_dir),
                nats_program: nats_program.unwrap_or(Path::new("nats-server")),
                postgres_pid_file: postgres::pid_file(&data_dir),
                gentle: start.durable,
                remove,
            },
            report,
        )?;
        Ok(Self {
            identity: identity.clone(),
            data_dir,
            durable: start.durable,
            nats_users: start.nats_users.clone(),
            nats_outsiders: start.nats_outsiders.clone(),
            nats_member: start.nats_member.clone(),
            remove: remove.map(Path::to_path_buf),
            keeper,
            postgres: None,
            nats: None,
        })
    }

    /// Starts the two servers at the same time: each waits on its own.
    fn start(&mut self, programs: &Programs, report: &mut dyn FnMut(&str)) -> Result<(), Error> {
        if let Some(found) = &programs.nats {
            nats::end_leftover(&found.path, &self.data_dir, report)?;
        }
        postgres::end_leftover(&self.data_dir, report)?;
        let ports_file = self.data_dir.join("ports.json");
        let mut ports = Ports::load_or_pick(&ports_file)?;
        let place = self.place();
        let nats_ports = (ports.nats, ports.nats_monitor);
        let (nats, postgres) = thread::scope(|scope| {
            let nats = programs.nats.as_ref().map(|found| {
                scope.spawn(move || nats::start(&found.path, place, nats_ports, true))
            });
            let postgres = programs.postgres.as_ref().map(|found| {
                postgres::start(&found.path, found.version, place, ports.postgres, report)
            });
            let nats = nats.map(|thread| match thread.join() {
                Ok(started) => started,
                Err(panic) => std::panic::resume_unwind(panic),
            });
            (nats, postgres)
        });
        // Both are taken down before either failure is returned, so that `end` sees what did start.
        let (nats, nats_failed) = split(nats);
        let (postgres, postgres_failed) = split(postgres);
        if let (Some(found), Some(nats)) = (&programs.nats, nats) {
            (ports.nats, ports.nats_monitor) = (nats.port, nats.monitor_port);
            self.nats = Some((found.path.clone(), nats));
        }
        if let (Some(found), Some(postgres)) = (&programs.postgres, postgres) {
            ports.postgres = postgres.port;
            self.postgres = Some((found.clone(), postgres));
        }
        match postgres_failed.or(nats_failed) {
            Some(error) => Err(error),
            None => ports.save(&ports_file),
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            data_dir: &self.data_dir,
            identity: &self.identity,
            group: self.keeper.group(),
            durable: self.durable,
            nats_users: &self.nats_users,
            nats_outsiders: self.nats_outsiders.as_ref(),
            nats_member: self.nats_member.as_ref(),
        }
    }

    /// Stops both, even when one refuses, then sends the keeper home.
    fn end(mut self, gentle: bool) -> Result<(), Error> {
        let gentle = gentle && self.remove.is_none();
        let nats = match &mut self.nats {
            Some((_, nats)) => nats.stop(gentle, &self.data_dir),
            None => Ok(()),
        };
        let postgres = match &self.postgres {
            Some((_, postgres)) => postgres::stop(postgres.pid, gentle),
            None => postgres::end_leftover(&self.data_dir, &mut |_| {}),
        };
        nats.and(postgres)?;
        self.keeper.dismiss()?;
        match &self.remove {
            Some(folder) => files::remove_tree(folder),
            None => Ok(()),
        }
    }
}

fn split<T>(result: Option<Result<T, Error>>) -> (Option<T>, Option<Error>) {
    match result {
        Some(Ok(value)) => (Some(value), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    }
}

/// Allows removing a folder only if it was made by such a run, or was empty when it came.
fn require_ephemeral(data_dir: &Path, made: bool) -> Result<(), Error> {
    let mark = data_dir.join(EPHEMERAL_MARK);
    if mark.exists() {
        return Ok(());
    }
    let empty = || {
        let mut entries = fs::read_dir(data_dir).map_err(Error::io("list", data_dir))?;
        Ok(entries.next().is_none())
    };
    if !(made || empty()?) {
        return Err(Error::NotEphemeral {
            data_dir: data_dir.to_path_buf(),
        });
    }
    files::write_private(
        &mark,
        "This folder is removed when the servers in it stop.\n",
    )
}
