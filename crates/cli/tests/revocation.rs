//! What was taken from a caller is refused by every gateway, also by one that could not be told: two gateways, a real
//! nats-server between, and a line that is cut. Deliberately with a memory of hours where news are tested, so that
//! forgetting by itself would not be enough. How long it takes is measured by `valutai bench auth`.

mod support;

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use platform::{Service, launch::Launched};
use proto::{
    auth::{
        ChangeMemberRoleRequest, CreateApiKeyRequest, RemoveMemberRequest, RevokeApiKeyRequest,
        Role, SignOutRequest, WhoAmIRequest,
    },
    ingestion::ListDatasetsRequest,
};
use support::{Person, add_member, sign_up};
use testkit::{TestResult, World, eventually};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tonic::Code;
use valutai::{
    bench::{
        auth::probe::{PATH, Probe},
        predict::load,
    },
    client::Connection,
};

const SERVICES: [Service; 3] = [auth::SERVICE, ingestion::SERVICE, gateway::SERVICE];
const HOURS: Duration = Duration::from_secs(3 * 3600);

async fn world(memory: Duration) -> TestResult<World> {
    let mut world = World::new(&SERVICES).await?;
    world.launch.token_memory = memory;
    world.start().await?;
    Ok(world)
}

/// A gateway beside the first, which reaches NATS by another address where one is given.
async fn another(world: &World, nats_url: Option<String>) -> TestResult<(Launched, Connection)> {
    let mut launch = world.launch.clone();
    if let Some(url) = nats_url {
        launch.nats_url = platform::config::Secret::new(url);
    }
    let launched = launch.start(&[gateway::SERVICE], &world.clock).await?;
    let endpoint = format!("http://{}", launched.address()?);
    // A call that is made while NATS is away waits for it as long as its caller does.
    let connection = Connection::connect(&endpoint, None, Duration::from_secs(5)).await?;
    Ok((launched, connection))
}

/// Asks what an analyst may ask of another service than auth, so that it is the gateway that refuses.
async fn ask(gateway: &Connection) -> Result<(), Code> {
    let request = gateway.request(ListDatasetsRequest::default());
    let answer = gateway.ingestion().list_datasets(request).await;
    answer.map(drop).map_err(|status| status.code())
}

async fn all_serve(gateways: &[Connection]) {
    for gateway in gateways {
        assert_eq!(ask(gateway).await, Ok(()));
    }
}

async fn until(gateways: &[Connection], code: Code, what: &str) -> TestResult {
    for gateway in gateways {
        eventually(what, || async { Ok(ask(gateway).await == Err(code)) }).await?;
    }
    Ok(())
}

/// A new key for an analyst, its id and the key itself.
async fn key_of(person: &Person) -> TestResult<(String, String)> {
    let request = CreateApiKeyRequest {
        name: "nightly".to_owned(),
        role: Role::Analyst.into(),
        days: 1,
    };
    let made = person.connection.auth().create_api_key(request).await?;
    let made = made.into_inner();
    Ok((made.id, made.token))
}

fn at(gateways: &[Connection], token: &str) -> TestResult<Vec<Connection>> {
    let with = |gateway: &Connection| Ok(gateway.with_token(token)?);
    gateways.iter().map(with).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_is_refused_by_every_gateway() -> TestResult {
    let mut world = world(HOURS).await?;
    let owner = sign_up(&world, "ada").await?;
    let (second, connection) = another(&world, None).await?;
    let gateways = [owner.connection.clone(), connection];

    // A key.
    let (id, token) = key_of(&owner).await?;
    let by_key = at(&gateways, &token)?;
    all_serve(&by_key).await;
    let request = RevokeApiKeyRequest { id };
    owner.connection.auth().revoke_api_key(request).await?;
    until(&by_key, Code::Unauthenticated, "the key is refused").await?;

    // A role: sessions with the old one end, keys go on with the new one.
    let member = add_member(&owner, "grace", Role::Analyst).await?;
    let (_, token) = key_of(&member).await?;
    let (as_member, by_key) = (at(&gateways, &member.token)?, at(&gateways, &token)?);
    all_serve(&as_member).await;
    all_serve(&by_key).await;
    let user_id = user_of(&member).await?;
    let request = ChangeMemberRoleRequest {
        user_id: user_id.clone(),
        role: Role::Viewer.into(),
    };
    owner.connection.auth().change_member_role(request).await?;
    until(&as_member, Code::Unauthenticated, "the session ends").await?;
    until(&by_key, Code::PermissionDenied, "the new role counts").await?;

    // The membership.
    let request = RemoveMemberRequest { user_id };
    owner.connection.auth().remove_member(request).await?;
    until(&by_key, Code::Unauthenticated, "who was removed is refused").await?;

    // The session.
    let as_owner = at(&gateways, &owner.token)?;
    all_serve(&as_owner).await;
    owner.connection.auth().sign_out(SignOutRequest {}).await?;
    until(&as_owner, Code::Unauthenticated, "the session is refused").await?;
    second.stop().await;
    world.stop().await;
    Ok(())
}

async fn user_of(person: &Person) -> TestResult<String> {
    let reply = person.connection.auth().who_am_i(WhoAmIRequest {}).await?;
    let identity = reply.into_inner().identity.ok_or("no identity")?;
    Ok(identity.user_id)
}

/// A line to a server that can be cut.
struct Line {
    open: watch::Sender<bool>,
    address: SocketAddr,
}

impl Line {
    async fn to(server: String) -> TestResult<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (open, is_open) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (server, mut is_open) = (server.clone(), is_open.clone());
                if *is_open.borrow_and_update() {
                    tokio::spawn(async move {
                        let Ok(mut far) = TcpStream::connect(server).await else {
                            return;
                        };
                        tokio::select! {
                            _ = copy_bidirectional(&mut near, &mut far) => {}
                            _ = is_open.wait_for(|open| !open) => {}
                        }
                    });
                }
            }
        });
        Ok(Self { open, address })
    }
}

