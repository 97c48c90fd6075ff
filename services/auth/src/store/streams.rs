//! Credentials for NATS.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;

/// A credential for NATS.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StreamRow {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub name: String,
    pub login: String,
    /// Numbers of `StreamEvent`.
    pub events: Vec<i32>,
    pub starts_at: Option<DateTime<Utc>>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

pub async fn insert_stream_credential(
    tx: &mut TenantTx,
    row: &StreamRow,
    secret_hash: &[u8],
    created_by: Uuid,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO stream_credential (tenant_id, id, name, login, secret_hash, events, starts_at,
            created_by, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(tenant)
    .bind(row.id)
    .bind(&row.name)
    .bind(&row.login)
    .bind(secret_hash)
    .bind(&row.events)
    .bind(row.starts_at)
    .bind(created_by)
    .bind(row.created_at)
    .bind(row.expires_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Credentials of the organisation that have not ended.
pub async fn list_stream_credentials(
    tx: &mut TenantTx,
    now: DateTime<Utc>,
) -> Result<Vec<StreamRow>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "SELECT tenant_id, id, name, login, events, starts_at, created_at, expires_at, last_used_at
         FROM stream_credential
         WHERE tenant_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY id DESC",
    )
    .bind(tenant)
    .bind(now)
    .fetch_all(tx.connection())
    .await?)
}

/// Credentials of all organisations that have not ended.
pub async fn list_open_streams(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
) -> Result<Vec<StreamRow>> {
    set_local(connection, "app.streams_open_at", &now.to_rfc3339()).await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, id, name, login, events, starts_at, created_at, expires_at, last_used_at
         FROM stream_credential WHERE revoked_at IS NULL AND expires_at > $1",
    )
    .bind(now)
    .fetch_all(connection)
    .await?)
}

/// The credential that a secret stands for.
pub async fn find_stream_credential(
    connection: &mut PgConnection,
    secret_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<StreamRow>> {
    let hex: String = secret_hash
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    set_local(connection, "app.token_hash", &hex).await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, id, name, login, events, starts_at, created_at, expires_at, last_used_at
         FROM stream_credential
         WHERE secret_hash = $1 AND revoked_at IS NULL AND expires_at > $2",
    )
    .bind(secret_hash)
    .bind(now)
    .fetch_optional(connection)
    .await?)
}

/// Notes a use, unless one was noted after `before`.
pub async fn update_stream_used(
    tx: &mut TenantTx,
    id: Uuid,
    now: DateTime<Utc>,
    before: DateTime<Utc>,
) -> Result<()> {
    sqlx::query(
        "UPDATE stream_credential SET last_used_at = $2
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)",
    )
    .bind(id)
    .bind(now)
    .bind(before)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Ends a credential; answers its login, also where it had ended before, and nothing where it is unknown.
pub async fn update_stream_revoked(
    tx: &mut TenantTx,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<String>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar(
        "UPDATE stream_credential SET revoked_at = coalesce(revoked_at, $3)
         WHERE tenant_id = $1 AND id = $2 RETURNING login",
    )
    .bind(tenant)
    .bind(id)
    .bind(now)
    .fetch_optional(tx.connection())
    .await?)
}
