//! Small file chores: private files, folders, logs, passwords. It deliberately knows neither of the
//! two servers.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rand::RngCore;

use crate::command;
use crate::error::Error;

/// A log is set aside at a start when it has grown beyond this.
const LARGEST_LOG_BYTES: u64 = 10 * 1024 * 1024;

/// How much of a log is read to explain a failure.
const LOG_END_BYTES: u64 = 16 * 1024;

/// Makes `path` and its parents, the last one for its owner only. True when it was not there.
pub(crate) fn make_private_dir(path: &Path) -> Result<bool, Error> {
    if path.is_dir() {
        return Ok(false);
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(Error::io("make the folder", parent))?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(Error::io("make the folder", path)(error)),
    }
}

/// Writes a file for its owner only, complete or not at all.
pub(crate) fn write_private(path: &Path, content: &str) -> Result<(), Error> {
    let beside = with_suffix(path, ".new");
    remove_file(&beside)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .map_err(Error::io("write", &beside))?;
    file.write_all(content.as_bytes())
        .map_err(Error::io("write", &beside))?;
    fs::rename(&beside, path).map_err(Error::io("put in place", path))
}

/// The content of a file, or `None` when it is not there.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path)(error)),
    }
}

/// The password kept in `path`, made on first use: 256 random bits in hexadecimal.
pub(crate) fn password(path: &Path) -> Result<String, Error> {
    if let Some(kept) = read_if_there(path)? {
        return Ok(kept.trim().to_owned());
    }
    let made = random_hex(32);
    write_private(path, &format!("{made}\n"))?;
    Ok(made)
}

/// So many random bytes in hexadecimal.
pub(crate) fn random_hex(bytes: usize) -> String {
    let mut random = vec![0_u8; bytes];
    rand::rng().fill_bytes(&mut random);
    random.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Removes a folder and all in it; one that is not there is fine.
pub(crate) fn remove_tree(path: &Path) -> Result<(), Error> {
    absent_is_fine(fs::remove_dir_all(path)).map_err(Error::io("remove", path))
}

/// Removes a file; one that is not there is fine.
pub(crate) fn remove_file(path: &Path) -> Result<(), Error> {
    absent_is_fine(fs::remove_file(path)).map_err(Error::io("remove", path))
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Sets a log aside when it has grown large, replacing the one set aside before.
pub(crate) fn rotate_log(log: &Path) -> Result<(), Error> {
    match fs::metadata(log) {
        Ok(found) if found.len() > LARGEST_LOG_BYTES => {
            fs::rename(log, with_suffix(log, ".1")).map_err(Error::io("set aside", log))
        }
        _ => Ok(()),
    }
}

/// Size of a file in bytes; zero when it is not there.
pub(crate) fn size(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// The last lines that were written to `log` after its first `from` bytes, on one line.
pub(crate) fn log_end(log: &Path, from: u64) -> String {
    let read = || -> io::Result<String> {
        let mut file = fs::File::open(log)?;
        let start = from.max(file.metadata()?.len().saturating_sub(LOG_END_BYTES));
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) => command::tail(&text, 8),
        Err(error) => format!("its log cannot be read: {error}"),
    }
}

/// Sets the permission bits of a file or folder.
pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, Permissions::from_mode(mode))
        .map_err(Error::io("set the permissions of", path))
}

/// The path with more at the end of its last name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_kept_and_private() -> Result<(), Box<dyn std::error::Error>> {
        let dir = std::env::temp_dir().join(format!("valutai-files-{}", random_hex(8)));
        assert!(make_private_dir(&dir)?);
        assert!(!make_private_dir(&dir)?);
        let path = dir.join("password");
        let first = password(&path)?;
        assert_eq!(first.len(), 64);
        assert_eq!(password(&path)?, first);
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&dir)?.permissions().mode() & 0o777, 0o700);
        remove_tree(&dir)?;
        remove_tree(&dir)?;
        Ok(())
    }
}
