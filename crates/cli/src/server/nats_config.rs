//! `valutai nats-config`: who may say and hear what on NATS, a user for each service. Deliberately one table:
//! what is deployed (`deploy/nats/users.conf`) and what `valutai up` runs is made of it.

mod text;

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use localservers::{NatsOutsiders, NatsUser, Servers};
use platform::{
    config::{Key, Secret},
    outside,
};
use serde_json::{Value, json};

pub use self::text::{configuration, tls};
use crate::{error::Result, output};

/// Options of `nats-config`.
#[derive(Debug, Args)]
pub struct NatsConfigArgs {
    /// First word of every subject and stream, as VALUTAI_SUBJECT_PREFIX has it
    #[arg(long, value_name = "WORD", default_value = "valutai")]
    pub prefix: String,
    /// Have nats-server speak TLS alone, with tls.crt and tls.key of this folder
    #[arg(long, value_name = "DIR")]
    pub tls: Option<String>,
}

/// What a service does on NATS.
struct Rights {
    service: &'static str,
    /// Whether it has a domain: a stream, and calls that it answers.
    has_domain: bool,
    /// Domains whose services it calls.
    calls: &'static [&'static str],
    /// Its durable consumers: the word behind its name, the domain, and the event where it is one alone.
    consumers: &'static [(&'static str, &'static str, Option<&'static str>)],
    /// Events that it hears live.
    hears: &'static [&'static str],
    /// Domains whose events it reads for clients.
    tails: &'static [&'static str],
    /// Domains whose consumers for programs outside it makes; whoever makes some also judges who connects.
    readers: &'static [&'static str],
}

/// The account of the services.
const ACCOUNT: &str = "VALUTAI";

/// Ends what a service has of an organisation; every service with a domain has it.
const ERASURE: &str = "auth.v1.OrganizationDeleted";

/// The consumer by which it does.
const ERASING: (&str, &str, Option<&str>) = ("erasure", "auth", Some(ERASURE));

const TABLE: [Rights; 6] = [
    Rights {
        service: "auth",
        has_domain: true,
        calls: &["auth"],
        consumers: &[("", "auth", Some("auth.v1.OperationRecorded"))],
        hears: &[ERASURE],
        tails: &[],
        readers: &["prediction"],
    },
    Rights {
        service: "ingestion",
        has_domain: true,
        calls: &["auth"],
        consumers: &[("", "ingestion", None)],
        hears: &[ERASURE],
        tails: &[],
        readers: &[],
    },
    Rights {
        service: "training",
        has_domain: true,
        calls: &["auth", "ingestion", "prediction"],
        consumers: &[
            ("", "ingestion", None),
            ("worker", "training", Some("training.v1.TrainingRequested")),
            ("", "training", Some("training.v1.ModelTrained")),
        ],
        hears: &[ERASURE, "training.v1.TrainingCancelled"],
        tails: &[],
        readers: &[],
    },
    Rights {
        service: "prediction",
        has_domain: true,
        calls: &["auth", "training"],
        consumers: &[
            ("", "ingestion", None),
            ("", "training", None),
            ("shadow", "prediction", Some("prediction.v1.PredictionMade")),
            ("webhooks", "prediction", None),
            ("webhooks", "training", Some("training.v1.ModelPromoted")),
        ],
        hears: &[ERASURE, "training.v1.ModelPromoted"],
        tails: &[],
        readers: &[],
    },
    Rights {
        service: "reporting",
        has_domain: true,
        calls: &["auth", "ingestion", "training"],
        consumers: &[
            ("", "ingestion", None),
            ("", "training", None),
            ("", "prediction", None),
        ],
        hears: &[ERASURE],
        tails: &["ingestion", "training", "prediction"],
        readers: &[],
    },
    Rights {
        service: "gateway",
        has_domain: false,
        calls: &["auth", "ingestion", "training", "prediction", "reporting"],
        consumers: &[],
        hears: &[ERASURE, "auth.v1.SessionRevoked", "auth.v1.AccessChanged"],
        tails: &["prediction"],
        readers: &[],
    },
];

impl Rights {
    /// The name of a consumer.
    fn consumer(&self, word: &str, domain: &str) -> String {
        match word.is_empty() {
            true => format!("{}-{domain}", self.service),
            false => format!("{}-{word}-{domain}", self.service),
        }
    }

