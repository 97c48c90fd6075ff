//! The rules of the house, as a test: each failure names the file and what to do about it.
//! Deliberately textual: it reads files, it does not understand Rust.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Longest file, in lines.
const LONGEST: usize = 400;

/// Files a service may have in `src`, besides folders of the same names.
const SERVICE_FILES: [&str; 9] = [
    "main", "lib", "domain", "commands", "events", "rpc", "store", "error", "jobs",
];

/// What a service has beyond that, each with its reason in ARCHITECTURE.md.
const SERVICE_EXTRAS: [(&str, &str); 4] = [
    ("gateway", "callers"),
    ("gateway", "forward"),
    ("gateway", "streams"),
    ("reporting", "page"),
];

/// Which of our crates a crate may stand on, besides the test kit in its tests.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("proto", &[]),
    ("crates/platform", &["proto"]),
    ("crates/ml", &[]),
    ("crates/tabular", &[]),
    ("crates/localservers", &[]),
    ("crates/testkit", &["localservers", "platform"]),
    ("services/auth", &["proto", "platform"]),
    ("services/ingestion", &["proto", "platform", "tabular"]),
    ("services/training", &["proto", "platform", "ml"]),
    (
        "services/prediction",
        &["proto", "platform", "ml", "tabular"],
    ),
    ("services/reporting", &["proto", "platform", "ml"]),
    ("services/gateway", &["proto", "platform"]),
    (
        "crates/cli",
        &[
            "proto",
            "platform",
            "localservers",
            // The benchmark of the scorer by itself.
            "ml",
            // Workbooks of quotes to predict, read as at import.
            "tabular",
            "auth",
            "ingestion",
            "training",
            "prediction",
            "reporting",
            "gateway",
        ],
    ),
];

const OURS: [&str; 13] = [
    "proto",
    "platform",
    "ml",
    "tabular",
    "localservers",
    "testkit",
    "auth",
    "ingestion",
    "training",
    "prediction",
    "reporting",
    "gateway",
    "valutai",
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust file of the workspace, with its path from the root.
fn rust_files() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = ["proto", "crates", "services"]
        .map(|dir| root().join(dir))
        .to_vec();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir)
            .expect("the folder is readable")
            .flatten()
        {
            let path = entry.path();
            if path.is_dir() && entry.file_name() != "target" {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let text = fs::read_to_string(&path).expect("the file is readable");
                found.push((from_root(&path), text));
            }
        }
    }
    found.sort();
    found
}

fn from_root(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/")
}

fn is_test(path: &str) -> bool {
    path.contains("/tests/") || path.ends_with("_tests.rs")
}

fn report(failures: &[String]) {
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

#[test]
fn every_file_says_what_it_is_and_stays_short() {
    let mut failures = Vec::new();
    for (path, text) in rust_files() {
        if !text.starts_with("//!") {
            failures.push(format!(
                "{path}: begin with `//!`: what the file is, and what it deliberately is not"
            ));
        }
        let lines = text.lines().count();
        if lines > LONGEST {
            failures.push(format!(
                "{path}: {lines} lines, {LONGEST} at the most: make it a folder of the same name"
            ));
        }
    }
    report(&failures);
}

/// A word that may stand only below certain paths.
struct Place {
    word: &'static str,
    allowed: &'static [&'static str],
    remedy: &'static str,
}

const PLACES: [Place; 5] = [
    Place {
        word: "async_nats::",
        allowed: &["crates/platform/"],
        remedy: "NATS is spoken in `platform` only: use its bus, consumer or rpc",
    },
    Place {
        word: "linfa",
        allowed: &["crates/ml/"],
        remedy: "learning lives in `ml` only",
    },
    Place {
        word: "env::var",
        allowed: &[
            "crates/platform/src/config.rs",
            "crates/localservers/src/environment.rs",
            // Samples for programs outside, which have no configuration.
            "crates/platform/examples/",
            "proto/build.rs",
            // Whether tests run on real data or rewrite a ledger is for whoever runs them to say.
            "/tests/",
        ],
        remedy: "the environment is read in `platform::config` only",
    },
    Place {
        word: "sqlx::query",
        allowed: &[
            "crates/platform/",
            "crates/testkit/",
            "/store.rs",
            "/store/",
        ],
        remedy: "SQL stands in the service's `store` only",
    },
    Place {
        word: "Utc::now",
        allowed: &["crates/platform/src/clock.rs"],
        remedy: "time is passed in: take a `platform::Clock`",
    },
];

