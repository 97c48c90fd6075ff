//! Finds both servers, and obtains with ordinary package clients what is missing. It deliberately
//! fetches nothing itself: which registry is asked, and through which proxy, is the client's setting.

mod cache;
mod clients;
mod nats;
mod postgres;

use std::path::{Path, PathBuf};

use crate::environment;
use crate::error::Error;
use crate::find::{self, Found};
use crate::identity::Identity;
use crate::options::{Binaries, Options};

use cache::Cache;
pub(crate) use cache::kept;
pub(crate) use nats::REMEDY as NATS_REMEDY;
pub(crate) use postgres::REMEDY as POSTGRES_REMEDY;

/// What the cache calls a Postgres folder, before its version.
pub(crate) const POSTGRES_FOLDER: &str = "postgres-";

/// What the cache calls a nats-server folder, before its version.
pub(crate) const NATS_FOLDER: &str = "nats-server-";

/// Finds an installed Postgres and nats-server; obtains into the cache what is missing or too old.
/// `report` hears, one line at a time, what is skipped and what is done.
///
/// # Errors
/// [`Error::NotUsable`] for an unusable place in `options`; [`Error::NotObtained`] with every attempt
/// when one of them cannot be had; [`Error::NoServiceUser`] for root without a user to run them as.
pub fn find_or_obtain(options: &Options, report: &mut dyn FnMut(&str)) -> Result<Binaries, Error> {
    let identity = Identity::detect()?;
    let postgres = find_or_obtain_postgres(options, &identity, report)?;
    let nats = find_or_obtain_nats(options, &identity, report)?;
    Ok(Binaries {
        postgres_bin_dir: postgres.path,
        postgres_version: postgres.version,
        nats_server: nats.path,
        nats_version: nats.version,
    })
}

pub(crate) fn find_or_obtain_postgres(
    options: &Options,
    identity: &Identity,
    report: &mut dyn FnMut(&str),
) -> Result<Found, Error> {
    if let Some(found) = find::postgres(options, identity, report)? {
        return Ok(found);
    }
    let check = |folder: &Path| find::check_postgres(&folder.join("bin"), identity);
    let within = |found: Found| Found {
        path: found.path.join("bin"),
        ..found
    };
    let dir = cache_dir(options, identity);
    if let Some(found) = kept(&dir, POSTGRES_FOLDER, &check, report) {
        return Ok(within(found));
    }
    let cache = Cache::open(&dir, identity, report)?;
    // Another process may have obtained it while this one waited for the lock.
    if let Some(found) = kept(&dir, POSTGRES_FOLDER, &check, report) {
        return Ok(within(found));
    }
    postgres::obtain(&cache, options, identity, report)
}

pub(crate) fn find_or_obtain_nats(
    options: &Options,
    identity: &Identity,
    report: &mut dyn FnMut(&str),
) -> Result<Found, Error> {
    if let Some(found) = find::nats(options, identity, report)? {
        return Ok(found);
    }
    let check = |folder: &Path| find::check_nats(&folder.join("nats-server"), identity);
    let within = |found: Found| Found {
        path: found.path.join("nats-server"),
        ..found
    };
    let dir = cache_dir(options, identity);
    if let Some(found) = kept(&dir, NATS_FOLDER, &check, report) {
        return Ok(within(found));
    }
    let cache = Cache::open(&dir, identity, report)?;
    if let Some(found) = kept(&dir, NATS_FOLDER, &check, report) {
        return Ok(within(found));
    }
    nats::obtain(&cache, identity, report)
}

/// The cache folder in use.
pub(crate) fn cache_dir(options: &Options, identity: &Identity) -> PathBuf {
    options
        .cache_dir
        .clone()
        .unwrap_or_else(|| environment::default_cache_dir(identity))
}
