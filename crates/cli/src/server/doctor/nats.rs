//! NATS as a system needs it: streams, consumers, who answers calls, and what waits. Deliberately by an operator's rights, since no
//! service may list what is not its own.

use std::{collections::BTreeSet, time::Duration};

use localservers::{OLDEST_NATS, Version, nats_page};
use platform::{
    Config,
    bus::Bus,
    config::Secret,
    dead,
    error::chain,
    rpc,
    streams::{self, StreamSeen},
};
use tokio::time::{sleep, timeout};

use super::finding::Finding;
use crate::server::{nats_config, stack::SERVICES};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Until something that nobody asks for is looked at again.
const AGAIN: Duration = Duration::from_secs(2);
/// Most events that a consumer may be behind, as the alert has it.
const BEHIND: u64 = 1000;
/// Bytes of the largest call.
const LARGEST_CALL: usize = 4 * 1024 * 1024;

/// Looks at NATS, its streams and consumers, and at who answers calls.
pub(super) async fn look(
    url: &Secret,
    is_operator: bool,
    config: Option<&Config>,
    findings: &mut Vec<Finding>,
) {
    const WHAT: &str = "NATS";
    let authorities = platform::config::nats_ca_from_env();
    let prefix = config.map_or("valutai", |config| config.subject_prefix.as_str());
    let opening = Bus::open(url, authorities.as_deref(), prefix, "doctor");
    let bus = match timeout(PATIENCE, opening).await {
        Ok(Ok(bus)) => bus,
        Ok(Err(error)) => {
            let remedy = "correct the address, the password, or VALUTAI_NATS_CA_FILE";
            return findings.push(Finding::fault(WHAT, chain(&error), remedy));
        }
        Err(_) => {
            return findings.push(Finding::fault(
                WHAT,
                "no connection within ten seconds",
                "start nats-server, or correct the address and the password: events wait in the outboxes meanwhile",
            ));
        }
    };
    findings.push(of_nats_server(&bus));
    if !is_operator {
        return findings.push(Finding::warning(
            "streams",
            "not looked at",
            "give VALUTAI_OPERATOR_NATS_URL: a service may not see the streams of others",
        ));
    }
    let mut seen = streams::look(&bus).await;
    let is_stuck = |seen: &Vec<StreamSeen>| seen.iter().any(|stream| !stuck(stream).is_empty());
    if seen.as_ref().is_ok_and(is_stuck) {
        // Between two of its requests nobody asks, for a moment.
        sleep(AGAIN).await;
        seen = streams::look(&bus).await;
    }
    match seen {
        Ok(seen) => {
            let replicas = config.map(|config| config.stream_replicas);
            findings.extend(of_streams(&seen, replicas));
        }
        Err(error) => findings.push(Finding::fault(
            "streams",
            chain(&error),
            "look at the log of nats-server: JetStream has no leader, no disk, or this user may not list streams",
        )),
    }
    dead_letters(&bus, findings).await;
    for service in SERVICES
        .iter()
        .filter(|service| service.migrations.is_some())
    {
        findings.push(of_service(&bus, service.name).await);
    }
}

async fn of_service(bus: &Bus, service: &'static str) -> Finding {
    let what = format!("service {service}");
    match rpc::is_answered(bus, service, PATIENCE).await {
        Ok(true) => Finding::ok(what, "answers calls"),
        Ok(false) => Finding::fault(
            what,
            "nobody answers its calls",
            "start it; if it runs, its log says what it waits for",
        ),
        Err(error) => Finding::fault(what, chain(&error), "look at NATS first"),
    }
}

fn of_nats_server(bus: &Bus) -> Finding {
    let seen = streams::server(bus);
    let what = format!("NATS {}", seen.version);
    let place = match &seen.cluster {
        Some(cluster) => format!("a server of the cluster {cluster}"),
        None => "a server alone".to_owned(),
    };
    if Version::parse(&seen.version).is_none_or(|version| version < OLDEST_NATS) {
        return Finding::fault(what, place, format!("upgrade it to {OLDEST_NATS} or later"));
    }
    if !seen.has_jetstream {
        return Finding::fault(
            what,
            "JetStream is off",
            "add jetstream to its configuration, see deploy/nats",
        );
    }
    if seen.max_payload_bytes < LARGEST_CALL {
        return Finding::fault(
            what,
            format!("takes messages up to {} bytes", seen.max_payload_bytes),
            "set max_payload: 4MB, or larger calls are refused",
        );
    }
    Finding::ok(what, format!("{place}, with JetStream"))
}

fn of_streams(seen: &[StreamSeen], replicas: Option<usize>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (domain, wanted) in nats_config::consumers() {
        match seen.iter().find(|stream| stream.domain == domain) {
            Some(stream) => findings.push(of_stream(stream, &wanted, replicas)),
            None => findings.push(Finding::fault(
                format!("stream {domain}"),
                "is not there",
                "start the services, which make it; lost streams are told of in deploy/README.md",
            )),
        }
    }
    findings
}

