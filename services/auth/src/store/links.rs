//! Links of accounts to identity providers: rows of `account` besides those with a password.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;

/// A link of a user.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Link {
    pub id: Uuid,
    pub user_id: Uuid,
    pub provider: String,
    pub tokens_sealed: Vec<u8>,
    pub created_at: DateTime<Utc>,
    pub last_used_at: Option<DateTime<Utc>>,
}

/// A link to be written.
#[derive(Debug)]
pub struct NewLink<'a> {
    pub id: Uuid,
    pub user_id: Uuid,
    pub provider: &'a str,
    pub provider_account_id: &'a str,
    pub tokens_sealed: &'a [u8],
    pub refresh_at: Option<DateTime<Utc>>,
    pub last_used_at: Option<DateTime<Utc>>,
    pub now: DateTime<Utc>,
}

/// Writes a link; false where the user has one of this provider, or somebody has this one.
pub async fn insert_link(connection: &mut PgConnection, link: &NewLink<'_>) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO account (id, user_id, provider, provider_account_id, tokens_sealed, refresh_at,
            last_used_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(link.id)
    .bind(link.user_id)
    .bind(link.provider)
    .bind(link.provider_account_id)
    .bind(link.tokens_sealed)
    .bind(link.refresh_at)
    .bind(link.last_used_at)
    .bind(link.now)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The link of somebody's account at a provider.
pub async fn find_link(
    connection: &mut PgConnection,
    provider: &str,
    provider_account_id: &str,
) -> Result<Option<Link>> {
    Ok(sqlx::query_as(
        "SELECT id, user_id, provider, tokens_sealed, created_at, last_used_at FROM account
         WHERE provider = $1 AND provider_account_id = $2 AND tokens_sealed IS NOT NULL",
    )
    .bind(provider)
    .bind(provider_account_id)
    .fetch_optional(connection)
    .await?)
}

pub async fn list_links(connection: &mut PgConnection, user: Uuid) -> Result<Vec<Link>> {
    Ok(sqlx::query_as(
        "SELECT id, user_id, provider, tokens_sealed, created_at, last_used_at FROM account
         WHERE user_id = $1 AND tokens_sealed IS NOT NULL ORDER BY created_at, id",
    )
    .bind(user)
    .fetch_all(connection)
    .await?)
}

/// Puts new tokens in place and notes that the link was used.
pub async fn update_link_used(
    connection: &mut PgConnection,
    id: Uuid,
    tokens_sealed: &[u8],
    refresh_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query(
        "UPDATE account SET tokens_sealed = $2, refresh_at = $3, last_used_at = $4 WHERE id = $1",
    )
    .bind(id)
    .bind(tokens_sealed)
    .bind(refresh_at)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Takes the link whose tokens are due first; they are due again at `again_at` unless they are refreshed by then.
pub async fn claim_refresh(
    connection: &mut PgConnection,
    providers: &[String],
    now: DateTime<Utc>,
    again_at: DateTime<Utc>,
) -> Result<Option<Link>> {
    Ok(sqlx::query_as(
        "UPDATE account SET refresh_at = $3 WHERE id = (
             SELECT id FROM account WHERE refresh_at <= $2 AND provider = ANY ($1)
             ORDER BY refresh_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id, user_id, provider, tokens_sealed, created_at, last_used_at",
    )
    .bind(providers)
    .bind(now)
    .bind(again_at)
    .fetch_optional(connection)
    .await?)
}

/// A link, held until the end of the transaction.
pub async fn claim_link(connection: &mut PgConnection, id: Uuid) -> Result<Option<Link>> {
    Ok(sqlx::query_as(
        "SELECT id, user_id, provider, tokens_sealed, created_at, last_used_at FROM account
         WHERE id = $1 AND tokens_sealed IS NOT NULL FOR UPDATE",
    )
    .bind(id)
    .fetch_optional(connection)
    .await?)
}

/// Puts refreshed tokens in place.
pub async fn update_link_refreshed(
    connection: &mut PgConnection,
    id: Uuid,
    tokens_sealed: &[u8],
    refresh_at: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query("UPDATE account SET tokens_sealed = $2, refresh_at = $3 WHERE id = $1")
        .bind(id)
        .bind(tokens_sealed)
        .bind(refresh_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a link; false where there is none such.
pub async fn delete_link(
    connection: &mut PgConnection,
    user: Uuid,
    provider: &str,
) -> Result<bool> {
    let done = sqlx::query(
        "DELETE FROM account WHERE user_id = $1 AND provider = $2 AND tokens_sealed IS NOT NULL",
    )
    .bind(user)
    .bind(provider)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all links of a user.
pub async fn delete_links(connection: &mut PgConnection, user: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM account WHERE user_id = $1 AND tokens_sealed IS NOT NULL")
        .bind(user)
        .execute(connection)
        .await?;
    Ok(())
}
