//! Outcomes, what had been said of quotes before they were decided, and what people thought of them. Deliberately no
//! decisions: which outcome counts is decided before it is written.

use chrono::{DateTime, Utc};
use platform::TenantTx;
use uuid::Uuid;

use super::{
    Result,
    blocks::{Detail, Place, find_details},
};

/// The outcome of a quote.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct OutcomeRow {
    pub quote_ref: String,
    pub version: i32,
    /// `won`, `lost` or `withdrawn`.
    pub state: String,
    pub decided_at: DateTime<Utc>,
    pub recorded_at: DateTime<Utc>,
    /// Nobody where an import told it.
    pub recorded_by: Option<Uuid>,
    /// The dataset whose import told it.
    pub dataset_id: Option<Uuid>,
}

/// The last prediction of a model before a quote was decided.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct JudgedRow {
    pub quote_ref: String,
    pub model_id: Uuid,
    pub prediction_id: Uuid,
    pub predicted_at: DateTime<Utc>,
    pub win_probability: f64,
    pub low: f64,
    pub high: f64,
    /// Whether it is the last of all models'.
    pub counts: bool,
}

/// A prediction of a decided quote.
#[derive(Debug)]
pub struct EarlierRow {
    pub quote_ref: String,
    pub id: Uuid,
    pub model_id: Uuid,
    pub detail: Vec<u8>,
    /// JSON.
    pub input: String,
    /// The fields of the last prediction of the quote, where that is a later one.
    pub last_input: Option<String>,
}

/// What became of a recommendation.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct AdviceRow {
    pub quote_ref: String,
    pub prediction_id: Uuid,
    pub model_id: Uuid,
    pub statement: String,
    /// `yes`, `partly`, `no` or `unknown`.
    pub followed: String,
    pub win_probability: f64,
    pub promised_probability: f64,
}

/// A person's estimate.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct EstimateRow {
    pub quote_ref: String,
    pub id: Uuid,
    pub estimated_at: DateTime<Utc>,
    pub estimated_by: Uuid,
    pub win_probability: f64,
}

fn column<R, T>(rows: &[R], of: impl Fn(&R) -> T) -> Vec<T> {
    rows.iter().map(of).collect()
}

/// Lets one record outcomes of the tenant at a time, until the end of the transaction: two that record the same quote at
/// once would both find nothing.
pub async fn claim_outcomes(tx: &mut TenantTx) -> Result<()> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtext('valutai.outcomes'), hashtext($1))")
        .bind(tx.tenant().to_string())
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// The outcomes of some quotes, as far as there are any.
pub async fn list_outcomes(tx: &mut TenantTx, quotes: &[String]) -> Result<Vec<OutcomeRow>> {
    Ok(sqlx::query_as(
        "SELECT quote_ref, version, state, decided_at, recorded_at, recorded_by, dataset_id
         FROM outcome WHERE quote_ref = ANY($1)",
    )
    .bind(quotes)
    .fetch_all(tx.connection())
    .await?)
}

/// What was recorded of a quote before, newest first.
pub async fn list_outcome_changes(tx: &mut TenantTx, quote_ref: &str) -> Result<Vec<OutcomeRow>> {
    Ok(sqlx::query_as(
        "SELECT quote_ref, version, state, decided_at, recorded_at, recorded_by, dataset_id
         FROM outcome_change WHERE quote_ref = $1 ORDER BY version DESC LIMIT 100",
    )
    .bind(quote_ref)
    .fetch_all(tx.connection())
    .await?)
}

