//! Imports, and the rows that they left aside.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local, page::Page};
use proto::common::BlobRef;
use sqlx::types::Json;
use uuid::Uuid;

use super::Result;
use crate::domain::{plan::Effect, reading::Reading};

/// An import about to be stored.
#[derive(Debug)]
pub struct NewImport<'a> {
    pub id: Uuid,
    pub dataset_id: Uuid,
    pub file_name: &'a str,
    pub reading: &'a Reading,
    pub upload: &'a BlobRef,
    pub rows_total: u32,
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
}

/// An import.
#[derive(Debug, sqlx::FromRow)]
pub struct ImportRow {
    pub id: Uuid,
    pub dataset_id: Uuid,
    pub file_name: String,
    pub state: String,
    pub reading: Json<Reading>,
    pub upload_key: String,
    pub upload_size_bytes: i64,
    pub upload_sha256: Vec<u8>,
    pub created_count: i64,
    pub updated_count: i64,
    pub unchanged_count: i64,
    pub refused_count: i64,
    pub skipped_count: i64,
    pub rows_done: i64,
    pub rows_total: i64,
    pub problem: String,
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
    pub undone_at: Option<DateTime<Utc>>,
}

impl ImportRow {
    /// Where the file is.
    pub fn upload(&self) -> BlobRef {
        BlobRef {
            key: self.upload_key.clone(),
            size_bytes: self.upload_size_bytes,
            sha256: self.upload_sha256.clone(),
        }
    }
}

const IMPORT: &str = "id, dataset_id, file_name, state, reading, upload_key, upload_size_bytes,
    upload_sha256, created_count, updated_count, unchanged_count, refused_count, skipped_count,
    rows_done, rows_total, problem, created_at, created_by, undone_at";

pub async fn insert_import(tx: &mut TenantTx, import: &NewImport<'_>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO import (tenant_id, id, dataset_id, file_name, state, reading, upload_key,
            upload_size_bytes, upload_sha256, rows_total, created_at, created_by)
         VALUES ($1, $2, $3, $4, 'importing', $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(tenant)
    .bind(import.id)
    .bind(import.dataset_id)
    .bind(import.file_name)
    .bind(Json(import.reading))
    .bind(&import.upload.key)
    .bind(import.upload.size_bytes)
    .bind(&import.upload.sha256)
    .bind(i64::from(import.rows_total))
    .bind(import.created_at)
    .bind(import.created_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn find_import(tx: &mut TenantTx, id: Uuid) -> Result<Option<ImportRow>> {
    let tenant = tx.tenant();
    let sql = format!("SELECT {IMPORT} FROM import WHERE tenant_id = $1 AND id = $2");
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(id)
        .fetch_optional(tx.connection())
        .await?)
}

/// Lets a transaction wait for work outside of Postgres, such as a snapshot being written, longer than
/// one that is forgotten may. Its connection still ends with its process.
pub async fn allow_long_work(tx: &mut TenantTx) -> Result<()> {
    set_local(
        tx.connection(),
        "idle_in_transaction_session_timeout",
        "10min",
    )
    .await?;
    Ok(())
}

/// The import of this very file into a dataset, where it still counts.
pub async fn find_import_of_file(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    sha256: &[u8],
) -> Result<Option<ImportRow>> {
    let tenant = tx.tenant();
    let sql = format!(
        "SELECT {IMPORT} FROM import WHERE tenant_id = $1 AND upload_sha256 = $3
            AND dataset_id = $2 AND state IN ('importing', 'done') ORDER BY id DESC LIMIT 1"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(dataset_id)
        .bind(sha256)
        .fetch_optional(tx.connection())
        .await?)
}

/// Names of other datasets that hold this very file, newest first.
pub async fn list_datasets_of_file(
    tx: &mut TenantTx,
    sha256: &[u8],
) -> Result<Vec<(Uuid, String)>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "SELECT d.id, d.name FROM import i JOIN dataset d
            ON d.tenant_id = i.tenant_id AND d.id = i.dataset_id
         WHERE i.tenant_id = $1 AND i.upload_sha256 = $2 AND i.state IN ('importing', 'done')
         ORDER BY i.id DESC LIMIT 3",
    )
    .bind(tenant)
    .bind(sha256)
    .fetch_all(tx.connection())
    .await?)
}

/// Newest first; of one dataset or of all.
pub async fn list_imports(
    tx: &mut TenantTx,
    dataset_id: Option<Uuid>,
    page: &Page,
) -> Result<Vec<ImportRow>> {
    let tenant = tx.tenant();
    let sql = format!(
        "SELECT {IMPORT} FROM import WHERE tenant_id = $1 AND ($2::uuid IS NULL OR dataset_id = $2)
            AND id < $3 ORDER BY id DESC LIMIT $4"
    );
    Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(dataset_id)
        .bind(page.before)
        .bind(page.size)
        .fetch_all(tx.connection())
        .await?)
}

