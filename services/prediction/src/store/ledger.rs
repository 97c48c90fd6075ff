//! The ledger of predictions: looked up by quote, by model and by time, and kept as long as its tenant wants. Deliberately a
//! statement for each way of asking: one for all of them would use no index.

use std::collections::HashSet;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveTime, Utc};
use platform::{TenantTx, database::set_local};
use sqlx::{PgConnection, Postgres, query::QueryAs};
use uuid::Uuid;

use super::{KeptRow, Result, predictions::with_details};

/// Which predictions are asked for.
#[derive(Debug, Clone)]
pub struct LedgerFilter {
    pub model_id: Option<Uuid>,
    pub quote_ref: Option<String>,
    /// Made at or after this.
    pub made_from: DateTime<Utc>,
    /// Made before this.
    pub made_until: DateTime<Utc>,
    /// Only smaller ids, so that pages follow each other.
    pub before: Uuid,
}

/// How long predictions are kept.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct SettingRow {
    /// For good where empty.
    pub retention_days: Option<i32>,
    pub updated_at: DateTime<Utc>,
    pub updated_by: Uuid,
}

/// The prediction of a quote before another one.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct BeforeRow {
    /// The other one.
    pub of: Uuid,
    pub id: Uuid,
    pub created_at: DateTime<Utc>,
    pub model_id: Uuid,
    pub win_probability: f64,
}

impl LedgerFilter {
    /// Ids are in the order of their making and hold the millisecond, so the times are bounds of ids as well, which the
    /// indexes have; those of `created_at` leave other months aside.
    fn query(&self) -> &'static str {
        match (&self.quote_ref, self.model_id) {
            (None, None) => {
                "SELECT id, detail, derived::text AS derived, block_id, place FROM prediction
                 WHERE created_at >= $1 AND created_at < $2 AND id >= $3 AND id < $4
                 ORDER BY id DESC LIMIT $5"
            }
            (None, Some(_)) => {
                "SELECT id, detail, derived::text AS derived, block_id, place FROM prediction
                 WHERE created_at >= $1 AND created_at < $2 AND id >= $3 AND id < $4
                    AND model_id = $6
                 ORDER BY id DESC LIMIT $5"
            }
            (Some(_), None) => {
                "SELECT id, detail, derived::text AS derived, block_id, place FROM prediction
                 WHERE created_at >= $1 AND created_at < $2 AND id >= $3 AND id < $4
                    AND quote_ref = $7 AND quote_ref <> '' AND $6::uuid IS NULL
                 ORDER BY id DESC LIMIT $5"
            }
            (Some(_), Some(_)) => {
                "SELECT id, detail, derived::text AS derived, block_id, place FROM prediction
                 WHERE created_at >= $1 AND created_at < $2 AND id >= $3 AND id < $4
                    AND quote_ref = $7 AND quote_ref <> '' AND model_id = $6
                 ORDER BY id DESC LIMIT $5"
            }
        }
    }

    fn bound<'q, O>(
        &'q self,
        query: QueryAs<'q, Postgres, O, sqlx::postgres::PgArguments>,
        limit: i64,
    ) -> QueryAs<'q, Postgres, O, sqlx::postgres::PgArguments> {
        let query = query
            .bind(self.made_from)
            .bind(self.made_until)
            .bind(first_id(self.made_from))
            .bind(self.before.min(first_id(self.made_until)))
            .bind(limit);
        match (&self.quote_ref, self.model_id) {
            (None, None) => query,
            (None, model_id) => query.bind(model_id),
            (quote_ref, model_id) => query.bind(model_id).bind(quote_ref),
        }
    }
}

/// The smallest id of a millisecond.
fn first_id(at: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    if millis >> 48 > 0 {
        return Uuid::max();
    }
    Uuid::from_u128(u128::from(millis) << 80)
}

/// Predictions, newest first.
pub async fn list_ledger(
    tx: &mut TenantTx,
    filter: &LedgerFilter,
    limit: i64,
) -> Result<Vec<KeptRow>> {
    let query = filter.bound(sqlx::query_as(filter.query()), limit);
    let placed = query.fetch_all(tx.connection()).await?;
    with_details(tx, placed).await
}

