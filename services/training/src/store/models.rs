//! Models: their states and what training found. Deliberately no blobs, only where they lie.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use proto::common::BlobRef;
use uuid::Uuid;

use super::Result;

/// A model.
#[derive(Debug, Default, sqlx::FromRow)]
pub struct ModelRow {
    pub id: Uuid,
    pub dataset_id: Uuid,
    pub seed: i64,
    pub state: String,
    pub stage: String,
    pub progress: f64,
    pub problem: String,
    pub created_at: DateTime<Utc>,
    /// Nobody where the system asked for it.
    pub created_by: Option<Uuid>,
    pub reason: String,
    pub started_at: Option<DateTime<Utc>>,
    pub attempts: i32,
    pub finished_at: Option<DateTime<Utc>>,
    pub cancelled_by: Option<Uuid>,
    pub learned: Option<Vec<u8>>,
    pub import_ids: Vec<Uuid>,
    pub stale_at: Option<DateTime<Utc>>,
    pub aliases: Vec<String>,
    pub promoted_at: Option<DateTime<Utc>>,
    pub promoted_by: Option<Uuid>,
    pub promotion_reason: Option<String>,
    /// The last comparison for its promotion.
    pub gate: Option<Vec<u8>>,
}

/// A model that is asked for.
#[derive(Debug)]
pub struct NewModel<'a> {
    pub id: Uuid,
    pub dataset_id: Uuid,
    pub seed: u64,
    pub created_at: DateTime<Utc>,
    pub created_by: Option<Uuid>,
    pub reason: &'a str,
}

/// The blobs of a trained model.
#[derive(Debug, Clone)]
pub struct ModelBlobs {
    pub artefact: BlobRef,
    /// What derived features are computed from; missing where there are none.
    pub history: Option<BlobRef>,
    /// What was kept of the evaluation, for later comparisons.
    pub holdout: BlobRef,
    /// The quotes it learned from, which only prediction reads and names.
    pub past_quotes: BlobRef,
}

/// The blobs of a model that training reads again.
#[derive(Debug)]
pub struct KeptBlobs {
    pub artefact: BlobRef,
    /// What was kept of the evaluation; missing in models of earlier versions.
    pub holdout: Option<BlobRef>,
}

#[derive(Debug, sqlx::FromRow)]
struct BlobsRow {
    artefact_key: String,
    artefact_size_bytes: i64,
    artefact_sha256: Vec<u8>,
    holdout_key: Option<String>,
    holdout_size_bytes: Option<i64>,
    holdout_sha256: Option<Vec<u8>>,
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

/// What a model was made of and by, for the columns that people query by.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracked {
    pub row_count: i64,
    pub column_count: i32,
    pub sha256: Vec<u8>,
    pub features: serde_json::Value,
    pub importances: serde_json::Value,
    pub versions: serde_json::Value,
}

/// Writes a model that waits for a worker.
pub async fn insert_model(tx: &mut TenantTx, model: &NewModel<'_>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO model (tenant_id, id, dataset_id, seed, state, created_at, created_by, reason)
         VALUES ($1, $2, $3, $4, 'queued', $5, $6, $7)",
    )
    .bind(tenant)
    .bind(model.id)
    .bind(model.dataset_id)
    .bind(model.seed.cast_signed())
    .bind(model.created_at)
    .bind(model.created_by)
    .bind(model.reason)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Models with what other tables say of them, before the condition.
macro_rules! select_models {
    ($condition:literal) => {
        concat!(
            "SELECT m.id, m.dataset_id, m.seed, m.state, m.stage, m.progress, m.problem,
                m.created_at, m.created_by, m.reason, m.started_at, m.attempts, m.finished_at,
                m.cancelled_by, m.learned, m.import_ids, m.stale_at,
                ARRAY(SELECT name FROM model_alias a
                    WHERE a.tenant_id = m.tenant_id AND a.model_id = m.id ORDER BY name) AS aliases,
                p.promoted_at, p.promoted_by, p.reason AS promotion_reason, c.message AS gate
             FROM model m
             LEFT JOIN LATERAL (SELECT promoted_at, promoted_by, reason FROM promotion
                WHERE tenant_id = m.tenant_id AND model_id = m.id
                ORDER BY id DESC LIMIT 1) p ON true
             LEFT JOIN LATERAL (SELECT message FROM comparison
                WHERE tenant_id = m.tenant_id AND candidate_id = m.id
                ORDER BY id DESC LIMIT 1) c ON true ",
            $condition
        )
    };
}

