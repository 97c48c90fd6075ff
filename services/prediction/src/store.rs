//! The SQL of prediction. Deliberately no decisions.

mod aliases;

pub use aliases::{
    ShadowRow, find_alias, find_apart, find_asked, insert_shadow_answer, update_alias,
};

use chrono::{DateTime, NaiveDate, Utc};
use platform::TenantTx;
use proto::common::BlobRef;
use sqlx::PgConnection;
use uuid::Uuid;

use crate::Error;

type Result<T> = std::result::Result<T, Error>;

/// A model that can answer.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ModelRow {
    pub id: Uuid,
    pub dataset_id: Uuid,
    pub artefact_key: String,
    pub artefact_size_bytes: i64,
    pub artefact_sha256: Vec<u8>,
    pub input_schema: Vec<u8>,
    pub history_key: Option<String>,
    pub history_size_bytes: Option<i64>,
    pub history_sha256: Option<Vec<u8>>,
}

impl ModelRow {
    /// Where the artefact is.
    pub fn artefact(&self) -> BlobRef {
        BlobRef {
            key: self.artefact_key.clone(),
            size_bytes: self.artefact_size_bytes,
            sha256: self.artefact_sha256.clone(),
        }
    }

    /// Where the history is that derived features are computed from; nowhere where it needs none.
    pub fn history(&self) -> Option<BlobRef> {
        Some(BlobRef {
            key: self.history_key.clone()?,
            size_bytes: self.history_size_bytes?,
            sha256: self.history_sha256.clone()?,
        })
    }
}

/// A prediction as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictionRow {
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub model_id: Uuid,
    pub quote_ref: String,
    pub win_probability: f64,
    pub low: f64,
    pub high: f64,
    pub evidence: &'static str,
    /// JSON.
    pub input: String,
    pub input_hash: Vec<u8>,
    pub detail: Vec<u8>,
    pub created_by: Uuid,
}

/// A kept prediction in a list.
#[derive(Debug, sqlx::FromRow)]
pub struct KeptRow {
    pub id: Uuid,
    pub detail: Vec<u8>,
}

