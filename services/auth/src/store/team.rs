//! Organisations, members and invitations.

use chrono::{DateTime, Utc};
use platform::{TenantTx, config::Key, database::set_local};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;
use crate::domain::addresses::{Addresses, SealedAddress};

/// Where a user belongs.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Membership {
    pub tenant_id: Uuid,
    pub name: String,
    pub role: String,
}

/// A member in a list.
#[derive(Debug)]
pub struct MemberRow {
    pub user_id: Uuid,
    pub email: String,
    pub role: String,
    pub created_at: DateTime<Utc>,
}

/// An invitation.
#[derive(Debug, Clone)]
pub struct Invitation {
    pub tenant_id: Uuid,
    pub id: Uuid,
    pub email: String,
    pub role: String,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
}

/// An invitation as it is stored.
#[derive(Debug, sqlx::FromRow)]
pub struct InvitationRow {
    pub tenant_id: Uuid,
    id: Uuid,
    email_sealed: Vec<u8>,
    role: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
}

impl InvitationRow {
    /// Opens the address by the organisation's data key.
    pub fn open(self, data_key: &Key) -> Result<Invitation> {
        Ok(Invitation {
            email: Addresses::open_invited(data_key, self.id, &self.email_sealed)?,
            tenant_id: self.tenant_id,
            id: self.id,
            role: self.role,
            created_at: self.created_at,
            expires_at: self.expires_at,
        })
    }
}

/// An organisation and what is to become of it.
#[derive(Debug, sqlx::FromRow)]
pub struct OrganizationRow {
    pub name: String,
    pub delete_at: Option<DateTime<Utc>>,
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

/// The organisation, held until the end of the transaction: who changes its owners does so alone.
pub async fn claim_organization(tx: &mut TenantTx) -> Result<Option<OrganizationRow>> {
    let tenant = tx.tenant();
    Ok(
        sqlx::query_as("SELECT name, delete_at FROM organization WHERE tenant_id = $1 FOR UPDATE")
            .bind(tenant)
            .fetch_optional(tx.connection())
            .await?,
    )
}

pub async fn update_organization_end(
    tx: &mut TenantTx,
    delete_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("UPDATE organization SET delete_at = $2 WHERE tenant_id = $1")
        .bind(tenant)
        .bind(delete_at)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Organisations whose time has come.
pub async fn list_ending(connection: &mut PgConnection, now: DateTime<Utc>) -> Result<Vec<Uuid>> {
    set_local(connection, "app.ending_before", &now.to_rfc3339()).await?;
    Ok(sqlx::query_scalar(
        "SELECT tenant_id FROM organization WHERE delete_at <= $1 ORDER BY delete_at LIMIT 100",
    )
    .bind(now)
    .fetch_all(connection)
    .await?)
}

/// Notes that an organisation is gone.
pub async fn insert_erased(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("INSERT INTO erased_organization (organization_id, erased_at) VALUES ($1, $2)")
        .bind(tenant)
        .bind(now)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Organisations that have been gone since before a time.
pub async fn list_erased(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
) -> Result<Vec<Uuid>> {
    Ok(sqlx::query_scalar(
        "SELECT organization_id FROM erased_organization WHERE erased_at <= $1 LIMIT 100",
    )
    .bind(before)
    .fetch_all(connection)
    .await?)
}

/// Forgets that an organisation was; false where somebody else has.
pub async fn delete_erased(tx: &mut TenantTx) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query("DELETE FROM erased_organization WHERE organization_id = $1")
        .bind(tenant)
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn insert_member(
    tx: &mut TenantTx,
    user_id: Uuid,
    role: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query(
        "INSERT INTO member (tenant_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(user_id)
    .bind(role)
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn list_members(tx: &mut TenantTx, addresses: &Addresses) -> Result<Vec<MemberRow>> {
    let tenant = tx.tenant();
    let rows: Vec<(Uuid, Vec<u8>, String, DateTime<Utc>)> = sqlx::query_as(
        r#"SELECT m.user_id, u.email_sealed, m.role, m.created_at FROM member m
           JOIN "user" u ON u.id = m.user_id WHERE m.tenant_id = $1 ORDER BY m.created_at, m.user_id"#,
    )
    .bind(tenant)
    .fetch_all(tx.connection())
    .await?;
    let open = |(user_id, sealed, role, created_at): (_, Vec<u8>, _, _)| {
        Ok(MemberRow {
            user_id,
            email: addresses.open(user_id, &sealed)?,
            role,
            created_at,
        })
    };
    rows.into_iter().map(open).collect()
}

/// Whether somebody with this address is a member.
pub async fn has_member(tx: &mut TenantTx, email_index: &[u8]) -> Result<bool> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar(
        r#"SELECT EXISTS (SELECT 1 FROM member m JOIN "user" u ON u.id = m.user_id
           WHERE m.tenant_id = $1 AND u.email_index = $2)"#,
    )
    .bind(tenant)
    .bind(email_index)
    .fetch_one(tx.connection())
    .await?)
}

pub async fn find_member_role(tx: &mut TenantTx, user_id: Uuid) -> Result<Option<String>> {
    let tenant = tx.tenant();
    Ok(
        sqlx::query_scalar("SELECT role FROM member WHERE user_id = $1 AND tenant_id = $2")
            .bind(user_id)
            .bind(tenant)
            .fetch_optional(tx.connection())
            .await?,
    )
}

/// Whether the organisation has an owner besides this user.
pub async fn has_other_owner(tx: &mut TenantTx, user: Uuid) -> Result<bool> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM member
         WHERE tenant_id = $1 AND user_id <> $2 AND role = 'owner')",
    )
    .bind(tenant)
    .bind(user)
    .fetch_one(tx.connection())
    .await?)
}

