//! What is deployed is what the code is: variables, images, ports, probes, users and names in `deploy/` and
//! `k8s/`. Deliberately textual, and without any tool: schemas and syntax are `deploy/check`'s.

mod nats;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use platform::health::LIVENESS;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder whose name ends so, with its path from the root.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root().join(folder)];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if entry.file_name().to_string_lossy().ends_with(ending) {
                found.push((from_root(&path), fs::read_to_string(&path).expect("text")));
            }
        }
    }
    found.sort();
    found
}

fn from_root(path: &Path) -> String {
    let path = path.strip_prefix(root()).unwrap_or(path);
    path.to_string_lossy().into_owned()
}

fn report(failures: &[String]) {
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
}

/// The services, by their folders, and whether each has a schema.
fn services() -> Vec<(String, bool)> {
    let mut found: Vec<_> = fs::read_dir(root().join("services"))
        .expect("readable")
        .flatten()
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, entry.path().join("migrations").is_dir())
        })
        .collect();
    found.sort();
    assert!(found.len() >= 6, "{found:?}");
    found
}

/// Our variables in a text.
fn variables(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'))
        .filter(|word| word.len() > 8 && word.starts_with("VALUTAI_"))
        .map(str::to_owned)
        .collect()
}

/// What stands between two words, as often as it does.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    text.split(before)
        .skip(1)
        .filter_map(|rest| rest.split_once(after).map(|(found, _)| found))
        .collect()
}

/// The number behind a word.
fn number(text: &str, before: &str) -> u64 {
    let found = text.split(before).nth(1).unwrap_or_default();
    let digits: String = found.chars().take_while(char::is_ascii_digit).collect();
    digits
        .parse()
        .unwrap_or_else(|_| panic!("no number behind `{before}`"))
}

/// The part of compose.yaml that belongs to a service.
fn composed(name: &str) -> String {
    let text = read("deploy/compose.yaml");
    let found = between(&text, &format!("\n  {name}:\n"), "\n\n");
    assert_eq!(found.len(), 1, "deploy/compose.yaml has no service {name}");
    found.join("")
}

fn manifest(name: &str) -> String {
    read(&format!("k8s/base/services/{name}.yaml"))
}

#[test]
fn every_variable_is_one_that_the_code_reads() {
    let mut code = files("crates/platform/src", ".rs");
    code.retain(|(path, _)| path.starts_with("crates/platform/src/config"));
    code.extend(files("crates/cli/src", ".rs"));
    // In quotes: what a comment names may have gone.
    let known: BTreeSet<String> = code
        .iter()
        .flat_map(|(_, text)| between(text, "\"VALUTAI_", "\""))
        .map(|rest| format!("VALUTAI_{rest}"))
        .collect();
    assert!(known.len() > 20, "{known:?}");
    let mut failures = Vec::new();
    let mut texts = files("k8s", ".yaml");
    texts.push(("deploy/Dockerfile".to_owned(), read("deploy/Dockerfile")));
    texts.extend(files("deploy", ".yaml"));
    texts.extend(files("deploy/operate", ".py"));
    texts.push(("deploy/secrets".to_owned(), read("deploy/secrets")));
    for (path, text) in texts {
        for variable in variables(&text).difference(&known) {
            failures.push(format!(
                "{path}: nothing reads {variable}: see platform::config"
            ));
        }
    }
    report(&failures);
}

#[test]
fn every_service_is_told_what_it_requires() {
    let config = read("crates/platform/src/config.rs");
    let required = between(&config, "required(\"", "\"");
    assert!(required.len() >= 3, "{required:?}");
    let image = variables(&read("deploy/Dockerfile"));
    let mut failures = Vec::new();
    for (name, has_schema) in services() {
        let (here, there) = (variables(&composed(&name)), variables(&manifest(&name)));
        let database = has_schema.then_some("VALUTAI_POSTGRES_URL");
        for variable in required.iter().copied().chain(database) {
            if !here.contains(variable) && !image.contains(variable) {
                failures.push(format!("deploy/compose.yaml: {name} needs {variable}"));
            }
            if !there.contains(variable) {
                failures.push(format!(
                    "k8s/base/services/{name}.yaml: it needs {variable}"
                ));
            }
        }
    }
    report(&failures);
}

#[test]
fn every_service_has_its_image_roles_and_user() {
    let dockerfile = read("deploy/Dockerfile");
    let base = read("k8s/base/kustomization.yaml");
    let mut failures = Vec::new();
    let mut expect = |place: &str, text: &str, wanted: &str| {
        if !text.contains(wanted) {
            failures.push(format!("{place}: `{wanted}` is missing"));
        }
    };
    let programs = between(&dockerfile, "for program in ", ";");
    let programs = programs.first().copied().unwrap_or_default();
    for (name, has_schema) in services() {
        let (here, there) = (composed(&name), manifest(&name));
        expect(
            "deploy/Dockerfile",
            &format!(" {programs} "),
            &format!(" {name} "),
        );
        expect("k8s/base", &base, &format!("services/{name}.yaml"));
        expect("k8s/base", &base, &format!("name: valutai/{name},"));
        for (place, text) in [
            ("deploy/compose.yaml", &here),
            ("k8s/base/services", &there),
        ] {
            expect(place, text, &format!("image: valutai/{name}"));
            expect(place, text, &format!("tls://{name}:$"));
            expect(place, text, &format!("valutai.service={name}"));
            if has_schema {
                // As `platform::migrate::app_role` names it.
                expect(place, text, &format!("postgres://valutai_{name}_app:$"));
            }
        }
        expect("deploy/compose.yaml", &here, &format!("SERVICE: {name} "));
        assert_eq!(
            there.contains("valutai/uses-postgres"),
            has_schema,
            "k8s/base/services/{name}.yaml: who has a schema uses Postgres, and nobody else"
        );
        if has_schema {
            let grants = read("deploy/postgres/grants.sql");
            expect("grants.sql", &grants, &format!("ON {name}.outbox TO"));
            let queries = read("deploy/postgres/queries.yaml");
            expect("queries.yaml", &queries, &format!("FROM {name}.outbox"));
            expect(
                "grants.sql",
                &grants,
                &format!("ON {name}.reconciled, {name}.watched TO"),
            );
            expect("queries.yaml", &queries, &format!("FROM {name}.reconciled"));
            let streams = read("deploy/operate/streams.py");
            let domains = between(&streams, "DOMAINS = [", "]").join("");
            expect("streams.py, DOMAINS", &domains, &format!("\"{name}\""));
        }
    }
    report(&failures);
}

