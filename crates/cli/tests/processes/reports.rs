//! A replica of reporting that is killed in the middle of a scheduled report, and while the report is handed on to be mailed:
//! another one makes it and mails it, once. Deliberately real processes and locks; only the leases are ended by hand, as hours
//! would end them.

use std::path::{Path, PathBuf};

use platform::{Service, config::Key};
use proto::{
    auth::{Role, WhoAmIRequest},
    reporting::{CreateReportScheduleRequest, ReportKind},
};
use sqlx::{AssertSqlSafe, Executor as _, PgConnection};
use testkit::{TestResult, World, eventually};
use valutai::{bench::process::Process, server::stack::SERVICES};

use crate::{
    TURN, program,
    support::{Person, add_member, sign_up},
};

const REPORTING: &str = "reporting";

/// A system whose reporting runs in processes of its own.
struct Scene {
    world: World,
    /// Where the keys of the processes lie.
    dir: PathBuf,
}

impl Scene {
    async fn new() -> TestResult<Self> {
        let is_other = |service: &Service| service.name != REPORTING;
        let others: Vec<Service> = SERVICES.into_iter().filter(is_other).collect();
        let mut world = World::new(&others).await?;
        world.launch.prepare(&SERVICES).await?;
        let dir = std::env::temp_dir().join(format!("{}-keys", world.launch.database));
        std::fs::create_dir_all(&dir)?;
        let key = Key::generate();
        std::fs::write(Process::key_file(&dir), key.to_base64())?;
        std::fs::write(Process::audit_key_file(&dir), Key::generate().to_base64())?;
        world.launch.kek = key.into();
        world.start().await?;
        Ok(Self { world, dir })
    }

    /// Starts a replica.
    async fn replica(&self) -> TestResult<Process> {
        let launch = &self.world.launch;
        let mut command = Process::command(&program(), launch, &self.dir, REPORTING)?;
        Ok(Process::start_ready(&mut command, REPORTING).await?)
    }

    /// Lets nobody write into a table as long as the connection lasts.
    async fn lock(&self, table: &str) -> TestResult<PgConnection> {
        let mut holder = self.world.admin().await?;
        let lock = format!("BEGIN; LOCK TABLE {table} IN SHARE MODE");
        holder.execute(AssertSqlSafe(lock)).await?;
        Ok(holder)
    }

    /// Waits until somebody wants to write into a table that is locked.
    async fn until_held_up(&self, table: &str) -> TestResult {
        eventually(&format!("somebody writes into {table}"), || async {
            let query =
                "SELECT count(*) FROM pg_locks WHERE relation = $1::text::regclass AND NOT granted";
            Ok(self.count(query, table).await? == 1)
        })
        .await
    }

    async fn count(&self, query: &'static str, value: &str) -> TestResult<i64> {
        let mut admin = self.world.admin().await?;
        let count = sqlx::query_scalar(query).bind(value).fetch_one(&mut admin);
        Ok(count.await?)
    }

    /// Makes due what a table has, as time would.
    async fn make_due(&self, table: &str) -> TestResult {
        let update = format!("UPDATE {table} SET due_at = now() WHERE due_at IS NOT NULL");
        self.world
            .admin()
            .await?
            .execute(AssertSqlSafe(update))
            .await?;
        Ok(())
    }

    /// Waits until the newest of so many reports was mailed and nothing is under way; asserts that nobody got it twice.
    async fn assert_mailed(&self, reports: i64, to: &str) -> TestResult {
        let query =
            "SELECT count(*) FROM reporting.report_delivery WHERE (due_at IS NULL)::text = $1";
        eventually("the report was handed on", || async {
            Ok(self.count(query, "true").await? == reports)
        })
        .await?;
        eventually("all letters were sent", || async {
            Ok(self
                .count("SELECT count(*) FROM auth.mail WHERE $1 <> ''", "all")
                .await?
                == 0)
        })
        .await?;
        assert_eq!(self.count(query, "false").await?, 0);
        let made = self.count(
            "SELECT count(*) FROM reporting.report WHERE kind = $1",
            "track",
        );
        assert_eq!(made.await?, reports);
        assert_eq!(letters(&self.world.mail_dir(), to)?, reports);
        Ok(())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // The run's own temporary files.
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// How many reports somebody got by mail.
fn letters(dir: &Path, to: &str) -> TestResult<i64> {
    let mut found = 0;
    for file in std::fs::read_dir(dir)? {
        let text = std::fs::read_to_string(file?.path())?;
        let is_one = text.contains(&format!("To: {to}\n")) && text.contains("Subject: Report: ");
        found += i64::from(is_one);
    }
    Ok(found)
}

/// Has a track record mailed to somebody every night.
async fn schedule(owner: &Person, reader: &Person) -> TestResult {
    let who = reader.connection.auth().who_am_i(WhoAmIRequest {}).await?;
    let request = CreateReportScheduleRequest {
        kind: ReportKind::Track.into(),
        cron: "30 3 * * *".to_owned(),
        recipient_ids: vec![who.into_inner().identity.ok_or("nobody")?.user_id],
        ..CreateReportScheduleRequest::default()
    };
    owner
        .connection
        .reporting()
        .create_report_schedule(request)
        .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_whose_replica_is_killed_is_made_and_mailed_once_by_another() -> TestResult {
    let _turn = TURN.lock().await;
    let mut scene = Scene::new().await?;
    let mut first = scene.replica().await?;
    let owner = sign_up(&scene.world, "ada").await?;
    let reader = add_member(&owner, "bob", Role::Viewer).await?;
    schedule(&owner, &reader).await?;

    // Generated, and about to be kept.
    let held = scene.lock("reporting.report").await?;
    scene.make_due("reporting.report_schedule").await?;
    scene.until_held_up("reporting.report").await?;
    let mut second = scene.replica().await?;
    first.kill();
    drop(held);
    assert_eq!(letters(&scene.world.mail_dir(), "bob@example.com")?, 0);
    scene.make_due("reporting.report_schedule").await?;
    scene.assert_mailed(1, "bob@example.com").await?;

    // Kept, and being handed to auth, which does not know that the one who asks is gone.
    let held = scene.lock("auth.report_letter").await?;
    scene.make_due("reporting.report_schedule").await?;
    scene.until_held_up("auth.report_letter").await?;
    let mut third = scene.replica().await?;
    second.kill();
    drop(held);
    scene.make_due("reporting.report_delivery").await?;
    scene.assert_mailed(2, "bob@example.com").await?;

    let (_, code) = third.end().await?;
    assert_eq!(code, 0);
    scene.world.stop().await;
    Ok(())
}
