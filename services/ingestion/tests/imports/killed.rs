//! A process that is killed at ten points of an import: afterwards every quote is there once, and no
//! blob that nothing refers to outlives the sweep. The service runs as the program it is; deliberately
//! no stopping in good order.

use std::{
    collections::HashSet,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use proto::ingestion as pb;
use sqlx::{Connection as _, PgConnection};
use testkit::{TestResult, World, eventually};
use uuid::Uuid;

use crate::support::{Tenant, header, tenant};

/// Where an import is held up by a lock, so that it is killed at that very point. The years of the
/// quotes come one after another, so that a lock on a year's partition is met on the way.
const HELD: [(&str, &str); 7] = [
    (
        "prepared, before any partition is made",
        "SELECT pg_advisory_xact_lock(hashtext('valutai.partitions'), hashtext('ingestion.quote'))",
    ),
    (
        "partitions made, the event not yet claimed",
        "LOCK TABLE ingestion.inbox IN SHARE MODE",
    ),
    (
        "staged, and the first quotes being stored",
        "LOCK TABLE ingestion.quote_2015 IN SHARE MODE",
    ),
    (
        "half of the quotes stored",
        "LOCK TABLE ingestion.quote_2019 IN SHARE MODE",
    ),
    (
        "the last quotes being stored, the snapshot put",
        "LOCK TABLE ingestion.quote_2024 IN SHARE MODE",
    ),
    (
        "everything stored, the import not yet done",
        "LOCK TABLE ingestion.import IN SHARE MODE",
    ),
    (
        "done, and no event can be written or taken away",
        "LOCK TABLE ingestion.outbox IN SHARE MODE",
    ),
];
/// Shares of an undisturbed import at which it is killed besides: about its commit, its event and its
/// acknowledgement, which no lock can hold apart.
const AFTER: [f64; 3] = [0.9, 1.0, 1.1];
const ROWS: usize = 6_000;

/// The service as a process of its own; killed when dropped.
struct Process(Child);

impl Process {
    fn start(world: &World) -> TestResult<Self> {
        let config = world.launch.config_for("ingestion")?;
        let key_file = config.blob_dir.with_extension("kek");
        std::fs::write(&key_file, config.kek.to_base64())?;
        let child = Command::new(env!("CARGO_BIN_EXE_ingestion"))
            .env("VALUTAI_POSTGRES_URL", config.postgres_url.expose())
            .env("VALUTAI_NATS_URL", config.nats_url.expose())
            .env("VALUTAI_SUBJECT_PREFIX", &config.subject_prefix)
            .env("VALUTAI_BLOB_DIR", &config.blob_dir)
            .env("VALUTAI_KEK_FILE", &key_file)
            .env("VALUTAI_POSTGRES_CONNECTIONS", "3")
            .env("VALUTAI_LOG", "warn")
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Self(child))
    }

    /// What `kill -9` does.
    fn kill(mut self) -> TestResult {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails where the process has been killed already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn history() -> String {
    let mut text = "Quote,Outcome,Price,Quote Date,Customer\n".to_owned();
    for row in 0..ROWS {
        let outcome = ["won", "lost", "lost"][row % 3];
        let (year, month) = (2015 + row * 10 / ROWS, row % 12 + 1);
        text.push_str(&format!(
            "Q{row},{outcome},{}.50,{year}-{month:02}-11,C{}\n",
            100 + row % 900,
            row % 77
        ));
    }
    text
}

/// A world whose ingestion is a process, an organisation in it, and the process.
async fn begin() -> TestResult<(World, platform::launch::Launched, Tenant, Process)> {
    let mut world = World::new(&[auth::SERVICE, ingestion::SERVICE]).await?;
    // Ten of these share the connections of one Postgres.
    world.launch.postgres_connections = 3;
    let launched = world.launch.start(&[auth::SERVICE], &world.clock).await?;
    let process = Process::start(&world)?;
    let ours = tenant(&world, "ada@example.com").await?;
    eventually("ingestion answers", || async {
        let request = pb::ListDatasetsRequest::default();
        let answer = ours.ingestion.list_datasets(&ours.context, request).await;
        Ok(answer.is_ok())
    })
    .await?;
    Ok((world, launched, ours, process))
}

async fn upload(ours: &Tenant) -> TestResult<pb::Import> {
    let (_, answer) = ours.upload(history().as_bytes(), header(false)).await?;
    Ok(answer?.import.unwrap_or_default())
}

/// How long an import takes that nobody disturbs.
async fn undisturbed() -> TestResult<Duration> {
    let (_world, launched, ours, _process) = begin().await?;
    let import = upload(&ours).await?;
    let start = Instant::now();
    ours.until(&import.id, pb::ImportState::Done).await?;
    let took = start.elapsed();
    launched.stop().await;
    Ok(took)
}

/// What ends the waiting for the moment to kill.
enum Moment {
    /// The import waits for this lock.
    Held(&'static str),
    After(Duration),
}

async fn kill_at(name: String, moment: Moment) -> TestResult {
    let (world, launched, ours, process) = begin().await?;
    let mut admin = world.admin().await?;
    if let Moment::Held(lock) = moment
        && lock.contains("quote_")
    {
        // Made before, as only what is there can be locked.
        sqlx::raw_sql("SELECT ingestion.ensure_quote_partitions(2015, 2024)")
            .execute(&mut admin)
            .await?;
    }
    let import = match moment {
        Moment::After(wait) => {
            let import = upload(&ours).await?;
            // The moment is what is tried here, so there is nothing to wait for.
            tokio::time::sleep(wait).await;
            process.kill()?;
            import
        }
        // What an upload needs too is locked behind it.
        Moment::Held(lock) if lock.contains("import") || lock.contains("outbox") => {
            let import = upload(&ours).await?;
            kill_held(&world, &mut admin, lock, process).await?;
            import
        }
        Moment::Held(lock) => {
            let mut holding = admin.begin().await?;
            sqlx::raw_sql(lock).execute(&mut *holding).await?;
            let import = upload(&ours).await?;
            until_held(&world).await?;
            process.kill()?;
            holding.rollback().await?;
            import
        }
    };
    let _process = Process::start(&world)?;
    let done = until_done(&ours, &import.id, &name).await?;
    assert_eq!(done.effect.unwrap_or_default().created as usize, ROWS);
    let sql = "SELECT count(*), count(DISTINCT quote_ref), count(DISTINCT row), count(*) FILTER (WHERE is_current) FROM ingestion.quote";
    let counts: (i64, i64, i64, i64) = sqlx::query_as(sql).fetch_one(&mut admin).await?;
    let rows = i64::try_from(ROWS)?;
    assert_eq!(counts, (rows, rows, rows, rows), "{name}");
    assert_nothing_left_behind(&world, &mut admin, &ours, &name).await?;
    launched.stop().await;
    Ok(())
}

async fn kill_held(
    world: &World,
    admin: &mut PgConnection,
    lock: &'static str,
    process: Process,
) -> TestResult {
    let mut holding = admin.begin().await?;
    sqlx::raw_sql(lock).execute(&mut *holding).await?;
    until_held(world).await?;
    process.kill()?;
    holding.rollback().await?;
    Ok(())
}

/// Waits until the service waits for a lock.
async fn until_held(world: &World) -> TestResult {
    eventually("the import is held up", || async {
        let sql = "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database()
            AND usename = 'valutai_ingestion_app' AND wait_event_type = 'Lock')";
        Ok(sqlx::query_scalar(sql)
            .fetch_one(&mut world.admin().await?)
            .await?)
    })
    .await
}

async fn until_done(ours: &Tenant, id: &str, name: &str) -> TestResult<pb::Import> {
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let request = pb::GetImportRequest { id: id.to_owned() };
        // Nobody answers until the process is up again.
        let found = ours.ingestion.get_import(&ours.context, request).await;
        let found = found.ok().and_then(|answer| answer.import);
        if let Some(found) = found.filter(|found| found.state() == pb::ImportState::Done) {
            return Ok(found);
        }
        assert!(Instant::now() < until, "the import goes on, killed: {name}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Sweeps as the service does an hour later, and finds one file and one snapshot.
async fn assert_nothing_left_behind(
    world: &World,
    admin: &mut PgConnection,
    ours: &Tenant,
    name: &str,
) -> TestResult {
    let sql = "SELECT upload_key FROM ingestion.import UNION ALL SELECT snapshot_key FROM ingestion.dataset";
    let needed: Vec<String> = sqlx::query_scalar(sql).fetch_all(admin).await?;
    let needed: HashSet<String> = needed.into_iter().collect();
    let dir = &world.launch.config_for("ingestion")?.blob_dir;
    for purpose in ["upload", "snapshot"] {
        let known = |_: Uuid, _: Vec<String>| {
            let needed = needed.clone();
            async move { Ok::<_, platform::Error>(needed) }
        };
        let now = world.clock.now() + chrono::Duration::seconds(1);
        ours.blobs
            .sweep(purpose, Duration::ZERO, now, known)
            .await?;
        let files = std::fs::read_dir(dir.join(ours.id.to_string()).join(purpose))?.count();
        assert_eq!(files, 1, "{purpose}, killed: {name}");
    }
    assert_eq!(needed.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_goes_on_and_doubles_nothing() -> TestResult {
    let took = undisturbed().await?;
    let held = HELD.map(|(name, lock)| (name.to_owned(), Moment::Held(lock)));
    let after = AFTER.map(|share| {
        let name = format!("after {share} of its time");
        (name, Moment::After(took.mul_f64(share)))
    });
    // At once, as each of them waits for JetStream to deliver again.
    let points = held
        .into_iter()
        .chain(after)
        .map(|(name, moment)| tokio::spawn(kill_at(name, moment)));
    for point in futures::future::join_all(points).await {
        point??;
    }
    Ok(())
}
