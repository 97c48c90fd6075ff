//! Clients that go away in the middle of their calls: no transaction stays open, nothing is half
//! written, and the system goes on answering.

mod support;

use std::time::Duration;

use support::{history, import, sign_up, train, world};
use testkit::{TestResult, eventually};
use valutai::client::{predict, predictions};

#[tokio::test(flavor = "multi_thread")]
async fn calls_cut_off_at_any_point_leave_nothing_open() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "cancel").await?;
    let dataset = import(&owner, &history(120, 1)?).await?;
    train(&owner, &dataset.id).await?;
    let quote = || predict::quote("q", [("price".to_owned(), "1000".to_owned())]);
    for round in 0..150_u64 {
        let (connection, quote) = (owner.connection.clone(), quote());
        let call = tokio::spawn(async move { predict::predict(&connection, "", quote).await });
        // Cut off at ever other points of the call, which takes a few milliseconds.
        tokio::time::sleep(Duration::from_micros(round * 53 % 8000)).await;
        call.abort();
    }
    eventually("no connection sits in a transaction", || async {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity
             WHERE datname = $1 AND state LIKE 'idle in transaction%'",
        )
        .bind(&world.launch.database)
        .fetch_one(&mut world.admin().await?)
        .await?;
        Ok(open == 0)
    })
    .await?;
    predict::predict(&owner.connection, "", quote()).await?;
    let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM prediction.prediction")
        .fetch_one(&mut world.admin().await?)
        .await?;
    // What was stored was told, each once.
    let mut told = std::collections::BTreeSet::new();
    let listening = predictions::watch(
        &owner.connection,
        "0".to_owned(),
        Some(u64::try_from(stored)?),
        |_, event| {
            told.insert(event.prediction_id.clone());
            Ok(())
        },
    );
    tokio::time::timeout(Duration::from_secs(20), listening).await??;
    assert_eq!(told.len(), usize::try_from(stored)?);
    world.stop().await;
    world.assert_outboxes_empty().await
}
