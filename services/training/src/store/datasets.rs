//! Datasets as ingestion tells of them, and imports that were taken back. Deliberately no quotes: they
//! stay in their snapshot.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use proto::common::BlobRef;
use uuid::Uuid;

use super::Result;

/// A dataset that is not gone.
#[derive(Debug, sqlx::FromRow)]
pub struct DatasetRow {
    pub row_count: i64,
    pub import_ids: Vec<Uuid>,
    snapshot_key: Option<String>,
    snapshot_size_bytes: Option<i64>,
    snapshot_sha256: Option<Vec<u8>>,
}

impl DatasetRow {
    /// Where the snapshot is; nowhere where there is nothing to learn from.
    pub fn snapshot(&self) -> Option<BlobRef> {
        Some(BlobRef {
            key: self.snapshot_key.clone()?,
            size_bytes: self.snapshot_size_bytes?,
            sha256: self.snapshot_sha256.clone()?,
        })
    }
}

/// What ingestion told of a dataset.
#[derive(Debug)]
pub struct DatasetNews {
    pub id: Uuid,
    pub row_count: i64,
    pub won_count: i64,
    pub import_ids: Vec<Uuid>,
    /// Missing where there is nothing to learn from.
    pub snapshot: Option<BlobRef>,
    /// The event.
    pub told_by: Uuid,
}

/// Notes what was told of a dataset; false where newer news are known, or that it is gone.
pub async fn update_dataset(tx: &mut TenantTx, news: &DatasetNews) -> Result<bool> {
    let tenant = tx.tenant();
    let snapshot = news.snapshot.as_ref();
    let done = sqlx::query(
        "INSERT INTO dataset AS known (tenant_id, id, row_count, won_count, import_ids, snapshot_key,
            snapshot_size_bytes, snapshot_sha256, told_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
         ON CONFLICT (tenant_id, id) DO UPDATE SET row_count = excluded.row_count,
            won_count = excluded.won_count, import_ids = excluded.import_ids,
            snapshot_key = excluded.snapshot_key,
            snapshot_size_bytes = excluded.snapshot_size_bytes,
            snapshot_sha256 = excluded.snapshot_sha256, told_by = excluded.told_by
         WHERE known.deleted_at IS NULL
            AND (known.told_by IS NULL OR known.told_by < excluded.told_by)",
    )
    .bind(tenant)
    .bind(news.id)
    .bind(news.row_count)
    .bind(news.won_count)
    .bind(&news.import_ids)
    .bind(snapshot.map(|blob| &blob.key))
    .bind(snapshot.map(|blob| blob.size_bytes))
    .bind(snapshot.map(|blob| &blob.sha256))
    .bind(news.told_by)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Notes that a dataset is gone, known or not.
pub async fn update_dataset_deleted(tx: &mut TenantTx, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO dataset (tenant_id, id, row_count, won_count, deleted_at)
         VALUES ($1, $2, 0, 0, $3)
         ON CONFLICT (tenant_id, id) DO UPDATE SET deleted_at = excluded.deleted_at,
            snapshot_key = NULL, snapshot_size_bytes = NULL, snapshot_sha256 = NULL",
    )
    .bind(tenant)
    .bind(id)
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn find_dataset(tx: &mut TenantTx, id: Uuid) -> Result<Option<DatasetRow>> {
    Ok(sqlx::query_as(
        "SELECT row_count, import_ids, snapshot_key, snapshot_size_bytes, snapshot_sha256 FROM dataset
         WHERE id = $1 AND deleted_at IS NULL",
    )
    .bind(id)
    .fetch_optional(tx.connection())
    .await?)
}

/// The same, and no import of it is noted as undone before the end of the transaction.
pub async fn claim_dataset(tx: &mut TenantTx, id: Uuid) -> Result<Option<DatasetRow>> {
    Ok(sqlx::query_as(
        "SELECT row_count, import_ids, snapshot_key, snapshot_size_bytes, snapshot_sha256 FROM dataset
         WHERE id = $1 AND deleted_at IS NULL FOR SHARE",
    )
    .bind(id)
    .fetch_optional(tx.connection())
    .await?)
}

/// Notes that an import was taken back, once no training is about to begin with it.
pub async fn insert_undone_import(
    tx: &mut TenantTx,
    id: Uuid,
    dataset_id: Uuid,
    undone_at: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("SELECT FROM dataset WHERE id = $1 FOR UPDATE")
        .bind(dataset_id)
        .execute(tx.connection())
        .await?;
    sqlx::query(
        "INSERT INTO undone_import (tenant_id, id, dataset_id, undone_at) VALUES ($1, $2, $3, $4)
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(id)
    .bind(dataset_id)
    .bind(undone_at)
    .execute(tx.connection())
    .await?;
    Ok(())
}
