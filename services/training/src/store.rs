//! The SQL of training. Deliberately no decisions.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use proto::common::BlobRef;
use uuid::Uuid;

use crate::Error;

type Result<T> = std::result::Result<T, Error>;

/// A dataset that can be trained on.
#[derive(Debug, sqlx::FromRow)]
pub struct DatasetRow {
    pub snapshot_key: String,
    pub snapshot_size_bytes: i64,
    pub snapshot_sha256: Vec<u8>,
}

impl DatasetRow {
    /// Where the snapshot is.
    pub fn snapshot(self) -> BlobRef {
        BlobRef {
            key: self.snapshot_key,
            size_bytes: self.snapshot_size_bytes,
            sha256: self.snapshot_sha256,
        }
    }
}

/// A model.
#[derive(Debug, sqlx::FromRow)]
pub struct ModelRow {
    pub id: Uuid,
    pub dataset_id: Uuid,
    pub seed: i64,
    pub state: String,
    pub stage: String,
    pub progress: f64,
    pub problem: String,
    pub created_at: DateTime<Utc>,
    pub created_by: Uuid,
    pub finished_at: Option<DateTime<Utc>>,
    pub learned: Option<Vec<u8>>,
    pub champion: bool,
}

/// What a training found, for the columns that people query by.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    pub auc_roc: Option<f64>,
    pub precision: Option<f64>,
    pub recall: Option<f64>,
    pub f1: Option<f64>,
    pub log_loss: f64,
    pub brier: f64,
    pub parameters: serde_json::Value,
    pub wall_seconds: f64,
    pub cpu_seconds: Option<f64>,
    pub peak_memory_bytes: Option<i64>,
    /// All of it, encoded.
    pub message: Vec<u8>,
}

/// Notes a dataset; nothing happens where it is known, or known to be gone.
pub async fn insert_dataset(
    tx: &mut TenantTx,
    id: Uuid,
    row_count: i64,
    won_count: i64,
    snapshot: &BlobRef,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO dataset (tenant_id, id, row_count, won_count, snapshot_key,
            snapshot_size_bytes, snapshot_sha256)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(id)
    .bind(row_count)
    .bind(won_count)
    .bind(&snapshot.key)
    .bind(snapshot.size_bytes)
    .bind(&snapshot.sha256)
    .execute(tx.connection())
    .await?;
    Ok(())
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
        "SELECT snapshot_key, snapshot_size_bytes, snapshot_sha256 FROM dataset
         WHERE id = $1 AND deleted_at IS NULL",
    )
    .bind(id)
    .fetch_optional(tx.connection())
    .await?)
}

/// Writes a model that waits for a worker.
pub async fn insert_model(tx: &mut TenantTx, model: &ModelRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO model (tenant_id, id, dataset_id, seed, state, created_at, created_by)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tenant)
    .bind(model.id)
    .bind(model.dataset_id)
    .bind(model.seed)
    .bind(&model.state)
    .bind(model.created_at)
    .bind(model.created_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn find_model(tx: &mut TenantTx, id: Uuid) -> Result<Option<ModelRow>> {
    Ok(sqlx::query_as(
        "SELECT id, dataset_id, seed, state, stage, progress, problem, created_at, created_by,
            finished_at, learned, champion
         FROM model WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(tx.connection())
    .await?)
}

/// Models with smaller ids than `before`, newest first; of one dataset where it is named.
pub async fn list_models(
    tx: &mut TenantTx,
    dataset_id: Option<Uuid>,
    before: Uuid,
    limit: i64,
) -> Result<Vec<ModelRow>> {
    Ok(sqlx::query_as(
        "SELECT id, dataset_id, seed, state, stage, progress, problem, created_at, created_by,
            finished_at, learned, champion
         FROM model WHERE id < $1 AND ($2::uuid IS NULL OR dataset_id = $2)
         ORDER BY id DESC LIMIT $3",
    )
    .bind(before)
    .bind(dataset_id)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}

/// Takes a model for training, anew where a worker died over it; nothing where it is finished.
pub async fn claim_model(
    tx: &mut TenantTx,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<ModelRow>> {
    Ok(sqlx::query_as(
        "UPDATE model SET state = 'training', started_at = $2
         WHERE id = $1 AND state IN ('queued', 'training')
         RETURNING id, dataset_id, seed, state, stage, progress, problem, created_at, created_by,
            finished_at, learned, champion",
    )
    .bind(id)
    .bind(now)
    .fetch_optional(tx.connection())
    .await?)
}

/// Notes how far a training is; false where it is not running any more.
pub async fn update_model_progress(
    tx: &mut TenantTx,
    id: Uuid,
    stage: &str,
    progress: f64,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE model SET stage = $2, progress = $3 WHERE id = $1 AND state = 'training'",
    )
    .bind(id)
    .bind(stage)
    .bind(progress)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Finishes a training well; false where it was finished before.
pub async fn update_model_ready(
    tx: &mut TenantTx,
    id: Uuid,
    learned: &Learned,
    artefact: &BlobRef,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE model SET state = 'ready', stage = '', progress = 1, finished_at = $2,
            auc_roc = $3, precision_score = $4, recall_score = $5, f1_score = $6, log_loss = $7,
            brier = $8, parameters = $9, wall_seconds = $10, cpu_seconds = $11,
            peak_memory_bytes = $12, learned = $13, artefact_key = $14, artefact_size_bytes = $15,
            artefact_sha256 = $16
         WHERE id = $1 AND state = 'training'",
    )
    .bind(id)
    .bind(now)
    .bind(learned.auc_roc)
    .bind(learned.precision)
    .bind(learned.recall)
    .bind(learned.f1)
    .bind(learned.log_loss)
    .bind(learned.brier)
    .bind(&learned.parameters)
    .bind(learned.wall_seconds)
    .bind(learned.cpu_seconds)
    .bind(learned.peak_memory_bytes)
    .bind(&learned.message)
    .bind(&artefact.key)
    .bind(artefact.size_bytes)
    .bind(&artefact.sha256)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Finishes a training badly; false where it was finished before.
pub async fn update_model_failed(
    tx: &mut TenantTx,
    id: Uuid,
    problem: &str,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE model SET state = 'failed', stage = '', problem = $2, finished_at = $3
         WHERE id = $1 AND state IN ('queued', 'training')",
    )
    .bind(id)
    .bind(problem)
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The champion's id, which nobody else can change before the end of the transaction.
pub async fn claim_champion(tx: &mut TenantTx) -> Result<Option<Uuid>> {
    let tenant = tx.tenant();
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('valutai.champion'), hashtext($1))")
        .bind(tenant.to_string())
        .execute(tx.connection())
        .await?;
    Ok(sqlx::query_scalar("SELECT id FROM model WHERE champion")
        .fetch_optional(tx.connection())
        .await?)
}

/// Makes a model the champion in place of the one before.
pub async fn update_champion(
    tx: &mut TenantTx,
    id: Uuid,
    promoted_by: Option<Uuid>,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query("UPDATE model SET champion = false WHERE champion")
        .execute(tx.connection())
        .await?;
    sqlx::query(
        "UPDATE model SET champion = true, promoted_at = $2, promoted_by = $3,
            promotion_reason = $4
         WHERE id = $1",
    )
    .bind(id)
    .bind(now)
    .bind(promoted_by)
    .bind(reason)
    .execute(tx.connection())
    .await?;
    Ok(())
}
