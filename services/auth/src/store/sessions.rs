//! Sessions and API keys.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;

/// A session to be written.
#[derive(Debug)]
pub struct NewRow<'a> {
    pub id: Uuid,
    pub user_id: Uuid,
    pub token_hash: &'a [u8],
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub user_agent: &'a str,
    pub address: &'a str,
}

/// An open session or key, found by its token.
#[derive(Debug, sqlx::FromRow)]
pub struct Open {
    pub tenant_id: Uuid,
    pub id: Uuid,
    /// `None` for the key of a service account.
    pub user_id: Option<Uuid>,
    /// The key's own role; `None` for a session.
    pub role: Option<String>,
    pub expires_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A session in a list.
#[derive(Debug, sqlx::FromRow)]
pub struct SessionRow {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub last_used_at: DateTime<Utc>,
    pub user_agent: String,
    pub address: String,
}

/// A session or a key that was ended.
#[derive(Debug, sqlx::FromRow)]
pub struct Ended {
    pub id: Uuid,
    pub token_hash: Vec<u8>,
}

/// A key in a list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct KeyRow {
    pub id: Uuid,
    pub user_id: Option<Uuid>,
    pub name: String,
    pub role: String,
    pub prefix: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

pub async fn insert_session(tx: &mut TenantTx, session: &NewRow<'_>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO session (tenant_id, id, user_id, token_hash, created_at, expires_at,
            last_used_at, user_agent, address)
         VALUES ($1, $2, $3, $4, $5, $6, $5, $7, $8)",
    )
    .bind(tenant)
    .bind(session.id)
    .bind(session.user_id)
    .bind(session.token_hash)
    .bind(session.created_at)
    .bind(session.expires_at)
    .bind(session.user_agent)
    .bind(session.address)
    .execute(tx.connection())
    .await?;
    Ok(())
}

async fn show_token(connection: &mut PgConnection, hash: &[u8]) -> Result<()> {
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(set_local(connection, "app.token_hash", &hex).await?)
}

/// The open session of a token that was used after `idle_since`.
pub async fn find_open_session(
    connection: &mut PgConnection,
    token_hash: &[u8],
    now: DateTime<Utc>,
    idle_since: DateTime<Utc>,
) -> Result<Option<Open>> {
    show_token(connection, token_hash).await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, id, user_id, NULL::text AS role, expires_at, last_used_at FROM session
         WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > $2 AND last_used_at > $3",
    )
    .bind(token_hash)
    .bind(now)
    .bind(idle_since)
    .fetch_optional(connection)
    .await?)
}

pub async fn find_open_key(
    connection: &mut PgConnection,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Open>> {
    show_token(connection, token_hash).await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, id, user_id, role, expires_at, last_used_at FROM api_key
         WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > $2",
    )
    .bind(token_hash)
    .bind(now)
    .fetch_optional(connection)
    .await?)
}

/// Notes a use, unless one was noted after `before`.
pub async fn update_session_used(
    tx: &mut TenantTx,
    id: Uuid,
    now: DateTime<Utc>,
    before: DateTime<Utc>,
) -> Result<()> {
    sqlx::query("UPDATE session SET last_used_at = $2 WHERE id = $1 AND last_used_at < $3")
        .bind(id)
        .bind(now)
        .bind(before)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Notes a use, unless one was noted after `before`.
pub async fn update_key_used(
    tx: &mut TenantTx,
    id: Uuid,
    now: DateTime<Utc>,
    before: DateTime<Utc>,
) -> Result<()> {
    sqlx::query(
        "UPDATE api_key SET last_used_at = $2
         WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $3)",
    )
    .bind(id)
    .bind(now)
    .bind(before)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Whether the calling session is an open one of this user in this organisation, and no key.
pub async fn has_session(tx: &mut TenantTx, id: Uuid, user: Uuid) -> Result<bool> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM session
         WHERE tenant_id = $1 AND id = $2 AND user_id = $3 AND revoked_at IS NULL)",
    )
    .bind(tenant)
    .bind(id)
    .bind(user)
    .fetch_one(tx.connection())
    .await?)
}

