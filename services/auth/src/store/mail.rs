//! Mail on its way, the tokens that travel by it, and wrong attempts.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;

/// A token that was given out.
#[derive(Debug, sqlx::FromRow)]
pub struct Verification {
    pub id: Uuid,
    pub purpose: String,
    pub user_id: Option<Uuid>,
    pub sealed: Vec<u8>,
}

/// A token to be written.
#[derive(Debug)]
pub struct NewVerification<'a> {
    pub id: Uuid,
    pub purpose: &'a str,
    pub value_hash: &'a [u8],
    pub user_id: Option<Uuid>,
    pub sealed: &'a [u8],
    pub now: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// A mail that is due.
#[derive(Debug, sqlx::FromRow)]
pub struct DueMail {
    pub id: Uuid,
    pub sealed: Vec<u8>,
    pub attempts: i32,
    pub created_at: DateTime<Utc>,
}

/// Writes a token; earlier ones of the same user and purpose are void.
pub async fn insert_verification(
    connection: &mut PgConnection,
    row: &NewVerification<'_>,
) -> Result<()> {
    sqlx::query("DELETE FROM verification WHERE user_id = $1 AND purpose = $2")
        .bind(row.user_id)
        .bind(row.purpose)
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "INSERT INTO verification (id, purpose, value_hash, user_id, sealed, expires_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(row.id)
    .bind(row.purpose)
    .bind(row.value_hash)
    .bind(row.user_id)
    .bind(row.sealed)
    .bind(row.expires_at)
    .bind(row.now)
    .execute(connection)
    .await?;
    Ok(())
}

/// A token that is valid, without redeeming it.
pub async fn find_verification(
    connection: &mut PgConnection,
    value_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<Verification>> {
    Ok(sqlx::query_as(
        "SELECT id, purpose, user_id, sealed FROM verification
         WHERE value_hash = $1 AND expires_at > $2",
    )
    .bind(value_hash)
    .bind(now)
    .fetch_optional(connection)
    .await?)
}

/// Takes a token out, so that it counts once; nothing where it is wrong or late.
pub async fn delete_verification(
    connection: &mut PgConnection,
    value_hash: &[u8],
    purpose: &str,
    now: DateTime<Utc>,
) -> Result<Option<Verification>> {
    Ok(sqlx::query_as(
        "DELETE FROM verification WHERE value_hash = $1 AND purpose = $2 AND expires_at > $3
         RETURNING id, purpose, user_id, sealed",
    )
    .bind(value_hash)
    .bind(purpose)
    .bind(now)
    .fetch_optional(connection)
    .await?)
}

/// Voids all tokens of a user.
pub async fn delete_verifications_of(connection: &mut PgConnection, user: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM verification WHERE user_id = $1")
        .bind(user)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn insert_mail(
    connection: &mut PgConnection,
    id: Uuid,
    sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query("INSERT INTO mail (id, sealed, due_at, created_at) VALUES ($1, $2, $3, $3)")
        .bind(id)
        .bind(sealed)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes the mail that is due first; it is due again at `again_at` unless it is sent by then.
pub async fn claim_mail(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    again_at: DateTime<Utc>,
) -> Result<Option<DueMail>> {
    Ok(sqlx::query_as(
        "UPDATE mail SET due_at = $2, attempts = attempts + 1 WHERE id = (
             SELECT id FROM mail WHERE due_at <= $1 ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
         RETURNING id, sealed, attempts, created_at",
    )
    .bind(now)
    .bind(again_at)
    .fetch_optional(connection)
    .await?)
}

/// Puts other content in place, due at once.
pub async fn update_mail(
    connection: &mut PgConnection,
    id: Uuid,
    sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query("UPDATE mail SET sealed = $2, due_at = $3 WHERE id = $1")
        .bind(id)
        .bind(sealed)
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn update_mail_due(
    connection: &mut PgConnection,
    id: Uuid,
    due_at: DateTime<Utc>,
) -> Result<()> {
    sqlx::query("UPDATE mail SET due_at = $2 WHERE id = $1")
        .bind(id)
        .bind(due_at)
        .execute(connection)
        .await?;
    Ok(())
}

pub async fn delete_mail(connection: &mut PgConnection, id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM mail WHERE id = $1")
        .bind(id)
        .execute(connection)
        .await?;
    Ok(())
}

/// Counts an attempt; answers how many there are in this window, and when it ends.
pub async fn claim_attempt(
    connection: &mut PgConnection,
    key: &[u8],
    now: DateTime<Utc>,
    window_ends_at: DateTime<Utc>,
) -> Result<(i32, DateTime<Utc>)> {
    Ok(sqlx::query_as(
        "INSERT INTO attempt AS a (key, count, window_ends_at) VALUES ($1, 1, $3)
         ON CONFLICT (key) DO UPDATE SET
             count = CASE WHEN a.window_ends_at <= $2 THEN 1 ELSE least(a.count, 1000000) + 1 END,
             window_ends_at = CASE WHEN a.window_ends_at <= $2 THEN $3 ELSE a.window_ends_at END
         RETURNING count, window_ends_at",
    )
    .bind(key)
    .bind(now)
    .bind(window_ends_at)
    .fetch_one(connection)
    .await?)
}

/// Takes an attempt back, because it was a right one.
pub async fn update_attempt_undone(connection: &mut PgConnection, key: &[u8]) -> Result<()> {
    sqlx::query("UPDATE attempt SET count = greatest(count - 1, 0) WHERE key = $1")
        .bind(key)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets the wrong attempts.
pub async fn delete_attempts(connection: &mut PgConnection, key: &[u8]) -> Result<()> {
    sqlx::query("DELETE FROM attempt WHERE key = $1")
        .bind(key)
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes what has expired.
pub async fn delete_expired(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<()> {
    for query in [
        "DELETE FROM verification WHERE expires_at <= $1",
        "DELETE FROM attempt WHERE window_ends_at <= $1",
    ] {
        sqlx::query(query)
            .bind(now)
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