#[test]
fn ports_and_probes_are_those_that_are_listened_on() {
    let dockerfile = read("deploy/Dockerfile");
    let health = number(&dockerfile, "VALUTAI_HEALTH_LISTEN=0.0.0.0:");
    let gateway = number(&dockerfile, "VALUTAI_LISTEN=0.0.0.0:");
    let config = read("crates/platform/src/config.rs");
    assert!(
        config.contains(&format!("([127, 0, 0, 1], {gateway})")),
        "the gateway's usual port is not {gateway}"
    );
    let mut failures = Vec::new();
    let mut expect = |place: &str, text: &str, wanted: &str| {
        if !text.contains(wanted) {
            failures.push(format!("{place}: `{wanted}` is missing"));
        }
    };
    expect(
        "deploy/Dockerfile",
        &dockerfile,
        &format!("EXPOSE {health} {gateway}\n"),
    );
    let patch = read("k8s/base/service-patch.yaml");
    expect(
        "service-patch.yaml",
        &patch,
        &format!("containerPort: {health} "),
    );
    let probes = between(&patch, "grpc: { port: ", " }");
    assert_eq!(
        probes,
        vec![health.to_string(), format!("{health}, service: {LIVENESS}")],
        "k8s/base/service-patch.yaml"
    );
    let watched = read("deploy/prometheus/prometheus.yml");
    for (name, _) in services() {
        let there = manifest(&name);
        expect(
            &name,
            &there,
            &format!("VALUTAI_HEALTH_LISTEN, value: \"0.0.0.0:{health}\""),
        );
        expect("prometheus.yml", &watched, &format!("- {name}:{health}\n"));
    }
    let there = manifest("gateway");
    expect(
        "gateway.yaml",
        &there,
        &format!("VALUTAI_LISTEN, value: \"0.0.0.0:{gateway}\""),
    );
    expect(
        "gateway.yaml",
        &there,
        &format!("name: grpc, containerPort: {gateway} "),
    );
    expect(
        "gateway.yaml",
        &there,
        &format!("port: {gateway}, targetPort: grpc"),
    );
    let policies = read("k8s/base/policies.yaml");
    expect(
        "policies.yaml",
        &policies,
        &format!("port: {health}, protocol: TCP"),
    );
    let here = composed("gateway");
    expect(
        "deploy/compose.yaml",
        &here,
        &format!("127.0.0.1:{gateway}:{gateway}"),
    );
    report(&failures);
}

#[test]
fn nobody_is_killed_while_it_finishes_its_work() {
    let service = read("crates/platform/src/service.rs");
    let work = number(&service, "WORK_GRACE: Duration = Duration::from_secs(");
    let phase = number(&service, "PHASE_GRACE: Duration = Duration::from_secs(");
    // The relay, NATS, Postgres.
    let longest = work + 3 * phase;
    let compose = number(&read("deploy/compose.yaml"), "stop_grace_period: ");
    assert!(
        compose > longest,
        "compose.yaml gives {compose} s, a stop takes {longest}"
    );
    for (name, _) in services() {
        let there = manifest(&name);
        let grace = number(&there, "terminationGracePeriodSeconds: ");
        let before = if there.contains("preStop") {
            number(&there, "preStop: { sleep: { seconds: ")
        } else {
            0
        };
        assert!(
            grace > before + longest,
            "k8s/base/services/{name}.yaml gives {grace} s, a stop takes {before} and {longest}"
        );
    }
}

#[test]
fn alerts_and_scaling_name_what_exists() {
    let contract = read("proto/contract.txt");
    let consumers: BTreeSet<String> = services()
        .iter()
        .flat_map(|(name, has_schema)| nats::consumers(name, *has_schema))
        .map(|(consumer, _)| consumer)
        .collect();
    let mut failures = Vec::new();
    let mut texts = files("deploy/prometheus/rules", ".yml");
    texts.extend(files("deploy/grafana/dashboards", ".json"));
    for (path, text) in &texts {
        let text = text.replace('\\', "");
        for event in between(&text, "event=\"", "\"") {
            if !contract.contains(&format!("\n{event}: message\n")) {
                failures.push(format!("{path}: there is no event {event}"));
            }
        }
        for consumer in between(&text, "consumer_name=\"", "\"") {
            if !consumers.contains(consumer) {
                failures.push(format!("{path}: there is no consumer {consumer}"));
            }
        }
        for method in between(&text, "span_name=\"/", "\"") {
            let (service, name) = method.split_once('/').unwrap_or_default();
            if !contract.contains(&format!("\n{service}/{name}: ")) {
                failures.push(format!("{path}: there is no method {method}"));
            }
        }
    }
    let scaling = read("k8s/overlays/production/scaling.yaml");
    let consumer = between(&scaling, "        consumer: ", "\n").join("");
    if !consumers.contains(&consumer) {
        failures.push(format!("scaling.yaml: there is no consumer {consumer}"));
    }
    report(&failures);
}