    fn publish(&self, prefix: &str) -> Vec<String> {
        let mut may = Vec::new();
        let mut streams = Vec::new();
        if self.has_domain {
            may.push(format!("{prefix}.*.{}.>", self.service));
            // Every unit of work leaves an entry in the audit trail.
            if self.service != "auth" {
                may.push(format!("{prefix}.*.auth.v1.OperationRecorded"));
            }
            streams.extend(["auth", self.service, "dead"]);
        }
        may.extend(
            self.calls
                .iter()
                .map(|domain| format!("{prefix}-rpc.{domain}.*")),
        );
        for (word, domain, event) in self
            .consumers
            .iter()
            .chain(self.has_domain.then_some(&ERASING))
        {
            let name = self.consumer(word, domain);
            streams.push(domain);
            let of = format!("{prefix}-{domain}.{name}");
            may.push(format!("{prefix}-dead.{name}.>"));
            may.push(format!("$JS.API.CONSUMER.INFO.{of}"));
            // Who consumes one event is held to it; who consumes several, to the consumer's name.
            may.push(match event {
                Some(event) => format!("$JS.API.CONSUMER.CREATE.{of}.{prefix}.*.{event}"),
                None => format!("$JS.API.CONSUMER.CREATE.{of}"),
            });
            may.push(format!("$JS.API.CONSUMER.MSG.NEXT.{of}"));
            // To compare the stream with its inbox, without a further consumer; not who is held to one event of another.
            if event.is_none() || *domain == self.service {
                let read = format!("$JS.API.DIRECT.GET.{prefix}-{domain}");
                may.extend((!may.contains(&read)).then_some(read));
            }
            may.push(format!("$JS.ACK.{of}.>"));
        }
        if self.service == "auth" {
            may.extend(settling_dead_letters(prefix));
        }
        for domain in self.tails {
            may.push(format!("$JS.API.STREAM.INFO.{prefix}-{domain}"));
            // Of a consumer without a name, which the server gives it.
            may.push(format!("$JS.API.CONSUMER.CREATE.{prefix}-{domain}"));
            for verb in ["CREATE", "INFO", "DELETE", "MSG.NEXT"] {
                may.push(format!("$JS.API.CONSUMER.{verb}.{prefix}-{domain}.>"));
            }
        }
        for domain in self.readers {
            streams.push(domain);
            may.push(format!("$JS.API.CONSUMER.NAMES.{prefix}-{domain}"));
            for verb in ["CREATE", "DELETE"] {
                may.push(format!("$JS.API.CONSUMER.{verb}.{prefix}-{domain}.*"));
            }
        }
        streams.sort_unstable();
        streams.dedup();
        for stream in streams {
            may.push(format!("$JS.API.STREAM.INFO.{prefix}-{stream}"));
            may.push(format!("$JS.API.STREAM.CREATE.{prefix}-{stream}"));
        }
        may
    }

    fn subscribe(&self, prefix: &str) -> Vec<String> {
        let mut may = vec![format!("_INBOX_{}.>", self.service)];
        if self.has_domain {
            may.push(format!("{prefix}-rpc.{}.*", self.service));
        }
        may.extend(self.hears.iter().map(|event| format!("{prefix}.*.{event}")));
        if !self.readers.is_empty() {
            may.push("$SYS.REQ.USER.AUTH".to_owned());
        }
        may
    }
}

/// What auth does for operators: it reads and removes dead letters, and publishes them again in the name of every domain. Who
/// issues sessions could act as anybody in any case.
fn settling_dead_letters(prefix: &str) -> Vec<String> {
    let mut may = vec![
        format!("$JS.API.STREAM.MSG.GET.{prefix}-dead"),
        format!("$JS.API.STREAM.MSG.DELETE.{prefix}-dead"),
    ];
    for rights in TABLE.iter().filter(|rights| rights.has_domain) {
        let domain = rights.service;
        may.push(format!("$JS.API.CONSUMER.INFO.{prefix}-{domain}.*"));
        if domain != "auth" {
            may.push(format!("{prefix}.*.{domain}.v1.*"));
            may.push(format!("$JS.API.STREAM.INFO.{prefix}-{domain}"));
        }
    }
    may
}

