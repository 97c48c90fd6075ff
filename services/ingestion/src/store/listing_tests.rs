//! No filter and no sort of a list reads a whole table: what Postgres plans, as the service's own role.

use proto::ingestion as pb;
use testkit::{TestResult, World};

use super::*;
use crate::store::update_quote_statistics;

/// Quotes of a size at which Postgres would rather read the table than a poor index.
const FILL: &str = "
    SELECT ingestion.ensure_quote_partitions(2023, 2025);
    INSERT INTO ingestion.dataset (tenant_id, id, name, state, columns, created_at, created_by)
    SELECT t, t, 'x', 'importing', '[]', now(), t FROM unnest($1::uuid[]) AS t;
    INSERT INTO ingestion.quote (tenant_id, dataset_id, import_id, quoted_on, id, row, won,
        price_minor, quote_ref, customer, product, raw, derived)
    SELECT t, t, t, date '2023-01-01' + n % 1000, gen_random_uuid(), n,
        CASE n % 10 WHEN 0 THEN NULL ELSE n % 4 = 0 END, n * 7919 % 1000003, 'Q' || n,
        'C' || n % 500, 'P' || n % 200, '{}', '{}'
    FROM unnest($1::uuid[]) AS t, generate_series(1, 20000) AS n;";

fn filters() -> Vec<pb::QuoteFilter> {
    let none = pb::QuoteFilter::default;
    vec![
        none(),
        pb::QuoteFilter {
            outcome: pb::Outcome::Won as i32,
            ..none()
        },
        pb::QuoteFilter {
            outcome: pb::Outcome::Open as i32,
            ..none()
        },
        pb::QuoteFilter {
            price_minor_min: Some(1_000),
            price_minor_max: Some(5_000),
            ..none()
        },
        pb::QuoteFilter {
            quoted_from: "2024-03-01".to_owned(),
            quoted_to: "2024-03-07".to_owned(),
            ..none()
        },
        pb::QuoteFilter {
            customer: "C17".to_owned(),
            ..none()
        },
        pb::QuoteFilter {
            product: "P3".to_owned(),
            ..none()
        },
        pb::QuoteFilter {
            quote_ref_prefix: "Q123".to_owned(),
            ..none()
        },
    ]
}

/// Every pair of filters that are not about the same column.
fn pairs() -> Vec<pb::QuoteFilter> {
    let singles = filters();
    let text = |one: &String, other: &String| format!("{one}{other}");
    let mut pairs = Vec::new();
    for (at, one) in singles.iter().enumerate() {
        for other in &singles[at + 1..] {
            pairs.push(pb::QuoteFilter {
                outcome: one.outcome.max(other.outcome),
                price_minor_min: one.price_minor_min.or(other.price_minor_min),
                price_minor_max: one.price_minor_max.or(other.price_minor_max),
                quoted_from: text(&one.quoted_from, &other.quoted_from),
                quoted_to: text(&one.quoted_to, &other.quoted_to),
                customer: text(&one.customer, &other.customer),
                product: text(&one.product, &other.product),
                quote_ref_prefix: text(&one.quote_ref_prefix, &other.quote_ref_prefix),
            });
        }
    }
    pairs
}

/// Whether a plan reads a partition that has quotes from its beginning to its end.
fn reads_through(plan: &str) -> bool {
    let is_empty = |line: &str| line.contains("quote_before") || line.contains("quote_after");
    plan.lines()
        .any(|line| line.contains("Seq Scan") && !is_empty(line))
}

/// Whether a plan sorts; merging sorted partitions is no sorting.
fn sorts(plan: &str) -> bool {
    let node = |line: &str| line.trim_start_matches([' ', '-', '>']).to_owned();
    plan.lines()
        .map(node)
        .any(|node| node == "Sort" || node == "Incremental Sort")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_and_every_sort_uses_an_index() -> TestResult {
    let world = World::new(&[auth::SERVICE, crate::SERVICE]).await?;
    let (tenant, other) = (Uuid::now_v7(), Uuid::now_v7());
    let mut admin = world.admin().await?;
    let ids = format!("ARRAY['{tenant}','{other}']");
    sqlx::raw_sql(sqlx::AssertSqlSafe(FILL.replace("$1", &ids)))
        .execute(&mut admin)
        .await?;
    let database = world.database("ingestion").await?;
    // At first as after a restore: Postgres knows nothing of the quotes.
    for described in [false, true] {
        let mut tx = database.begin(tenant).await?;
        if described {
            update_quote_statistics(&mut tx, &[2023..=2025], 40_000).await?;
            let known = "SELECT count(*) FROM pg_stats WHERE schemaname = 'ingestion' AND attname = 'outcome'";
            let known: i64 = sqlx::query_scalar(known).fetch_one(&mut admin).await?;
            assert_eq!(known, 0, "it is not committed");
        }
        for (number, filter) in filters().into_iter().chain(pairs()).enumerate() {
            for order in 1..=5 {
                let order = pb::QuoteOrder::try_from(order)?;
                let query = QuoteQuery::parse(tenant, filter.clone(), order, "", 50)?;
                let plan = explain_quotes(&mut tx, &query).await?.join("\n");
                let told = format!("{filter:?} {order:?}\n{plan}");
                assert!(!reads_through(&plan), "{told}");
                assert!(plan.contains("Index"), "{told}");
                assert!(!has_order(&query) || !sorts(&plan), "{told}");
                let is_single = number < filters().len();
                assert!(
                    !is_single || !list_quotes(&mut tx, &query).await?.is_empty(),
                    "{told}"
                );
            }
        }
        tx.commit().await?;
    }
    Ok(())
}
