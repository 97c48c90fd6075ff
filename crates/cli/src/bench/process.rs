//! A service as a process of its own, by `valutai serve`; killed when dropped. It speaks on the standard error, unless it
//! is started otherwise. Deliberately nothing of what it answers but whether it is ready.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use platform::launch::Launch;
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::system::LOG;
use crate::error::{Error, Result};

/// Longest wait for a process that starts, and for one that ends.
pub const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at what gives no sign.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);

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

    /// Starts what a command says, with a health service of its own, and waits until that says that it is ready.
    ///
    /// # Errors
    /// Where it cannot be started, ends, or does not become ready.
    pub async fn start_ready(command: &mut Command, service: &str) -> Result<Self> {
        let health = free_address()?;
        let mut process = Self::spawn(command.env("VALUTAI_HEALTH_LISTEN", health.to_string()))?;
        let begun = Instant::now();
        while !is_ready(health).await {
            if process.has_ended() {
                return Err(Error::Failed(format!("{service} does not start")));
            }
            if begun.elapsed() > LIMIT {
                return Err(Error::Failed(format!("{service} does not become ready")));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(process)
    }

    /// Asks it to stop and waits until it is gone; answers how long that took and what it ended with.
    ///
    /// # Errors
    /// Where it was gone already, or goes on.
    pub async fn end(&mut self) -> Result<(Duration, i32)> {
        let begun = Instant::now();
        self.terminate()?;
        loop {
            if let Some(code) = self.exit_code() {
                return Ok((begun.elapsed(), code));
            }
            if begun.elapsed() > LIMIT {
                return Err(Error::Failed("a service does not stop".to_owned()));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The command that runs a service of a launch; `program` is `valutai`, or a folder with a program for each service.
    ///
    /// # Errors
    /// Where the launch is malformed.
    pub fn command(program: &Path, launch: &Launch, dir: &Path, service: &str) -> Result<Command> {
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
            .env("VALUTAI_AUDIT_KEY_FILE", Self::audit_key_file(dir))
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

/// An address of this machine that is free now.
///
/// # Errors
/// Where there is none.
pub fn free_address() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(Error::file("a port"))?;
    listener.local_addr().map_err(Error::file("a port"))
}

async fn is_ready(health: SocketAddr) -> bool {
    let Ok(endpoint) = Endpoint::from_shared(format!("http://{health}")) else {
        return false;
    };
    let Ok(channel) = endpoint.connect().await else {
        return false;
    };
    let mut client = HealthClient::new(channel);
    let answer = client.check(HealthCheckRequest::default()).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
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
