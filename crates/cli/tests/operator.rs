//! The calls of operators, through a gateway and with the users of NATS that services have: who gets in, and what becomes of
//! dead letters; and what the doctor says of a running system.

mod support;

use clap::Parser as _;
use localservers::{Options, Servers, StartOptions};
use platform::{
    Config, address,
    bus::Outgoing,
    config::{Key, Keys, MailSink, OperatorToken, Secret},
};
use prost::Message as _;
use proto::{
    auth::{
        DeadLetterFilter, DiscardDeadLettersRequest, GetDeadLetterRequest, ListAuditEntriesRequest,
        ListDeadLettersRequest, ListDeadLettersResponse, ReplayDeadLettersRequest, WhoAmIRequest,
        operator_service_client::OperatorServiceClient,
    },
    ingestion::DatasetDeleted,
};
use support::sign_up;
use testkit::{TestResult, World, eventually};
use tonic::{Code, Request, Status, transport::Channel};
use uuid::Uuid;
use valutai::{
    args::{Cli, Command},
    server::{
        ServerCommand,
        doctor::{
            finding::{Finding, Level},
            system,
        },
        nats_config,
        stack::SERVICES,
    },
};

fn with<M>(token: &str, message: M) -> TestResult<Request<M>> {
    let mut request = Request::new(message);
    if !token.is_empty() {
        let value = format!("Bearer {token}").parse()?;
        request.metadata_mut().insert("authorization", value);
    }
    Ok(request)
}

async fn list(
    client: &mut OperatorServiceClient<Channel>,
    token: &str,
) -> TestResult<Result<ListDeadLettersResponse, Status>> {
    let request = with(token, ListDeadLettersRequest::default())?;
    let answer = client.list_dead_letters(request).await;
    Ok(answer.map(tonic::Response::into_inner))
}

/// Waits until the letters are those of some positions or later ones, and so many.
async fn letters(
    client: &OperatorServiceClient<Channel>,
    token: &str,
    behind: u64,
    count: usize,
) -> TestResult<ListDeadLettersResponse> {
    let read = || async {
        let request = ListDeadLettersRequest {
            after: behind,
            ..ListDeadLettersRequest::default()
        };
        let mut client = client.clone();
        let answer = client.list_dead_letters(with(token, request)?).await?;
        Ok::<_, testkit::Failure>(answer.into_inner())
    };
    eventually("the letters are there", || async {
        Ok(read().await?.dead_letters.len() == count)
    })
    .await?;
    read().await
}

