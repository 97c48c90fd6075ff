//! No look-up reads a whole month: what Postgres plans, as the service's own role.

use testkit::{TestResult, World};

use super::*;

/// Two tenants with 20,000 predictions each, of five models and 4,000 quotes, over three months.
const FILL: &str = "
    SELECT prediction.ensure_prediction_partitions(date '2026-01-01', 3);
    INSERT INTO prediction.model (tenant_id, id, dataset_id, artefact_key, artefact_size_bytes, artefact_sha256, input_schema)
    SELECT t, ('00000000-0000-0000-0000-00000000000' || m)::uuid, t, '', 0, '', ''
    FROM unnest($1::uuid[]) AS t, generate_series(0, 4) AS m;
    INSERT INTO prediction.prediction (tenant_id, id, created_at, model_id, quote_ref, win_probability, low, high, evidence,
        input, input_hash, detail, created_by)
    SELECT t, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0')
            || '8' || right(replace(gen_random_uuid()::text, '-', ''), 15))::uuid,
        at, ('00000000-0000-0000-0000-00000000000' || n % 5)::uuid,
        CASE n % 5 WHEN 0 THEN '' ELSE 'Q' || n % 5000 END, 0.5, 0.4, 0.6, 'solid', '{}', '', '', t
    FROM unnest($1::uuid[]) AS t, generate_series(1, 20000) AS n,
        LATERAL (SELECT timestamptz '2026-01-01 00:00:00Z' + n * interval '6 minutes' AS at) made;
    ANALYZE prediction.prediction;";

fn at(day: u32) -> DateTime<Utc> {
    let day = NaiveDate::from_ymd_opt(2026, 2, day).unwrap_or_default();
    day.and_time(chrono::NaiveTime::MIN).and_utc()
}

async fn explain(tx: &mut TenantTx, filter: &LedgerFilter) -> TestResult<String> {
    let text = format!("EXPLAIN {}", filter.query());
    let query = sqlx::query_as(sqlx::AssertSqlSafe(text));
    let lines: Vec<(String,)> = filter.bound(query, 50).fetch_all(tx.connection()).await?;
    let lines: Vec<String> = lines.into_iter().map(|line| line.0).collect();
    Ok(lines.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_look_a_prediction_up_has_its_index() -> TestResult {
    let world = World::new(&[auth::SERVICE, crate::SERVICE]).await?;
    let tenants = [Uuid::now_v7(), Uuid::now_v7()];
    let mut admin = world.admin().await?;
    let ids = format!("ARRAY['{}','{}']", tenants[0], tenants[1]);
    sqlx::raw_sql(sqlx::AssertSqlSafe(FILL.replace("$1", &ids)))
        .execute(&mut admin)
        .await?;
    let database = world.database("prediction").await?;
    let always = (
        DateTime::UNIX_EPOCH,
        DateTime::from_timestamp(32_503_680_000, 0).unwrap_or_default(),
    );
    let model = Uuid::from_u128(3);
    let mut tx = database.begin(tenants[0]).await?;
    for (from, until) in [always, (at(3), at(5))] {
        for (model_id, quote_ref, index) in [
            (None, None, "_pkey"),
            (Some(model), None, "_model_id_"),
            (None, Some("Q1234"), "_quote_ref_"),
            (Some(Uuid::from_u128(4)), Some("Q1234"), "_quote_ref_"),
        ] {
            let filter = LedgerFilter {
                model_id,
                quote_ref: quote_ref.map(str::to_owned),
                made_from: from,
                made_until: until,
                before: Uuid::max(),
            };
            let plan = explain(&mut tx, &filter).await?;
            let told = format!("{filter:?}\n{plan}");
            // Within two days, what is not of the model is left aside on the way.
            let by_time = from != always.0 && plan.contains("_pkey");
            assert!(plan.contains(index) || by_time, "{told}");
            let full = |line: &str| line.contains("Seq Scan") && !line.contains("_default");
            assert!(!plan.lines().any(full), "{told}");
            if from != always.0 {
                assert!(
                    !plan.contains("2026_01") && !plan.contains("2026_03"),
                    "{told}"
                );
            }
            let rows = list_ledger(&mut tx, &filter, 50).await?;
            assert!(rows.windows(2).all(|two| two[0].id > two[1].id));
            match quote_ref {
                // Of one quote in five; each name comes again every 5,000 predictions, which is three weeks.
                Some(_) => assert_eq!(rows.len(), if from == always.0 { 4 } else { 0 }, "{told}"),
                None => assert_eq!(rows.len(), 50, "{told}"),
            }
        }
    }
    tx.commit().await?;
    // By id the partition follows from the id itself.
    let filter = LedgerFilter {
        model_id: None,
        quote_ref: None,
        made_from: at(3),
        made_until: at(4),
        before: Uuid::max(),
    };
    let mut tx = database.begin(tenants[1]).await?;
    let day = list_ledger(&mut tx, &filter, 1000).await?;
    assert_eq!(day.len(), 240, "one in six minutes");
    let found = crate::domain::created_at(day[0].id).ok_or("an id without a time")?;
    let lines: Vec<(String,)> =
        sqlx::query_as("EXPLAIN SELECT detail FROM prediction WHERE id = $1 AND created_at = $2")
            .bind(day[0].id)
            .bind(found)
            .fetch_all(tx.connection())
            .await?;
    let plan: String = lines.into_iter().map(|line| line.0 + "\n").collect();
    assert!(
        plan.contains("Index Scan using prediction_2026_02_pkey"),
        "{plan}"
    );
    assert!(!plan.contains("Append"), "{plan}");
    // What was said of a quote before: the index of quotes, and no month ahead.
    let quotes = [
        ("Q1234", Uuid::max()),
        ("Q1233", Uuid::max()),
        ("Q0", Uuid::max()),
    ];
    let until = DateTime::from_timestamp(32_503_680_000, 0).unwrap_or_default();
    let befores = find_befores(&mut tx, &quotes, until).await?;
    assert_eq!(befores.len(), 2, "nobody asked for the last one");
    let newest = LedgerFilter {
        quote_ref: Some("Q1234".to_owned()),
        made_from: DateTime::UNIX_EPOCH,
        made_until: until,
        ..filter
    };
    let newest = list_ledger(&mut tx, &newest, 1).await?;
    assert_eq!(befores[0].id, newest[0].id);
    let text = format!("EXPLAIN {BEFORES}");
    let lines: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(text))
        .bind(["Q1234"])
        .bind([Uuid::max()])
        .bind(at(3))
        .fetch_all(tx.connection())
        .await?;
    let plan: String = lines.into_iter().map(|line| line.0 + "\n").collect();
    assert!(
        plan.contains("2026_02_tenant_id_quote_ref_id_idx"),
        "{plan}"
    );
    assert!(
        !plan.contains("2026_03_") && !plan.contains("_pkey"),
        "{plan}"
    );
    tx.commit().await?;
    Ok(())
}
