//! The folder of obtained programs: one folder per name and version, put in place by a rename, one
//! process at a time. It deliberately removes no older version: another run may be using it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::files;
use crate::find::{self, Found};
use crate::identity::Identity;
use crate::version::Version;

/// What unfinished work is called; whatever bears this name under the lock was left by a killed run.
const SCRATCH: &str = ".unfinished-";

/// The cache, held by this process until dropped.
pub(super) struct Cache {
    dir: PathBuf,
    _lock: File,
}

impl Cache {
    /// Makes the folder when missing and waits until no other process works in it.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be made; [`Error::NotReachable`] when the user that runs the
    /// servers cannot enter it.
    pub(super) fn open(
        dir: &Path,
        identity: &Identity,
        report: &mut dyn FnMut(&str),
    ) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(Error::io("make the folder", dir))?;
        if identity.is_root() {
            files::set_mode(dir, 0o755)?;
        }
        identity.require_reach(dir)?;
        let path = dir.join(".lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(Error::io("open", &path))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            report(&format!(
                "waiting for another process that fills {}",
                dir.display()
            ));
        }
        lock.lock().map_err(Error::io("lock", &path))?;
        let cache = Self {
            dir: dir.to_path_buf(),
            _lock: lock,
        };
        cache.sweep()?;
        Ok(cache)
    }

    fn sweep(&self) -> Result<(), Error> {
        for (name, path) in entries(&self.dir) {
            if name.starts_with(SCRATCH) {
                files::remove_tree(&path)?;
            }
        }
        Ok(())
    }

    /// Runs `work` with an empty folder, which is gone afterwards.
    pub(super) fn with_scratch<T>(
        &self,
        work: impl FnOnce(&Path) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let scratch = self.dir.join(format!("{SCRATCH}{}", files::random_hex(8)));
        fs::create_dir(&scratch).map_err(Error::io("make the folder", &scratch))?;
        files::set_mode(&scratch, 0o755)?;
        let result = work(&scratch);
        let removed = files::remove_tree(&scratch);
        let value = result?;
        removed?;
        Ok(value)
    }

    /// Moves a finished folder to its name, replacing one that turned out to be unusable.
    pub(super) fn put_in_place(
        &self,
        staged: &Path,
        prefix: &str,
        version: Version,
    ) -> Result<Found, Error> {
        open_to_all(staged)?;
        let path = self.dir.join(format!("{prefix}{version}"));
        files::remove_tree(&path)?;
        fs::rename(staged, &path).map_err(Error::io("put in place", &path))?;
        Ok(Found { path, version })
    }
}

/// The newest folder of that name in the cache that passes the check.
pub(crate) fn kept(
    dir: &Path,
    prefix: &str,
    check: &dyn Fn(&Path) -> Result<Version, String>,
    report: &mut dyn FnMut(&str),
) -> Option<Found> {
    let mut folders: Vec<(Version, PathBuf)> = entries(dir)
        .into_iter()
        .filter_map(|(name, path)| {
            let version = Version::parse(name.strip_prefix(prefix)?)?;
            Some((version, path))
        })
        .collect();
    folders.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let places = folders.into_iter().map(|(_, path)| path).collect();
    find::first_usable("the kept copy", places, check, report)
}

// A cache that is not there yet, or cannot be listed, holds nothing that could be used.
fn entries(dir: &Path) -> Vec<(String, PathBuf)> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    entries
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, entry.path())
        })
        .collect()
}

/// Lets every user read the tree and enter its folders: root obtains what another user runs.
pub(super) fn open_to_all(path: &Path) -> Result<(), Error> {
    let found = fs::symlink_metadata(path).map_err(Error::io("read", path))?;
    if found.is_symlink() {
        return Ok(());
    }
    let mode = found.permissions().mode();
    if !found.is_dir() {
        let execute = if mode & 0o111 == 0 { 0 } else { 0o111 };
        return files::set_mode(path, (mode & 0o777) | 0o444 | execute);
    }
    files::set_mode(path, 0o755)?;
    for (_, inner) in entries(path) {
        open_to_all(&inner)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_usable_folder_is_taken_and_leftovers_are_swept()
    -> Result<(), Box<dyn std::error::Error>> {
        let dir = std::env::temp_dir().join(format!("valutai-cache-{}", files::random_hex(8)));
        let identity = Identity::detect()?;
        for name in [
            "tool-2.9.0",
            "tool-2.15.1",
            "tool-3.0.0",
            "other-9.0.0",
            ".unfinished-1",
        ] {
            fs::create_dir_all(dir.join(name))?;
        }
        let check = |path: &Path| match path.ends_with("tool-3.0.0") {
            true => Err("broken".to_owned()),
            false => Ok(Version::new(2, 15, 1)),
        };
        let found = kept(&dir, "tool-", &check, &mut |_| {}).ok_or("nothing kept")?;
        assert_eq!(found.path, dir.join("tool-2.15.1"));

        let cache = Cache::open(&dir, &identity, &mut |_| {})?;
        assert!(!dir.join(".unfinished-1").exists());
        let placed = cache.with_scratch(|scratch| {
            let staged = scratch.join("staged");
            fs::create_dir(&staged).map_err(Error::io("make", &staged))?;
            cache.put_in_place(&staged, "tool-", Version::new(4, 0, 0))
        });
        assert_eq!(placed?.path, dir.join("tool-4.0.0"));
        assert!(
            !entries(&dir)
                .iter()
                .any(|(name, _)| name.starts_with(SCRATCH))
        );
        drop(cache);
        files::remove_tree(&dir)?;
        Ok(())
    }
}
