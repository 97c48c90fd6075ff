//! What events told: datasets, models, predictions, outcomes, drift. Deliberately nothing that could not be made again from
//! the streams.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use uuid::Uuid;

use super::Result;

/// What is known of a model.
#[derive(Debug, sqlx::FromRow)]
pub struct ModelRow {
    pub content: Vec<u8>,
    /// The news of it without the model; missing of models that were told of before these were kept.
    pub trained: Option<Vec<u8>>,
    pub dataset_id: Uuid,
    pub prediction_count: i64,
    pub champion: bool,
    /// The dataset's event; missing where it was deleted or has not come yet.
    pub dataset: Option<Vec<u8>>,
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
    trained: &[u8],
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO model (tenant_id, id, dataset_id, content, trained) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (tenant_id, id) DO UPDATE
            SET content = excluded.content, trained = excluded.trained",
    )
    .bind(tenant)
    .bind(id)
    .bind(dataset_id)
    .bind(content)
    .bind(trained)
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
        "SELECT m.content, m.trained, m.dataset_id, m.prediction_count, m.champion, d.content AS dataset FROM model m
         LEFT JOIN dataset d ON d.tenant_id = m.tenant_id AND d.id = m.dataset_id
         WHERE m.id = $1",
    )
    .bind(id)
    .fetch_optional(tx.connection())
    .await?)
}

/// The model that answers for a dataset: the champion where it learned from it, else the newest one that did.
pub async fn find_model_of(tx: &mut TenantTx, dataset_id: Uuid) -> Result<Option<Uuid>> {
    Ok(sqlx::query_scalar(
        "SELECT id FROM model WHERE dataset_id = $1 ORDER BY champion DESC, id DESC LIMIT 1",
    )
    .bind(dataset_id)
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

/// How a quote ended.
#[derive(Debug, sqlx::FromRow)]
pub struct OutcomeRow {
    pub quote_ref: String,
    pub version: i64,
    pub won: Option<bool>,
    pub decided_at: DateTime<Utc>,
    pub model_id: Option<Uuid>,
    pub win_probability: Option<f64>,
}

/// Notes an outcome, unless a later one is known.
pub async fn insert_outcome(tx: &mut TenantTx, row: &OutcomeRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO outcome (tenant_id, quote_ref, version, won, decided_at, model_id, win_probability)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (tenant_id, quote_ref) DO UPDATE SET version = excluded.version,
            won = excluded.won, decided_at = excluded.decided_at, model_id = excluded.model_id,
            win_probability = excluded.win_probability
         WHERE outcome.version < excluded.version",
    )
    .bind(tenant)
    .bind(&row.quote_ref)
    .bind(row.version)
    .bind(row.won)
    .bind(row.decided_at)
    .bind(row.model_id)
    .bind(row.win_probability)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// All outcomes that were told, by name.
pub async fn list_outcomes(tx: &mut TenantTx) -> Result<Vec<OutcomeRow>> {
    Ok(sqlx::query_as(
        "SELECT quote_ref, version, won, decided_at, model_id, win_probability FROM outcome
         ORDER BY quote_ref",
    )
    .fetch_all(tx.connection())
    .await?)
}

/// The newest decided quotes; those of one model's predictions where one is named.
pub async fn list_decided(
    tx: &mut TenantTx,
    model_id: Option<Uuid>,
    most: i64,
) -> Result<Vec<OutcomeRow>> {
    Ok(sqlx::query_as(
        "SELECT quote_ref, version, won, decided_at, model_id, win_probability FROM outcome
         WHERE won IS NOT NULL AND ($1::uuid IS NULL OR model_id = $1)
         ORDER BY decided_at DESC, quote_ref LIMIT $2",
    )
    .bind(model_id)
    .bind(most)
    .fetch_all(tx.connection())
    .await?)
}

/// Notes what a check found, or with no content that drift is over.
pub async fn insert_drift(
    tx: &mut TenantTx,
    model_id: Uuid,
    checked_at: DateTime<Utc>,
    content: Option<&[u8]>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO drift (tenant_id, model_id, checked_at, content) VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, model_id, checked_at) DO UPDATE SET content = excluded.content",
    )
    .bind(tenant)
    .bind(model_id)
    .bind(checked_at)
    .bind(content)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Drift that was found.
#[derive(Debug, sqlx::FromRow)]
pub struct DriftRow {
    pub content: Vec<u8>,
    pub checked_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// The newest drift that was found; of one model where one is named.
pub async fn list_drift(
    tx: &mut TenantTx,
    model_id: Option<Uuid>,
    most: i64,
) -> Result<Vec<DriftRow>> {
    Ok(sqlx::query_as(
        "SELECT d.content, d.checked_at, (SELECT min(e.checked_at) FROM drift e
            WHERE e.model_id = d.model_id AND e.content IS NULL AND e.checked_at > d.checked_at)
            AS ended_at
         FROM drift d WHERE d.content IS NOT NULL AND ($1::uuid IS NULL OR d.model_id = $1)
         ORDER BY d.checked_at DESC, d.model_id LIMIT $2",
    )
    .bind(model_id)
    .bind(most)
    .fetch_all(tx.connection())
    .await?)
}

/// Predictions of a month. Sums are in billionths.
#[derive(Debug, sqlx::FromRow)]
pub struct PredictedRow {
    pub month: String,
    pub predictions: i64,
    pub said: i64,
    pub spread: i64,
}

/// Counts more predictions of a model and month.
pub async fn update_predicted(tx: &mut TenantTx, model_id: Uuid, row: &PredictedRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO predicted (tenant_id, model_id, month, predictions, said, spread)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, model_id, month) DO UPDATE SET
            predictions = predicted.predictions + excluded.predictions,
            said = predicted.said + excluded.said, spread = predicted.spread + excluded.spread",
    )
    .bind(tenant)
    .bind(model_id)
    .bind(&row.month)
    .bind(row.predictions)
    .bind(row.said)
    .bind(row.spread)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// What was predicted by month, oldest first; of one model where one is named.
