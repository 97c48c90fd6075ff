//! Users, their credentials and their second factor.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;
use crate::domain::addresses::Addresses;

/// An account with what is needed to sign in.
#[derive(Debug, Clone)]
pub struct User {
    pub id: Uuid,
    pub email: String,
    pub email_verified_at: Option<DateTime<Utc>>,
    pub password_hash: Option<String>,
    pub totp_sealed: Option<Vec<u8>>,
    pub totp_enabled_at: Option<DateTime<Utc>>,
    pub totp_last_step: i64,
}

#[derive(sqlx::FromRow)]
struct UserRow {
    id: Uuid,
    email_sealed: Vec<u8>,
    email_verified_at: Option<DateTime<Utc>>,
    password_hash: Option<String>,
    totp_sealed: Option<Vec<u8>>,
    totp_enabled_at: Option<DateTime<Utc>>,
    totp_last_step: i64,
}

impl UserRow {
    fn open(self, addresses: &Addresses) -> Result<User> {
        Ok(User {
            email: addresses.open(self.id, &self.email_sealed)?,
            id: self.id,
            email_verified_at: self.email_verified_at,
            password_hash: self.password_hash,
            totp_sealed: self.totp_sealed,
            totp_enabled_at: self.totp_enabled_at,
            totp_last_step: self.totp_last_step,
        })
    }
}

const USER: &str = r#"SELECT u.id, u.email_sealed, u.email_verified_at, a.password_hash, u.totp_sealed,
        u.totp_enabled_at, u.totp_last_step
    FROM "user" u LEFT JOIN account a ON a.user_id = u.id AND a.provider = 'credential'"#;

/// Writes a user, with a password where there is one; false where the address is taken.
pub async fn insert_user(
    connection: &mut PgConnection,
    addresses: &Addresses,
    id: Uuid,
    email: &str,
    verified_at: Option<DateTime<Utc>>,
    password_hash: Option<&str>,
    now: DateTime<Utc>,
) -> Result<bool> {
    let address = addresses.seal(id, email);
    let done = sqlx::query(
        r#"INSERT INTO "user" (id, email_sealed, email_index, email_verified_at, created_at)
           VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING"#,
    )
    .bind(id)
    .bind(address.sealed)
    .bind(address.index)
    .bind(verified_at)
    .bind(now)
    .execute(&mut *connection)
    .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    if let Some(hash) = password_hash {
        update_password(connection, id, hash, now).await?;
    }
    Ok(true)
}

pub async fn find_user_by_email(
    connection: &mut PgConnection,
    addresses: &Addresses,
    email: &str,
) -> Result<Option<User>> {
    let query = sqlx::AssertSqlSafe(format!("{USER} WHERE u.email_index = $1"));
    let row: Option<UserRow> = sqlx::query_as(query)
        .bind(addresses.index(email))
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.open(addresses)).transpose()
}

/// A user, held until the end of the transaction where it is to be changed.
pub async fn claim_user(
    connection: &mut PgConnection,
    addresses: &Addresses,
    id: Uuid,
) -> Result<Option<User>> {
    let query = sqlx::AssertSqlSafe(format!("{USER} WHERE u.id = $1 FOR UPDATE OF u"));
    let row: Option<UserRow> = sqlx::query_as(query)
        .bind(id)
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.open(addresses)).transpose()
}

pub async fn find_user(
    connection: &mut PgConnection,
    addresses: &Addresses,
    id: Uuid,
) -> Result<Option<User>> {
    let query = sqlx::AssertSqlSafe(format!("{USER} WHERE u.id = $1"));
    let row: Option<UserRow> = sqlx::query_as(query)
        .bind(id)
        .fetch_optional(connection)
        .await?;
    row.map(|row| row.open(addresses)).transpose()
}

/// Sets the password of a user, who may have had none.
pub async fn update_password(
    connection: &mut PgConnection,
    user: Uuid,
    hash: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO account (id, user_id, provider, provider_account_id, password_hash, created_at)
         VALUES ($1, $2, 'credential', $3, $4, $5)
         ON CONFLICT (user_id, provider) DO UPDATE SET password_hash = excluded.password_hash",
    )
    .bind(Uuid::now_v7())
    .bind(user)
    .bind(user.to_string())
    .bind(hash)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Sets and confirms an address; false where another account has it.
