//! A process that is killed at any point of an import: afterwards every quote is there once. The
//! service runs as the program it is; deliberately no stopping in good order.

mod support;

use std::{
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use proto::ingestion as pb;
use support::{Tenant, header, tenant};
use testkit::{TestResult, World, eventually};

/// Points of an import at which it is killed, spread over the time that it takes.
const POINTS: u32 = 10;
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
        let (year, month) = (2015 + row % 10, row % 12 + 1);
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

async fn kill_after(wait: Duration) -> TestResult {
    let (world, launched, ours, process) = begin().await?;
    let import = upload(&ours).await?;
    // The moment is what is tried here, so there is nothing to wait for.
    tokio::time::sleep(wait).await;
    process.kill()?;
    let _process = Process::start(&world)?;
    let until = Instant::now() + Duration::from_secs(90);
    let done = loop {
        let request = pb::GetImportRequest {
            id: import.id.clone(),
        };
        // Nobody answers until the process is up again.
        let found = ours.ingestion.get_import(&ours.context, request).await;
        let found = found.ok().and_then(|answer| answer.import);
        if let Some(found) = found.filter(|found| found.state() == pb::ImportState::Done) {
            break found;
        }
        assert!(Instant::now() < until, "the import goes on after {wait:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(done.effect.unwrap_or_default().created as usize, ROWS);
    let sql = "SELECT count(*), count(DISTINCT quote_ref), count(DISTINCT row), count(*) FILTER (WHERE is_current) FROM ingestion.quote";
    let mut admin = world.admin().await?;
    let counts: (i64, i64, i64, i64) = sqlx::query_as(sql).fetch_one(&mut admin).await?;
    let rows = i64::try_from(ROWS)?;
    assert_eq!(counts, (rows, rows, rows, rows), "killed after {wait:?}");
    launched.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_is_killed_goes_on_and_doubles_nothing() -> TestResult {
    let took = undisturbed().await?;
    // At once, as each of them waits for JetStream to deliver again.
    let points = (0..POINTS).map(|point| tokio::spawn(kill_after(took * point / POINTS)));
    for point in futures::future::join_all(points).await {
        point??;
    }
    Ok(())
}
