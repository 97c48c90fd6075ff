//! The users of NATS: the whole product works with what each service may say and hear, and a service may not
//! say or hear more. On a nats-server of the test's own, which has the users.

mod support;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpStream,
    path::PathBuf,
    time::Duration,
};

use localservers::{NatsUser, Options, Servers, StartOptions};
use proto::auth::{OperationRecorded, WhoAmIRequest};
use support::{history, import, sign_up, train};
use testkit::{TestResult, World, eventually};
use valutai::{
    client::{predict, predictions, reports},
    server::{nats_config, stack::SERVICES},
};

/// A client that says what it is told to, line by line, as no library would.
struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
}

impl Client {
    fn log_in(address: &str, user: &NatsUser) -> TestResult<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut client = Self {
            lines: BufReader::new(stream.try_clone()?),
            stream,
        };
        client.line()?;
        let login = serde_json::json!({
            "verbose": false, "pedantic": false, "headers": true, "user": user.name, "pass": user.password,
        });
        assert_eq!(
            client.ask(&format!("CONNECT {login}"))?,
            Vec::<String>::new(),
            "{}",
            user.name
        );
        Ok(client)
    }

    fn line(&mut self) -> TestResult<String> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    }

    /// What the server says to a command before it answers the ping behind it.
    fn ask(&mut self, command: &str) -> TestResult<Vec<String>> {
        write!(self.stream, "{command}\r\nPING\r\n")?;
        let mut said = Vec::new();
        loop {
            match self.line()?.as_str() {
                "PONG" => return Ok(said),
                "PING" => write!(self.stream, "PONG\r\n")?,
                "" => return Err(format!("{command}: the server hung up: {said:?}").into()),
                line => said.push(line.to_owned()),
            }
        }
    }

    fn may_hear(&mut self, subject: &str) -> TestResult<bool> {
        self.may(&format!("SUB {subject} 1"))
    }

    fn may_say(&mut self, subject: &str) -> TestResult<bool> {
        self.may(&format!("PUB {subject} 2\r\n{{}}"))
    }

    fn may(&mut self, command: &str) -> TestResult<bool> {
        let said = self.ask(command)?;
        let refused = said
            .iter()
            .any(|line| line.starts_with("-ERR 'Permissions Violation"));
        assert!(
            refused || said.iter().all(|line| !line.starts_with("-ERR")),
            "{command}: {said:?}"
        );
        Ok(!refused)
    }
}

