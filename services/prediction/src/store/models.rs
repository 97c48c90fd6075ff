//! Models that can answer, as training tells of them. Deliberately no blobs, only where they lie.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use proto::common::BlobRef;
use uuid::Uuid;

use super::Result;

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
    pub past_key: Option<String>,
    pub past_size_bytes: Option<i64>,
    pub past_sha256: Option<Vec<u8>>,
    pub stale_reason: String,
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

    /// Where the quotes are that it learned from; nowhere for models of earlier versions.
    pub fn past_quotes(&self) -> Option<BlobRef> {
        Some(BlobRef {
            key: self.past_key.clone()?,
            size_bytes: self.past_size_bytes?,
            sha256: self.past_sha256.clone()?,
        })
    }
}

/// Notes a model; nothing happens where it is known.
pub async fn insert_model(tx: &mut TenantTx, model: &ModelRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO model (tenant_id, id, dataset_id, artefact_key, artefact_size_bytes,
            artefact_sha256, input_schema, history_key, history_size_bytes, history_sha256, past_key,
            past_size_bytes, past_sha256)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT DO NOTHING",
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
    .bind(&model.past_key)
    .bind(model.past_size_bytes)
    .bind(&model.past_sha256)
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
            history_key, history_size_bytes, history_sha256, past_key, past_size_bytes, past_sha256,
            stale_reason
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
            history_key, history_size_bytes, history_sha256, past_key, past_size_bytes, past_sha256,
            stale_reason
         FROM model WHERE champion_since IS NOT NULL ORDER BY champion_since DESC LIMIT 1",
    )
    .fetch_optional(tx.connection())
    .await?)
}

/// Notes why a model should not be trusted further; false where it is unknown.
pub async fn update_stale_reason(tx: &mut TenantTx, id: Uuid, reason: &str) -> Result<bool> {
    let done = sqlx::query("UPDATE model SET flagged_reason = $2 WHERE id = $1")
        .bind(id)
        .bind(reason)
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// What has to be asked anew for each answer.
#[derive(Debug, Default, sqlx::FromRow)]
pub struct Standing {
    /// Why the model should not be trusted further; empty where it may be.
    pub stale_reason: String,
    /// Version of the policy in force; 0 where none was set.
    pub policy_version: i64,
}

/// How a model and the policy stand now.
pub async fn find_standing(tx: &mut TenantTx, id: Uuid) -> Result<Standing> {
    let standing: Option<Standing> = sqlx::query_as(
        "SELECT stale_reason, coalesce((SELECT version FROM recommendation_policy
            ORDER BY version DESC LIMIT 1), 0) AS policy_version
         FROM model WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(tx.connection())
    .await?;
    Ok(standing.unwrap_or_default())
}

/// The input schemas of all models.
pub async fn list_input_schemas(tx: &mut TenantTx) -> Result<Vec<Vec<u8>>> {
    Ok(
        sqlx::query_scalar("SELECT input_schema FROM model ORDER BY id DESC LIMIT 200")
            .fetch_all(tx.connection())
            .await?,
    )
}
