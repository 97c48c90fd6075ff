//! What a check for drift compares, and what it found. Deliberately by the index of a model's predictions, where the newest are
//! next to each other.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use uuid::Uuid;

use super::Result;

/// A recent prediction.
#[derive(Debug, sqlx::FromRow)]
pub struct RecentRow {
    pub created_at: DateTime<Utc>,
    pub quote_ref: String,
    pub win_probability: f64,
    /// JSON.
    pub input: String,
}

/// The newest predictions of a model, newest first.
pub async fn list_recent(tx: &mut TenantTx, model_id: Uuid, limit: i64) -> Result<Vec<RecentRow>> {
    Ok(sqlx::query_as(
        "SELECT created_at, quote_ref, win_probability, input::text AS input FROM prediction
         WHERE model_id = $1 ORDER BY id DESC LIMIT $2",
    )
    .bind(model_id)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}

/// Answers of a model of which the outcome is known, those decided last first.
pub async fn list_decided_answers(
    tx: &mut TenantTx,
    model_id: Uuid,
    limit: i64,
) -> Result<Vec<(f64, bool)>> {
    Ok(sqlx::query_as(
        "SELECT j.win_probability, o.state = 'won' FROM judged_prediction j
         JOIN outcome o ON o.quote_ref = j.quote_ref AND o.state <> 'withdrawn'
         WHERE j.model_id = $1 ORDER BY o.decided_at DESC, o.quote_ref LIMIT $2",
    )
    .bind(model_id)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}

/// Lets one check a model at a time, until the end of the transaction.
pub async fn claim_drift(tx: &mut TenantTx, model_id: Uuid) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('valutai.drift'), hashtext($1))")
        .bind(model_id.to_string())
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// The last check of a model.
pub async fn find_drift_report(tx: &mut TenantTx, model_id: Uuid) -> Result<Option<Vec<u8>>> {
    Ok(
        sqlx::query_scalar("SELECT report FROM drift_report WHERE model_id = $1")
            .bind(model_id)
            .fetch_optional(tx.connection())
            .await?,
    )
}

/// Keeps a check, and what it says against the model.
pub async fn update_drift_report(
    tx: &mut TenantTx,
    model_id: Uuid,
    report: &[u8],
    reason: &str,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO drift_report (tenant_id, model_id, report) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, model_id) DO UPDATE SET report = excluded.report",
    )
    .bind(tenant)
    .bind(model_id)
    .bind(report)
    .execute(tx.connection())
    .await?;
    // Only where it changes: whatever reads the model meanwhile would wait.
    sqlx::query("UPDATE model SET drift_reason = $2 WHERE id = $1 AND drift_reason <> $2")
        .bind(model_id)
        .bind(reason)
        .execute(tx.connection())
        .await?;
    Ok(())
}