pub async fn list_predicted(
    tx: &mut TenantTx,
    model_id: Option<Uuid>,
) -> Result<Vec<PredictedRow>> {
    Ok(sqlx::query_as(
        "SELECT month, sum(predictions)::bigint AS predictions, sum(said)::bigint AS said,
            sum(spread)::bigint AS spread
         FROM predicted WHERE ($1::uuid IS NULL OR model_id = $1) GROUP BY month ORDER BY month",
    )
    .bind(model_id)
    .fetch_all(tx.connection())
    .await?)
}

/// Whoever writes read models; a rebuilding waits for all of them, and they wait for it.
pub async fn claim_read_models(tx: &mut TenantTx, rebuilding: bool) -> Result<()> {
    let sql = if rebuilding {
        "SELECT pg_advisory_xact_lock(hashtextextended('reporting ' || $1::text, 0))"
    } else {
        "SELECT pg_advisory_xact_lock_shared(hashtextextended('reporting ' || $1::text, 0))"
    };
    let tenant = tx.tenant();
    sqlx::query(sql)
        .bind(tenant)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// How much the read models hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct HeldRow {
    pub datasets: i64,
    pub models: i64,
    pub predictions: i64,
    pub outcomes: i64,
    pub findings: i64,
}

/// Counts what the read models hold.
pub async fn find_held(tx: &mut TenantTx) -> Result<HeldRow> {
    Ok(sqlx::query_as(
        "SELECT (SELECT count(*) FROM dataset) AS datasets, (SELECT count(*) FROM model) AS models,
            (SELECT coalesce(sum(prediction_count), 0)::bigint FROM model) AS predictions,
            (SELECT count(*) FROM outcome) AS outcomes, (SELECT count(*) FROM drift) AS findings",
    )
    .fetch_one(tx.connection())
    .await?)
}

/// Empties the read models of the tenant.
pub async fn delete_read_models(tx: &mut TenantTx) -> Result<()> {
    for table in ["dataset", "model", "outcome", "drift", "predicted"] {
        sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}")))
            .execute(tx.connection())
            .await?;
    }
    Ok(())
}
