//! A service as a process of its own, by `valutai serve`; killed when dropped. Deliberately nothing kept of
//! what it says: it speaks on the standard error.

use std::{
    fs,
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
    /// Starts a service of a launch; `program` is `valutai`.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub fn start(program: &Path, launch: &Launch, dir: &Path, service: &str) -> Result<Self> {
        let config = launch
            .config_for(service)
            .map_err(|error| Error::Failed(platform::error::chain(&error)))?;
        Command::new(program)
            .args(["serve", service])
            .env("VALUTAI_POSTGRES_URL", config.postgres_url.expose())
            .env("VALUTAI_NATS_URL", config.nats_url.expose())
            .env("VALUTAI_SUBJECT_PREFIX", &config.subject_prefix)
            .env("VALUTAI_BLOB_DIR", &config.blob_dir)
            .env("VALUTAI_KEK_FILE", Self::key_file(dir))
            .env("VALUTAI_LISTEN", config.listen.to_string())
            .env(
                "VALUTAI_CALLS_PER_SECOND",
                config.calls.per_second.to_string(),
            )
            .env("VALUTAI_LOG", LOG)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map(Self)
            .map_err(Error::file("valutai serve"))
    }

    /// Where the key-encryption key of such processes lies.
    #[must_use]
    pub fn key_file(dir: &Path) -> PathBuf {
        dir.join("key-encryption-key")
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
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
        Some(kib / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
