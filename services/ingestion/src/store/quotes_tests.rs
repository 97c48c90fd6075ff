//! No filter and no sort of a list reads a whole table: what Postgres plans, as the service's own role.

use proto::ingestion as pb;
use testkit::{TestResult, World};

use super::*;

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
    FROM unnest($1::uuid[]) AS t, generate_series(1, 20000) AS n;
    ANALYZE ingestion.quote;";

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

#[tokio::test(flavor = "multi_thread")]
async fn every_filter_and_every_sort_uses_an_index() -> TestResult {
    let world = World::new(&[auth::SERVICE, crate::SERVICE]).await?;
    let (tenant, other) = (Uuid::now_v7(), Uuid::now_v7());
    let mut admin = world.admin().await?;
    let ids = format!("ARRAY['{tenant}','{other}']");
    sqlx::raw_sql(sqlx::AssertSqlSafe(FILL.replace("$1", &ids)))
        .execute(&mut admin)
        .await?;
    let mut tx = world.database("ingestion").await?.begin(tenant).await?;
    for filter in filters() {
        for order in 1..=5 {
            let order = pb::QuoteOrder::try_from(order)?;
            let query = QuoteQuery::parse(tenant, filter.clone(), order, "", 50)?;
            let plan = explain_quotes(&mut tx, &query).await?.join("\n");
            let told = format!("{filter:?} {order:?}\n{plan}");
            // The partition for odd years is empty and may be read.
            let read_through = plan
                .lines()
                .any(|line| line.contains("Seq Scan") && !line.contains("quote_other"));
            assert!(!read_through, "{told}");
            assert!(plan.contains("Index"), "{told}");
            assert!(!list_quotes(&mut tx, &query).await?.is_empty(), "{told}");
        }
    }
    Ok(tx.commit().await?)
}