/// A system of its own, in which every service has its own user.
async fn walled_world() -> TestResult<(World, Servers, Vec<NatsUser>, PathBuf)> {
    let dir = std::env::temp_dir().join(format!("valutai-test-nats-{}", uuid::Uuid::now_v7()));
    let users = nats_config::users("valutai");
    let mut start = StartOptions::ephemeral(&dir, std::process::id());
    start.nats_users.clone_from(&users);
    let servers = tokio::task::spawn_blocking(move || {
        Servers::obtain_and_start(&Options::default(), &start, &mut |line| eprintln!("{line}"))
    })
    .await??;
    let mut world = World::on(&SERVICES, servers.postgres_url(), servers.nats_url()).await?;
    world.launch.subject_prefix = "valutai".to_owned();
    world.launch.nats_urls = nats_config::urls(std::slice::from_ref(&servers), &users);
    assert_eq!(world.launch.nats_urls.len(), SERVICES.len());
    world.start().await?;
    Ok((world, servers, users, dir))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_says_and_hears_what_it_has_to_and_no_more() -> TestResult {
    let (mut world, servers, users, _dir) = walled_world().await?;
    // With these rights the whole product works: calls, events of every domain, a stream for a client.
    let owner = sign_up(&world, "walled").await?;
    let dataset = import(&owner, &history(120, 3)?).await?.id;
    let model = train(&owner, &dataset).await?.id;
    let fields = [("price".to_owned(), "1000".to_owned())];
    predict::predict(&owner.connection, "", predict::quote("q", fields)).await?;
    reports::generate(&owner.connection, &model).await?;
    predictions::watch(&owner.connection, "0".to_owned(), Some(1), |_, _| Ok(())).await?;
    eventually("the audit trail has what prediction said", || async {
        let request = proto::auth::ListAuditEntriesRequest::default();
        let entries = owner
            .connection
            .auth()
            .list_audit_entries(request)
            .await?
            .into_inner();
        Ok(entries
            .entries
            .iter()
            .any(|entry| entry.action == "prediction.predict"))
    })
    .await?;

    let address = servers
        .nats_url()
        .rsplit_once('@')
        .ok_or("no address")?
        .1
        .to_owned();
    let user = |name: &str| {
        users
            .iter()
            .find(|user| user.name == name)
            .ok_or("no such user")
    };
    let mut training = Client::log_in(&address, user("training")?)?;
    // What it needs.
    for subject in [
        "_INBOX_training.x.>",
        "valutai-rpc.training.*",
        "valutai.*.auth.v1.OrganizationDeleted",
    ] {
        assert!(training.may_hear(subject)?, "{subject}");
    }
    assert!(training.may_say("valutai-rpc.auth.GetTenantKey")?);
    assert!(training.may_say("$JS.API.CONSUMER.INFO.valutai-ingestion.training-ingestion")?);
    // What is auth's, what others consume, and what others are answered.
    for subject in [
        "valutai.*.auth.>",
        "valutai.*.auth.v1.SessionRevoked",
        "valutai.*.auth.v1.OperationRecorded",
        "valutai-rpc.auth.>",
        "valutai-rpc.auth.SignIn",
        "_INBOX.>",
        "_INBOX_auth.>",
        "_INBOX_gateway.>",
        "_INBOX_ingestion.>",
        "valutai.*.prediction.>",
        "valutai-dead.>",
        "$JS.API.>",
        "*.*",
        "*.*.*",
        ">",
    ] {
        assert!(!training.may_hear(subject)?, "training hears {subject}");
    }
    for subject in [
        "valutai.x.auth.v1.SessionRevoked",
        "valutai.x.ingestion.v1.DatasetImported",
        "valutai.x.prediction.v1.PredictionMade",
        "$JS.API.CONSUMER.CREATE.valutai-auth.spy",
        "$JS.API.CONSUMER.CREATE.valutai-auth.spy.valutai.*.auth.v1.SessionRevoked",
        "$JS.API.CONSUMER.CREATE.valutai-auth.training-erasure-auth",
        "$JS.API.CONSUMER.CREATE.valutai-auth.training-erasure-auth.valutai.*.auth.v1.SessionRevoked",
        "$JS.API.CONSUMER.CREATE.valutai-prediction.spy",
        "$JS.API.CONSUMER.DURABLE.CREATE.valutai-auth.spy",
        "$JS.API.CONSUMER.DELETE.valutai-auth.auth-auth",
        "$JS.API.CONSUMER.MSG.NEXT.valutai-auth.auth-auth",
        "$JS.ACK.valutai-auth.auth-auth.1.1.1.1.1",
        "$JS.API.STREAM.MSG.GET.valutai-auth",
        "$JS.API.DIRECT.GET.valutai-auth",
        "$JS.API.STREAM.UPDATE.valutai-auth",
        "$JS.API.STREAM.DELETE.valutai-training",
        "$JS.API.STREAM.PURGE.valutai-training",
        "valutai-rpc.reporting.ListReports",
        "_INBOX_auth.guess",
    ] {
        assert!(!training.may_say(subject)?, "training says {subject}");
    }
    // The question whether a replica holds a call comes to it twice, and is answered all the same: once, and not again.
    let mut replica = Client::log_in(&address, user("training")?)?;
    for hearing in ["_held 11", "* alone 12"] {
        let said = replica.ask(&format!("SUB valutai-rpc.training.{hearing}"))?;
        assert!(said.is_empty(), "{said:?}");
    }
    let mut gateway = Client::log_in(&address, user("gateway")?)?;
    gateway.ask("PUB valutai-rpc.training._held _INBOX_gateway.asked 0\r\n")?;
    for _ in 0..2 {
        assert!(replica.line()?.starts_with("MSG "));
        assert_eq!(replica.line()?, "", "the question of a test is empty");
    }
    assert!(replica.may_say("_INBOX_gateway.asked")?);
    assert!(!replica.may_say("_INBOX_gateway.asked")?);
    // Nobody hears another's replies or calls, and nobody hears everything.
    for one in &users {
        let mut client = Client::log_in(&address, one)?;
        for other in users.iter().filter(|other| other.name != one.name) {
            for subject in [
                format!("_INBOX_{}.>", other.name),
                format!("valutai-rpc.{}.>", other.name),
            ] {
                assert!(!client.may_hear(&subject)?, "{} hears {subject}", one.name);
            }
        }
        for subject in ["_INBOX.>", "*.>", ">"] {
            assert!(!client.may_hear(subject)?, "{} hears {subject}", one.name);
        }
        assert!(client.may_hear(&format!("_INBOX_{}.>", one.name))?);
    }
    let request = WhoAmIRequest {};
    owner.connection.auth().who_am_i(request).await?;
    world.stop().await;
    tokio::task::spawn_blocking(move || servers.stop()).await??;
    Ok(())
}

/// The server itself holds a consumer of one event to that event: a body that asks for more is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_of_one_event_gets_that_event_alone() -> TestResult {
    let (mut world, servers, users, _dir) = walled_world().await?;
    let address = servers
        .nats_url()
        .rsplit_once('@')
        .ok_or("no address")?
        .1
        .to_owned();
    let training = users
        .iter()
        .find(|user| user.name == "training")
        .ok_or("no user")?;
    let mut client = Client::log_in(&address, training)?;
    let erasure = <proto::auth::OrganizationDeleted as prost::Name>::full_name();
    let secret = <OperationRecorded as prost::Name>::full_name();
    let of = |event: &str| format!("valutai.*.{}", event.trim_start_matches("valutai."));
    client.ask("SUB _INBOX_training.answer 7")?;
    let mut answers = Vec::new();
    for filter in [of(&secret), ">".to_owned(), of(&erasure)] {
        let body = serde_json::json!({
            "stream_name": "valutai-auth",
            "config": {
                "durable_name": "training-erasure-auth", "ack_policy": "explicit", "deliver_policy": "all",
                "ack_wait": 30_000_000_000_u64, "max_deliver": 7, "max_ack_pending": 1, "filter_subject": filter,
                "replay_policy": "instant",
            },
        })
        .to_string();
        let subject = format!(
            "$JS.API.CONSUMER.CREATE.valutai-auth.training-erasure-auth.{}",
            of(&erasure)
        );
        let publish = format!(
            "PUB {subject} _INBOX_training.answer {}\r\n{body}",
            body.len()
        );
        let mut said = client.ask(&publish)?;
        while !said.iter().any(|line| line.starts_with('{')) {
            said.push(client.line()?);
        }
        answers.push(said.join(" "));
    }
    assert!(answers[0].contains("\"error\""), "{}", answers[0]);
    assert!(answers[1].contains("\"error\""), "{}", answers[1]);
    assert!(!answers[2].contains("\"error\""), "{}", answers[2]);
    world.stop().await;
    tokio::task::spawn_blocking(move || servers.stop()).await??;
    Ok(())
}

#[test]
fn what_is_deployed_is_what_is_run_here() {
    let deployed = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/nats/users.conf");
    let deployed = std::fs::read_to_string(deployed).expect("is there");
    assert!(
        deployed == nats_config::configuration("valutai"),
        "write deploy/nats/users.conf anew: valutai nats-config > deploy/nats/users.conf"
    );
    for file in ["single.conf", "cluster.conf"] {
        let path = format!("{}/../../deploy/nats/{file}", env!("CARGO_MANIFEST_DIR"));
        let conf = std::fs::read_to_string(path).expect("is there");
        assert!(
            conf.contains(&nats_config::tls("/etc/nats-tls")),
            "deploy/nats/{file}: TLS is not as `valutai nats-config --tls /etc/nats-tls` writes it"
        );
    }
}
