//! Dead letters as an operator sees them: read, given back, discarded, and what streams and inboxes disagree on.

mod support;

use async_nats::HeaderMap;
use platform::{
    Clock, Database,
    bus::{Bus, Outgoing},
    dead::{self, Filter, reconcile::reconcile, watch},
};
use prost::{Message as _, Name as _};
use proto::training::{ModelPromoted, TrainingFailed};
use sqlx::PgConnection;
use support::{NOTES, count_notes};
use testkit::{TestResult, World, eventually};
use uuid::Uuid;

/// Publishes a message as it is; answers its id.
async fn publish(bus: &Bus, tenant: Uuid, kind: &str, body: Vec<u8>) -> TestResult<Uuid> {
    let id = Uuid::now_v7();
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", id.to_string().as_str());
    headers.insert("ce-id", id.to_string().as_str());
    headers.insert("ce-type", kind);
    let subject = bus
        .subjects()
        .event(&tenant.to_string(), &TrainingFailed::full_name());
    bus.publish(Outgoing {
        subject,
        headers,
        body: body.into(),
    })
    .await?;
    Ok(id)
}

/// An event that its consumer refuses, because the model is none.
fn refused(model_id: &str) -> Vec<u8> {
    TrainingFailed {
        model_id: model_id.to_owned(),
        problem: "why".to_owned(),
    }
    .encode_to_vec()
}

async fn buried(bus: &Bus, count: usize) -> TestResult<Vec<dead::DeadLetter>> {
    eventually("the messages are buried", || async {
        Ok(dead::list(bus, 100).await?.len() == count)
    })
    .await?;
    Ok(dead::list(bus, 100).await?)
}

async fn notes(world: &World, tenant: Uuid) -> TestResult<i64> {
    let database = world.database("notes").await?;
    let mut tx = database.begin(tenant).await?;
    let count = count_notes(&mut tx).await?;
    drop(tx);
    database.close().await;
    Ok(count)
}

#[tokio::test(flavor = "multi_thread")]
async fn letters_are_found_shown_and_discarded() -> TestResult {
    let mut world = World::running(&[NOTES]).await?;
    let bus = world.bus().await?;
    let (ada, bob) = (Uuid::now_v7(), Uuid::now_v7());
    let kind = TrainingFailed::full_name();
    let id = publish(&bus, ada, &kind, refused("no id")).await?;
    publish(&bus, bob, &kind, refused("none either")).await?;
    publish(&bus, bob, &kind, vec![0xff, 0xff, 0xff, 0x01]).await?;
    let letters = buried(&bus, 3).await?;

    let first = &letters[0];
    assert_eq!(first.tenant, Some(ada));
    assert_eq!(first.consumer, "notes-training");
    assert_eq!(
        (first.event_type.as_str(), first.attempts),
        (kind.as_str(), 1)
    );
    assert!(first.reason.contains("malformed"), "{}", first.reason);
    assert_eq!(first.headers["ce-id"], id.to_string());
    assert!(
        first
            .headers
            .keys()
            .all(|name| !name.starts_with("valutai-dead-"))
    );
    let shown = first.events();
    assert_eq!(shown[0].id, Some(id));
    let event = shown[0].event.clone()?;
    assert_eq!(event["modelId"], "no id");
    assert!(letters[2].events()[0].event.is_err());

    let find = |filter: Filter| {
        let bus = bus.clone();
        async move {
            dead::search(&bus, &filter, 0, 100)
                .await
                .map(|found| found.len())
        }
    };
    let of_bob = Filter {
        tenant: Some(bob),
        ..Filter::default()
    };
    assert_eq!(find(of_bob.clone()).await?, 2);
    let poison = Filter {
        reason: Some("decode".to_owned()),
        event: Some("TrainingFailed".to_owned()),
        ..Filter::default()
    };
    assert_eq!(find(poison).await?, 1);
    let other = Filter {
        consumer: Some("notes-long-training".to_owned()),
        ..Filter::default()
    };
    assert_eq!(find(other).await?, 0);

    let before = dead::state(&bus).await?;
    assert_eq!((before.count, before.oldest_at), (3, Some(first.buried_at)));
    // One from the middle, so that the list has a hole.
    dead::discard(&bus, &letters[1], Clock::system().now()).await?;
    assert_eq!(dead::find(&bus, letters[1].position).await?, None);
    assert_eq!(find(of_bob).await?, 1);
    let left: Vec<u64> = dead::list(&bus, 10)
        .await?
        .iter()
        .map(|l| l.position)
        .collect();
    assert_eq!(left, [letters[0].position, letters[2].position]);
    // The trail of the organisation is told.
    let mut entry = dead_entries(&bus, bob).await?;
    let entry = entry.pop().ok_or("the trail was told nothing")?;
    assert_eq!(entry.action, "operator.discard_dead_letter");
    assert_eq!(entry.changes[0].after, "notes-training");
    world.stop().await;
    Ok(())
}

