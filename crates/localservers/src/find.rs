//! Looks for installed servers and asks each for its version. It deliberately changes nothing and
//! takes the first that is new enough: `PATH` before the system's places, newer before older there.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::environment;
use crate::error::Error;
use crate::identity::Identity;
use crate::options::Options;
use crate::version::{OLDEST_NATS, OLDEST_POSTGRES, Version};

/// The programs without which a Postgres cannot be run.
const POSTGRES_PROGRAMS: [&str; 3] = ["postgres", "initdb", "pg_ctl"];

/// Folders that hold one folder per Postgres version, each with its programs below the second part.
const POSTGRES_HOMES: [(&str, &str); 5] = [
    ("/usr/lib/postgresql", "bin"),
    ("/usr", "bin"),
    ("/opt/homebrew/opt", "bin"),
    ("/usr/local/opt", "bin"),
    ("/Library/PostgreSQL", "bin"),
];

/// Places of nats-server that need not be on `PATH`.
const NATS_PLACES: [&str; 3] = [
    "/usr/local/bin/nats-server",
    "/opt/homebrew/bin/nats-server",
    "/usr/sbin/nats-server",
];

/// A usable server: the folder of Postgres' programs, or the nats-server program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) version: Version,
}

/// An installed Postgres that is new enough, or the one named in the options.
///
/// # Errors
/// [`Error::NotUsable`] when the named one is not usable.
pub(crate) fn postgres(
    options: &Options,
    identity: &Identity,
    report: &mut dyn FnMut(&str),
) -> Result<Option<Found>, Error> {
    if let Some(dir) = &options.postgres_bin_dir {
        return named("Postgres", dir, check_postgres(dir, identity)).map(Some);
    }
    if options.ignore_installed {
        return Ok(None);
    }
    Ok(first_usable(
        "Postgres",
        postgres_places(),
        |dir| check_postgres(dir, identity),
        report,
    ))
}

/// An installed nats-server that is new enough, or the one named in the options.
///
/// # Errors
/// [`Error::NotUsable`] when the named one is not usable.
pub(crate) fn nats(
    options: &Options,
    identity: &Identity,
    report: &mut dyn FnMut(&str),
) -> Result<Option<Found>, Error> {
    if let Some(program) = &options.nats_server {
        return named("nats-server", program, check_nats(program, identity)).map(Some);
    }
    if options.ignore_installed {
        return Ok(None);
    }
    let on_path = environment::search_path()
        .into_iter()
        .map(|dir| dir.join("nats-server"));
    let places = on_path
        .chain(NATS_PLACES.map(PathBuf::from))
        .filter(|program| program.is_file())
        .map(|program| resolved(&program))
        .collect();
    Ok(first_usable(
        "nats-server",
        places,
        |program| check_nats(program, identity),
        report,
    ))
}

/// The version of the Postgres in `dir`, or why it cannot be used.
pub(crate) fn check_postgres(dir: &Path, identity: &Identity) -> Result<Version, String> {
    for program in POSTGRES_PROGRAMS {
        if !dir.join(program).is_file() {
            return Err(format!("it has no `{program}`"));
        }
    }
    check(
        &dir.join("initdb"),
        "(PostgreSQL)",
        OLDEST_POSTGRES,
        identity,
    )?;
    check(
        &dir.join("postgres"),
        "(PostgreSQL)",
        OLDEST_POSTGRES,
        identity,
    )
}

/// The version of a nats-server, or why it cannot be used.
pub(crate) fn check_nats(program: &Path, identity: &Identity) -> Result<Version, String> {
    check(program, "nats-server:", OLDEST_NATS, identity)
}

// Asked as the user that will run it, so that a program out of that user's reach is not chosen.
fn check(
    program: &Path,
    says: &str,
    oldest: Version,
    identity: &Identity,
) -> Result<Version, String> {
    let mut asked = Command::new(program);
    asked.arg("--version");
    identity.drop_to_runner(&mut asked);
    let printed = command::run(&mut asked)
        .map_err(|error| format!("{} cannot run it: {error}", identity.runner()))?;
    match printed
        .split_once(says)
        .and_then(|(_, rest)| Version::find_in(rest))
    {
        Some(version) if version >= oldest => Ok(version),
        Some(version) => Err(format!("it is {version}, and {oldest} or newer is needed")),
        None => Err(format!(
            "it does not say `{says}` and its version, but {printed:?}"
        )),
    }
}

