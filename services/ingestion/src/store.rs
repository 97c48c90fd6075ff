//! The SQL of ingestion. Deliberately no decisions.

use std::ops::RangeInclusive;

use chrono::{DateTime, NaiveDate, Utc};
use platform::{TenantTx, page::Page};
use proto::common::BlobRef;
use sqlx::types::Json;
use tokio::sync::mpsc;
use uuid::Uuid;

use crate::{
    Error,
    domain::meaning::{Meaning, StoredColumn},
};

type Result<T> = std::result::Result<T, Error>;

/// A dataset about to be stored.
#[derive(Debug)]
pub struct NewDataset<'a> {
    pub id: Uuid,
    pub name: &'a str,
    pub columns: Vec<StoredColumn>,
    pub mapping: Vec<Meaning>,
    pub upload: &'a BlobRef,
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
    pub columns: Json<Vec<StoredColumn>>,
    pub mapping: Json<Vec<Meaning>>,
    pub upload_key: String,
    pub upload_size_bytes: i64,
    pub upload_sha256: Vec<u8>,
    pub snapshot_key: Option<String>,
    pub snapshot_size_bytes: Option<i64>,
    pub snapshot_sha256: Option<Vec<u8>>,
    pub problem: String,
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
}

impl DatasetRow {
    /// Where the file is.
    pub fn upload(&self) -> BlobRef {
        BlobRef {
            key: self.upload_key.clone(),
            size_bytes: self.upload_size_bytes,
            sha256: self.upload_sha256.clone(),
        }
    }

    /// Where the snapshot is; `None` before the import.
    pub fn snapshot(&self) -> Option<BlobRef> {
        Some(BlobRef {
            key: self.snapshot_key.clone()?,
            size_bytes: self.snapshot_size_bytes?,
            sha256: self.snapshot_sha256.clone()?,
        })
    }
}

/// A quote in a list.
#[derive(Debug, sqlx::FromRow)]
pub struct QuoteRow {
    pub id: Uuid,
    pub row: i32,
    pub won: bool,
    pub quoted_on: NaiveDate,
    pub price_minor: i64,
    pub raw: String,
}

const DATASET: &str = "id, name, state, row_count, won_count, lost_count, columns, mapping,
    upload_key, upload_size_bytes, upload_sha256, snapshot_key, snapshot_size_bytes,
    snapshot_sha256, problem, created_at, created_by";

pub async fn insert_dataset(tx: &mut TenantTx, dataset: &NewDataset<'_>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO dataset (tenant_id, id, name, state, columns, mapping, upload_key,
            upload_size_bytes, upload_sha256, created_at, created_by)
         VALUES ($1, $2, $3, 'importing', $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(tenant)
    .bind(dataset.id)
    .bind(dataset.name)
    .bind(Json(&dataset.columns))
    .bind(Json(&dataset.mapping))
    .bind(&dataset.upload.key)
    .bind(dataset.upload.size_bytes)
    .bind(&dataset.upload.sha256)
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

/// A dataset, held until the end of the transaction.
pub async fn claim_dataset(tx: &mut TenantTx, id: Uuid) -> Result<Option<DatasetRow>> {
    let tenant = tx.tenant();
    let sql = format!("SELECT {DATASET} FROM dataset WHERE tenant_id = $1 AND id = $2 FOR UPDATE");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(id)
        .fetch_optional(tx.connection())
        .await?)
}

/// Newest first.
pub async fn list_datasets(tx: &mut TenantTx, page: &Page) -> Result<Vec<DatasetRow>> {
    let tenant = tx.tenant();
    let sql = format!(
        "SELECT {DATASET} FROM dataset WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(page.before)
        .bind(page.size)
        .fetch_all(tx.connection())
        .await?)
}

pub async fn update_dataset_ready(
    tx: &mut TenantTx,
    id: Uuid,
    row_count: u32,
    won_count: u32,
    snapshot: &BlobRef,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE dataset SET state = 'ready', problem = '', row_count = $3, won_count = $4,
            lost_count = $5, snapshot_key = $6, snapshot_size_bytes = $7, snapshot_sha256 = $8
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(i64::from(row_count))
    .bind(i64::from(won_count))
    .bind(i64::from(row_count) - i64::from(won_count))
    .bind(&snapshot.key)
    .bind(snapshot.size_bytes)
    .bind(&snapshot.sha256)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn update_dataset_failed(tx: &mut TenantTx, id: Uuid, problem: &str) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE dataset SET state = 'failed', problem = $3 WHERE tenant_id = $1 AND id = $2",
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

/// Makes the partitions of these years where missing.
pub async fn insert_quote_partitions(
    tx: &mut TenantTx,
    years: &[RangeInclusive<i32>],
) -> Result<()> {
    for run in years {
        sqlx::query("SELECT ensure_quote_partitions($1, $2)")
            .bind(run.start())
            .bind(run.end())
            .execute(tx.connection())
            .await?;
    }
    Ok(())
}

/// Stores the quotes of a dataset from chunks of binary COPY; answers how many.
pub async fn insert_quotes(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    mut chunks: mpsc::Receiver<Vec<u8>>,
) -> Result<u64> {
    let tenant = tx.tenant();
    // COPY is refused for tables with row level security, so the rows take a detour.
    sqlx::query(
        "CREATE TEMPORARY TABLE staged_quote (quoted_on date, id uuid, row int, won boolean,
            price_minor bigint, quote_ref text, raw jsonb, derived jsonb) ON COMMIT DROP",
    )
    .execute(tx.connection())
    .await?;
    let mut copy = tx
        .connection()
        .copy_in_raw("COPY pg_temp.staged_quote FROM STDIN (FORMAT binary)")
        .await?;
    while let Some(chunk) = chunks.recv().await {
        copy.send(chunk).await?;
    }
    copy.finish().await?;
    let done = sqlx::query(
        "INSERT INTO quote (tenant_id, dataset_id, quoted_on, id, row, won, price_minor,
            quote_ref, raw, derived)
         SELECT $1, $2, quoted_on, id, row, won, price_minor, quote_ref, raw, derived
         FROM pg_temp.staged_quote",
    )
    .bind(tenant)
    .bind(dataset_id)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected())
}

/// In file order, behind a row.
pub async fn list_quotes(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    after: i32,
    limit: i64,
) -> Result<Vec<QuoteRow>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "SELECT id, row, won, quoted_on, price_minor, raw::text AS raw FROM quote
         WHERE tenant_id = $1 AND dataset_id = $2 AND row > $3 ORDER BY row LIMIT $4",
    )
    .bind(tenant)
    .bind(dataset_id)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}