/// What leaves the account of programs outside for that of the services, whoever of them asks: what each may is told by auth.
fn requests(prefix: &str) -> Vec<outside::Request> {
    let domains = TABLE.iter().flat_map(|rights| rights.readers);
    let requests = |domain| outside::requests(prefix, &format!("{prefix}-{domain}"), "*");
    domains.flat_map(requests).collect()
}

/// The names of all users, whom nobody has to be asked about.
fn known_users() -> impl Iterator<Item = &'static str> {
    let services = TABLE.iter().map(|rights| rights.service);
    services.chain(["operator", "sys"])
}

/// Responses to one message. A service gives one. But the question whether a replica holds a call comes to each replica twice,
/// beside its queue and in it, and nats-server counts a response already when it looks, at the second one, whether the
/// reply is allowed.
const RESPONSES: u32 = 2;

/// What a service may say and hear, as nats-server's configuration writes it.
fn permissions(rights: &Rights, prefix: &str) -> Value {
    let mut permissions = json!({
        "publish": rights.publish(prefix),
        "subscribe": rights.subscribe(prefix),
    });
    if rights.has_domain {
        permissions["allow_responses"] = json!({ "max": RESPONSES, "expires": "10m" });
    }
    permissions
}

/// Users of a server that is started for a system with a prefix, with fresh passwords.
#[must_use]
pub fn users(prefix: &str) -> Vec<NatsUser> {
    TABLE
        .iter()
        .map(|rights| NatsUser {
            name: rights.service.to_owned(),
            // nats-server takes what looks like a number for one.
            password: format!("p{}", hex(Key::generate().expose())),
            permissions: permissions(rights, prefix),
        })
        .collect()
}

/// How a server that is started here lets programs outside in, by a key.
#[must_use]
pub fn outsiders(prefix: &str, key: &Key) -> NatsOutsiders {
    let requests = requests(prefix);
    let export = |request: &outside::Request| {
        // One request may be answered by many messages.
        json!({ "service": request.inside, "response_type": "stream", "accounts": [outside::ACCOUNT] })
    };
    let import = |request: &outside::Request| json!({ "service": { "account": ACCOUNT, "subject": request.inside }, "to": request.outside });
    NatsOutsiders {
        issuer: outside::issuer(key),
        services_account: ACCOUNT.to_owned(),
        account: outside::ACCOUNT.to_owned(),
        exports: requests.iter().map(export).collect(),
        imports: requests.iter().map(import).collect(),
    }
}

/// The consumers that services make, by the domain of their stream; those of the dead letters, which has none, too.
#[must_use]
pub fn consumers() -> BTreeMap<&'static str, BTreeSet<String>> {
    let mut of_domains: BTreeMap<&str, BTreeSet<String>> =
        BTreeMap::from([("dead", BTreeSet::new())]);
    for rights in TABLE.iter().filter(|rights| rights.has_domain) {
        of_domains.entry(rights.service).or_default();
        for (word, domain, _) in rights.consumers.iter().chain([&ERASING]) {
            let name = rights.consumer(word, domain);
            of_domains.entry(domain).or_default().insert(name);
        }
    }
    of_domains
}

/// Where each of these users finds the server, or those of a cluster; nowhere of its own where they were not started for
/// them.
#[must_use]
pub fn urls(servers: &[Servers], users: &[NatsUser]) -> BTreeMap<String, Secret> {
    let ours = servers
        .iter()
        .filter(|server| server.nats_monitor_url().is_some());
    let hosts: Vec<&str> = ours
        .filter_map(|server| Some(server.nats_url().rsplit_once('@')?.1))
        .collect();
    if hosts.is_empty() {
        return BTreeMap::new();
    }
    users
        .iter()
        .map(|user| {
            let (name, password) = (&user.name, &user.password);
            let urls = hosts
                .iter()
                .map(|host| format!("nats://{name}:{password}@{host}"));
            let urls = urls.collect::<Vec<_>>().join(",");
            (name.clone(), Secret::new(urls))
        })
        .collect()
}

/// Runs `nats-config`.
///
/// # Errors
/// Where nothing can be written.
pub fn run(args: &NatsConfigArgs) -> Result<()> {
    let mut text = configuration(&args.prefix);
    if let Some(dir) = &args.tls {
        text.push_str(&tls(dir));
    }
    output::print(|out| out.write_all(text.as_bytes()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
