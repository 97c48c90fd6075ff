//! Links to reports. Deliberately no tokens: what is kept is their hash.

use chrono::{DateTime, Utc};
use platform::{TenantTx, page::Page};
use uuid::Uuid;

use super::Result;

/// A link to a report.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LinkRow {
    pub id: Uuid,
    pub report_id: Uuid,
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
    pub expires_at: DateTime<Utc>,
    pub revoked_at: Option<DateTime<Utc>>,
    pub openings: i64,
    pub last_opened_at: Option<DateTime<Utc>>,
}

const COLUMNS: &str =
    "id, report_id, created_at, created_by, expires_at, revoked_at, openings, last_opened_at";

/// Writes a link.
pub async fn insert_link(tx: &mut TenantTx, link: &LinkRow, token_hash: &[u8]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO report_link (tenant_id, id, report_id, token_hash, created_at, created_by, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant)
    .bind(link.id)
    .bind(link.report_id)
    .bind(token_hash)
    .bind(link.created_at)
    .bind(link.created_by)
    .bind(link.expires_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Counts an opening; answers the link where the tenant has one of this hash that holds.
pub async fn update_link_opened(
    tx: &mut TenantTx,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<LinkRow>> {
    let tenant = tx.tenant();
    let sql = format!(
        "UPDATE report_link SET openings = openings + 1, last_opened_at = $3
         WHERE tenant_id = $1 AND token_hash = $2 AND revoked_at IS NULL AND expires_at > $3
         RETURNING {COLUMNS}"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(token_hash)
        .bind(now)
        .fetch_optional(tx.connection())
        .await?)
}

/// Ends a link, which may have ended; false where there is none.
pub async fn update_link_revoked(tx: &mut TenantTx, id: Uuid, now: DateTime<Utc>) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query(
        "UPDATE report_link SET revoked_at = coalesce(revoked_at, $3) WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Links, newest first; of one report where one is named.
pub async fn list_links(
    tx: &mut TenantTx,
    report_id: Option<Uuid>,
    page: Page,
) -> Result<Vec<LinkRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM report_link
         WHERE id < $1 AND ($2::uuid IS NULL OR report_id = $2) ORDER BY id DESC LIMIT $3"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(page.before)
        .bind(report_id)
        .bind(page.size)
        .fetch_all(tx.connection())
        .await?)
}

/// Forgets links that ended before a time.
pub async fn delete_ended_links(tx: &mut TenantTx, before: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "DELETE FROM report_link WHERE tenant_id = $1 AND least(expires_at, revoked_at) < $2",
    )
    .bind(tenant)
    .bind(before)
    .execute(tx.connection())
    .await?;
    Ok(())
}