/// The session ends while a gateway hears nothing. When it hears again it does not go on with what it knew.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_was_cut_off_believes_no_token_from_before() -> TestResult {
    let mut world = world(HOURS).await?;
    let owner = sign_up(&world, "ada").await?;
    let url = world.launch.nats_url.expose().to_owned();
    let (user, server) = url.rsplit_once('@').ok_or("no user")?;
    let line = Line::to(server.to_owned()).await?;
    let (second, connection) = another(&world, Some(format!("{user}@{}", line.address))).await?;
    let far = connection.with_token(&owner.token)?;
    assert_eq!(ask(&far).await, Ok(()));

    line.open.send_replace(false);
    eventually("the gateway has lost NATS", || async {
        Ok(ask(&far).await.is_err())
    })
    .await?;
    owner.connection.auth().sign_out(SignOutRequest {}).await?;
    let near = std::slice::from_ref(&owner.connection);
    until(near, Code::Unauthenticated, "it ended").await?;
    line.open.send_replace(true);
    eventually("the gateway judges anew", || async {
        let asked = ask(&far).await;
        assert_ne!(asked, Ok(()), "it went on with what it knew");
        Ok(asked == Err(Code::Unauthenticated))
    })
    .await?;
    second.stop().await;
    world.stop().await;
    Ok(())
}

/// Nobody tells: the row is changed behind the service's back, as when an event is late.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_told_is_refused_when_the_memory_ends() -> TestResult {
    let mut world = world(Duration::from_secs(1)).await?;
    let owner = sign_up(&world, "ada").await?;
    assert_eq!(ask(&owner.connection).await, Ok(()));
    let mut admin = world.admin().await?;
    let ended = sqlx::query("UPDATE auth.session SET revoked_at = now()")
        .execute(&mut admin)
        .await?;
    assert_eq!(ended.rows_affected(), 1);
    let near = [owner.connection];
    until(&near, Code::Unauthenticated, "the session is refused").await?;
    world.stop().await;
    Ok(())
}

/// What `bench auth` compares is the same call: it comes back as it was sent, with a token and without.
#[tokio::test(flavor = "multi_thread")]
async fn the_yardstick_answers_known_and_unknown_callers_alike() -> TestResult {
    let world = World::new(&[]).await?;
    let probe = Probe::start(&world.launch).await?;
    for connection in [&probe.plain, &probe.authenticated] {
        let sent = Bytes::from_static(b"anything");
        assert_eq!(load::one(connection, PATH, sent.clone()).await?, sent);
    }
    // The token is known there and was looked at: what needs a caller is refused to nobody, and to nobody alone.
    let who = |connection: &Connection| {
        let mut auth = connection.auth();
        async move {
            auth.who_am_i(WhoAmIRequest {})
                .await
                .map_err(|status| status.code())
        }
    };
    assert_eq!(who(&probe.plain).await.err(), Some(Code::Unauthenticated));
    assert_eq!(
        who(&probe.authenticated).await.err(),
        Some(Code::Unimplemented)
    );
    probe.stop().await;
    Ok(())
}
