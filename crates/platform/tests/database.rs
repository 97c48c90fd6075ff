//! What the platform promises about the database: walls between tenants, and no open transaction
//! left behind by a caller who went away.

mod support;

use std::time::Duration;

use platform::Database;
use sqlx::Executor as _;
use support::{NOTES, count_notes, insert_note};
use testkit::{TestResult, World};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_and_writes_only_its_own() -> TestResult {
    let world = World::new(&[NOTES]).await?;
    let database = world.database("notes").await?;
    let (ours, theirs) = (Uuid::now_v7(), Uuid::now_v7());
    let mut tx = database.begin(ours).await?;
    insert_note(&mut tx, Uuid::now_v7()).await?;
    tx.commit().await?;

    let mut tx = database.begin(theirs).await?;
    assert_eq!(count_notes(&mut tx).await?, 0);
    let foreign = sqlx::query("INSERT INTO note (tenant_id, id) VALUES ($1, $1)")
        .bind(ours)
        .execute(tx.connection())
        .await;
    assert!(foreign.is_err(), "a row of another tenant was written");
    drop(tx);

    let mut nobody = database.begin_any().await?;
    let seen: i64 = sqlx::query_scalar("SELECT count(*) FROM note")
        .fetch_one(&mut *nobody)
        .await?;
    assert_eq!(seen, 0, "without a tenant nothing is seen");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_refuses_to_start_where_the_walls_are_open() -> TestResult {
    let world = World::new(&[NOTES]).await?;
    let mut admin = world.admin().await?;
    admin
        .execute("ALTER TABLE notes.note NO FORCE ROW LEVEL SECURITY")
        .await?;
    let refused = world.database("notes").await;
    let reason = refused.err().ok_or("it started")?.to_string();
    assert!(reason.contains("note"), "{reason}");

    let mut config = world.launch.config_for("notes")?;
    config.postgres_url = world.launch.admin_url.clone();
    let refused = Database::connect(&config, "notes", world.clock.clone()).await;
    let reason = refused.err().ok_or("it started as superuser")?.to_string();
    assert!(reason.contains("bypass"), "{reason}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_work_leaves_no_open_transaction() -> TestResult {
    let world = World::new(&[NOTES]).await?;
    let database = world.database("notes").await?;
    let tenant = Uuid::now_v7();
    for round in 0..200_u64 {
        let database = database.clone();
        let work = tokio::spawn(async move {
            let mut tx = database.begin(tenant).await?;
            insert_note(&mut tx, Uuid::now_v7()).await?;
            platform::Result::<()>::Ok(())
        });
        // Cut off at ever other points of the work.
        tokio::time::sleep(Duration::from_micros(round * 17 % 1500)).await;
        work.abort();
    }
    testkit::eventually("no connection sits in a transaction", || async {
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
    let mut admin = world.admin().await?;
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM notes.note")
        .fetch_one(&mut admin)
        .await?;
    assert_eq!(kept, 0, "work that was never committed is there");
    let mut tx = database.begin(tenant).await?;
    insert_note(&mut tx, Uuid::now_v7()).await?;
    tx.commit().await?;
    Ok(())
}