/// Ends one session of a user, in whichever organisation it is; nothing where it had ended.
pub async fn update_session_revoked(
    tx: &mut TenantTx,
    id: Uuid,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Ended>> {
    set_local(tx.connection(), "app.user_id", &user.to_string()).await?;
    Ok(sqlx::query_as(
        "UPDATE session SET revoked_at = $3 WHERE id = $1 AND user_id = $2
         AND revoked_at IS NULL RETURNING id, token_hash",
    )
    .bind(id)
    .bind(user)
    .bind(now)
    .fetch_optional(tx.connection())
    .await?)
}

/// Ends the sessions of a user in every organisation, but for one.
pub async fn update_all_sessions_revoked(
    tx: &mut TenantTx,
    user: Uuid,
    but: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<Ended>> {
    set_local(tx.connection(), "app.user_id", &user.to_string()).await?;
    Ok(sqlx::query_as(
        "UPDATE session SET revoked_at = $3 WHERE user_id = $1 AND id IS DISTINCT FROM $2
         AND revoked_at IS NULL RETURNING id, token_hash",
    )
    .bind(user)
    .bind(but)
    .bind(now)
    .fetch_all(tx.connection())
    .await?)
}

/// Ends the personal keys of a user in every organisation.
pub async fn update_all_keys_revoked(
    tx: &mut TenantTx,
    user: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<Ended>> {
    set_local(tx.connection(), "app.user_id", &user.to_string()).await?;
    Ok(sqlx::query_as(
        "UPDATE api_key SET revoked_at = $2 WHERE user_id = $1 AND revoked_at IS NULL
         RETURNING id, token_hash",
    )
    .bind(user)
    .bind(now)
    .fetch_all(tx.connection())
    .await?)
}

/// Ends a user's sessions in this organisation, and where `with_keys` the personal keys too.
pub async fn update_member_revoked(
    tx: &mut TenantTx,
    user: Uuid,
    with_keys: bool,
    now: DateTime<Utc>,
) -> Result<()> {
    let tables = if with_keys {
        &["session", "api_key"][..]
    } else {
        &["session"]
    };
    for table in tables {
        let query = format!(
            "UPDATE {table} SET revoked_at = $3
             WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL"
        );
        let tenant = tx.tenant();
        sqlx::query(sqlx::AssertSqlSafe(query))
            .bind(tenant)
            .bind(user)
            .bind(now)
            .execute(tx.connection())
            .await?;
    }
    Ok(())
}

pub async fn list_sessions(
    tx: &mut TenantTx,
    user_id: Uuid,
    now: DateTime<Utc>,
    idle_since: DateTime<Utc>,
) -> Result<Vec<SessionRow>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "SELECT id, created_at, expires_at, last_used_at, user_agent, address FROM session
         WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL AND expires_at > $3
           AND last_used_at > $4
         ORDER BY id DESC LIMIT 200",
    )
    .bind(tenant)
    .bind(user_id)
    .bind(now)
    .bind(idle_since)
    .fetch_all(tx.connection())
    .await?)
}

pub async fn insert_key(tx: &mut TenantTx, key: &KeyRow, token_hash: &[u8]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO api_key (tenant_id, id, user_id, name, role, prefix, token_hash, created_at,
            expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(tenant)
    .bind(key.id)
    .bind(key.user_id)
    .bind(&key.name)
    .bind(&key.role)
    .bind(&key.prefix)
    .bind(token_hash)
    .bind(key.created_at)
    .bind(key.expires_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Keys that have not ended: of a user, or without one the service accounts.
pub async fn list_keys(
    tx: &mut TenantTx,
    user: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Vec<KeyRow>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "SELECT id, user_id, name, role, prefix, created_at, expires_at, last_used_at FROM api_key
         WHERE tenant_id = $1 AND user_id IS NOT DISTINCT FROM $2 AND revoked_at IS NULL
           AND expires_at > $3
         ORDER BY id DESC LIMIT 200",
    )
    .bind(tenant)
    .bind(user)
    .bind(now)
    .fetch_all(tx.connection())
    .await?)
}

/// Ends a key of a user, or without one that of a service account.
pub async fn update_key_revoked(
    tx: &mut TenantTx,
    id: Uuid,
    user: Option<Uuid>,
    now: DateTime<Utc>,
) -> Result<Option<Ended>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "UPDATE api_key SET revoked_at = $4 WHERE tenant_id = $1 AND id = $2
         AND user_id IS NOT DISTINCT FROM $3 AND revoked_at IS NULL RETURNING id, token_hash",
    )
    .bind(tenant)
    .bind(id)
    .bind(user)
    .bind(now)
    .fetch_optional(tx.connection())
    .await?)
}
