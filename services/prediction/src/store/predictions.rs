//! Predictions as they are kept, and the partitions they are kept in. Deliberately append-only.

use chrono::{DateTime, NaiveDate, Utc};
use platform::TenantTx;
use sqlx::PgConnection;
use uuid::Uuid;

use super::Result;

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
    /// The day that counted where the quote states none.
    pub as_of: NaiveDate,
    /// JSON: what was known of earlier quotes.
    pub derived: String,
}

/// A kept prediction with what is needed to repeat it.
#[derive(Debug, sqlx::FromRow)]
pub struct FrozenRow {
    pub model_id: Uuid,
    pub quote_ref: String,
    /// JSON.
    pub input: String,
    pub detail: Vec<u8>,
    pub as_of: Option<NaiveDate>,
    /// JSON.
    pub derived: Option<String>,
}

/// A kept prediction in a list.
#[derive(Debug, sqlx::FromRow)]
pub struct KeptRow {
    pub id: Uuid,
    pub detail: Vec<u8>,
}

/// Writes predictions in one statement.
pub async fn insert_predictions(tx: &mut TenantTx, rows: &[&PredictionRow]) -> Result<()> {
    fn column<'r, T>(rows: &[&'r PredictionRow], of: impl Fn(&'r PredictionRow) -> T) -> Vec<T> {
        rows.iter().map(|row| of(row)).collect()
    }
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO prediction (tenant_id, id, created_at, model_id, quote_ref, win_probability,
            low, high, evidence, input, input_hash, detail, created_by, as_of, derived)
         SELECT $1, id, created_at, model_id, quote_ref, win_probability, low, high, evidence,
            input::jsonb, input_hash, detail, created_by, as_of, derived::jsonb
         FROM unnest($2::uuid[], $3::timestamptz[], $4::uuid[], $5::text[], $6::float8[],
            $7::float8[], $8::float8[], $9::text[], $10::text[], $11::bytea[], $12::bytea[],
            $13::uuid[], $14::date[], $15::text[])
         AS row (id, created_at, model_id, quote_ref, win_probability, low, high, evidence, input,
            input_hash, detail, created_by, as_of, derived)",
    )
    .bind(tenant)
    .bind(column(rows, |row| row.id))
    .bind(column(rows, |row| row.created_at))
    .bind(column(rows, |row| row.model_id))
    .bind(column(rows, |row| row.quote_ref.as_str()))
    .bind(column(rows, |row| row.win_probability))
    .bind(column(rows, |row| row.low))
    .bind(column(rows, |row| row.high))
    .bind(column(rows, |row| row.evidence))
    .bind(column(rows, |row| row.input.as_str()))
    .bind(column(rows, |row| row.input_hash.as_slice()))
    .bind(column(rows, |row| row.detail.as_slice()))
    .bind(column(rows, |row| row.created_by))
    .bind(column(rows, |row| row.as_of))
    .bind(column(rows, |row| row.derived.as_str()))
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

/// Predictions by id, in any order; `created_at` are their times.
pub async fn find_predictions(
    tx: &mut TenantTx,
    ids: &[Uuid],
    created_at: &[DateTime<Utc>],
) -> Result<Vec<KeptRow>> {
    Ok(sqlx::query_as(
        "SELECT p.id, p.detail FROM unnest($1::uuid[], $2::timestamptz[]) AS wanted (id, created_at)
         JOIN prediction p ON p.id = wanted.id AND p.created_at = wanted.created_at",
    )
    .bind(ids)
    .bind(created_at)
    .fetch_all(tx.connection())
    .await?)
}

/// A prediction with what is needed to repeat it.
pub async fn find_frozen(
    tx: &mut TenantTx,
    id: Uuid,
    created_at: DateTime<Utc>,
) -> Result<Option<FrozenRow>> {
    Ok(sqlx::query_as(
        "SELECT model_id, quote_ref, input::text AS input, detail, as_of, derived::text AS derived
         FROM prediction WHERE id = $1 AND created_at = $2",
    )
    .bind(id)
    .bind(created_at)
    .fetch_optional(tx.connection())
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
