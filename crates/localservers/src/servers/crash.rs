//! Servers that are killed as a power cut would, and started again: for tests of what survives that.
//! Deliberately apart from stopping, which loses nothing.

use std::thread;
use std::time::{Duration, Instant};

use super::{Own, Servers};
use crate::error::Error;
use crate::{nats, ports, postgres};

/// How long a restart waits for the old server's port to come free.
const PORT_LIMIT: Duration = Duration::from_secs(10);

/// How long it waits for the old Postgres to be collected, which is up to whoever inherited it.
const PROCESS_LIMIT: Duration = Duration::from_secs(60);

/// Between two looks at a port, which gives no sign when it comes free.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Servers {
    /// Kills nats-server as a power cut would, and leaves it so until [`Servers::restart_nats`].
    ///
    /// # Errors
    /// [`Error::NotOurs`] when it was not started here; [`Error::NotStopped`].
    pub fn kill_nats(&mut self) -> Result<(), Error> {
        let own = self.own_nats()?;
        match &mut own.nats {
            Some((_, nats)) => nats.stop(false, &own.data_dir),
            None => Ok(()),
        }
    }

    /// Kills nats-server if it runs and starts it again on the same ports and store; the address
    /// stays the same.
    ///
    /// # Errors
    /// [`Error::NotOurs`] when it was not started here; [`Error::NotStarted`], also when somebody has
    /// taken the port meanwhile.
    pub fn restart_nats(&mut self) -> Result<(), Error> {
        self.kill_nats()?;
        let own = self.own_nats()?;
        let Some((program, old)) = &own.nats else {
            return Ok(());
        };
        let (program, ports) = (program.clone(), (old.port, old.monitor_port));
        let deadline = Instant::now() + PORT_LIMIT;
        while ports::is_free(ports.0).is_err() && Instant::now() < deadline {
            thread::sleep(LOOK_EVERY);
        }
        let started = nats::start(&program, own.place(), ports, false)?;
        own.nats = Some((program, started));
        Ok(())
    }

    /// Kills Postgres as a power cut would, and leaves it so until [`Servers::restart_postgres`].
    ///
    /// # Errors
    /// [`Error::NotOurs`] when it was not started here; [`Error::NotStopped`].
    pub fn kill_postgres(&mut self) -> Result<(), Error> {
        let own = self.own_postgres()?;
        match &own.postgres {
            Some((_, postgres)) => postgres::kill(postgres.pid),
            None => Ok(()),
        }
    }

    /// Kills Postgres if it runs and starts it again on the same port and data; the address stays the
    /// same.
    ///
    /// # Errors
    /// [`Error::NotOurs`] when it was not started here; [`Error::NotStarted`], also when somebody has
    /// taken the port meanwhile.
    pub fn restart_postgres(&mut self) -> Result<(), Error> {
        self.kill_postgres()?;
        let own = self.own_postgres()?;
        let Some((found, old)) = &own.postgres else {
            return Ok(());
        };
        let (found, port) = (found.clone(), old.port);
        let deadline = Instant::now() + PROCESS_LIMIT;
        while ports::is_free(port).is_err() && Instant::now() < deadline {
            thread::sleep(LOOK_EVERY);
        }
        // The processes of the old one may hold its memory for another moment.
        let started = loop {
            let started =
                postgres::start(&found.path, found.version, own.place(), port, &mut |_| {});
            match started {
                Err(Error::NotStarted { .. }) if Instant::now() < deadline => {
                    thread::sleep(LOOK_EVERY);
                }
                started => break started?,
            }
        };
        if started.port != port {
            return Err(Error::NotStarted {
                what: "Postgres",
                reason: format!("somebody else listens on its port {port}"),
                log: own.data_dir.join("postgres.log"),
            });
        }
        own.postgres = Some((found, started));
        Ok(())
    }

    fn own_postgres(&mut self) -> Result<&mut Own, Error> {
        self.own
            .as_mut()
            .filter(|own| own.postgres.is_some())
            .ok_or(Error::NotOurs { what: "Postgres" })
    }

    fn own_nats(&mut self) -> Result<&mut Own, Error> {
        self.own
            .as_mut()
            .filter(|own| own.nats.is_some())
            .ok_or(Error::NotOurs { what: "NATS" })
    }
}
