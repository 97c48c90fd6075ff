//! The calls of operators, through a gateway and with the users of NATS that services have: who gets in, and what becomes of
//! dead letters.

mod support;

use localservers::{Options, Servers, StartOptions};
use platform::{
    bus::Outgoing,
    config::{Key, OperatorToken},
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
use valutai::server::{nats_config, stack::SERVICES};

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

#[tokio::test(flavor = "multi_thread")]
async fn operators_settle_dead_letters_and_nobody_else_does() -> TestResult {
    let dir = std::env::temp_dir().join(format!("valutai-operator-{}", Uuid::now_v7().simple()));
    let users = nats_config::users("valutai");
    let mut start = StartOptions::ephemeral(&dir, std::process::id());
    start.nats_users.clone_from(&users);
    let servers = tokio::task::spawn_blocking(move || {
        Servers::obtain_and_start(&Options::default(), &start, &mut |line| eprintln!("{line}"))
    })
    .await??;
    let mut world = World::on(&SERVICES, servers.postgres_url(), servers.nats_url()).await?;
    let token = Key::generate().to_base64();
    world.launch.subject_prefix = "valutai".to_owned();
    world.launch.nats_urls = nats_config::urls(std::slice::from_ref(&servers), &users);
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