/// Notes a model; nothing happens where it is known.
pub async fn insert_model(tx: &mut TenantTx, model: &ModelRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO model (tenant_id, id, dataset_id, artefact_key, artefact_size_bytes,
            artefact_sha256, input_schema, history_key, history_size_bytes, history_sha256)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(model.id)
    .bind(model.dataset_id)
    .bind(&model.artefact_key)
    .bind(model.artefact_size_bytes)
    .bind(&model.artefact_sha256)
    .bind(&model.input_schema)
    .bind(&model.history_key)
    .bind(model.history_size_bytes)
    .bind(&model.history_sha256)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Notes when a model became champion, in place of those that did so no later; false where the model
/// is unknown.
pub async fn update_champion(tx: &mut TenantTx, id: Uuid, since: DateTime<Utc>) -> Result<bool> {
    let done =
        sqlx::query("UPDATE model SET champion_since = greatest(champion_since, $2) WHERE id = $1")
            .bind(id)
            .bind(since)
            .execute(tx.connection())
            .await?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query("UPDATE model SET champion_since = NULL WHERE id <> $1 AND champion_since <= $2")
        .bind(id)
        .bind(since)
        .execute(tx.connection())
        .await?;
    Ok(true)
}

pub async fn find_model(tx: &mut TenantTx, id: Uuid) -> Result<Option<ModelRow>> {
    Ok(sqlx::query_as(
        "SELECT id, dataset_id, artefact_key, artefact_size_bytes, artefact_sha256, input_schema,
            history_key, history_size_bytes, history_sha256
         FROM model WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(tx.connection())
    .await?)
}

/// The model promoted last.
pub async fn find_champion(tx: &mut TenantTx) -> Result<Option<ModelRow>> {
    Ok(sqlx::query_as(
        "SELECT id, dataset_id, artefact_key, artefact_size_bytes, artefact_sha256, input_schema,
            history_key, history_size_bytes, history_sha256
         FROM model WHERE champion_since IS NOT NULL ORDER BY champion_since DESC LIMIT 1",
    )
    .fetch_optional(tx.connection())
    .await?)
}

/// Notes why a model should not be trusted further; false where it is unknown.
pub async fn update_stale_reason(tx: &mut TenantTx, id: Uuid, reason: &str) -> Result<bool> {
    let done = sqlx::query("UPDATE model SET stale_reason = $2 WHERE id = $1")
        .bind(id)
        .bind(reason)
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Why a model should not be trusted further; empty where it may be.
pub async fn find_stale_reason(tx: &mut TenantTx, id: Uuid) -> Result<String> {
    let reason: Option<String> = sqlx::query_scalar("SELECT stale_reason FROM model WHERE id = $1")
        .bind(id)
        .fetch_optional(tx.connection())
        .await?;
    Ok(reason.unwrap_or_default())
}

/// Writes predictions of one user, in one statement.
pub async fn insert_predictions(tx: &mut TenantTx, rows: &[PredictionRow]) -> Result<()> {
    fn column<T>(rows: &[PredictionRow], of: impl Fn(&PredictionRow) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO prediction (tenant_id, id, created_at, model_id, quote_ref, win_probability,
            low, high, evidence, input, input_hash, detail, created_by)
         SELECT $1, id, created_at, model_id, quote_ref, win_probability, low, high, evidence,
            input::jsonb, input_hash, detail, created_by
         FROM unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::float8[],
            $7::float8[], $8::float8[], $9::text[], $10::text[], $11::bytea[], $12::bytea[],
            $13::uuid[])
         AS row (id, created_at, model_id, quote_ref, win_probability, low, high, evidence, input,
            input_hash, detail, created_by)",
    )
    .bind(tenant)
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.created_at))
    .bind(column(rows, |row| row.model_id))
    .bind(column(rows, |row| row.quote_ref.clone()))
    .bind(column(rows, |row| row.win_probability))
    .bind(column(rows, |row| row.low))
    .bind(column(rows, |row| row.high))
    .bind(column(rows, |row| row.evidence))
    .bind(column(rows, |row| row.input.clone()))
    .bind(column(rows, |row| row.input_hash.clone()))
    .bind(column(rows, |row| row.detail.clone()))
    .bind(column(rows, |row| row.created_by))
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn find_prediction(
    tx: &mut TenantTx,
    id: Uuid,
    created_at: DateTime<Utc>,
) -> Result<Option<Vec<u8>>> {
    Ok(
        sqlx::query_scalar("SELECT detail FROM prediction WHERE id = $1 AND created_at = $2")
            .bind(id)
            .bind(created_at)
            .fetch_optional(tx.connection())
            .await?,
    )
}

/// Predictions with smaller ids than `before`, newest first.
pub async fn list_predictions(tx: &mut TenantTx, before: Uuid, limit: i64) -> Result<Vec<KeptRow>> {
    Ok(
        sqlx::query_as("SELECT id, detail FROM prediction WHERE id < $1 ORDER BY id DESC LIMIT $2")
            .bind(before)
            .bind(limit)
            .fetch_all(tx.connection())
            .await?,
    )
}

/// The same for one model.
pub async fn list_predictions_of_model(
    tx: &mut TenantTx,
    model_id: Uuid,
    before: Uuid,
    limit: i64,
) -> Result<Vec<KeptRow>> {
    Ok(sqlx::query_as(
        "SELECT id, detail FROM prediction WHERE model_id = $1 AND id < $2
         ORDER BY id DESC LIMIT $3",
    )
    .bind(model_id)
    .bind(before)
    .bind(limit)
    .fetch_all(tx.connection())
    .await?)
}

/// Makes the partitions of some months where missing.
pub async fn insert_partitions(
    connection: &mut PgConnection,
    from_month: NaiveDate,
    months: i32,
) -> platform::Result<()> {
    sqlx::query("SELECT ensure_prediction_partitions($1, $2)")
        .bind(from_month)
        .bind(months)
        .execute(connection)
        .await?;
    Ok(())
}
