//! What the platform promises about events: none lost, effects once, poison put aside.

mod support;

use std::{sync::atomic::Ordering, time::Duration};

use futures::StreamExt as _;
use platform::{
    bus::Outgoing,
    dead,
    outbox::Relay,
    shutdown::Shutdown,
    tail::{Start, tail},
};
use prost::Message as _;
use proto::training::{ModelPromoted, TrainingFailed, TrainingProgressed};
use support::{ATTEMPTS, NOTES, count_notes, failed};
use testkit::{TestResult, World, eventually};
use uuid::Uuid;

async fn commit_events(world: &World, tenant: Uuid, count: usize) -> TestResult {
    let database = world.database("notes").await?;
    let mut tx = database.begin(tenant).await?;
    for _ in 0..count {
        tx.publish(&failed(Uuid::now_v7())).await?;
    }
    tx.commit().await?;
    database.close().await;
    Ok(())
}

/// Everything of one type and tenant that the stream holds once `expected` have come, and nothing
/// more for a moment after.
async fn stored(world: &World, tenant: Uuid, expected: usize) -> TestResult<Vec<TrainingFailed>> {
    let bus = world.bus().await?;
    let (_, events) = tail::<TrainingFailed>(&bus, tenant, Start::After(0.into())).await?;
    let mut events = Box::pin(events);
    let mut found = Vec::new();
    while found.len() < expected {
        let next = tokio::time::timeout(Duration::from_secs(20), events.next())
            .await
            .map_err(|_| format!("only {} of {expected} events came", found.len()))?;
        found.push(next.ok_or("the tail ended")??.event);
    }
    // A duplicate would be in the stream already.
    let more = tokio::time::timeout(Duration::from_millis(300), events.next()).await;
    assert!(
        more.is_err(),
        "more than {expected} events are in the stream"
    );
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_commit_and_publish_loses_nothing() -> TestResult {
    let mut world = World::new(&[NOTES]).await?;
    let tenant = Uuid::now_v7();
    // No relay runs: the process died right after the commit.
    commit_events(&world, tenant, 3).await?;
    world.start().await?;
    assert_eq!(stored(&world, tenant, 3).await?.len(), 3);
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_publish_and_delete_stores_nothing_twice() -> TestResult {
    let mut world = World::new(&[NOTES]).await?;
    let tenant = Uuid::now_v7();
    let bus = world.bus().await?;
    bus.ensure_stream("training").await?;
    commit_events(&world, tenant, 3).await?;
    let database = world.database("notes").await?;
    let relay = Relay::new(database.clone(), bus);
    assert_eq!(relay.publish_without_delete().await?, 3);
    // The next relay meets the three in one batch with a new one, which the server refuses whole.
    commit_events(&world, tenant, 1).await?;
    world.start().await?;
    let events = stored(&world, tenant, 4).await?;
    assert_eq!(events.len(), 4);
    eventually("every event has one note", || async {
        let mut tx = database.begin(tenant).await?;
        Ok(count_notes(&mut tx).await? == 4)
    })
    .await?;
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_one_transaction_keep_their_order_over_batches() -> TestResult {
    let mut world = World::new(&[NOTES]).await?;
    let tenant = Uuid::now_v7();
    let ids: Vec<Uuid> = (0..450).map(|_| Uuid::now_v7()).collect();
    let database = world.database("notes").await?;
    let mut tx = database.begin(tenant).await?;
    for id in &ids {
        tx.publish(&failed(*id)).await?;
    }
    tx.commit().await?;
    world.start().await?;
    let found = stored(&world, tenant, ids.len()).await?;
    let found: Vec<String> = found.into_iter().map(|event| event.model_id).collect();
    let sent: Vec<String> = ids.iter().map(Uuid::to_string).collect();
    assert_eq!(found, sent);
    world.stop().await;
    Ok(())
}

fn raw(
    world_subject: String,
    event_id: Uuid,
    message_id: &str,
    body: Vec<u8>,
    kind: &str,
) -> Outgoing {
    let mut headers = async_nats::HeaderMap::new();
    headers.insert("Nats-Msg-Id", message_id);
    headers.insert("ce-id", event_id.to_string().as_str());
    headers.insert("ce-type", kind);
    Outgoing {
        subject: world_subject,
        headers,
        body: body.into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_delivery_has_one_effect() -> TestResult {
    let mut world = World::running(&[NOTES]).await?;
    let (tenant, event_id) = (Uuid::now_v7(), Uuid::now_v7());
    let bus = world.bus().await?;
    let subject = bus
        .subjects()
        .event(&tenant.to_string(), "valutai.training.v1.TrainingFailed");
    let body = failed(Uuid::now_v7()).encode_to_vec();
    for message_id in ["first", "second"] {
        // Different message ids: the server's own de-duplication does not help.
        let message = raw(
            subject.clone(),
            event_id,
            message_id,
            body.clone(),
            "valutai.training.v1.TrainingFailed",
        );
        bus.publish(message).await?;
    }
    let last = failed(Uuid::now_v7()).encode_to_vec();
    bus.publish(raw(
        subject,
        Uuid::now_v7(),
        "third",
        last,
        "valutai.training.v1.TrainingFailed",
    ))
    .await?;
    let database = world.database("notes").await?;
    eventually("the third event has its note", || async {
        let mut tx = database.begin(tenant).await?;
        Ok(count_notes(&mut tx).await? >= 2)
    })
    .await?;
    let mut tx = database.begin(tenant).await?;
    assert_eq!(count_notes(&mut tx).await?, 2);
    drop(tx);
    assert!(dead::list(&bus, 10).await?.is_empty());
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_goes_to_the_dead_letters_byte_for_byte() -> TestResult {
    let mut world = World::running(&[NOTES]).await?;
    let tenant = Uuid::now_v7();
    let bus = world.bus().await?;
    let kind = "valutai.training.v1.TrainingFailed";
    let subject = bus.subjects().event(&tenant.to_string(), kind);
    let poison = vec![0xff, 0xff, 0xff, 0x01];
    bus.publish(raw(
        subject.clone(),
        Uuid::now_v7(),
        "poison",
        poison.clone(),
        kind,
    ))
    .await?;
    let good = failed(Uuid::now_v7()).encode_to_vec();
    bus.publish(raw(subject.clone(), Uuid::now_v7(), "good", good, kind))
        .await?;
    let database = world.database("notes").await?;
    eventually("the good event behind the poison is handled", || async {
        let mut tx = database.begin(tenant).await?;
        Ok(count_notes(&mut tx).await? == 1)
    })
    .await?;
    let letters = dead::list(&bus, 10).await?;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].body, poison);
    assert_eq!(letters[0].subject, subject);
    assert_eq!(letters[0].consumer, "notes-training");
    assert!(
        letters[0].reason.contains("decode"),
        "{}",
        letters[0].reason
    );
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_failure_is_tried_again() -> TestResult {
    let mut world = World::running(&[NOTES]).await?;
    let tenant = Uuid::now_v7();
    let database = world.database("notes").await?;
    let mut tx = database.begin(tenant).await?;
    tx.publish(&ModelPromoted {
        model_id: Uuid::now_v7().to_string(),
        reason: "3".to_owned(),
        ..ModelPromoted::default()
    })
    .await?;
    tx.commit().await?;
    eventually("the third attempt succeeds", || async {
        let mut tx = database.begin(tenant).await?;
        Ok(count_notes(&mut tx).await? == 1)
    })
    .await?;
    assert_eq!(ATTEMPTS.load(Ordering::SeqCst), 3);
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn work_of_one_per_replica_begins_when_its_event_comes() -> TestResult {
    let mut world = World::running(&[NOTES]).await?;
    let tenant = Uuid::now_v7();
    let database = world.database("notes").await?;
    for round in 1..=3 {
        if round == 3 {
            // The quiet is what is tried: a pull that has been waiting for long must hear all the same.
            tokio::time::sleep(Duration::from_secs(12)).await;
        }
        let mut tx = database.begin(tenant).await?;
        tx.publish(&TrainingProgressed {
            model_id: Uuid::now_v7().to_string(),
            ..TrainingProgressed::default()
        })
        .await?;
        tx.commit().await?;
        // Less patience than the time after which a pull asks anew.
        eventually("the event is handled", || async {
            let mut tx = database.begin(tenant).await?;
            Ok(count_notes(&mut tx).await? == round)
        })
        .await?;
    }
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn two_relays_do_not_publish_at_once() -> TestResult {
    let world = World::new(&[NOTES]).await?;
    let tenant = Uuid::now_v7();
    let bus = world.bus().await?;
    bus.ensure_stream("training").await?;
    let stop = Shutdown::new();
    let mut relays = Vec::new();
    for _ in 0..2 {
        let database = world.database("notes").await?;
        relays.push(tokio::spawn(
            Relay::new(database, bus.clone()).run(stop.clone()),
        ));
    }
    commit_events(&world, tenant, 500).await?;
    assert_eq!(stored(&world, tenant, 500).await?.len(), 500);
    stop.cancel();
    for relay in relays {
        relay.await?;
    }
    world.assert_outboxes_empty().await
}
