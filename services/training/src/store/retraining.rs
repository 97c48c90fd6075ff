//! When datasets are trained on again without being asked. Deliberately no clock and no counting of
//! quotes: ingestion has told how many there are.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use uuid::Uuid;

use super::Result;

/// A policy.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PolicyRow {
    pub dataset_id: Uuid,
    pub enabled: bool,
    pub least_new_outcomes: i64,
    pub least_days_between: i32,
    pub promote_automatically: bool,
    pub set_at: DateTime<Utc>,
    pub set_by: Uuid,
}

/// The training on a dataset that was asked for last, and how many outcomes there were and are.
#[derive(Debug, sqlx::FromRow)]
pub struct LastTraining {
    pub asked_at: DateTime<Utc>,
    pub state: String,
    /// Outcomes that it learned from; unknown before a worker took it.
    pub row_count: Option<i64>,
}

/// Sets a policy in place of the one before.
pub async fn update_policy(tx: &mut TenantTx, policy: &PolicyRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO retraining_policy (tenant_id, dataset_id, enabled, least_new_outcomes,
            least_days_between, promote_automatically, set_at, set_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
         ON CONFLICT (tenant_id, dataset_id) DO UPDATE SET enabled = excluded.enabled,
            least_new_outcomes = excluded.least_new_outcomes,
            least_days_between = excluded.least_days_between,
            promote_automatically = excluded.promote_automatically, set_at = excluded.set_at,
            set_by = excluded.set_by",
    )
    .bind(tenant)
    .bind(policy.dataset_id)
    .bind(policy.enabled)
    .bind(policy.least_new_outcomes)
    .bind(policy.least_days_between)
    .bind(policy.promote_automatically)
    .bind(policy.set_at)
    .bind(policy.set_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn find_policy(tx: &mut TenantTx, dataset_id: Uuid) -> Result<Option<PolicyRow>> {
    Ok(sqlx::query_as(
        "SELECT dataset_id, enabled, least_new_outcomes, least_days_between,
            promote_automatically, set_at, set_by
         FROM retraining_policy WHERE dataset_id = $1",
    )
    .bind(dataset_id)
    .fetch_optional(tx.connection())
    .await?)
}

/// The last training on a dataset that nobody cancelled.
pub async fn find_last_training(
    tx: &mut TenantTx,
    dataset_id: Uuid,
) -> Result<Option<LastTraining>> {
    Ok(sqlx::query_as(
        "SELECT created_at AS asked_at, state, data_row_count AS row_count FROM model
         WHERE dataset_id = $1 AND state <> 'cancelled' ORDER BY id DESC LIMIT 1",
    )
    .bind(dataset_id)
    .fetch_optional(tx.connection())
    .await?)
}
