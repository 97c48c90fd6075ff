//! Recommendation policies, every version of them. Deliberately append-only.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use uuid::Uuid;

use super::Result;

/// A version of a tenant's policy.
#[derive(Debug, sqlx::FromRow)]
pub struct PolicyRow {
    pub version: i64,
    pub policy: Vec<u8>,
    pub updated_at: DateTime<Utc>,
    pub updated_by: Uuid,
}

/// The policy in force; nothing where none was set.
pub async fn find_policy(tx: &mut TenantTx) -> Result<Option<PolicyRow>> {
    Ok(sqlx::query_as(
        "SELECT version, policy, updated_at, updated_by FROM recommendation_policy
         ORDER BY version DESC LIMIT 1",
    )
    .fetch_optional(tx.connection())
    .await?)
}

/// Writes a version; false where somebody else was faster.
pub async fn insert_policy(tx: &mut TenantTx, row: &PolicyRow) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query(
        "INSERT INTO recommendation_policy (tenant_id, version, policy, updated_at, updated_by)
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(row.version)
    .bind(&row.policy)
    .bind(row.updated_at)
    .bind(row.updated_by)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}
