//! The SQL of auth: `users`, `sessions` with API keys, `team`, `mail` with its tokens, and here the
//! tenant's key and the audit trail. Deliberately no decisions.

mod mail;
mod sessions;
mod team;
mod users;

use chrono::{DateTime, Utc};
use platform::TenantTx;
use uuid::Uuid;

pub use self::{mail::*, sessions::*, team::*, users::*};
use crate::Error;

type Result<T> = std::result::Result<T, Error>;

/// An entry of the audit trail.
#[derive(Debug, sqlx::FromRow)]
pub struct AuditRow {
    pub sequence: i64,
    pub occurred_at: DateTime<Utc>,
    pub user_id: Option<Uuid>,
    pub action: String,
    pub entity_id: String,
    pub hash: Vec<u8>,
}

pub async fn insert_tenant_key(
    tx: &mut TenantTx,
    wrapped: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("INSERT INTO tenant_key (tenant_id, wrapped_key, created_at) VALUES ($1, $2, $3)")
        .bind(tenant)
        .bind(wrapped)
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(())
}

pub async fn find_tenant_key(tx: &mut TenantTx) -> Result<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar("SELECT wrapped_key FROM tenant_key")
        .fetch_optional(tx.connection())
        .await?)
}

/// The newest entry's number and hash, held until the end of the transaction.
pub async fn claim_audit_head(tx: &mut TenantTx) -> Result<(i64, Vec<u8>)> {
    let tenant = tx.tenant();
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('valutai.audit'), hashtext($1))")
        .bind(tenant.to_string())
        .execute(tx.connection())
        .await?;
    let head =
        sqlx::query_as("SELECT sequence, hash FROM audit_entry ORDER BY sequence DESC LIMIT 1")
            .fetch_optional(tx.connection())
            .await?;
    Ok(head.unwrap_or_else(|| (0, vec![0; 32])))
}

/// Appends to the audit trail.
pub async fn insert_audit_entry(
    tx: &mut TenantTx,
    entry: &AuditRow,
    content: &[u8],
    previous_hash: &[u8],
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO audit_entry (tenant_id, sequence, occurred_at, user_id, action, entity_id,
            content, previous_hash, hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(tenant)
    .bind(entry.sequence)
    .bind(entry.occurred_at)
    .bind(entry.user_id)
    .bind(&entry.action)
    .bind(&entry.entity_id)
    .bind(content)
    .bind(previous_hash)
    .bind(&entry.hash)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn list_audit_entries(
    tx: &mut TenantTx,
    before: i64,
    limit: i64,
) -> Result<Vec<AuditRow>> {
    Ok(sqlx::query_as(
        "SELECT sequence, occurred_at, user_id, action, entity_id, hash FROM audit_entry
         WHERE sequence < $1 ORDER BY sequence DESC LIMIT $2",
    )
    .bind(before)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}
