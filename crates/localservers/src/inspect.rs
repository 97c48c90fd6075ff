//! What `valutai doctor` says about the servers. It deliberately downloads and changes nothing.

use std::path::Path;
use std::process::Command;

use crate::command;
use crate::environment;
use crate::find::{self, Found};
use crate::identity::Identity;
use crate::obtain::{self, NATS_FOLDER, POSTGRES_FOLDER};
use crate::options::Options;
use crate::version::{OLDEST_NATS, OLDEST_POSTGRES};

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What was looked at, in a word or two.
    pub what: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, in one line.
    pub detail: String,
    /// What to do about it; `None` when there is nothing to do.
    pub remedy: Option<String>,
}

/// Looks for the servers and for what obtaining them takes, without downloading. A missing server is
/// still `ok` when the package clients that bring it are there.
pub fn inspect(options: &Options) -> Vec<Finding> {
    let identity = match Identity::detect() {
        Ok(identity) => identity,
        Err(error) => return vec![bad("user", error.to_string(), None)],
    };
    let pip = works("python3", &["-m", "pip", "--version"]);
    let npm = works("npm", &["--version"]) && works("tar", &["--version"]);
    let apt = identity.is_root() && environment::on_path("apt-get");
    let mut findings = vec![good(
        "user",
        if identity.is_root() {
            format!("root; the servers run as `{}`", identity.runner())
        } else {
            "an ordinary user, who runs the servers".to_owned()
        },
    )];
    findings.push(postgres(options, &identity, pip || npm || apt));
    findings.push(nats(options, &identity, pip || apt));
    findings.push(client("pip", pip, "Python 3 with pip"));
    findings.push(client("npm", npm, "npm and tar"));
    findings
}

fn postgres(options: &Options, identity: &Identity, obtainable: bool) -> Finding {
    let mut skipped = Vec::new();
    let mut note = |line: &str| skipped.push(line.to_owned());
    let found = find::postgres(options, identity, &mut note).map(|found| {
        found.or_else(|| {
            let dir = obtain::cache_dir(options, identity);
            let check = |path: &Path| find::check_postgres(&path.join("bin"), identity);
            obtain::kept(&dir, POSTGRES_FOLDER, &check, &mut note)
        })
    });
    let needed = format!("Postgres {} or newer", OLDEST_POSTGRES.major);
    match found {
        Ok(found) => describe(
            "Postgres",
            found,
            &skipped,
            &needed,
            obtainable,
            obtain::POSTGRES_REMEDY,
        ),
        Err(error) => bad("Postgres", error.to_string(), None),
    }
}

fn nats(options: &Options, identity: &Identity, obtainable: bool) -> Finding {
    let mut skipped = Vec::new();
    let mut note = |line: &str| skipped.push(line.to_owned());
    let found = find::nats(options, identity, &mut note).map(|found| {
        found.or_else(|| {
            let dir = obtain::cache_dir(options, identity);
            let check = |path: &Path| find::check_nats(&path.join("nats-server"), identity);
            obtain::kept(&dir, NATS_FOLDER, &check, &mut note)
        })
    });
    let needed = format!("nats-server {OLDEST_NATS} or newer");
    match found {
        Ok(found) => describe(
            "nats-server",
            found,
            &skipped,
            &needed,
            obtainable,
            obtain::NATS_REMEDY,
        ),
        Err(error) => bad("nats-server", error.to_string(), None),
    }
}

fn describe(
    what: &str,
    found: Option<Found>,
    skipped: &[String],
    needed: &str,
    obtainable: bool,
    remedy: &str,
) -> Finding {
    if let Some(found) = found {
        return good(
            what,
            format!("{} in {}", found.version, found.path.display()),
        );
    }
    let skipped = skipped.iter().map(|line| format!("; {line}"));
    let detail = format!("no {needed} found{}", skipped.collect::<String>());
    if obtainable {
        return good(what, format!("{detail}; the first start obtains it"));
    }
    bad(what, detail, Some(format!("install it with {remedy}")))
}

fn client(what: &str, there: bool, needs: &str) -> Finding {
    if there {
        return good(what, "works".to_owned());
    }
    bad(
        what,
        "does not work".to_owned(),
        Some(format!(
            "only needed to obtain a missing server: install {needs}"
        )),
    )
}

fn works(program: &str, arguments: &[&str]) -> bool {
    command::run(Command::new(program).args(arguments)).is_ok()
}

fn good(what: &str, detail: String) -> Finding {
    Finding {
        what: what.to_owned(),
        ok: true,
        detail,
        remedy: None,
    }
}

fn bad(what: &str, detail: String, remedy: Option<String>) -> Finding {
    Finding {
        what: what.to_owned(),
        ok: false,
        detail,
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_something_about_each_part_and_downloads_nothing() {
        let cache = std::env::temp_dir().join("valutai-no-such-cache");
        let options = Options {
            cache_dir: Some(cache.clone()),
            ignore_installed: true,
            ..Options::default()
        };
        let findings = inspect(&options);
        let named: Vec<&str> = findings.iter().map(|found| found.what.as_str()).collect();
        assert_eq!(named, ["user", "Postgres", "nats-server", "pip", "npm"]);
        assert!(findings.iter().all(|found| !found.detail.is_empty()));
        assert!(!cache.exists());
    }

    #[test]
    fn an_unusable_setting_is_named() {
        let options = Options {
            nats_server: Some("/nowhere/nats-server".into()),
            ..Options::default()
        };
        let findings = inspect(&options);
        let nats = findings.iter().find(|found| found.what == "nats-server");
        assert!(nats.is_some_and(|found| !found.ok && found.detail.contains("/nowhere")));
    }
}
