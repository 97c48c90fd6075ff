//! Lists of quotes, filtered and sorted by their typed columns. Deliberately two steps in one
//! statement: the page is found in narrow columns, and only its quotes are read as a whole.

use chrono::NaiveDate;
use platform::TenantTx;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

use super::Result;
use crate::domain::query::{Cursor, Order, QuoteQuery};

/// A quote in a list.
#[derive(Debug, sqlx::FromRow)]
pub struct QuoteRow {
    pub id: Uuid,
    pub import_id: Uuid,
    pub row: i32,
    pub won: Option<bool>,
    pub quoted_on: NaiveDate,
    pub price_minor: i64,
    pub quote_ref: Option<String>,
    pub revision: Option<i64>,
    pub currency: Option<String>,
    pub customer: Option<String>,
    pub product: Option<String>,
    pub personal: Option<Vec<u8>>,
    pub raw: String,
    pub derived: String,
}

/// One page of the quotes that count.
pub async fn list_quotes(tx: &mut TenantTx, query: &QuoteQuery) -> Result<Vec<QuoteRow>> {
    prepare(tx, query).await?;
    let mut sql = QueryBuilder::new("");
    push_select(&mut sql, tx.tenant(), query);
    // Not kept: which plan is good depends on the values.
    let page = sql.build_query_as().persistent(false);
    Ok(page.fetch_all(tx.connection()).await?)
}

/// How Postgres answers a query, for the test that no filter and no sort reads the whole table.
#[cfg(test)]
pub async fn explain_quotes(tx: &mut TenantTx, query: &QuoteQuery) -> Result<Vec<String>> {
    prepare(tx, query).await?;
    let mut sql = QueryBuilder::new("EXPLAIN (COSTS OFF) ");
    push_select(&mut sql, tx.tenant(), query);
    Ok(sql.build_query_scalar().fetch_all(tx.connection()).await?)
}

/// Forbids sorting where an index has the order: Postgres underestimates a dataset among many, and
/// then would rather sort all of it.
async fn prepare(tx: &mut TenantTx, query: &QuoteQuery) -> Result<()> {
    let sort = if has_order(query) { "off" } else { "on" };
    sqlx::query("SELECT set_config('enable_sort', $1, true)")
        .bind(sort)
        .execute(tx.connection())
        .await?;
    Ok(())
}

/// Whether an index begins with what is filtered by and goes on with the order. Where several
/// columns are filtered by, one of them leads and the others are compared on the way.
fn has_order(query: &QuoteQuery) -> bool {
    let by_price = query.price_min.is_some() || query.price_max.is_some();
    let by_day = query.from.is_some() || query.to.is_some();
    let by_name = query.customer.is_some() || query.product.is_some();
    if query.ref_range.is_some() {
        return false;
    }
    match query.order {
        Order::Newest | Order::Oldest => !by_price,
        Order::Dearest | Order::Cheapest => !by_day,
        Order::Row => !by_price && !by_day && !by_name,
    }
}

fn push_select(sql: &mut QueryBuilder<Postgres>, tenant: Uuid, query: &QuoteQuery) {
    sql.push(
        "SELECT q.id, q.import_id, q.row, q.won, q.quoted_on, q.price_minor, q.quote_ref, q.revision,
            q.currency, q.customer, q.product, q.personal, q.raw::text AS raw,
            q.derived::text AS derived
         FROM (",
    );
    push_page(sql, tenant, query);
    // LATERAL with a limit is answered by one look-up for each quote, and keeps the order.
    sql.push(
        ") page CROSS JOIN LATERAL (SELECT * FROM quote
            WHERE quote.quoted_on = page.quoted_on AND quote.id = page.id AND tenant_id = ",
    )
    .push_bind(tenant)
    .push(" AND dataset_id = ")
    .push_bind(query.dataset_id)
    .push(" LIMIT 1) q");
}

fn push_page(sql: &mut QueryBuilder<Postgres>, tenant: Uuid, query: &QuoteQuery) {
    sql.push("SELECT quoted_on, id FROM quote WHERE is_current AND tenant_id = ")
        .push_bind(tenant)
        .push(" AND dataset_id = ")
        .push_bind(query.dataset_id);
    push_filters(sql, query);
    let (column, direction, compare) = match query.order {
        Order::Newest => ("quoted_on", "DESC", "<"),
        Order::Oldest => ("quoted_on", "ASC", ">"),
        Order::Dearest => ("price_minor", "DESC", "<"),
        Order::Cheapest => ("price_minor", "ASC", ">"),
        Order::Row => ("row", "ASC", ">"),
    };
    if let Some((value, id)) = &query.after {
        sql.push(format!(" AND ({column}, id) {compare} ("));
        match value {
            Cursor::Day(day) => sql.push_bind(*day),
            Cursor::Price(price) => sql.push_bind(*price),
            Cursor::Row(row) => sql.push_bind(*row),
        };
        sql.push(", ").push_bind(*id).push(")");
    }
    sql.push(format!(
        " ORDER BY {column} {direction}, id {direction} LIMIT "
    ))
    .push_bind(query.limit);
}

fn push_filters(sql: &mut QueryBuilder<Postgres>, query: &QuoteQuery) {
    if let Some(outcome) = query.outcome {
        // An empty `won` would not lead to the order of an index.
        let outcome = match outcome {
            Some(true) => "won",
            Some(false) => "lost",
            None => "open",
        };
        sql.push(" AND outcome = ").push_bind(outcome);
    }
    if let Some(price) = query.price_min {
        sql.push(" AND price_minor >= ").push_bind(price);
    }
    if let Some(price) = query.price_max {
        sql.push(" AND price_minor <= ").push_bind(price);
    }
    if let Some(day) = query.from {
        sql.push(" AND quoted_on >= ").push_bind(day);
    }
    if let Some(day) = query.to {
        sql.push(" AND quoted_on <= ").push_bind(day);
    }
    if let Some(customer) = &query.customer {
        sql.push(" AND customer = ").push_bind(customer.clone());
    }
    if let Some(product) = &query.product {
        sql.push(" AND product = ").push_bind(product.clone());
    }
    if let Some((from, to)) = &query.ref_range {
        // A prefix as a range: LIKE is not leakproof, so under row level security it uses no index.
        sql.push(" AND quote_ref IS NOT NULL AND quote_ref >= ")
            .push_bind(from.clone());
        if let Some(to) = to {
            sql.push(" AND quote_ref < ").push_bind(to.clone());
        }
    }
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
