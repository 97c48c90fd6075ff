//! What the platform promises about events that travel together: each is handled once, whatever comes with it, and can be read
//! from the middle of them on.

mod support;

use futures::StreamExt as _;
use platform::{
    bus::Outgoing,
    dead,
    outbox::Relay,
    tail::{Start, tail},
};
use proto::training::ModelFlagged;
use support::{NOTES, count_notes, flagged};
use testkit::{TestResult, World, eventually};
use uuid::Uuid;

const KIND: &str = "valutai.training.v1.ModelFlagged";

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|_| Uuid::now_v7().to_string()).collect()
}

async fn publish(world: &World, tenant: Uuid, ids: &[String]) -> TestResult {
    let database = world.database("notes").await?;
    let events: Vec<ModelFlagged> = ids.iter().map(|id| flagged(id)).collect();
    let mut tx = database.begin(tenant).await?;
    tx.publish_all(&events).await?;
    tx.commit().await?;
    database.close().await;
    Ok(())
}

async fn has_notes(world: &World, tenant: Uuid, expected: i64) -> TestResult {
    let database = world.database("notes").await?;
    eventually("every event has its note", || async {
        let mut tx = database.begin(tenant).await?;
        Ok(count_notes(&mut tx).await? == expected)
    })
    .await?;
    database.close().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_many_has_one_effect_also_when_all_come_again() -> TestResult {
    let mut world = World::running(&[NOTES]).await?;
    let tenant = Uuid::now_v7();
    publish(&world, tenant, &ids(700)).await?;
    publish(&world, tenant, &ids(1)).await?;
    has_notes(&world, tenant, 701).await?;
    // The same messages under other names for the server's own de-duplication.
    let bus = world.bus().await?;
    let stream = bus.subjects().stream("training");
    let client = support::connect(&world).await?;
    let context = async_nats::jetstream::new(client);
    let mut stream = context.get_stream(stream).await?;
    let last = stream.info().await?.state.last_sequence;
    assert_eq!(
        last, 3,
        "events that are committed together are few messages"
    );
    for sequence in 1..=last {
        let message = stream.get_raw_message(sequence).await?;
        let mut headers = async_nats::HeaderMap::new();
        for (name, values) in message.headers.iter() {
            if !name.to_string().starts_with("Nats-") {
                headers.insert(name.clone(), values[0].clone());
            }
        }
        headers.insert("Nats-Msg-Id", format!("again-{sequence}").as_str());
        bus.publish(Outgoing {
            subject: message.subject.to_string(),
            headers,
            body: message.payload.clone(),
        })
        .await?;
    }
    // What is published behind them is handled behind them.
    publish(&world, tenant, &ids(1)).await?;
    has_notes(&world, tenant, 702).await?;
    assert!(dead::list(&bus, 10).await?.is_empty());
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_takes_nothing_along_that_came_in_other_messages() -> TestResult {
    let mut world = World::new(&[NOTES]).await?;
    let tenant = Uuid::now_v7();
    let bus = world.bus().await?;
    bus.ensure_stream("training").await?;
    let relay = Relay::new(world.database("notes").await?, bus.clone());
    publish(&world, tenant, &ids(2)).await?;
    relay.publish_without_delete().await?;
    let mut headers = async_nats::HeaderMap::new();
    for (name, value) in [
        ("ce-id", Uuid::now_v7().to_string().as_str()),
        ("Nats-Msg-Id", "poison"),
        ("ce-type", KIND),
    ] {
        headers.insert(name, value);
    }
    bus.publish(Outgoing {
        subject: bus.subjects().event(&tenant.to_string(), KIND),
        headers,
        body: vec![0xff, 0xff].into(),
    })
    .await?;
    publish(&world, tenant, &ids(3)).await?;
    relay.publish_without_delete().await?;
    // Only now, so that all of them come together.
    world.start().await?;
    has_notes(&world, tenant, 5).await?;
    eventually("the poison is buried", || async {
        Ok(!dead::list(&bus, 10).await?.is_empty())
    })
    .await?;
    let letters = dead::list(&bus, 10).await?;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].consumer, "notes-together-training");
    assert_eq!(letters[0].body, vec![0xff, 0xff]);
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn poison_out_of_an_atomic_batch_is_buried_as_well() -> TestResult {
    let mut world = World::new(&[NOTES]).await?;
    let tenant = Uuid::now_v7();
    let bus = world.bus().await?;
    bus.ensure_stream("training").await?;
    let subject = bus.subjects().event(&tenant.to_string(), KIND);
    let poison = |number: usize| {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("ce-id", Uuid::now_v7().to_string().as_str());
        headers.insert("Nats-Msg-Id", format!("poison-{number}").as_str());
        headers.insert("ce-type", KIND);
        Outgoing {
            subject: subject.clone(),
            headers,
            body: vec![0xff, 0xff].into(),
        }
    };
    bus.publish_all(&[poison(1), poison(2)]).await?;
    world.start().await?;
    eventually("both are buried", || async {
        Ok(dead::list(&bus, 10).await?.len() == 2)
    })
    .await?;
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn reading_goes_on_in_the_middle_of_what_travels_together() -> TestResult {
    let mut world = World::running(&[NOTES]).await?;
    let (tenant, models) = (Uuid::now_v7(), ids(5));
    publish(&world, tenant, &models).await?;
    has_notes(&world, tenant, 5).await?;
    let bus = world.bus().await?;
    let (_, all) = tail::<ModelFlagged>(&bus, tenant, Start::After(0.into())).await?;
    let all: Vec<_> = all.take(5).collect().await;
    let all: Vec<_> = all.into_iter().collect::<Result<_, _>>()?;
    let found: Vec<&String> = all.iter().map(|read| &read.event.model_id).collect();
    assert_eq!(found, models.iter().collect::<Vec<_>>());
    assert!(all.iter().all(|read| !read.event_id.is_nil()));
    for (read, expected) in all.iter().zip(&models[1..]) {
        let (_, behind) = tail::<ModelFlagged>(&bus, tenant, Start::After(read.position)).await?;
        let next = Box::pin(behind).next().await.ok_or("nothing follows")??;
        assert_eq!(&next.event.model_id, expected);
    }
    world.stop().await;
    Ok(())
}
