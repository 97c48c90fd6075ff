//! Predictions as they are kept, and the partitions they are kept in. Deliberately append-only.

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, Utc};
use platform::TenantTx;
use sqlx::PgConnection;
use uuid::Uuid;

use super::{
    Result,
    blocks::{BLOCK, Detail, PackedBlock, Place, find_details},
};
use crate::Error;

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
    pub detail: Bytes,
    pub created_by: Uuid,
    /// The day that counted where the quote states none.
    pub as_of: NaiveDate,
    /// JSON: what was known of earlier quotes.
    pub derived: String,
}

/// A kept prediction with what is needed to repeat it.
#[derive(Debug)]
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
#[derive(Debug)]
pub struct KeptRow {
    pub id: Uuid,
    pub detail: Vec<u8>,
}

/// The same, its detail still where it is kept.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct PlacedRow {
    id: Uuid,
    #[sqlx(flatten)]
    place: Place,
}

/// Writes predictions, and beside them their details packed a block for every [`BLOCK`] of them, in one statement.
pub async fn insert_predictions(
    tx: &mut TenantTx,
    rows: &[&PredictionRow],
    blocks: &[PackedBlock],
) -> Result<()> {
    fn column<'r, R, T>(rows: &'r [R], of: impl Fn(&'r R) -> T) -> Vec<T> {
        rows.iter().map(of).collect()
    }
    let block_ids = (0..rows.len()).map(|at| blocks.get(at / BLOCK).map(|block| block.id));
    let places = (0..rows.len()).map(|at| i16::try_from(at % BLOCK).ok());
    let tenant = tx.tenant();
    sqlx::query(
        "WITH block AS (
            INSERT INTO prediction_block (tenant_id, id, created_at, body)
            SELECT $1, * FROM unnest($2::uuid[], $3::timestamptz[], $4::bytea[]))
         INSERT INTO prediction (tenant_id, id, created_at, model_id, quote_ref, win_probability,
            low, high, evidence, input, input_hash, created_by, as_of, block_id, place)
         SELECT $1, id, created_at, model_id, quote_ref, win_probability, low, high, evidence,
            input::jsonb, input_hash, created_by, as_of, block_id, place
         FROM unnest($5::uuid[], $6::timestamptz[], $7::uuid[], $8::text[], $9::float8[],
            $10::float8[], $11::float8[], $12::text[], $13::text[], $14::bytea[], $15::uuid[],
            $16::date[], $17::uuid[], $18::smallint[])
         AS row (id, created_at, model_id, quote_ref, win_probability, low, high, evidence, input,
            input_hash, created_by, as_of, block_id, place)",
    )
    .bind(tenant)
    .bind(column(blocks, |block| block.id))
    .bind(column(blocks, |block| block.created_at))
    .bind(column(blocks, |block| block.body.as_slice()))
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
    .bind(column(rows, |row| row.created_by))
    .bind(column(rows, |row| row.as_of))
    .bind(block_ids.collect::<Vec<_>>())
    .bind(places.collect::<Vec<_>>())
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Rows with their details, in their order.
pub(super) async fn with_details(
    tx: &mut TenantTx,
    placed: Vec<PlacedRow>,
) -> Result<Vec<KeptRow>> {
    let details = find_details(tx, placed.iter().map(|row| &row.place)).await?;
    let row = |(placed, detail): (PlacedRow, Detail)| KeptRow {
        id: placed.id,
        detail: detail.detail,
    };
    Ok(placed.into_iter().zip(details).map(row).collect())
}

/// The detail of a prediction.
pub async fn find_prediction(
    tx: &mut TenantTx,
    id: Uuid,
    created_at: DateTime<Utc>,
) -> Result<Option<Vec<u8>>> {
    let rows = find_predictions(tx, &[id], &[created_at]).await?;
    Ok(rows.into_iter().next().map(|row| row.detail))
}

/// Predictions by id, in any order; `created_at` are their times.
pub async fn find_predictions(
    tx: &mut TenantTx,
    ids: &[Uuid],
    created_at: &[DateTime<Utc>],
) -> Result<Vec<KeptRow>> {
    let placed = sqlx::query_as(
        "SELECT p.id, p.detail, p.derived::text AS derived, p.block_id, p.place
         FROM unnest($1::uuid[], $2::timestamptz[]) AS wanted (id, created_at)
         JOIN prediction p ON p.id = wanted.id AND p.created_at = wanted.created_at",
    )
    .bind(ids)
    .bind(created_at)
    .fetch_all(tx.connection())
    .await?;
    with_details(tx, placed).await
}

/// A prediction with what is needed to repeat it.
pub async fn find_frozen(
    tx: &mut TenantTx,
    id: Uuid,
    created_at: DateTime<Utc>,
) -> Result<Option<FrozenRow>> {
    #[derive(sqlx::FromRow)]
    struct Found {
        model_id: Uuid,
        quote_ref: String,
        input: String,
        as_of: Option<NaiveDate>,
        #[sqlx(flatten)]
        place: Place,
    }
    let found: Option<Found> = sqlx::query_as(
        "SELECT model_id, quote_ref, input::text AS input, as_of, detail, derived::text AS derived,
            block_id, place
         FROM prediction WHERE id = $1 AND created_at = $2",
    )
    .bind(id)
    .bind(created_at)
    .fetch_optional(tx.connection())
    .await?;
    let Some(found) = found else { return Ok(None) };
    let details = find_details(tx, std::iter::once(&found.place)).await?;
    let detail = details.into_iter().next().ok_or(Error::NoPrediction(id))?;
    Ok(Some(FrozenRow {
        model_id: found.model_id,
        quote_ref: found.quote_ref,
        input: found.input,
        detail: detail.detail,
        as_of: found.as_of,
        derived: detail.derived,
    }))
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