fn named(
    what: &'static str,
    path: &Path,
    checked: Result<Version, String>,
) -> Result<Found, Error> {
    match checked {
        Ok(version) => Ok(Found {
            path: resolved(path),
            version,
        }),
        Err(reason) => Err(Error::NotUsable {
            what,
            path: path.to_path_buf(),
            reason,
        }),
    }
}

/// The first place that passes the check; each one that does not is reported.
pub(crate) fn first_usable(
    what: &str,
    places: Vec<PathBuf>,
    check: impl Fn(&Path) -> Result<Version, String>,
    report: &mut dyn FnMut(&str),
) -> Option<Found> {
    let mut seen = HashSet::new();
    for path in places {
        if !seen.insert(path.clone()) {
            continue;
        }
        match check(&path) {
            Ok(version) => return Some(Found { path, version }),
            Err(reason) => report(&format!("skipping {what} at {}: {reason}", path.display())),
        }
    }
    None
}

fn postgres_places() -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = environment::search_path()
        .iter()
        .map(|dir| dir.join("postgres"))
        .filter(|program| program.is_file())
        .filter_map(|program| resolved(&program).parent().map(Path::to_path_buf))
        .collect();
    if environment::on_path("pg_config") {
        // One that fails has no Postgres to show: the other places are still looked at.
        if let Ok(dir) = command::run(Command::new("pg_config").arg("--bindir")) {
            places.push(PathBuf::from(dir.trim()));
        }
    }
    places.extend(system_places());
    // Client packages install `pg_config` and an empty-handed version folder: not worth a word.
    places.retain(|dir| dir.join("postgres").is_file());
    places
}

/// The system's version folders, the newest first.
fn system_places() -> Vec<PathBuf> {
    let mut found: Vec<(Version, PathBuf)> = Vec::new();
    for (home, programs) in POSTGRES_HOMES {
        // A home that is not there holds nothing.
        let Ok(entries) = fs::read_dir(home) else {
            continue;
        };
        for entry in entries.flatten() {
            if let Some(version) = version_of_folder(&entry.file_name().to_string_lossy()) {
                found.push((version, resolved(&entry.path().join(programs))));
            }
        }
    }
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    found.into_iter().map(|(_, dir)| dir).collect()
}

/// Reads `15`, `postgresql@17` and `pgsql-16`; other folders of the same home are not Postgres.
fn version_of_folder(name: &str) -> Option<Version> {
    let number = name
        .strip_prefix("postgresql@")
        .or_else(|| name.strip_prefix("pgsql-"))
        .unwrap_or(name);
    Version::parse(number)
}

fn resolved(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_folders_are_told_from_others() {
        assert_eq!(version_of_folder("15"), Some(Version::new(15, 0, 0)));
        assert_eq!(
            version_of_folder("postgresql@17"),
            Some(Version::new(17, 0, 0))
        );
        assert_eq!(version_of_folder("pgsql-16"), Some(Version::new(16, 0, 0)));
        assert_eq!(version_of_folder("openssl@3"), None);
        assert_eq!(version_of_folder("share"), None);
    }

    #[test]
    fn one_that_is_named_but_unusable_is_an_error() -> Result<(), Box<dyn std::error::Error>> {
        let options = Options {
            postgres_bin_dir: Some(PathBuf::from("/nowhere")),
            nats_server: Some(PathBuf::from("/bin/true")),
            ..Options::default()
        };
        let identity = Identity::detect()?;
        let message = postgres(&options, &identity, &mut |_| {})
            .expect_err("it must fail")
            .to_string();
        assert!(message.contains("no `postgres`"), "{message}");
        assert!(nats(&options, &identity, &mut |_| {}).is_err());
        Ok(())
    }

    #[test]
    fn too_old_ones_are_reported_and_skipped() {
        let mut said = Vec::new();
        let found = first_usable(
            "nats-server",
            vec![PathBuf::from("/old"), PathBuf::from("/new")],
            |path| match path.ends_with("new") {
                true => Ok(OLDEST_NATS),
                false => Err("it is 2.9.10".to_owned()),
            },
            &mut |line| said.push(line.to_owned()),
        );
        assert_eq!(found.map(|found| found.path), Some(PathBuf::from("/new")));
        assert_eq!(said, ["skipping nats-server at /old: it is 2.9.10"]);
    }
}
