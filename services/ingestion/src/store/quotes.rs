//! Quotes: stored in bulk, and found by identifier. Deliberately no lists, which are `listing`.

use std::ops::RangeInclusive;

use chrono::NaiveDate;
use futures::{StreamExt as _, stream::BoxStream};
use platform::TenantTx;
use uuid::Uuid;

use super::Result;

/// The columns of the staging table, in the order in which `rows` writes them.
const STAGED: &str = "quoted_on, id, row, won, price_minor, quote_ref, revision, currency,
    cost_minor, list_price_minor, customer, product, region, owner, segment, valid_until, tender,
    fingerprint, personal, is_current, raw, derived";

/// A quote with an identifier that a file has too.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct KnownQuote {
    pub quote_ref: String,
    pub id: Uuid,
    pub quoted_on: NaiveDate,
    pub revision: Option<i64>,
    pub fingerprint: Option<Vec<u8>>,
    pub is_current: bool,
    /// The cells as they stood; only where asked for.
    pub raw: Option<String>,
    pub personal: Option<Vec<u8>>,
}

/// A quote that counts, as the snapshot and the derived features are made from it.
#[derive(Debug, sqlx::FromRow)]
pub struct CountingQuote {
    pub id: Uuid,
    pub quoted_on: NaiveDate,
    pub row: i32,
    pub won: Option<bool>,
    pub price_minor: i64,
    pub quote_ref: Option<String>,
    pub revision: Option<i64>,
    pub tender: Option<String>,
    pub customer: Option<String>,
    pub product: Option<String>,
    pub owner: Option<String>,
    pub derived: String,
}

/// Makes the partitions of these years where missing.
pub async fn insert_quote_partitions(
    tx: &mut TenantTx,
    years: &[RangeInclusive<i32>],
) -> Result<()> {
    for run in years {
        sqlx::query("SELECT ensure_quote_partitions($1, $2)")
            .bind(run.start())
            .bind(run.end())
            .execute(tx.connection())
            .await?;
    }
    Ok(())
}

/// Tells Postgres what these years hold, where an import of so many rows changed that much. Until
/// then it plans lists for a table that it takes for nearly empty.
pub async fn update_quote_statistics(
    tx: &mut TenantTx,
    years: &[RangeInclusive<i32>],
    rows: u64,
) -> Result<()> {
    for run in years {
        sqlx::query("SELECT analyze_quotes($1, $2, $3)")
            .bind(run.start())
            .bind(run.end())
            .bind(i64::try_from(rows).unwrap_or(i64::MAX))
            .execute(tx.connection())
            .await?;
    }
    Ok(())
}

/// Makes the table through which quotes arrive: COPY is refused for tables with row level security.
pub async fn insert_staging(tx: &mut TenantTx) -> Result<()> {
    sqlx::query(
        "CREATE TEMPORARY TABLE staged_quote (quoted_on date, id uuid, row int, won boolean,
            price_minor bigint, quote_ref text, revision bigint, currency text, cost_minor bigint,
            list_price_minor bigint, customer text, product text, region text, owner text,
            segment text, valid_until date, tender text, fingerprint bytea, personal bytea,
            is_current boolean, raw jsonb, derived jsonb) ON COMMIT DROP",
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Stores one portion of quotes, a complete binary COPY; answers how many.
pub async fn insert_quotes(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    import_id: Uuid,
    portion: &[u8],
) -> Result<u64> {
    let tenant = tx.tenant();
    let mut copy = tx
        .connection()
        .copy_in_raw("COPY pg_temp.staged_quote FROM STDIN (FORMAT binary)")
        .await?;
    copy.send(portion).await?;
    copy.finish().await?;
    let sql = format!(
        "INSERT INTO quote (tenant_id, dataset_id, import_id, {STAGED})
         SELECT $1, $2, $3, {STAGED} FROM pg_temp.staged_quote"
    );
    let done = sqlx::query(sqlx::AssertSqlSafe(sql))
        .bind(tenant)
        .bind(dataset_id)
        .bind(import_id)
        .execute(tx.connection())
        .await?;
    sqlx::query("TRUNCATE pg_temp.staged_quote")
        .execute(tx.connection())
        .await?;
    Ok(done.rows_affected())
}

/// Quotes of a dataset with these identifiers, of every revision.
pub async fn list_known_quotes(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    quote_refs: &[String],
    with_cells: bool,
) -> Result<Vec<KnownQuote>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_as(
        "SELECT quote_ref, id, quoted_on, revision, fingerprint, is_current,
            CASE WHEN $4 THEN raw::text END AS raw, CASE WHEN $4 THEN personal END AS personal
         FROM quote WHERE tenant_id = $1 AND dataset_id = $2 AND quote_ref = ANY($3)
            AND quote_ref IS NOT NULL",
    )
    .bind(tenant)
    .bind(dataset_id)
    .bind(quote_refs)
    .bind(with_cells)
    .fetch_all(tx.connection())
    .await?)
}

