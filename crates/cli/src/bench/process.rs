//! A service as a process of its own, by `valutai serve`; killed when dropped. Deliberately nothing kept of
//! what it says: it speaks on the standard error.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use platform::launch::Launch;

use super::system::LOG;
use crate::error::{Error, Result};

/// A running process.
#[derive(Debug)]
pub struct Process(Child);

impl Process {
    /// Starts a service of a launch; `program` is `valutai`, or a folder with a program for each service.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(program: &Path, launch: &Launch, dir: &Path, service: &str) -> Result<Self> {
        let mut command = Self::command(program, launch, dir, service)?;
        Self::spawn(&mut command)
    }

    /// Starts a replica with addresses of its own: that of the gateway, and that of the health service.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start_at(
        program: &Path,
        launch: &Launch,
        dir: &Path,
        service: &str,
        listen: SocketAddr,
        health: SocketAddr,
    ) -> Result<Self> {
        let mut command = Self::command(program, launch, dir, service)?;
        command
            .env("VALUTAI_LISTEN", listen.to_string())
            .env("VALUTAI_HEALTH_LISTEN", health.to_string())
            .env("VALUTAI_AUDIT_KEY_FILE", Self::audit_key_file(dir));
        Self::spawn(&mut command)
    }

    fn command(program: &Path, launch: &Launch, dir: &Path, service: &str) -> Result<Command> {
        let config = launch
            .config_for(service)
            .map_err(|error| Error::Failed(platform::error::chain(&error)))?;
        let mut command = match program.is_dir() {
            true => Command::new(program.join(service)),
            false => {
                let mut command = Command::new(program);
                command.args(["serve", service]);
                command
            }
        };
        command
            .env("VALUTAI_POSTGRES_URL", config.postgres_url.expose())
            .env("VALUTAI_NATS_URL", config.nats_url.expose())
            .env("VALUTAI_SUBJECT_PREFIX", &config.subject_prefix)
            .env(
                "VALUTAI_STREAM_REPLICAS",
                config.stream_replicas.to_string(),
            )
            .env("VALUTAI_BLOB_DIR", &config.blob_dir)
            .env("VALUTAI_KEK_FILE", Self::key_file(dir))
            .env("VALUTAI_LISTEN", config.listen.to_string())
            .env(
                "VALUTAI_CALLS_PER_SECOND",
                config.calls.per_second.to_string(),
            )
            .env("VALUTAI_LOG", LOG)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Ok(command)
    }

    fn spawn(command: &mut Command) -> Result<Self> {
        let spawned = command.spawn();
        spawned.map(Self).map_err(Error::file("valutai serve"))
    }

    /// Where the key-encryption key of such processes lies.
    #[must_use]
    pub fn key_file(dir: &Path) -> PathBuf {
        dir.join("key-encryption-key")
    }

    /// Where the key of the audit trail of such processes lies.
    #[must_use]
    pub fn audit_key_file(dir: &Path) -> PathBuf {
        dir.join("audit-key")
    }

    /// Asks it to stop, with SIGTERM.
    ///
    /// # Errors
    /// Where it is gone already.
    pub fn terminate(&self) -> Result<()> {
        let failed =
            |why: String| Error::Failed(format!("a service cannot be asked to stop: {why}"));
        let id = i32::try_from(self.0.id()).map_err(|error| failed(error.to_string()))?;
        let id = rustix::process::Pid::from_raw(id).ok_or_else(|| failed("no id".to_owned()))?;
        rustix::process::kill_process(id, rustix::process::Signal::TERM)
            .map_err(|error| failed(error.to_string()))
    }

    /// What it ended with, 128 and more where a signal ended it; `None` as long as it runs.
    pub fn exit_code(&mut self) -> Option<i32> {
        let status = self.0.try_wait().ok().flatten()?;
        let by_signal =
            || std::os::unix::process::ExitStatusExt::signal(&status).map(|signal| 128 + signal);
        status.code().or_else(by_signal)
    }

    /// Kills it, with signal 9, and waits for its end.
    pub fn kill(&mut self) {
        // Fails only where it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }

    /// Whether it is gone.
    pub fn has_ended(&mut self) -> bool {
        // What cannot be waited for is gone too.
        !matches!(self.0.try_wait(), Ok(None))
    }

    /// Most memory that it held since its start, in MiB; `None` where the system does not tell.
    #[must_use]
    pub fn peak_mib(&self) -> Option<f64> {
        peak_mib(self.id())
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

/// Most memory that a process held since its start, in MiB; `None` where the system does not tell.
#[must_use]
pub fn peak_mib(id: u32) -> Option<f64> {
    mib(id, "VmHWM:")
}

/// Resident memory of a process, in MiB; `None` where the system does not tell.
#[must_use]
pub fn memory_mib(id: u32) -> Option<f64> {
    mib(id, "VmRSS:")
}

fn mib(id: u32, name: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

/// Processor time of a process since its start, in seconds, all of its threads together; `None` where the system does not tell.
#[must_use]
pub fn processor_seconds(id: u32) -> Option<f64> {
    /// proc(5): times are in ticks, of which Linux tells programs a hundred a second.
    const TICKS: f64 = 100.0;
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // Behind the name, which may have anything in it: the state is the third field, the times are the 14th and the 15th.
    let (_, behind) = stat.rsplit_once(") ")?;
    let mut times = behind.split_whitespace().skip(11);
    let (user, system): (f64, f64) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    Some((user + system) / TICKS)
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
