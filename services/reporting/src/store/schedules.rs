//! Schedules of reports. Deliberately no cron expressions: times are handed in.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;

/// A schedule.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ScheduleRow {
    pub id: Uuid,
    /// As of reports.
    pub kind: String,
    pub model_id: Option<Uuid>,
    pub dataset_id: Option<Uuid>,
    /// Endings of files.
    pub formats: Vec<String>,
    pub recipients: Vec<Uuid>,
    pub cron: String,
    pub time_zone: String,
    pub link_hours: i32,
    /// Missing while it rests.
    pub next_at: Option<DateTime<Utc>>,
    /// Attempts since it did well or was given up.
    pub tries: i32,
    pub last_run_at: Option<DateTime<Utc>>,
    pub last_report_id: Option<Uuid>,
    pub problem: String,
    pub mail_note: String,
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
}

/// Lets one add a schedule of the tenant at a time, until the end of the transaction, and counts those that there are.
pub async fn count_schedules(tx: &mut TenantTx) -> Result<i64> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('valutai.schedules'), hashtext($1))")
        .bind(tx.tenant().to_string())
        .execute(tx.connection())
        .await?;
    Ok(sqlx::query_scalar("SELECT count(*) FROM report_schedule")
        .fetch_one(tx.connection())
        .await?)
}

/// Adds a schedule, which is due at its next time.
pub async fn insert_schedule(tx: &mut TenantTx, row: &ScheduleRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO report_schedule (tenant_id, id, kind, model_id, dataset_id, formats, recipients, cron, time_zone,
            link_hours, next_at, due_at, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, $13)",
    )
    .bind(tenant)
    .bind(row.id)
    .bind(&row.kind)
    .bind(row.model_id)
    .bind(row.dataset_id)
    .bind(&row.formats)
    .bind(&row.recipients)
    .bind(&row.cron)
    .bind(&row.time_zone)
    .bind(row.link_hours)
    .bind(row.next_at)
    .bind(row.created_at)
    .bind(row.created_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// All schedules, the oldest first.
pub async fn list_schedules(tx: &mut TenantTx) -> Result<Vec<ScheduleRow>> {
    Ok(sqlx::query_as("SELECT * FROM report_schedule ORDER BY id")
        .fetch_all(tx.connection())
        .await?)
}

/// A schedule.
pub async fn find_schedule(tx: &mut TenantTx, id: Uuid) -> Result<Option<ScheduleRow>> {
    Ok(
        sqlx::query_as("SELECT * FROM report_schedule WHERE id = $1")
            .bind(id)
            .fetch_optional(tx.connection())
            .await?,
    )
}

/// Takes somebody out of the recipients of a schedule; answers how many are left, or nothing where it had no such recipient.
pub async fn update_schedule_left(
    tx: &mut TenantTx,
    id: Uuid,
    user: Uuid,
) -> Result<Option<usize>> {
    let tenant = tx.tenant();
    let left: Option<Vec<Uuid>> = sqlx::query_scalar(
        "UPDATE report_schedule SET recipients = array_remove(recipients, $3)
         WHERE tenant_id = $1 AND id = $2 AND $3 = ANY(recipients) RETURNING recipients",
    )
    .bind(tenant)
    .bind(id)
    .bind(user)
    .fetch_optional(tx.connection())
    .await?;
    Ok(left.map(|users| users.len()))
}

/// A schedule, which nobody else changes until the end of the transaction.
pub async fn claim_schedule(tx: &mut TenantTx, id: Uuid) -> Result<Option<ScheduleRow>> {
    Ok(
        sqlx::query_as("SELECT * FROM report_schedule WHERE id = $1 FOR UPDATE")
            .bind(id)
            .fetch_optional(tx.connection())
            .await?,
    )
}

/// Plans the next time of a schedule, or none, whoever is at it.
pub async fn update_schedule_next(
    tx: &mut TenantTx,
    id: Uuid,
    next_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE report_schedule SET next_at = $3, due_at = $3, run_id = NULL, tries = 0
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(next_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Deletes a schedule; false where there is none.
pub async fn delete_schedule(tx: &mut TenantTx, id: Uuid) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query("DELETE FROM report_schedule WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Schedules of all tenants that are due, with their tenants, those that wait longest first.
pub async fn list_due_schedules(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    most: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    set_local(connection, "app.schedules", "on").await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, id FROM report_schedule WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
    )
    .bind(now)
    .bind(most)
    .fetch_all(connection)
    .await?)
}

/// Takes a schedule that is due, for whoever is first: it is due again at `again_at` unless the run has ended by then.
pub async fn claim_due_schedule(
    tx: &mut TenantTx,
    id: Uuid,
    run_id: Uuid,
    now: DateTime<Utc>,
    again_at: DateTime<Utc>,
) -> Result<Option<ScheduleRow>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "UPDATE report_schedule SET run_id = $3, due_at = $5, tries = tries + 1
         WHERE tenant_id = $1 AND id = $2 AND due_at <= $4 RETURNING *",
    )
    .bind(tenant)
    .bind(id)
    .bind(run_id)
    .bind(now)
    .bind(again_at)
    .fetch_optional(tx.connection())
    .await?)
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended<'a> {
    pub id: Uuid,
    pub run_id: Uuid,
    pub now: DateTime<Utc>,
    pub next_at: Option<DateTime<Utc>>,
    /// Missing where it brought none.
    pub report_id: Option<Uuid>,
    /// Empty where it brought one.
    pub problem: &'a str,
}

/// Ends a run; false where it was not this run's to end any more.
pub async fn update_schedule_ended(tx: &mut TenantTx, ended: &Ended<'_>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query(
        "UPDATE report_schedule SET run_id = NULL, tries = 0, last_run_at = $4, next_at = $5, due_at = $5,
            last_report_id = coalesce($6, last_report_id), problem = $7
         WHERE tenant_id = $1 AND id = $2 AND run_id = $3",
    )
    .bind(tenant)
    .bind(ended.id)
    .bind(ended.run_id)
    .bind(ended.now)
    .bind(ended.next_at)
    .bind(ended.report_id)
    .bind(ended.problem)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Has a run tried again later.
pub async fn update_schedule_put_off(
    tx: &mut TenantTx,
    id: Uuid,
    run_id: Uuid,
    due_at: DateTime<Utc>,
    problem: &str,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE report_schedule SET run_id = NULL, due_at = $4, problem = $5
         WHERE tenant_id = $1 AND id = $2 AND run_id = $3",
    )
    .bind(tenant)
    .bind(id)
    .bind(run_id)
    .bind(due_at)
    .bind(problem)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Notes what became of the mail of a schedule's report, unless there is a newer one.
pub async fn update_schedule_mailed(
    tx: &mut TenantTx,
    id: Uuid,
    report_id: Uuid,
    note: &str,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE report_schedule SET mail_note = $4
         WHERE tenant_id = $1 AND id = $2 AND last_report_id = $3",
    )
    .bind(tenant)
    .bind(id)
    .bind(report_id)
    .bind(note)
    .execute(tx.connection())
    .await?;
    Ok(())
}
