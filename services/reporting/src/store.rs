//! The SQL of reporting. Deliberately no decisions.

use chrono::{DateTime, Utc};
use platform::{TenantTx, page::Page};
use proto::common::BlobRef;
use uuid::Uuid;

use crate::Error;

type Result<T> = std::result::Result<T, Error>;

/// The kind of reports about a model.
pub const MODEL: &str = "model";
/// The kind of win/loss analyses.
pub const WIN_LOSS: &str = "win_loss";

/// What is known of a model.
#[derive(Debug, sqlx::FromRow)]
pub struct ModelRow {
    pub content: Vec<u8>,
    pub prediction_count: i64,
    pub champion: bool,
    /// The dataset's event; missing where it was deleted or has not come yet.
    pub dataset: Option<Vec<u8>>,
}

/// A report.
#[derive(Debug, sqlx::FromRow)]
pub struct ReportRow {
    pub id: Uuid,
    /// [`MODEL`] or [`WIN_LOSS`].
    pub kind: String,
    pub model_id: Option<Uuid>,
    pub dataset_id: Option<Uuid>,
    pub title: String,
    pub insights: sqlx::types::Json<Vec<String>>,
    pub content: serde_json::Value,
    pub page_key: String,
    pub page_size_bytes: i64,
    pub page_sha256: Vec<u8>,
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
}

impl ReportRow {
    /// Where the page lies.
    pub fn page(&self) -> BlobRef {
        BlobRef {
            key: self.page_key.clone(),
            size_bytes: self.page_size_bytes,
            sha256: self.page_sha256.clone(),
        }
    }
}

pub async fn insert_dataset(tx: &mut TenantTx, id: Uuid, content: &[u8]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO dataset (tenant_id, id, content) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, id) DO UPDATE SET content = excluded.content",
    )
    .bind(tenant)
    .bind(id)
    .bind(content)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn delete_dataset(tx: &mut TenantTx, id: Uuid) -> Result<()> {
    sqlx::query("DELETE FROM dataset WHERE id = $1")
        .bind(id)
        .execute(tx.connection())
        .await?;
    Ok(())
}

pub async fn insert_model(
    tx: &mut TenantTx,
    id: Uuid,
    dataset_id: Uuid,
    content: &[u8],
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO model (tenant_id, id, dataset_id, content) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, id) DO UPDATE SET content = excluded.content",
    )
    .bind(tenant)
    .bind(id)
    .bind(dataset_id)
    .bind(content)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Counts more predictions of a model.
pub async fn update_prediction_count(tx: &mut TenantTx, model_id: Uuid, more: i64) -> Result<()> {
    sqlx::query("UPDATE model SET prediction_count = prediction_count + $2 WHERE id = $1")
        .bind(model_id)
        .bind(more)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Notes which model answers by default.
pub async fn update_champion(tx: &mut TenantTx, model_id: Uuid) -> Result<()> {
    sqlx::query("UPDATE model SET champion = (id = $1) WHERE champion OR id = $1")
        .bind(model_id)
        .execute(tx.connection())
        .await?;
    Ok(())
}

pub async fn find_model(tx: &mut TenantTx, id: Uuid) -> Result<Option<ModelRow>> {
    Ok(sqlx::query_as(
        "SELECT m.content, m.prediction_count, m.champion, d.content AS dataset FROM model m
         LEFT JOIN dataset d ON d.tenant_id = m.tenant_id AND d.id = m.dataset_id
         WHERE m.id = $1",
    )
    .bind(id)
    .fetch_optional(tx.connection())
    .await?)
}

pub async fn insert_report(tx: &mut TenantTx, report: &ReportRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO report (tenant_id, id, model_id, title, insights, content, page_key,
            page_size_bytes, page_sha256, created_at, created_by, kind, dataset_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(tenant)
    .bind(report.id)
    .bind(report.model_id)
    .bind(&report.title)
    .bind(&report.insights)
    .bind(&report.content)
    .bind(&report.page_key)
    .bind(report.page_size_bytes)
    .bind(&report.page_sha256)
    .bind(report.created_at)
    .bind(report.created_by)
    .bind(&report.kind)
    .bind(report.dataset_id)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn find_report(tx: &mut TenantTx, id: Uuid) -> Result<Option<ReportRow>> {
    Ok(sqlx::query_as("SELECT * FROM report WHERE id = $1")
        .bind(id)
        .fetch_optional(tx.connection())
        .await?)
}

/// The event of a dataset.
pub async fn find_dataset(tx: &mut TenantTx, id: Uuid) -> Result<Option<Vec<u8>>> {
    Ok(
        sqlx::query_scalar("SELECT content FROM dataset WHERE id = $1")
            .bind(id)
            .fetch_optional(tx.connection())
            .await?,
    )
}

/// Reports, newest first; of one model or dataset where one is named.
pub async fn list_reports(
    tx: &mut TenantTx,
    model_id: Option<Uuid>,
    dataset_id: Option<Uuid>,
    page: Page,
) -> Result<Vec<ReportRow>> {
    Ok(sqlx::query_as(
        "SELECT * FROM report WHERE id < $1 AND ($2::uuid IS NULL OR model_id = $2)
            AND ($3::uuid IS NULL OR dataset_id = $3)
         ORDER BY id DESC LIMIT $4",
    )
    .bind(page.before)
    .bind(model_id)
    .bind(dataset_id)
    .bind(page.size)
    .fetch_all(tx.connection())
    .await?)
}
