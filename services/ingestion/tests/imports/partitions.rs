//! The partitions of quotes by year: made while others read and write, whatever the years, and by
//! several at once. Deliberately nothing of what is in the quotes.

use proto::ingestion as pb;
use testkit::{TestResult, World};

use crate::support::{Tenant, count, header, tenant};

/// Quotes of the years from `first` on.
fn history(first: usize, years: usize) -> String {
    let mut text = "Quote,Outcome,Price,Quote Date\n".to_owned();
    for row in 0..years * 3 {
        let outcome = ["won", "lost", "lost"][row % 3];
        let year = first + row / 3;
        text.push_str(&format!("Q{row},{outcome},{}.50,{year}-03-21\n", 100 + row));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_that_need_the_same_years_go_on_side_by_side() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    // A replica stores one file at a time.
    let replica = world
        .launch
        .start(&[ingestion::SERVICE], &world.clock)
        .await?;
    let mut tenants = Vec::new();
    for name in ["ada", "bob", "eve"] {
        tenants.push(tenant(&world, &format!("{name}@example.com")).await?);
    }
    // Somebody's import is going on: it has looked at all quotes, and has written some.
    let database = world.database("ingestion").await?;
    let mut dataset = database.begin(tenants[2].id).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "INSERT INTO dataset (tenant_id, id, name, state, columns, created_at, created_by)
         VALUES ('{0}', '{0}', 'x', 'importing', '[]', now(), '{0}')",
        tenants[2].id
    )))
    .execute(dataset.connection())
    .await?;
    dataset.commit().await?;
    let mut going_on = database.begin(tenants[2].id).await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!(
        "SELECT count(*) FROM quote;
         INSERT INTO quote (tenant_id, dataset_id, import_id, quoted_on, id, row, price_minor, raw, derived)
         VALUES ('{0}', '{0}', '{0}', '1985-05-05', '{0}', 1, 1, '{{}}', '{{}}')",
        tenants[2].id
    )))
    .execute(going_on.connection())
    .await?;
    let text = history(2010, 15);
    let (ada, bob) = tokio::join!(
        tenants[0].import(&text, header(false)),
        tenants[1].import(&text, header(false)),
    );
    for import in [ada?, bob?] {
        assert_eq!(import.effect.unwrap_or_default().created, 45);
    }
    going_on.commit().await?;
    let partitions =
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'ingestion.quote'::regclass";
    assert_eq!(count(&world, partitions).await?, 2 + 15);
    let early = "SELECT count(*) FROM ingestion.quote_before";
    assert_eq!(count(&world, early).await?, 1);
    let listed = tenants[0].list(pb::ListQuotesRequest {
        dataset_id: dataset_of(&tenants[0]).await?,
        order: pb::QuoteOrder::Oldest as i32,
        ..Default::default()
    });
    let days: Vec<String> = listed
        .await?
        .into_iter()
        .map(|quote| quote.quoted_on)
        .collect();
    assert_eq!(days.len(), 45);
    assert_eq!(
        (days[0].as_str(), days[44].as_str()),
        ("2010-03-21", "2024-03-21")
    );
    replica.stop().await;
    world.stop().await;
    world.assert_outboxes_empty().await
}

async fn dataset_of(tenant: &Tenant) -> TestResult<String> {
    let request = pb::ListDatasetsRequest::default();
    let listed = tenant
        .ingestion
        .list_datasets(&tenant.context, request)
        .await?;
    Ok(listed.datasets.first().ok_or("a dataset")?.id.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_day_that_can_be_written_has_a_place() -> TestResult {
    let world = World::new(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let mut admin = world.admin().await?;
    sqlx::raw_sql(
        "SELECT ingestion.ensure_quote_partitions(1990, 1990), ingestion.ensure_quote_partitions(2100, 2100);
         INSERT INTO ingestion.dataset (tenant_id, id, name, state, columns, created_at, created_by)
         SELECT i, i, 'x', 'importing', '[]', now(), i FROM (SELECT gen_random_uuid() AS i) AS one;
         INSERT INTO ingestion.quote (tenant_id, dataset_id, import_id, quoted_on, id, row, price_minor, raw, derived)
         SELECT d.id, d.id, d.id, day::date, gen_random_uuid(), 1, 1, '{}', '{}' FROM ingestion.dataset d,
            unnest(ARRAY['0001-01-01', '1989-12-31', '1990-01-01', '2100-12-31', '2101-01-01', '9999-12-31']) AS day",
    )
    .execute(&mut admin)
    .await?;
    let places: Vec<(String, i64)> = sqlx::query_as(
        "SELECT tableoid::regclass::text, count(*) FROM ingestion.quote GROUP BY 1 ORDER BY 1",
    )
    .fetch_all(&mut admin)
    .await?;
    let place = |name: &str, quotes| (format!("ingestion.quote_{name}"), quotes);
    let expected = [
        place("1990", 1),
        place("2100", 1),
        place("after", 2),
        place("before", 2),
    ];
    assert_eq!(places, expected);
    for years in ["1989, 1990", "2100, 2101", "2001, 2000", "NULL, 2000"] {
        let sql = format!("SELECT ingestion.ensure_quote_partitions({years})");
        let refused = sqlx::raw_sql(sqlx::AssertSqlSafe(sql))
            .execute(&mut admin)
            .await;
        let told = refused.expect_err(years).to_string();
        assert!(told.contains("1990 to 2100"), "{told}");
    }
    Ok(())
}
