//! nats-server dies in the middle of work and comes back: everything committed arrives.

mod support;

use std::time::Duration;

use localservers::{Options, Servers, StartOptions};
use platform::shutdown::Shutdown;
use proto::prediction::ListPredictionsRequest;
use support::{history, import, sign_up, train};
use testkit::{Failure, TestResult, World};
use valutai::{
    client::{predict, predictions},
    server::stack::SERVICES,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_arrives_after_a_restart_of_nats() -> TestResult {
    let dir =
        std::env::temp_dir().join(format!("valutai-outage-{}", uuid::Uuid::now_v7().simple()));
    // Durable, because it is killed and not asked to stop.
    let mut start = StartOptions::durable(&dir);
    start.remove_data = true;
    let mut servers = blocking(move || {
        Servers::obtain_and_start(&Options::default(), &start, &mut |line| eprintln!("{line}"))
    })
    .await?;
    let mut world = World::on(&SERVICES, servers.postgres_url(), servers.nats_url()).await?;
    world.start().await?;
    let owner = sign_up(&world, "outage").await?;
    let dataset = import(&owner, &history(200, 1)?).await?;
    train(&owner, &dataset.id).await?;

    let stop = Shutdown::new();
    let caller = {
        let (owner, stop) = (owner.clone(), stop.clone());
        tokio::spawn(async move {
            let mut answered = 0_usize;
            while !stop.is_cancelled() {
                let quote = predict::quote("q", [("price".to_owned(), "1000".to_owned())]);
                // Refusals are expected while NATS is away.
                answered +=
                    usize::from(predict::predict(&owner.connection, "", quote).await.is_ok());
            }
            answered
        })
    };
    count_predictions(&owner, 10).await?;
    let mut servers = blocking(move || servers.kill_nats().map(|()| servers)).await?;
    let servers = blocking(move || servers.restart_nats().map(|()| servers)).await?;
    let before = predictions_of(&owner).await?;
    count_predictions(&owner, before + 10).await?;
    stop.cancel();
    let answered = caller.await?;
    assert!(answered >= 20);

    let mut admin = world.admin().await?;
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM prediction.prediction")
        .fetch_one(&mut admin)
        .await?;
    assert!(
        usize::try_from(stored)? >= answered,
        "an answered prediction was not stored"
    );
    let mut ids = std::collections::BTreeSet::new();
    let wanted = Some(u64::try_from(stored)?);
    predictions::watch(&owner.connection, "0".to_owned(), wanted, |_, event| {
        ids.insert(event.prediction_id.clone());
        Ok(())
    })
    .await?;
    assert_eq!(
        ids.len(),
        usize::try_from(stored)?,
        "an event is missing or came twice"
    );
    world.stop().await;
    world.assert_outboxes_empty().await?;
    drop(world);
    blocking(move || servers.stop()).await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, localservers::Error> + Send + 'static,
) -> TestResult<T> {
    Ok(tokio::task::spawn_blocking(work).await??)
}

/// Predictions on the first page, once the system answers.
async fn predictions_of(owner: &support::Person) -> TestResult<usize> {
    let request = ListPredictionsRequest {
        page_size: 200,
        ..ListPredictionsRequest::default()
    };
    let listed = platform::patience::eventually(Duration::from_secs(20), || async {
        let answer = owner
            .connection
            .prediction()
            .list_predictions(request.clone())
            .await;
        Ok::<_, Failure>(answer.ok())
    })
    .await?;
    let listed = listed.ok_or("the system does not answer again")?;
    Ok(listed.into_inner().predictions.len())
}

/// Waits until so many predictions are listed; a page is the most that is counted.
async fn count_predictions(owner: &support::Person, count: usize) -> TestResult {
    testkit::eventually("more predictions are made", || async {
        Ok(predictions_of(owner).await? >= count.min(200))
    })
    .await
}