/// What the audit trail of an organisation was told.
async fn dead_entries(bus: &Bus, tenant: Uuid) -> TestResult<Vec<proto::auth::OperationRecorded>> {
    use futures::StreamExt as _;
    use platform::tail::{Start, tail};
    let start = Start::After(0.into());
    let (_, entries) = tail::<proto::auth::OperationRecorded>(bus, tenant, start).await?;
    let first = Box::pin(entries).next().await.ok_or("the tail ended")??;
    Ok(vec![first.event])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_letter_goes_to_its_consumer_alone_and_has_one_effect() -> TestResult {
    let mut world = World::running(&[NOTES]).await?;
    let bus = world.bus().await?;
    let tenant = Uuid::now_v7();
    let kind = TrainingFailed::full_name();
    publish(&bus, tenant, &kind, refused("no id")).await?;
    let letter = buried(&bus, 1).await?.remove(0);
    // The cause is mended: here it is the event itself that becomes readable.
    let mended = dead::DeadLetter {
        body: refused(&Uuid::now_v7().to_string()).into(),
        ..letter.clone()
    };
    let now = Clock::system().now();
    dead::replay(&bus, &mended, false, now).await?;
    eventually("the event is handled", || async {
        Ok(notes(&world, tenant).await? == 1)
    })
    .await?;
    assert_eq!(dead::list(&bus, 10).await?, []);
    // Under another message id, so that the inbox alone stands between it and a second effect.
    let again = dead::DeadLetter {
        position: letter.position + 1000,
        ..mended.clone()
    };
    // Its place is empty, so that taking it away is refused after it was published.
    assert!(dead::replay(&bus, &again, false, now).await.is_err());
    // A letter of somebody else passes this consumer by.
    let of_other = dead::DeadLetter {
        position: letter.position + 2000,
        consumer: "notes-long-training".to_owned(),
        headers: [
            ("ce-id".to_owned(), Uuid::now_v7().to_string()),
            ("ce-type".to_owned(), kind.clone()),
        ]
        .into(),
        ..mended.clone()
    };
    assert!(dead::replay(&bus, &of_other, false, now).await.is_err());
    let last = refused(&Uuid::now_v7().to_string());
    publish(&bus, tenant, &kind, last).await?;
    eventually("what came behind them is handled", || async {
        Ok(notes(&world, tenant).await? >= 2)
    })
    .await?;
    assert_eq!(notes(&world, tenant).await?, 2);

    let nobody = dead::DeadLetter {
        consumer: "long-gone".to_owned(),
        ..mended
    };
    let refusal = dead::replay(&bus, &nobody, false, now).await;
    let refusal = refusal.expect_err("nobody is there").to_string();
    assert!(refusal.contains("not there any more"), "{refusal}");
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_and_never_handled_is_found() -> TestResult {
    let mut world = World::running(&[NOTES]).await?;
    let bus = world.bus().await?;
    let tenant = Uuid::now_v7();
    let kind = TrainingFailed::full_name();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let body = refused(&Uuid::now_v7().to_string());
        ids.push(publish(&bus, tenant, &kind, body).await?);
    }
    publish(&bus, tenant, &kind, refused("no id")).await?;
    let letter = buried(&bus, 1).await?.remove(0);
    let mut admin = world.admin().await?;
    eventually("all is acknowledged", || async {
        let mut admin = world.admin().await?;
        let found = reconcile(&bus, &mut admin).await?;
        Ok(found.iter().any(|one| one.acknowledged == 4))
    })
    .await?;
    let found = reconcile(&bus, &mut admin).await?;
    // Only the consumer that claims every event; what is buried is not lost.
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].consumer, "notes-training");
    assert_eq!(found[0].missing, Vec::<u64>::new());
    // Nor is what somebody has discarded.
    dead::discard(&bus, &letter, Clock::system().now()).await?;
    let found = reconcile(&bus, &mut admin).await?;
    assert_eq!(found[0].missing, Vec::<u64>::new());
    sqlx::query("DELETE FROM notes.inbox WHERE event_id = $1")
        .bind(ids[1])
        .execute(&mut admin)
        .await?;
    let found = reconcile(&bus, &mut admin).await?;
    assert_eq!(found[0].missing, [2]);
    world.stop().await;
    Ok(())
}

