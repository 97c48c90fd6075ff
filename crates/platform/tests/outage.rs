//! What everything depends on goes away for longer than a message is tried: nothing is buried, and all is handled afterwards.

mod support;

use std::{sync::atomic::Ordering, time::Duration};

use async_nats::HeaderMap;
use localservers::{Options, Servers, StartOptions};
use platform::{bus::Outgoing, dead};
use prost::{Message, Name};
use proto::training::{ModelPromoted, TrainingCancelled};
use support::{ATTEMPTS, AWAY_FOR, NOTES, TRIES, count_notes};
use testkit::{TestResult, World, eventually};
use uuid::Uuid;

async fn publish<E: Message + Name>(world: &World, tenant: Uuid, event: &E) -> TestResult {
    let bus = world.bus().await?;
    let id = Uuid::now_v7().to_string();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", id.as_str());
    headers.insert("ce-id", id.as_str());
    headers.insert("ce-type", E::full_name().as_str());
    let message = Outgoing {
        subject: bus.subjects().event(&tenant.to_string(), &E::full_name()),
        headers,
        body: event.encode_to_vec().into(),
    };
    Ok(bus.publish(message).await?)
}

async fn has_note(world: &World, tenant: Uuid) -> TestResult {
    let database = world.database("notes").await?;
    eventually("the event is handled", || async {
        let mut tx = database.begin(tenant).await?;
        Ok(count_notes(&mut tx).await? == 1)
    })
    .await?;
    database.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_away_is_waited_for_with_the_message_in_hand() -> TestResult {
    let mut world = World::new(&[NOTES]).await?;
    // Long waits are no silence.
    world.launch.ack_wait = Duration::from_secs(1);
    world.start().await?;
    let tenant = Uuid::now_v7();
    // Once more than a message is delivered before it is a dead letter.
    AWAY_FOR.store(6, Ordering::SeqCst);
    let event = TrainingCancelled {
        model_id: Uuid::now_v7().to_string(),
        ..TrainingCancelled::default()
    };
    publish(&world, tenant, &event).await?;
    has_note(&world, tenant).await?;
    assert_eq!(TRIES.load(Ordering::SeqCst), 7);
    assert_eq!(dead::list(&world.bus().await?, 10).await?, []);
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_postgres_buries_nothing() -> TestResult {
    let dir = std::env::temp_dir().join(format!("valutai-away-{}", Uuid::now_v7().simple()));
    let mut start = StartOptions::durable(&dir);
    start.remove_data = true;
    let mut servers = blocking(move || {
        Servers::obtain_and_start(&Options::default(), &start, &mut |line| eprintln!("{line}"))
    })
    .await?;
    let mut world = World::on(&[NOTES], servers.postgres_url(), servers.nats_url()).await?;
    world.launch.ack_wait = Duration::from_secs(1);
    world.start().await?;
    let mut servers = blocking(move || servers.kill_postgres().map(|()| servers)).await?;
    let tenant = Uuid::now_v7();
    let event = ModelPromoted {
        model_id: Uuid::now_v7().to_string(),
        reason: "1".to_owned(),
        ..ModelPromoted::default()
    };
    publish(&world, tenant, &event).await?;
    eventually("it was tried again while Postgres was away", || async {
        Ok(ATTEMPTS.load(Ordering::SeqCst) >= 2)
    })
    .await?;
    let servers = blocking(move || servers.restart_postgres().map(|()| servers)).await?;
    has_note(&world, tenant).await?;
    assert_eq!(dead::list(&world.bus().await?, 10).await?, []);
    world.stop().await;
    drop(world);
    blocking(move || servers.stop()).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, localservers::Error> + Send + 'static,
) -> TestResult<T> {
    Ok(tokio::task::spawn_blocking(work).await??)
}
