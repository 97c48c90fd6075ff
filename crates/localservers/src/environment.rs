//! The one place of this crate that reads the environment: `PATH`, `HOME` and `XDG_CACHE_HOME`. It is
//! deliberately not where settings are read; those come in as [`crate::Options`].

use std::env;
use std::path::PathBuf;

use crate::identity::Identity;

/// Variables that would make Postgres programs talk to, or look into, something that is not ours.
pub(crate) const FOREIGN_POSTGRES_SETTINGS: [&str; 10] = [
    "PGDATA",
    "PGDATABASE",
    "PGHOST",
    "PGHOSTADDR",
    "PGOPTIONS",
    "PGPASSWORD",
    "PGPORT",
    "PGSERVICE",
    "PGTZ",
    "PGUSER",
];

/// The folders of `PATH`, in order.
pub(crate) fn search_path() -> Vec<PathBuf> {
    env::var_os("PATH")
        .map(|value| env::split_paths(&value).collect())
        .unwrap_or_default()
}

/// Whether a program of this name is on `PATH`.
pub(crate) fn on_path(program: &str) -> bool {
    search_path().iter().any(|dir| dir.join(program).is_file())
}

/// Where obtained programs are kept unless the caller says otherwise. As root it is a place that the
/// user who runs the servers can reach, which root's home folder is not.
pub(crate) fn default_cache_dir(identity: &Identity) -> PathBuf {
    if identity.is_root() {
        return PathBuf::from("/var/cache/valutai");
    }
    let named = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|dir| dir.is_absolute());
    let below_home = || {
        let home = PathBuf::from(env::var_os("HOME")?);
        let sub = if cfg!(target_os = "macos") {
            "Library/Caches"
        } else {
            ".cache"
        };
        Some(home.join(sub))
    };
    named
        .or_else(below_home)
        .unwrap_or_else(env::temp_dir)
        .join("valutai")
}
