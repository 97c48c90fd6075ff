//! The SQL of auth: `users`, `addresses` with the key they are found by, `sessions` with API keys, `team`, `links` to identity
//! providers, `mail` with its tokens, `reports` that are mailed, `trail` for the audit trail, `sealed` for the rotation of keys, `streams` for credentials
//! for NATS, and here the tenant's key. Deliberately no decisions.

mod addresses;
mod links;
mod mail;
mod reports;
mod sealed;
mod sessions;
mod streams;
mod team;
mod trail;
mod users;

use chrono::{DateTime, Utc};
use platform::TenantTx;

pub use self::{
    addresses::*, links::*, mail::*, reports::*, sealed::*, sessions::*, streams::*, team::*,
    trail::*, users::*,
};
use crate::Error;

type Result<T> = std::result::Result<T, Error>;

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