#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Compared {
    position: i64,
    missing: Vec<i64>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_finds_what_it_acknowledged_and_never_handled() -> TestResult {
    let mut world = World::running(&[NOTES]).await?;
    let bus = world.bus().await?;
    let config = world.launch.config_for("notes")?;
    let database = Database::connect(&config, "notes", Clock::system()).await?;
    let mut admin = world.admin().await?;
    let tenant = Uuid::now_v7();
    let kind = TrainingFailed::full_name();
    let types = [kind.clone(), ModelPromoted::full_name()];
    let compare = || watch::compare_now(&database, &bus, "notes-training", "training", &types);
    let good = || refused(&Uuid::now_v7().to_string());
    publish(&bus, tenant, &kind, good()).await?;
    eventually("the first one is acknowledged", || async {
        compare().await?;
        let mut admin = world.admin().await?;
        Ok(compared(&mut admin)
            .await?
            .is_some_and(|found| found.position == 1))
    })
    .await?;
    let lost = publish(&bus, tenant, &kind, good()).await?;
    publish(&bus, tenant, &kind, refused("no id")).await?;
    publish(&bus, tenant, &kind, good()).await?;
    eventually("all is acknowledged", || async {
        compare().await?;
        let mut admin = world.admin().await?;
        Ok(compared(&mut admin)
            .await?
            .is_some_and(|found| found.position == 4))
    })
    .await?;
    // What is buried is not lost.
    let found = compared(&mut admin).await?.unwrap();
    assert_eq!(found.missing, Vec::<i64>::new());

    // An earlier look, and an inbox that has lost a row since.
    for statement in [
        "DELETE FROM notes.inbox WHERE event_id = $1",
        "UPDATE notes.reconciled SET position = 1 WHERE $1::uuid IS NOT NULL",
    ] {
        sqlx::query(statement)
            .bind(lost)
            .execute(&mut admin)
            .await?;
    }
    compare().await?;
    let found = compared(&mut admin).await?.unwrap();
    assert_eq!((found.position, found.missing), (4, vec![2]));
    // It stays until it is handled after all, or the stream forgets it.
    compare().await?;
    assert_eq!(compared(&mut admin).await?.unwrap().missing, [2]);
    sqlx::query("INSERT INTO notes.inbox (consumer, event_id) VALUES ('notes-training', $1)")
        .bind(lost)
        .execute(&mut admin)
        .await?;
    compare().await?;
    assert_eq!(
        compared(&mut admin).await?.unwrap().missing,
        Vec::<i64>::new()
    );

    let state = watch::count(&database, &bus).await?;
    assert_eq!(state.count, 1);
    let watched: (i64, bool) =
        sqlx::query_as("SELECT number, since = $1 FROM notes.watched WHERE name = 'dead letters'")
            .bind(state.oldest_at)
            .fetch_one(&mut admin)
            .await?;
    assert_eq!(watched, (1, true));
    database.close().await;
    world.stop().await;
    Ok(())
}

async fn compared(admin: &mut PgConnection) -> TestResult<Option<Compared>> {
    Ok(sqlx::query_as(
        "SELECT position, missing FROM notes.reconciled WHERE consumer = 'notes-training'",
    )
    .fetch_optional(admin)
    .await?)
}