pub async fn update_email(
    connection: &mut PgConnection,
    addresses: &Addresses,
    user: Uuid,
    email: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let address = addresses.seal(user, email);
    let done = sqlx::query(
        r#"UPDATE "user" SET email_sealed = $2, email_index = $3, email_verified_at = $4 WHERE id = $1
           AND NOT EXISTS (SELECT 1 FROM "user" o WHERE o.email_index = $3 AND o.id <> $1)"#,
    )
    .bind(user)
    .bind(address.sealed)
    .bind(address.index)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Sets the second factor: its secret, and since when it is on.
pub async fn update_totp(
    connection: &mut PgConnection,
    user: Uuid,
    sealed: Option<&[u8]>,
    enabled_at: Option<DateTime<Utc>>,
) -> Result<()> {
    sqlx::query(r#"UPDATE "user" SET totp_sealed = $2, totp_enabled_at = $3 WHERE id = $1"#)
        .bind(user)
        .bind(sealed)
        .bind(enabled_at)
        .execute(connection)
        .await?;
    Ok(())
}

/// Takes a time step; false where it or a later one has been taken.
pub async fn claim_totp_step(connection: &mut PgConnection, user: Uuid, step: i64) -> Result<bool> {
    let done = sqlx::query(
        r#"UPDATE "user" SET totp_last_step = $2 WHERE id = $1 AND totp_last_step < $2"#,
    )
    .bind(user)
    .bind(step)
    .execute(connection)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Uses a recovery code up; false where there is none such.
pub async fn delete_recovery_code(
    connection: &mut PgConnection,
    user: Uuid,
    hash: &[u8],
) -> Result<bool> {
    let done = sqlx::query("DELETE FROM recovery_code WHERE user_id = $1 AND code_hash = $2")
        .bind(user)
        .bind(hash)
        .execute(connection)
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Puts these recovery codes in place of those before.
pub async fn replace_recovery_codes(
    connection: &mut PgConnection,
    user: Uuid,
    hashes: &[Vec<u8>],
) -> Result<()> {
    sqlx::query("DELETE FROM recovery_code WHERE user_id = $1")
        .bind(user)
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO recovery_code (user_id, code_hash) SELECT $1, unnest($2::bytea[])")
        .bind(user)
        .bind(hashes)
        .execute(connection)
        .await?;
    Ok(())
}

/// E-mail address, whether it is confirmed, and the rest for telling callers who they are.
#[derive(Debug)]
pub struct Names {
    /// Empty where it is a service account.
    pub email: String,
    pub email_verified: bool,
    pub totp_enabled: bool,
    pub service_account: String,
    pub organization_name: String,
    pub delete_at: Option<DateTime<Utc>>,
}

#[derive(sqlx::FromRow)]
struct NamesRow {
    email_sealed: Option<Vec<u8>>,
    email_verified: bool,
    totp_enabled: bool,
    service_account: String,
    organization_name: String,
    delete_at: Option<DateTime<Utc>>,
}

/// Who a user or a service account of this organisation is.
pub async fn find_names(
    tx: &mut TenantTx,
    addresses: &Addresses,
    id: Uuid,
) -> Result<Option<Names>> {
    let tenant = tx.tenant();
    let row: Option<NamesRow> = sqlx::query_as(
        r#"SELECT u.email_sealed, u.email_verified_at IS NOT NULL AS email_verified,
                u.totp_enabled_at IS NOT NULL AS totp_enabled, coalesce(k.name, '') AS service_account,
                o.name AS organization_name, o.delete_at
           FROM organization o
           LEFT JOIN "user" u ON u.id = $1
           LEFT JOIN api_key k ON k.tenant_id = $2 AND k.id = $1 AND k.user_id IS NULL
           WHERE o.tenant_id = $2 AND (u.id IS NOT NULL OR k.id IS NOT NULL)"#,
    )
    .bind(id)
    .bind(tenant)
    .fetch_optional(tx.connection())
    .await?;
    let Some(row) = row else { return Ok(None) };
    let email = match &row.email_sealed {
        Some(sealed) => addresses.open(id, sealed)?,
        None => String::new(),
    };
    Ok(Some(Names {
        email,
        email_verified: row.email_verified,
        totp_enabled: row.totp_enabled,
        service_account: row.service_account,
        organization_name: row.organization_name,
        delete_at: row.delete_at,
    }))
}