pub async fn update_member_role(tx: &mut TenantTx, user: Uuid, role: &str) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("UPDATE member SET role = $3 WHERE tenant_id = $1 AND user_id = $2")
        .bind(tenant)
        .bind(user)
        .bind(role)
        .execute(tx.connection())
        .await?;
    Ok(())
}

pub async fn delete_member(tx: &mut TenantTx, user: Uuid) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("DELETE FROM member WHERE tenant_id = $1 AND user_id = $2")
        .bind(tenant)
        .bind(user)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// The organisations of a user, by time of joining.
pub async fn list_memberships(
    connection: &mut PgConnection,
    user_id: Uuid,
) -> Result<Vec<Membership>> {
    set_local(connection, "app.user_id", &user_id.to_string()).await?;
    Ok(sqlx::query_as(
        "SELECT m.tenant_id, o.name, m.role FROM member m
         JOIN organization o ON o.tenant_id = m.tenant_id
         WHERE m.user_id = $1 ORDER BY m.created_at, m.tenant_id",
    )
    .bind(user_id)
    .fetch_all(connection)
    .await?)
}

/// Writes an invitation in place of an earlier one for the same address.
pub async fn insert_invitation(
    tx: &mut TenantTx,
    invitation: &Invitation,
    address: &SealedAddress,
    token_hash: &[u8],
    invited_by: Uuid,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("DELETE FROM invitation WHERE tenant_id = $1 AND email_index = $2")
        .bind(tenant)
        .bind(&address.index)
        .execute(tx.connection())
        .await?;
    sqlx::query(
        "INSERT INTO invitation (tenant_id, id, email_sealed, email_index, role, token_hash, invited_by,
            created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(tenant)
    .bind(invitation.id)
    .bind(&address.sealed)
    .bind(&address.index)
    .bind(&invitation.role)
    .bind(token_hash)
    .bind(invited_by)
    .bind(invitation.created_at)
    .bind(invitation.expires_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn list_invitations(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<Vec<InvitationRow>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "SELECT tenant_id, id, email_sealed, role, created_at, expires_at FROM invitation
         WHERE tenant_id = $1 AND expires_at > $2 ORDER BY id DESC LIMIT 200",
    )
    .bind(tenant)
    .bind(now)
    .fetch_all(tx.connection())
    .await?)
}

/// The invitation that a token stands for.
pub async fn find_invitation(
    connection: &mut PgConnection,
    token_hash: &[u8],
    now: DateTime<Utc>,
) -> Result<Option<InvitationRow>> {
    let hex: String = token_hash
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    set_local(connection, "app.token_hash", &hex).await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, id, email_sealed, role, created_at, expires_at FROM invitation
         WHERE token_hash = $1 AND expires_at > $2",
    )
    .bind(token_hash)
    .bind(now)
    .fetch_optional(connection)
    .await?)
}

/// Uses an invitation up, or withdraws it; false where it is gone.
pub async fn delete_invitation(tx: &mut TenantTx, id: Uuid) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query("DELETE FROM invitation WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected() == 1)
}