/// A system of its own, in which every service has its own user.
async fn walled_world() -> TestResult<(World, Servers)> {
    let dir = std::env::temp_dir().join(format!("valutai-operator-{}", Uuid::now_v7().simple()));
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
    Ok((world, servers))
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_settle_dead_letters_and_nobody_else_does() -> TestResult {
    let (mut world, servers) = walled_world().await?;
    let token = Key::generate().to_base64();
    world.launch.operator = Some(OperatorToken::of(&token));
    world.start().await?;
    let owner = sign_up(&world, "operated").await?;
    let who = owner.connection.auth().who_am_i(WhoAmIRequest {}).await?;
    let organization = who
        .into_inner()
        .identity
        .unwrap_or_default()
        .organization_id;
    let mut client = OperatorServiceClient::new(world.channel().await?);

    let session = &owner.token;
    for wrong in ["", "guess", session] {
        let refusal = list(&mut client, wrong).await?;
        let refusal = refusal.expect_err("is no operator");
        assert_eq!(refusal.code(), Code::Unauthenticated, "{refusal}");
    }

    // News that three services cannot read.
    let bus = world.bus().await?;
    let id = Uuid::now_v7().to_string();
    let mut message = Outgoing {
        subject: bus
            .subjects()
            .event(&organization, "valutai.ingestion.v1.DatasetDeleted"),
        headers: Default::default(),
        body: DatasetDeleted {
            dataset_id: "none".to_owned(),
        }
        .encode_to_vec()
        .into(),
    };
    for (name, value) in [
        ("Nats-Msg-Id", id.as_str()),
        ("ce-id", id.as_str()),
        ("ce-type", "valutai.ingestion.v1.DatasetDeleted"),
    ] {
        message.headers.insert(name, value);
    }
    bus.publish(message).await?;
    let all = letters(&client, &token, 0, 3).await?;
    assert_eq!(all.count, 3);
    assert!(all.oldest_buried_at.is_some());
    let of_training = all
        .dead_letters
        .iter()
        .find(|letter| letter.consumer == "training-ingestion")
        .ok_or("training refused nothing")?;
    assert_eq!(of_training.organization_id, organization);
    let position = of_training.position;
    let request = with(&token, GetDeadLetterRequest { position })?;
    let letter = client.get_dead_letter(request).await?.into_inner();
    let letter = letter.dead_letter.ok_or("no letter")?;
    assert_eq!(letter.events[0].json, r#"{"datasetId":"none"}"#);
    assert_eq!(letter.events[0].id, id);

    // It is refused again, and by nobody else.
    let last = all.dead_letters.iter().map(|l| l.position).max();
    let replay = ReplayDeadLettersRequest {
        positions: vec![position],
        ..ReplayDeadLettersRequest::default()
    };
    let again = client.replay_dead_letters(with(&token, replay)?);
    assert_eq!(again.await?.into_inner().count, 1);
    let new = letters(&client, &token, last.unwrap_or(0), 1).await?;
    assert_eq!(new.dead_letters[0].consumer, "training-ingestion");
    assert_eq!(new.count, 3);

    let nothing = DiscardDeadLettersRequest::default();
    let refusal = client.discard_dead_letters(with(&token, nothing)?);
    let refusal = refusal.await.expect_err("nothing is meant");
    assert_eq!(refusal.code(), Code::InvalidArgument);
    let filter = DeadLetterFilter {
        organization_id: organization.clone(),
        ..DeadLetterFilter::default()
    };
    let discard = DiscardDeadLettersRequest {
        filter: Some(filter),
        ..DiscardDeadLettersRequest::default()
    };
    let gone = client.discard_dead_letters(with(&token, discard)?);
    assert_eq!(gone.await?.into_inner().count, 3);
    assert_eq!(letters(&client, &token, 0, 0).await?.count, 0);
    eventually("the organisation's trail has all of it", || async {
        let request = ListAuditEntriesRequest::default();
        let entries = owner.connection.auth().list_audit_entries(request).await?;
        let entries = entries.into_inner().entries;
        let count = |action: &str| entries.iter().filter(|e| e.action == action).count();
        Ok(count("operator.replay_dead_letter") == 1 && count("operator.discard_dead_letter") == 3)
    })
    .await?;
    world.stop().await;
    tokio::task::spawn_blocking(move || servers.stop()).await??;
    Ok(())
}

/// What the doctor says of a world, by what it looked at: how bad it is, and the line.
async fn examined(config: Config, arguments: &[&str]) -> TestResult<Vec<Finding>> {
    let cli = Cli::try_parse_from(["valutai", "doctor", "--system"].iter().chain(arguments))?;
    let Command::Server(ServerCommand::Doctor(args)) = &cli.command else {
        return Err("that is no doctor".into());
    };
    Ok(system::examine(Ok(config), args, &cli.global).await)
}

fn bad(findings: &[Finding], level: Level) -> Vec<&str> {
    let found = findings.iter().filter(|finding| finding.level == level);
    found.map(|finding| finding.what.as_str()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_finds_what_is_broken_in_a_running_system() -> TestResult {
    let (mut world, servers) = walled_world().await?;
    world.start().await?;
    sign_up(&world, "examined").await?;
    let endpoint = world.endpoint()?;
    let mut config = world.launch.config_for("auth")?;
    let admin_url = address::postgres_url(
        &address::postgres(world.launch.admin_url.expose())?.database(&world.launch.database),
        world.launch.admin_url.expose(),
    );
    let blobs = config.blob_dir.display().to_string();
    let arguments = [
        "--endpoint",
        &endpoint,
        "--postgres-url",
        &admin_url,
        "--operator-nats-url",
        world.launch.nats_url.expose(),
        "--blob-dir",
        &blobs,
    ];
    let found = examined(config.clone(), &arguments).await?;
    // Servers of tests do not wait for the disk, which loses what was acknowledged.
    let faults = bad(&found, Level::Fault);
    assert!(
        faults.len() == 1 && faults[0].starts_with("Postgres"),
        "{found:?}"
    );
    // It was not told where to look at that of nats-server, and mail goes to a folder.
    assert_eq!(
        bad(&found, Level::Warning),
        ["disk of nats-server", "mail"],
        "{found:?}"
    );
    let all = bad(&found, Level::Ok).join(", ");
    for what in [
        "schema reporting",
        "stream prediction",
        "service training",
        "dead letters",
        "gateway",
        "blobs",
        "key-encryption keys",
    ] {
        assert!(all.contains(what), "{what}: {found:?}");
    }

    // Everything that can be broken without another server, at once.
    let mut admin = world.admin().await?;
    for statement in [
        "ALTER ROLE valutai_training_app BYPASSRLS",
        "ALTER TABLE reporting.report NO FORCE ROW LEVEL SECURITY",
        "DELETE FROM prediction._sqlx_migrations WHERE version = 9",
        "UPDATE ingestion._sqlx_migrations SET version = 99 WHERE version = 4",
    ] {
        sqlx::query(statement).execute(&mut admin).await?;
    }
    config.stream_replicas = 3;
    config.kek = Keys::from(Key::generate());
    let closed = std::net::TcpListener::bind("127.0.0.1:0")?
        .local_addr()?
        .to_string();
    config.accounts.mail = Some(MailSink::Smtp(Secret::new(format!("smtp://{closed}"))));
    world.stop().await;
    let health = format!("auth={closed}");
    let arguments = [
        "--endpoint",
        &endpoint,
        "--postgres-url",
        &admin_url,
        "--operator-nats-url",
        world.launch.nats_url.expose(),
        "--blob-dir",
        "/nowhere/blobs",
        "--health",
        &health,
        "--nats-monitor",
        &closed,
    ];
    let found = examined(config, &arguments).await?;
    let says = |what: &str, detail: &str| {
        let is = |one: &&Finding| one.what.starts_with(what) && one.detail.contains(detail);
        let one = found.iter().find(is);
        let one = one.unwrap_or_else(|| panic!("nothing of {what} with {detail}: {found:#?}"));
        assert!(
            one.remedy.as_ref().is_some_and(|remedy| remedy.len() > 10),
            "{one:?}"
        );
        one.level
    };
    for (what, detail) in [
        ("schema training", "can bypass row level security"),
        ("schema reporting", "not walled off by tenant: report"),
        ("schema prediction", "without [9]"),
        ("schema ingestion", "does not know: [99]"),
        ("key-encryption keys", "sealed by keys that are not there"),
        ("service reporting", "nobody answers"),
        ("gateway", "cannot reach"),
        ("health of auth", "error"),
        ("disk of nats-server", "refused"),
        ("blobs", "/nowhere/blobs"),
        ("mail", &closed),
    ] {
        assert_eq!(says(what, detail), Level::Fault, "{what}");
    }
    assert_eq!(says("stream auth", "keeps 1 copies, not 3"), Level::Warning);
    drop(admin);
    tokio::task::spawn_blocking(move || servers.stop()).await??;
    Ok(())
}