/// Writes outcomes; those in force of the same quotes become history.
pub async fn update_outcomes(tx: &mut TenantTx, rows: &[OutcomeRow]) -> Result<()> {
    let tenant = tx.tenant();
    let quotes = column(rows, |row| row.quote_ref.clone());
    sqlx::query(
        "INSERT INTO outcome_change (tenant_id, quote_ref, version, state, decided_at, recorded_at,
            recorded_by, dataset_id)
         SELECT tenant_id, quote_ref, version, state, decided_at, recorded_at, recorded_by, dataset_id
         FROM outcome WHERE quote_ref = ANY($1)",
    )
    .bind(&quotes)
    .execute(tx.connection())
    .await?;
    sqlx::query(
        "INSERT INTO outcome (tenant_id, quote_ref, version, state, decided_at, recorded_at,
            recorded_by, dataset_id)
         SELECT $1, * FROM unnest($2::text[], $3::int[], $4::text[], $5::timestamptz[],
            $6::timestamptz[], $7::uuid[], $8::uuid[])
         ON CONFLICT (tenant_id, quote_ref) DO UPDATE SET version = excluded.version,
            state = excluded.state, decided_at = excluded.decided_at,
            recorded_at = excluded.recorded_at, recorded_by = excluded.recorded_by,
            dataset_id = excluded.dataset_id",
    )
    .bind(tenant)
    .bind(&quotes)
    .bind(column(rows, |row| row.version))
    .bind(column(rows, |row| row.state.clone()))
    .bind(column(rows, |row| row.decided_at))
    .bind(column(rows, |row| row.recorded_at))
    .bind(column(rows, |row| row.recorded_by))
    .bind(column(rows, |row| row.dataset_id))
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Joins quotes anew to the last prediction of each model before they were decided.
pub async fn update_judged(
    tx: &mut TenantTx,
    quotes: &[String],
    decided: &[DateTime<Utc>],
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("DELETE FROM judged_prediction WHERE quote_ref = ANY($1)")
        .bind(quotes)
        .execute(tx.connection())
        .await?;
    sqlx::query(
        "INSERT INTO judged_prediction (tenant_id, quote_ref, model_id, prediction_id, predicted_at,
            win_probability, low, high, counts)
         SELECT $1, quote_ref, model_id, id, created_at, win_probability, low, high,
            row_number() OVER (PARTITION BY quote_ref ORDER BY id DESC) = 1
         FROM (
            SELECT DISTINCT ON (p.quote_ref, p.model_id) p.quote_ref, p.model_id, p.id,
                p.created_at, p.win_probability, p.low, p.high
            FROM unnest($2::text[], $3::timestamptz[]) AS decided (quote_ref, decided_at)
            JOIN prediction p ON p.quote_ref = decided.quote_ref AND p.quote_ref <> ''
                AND p.created_at < decided.decided_at
            ORDER BY p.quote_ref, p.model_id, p.id DESC
         ) last",
    )
    .bind(tenant)
    .bind(quotes)
    .bind(decided)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// What some quotes are joined to, newest first within each.
pub async fn list_judged(tx: &mut TenantTx, quotes: &[String]) -> Result<Vec<JudgedRow>> {
    Ok(sqlx::query_as(
        "SELECT quote_ref, model_id, prediction_id, predicted_at, win_probability, low, high, counts
         FROM judged_prediction WHERE quote_ref = ANY($1) ORDER BY quote_ref, prediction_id DESC",
    )
    .bind(quotes)
    .fetch_all(tx.connection())
    .await?)
}

