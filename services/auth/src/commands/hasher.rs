//! Hashing of passwords off the async threads, as many at once as there are processors: each takes
//! memory and time on purpose. Deliberately no rule on passwords.

use std::sync::Arc;

use platform::config::Argon2Cost;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::Result;
use crate::{Error, domain::password};

/// Hashes and compares.
#[derive(Debug, Clone)]
pub struct Hasher {
    cost: Argon2Cost,
    permits: Arc<Semaphore>,
    /// Nobody's, so that an unknown address costs the same work as a known one.
    nobody: Arc<str>,
}

impl Hasher {
    pub fn new(cost: Argon2Cost) -> Result<Self> {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            cost,
            permits: Arc::new(Semaphore::new(processors)),
            nobody: password::hash(cost, &crate::domain::new_token(""))?.into(),
        })
    }

    pub async fn hash(&self, password: String) -> Result<String> {
        let cost = self.cost;
        self.run(move || password::hash(cost, &password)).await?
    }

    /// Whether it is the password of this hash; without one it takes as long, and is not.
    pub async fn matches(&self, password: String, hash: Option<&str>) -> Result<bool> {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobody).to_owned();
        let matches = self
            .run(move || password::matches(&password, &hash))
            .await?;
        Ok(matches && is_known)
    }

    pub fn is_stale(&self, hash: &str) -> bool {
        password::is_stale(self.cost, hash)
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let failed = |error: String| Error::Hashing(error);
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|error| failed(error.to_string()))?;
        spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        })
        .await
        .map_err(|error| failed(error.to_string()))
    }
}
