//! Removes what a killed process left behind: blobs that nobody refers to, and files of uploads that
//! were never finished. Deliberately no schedule: who keeps the references decides when.

use std::{
    collections::HashSet,
    future::Future,
    path::{Path as FilePath, PathBuf},
    time::{Duration, SystemTime},
};

use chrono::{DateTime, Utc};
use futures::TryStreamExt as _;
use object_store::{ObjectMeta, ObjectStoreExt as _, path::Path};
use uuid::Uuid;

use super::Blobs;
use crate::error::{Error, Result, chain};

/// Keys asked about at once.
const BATCH: usize = 500;

/// What a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Swept {
    /// Blobs that nobody referred to.
    pub blobs: usize,
    /// Files of uploads that were never finished.
    pub unfinished: usize,
}

impl Blobs {
    /// Removes the blobs of a purpose, of every tenant, that were written longer than `older_than`
    /// before `now` and are not among those that `needed` answers when asked about a tenant's keys;
    /// and files of unfinished uploads that were last written to that long ago.
    ///
    /// `older_than` has to exceed the time between the writing of a blob and the commit of the row
    /// that refers to it. In object storage elsewhere, unfinished uploads are removed by a rule of the
    /// bucket.
    ///
    /// # Errors
    /// What `needed` says, or where the store fails; what was removed until then stays removed.
    pub async fn sweep<E, F, A>(
        &self,
        purpose: &str,
        older_than: Duration,
        now: DateTime<Utc>,
        needed: F,
    ) -> Result<Swept, E>
    where
        E: From<Error>,
        F: Fn(Uuid, Vec<String>) -> A,
        A: Future<Output = Result<HashSet<String>, E>>,
    {
        let before = chrono::Duration::from_std(older_than)
            .ok()
            .and_then(|age| now.checked_sub_signed(age))
            .unwrap_or(DateTime::<Utc>::MIN_UTC);
        let mut swept = Swept::default();
        for tenant in self.tenants().await? {
            let old = self.old_keys(tenant, purpose, before).await?;
            for keys in old.chunks(BATCH) {
                let kept = needed(tenant, keys.to_vec()).await?;
                for key in keys.iter().filter(|key| !kept.contains(*key)) {
                    swept.blobs += usize::from(self.remove(key).await?);
                }
            }
            let dir = self.dir.join(tenant.to_string()).join(purpose);
            swept.unfinished += remove_unfinished(dir, before).await?;
        }
        Ok(swept)
    }

    async fn tenants(&self) -> Result<Vec<Uuid>> {
        let top = self.store.list_with_delimiter(None).await?;
        Ok(top
            .common_prefixes
            .iter()
            .filter_map(|prefix| Uuid::try_parse(prefix.as_ref()).ok())
            .collect())
    }

    async fn old_keys(
        &self,
        tenant: Uuid,
        purpose: &str,
        before: DateTime<Utc>,
    ) -> Result<Vec<String>> {
        let folder = Path::from(format!("{tenant}/{purpose}"));
        let old = |meta: ObjectMeta| async move {
            Ok((meta.last_modified < before).then(|| meta.location.to_string()))
        };
        let listed = self.store.list(Some(&folder)).try_filter_map(old);
        Ok(listed.try_collect().await?)
    }

    /// Says whether it was there.
    async fn remove(&self, key: &str) -> Result<bool> {
        match self.store.delete(&Path::from(key)).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

async fn remove_unfinished(dir: PathBuf, before: DateTime<Utc>) -> Result<usize> {
    tokio::task::spawn_blocking(move || remove_unfinished_in(&dir, before.into()))
        .await
        .map_err(|error| Error::Io {
            what: "unfinished uploads cannot be removed".to_owned(),
            source: error.into(),
        })?
}

fn remove_unfinished_in(dir: &FilePath, before: SystemTime) -> Result<usize> {
    let failed = |source| Error::Io {
        what: format!(
            "the unfinished uploads in {} cannot be removed",
            dir.display()
        ),
        source,
    };
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(failed(error)),
    };
    let mut removed = 0;
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        if !is_unfinished(&path) || !is_older(&path, before) {
            continue;
        }
        match std::fs::remove_file(&path) {
            Ok(()) => removed += 1,
            // Its upload ended in the meantime.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                let error = failed(error);
                tracing::warn!(file = %path.display(), error = %chain(&error), "an unfinished upload stays");
            }
        }
    }
    Ok(removed)
}

/// The local store writes `NAME` as `NAME#1` (or a higher number) until it is whole.
fn is_unfinished(path: &FilePath) -> bool {
    path.file_name()
        .and_then(|name| name.to_str())
        .and_then(|name| name.rsplit_once('#'))
        .is_some_and(|(_, number)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        })
}

fn is_older(path: &FilePath, before: SystemTime) -> bool {
    path.metadata()
        .and_then(|meta| meta.modified())
        .is_ok_and(|at| at < before)
}