pub async fn find_model(tx: &mut TenantTx, id: Uuid) -> Result<Option<ModelRow>> {
    Ok(sqlx::query_as(select_models!("WHERE m.id = $1"))
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
    Ok(sqlx::query_as(select_models!(
        "WHERE m.id < $1 AND ($2::uuid IS NULL OR m.dataset_id = $2) ORDER BY m.id DESC LIMIT $3"
    ))
    .bind(before)
    .bind(dataset_id)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}

/// Where the blobs of a ready model lie.
pub async fn find_model_blobs(tx: &mut TenantTx, id: Uuid) -> Result<Option<KeptBlobs>> {
    let found: Option<BlobsRow> = sqlx::query_as(
        "SELECT artefact_key, artefact_size_bytes, artefact_sha256, holdout_key,
            holdout_size_bytes, holdout_sha256
         FROM model WHERE id = $1 AND artefact_key IS NOT NULL",
    )
    .bind(id)
    .fetch_optional(tx.connection())
    .await?;
    Ok(found.map(|row| KeptBlobs {
        artefact: BlobRef {
            key: row.artefact_key,
            size_bytes: row.artefact_size_bytes,
            sha256: row.artefact_sha256,
        },
        holdout: match (row.holdout_key, row.holdout_size_bytes, row.holdout_sha256) {
            (Some(key), Some(size_bytes), Some(sha256)) => Some(BlobRef {
                key,
                size_bytes,
                sha256,
            }),
            _ => None,
        },
    }))
}

/// A model that a worker takes.
#[derive(Debug, sqlx::FromRow)]
pub struct ClaimedModel {
    pub seed: i64,
    /// Workers that took it, this one included.
    pub attempts: i32,
}

/// Takes a model for training, anew where a worker died over it; nothing where it is finished.
pub async fn claim_model(
    tx: &mut TenantTx,
    id: Uuid,
    now: DateTime<Utc>,
) -> Result<Option<ClaimedModel>> {
    Ok(sqlx::query_as(
        "UPDATE model SET state = 'training', started_at = $2, attempts = attempts + 1
         WHERE id = $1 AND state IN ('queued', 'training')
         RETURNING seed, attempts",
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
    (learned, tracked): (&Learned, &Tracked),
    blobs: &ModelBlobs,
    now: DateTime<Utc>,
) -> Result<bool> {
    let (artefact, history) = (&blobs.artefact, blobs.history.as_ref());
    let holdout = &blobs.holdout;
    let done = sqlx::query(
        "UPDATE model SET state = 'ready', stage = '', progress = 1, finished_at = $2,
            auc_roc = $3, precision_score = $4, recall_score = $5, f1_score = $6, log_loss = $7,
            brier = $8, parameters = $9, wall_seconds = $10, cpu_seconds = $11,
            peak_memory_bytes = $12, learned = $13, artefact_key = $14, artefact_size_bytes = $15,
            artefact_sha256 = $16, history_key = $17, history_size_bytes = $18,
            history_sha256 = $19, holdout_key = $20, holdout_size_bytes = $21,
            holdout_sha256 = $22, data_row_count = $23, data_column_count = $24,
            data_sha256 = $25, features = $26, importances = $27, versions = $28
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
    .bind(&holdout.key)
    .bind(holdout.size_bytes)
    .bind(&holdout.sha256)
    .bind(tracked.row_count)
    .bind(tracked.column_count)
    .bind(&tracked.sha256)
    .bind(&tracked.features)
    .bind(&tracked.importances)
    .bind(&tracked.versions)
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

/// Ends a training; false where it had ended before.
pub async fn update_model_cancelled(
    tx: &mut TenantTx,
    id: Uuid,
    by: Uuid,
    now: DateTime<Utc>,
) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE model SET state = 'cancelled', stage = '', finished_at = $2, cancelled_by = $3
         WHERE id = $1 AND state IN ('queued', 'training')",
    )
    .bind(id)
    .bind(now)
    .bind(by)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Flags the models that learned from an import, or are about to; answers those that were not yet.
pub async fn update_models_stale(
    tx: &mut TenantTx,
    import_id: Uuid,
    stale_at: DateTime<Utc>,
) -> Result<Vec<StaleRow>> {
    Ok(sqlx::query_as(
        "UPDATE model SET stale_at = $2
         WHERE $1 = ANY(import_ids) AND stale_at IS NULL AND state NOT IN ('failed', 'cancelled')
         RETURNING id, state, stale_at",
    )
    .bind(import_id)
    .bind(stale_at)
    .fetch_all(tx.connection())
    .await?)
}

/// Notes which imports a model learns from, and whether one of them was taken back already.
pub async fn update_model_imports(
    tx: &mut TenantTx,
    id: Uuid,
    import_ids: &[Uuid],
    row_count: i64,
) -> Result<()> {
    sqlx::query(
        "UPDATE model SET import_ids = $2, data_row_count = $3,
            stale_at = (SELECT min(undone_at) FROM undone_import WHERE id = ANY($2))
         WHERE id = $1",
    )
    .bind(id)
    .bind(import_ids)
    .bind(row_count)
    .execute(tx.connection())
    .await?;
    Ok(())
}