/// The first few predictions of each quote before it was decided, oldest first, with the fields of the last.
pub async fn list_earlier(
    tx: &mut TenantTx,
    quotes: &[String],
    decided: &[DateTime<Utc>],
    of_each: i64,
) -> Result<Vec<EarlierRow>> {
    #[derive(sqlx::FromRow)]
    struct Found {
        quote_ref: String,
        id: Uuid,
        model_id: Uuid,
        input: String,
        last_input: Option<String>,
        #[sqlx(flatten)]
        place: Place,
    }
    let found: Vec<Found> = sqlx::query_as(
        "SELECT decided.quote_ref, first.id, first.model_id, first.input::text AS input,
            first.detail, first.derived::text AS derived, first.block_id, first.place,
            CASE WHEN last.id > first.id THEN last.input::text END AS last_input
         FROM unnest($1::text[], $2::timestamptz[]) AS decided (quote_ref, decided_at)
         CROSS JOIN LATERAL (
            SELECT id, model_id, input, detail, derived, block_id, place FROM prediction p
            WHERE p.quote_ref = decided.quote_ref AND p.quote_ref <> ''
                AND p.created_at < decided.decided_at
            ORDER BY id LIMIT $3
         ) first
         CROSS JOIN LATERAL (
            SELECT id, input FROM prediction p
            WHERE p.quote_ref = decided.quote_ref AND p.quote_ref <> ''
                AND p.created_at < decided.decided_at
            ORDER BY id DESC LIMIT 1
         ) last
         ORDER BY decided.quote_ref, first.id",
    )
    .bind(quotes)
    .bind(decided)
    .bind(of_each)
    .fetch_all(tx.connection())
    .await?;
    let details = find_details(tx, found.iter().map(|found| &found.place)).await?;
    let row = |(found, detail): (Found, Detail)| EarlierRow {
        quote_ref: found.quote_ref,
        id: found.id,
        model_id: found.model_id,
        detail: detail.detail,
        input: found.input,
        last_input: found.last_input,
    };
    Ok(found.into_iter().zip(details).map(row).collect())
}

/// Notes what became of recommendations for some quotes, in place of what was noted before.
pub async fn update_advice(tx: &mut TenantTx, quotes: &[String], rows: &[AdviceRow]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query("DELETE FROM advice_taken WHERE quote_ref = ANY($1)")
        .bind(quotes)
        .execute(tx.connection())
        .await?;
    sqlx::query(
        "INSERT INTO advice_taken (tenant_id, quote_ref, prediction_id, model_id, statement, followed,
            win_probability, promised_probability)
         SELECT $1, * FROM unnest($2::text[], $3::uuid[], $4::uuid[], $5::text[], $6::text[],
            $7::float8[], $8::float8[])",
    )
    .bind(tenant)
    .bind(column(rows, |row| row.quote_ref.clone()))
    .bind(column(rows, |row| row.prediction_id))
    .bind(column(rows, |row| row.model_id))
    .bind(column(rows, |row| row.statement.clone()))
    .bind(column(rows, |row| row.followed.clone()))
    .bind(column(rows, |row| row.win_probability))
    .bind(column(rows, |row| row.promised_probability))
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// What became of what was recommended for a quote.
pub async fn find_advice(tx: &mut TenantTx, quote_ref: &str) -> Result<Option<AdviceRow>> {
    Ok(sqlx::query_as(
        "SELECT quote_ref, prediction_id, model_id, statement, followed, win_probability,
            promised_probability
         FROM advice_taken WHERE quote_ref = $1",
    )
    .bind(quote_ref)
    .fetch_optional(tx.connection())
    .await?)
}

/// Stores estimates.
pub async fn insert_estimates(tx: &mut TenantTx, rows: &[EstimateRow]) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO estimate (tenant_id, quote_ref, id, estimated_at, estimated_by, win_probability)
         SELECT $1, * FROM unnest($2::text[], $3::uuid[], $4::timestamptz[], $5::uuid[],
            $6::float8[])",
    )
    .bind(tenant)
    .bind(column(rows, |row| row.quote_ref.clone()))
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.estimated_at))
    .bind(column(rows, |row| row.estimated_by))
    .bind(column(rows, |row| row.win_probability))
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The last estimate of a quote before a time.
pub async fn find_estimate(
    tx: &mut TenantTx,
    quote_ref: &str,
    before: DateTime<Utc>,
) -> Result<Option<EstimateRow>> {
    Ok(sqlx::query_as(
        "SELECT quote_ref, id, estimated_at, estimated_by, win_probability FROM estimate
         WHERE quote_ref = $1 AND estimated_at < $2 ORDER BY id DESC LIMIT 1",
    )
    .bind(quote_ref)
    .bind(before)
    .fetch_optional(tx.connection())
    .await?)
}