/// Whether a dataset has any quotes.
pub async fn has_quotes(tx: &mut TenantTx, dataset_id: Uuid) -> Result<bool> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM quote WHERE tenant_id = $1 AND dataset_id = $2)",
    )
    .bind(tenant)
    .bind(dataset_id)
    .fetch_one(tx.connection())
    .await?)
}

/// Quotes that a newer version replaces, by id and date.
pub async fn update_quotes_replaced(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    replaced: &[(Uuid, NaiveDate)],
) -> Result<()> {
    let tenant = tx.tenant();
    let (ids, days): (Vec<Uuid>, Vec<NaiveDate>) = replaced.iter().copied().unzip();
    sqlx::query(
        "UPDATE quote q SET is_current = false
         FROM unnest($3::uuid[], $4::date[]) AS t (id, quoted_on)
         WHERE q.tenant_id = $1 AND q.dataset_id = $2 AND q.quoted_on = t.quoted_on AND q.id = t.id",
    )
    .bind(tenant)
    .bind(dataset_id)
    .bind(ids)
    .bind(days)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Changed derived features, by quote.
pub async fn update_quotes_derived(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    changed: &[(Uuid, NaiveDate, String)],
) -> Result<()> {
    let tenant = tx.tenant();
    let ids: Vec<Uuid> = changed.iter().map(|(id, _, _)| *id).collect();
    let days: Vec<NaiveDate> = changed.iter().map(|(_, day, _)| *day).collect();
    let texts: Vec<&str> = changed.iter().map(|(_, _, text)| text.as_str()).collect();
    sqlx::query(
        "UPDATE quote q SET derived = t.derived::jsonb
         FROM unnest($3::uuid[], $4::date[], $5::text[]) AS t (id, quoted_on, derived)
         WHERE q.tenant_id = $1 AND q.dataset_id = $2 AND q.quoted_on = t.quoted_on AND q.id = t.id",
    )
    .bind(tenant)
    .bind(dataset_id)
    .bind(ids)
    .bind(days)
    .bind(texts)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The later import that has other versions of this import's quotes; `None` where none has.
pub async fn find_import_on_top(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    import_id: Uuid,
) -> Result<Option<Uuid>> {
    let tenant = tx.tenant();
    Ok(sqlx::query_scalar(
        "SELECT later.import_id FROM quote mine JOIN quote later
            ON later.tenant_id = mine.tenant_id AND later.dataset_id = mine.dataset_id
            AND later.quote_ref = mine.quote_ref AND later.import_id > mine.import_id
         WHERE mine.tenant_id = $1 AND mine.dataset_id = $2 AND mine.import_id = $3
            AND mine.quote_ref IS NOT NULL AND later.quote_ref IS NOT NULL
         ORDER BY later.import_id DESC LIMIT 1",
    )
    .bind(tenant)
    .bind(dataset_id)
    .bind(import_id)
    .fetch_optional(tx.connection())
    .await?)
}

/// Takes the quotes of an import out, and lets the ones that they replaced count again.
pub async fn delete_import_quotes(
    tx: &mut TenantTx,
    dataset_id: Uuid,
    import_id: Uuid,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "WITH gone AS (
            DELETE FROM quote WHERE tenant_id = $1 AND dataset_id = $2 AND import_id = $3
            RETURNING quote_ref
         ), newest AS (
            SELECT DISTINCT ON (quote_ref) quoted_on, id FROM quote
            WHERE tenant_id = $1 AND dataset_id = $2 AND import_id <> $3
                AND quote_ref IS NOT NULL AND quote_ref IN (SELECT quote_ref FROM gone)
            ORDER BY quote_ref, revision DESC NULLS LAST, import_id DESC, row DESC
         )
         UPDATE quote q SET is_current = true FROM newest
         WHERE q.tenant_id = $1 AND q.dataset_id = $2 AND q.quoted_on = newest.quoted_on
            AND q.id = newest.id AND NOT q.is_current",
    )
    .bind(tenant)
    .bind(dataset_id)
    .bind(import_id)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Every quote that counts, by date and row.
pub fn stream_counting_quotes<'t>(
    tx: &'t mut TenantTx,
    dataset_id: Uuid,
) -> BoxStream<'t, Result<CountingQuote>> {
    let tenant = tx.tenant();
    sqlx::query_as(
        "SELECT id, quoted_on, row, won, price_minor, quote_ref, revision, tender, customer,
            product, owner, derived::text AS derived
         FROM quote WHERE tenant_id = $1 AND dataset_id = $2 AND is_current
         ORDER BY quoted_on, import_id, row, id",
    )
    .bind(tenant)
    .bind(dataset_id)
    .fetch(tx.connection())
    .map(|row| row.map_err(Into::into))
    .boxed()
}
