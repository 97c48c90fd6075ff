//! The names that models are asked by, how they came to the one of the champion, and what was compared
//! for it. Deliberately one row for each promotion, so that each can be taken back.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use uuid::Uuid;

use super::Result;

/// A name that a model is asked by.
#[derive(Debug, sqlx::FromRow)]
pub struct AliasRow {
    pub name: String,
    pub model_id: Uuid,
    pub set_at: DateTime<Utc>,
    /// Nobody where the system did it.
    pub set_by: Option<Uuid>,
    pub reason: String,
}

/// One time that a model became the champion.
#[derive(Debug)]
pub struct PromotionRow<'a> {
    pub id: Uuid,
    pub model_id: Uuid,
    pub promoted_at: DateTime<Utc>,
    pub promoted_by: Option<Uuid>,
    pub reason: &'a str,
    /// Whether somebody wanted it against the gate.
    pub overridden: bool,
    pub comparison_id: Option<Uuid>,
}

/// Two models on the same quotes.
#[derive(Debug)]
pub struct ComparisonRow<'a> {
    pub id: Uuid,
    pub candidate_id: Uuid,
    pub champion_id: Uuid,
    pub compared_at: DateTime<Utc>,
    pub verdict: &'static str,
    pub row_count: i64,
    /// Difference and the ends of its interval.
    pub difference: Option<[f64; 3]>,
    /// A `valutai.training.v1.LossComparison`.
    pub message: &'a [u8],
}

/// The champion's id, which nobody else can change before the end of the transaction, nor any other
/// alias.
pub async fn claim_champion(tx: &mut TenantTx) -> Result<Option<Uuid>> {
    let tenant = tx.tenant();
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('valutai.champion'), hashtext($1))")
        .bind(tenant.to_string())
        .execute(tx.connection())
        .await?;
    Ok(find_alias(tx, "champion")
        .await?
        .map(|alias| alias.model_id))
}

pub async fn find_alias(tx: &mut TenantTx, name: &str) -> Result<Option<AliasRow>> {
    Ok(sqlx::query_as(
        "SELECT name, model_id, set_at, set_by, reason FROM model_alias WHERE name = $1",
    )
    .bind(name)
    .fetch_optional(tx.connection())
    .await?)
}

/// Every alias, in alphabetical order.
pub async fn list_aliases(tx: &mut TenantTx) -> Result<Vec<AliasRow>> {
    Ok(sqlx::query_as(
        "SELECT name, model_id, set_at, set_by, reason FROM model_alias ORDER BY name COLLATE \"C\"",
    )
    .fetch_all(tx.connection())
    .await?)
}

/// Lets a name lead to a model.
pub async fn update_alias(tx: &mut TenantTx, alias: &AliasRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO model_alias (tenant_id, name, model_id, set_at, set_by, reason)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (tenant_id, name) DO UPDATE SET model_id = excluded.model_id,
            set_at = excluded.set_at, set_by = excluded.set_by, reason = excluded.reason",
    )
    .bind(tenant)
    .bind(&alias.name)
    .bind(alias.model_id)
    .bind(alias.set_at)
    .bind(alias.set_by)
    .bind(&alias.reason)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Takes a name away.
pub async fn delete_alias(tx: &mut TenantTx, name: &str) -> Result<()> {
    sqlx::query("DELETE FROM model_alias WHERE name = $1")
        .bind(name)
        .execute(tx.connection())
        .await?;
    Ok(())
}

pub async fn insert_promotion(tx: &mut TenantTx, promotion: &PromotionRow<'_>) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO promotion (tenant_id, id, model_id, promoted_at, promoted_by, reason,
            overridden, comparison_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant)
    .bind(promotion.id)
    .bind(promotion.model_id)
    .bind(promotion.promoted_at)
    .bind(promotion.promoted_by)
    .bind(promotion.reason)
    .bind(promotion.overridden)
    .bind(promotion.comparison_id)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Promotions that were not rolled back, by id and model: of the champion, and of the one before it.
pub async fn list_standing_promotions(tx: &mut TenantTx) -> Result<Vec<(Uuid, Uuid)>> {
    Ok(sqlx::query_as(
        "SELECT id, model_id FROM promotion WHERE rolled_back_at IS NULL ORDER BY id DESC LIMIT 2",
    )
    .fetch_all(tx.connection())
    .await?)
}

/// Strikes a promotion out.
pub async fn update_promotion_rolled_back(
    tx: &mut TenantTx,
    id: Uuid,
    by: Uuid,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    sqlx::query(
        "UPDATE promotion SET rolled_back_at = $2, rolled_back_by = $3, rollback_reason = $4
         WHERE id = $1",
    )
    .bind(id)
    .bind(now)
    .bind(by)
    .bind(reason)
    .execute(tx.connection())
    .await?;
    Ok(())
}

pub async fn insert_comparison(tx: &mut TenantTx, comparison: &ComparisonRow<'_>) -> Result<()> {
    let tenant = tx.tenant();
    let figure = |at: usize| comparison.difference.map(|figures| figures[at]);
    sqlx::query(
        "INSERT INTO comparison (tenant_id, id, candidate_id, champion_id, compared_at, verdict,
            row_count, difference, difference_low, difference_high, message)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(tenant)
    .bind(comparison.id)
    .bind(comparison.candidate_id)
    .bind(comparison.champion_id)
    .bind(comparison.compared_at)
    .bind(comparison.verdict)
    .bind(comparison.row_count)
    .bind(figure(0))
    .bind(figure(1))
    .bind(figure(2))
    .bind(comparison.message)
    .execute(tx.connection())
    .await?;
    Ok(())
}
