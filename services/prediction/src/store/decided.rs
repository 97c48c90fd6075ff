//! What imports say of quotes, compared with what they said before. Deliberately set by set: a dataset may have a million
//! quotes, of which few were predicted.

use chrono::{DateTime, Utc};
use platform::{TenantTx, database::set_local};
use uuid::Uuid;

use super::Result;

/// A quote of which an import says something new.
#[derive(Debug, sqlx::FromRow)]
pub struct DecidedRow {
    pub quote_ref: String,
    pub won: bool,
    /// Since when the imports of the dataset have called it decided.
    pub told_at: DateTime<Utc>,
}

/// Lets this transaction compare large datasets, and collect what is compared.
pub async fn insert_told_table(tx: &mut TenantTx) -> Result<()> {
    set_local(tx.connection(), "statement_timeout", "10min").await?;
    sqlx::query(
        "CREATE TEMPORARY TABLE told_now (quote_ref text COLLATE \"C\" PRIMARY KEY, won boolean NOT NULL)
         ON COMMIT DROP",
    )
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Adds quotes to what is compared.
pub async fn insert_told(tx: &mut TenantTx, quotes: &[String], won: &[bool]) -> Result<()> {
    sqlx::query(
        "INSERT INTO told_now SELECT * FROM unnest($1::text[], $2::bool[]) ON CONFLICT DO NOTHING",
    )
    .bind(quotes)
    .bind(won)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Notes that an event of a dataset was heard; false where a newer one was.
pub async fn update_heard(tx: &mut TenantTx, dataset: Uuid, told_by: Uuid) -> Result<bool> {
    let tenant = tx.tenant();
    let done = sqlx::query(
        "INSERT INTO dataset_heard AS known (tenant_id, dataset_id, told_by) VALUES ($1, $2, $3)
         ON CONFLICT (tenant_id, dataset_id) DO UPDATE SET told_by = excluded.told_by
         WHERE known.told_by < excluded.told_by",
    )
    .bind(tenant)
    .bind(dataset)
    .bind(told_by)
    .execute(tx.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Quotes of which the import says something else than the ones before it, and that were predicted before they were called
/// decided, or have an outcome.
pub async fn list_newly_decided(
    tx: &mut TenantTx,
    dataset: Uuid,
    now: DateTime<Utc>,
) -> Result<Vec<DecidedRow>> {
    Ok(sqlx::query_as(
        "SELECT told.quote_ref, told.won, coalesce(before.told_at, $2) AS told_at
         FROM told_now told
         LEFT JOIN dataset_outcome before
            ON before.dataset_id = $1 AND before.quote_ref = told.quote_ref
         WHERE before.won IS DISTINCT FROM told.won
            AND (EXISTS (SELECT 1 FROM prediction p WHERE p.quote_ref = told.quote_ref
                    AND p.quote_ref <> '' AND p.created_at < coalesce(before.told_at, $2))
                OR EXISTS (SELECT 1 FROM outcome o WHERE o.quote_ref = told.quote_ref))
         ORDER BY told.quote_ref",
    )
    .bind(dataset)
    .bind(now)
    .fetch_all(tx.connection())
    .await?)
}

/// Quotes whose outcome an earlier import of the dataset told and this one does not.
pub async fn list_undecided(tx: &mut TenantTx, dataset: Uuid) -> Result<Vec<String>> {
    Ok(sqlx::query_scalar(
        "SELECT before.quote_ref FROM dataset_outcome before
         JOIN outcome o ON o.quote_ref = before.quote_ref AND o.dataset_id = $1
            AND o.state <> 'withdrawn'
         WHERE before.dataset_id = $1
            AND NOT EXISTS (SELECT 1 FROM told_now told WHERE told.quote_ref = before.quote_ref)
         ORDER BY before.quote_ref",
    )
    .bind(dataset)
    .fetch_all(tx.connection())
    .await?)
}

/// Remembers what the import said.
pub async fn update_dataset_outcomes(
    tx: &mut TenantTx,
    dataset: Uuid,
    now: DateTime<Utc>,
) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "DELETE FROM dataset_outcome before WHERE dataset_id = $1
            AND NOT EXISTS (SELECT 1 FROM told_now told WHERE told.quote_ref = before.quote_ref)",
    )
    .bind(dataset)
    .execute(tx.connection())
    .await?;
    sqlx::query(
        "INSERT INTO dataset_outcome AS before (tenant_id, dataset_id, quote_ref, won, told_at)
         SELECT $1, $2, quote_ref, won, $3 FROM told_now
         ON CONFLICT (tenant_id, dataset_id, quote_ref) DO UPDATE SET won = excluded.won
         WHERE before.won <> excluded.won",
    )
    .bind(tenant)
    .bind(dataset)
    .bind(now)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// Forgets what the imports of a dataset said.
pub async fn delete_dataset_outcomes(tx: &mut TenantTx, dataset: Uuid) -> Result<()> {
    set_local(tx.connection(), "statement_timeout", "10min").await?;
    sqlx::query("DELETE FROM dataset_outcome WHERE dataset_id = $1")
        .bind(dataset)
        .execute(tx.connection())
        .await?;
    Ok(())
}
