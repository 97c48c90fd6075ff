//! The names that models are asked by, and what the challenger answered in the champion's shadow.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use uuid::Uuid;

use super::Result;

/// A prediction that may be asked again of another model.
#[derive(Debug, sqlx::FromRow)]
pub struct AskedRow {
    pub model_id: Uuid,
    pub win_probability: f64,
    /// The fields, as JSON.
    pub input: String,
}

/// What the challenger answered to a question of the champion's.
#[derive(Debug)]
pub struct ShadowRow {
    pub prediction_id: Uuid,
    pub created_at: DateTime<Utc>,
    pub model_id: Uuid,
    pub win_probability: f64,
    pub shadow_model_id: Uuid,
    pub shadow_win_probability: f64,
}

/// How far the answers of two models were apart.
#[derive(Debug, sqlx::FromRow)]
pub struct ApartRow {
    pub answers: i64,
    pub moved: i64,
    pub mean_absolute: Option<f64>,
    /// Second model minus first.
    pub mean: Option<f64>,
    pub largest: Option<f64>,
    pub first_at: Option<DateTime<Utc>>,
    pub last_at: Option<DateTime<Utc>>,
}

/// Notes which model a name leads to, or none, unless newer news are known.
pub async fn update_alias(
    tx: &mut TenantTx,
    name: &str,
    model_id: Option<Uuid>,
    told_by: Uuid,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO model_alias AS known (tenant_id, name, model_id, told_by)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id, name) DO UPDATE SET model_id = excluded.model_id,
            told_by = excluded.told_by
         WHERE known.told_by < excluded.told_by",
    )
    .bind(tenant)
    .bind(name)
    .bind(model_id)
    .bind(told_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The model that a name leads to.
pub async fn find_alias(tx: &mut TenantTx, name: &str) -> Result<Option<Uuid>> {
    let found: Option<Option<Uuid>> =
        sqlx::query_scalar("SELECT model_id FROM model_alias WHERE name = $1")
            .bind(name)
            .fetch_optional(tx.connection())
            .await?;
    Ok(found.flatten())
}

/// What was asked and answered.
pub async fn find_asked(
    tx: &mut TenantTx,
    id: Uuid,
    created_at: DateTime<Utc>,
) -> Result<Option<AskedRow>> {
    Ok(sqlx::query_as(
        "SELECT model_id, win_probability, input::text AS input FROM prediction
         WHERE id = $1 AND created_at = $2",
    )
    .bind(id)
    .bind(created_at)
    .fetch_optional(tx.connection())
    .await?)
}

/// Keeps an answer; nothing happens where it is kept already.
pub async fn insert_shadow_answer(tx: &mut TenantTx, row: &ShadowRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO shadow_answer (tenant_id, prediction_id, created_at, model_id,
            win_probability, shadow_model_id, shadow_win_probability)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(tenant)
    .bind(row.prediction_id)
    .bind(row.created_at)
    .bind(row.model_id)
    .bind(row.win_probability)
    .bind(row.shadow_model_id)
    .bind(row.shadow_win_probability)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// How far the answers of two models were apart, whichever was the other's shadow.
pub async fn find_apart(
    tx: &mut TenantTx,
    (a, b): (Uuid, Uuid),
    threshold: f64,
) -> Result<ApartRow> {
    Ok(sqlx::query_as(
        "SELECT count(*) AS answers, count(*) FILTER (WHERE abs(apart) >= $3) AS moved,
            avg(abs(apart)) AS mean_absolute, avg(apart) AS mean, max(abs(apart)) AS largest,
            min(created_at) AS first_at, max(created_at) AS last_at
         FROM (
            SELECT created_at, shadow_win_probability - win_probability AS apart
            FROM shadow_answer WHERE model_id = $1 AND shadow_model_id = $2
            UNION ALL
            SELECT created_at, win_probability - shadow_win_probability
            FROM shadow_answer WHERE model_id = $2 AND shadow_model_id = $1
         ) answer",
    )
    .bind(a)
    .bind(b)
    .bind(threshold)
    .fetch_one(tx.connection())
    .await?)
}
