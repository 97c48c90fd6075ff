//! `\copy` by psql, or the same statement by this program where psql is not installed. Deliberately
//! as the administrator: `COPY FROM` is refused for a role that row level security binds.

use std::{
    io::ErrorKind,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use tokio::process::Command;

use super::store::Store;
use crate::error::{Error, Result};

/// Who copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copier {
    /// The program psql.
    Psql,
    /// This program, by the protocol that psql speaks.
    Own,
}

impl Copier {
    /// psql where it is installed.
    ///
    /// # Errors
    /// Where it is there and cannot be run.
    pub async fn find() -> Result<Self> {
        let asked = Command::new("psql").arg("--version").output().await;
        match asked {
            Ok(_) => Ok(Self::Psql),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::Own),
            Err(error) => Err(Error::file("psql")(error)),
        }
    }

    /// What is compared with.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Psql => "\\copy by psql",
            Self::Own => "COPY FROM STDIN by this program, as psql is not installed",
        }
    }

    /// Fills the twin from a file; answers the time it took.
    ///
    /// # Errors
    /// What Postgres said.
    pub async fn copy(self, store: &mut Store, path: &Path) -> Result<Duration> {
        let start = Instant::now();
        match self {
            Self::Psql => run_psql(store, path).await?,
            Self::Own => {
                store.insert_by_copy(path).await?;
            }
        }
        Ok(start.elapsed())
    }
}

async fn run_psql(store: &Store, path: &Path) -> Result<()> {
    let (address, password) = &store.address;
    let quoted = format!("'{}'", path.display().to_string().replace('\'', "''"));
    let output = Command::new("psql")
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", address, "-c"])
        .arg(format!("\\{}", store.copy_statement(&quoted)))
        .env("PGPASSWORD", password)
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(Error::file("psql"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::Failed(format!("psql failed: {}", said.trim())))
}
