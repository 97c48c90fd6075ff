//! Datasets, and what columns stood for in earlier files.

use chrono::{DateTime, Utc};
use platform::{TenantTx, page::Page};
use proto::common::BlobRef;
use sqlx::types::Json;
use uuid::Uuid;

use super::Result;
use crate::domain::{meaning::StoredColumn, reading::Reading};

/// A dataset about to be stored.
#[derive(Debug)]
pub struct NewDataset<'a> {
    pub id: Uuid,
    pub name: &'a str,
    pub columns: &'a [StoredColumn],
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
}

/// A dataset.
#[derive(Debug, sqlx::FromRow)]
pub struct DatasetRow {
    pub id: Uuid,
    pub name: String,
    pub state: String,
    pub row_count: i64,
    pub won_count: i64,
    pub lost_count: i64,
    pub open_count: i64,
    pub import_count: i64,
    pub columns: Json<Vec<StoredColumn>>,
    pub snapshot_key: Option<String>,
    pub snapshot_size_bytes: Option<i64>,
    pub snapshot_sha256: Option<Vec<u8>>,
    pub problem: String,
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
}

impl DatasetRow {
    /// Where the snapshot is; `None` before the import.
    pub fn snapshot(&self) -> Option<BlobRef> {
        Some(BlobRef {
            key: self.snapshot_key.clone()?,
            size_bytes: self.snapshot_size_bytes?,
            sha256: self.snapshot_sha256.clone()?,
        })
    }
}

/// Counts of a dataset's quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub won: i64,
    pub lost: i64,
    pub open: i64,
}

impl Counts {
    /// Quotes that can be learned from.
    pub fn decided(self) -> i64 {
        self.won + self.lost
    }
}

const DATASET: &str = "id, name, state, row_count, won_count, lost_count, open_count,
    (SELECT count(*) FROM import i WHERE i.tenant_id = dataset.tenant_id
        AND i.dataset_id = dataset.id AND i.state IN ('done', 'undoing')) AS import_count,
    columns, snapshot_key, snapshot_size_bytes, snapshot_sha256, problem, created_at, created_by";

pub async fn insert_dataset(tx: &mut TenantTx, dataset: &NewDataset<'_>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO dataset (tenant_id, id, name, state, columns, created_at, created_by)
         VALUES ($1, $2, $3, 'importing', $4, $5, $6)",
    )
    .bind(tenant)
    .bind(dataset.id)
    .bind(dataset.name)
    .bind(Json(dataset.columns))
    .bind(dataset.created_at)
    .bind(dataset.created_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn find_dataset(tx: &mut TenantTx, id: Uuid) -> Result<Option<DatasetRow>> {
    let tenant = tx.tenant();
    let sql = format!("SELECT {DATASET} FROM dataset WHERE tenant_id = $1 AND id = $2");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(id)
        .fetch_optional(tx.connection())
        .await?)
}

/// A dataset, held until the end of the transaction, so that its imports happen one after another.
pub async fn claim_dataset(tx: &mut TenantTx, id: Uuid) -> Result<Option<DatasetRow>> {
    let tenant = tx.tenant();
    let sql = format!("SELECT {DATASET} FROM dataset WHERE tenant_id = $1 AND id = $2 FOR UPDATE");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(id)
        .fetch_optional(tx.connection())
        .await?)
}

pub async fn list_datasets(tx: &mut TenantTx, page: &Page) -> Result<Vec<DatasetRow>> {
    let tenant = tx.tenant();
    let sql = format!(
        "SELECT {DATASET} FROM dataset WHERE tenant_id = $1 AND id < $2
         ORDER BY id DESC LIMIT $3"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(page.before)
        .bind(page.size)
        .fetch_all(tx.connection())
        .await?)
}

/// Notes what a dataset holds now; without a snapshot it is empty.
pub async fn update_dataset_content(
    tx: &mut TenantTx,
    id: Uuid,
    counts: Counts,
    snapshot: Option<&BlobRef>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE dataset SET state = CASE WHEN $7::text IS NULL THEN 'empty' ELSE 'ready' END,
            problem = '', row_count = $3, won_count = $4, lost_count = $5, open_count = $6,
            snapshot_key = $7, snapshot_size_bytes = $8, snapshot_sha256 = $9
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(counts.decided())
    .bind(counts.won)
    .bind(counts.lost)
    .bind(counts.open)
    .bind(snapshot.map(|blob| blob.key.as_str()))
    .bind(snapshot.map(|blob| blob.size_bytes))
    .bind(snapshot.map(|blob| blob.sha256.as_slice()))
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Notes what the columns of the newest file are.
pub async fn update_dataset_columns(
    tx: &mut TenantTx,
    id: Uuid,
    columns: &[StoredColumn],
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("UPDATE dataset SET columns = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .bind(Json(columns))
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Notes that a dataset's first import failed; one that has quotes stays as it is.
pub async fn update_dataset_failed(tx: &mut TenantTx, id: Uuid, problem: &str) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE dataset SET state = 'failed', problem = $3
         WHERE tenant_id = $1 AND id = $2 AND state IN ('importing', 'failed')",
    )
    .bind(tenant)
    .bind(id)
    .bind(problem)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn delete_dataset(tx: &mut TenantTx, id: Uuid) -> Result<()> {
    let tenant = tx.tenant();
    for sql in [
        "DELETE FROM quote WHERE tenant_id = $1 AND dataset_id = $2",
        "DELETE FROM dataset WHERE tenant_id = $1 AND id = $2",
    ] {
        sqlx::query(sql)
            .bind(tenant)
            .bind(id)
            .execute(tx.connection())
            .await?;
    }
    Ok(())
}

/// What columns stood for in the last file with this header.
pub async fn find_remembered(tx: &mut TenantTx, fingerprint: &str) -> Result<Option<Reading>> {
    let tenant = tx.tenant();
    let found: Option<Json<Reading>> = sqlx::query_scalar(
        "SELECT reading FROM remembered_mapping WHERE tenant_id = $1 AND fingerprint = $2",
    )
    .bind(tenant)
    .bind(fingerprint)
    .fetch_optional(tx.connection())
    .await?;
    Ok(found.map(|reading| reading.0))
}

pub async fn insert_remembered(
    tx: &mut TenantTx,
    fingerprint: &str,
    reading: &Reading,
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO remembered_mapping (tenant_id, fingerprint, reading, used_at)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, fingerprint) DO UPDATE SET reading = $3, used_at = $4",
    )
    .bind(tenant)
    .bind(fingerprint)
    .bind(Json(reading))
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(())
}