#[test]
fn each_thing_has_one_place() {
    let mut failures = Vec::new();
    for (path, text) in rust_files() {
        if is_test(&path) {
            continue;
        }
        for place in &PLACES {
            let allowed = place.allowed.iter().any(|prefix| path.contains(prefix));
            if !allowed && text.lines().any(|line| code(line).contains(place.word)) {
                failures.push(format!("{path}: `{}`: {}", place.word, place.remedy));
            }
        }
    }
    report(&failures);
}

/// The part of a line that is no comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

#[test]
fn nothing_is_left_undone() {
    // Put together here, so that this file does not find itself.
    let words = [
        ["to", "do!("].concat(),
        ["unimpl", "emented!("].concat(),
        ["FIX", "ME"].concat(),
        ["#[ig", "nore"].concat(),
    ];
    let mut failures = Vec::new();
    for (path, text) in rust_files() {
        for word in words.iter().filter(|word| text.contains(word.as_str())) {
            failures.push(format!("{path}: `{word}`: finish it or leave it out"));
        }
    }
    report(&failures);
}

#[test]
fn services_read_alike() {
    let mut failures = Vec::new();
    for entry in fs::read_dir(root().join("services"))
        .expect("readable")
        .flatten()
    {
        let service = entry.file_name().to_string_lossy().into_owned();
        for file in fs::read_dir(entry.path().join("src"))
            .expect("readable")
            .flatten()
        {
            let name = file.file_name().to_string_lossy().replace(".rs", "");
            let known = SERVICE_FILES.contains(&name.as_str())
                || SERVICE_EXTRAS.contains(&(service.as_str(), name.as_str()));
            if !known {
                failures.push(format!(
                    "services/{service}/src/{name}: services have {SERVICE_FILES:?}: move it into one of them"
                ));
            }
        }
        let main = fs::read_to_string(entry.path().join("src/main.rs")).unwrap_or_default();
        if main.lines().filter(|line| !line.trim().is_empty()).count() > 4 {
            failures.push(format!(
                "services/{service}/src/main.rs: three lines and a comment; the rest belongs into `lib`"
            ));
        }
    }
    report(&failures);
}

#[test]
fn crates_stand_on_each_other_in_one_direction() {
    let mut failures = Vec::new();
    for (path, allowed) in MAY_USE {
        let manifest = fs::read_to_string(root().join(path).join("Cargo.toml"))
            .unwrap_or_else(|error| panic!("{path}/Cargo.toml: {error}"));
        let mut section = "";
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line;
                continue;
            }
            if !section.ends_with("dependencies]") {
                continue;
            }
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            if OURS.contains(&name) && section != "[dev-dependencies]" && !allowed.contains(&name) {
                failures.push(format!("{path}: may not use `{name}`, only {allowed:?}"));
            }
            let has_version = line.contains("version =") || line.contains("= \"");
            if has_version {
                failures.push(format!(
                    "{path}: `{line}`: versions stand in the root Cargo.toml; write `{name}.workspace = true`"
                ));
            }
        }
    }
    report(&failures);
}

#[test]
fn every_tenant_table_is_walled_off() {
    let mut failures = Vec::new();
    for entry in fs::read_dir(root().join("services"))
        .expect("readable")
        .flatten()
    {
        let Ok(migrations) = fs::read_dir(entry.path().join("migrations")) else {
            continue;
        };
        for file in migrations.flatten() {
            let text = fs::read_to_string(file.path())
                .expect("readable")
                .to_lowercase();
            let path = from_root(&file.path());
            for table in text.split("create table ").skip(1) {
                let name = table.split_whitespace().next().unwrap_or_default();
                let body = table.split(';').next().unwrap_or_default();
                if !body.contains("tenant_id") || body.contains("partition of") {
                    continue;
                }
                let forced = text.contains(&format!("alter table {name} force row level security"));
                let policy = text.contains(&format!("create policy tenant on {name}\n"));
                if !forced || !policy {
                    failures.push(format!(
                        "{path}: table {name}: enable and force row level security and give it a policy"
                    ));
                }
            }
        }
    }
    report(&failures);
}
