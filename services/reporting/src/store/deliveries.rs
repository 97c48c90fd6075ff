//! Reports on their way to auth, which mails them. Deliberately no addresses, and tokens only sealed.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local};
use proto::common::BlobRef;
use serde::{Deserialize, Serialize};
use sqlx::{PgConnection, types::Json};
use uuid::Uuid;

use super::Result;

/// A file that is to be attached.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MailedFile {
    /// Of its name, such as `pdf`.
    pub ending: String,
    key: String,
    size_bytes: i64,
    sha256: Vec<u8>,
}

impl MailedFile {
    pub fn new(ending: &str, blob: &BlobRef) -> Self {
        Self {
            ending: ending.to_owned(),
            key: blob.key.clone(),
            size_bytes: blob.size_bytes,
            sha256: blob.sha256.clone(),
        }
    }

    /// Where it lies.
    pub fn blob(&self) -> BlobRef {
        BlobRef {
            key: self.key.clone(),
            size_bytes: self.size_bytes,
            sha256: self.sha256.clone(),
        }
    }
}

/// A report that is to be mailed.
#[derive(Debug, sqlx::FromRow)]
pub struct DeliveryRow {
    pub report_id: Uuid,
    pub schedule_id: Uuid,
    pub recipients: Vec<Uuid>,
    /// Sealed; missing when it was handed on.
    pub token: Option<Vec<u8>>,
    pub link_expires_at: DateTime<Utc>,
    pub files: Json<Vec<MailedFile>>,
    pub files_left_out: bool,
    pub tries: i32,
    pub created_at: DateTime<Utc>,
}

/// Writes a report that is to be mailed, at once.
pub async fn insert_delivery(tx: &mut TenantTx, row: &DeliveryRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO report_delivery (tenant_id, report_id, schedule_id, recipients, token, link_expires_at, files,
            files_left_out, due_at, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)",
    )
    .bind(tenant)
    .bind(row.report_id)
    .bind(row.schedule_id)
    .bind(&row.recipients)
    .bind(&row.token)
    .bind(row.link_expires_at)
    .bind(&row.files)
    .bind(row.files_left_out)
    .bind(row.created_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Reports of all tenants that are to be mailed now, with their tenants.
pub async fn list_due_deliveries(
    connection: &mut PgConnection,
    now: DateTime<Utc>,
    most: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    set_local(connection, "app.schedules", "on").await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, report_id FROM report_delivery WHERE due_at <= $1 ORDER BY due_at LIMIT $2",
    )
    .bind(now)
    .bind(most)
    .fetch_all(connection)
    .await?)
}

/// Those of all tenants that were made before a time and are done, with their tenants.
pub async fn list_old_deliveries(
    connection: &mut PgConnection,
    before: DateTime<Utc>,
    most: i64,
) -> Result<Vec<(Uuid, Uuid)>> {
    set_local(connection, "app.schedules", "on").await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, report_id FROM report_delivery WHERE created_at < $1 AND due_at IS NULL LIMIT $2",
    )
    .bind(before)
    .bind(most)
    .fetch_all(connection)
    .await?)
}

/// Takes a report that is to be mailed now; it is due again at `again_at` unless it was handed on by then.
pub async fn claim_delivery(
    tx: &mut TenantTx,
    report_id: Uuid,
    now: DateTime<Utc>,
    again_at: DateTime<Utc>,
) -> Result<Option<DeliveryRow>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "UPDATE report_delivery SET due_at = $4, tries = tries + 1
         WHERE tenant_id = $1 AND report_id = $2 AND due_at <= $3 RETURNING *",
    )
    .bind(tenant)
    .bind(report_id)
    .bind(now)
    .bind(again_at)
    .fetch_optional(tx.connection())
    .await?)
}

/// Has it tried again later; or never, and then the token is forgotten.
pub async fn update_delivery_due(
    tx: &mut TenantTx,
    report_id: Uuid,
    due_at: Option<DateTime<Utc>>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE report_delivery SET due_at = $3, token = CASE WHEN $3 IS NULL THEN NULL ELSE token END
         WHERE tenant_id = $1 AND report_id = $2",
    )
    .bind(tenant)
    .bind(report_id)
    .bind(due_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Takes one out.
pub async fn delete_delivery(tx: &mut TenantTx, report_id: Uuid) -> Result<Option<DeliveryRow>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "DELETE FROM report_delivery WHERE tenant_id = $1 AND report_id = $2 RETURNING *",
    )
    .bind(tenant)
    .bind(report_id)
    .fetch_optional(tx.connection())
    .await?)
}