/// How the files that count in a dataset were read, oldest first.
pub async fn list_readings(tx: &mut TenantTx, dataset_id: Uuid) -> Result<Vec<Reading>> {
    let tenant = tx.tenant();
    let found: Vec<Json<Reading>> = sqlx::query_scalar(
        "SELECT reading FROM import
         WHERE tenant_id = $1 AND dataset_id = $2 AND state = 'done' ORDER BY id",
    )
    .bind(tenant)
    .bind(dataset_id)
    .fetch_all(tx.connection())
    .await?;
    Ok(found.into_iter().map(|reading| reading.0).collect())
}

/// Ids of the imports that count in a dataset, oldest first.
pub async fn list_counting_imports(tx: &mut TenantTx, dataset_id: Uuid) -> Result<Vec<Uuid>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar(
        "SELECT id FROM import WHERE tenant_id = $1 AND dataset_id = $2 AND state = 'done' ORDER BY id",
    )
    .bind(tenant)
    .bind(dataset_id)
    .fetch_all(tx.connection())
    .await?)
}

/// The files of a dataset.
pub async fn list_uploads(tx: &mut TenantTx, dataset_id: Uuid) -> Result<Vec<BlobRef>> {
    let tenant = tx.tenant();
    let found: Vec<(String, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT upload_key, upload_size_bytes, upload_sha256 FROM import
         WHERE tenant_id = $1 AND dataset_id = $2",
    )
    .bind(tenant)
    .bind(dataset_id)
    .fetch_all(tx.connection())
    .await?;
    let blob = |(key, size_bytes, sha256)| BlobRef {
        key,
        size_bytes,
        sha256,
    };
    Ok(found.into_iter().map(blob).collect())
}

/// Which of these keys something refers to: uploads and snapshots.
pub async fn list_needed_keys(tx: &mut TenantTx, keys: &[String]) -> Result<Vec<String>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar(
        "SELECT upload_key FROM import WHERE tenant_id = $1 AND upload_key = ANY($2)
         UNION ALL
         SELECT snapshot_key FROM dataset WHERE tenant_id = $1 AND snapshot_key = ANY($2)",
    )
    .bind(tenant)
    .bind(keys)
    .fetch_all(tx.connection())
    .await?)
}

pub async fn update_import_progress(tx: &mut TenantTx, id: Uuid, rows_done: u32) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("UPDATE import SET rows_done = $3 WHERE tenant_id = $1 AND id = $2")
        .bind(tenant)
        .bind(id)
        .bind(i64::from(rows_done))
        .execute(tx.connection())
        .await?;
    Ok(())
}

pub async fn update_import_done(
    tx: &mut TenantTx,
    id: Uuid,
    effect: &Effect,
    rows: u32,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE import SET state = 'done', problem = '', created_count = $3, updated_count = $4,
            unchanged_count = $5, refused_count = $6, skipped_count = $7, rows_done = $8, rows_total = $8
         WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(i64::from(effect.created))
    .bind(i64::from(effect.updated))
    .bind(i64::from(effect.unchanged))
    .bind(i64::from(effect.refused))
    .bind(i64::from(effect.skipped))
    .bind(i64::from(rows))
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn update_import_failed(tx: &mut TenantTx, id: Uuid, problem: &str) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE import SET state = 'failed', problem = $3, rows_done = 0 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(problem)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Moves a finished import to its end; false where it is not finished.
pub async fn update_import_undoing(tx: &mut TenantTx, id: Uuid) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query(
        "UPDATE import SET state = 'undoing' WHERE tenant_id = $1 AND id = $2 AND state = 'done'",
    )
    .bind(tenant)
    .bind(id)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

pub async fn update_import_undone(tx: &mut TenantTx, id: Uuid, now: DateTime<Utc>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "UPDATE import SET state = 'undone', undone_at = $3 WHERE tenant_id = $1 AND id = $2",
    )
    .bind(tenant)
    .bind(id)
    .bind(now)
    .execute(tx.connection())
    .await?;
    sqlx::query("DELETE FROM quarantined_row WHERE tenant_id = $1 AND import_id = $2")
        .bind(tenant)
        .bind(id)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Stores rows that were left aside: row in the file and encrypted content.
pub async fn insert_quarantined(
    tx: &mut TenantTx,
    import_id: Uuid,
    rows: &[(i32, Vec<u8>)],
) -> Result<()> {
    let tenant = tx.tenant();
    let (numbers, contents): (Vec<i32>, Vec<&[u8]>) = rows
        .iter()
        .map(|(row, content)| (*row, content.as_slice()))
        .unzip();
    sqlx::query(
        "INSERT INTO quarantined_row (tenant_id, import_id, row, content)
         SELECT $1, $2, row, content FROM unnest($3::int[], $4::bytea[]) AS t (row, content)",
    )
    .bind(tenant)
    .bind(import_id)
    .bind(numbers)
    .bind(contents)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// In file order, behind a row.
pub async fn list_quarantined(
    tx: &mut TenantTx,
    import_id: Uuid,
    after: i32,
    limit: i64,
) -> Result<Vec<(i32, Vec<u8>)>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "SELECT row, content FROM quarantined_row
         WHERE tenant_id = $1 AND import_id = $2 AND row > $3 ORDER BY row LIMIT $4",
    )
    .bind(tenant)
    .bind(import_id)
    .bind(after)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}