fn of_stream(stream: &StreamSeen, wanted: &BTreeSet<String>, replicas: Option<usize>) -> Finding {
    let what = format!("stream {}", stream.domain);
    if !stream.on_disk || stream.max_age < Duration::from_secs(24 * 3600) {
        return Finding::fault(
            what,
            "is not as a service makes it",
            "find out who changed it, and restore it from a backup",
        );
    }
    if let Some(replicas) = replicas.filter(|replicas| *replicas != stream.replicas) {
        return Finding::warning(
            what,
            format!("keeps {} copies, not {replicas}", stream.replicas),
            "it was made with another VALUTAI_STREAM_REPLICAS: change the stream, see k8s/README.md",
        );
    }
    if stream.replicas > 1 && stream.leader.is_none() {
        return Finding::fault(
            what,
            "has no leader",
            "bring back the nats-servers that are away: a majority of the copies has to live",
        );
    }
    let missing: Vec<&String> = wanted
        .iter()
        .filter(|name| !stream.consumers.contains_key(*name))
        .collect();
    if !missing.is_empty() {
        return Finding::fault(
            what,
            format!("has no consumer {missing:?}"),
            "start the service that it belongs to, which makes it",
        );
    }
    let stuck = stuck(stream);
    if !stuck.is_empty() {
        return Finding::fault(
            what,
            format!("nobody takes what {} has before it", stuck.join(", ")),
            "start the service; if it runs, look for \"the consumer starts again\" in its log",
        );
    }
    if !stream.behind.is_empty() {
        return Finding::warning(
            what,
            format!(
                "the copies on {} are not up to date",
                stream.behind.join(", ")
            ),
            "look whether these servers run; they catch up by themselves",
        );
    }
    let late: Vec<String> = stream
        .consumers
        .iter()
        .filter(|(_, seen)| seen.pending > BEHIND)
        .map(|(name, seen)| format!("{name} by {}", seen.pending))
        .collect();
    if !late.is_empty() {
        return Finding::warning(
            what,
            format!("events behind: {}", late.join(", ")),
            "look whether it grows: events of one consumer are handled one at a time",
        );
    }
    let waiting: u64 = stream
        .consumers
        .values()
        .map(|seen| seen.pending + seen.unsettled)
        .sum();
    Finding::ok(
        what,
        format!(
            "{} messages, {} copies, {} consumers, {waiting} waiting",
            stream.messages,
            stream.replicas,
            stream.consumers.len()
        ),
    )
}

/// The consumers that have something before them, and that nobody asks.
fn stuck(stream: &StreamSeen) -> Vec<String> {
    stream
        .consumers
        .iter()
        .filter(|(_, seen)| seen.pending > 0 && seen.unsettled == 0 && !seen.is_pulled)
        .map(|(name, seen)| format!("{name} ({} wait)", seen.pending))
        .collect()
}

async fn dead_letters(bus: &Bus, findings: &mut Vec<Finding>) {
    const WHAT: &str = "dead letters";
    findings.push(match dead::state(bus).await {
        Ok(state) if state.count == 0 => Finding::ok(WHAT, "none"),
        Ok(state) => {
            let oldest = state.oldest_at.map(|at| at.to_rfc3339());
            Finding::warning(
                WHAT,
                format!(
                    "{}, the oldest since {}",
                    state.count,
                    oldest.unwrap_or_default()
                ),
                "`valutai dead-letters list` says why; replay or discard them",
            )
        }
        Err(error) => Finding::fault(
            WHAT,
            chain(&error),
            "start a service, which makes the stream",
        ),
    });
}

/// Looks at what only the monitoring pages tell.
pub(super) async fn monitors(urls: &[String], findings: &mut Vec<Finding>) {
    if urls.is_empty() {
        findings.push(Finding::warning(
            "disk of nats-server",
            "not looked at",
            "give --nats-monitor http://HOST:8222 of each server to see whether streams wait for the disk",
        ));
    }
    for url in urls {
        let what = format!("disk of nats-server at {url}");
        let address = url.trim_start_matches("http://").trim_end_matches('/');
        let address = address.to_owned();
        let page = tokio::task::spawn_blocking(move || nats_page(&address, "/jsz")).await;
        let page = page.unwrap_or_else(|error| Err(std::io::Error::other(error)));
        findings.push(match page {
            Err(error) => Finding::fault(
                what,
                error.to_string(),
                "correct the address, or set http: in its configuration",
            ),
            Ok(page) if page["config"]["sync_always"] == true => {
                Finding::ok(what, "streams wait for it (sync_interval: always)")
            }
            Ok(_) => Finding::fault(
                what,
                "streams do not wait for it",
                "set sync_interval: always, or acknowledged events can be lost with the power",
            ),
        });
    }
}
