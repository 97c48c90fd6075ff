//! The SQL of auth. Deliberately no decisions.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

type Result<T> = std::result::Result<T, Error>;

/// An account with what is needed to sign in.
#[derive(Debug, sqlx::FromRow)]
pub struct Credential {
    pub user_id: Uuid,
    pub password_hash: Option<String>,
}

/// Where a user belongs.
#[derive(Debug, sqlx::FromRow)]
pub struct Membership {
    pub tenant_id: Uuid,
    pub role: String,
}

/// An open session found by its token.
#[derive(Debug, sqlx::FromRow)]
pub struct OpenSession {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub user_id: Uuid,
    pub expires_at: DateTime<Utc>,
}

/// A session in a list.
#[derive(Debug, sqlx::FromRow)]
pub struct SessionRow {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A member in a list.
#[derive(Debug, sqlx::FromRow)]
pub struct MemberRow {
    pub user_id: Uuid,
    pub email: String,
    pub role: String,
    pub created_at: DateTime<Utc>,
}

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

/// Writes a user with a password; false where the address is taken.
pub async fn insert_user(
    tx: &mut TenantTx,
    user_id: Uuid,
    email: &str,
    password_hash: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query(
        r#"INSERT INTO "user" (id, email, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"#,
    )
    .bind(user_id)
    .bind(email)
    .bind(now)
    .execute(tx.connection())
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query(
        "INSERT INTO account (id, user_id, provider, provider_account_id, password_hash, created_at)
         VALUES ($1, $2, 'credential', $3, $4, $5)",
    )
    .bind(Uuid::now_v7())
    .bind(user_id)
    .bind(user_id.to_string())
    .bind(password_hash)
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(true)
}

pub async fn insert_organization(tx: &mut TenantTx, name: &str, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("INSERT INTO organization (tenant_id, name, created_at) VALUES ($1, $2, $3)")
        .bind(tenant)
        .bind(name)
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(())
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

pub async fn insert_member(
    tx: &mut TenantTx,
    user_id: Uuid,
    role: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO member (tenant_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(tenant)
    .bind(user_id)
    .bind(role)
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn list_members(tx: &mut TenantTx) -> Result<Vec<MemberRow>> {
    Ok(sqlx::query_as(
        r#"SELECT m.user_id, u.email, m.role, m.created_at FROM member m
           JOIN "user" u ON u.id = m.user_id ORDER BY m.created_at, m.user_id"#,
    )
    .fetch_all(tx.connection())
    .await?)
}

pub async fn find_member_role(tx: &mut TenantTx, user_id: Uuid) -> Result<Option<String>> {
    Ok(
        sqlx::query_scalar("SELECT role FROM member WHERE user_id = $1 AND tenant_id = $2")
            .bind(user_id)
            .bind(tx.tenant())
            .fetch_optional(tx.connection())
            .await?,
    )
}

/// E-mail address and organisation name, for telling callers who they are.
pub async fn find_names(tx: &mut TenantTx, user_id: Uuid) -> Result<Option<(String, String)>> {
    Ok(sqlx::query_as(
        r#"SELECT u.email, o.name FROM "user" u CROSS JOIN organization o WHERE u.id = $1"#,
    )
    .bind(user_id)
    .fetch_optional(tx.connection())
    .await?)
}

pub async fn find_credential(
    connection: &mut PgConnection,
    email: &str,
) -> Result<Option<Credential>> {
    Ok(sqlx::query_as(
        r#"SELECT u.id AS user_id, a.password_hash FROM "user" u
           JOIN account a ON a.user_id = u.id AND a.provider = 'credential' WHERE u.email = $1"#,
    )
    .bind(email)
    .fetch_optional(connection)
    .await?)
}

/// The organisation that a user joined first.
pub async fn find_first_membership(
    connection: &mut PgConnection,
    user_id: Uuid,
) -> Result<Option<Membership>> {
    set_local(connection, "app.user_id", &user_id.to_string()).await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, role FROM member WHERE user_id = $1 ORDER BY created_at LIMIT 1",
    )
    .bind(user_id)
    .fetch_optional(connection)
    .await?)
}

pub async fn insert_session(
    tx: &mut TenantTx,
    id: Uuid,
    user_id: Uuid,
    token_hash: &[u8],
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO session (tenant_id, id, user_id, token_hash, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(tenant)
    .bind(id)
    .bind(user_id)
    .bind(token_hash)
    .bind(now)
    .bind(expires_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn find_open_session(
    connection: &mut PgConnection,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<OpenSession>> {
    let hex: String = token_hash
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    set_local(connection, "app.token_hash", &hex).await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, id, user_id, expires_at FROM session
         WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > $2",
    )
    .bind(token_hash)
    .bind(now)
    .fetch_optional(connection)
    .await?)
}

/// Ends a session; answers its token hash, or nothing where it had ended.
pub async fn update_session_revoked(
    tx: &mut TenantTx,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<Vec<u8>>> {
    Ok(sqlx::query_scalar(
        "UPDATE session SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL RETURNING token_hash",
    )
    .bind(id)
    .bind(now)
    .fetch_optional(tx.connection())
    .await?)
}

pub async fn list_sessions(
    tx: &mut TenantTx,
    user_id: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<SessionRow>> {
    Ok(sqlx::query_as(
        "SELECT id, created_at, expires_at FROM session
         WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 ORDER BY id DESC LIMIT 200",
    )
    .bind(user_id)
    .bind(now)
    .fetch_all(tx.connection())
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