/// The last predictions of quotes before some others. Deliberately by the order of the index of quotes, of which the one before
/// is the entry before.
const BEFORES: &str = "SELECT asked.id AS of, p.id, p.created_at, p.model_id, p.win_probability
     FROM unnest($1::text[], $2::uuid[]) AS asked (quote_ref, id)
     CROSS JOIN LATERAL (
        SELECT quote_ref, id, created_at, model_id, win_probability FROM prediction
        WHERE (quote_ref, id) < (asked.quote_ref, asked.id) AND quote_ref <> ''
            AND created_at >= $3 AND created_at < $4
        ORDER BY quote_ref DESC, id DESC LIMIT 1) p
     WHERE p.quote_ref = asked.quote_ref";

/// The last predictions of quotes before some others, by the ids of those; all were made before `until`. The month of `until` is
/// looked at by itself: most are in it, and of each other month the index has to be asked.
pub async fn find_befores(
    tx: &mut TenantTx,
    quotes: &[(&str, Uuid)],
    until: DateTime<Utc>,
) -> Result<Vec<BeforeRow>> {
    only_by_index(tx).await?;
    let month = month_of(until);
    let mut befores: Vec<BeforeRow> = Vec::with_capacity(quotes.len());
    for (from, until) in [(month, until), (DateTime::UNIX_EPOCH, month)] {
        let found: HashSet<Uuid> = befores.iter().map(|row| row.of).collect();
        let open = quotes.iter().filter(|(_, id)| !found.contains(id));
        let (names, ids): (Vec<&str>, Vec<Uuid>) = open.copied().unzip();
        if names.is_empty() {
            break;
        }
        let rows: Vec<BeforeRow> = sqlx::query_as(BEFORES)
            .bind(names)
            .bind(ids)
            .bind(from)
            .bind(until)
            .fetch_all(tx.connection())
            .await?;
        befores.extend(rows);
    }
    befores.sort_by_key(|row| row.of);
    Ok(befores)
}

/// Of a young table Postgres knows no figures, takes it for a small one, and would rather read and sort all of it for every quote.
/// Without figures the index counts as dear as well, and what is dear would be compiled first, which takes longest of all.
async fn only_by_index(tx: &mut TenantTx) -> Result<()> {
    for setting in ["enable_sort", "jit"] {
        set_local(tx.connection(), setting, "off").await?;
    }
    Ok(())
}

/// When the month of a time began.
fn month_of(time: DateTime<Utc>) -> DateTime<Utc> {
    let first = time.date_naive().with_day(1);
    first.map_or(time, |day| day.and_time(NaiveTime::MIN).and_utc())
}

/// How long predictions are kept; nothing where nothing was set.
pub async fn find_setting(tx: &mut TenantTx) -> Result<Option<SettingRow>> {
    Ok(
        sqlx::query_as("SELECT retention_days, updated_at, updated_by FROM ledger_setting")
            .fetch_optional(tx.connection())
            .await?,
    )
}

/// Sets how long predictions are kept.
pub async fn update_setting(tx: &mut TenantTx, row: &SettingRow) -> Result<()> {
    let tenant = tx.tenant();
    sqlx::query(
        "INSERT INTO ledger_setting (tenant_id, retention_days, updated_at, updated_by)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (tenant_id) DO UPDATE SET retention_days = excluded.retention_days,
            updated_at = excluded.updated_at, updated_by = excluded.updated_by",
    )
    .bind(tenant)
    .bind(row.retention_days)
    .bind(row.updated_at)
    .bind(row.updated_by)
    .execute(tx.connection())
    .await?;
    Ok(())
}

/// The tenants that keep predictions for so many days only.
pub async fn list_retentions(connection: &mut PgConnection) -> platform::Result<Vec<(Uuid, i32)>> {
    set_local(connection, "app.retention", "on").await?;
    Ok(sqlx::query_as(
        "SELECT tenant_id, retention_days FROM ledger_setting
         WHERE retention_days IS NOT NULL ORDER BY tenant_id",
    )
    .fetch_all(connection)
    .await?)
}

/// Removes some of the tenant's oldest predictions from before a time; tells how many there were.
pub async fn delete_expired(
    tx: &mut TenantTx,
    made_before: DateTime<Utc>,
    at_most: i32,
) -> Result<i64> {
    Ok(sqlx::query_scalar("SELECT expire_predictions($1, $2)")
        .bind(made_before)
        .bind(at_most)
        .fetch_one(tx.connection())
        .await?)
}

/// Drops an empty partition of a month before this one; false where there is none.
pub async fn delete_empty_partition(
    connection: &mut PgConnection,
    before_month: NaiveDate,
) -> platform::Result<bool> {
    Ok(
        sqlx::query_scalar("SELECT drop_empty_prediction_partition($1)")
            .bind(before_month)
            .fetch_one(connection)
            .await?,
    )
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
