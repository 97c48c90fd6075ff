//! Models: their states, what training found, and which one answers by default. Deliberately no blobs,
//! only where they lie.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use proto::common::BlobRef;
use uuid::Uuid;

use super::Result;

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
    pub import_ids: Vec<Uuid>,
    pub stale_at: Option<DateTime<Utc>>,
}

/// The blobs of a trained model.
#[derive(Debug, Clone)]
pub struct ModelBlobs {
    pub artefact: BlobRef,
    /// What derived features are computed from; missing where there are none.
    pub history: Option<BlobRef>,
    /// The quotes it learned from, which only prediction reads and names.
    pub past_quotes: BlobRef,
}

/// A model that was found to be stale.
#[derive(Debug, sqlx::FromRow)]
pub struct StaleRow {
    pub id: Uuid,
    pub state: String,
    pub stale_at: DateTime<Utc>,
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
            finished_at, learned, champion, import_ids, stale_at
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
            finished_at, learned, champion, import_ids, stale_at
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
            finished_at, learned, champion, import_ids, stale_at",
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
    blobs: &ModelBlobs,
    now: DateTime<Utc>,
) -> Result<bool> {
    let (artefact, history) = (&blobs.artefact, blobs.history.as_ref());
    let done = sqlx::query(
        "UPDATE model SET state = 'ready', stage = '', progress = 1, finished_at = $2,
            auc_roc = $3, precision_score = $4, recall_score = $5, f1_score = $6, log_loss = $7,
            brier = $8, parameters = $9, wall_seconds = $10, cpu_seconds = $11,
            peak_memory_bytes = $12, learned = $13, artefact_key = $14, artefact_size_bytes = $15,
            artefact_sha256 = $16, history_key = $17, history_size_bytes = $18,
            history_sha256 = $19
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
    .bind(history.map(|blob| &blob.key))
    .bind(history.map(|blob| blob.size_bytes))
    .bind(history.map(|blob| &blob.sha256))
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

/// Flags the models that learned from an import, or are about to; answers those that were not yet.
pub async fn update_models_stale(
    tx: &mut TenantTx,
    import_id: Uuid,
    stale_at: DateTime<Utc>,
) -> Result<Vec<StaleRow>> {
    Ok(sqlx::query_as(
        "UPDATE model SET stale_at = $2
         WHERE $1 = ANY(import_ids) AND stale_at IS NULL AND state <> 'failed'
         RETURNING id, state, stale_at",
    )
    .bind(import_id)
    .bind(stale_at)
    .fetch_all(tx.connection())
    .await?)
}

/// Notes which imports a model learns from, and whether one of them was taken back already.
pub async fn update_model_imports(tx: &mut TenantTx, id: Uuid, import_ids: &[Uuid]) -> Result<()> {
    sqlx::query(
        "UPDATE model SET import_ids = $2,
            stale_at = (SELECT min(undone_at) FROM undone_import WHERE id = ANY($2))
         WHERE id = $1",
    )
    .bind(id)
    .bind(import_ids)
    .execute(tx.connection())
    .await?;
    Ok(())
}
