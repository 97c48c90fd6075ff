//! The key of the blind index, and addresses that still lie in the clear.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;
use crate::domain::addresses::SealedAddress;

/// The sealed key of the blind index with its id.
pub async fn find_index_key(connection: &mut PgConnection) -> Result<Option<(Uuid, Vec<u8>)>> {
    Ok(sqlx::query_as("SELECT id, sealed FROM index_key")
        .fetch_optional(connection)
        .await?)
}

/// Writes the key of the blind index, unless another process has.
pub async fn insert_index_key(
    connection: &mut PgConnection,
    id: Uuid,
    sealed: &[u8],
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO index_key (id, sealed, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
    )
    .bind(id)
    .bind(sealed)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// Users whose address lies in the clear, held until the end of the transaction.
pub async fn claim_users_in_the_clear(
    connection: &mut PgConnection,
    limit: i64,
) -> Result<Vec<(Uuid, String)>> {
    Ok(sqlx::query_as(
        r#"SELECT id, email FROM "user" WHERE email IS NOT NULL LIMIT $1 FOR UPDATE"#,
    )
    .bind(limit)
    .fetch_all(connection)
    .await?)
}

/// Puts the sealed address of a user in place of the one in the clear.
pub async fn update_user_sealed(
    connection: &mut PgConnection,
    user: Uuid,
    address: &SealedAddress,
) -> Result<()> {
    sqlx::query(
        r#"UPDATE "user" SET email = NULL, email_sealed = $2, email_index = $3 WHERE id = $1"#,
    )
    .bind(user)
    .bind(&address.sealed)
    .bind(&address.index)
    .execute(connection)
    .await?;
    Ok(())
}

/// Organisations with invitations whose address lies in the clear.
pub async fn list_tenants_in_the_clear(connection: &mut PgConnection) -> Result<Vec<Uuid>> {
    set_local(connection, "app.sealing_addresses", "on").await?;
    Ok(
        sqlx::query_scalar("SELECT DISTINCT tenant_id FROM invitation WHERE email IS NOT NULL")
            .fetch_all(connection)
            .await?,
    )
}

/// Invitations of the organisation whose address lies in the clear, held until the end of the transaction.
pub async fn claim_invitations_in_the_clear(tx: &mut TenantTx) -> Result<Vec<(Uuid, String)>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "SELECT id, email FROM invitation WHERE tenant_id = $1 AND email IS NOT NULL FOR UPDATE",
    )
    .bind(tenant)
    .fetch_all(tx.connection())
    .await?)
}

/// Puts the sealed address of an invitation in place of the one in the clear.
pub async fn update_invitation_sealed(
    tx: &mut TenantTx,
    id: Uuid,
    address: &SealedAddress,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE invitation SET email = NULL, email_sealed = $3, email_index = $4
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(&address.sealed)
    .bind(&address.index)
    .execute(tx.connection())
    .await?;
    Ok(())
}
