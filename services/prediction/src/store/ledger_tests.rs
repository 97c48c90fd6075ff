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
        LATERAL (SELECT timestamptz '2026-01-01 00:00:00Z' + n * interval '6 minutes' AS at) made;";

fn at(day: u32) -> DateTime<Utc> {
    let day = NaiveDate::from_ymd_opt(2026, 2, day).unwrap_or_default();
    day.and_time(NaiveTime::MIN).and_utc()
}

async fn explain(tx: &mut TenantTx, filter: &LedgerFilter) -> TestResult<String> {
    let text = format!("EXPLAIN {}", filter.query());
    let query = sqlx::query_as(sqlx::AssertSqlSafe(text));
    let lines: Vec<(String,)> = filter.bound(query, 50).fetch_all(tx.connection()).await?;
    let lines: Vec<String> = lines.into_iter().map(|line| line.0).collect();
    Ok(lines.join("\n"))
}

async fn filled(world: &World) -> TestResult<[Uuid; 2]> {
    let tenants = [Uuid::now_v7(), Uuid::now_v7()];
    let mut admin = world.admin().await?;
    let ids = format!("ARRAY['{}','{}']", tenants[0], tenants[1]);
    sqlx::raw_sql(sqlx::AssertSqlSafe(FILL.replace("$1", &ids)))
        .execute(&mut admin)
        .await?;
    Ok(tenants)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_said_before_is_found_in_the_index_of_a_young_table() -> TestResult {
    let world = World::new(&[auth::SERVICE, crate::SERVICE]).await?;
    let tenants = filled(&world).await?;
    let mut tx = world
        .database("prediction")
        .await?
        .begin(tenants[0])
        .await?;
    let ids = [3, 2, 1].map(|less| Uuid::from_u128(u128::MAX - less));
    let quotes = [("Q1234", ids[0]), ("Q1233", ids[1]), ("Q0", ids[2])];
    let always = DateTime::from_timestamp(32_503_680_000, 0).unwrap_or_default();
    let befores = find_befores(&mut tx, &quotes, always).await?;
    let of: Vec<Uuid> = befores.iter().map(|row| row.of).collect();
    assert_eq!(of, ids[..2], "nobody asked for the last one");
    for (until, month) in [(always, 3), (at(20), 2), (at(5), 1)] {
        let befores = find_befores(&mut tx, &quotes[..1], until).await?;
        let told: Vec<u32> = befores.iter().map(|row| row.created_at.month()).collect();
        assert_eq!(told, [month], "of the month itself, or of one before it");
    }
    let text = format!("EXPLAIN {BEFORES}");
    let lines: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(text))
        .bind(["Q1234"])
        .bind([Uuid::max()])
        .bind(month_of(at(3)))
        .bind(at(3))
        .fetch_all(tx.connection())
        .await?;
    let plan: String = lines.into_iter().map(|line| line.0 + "\n").collect();
    assert!(
        plan.contains("Backward using prediction_2026_02_tenant_id_quote_ref_id_idx"),
        "{plan}"
    );
    assert!(!plan.contains("Append") && !plan.contains("Sort"), "{plan}");
    tx.commit().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_look_a_prediction_up_has_its_index() -> TestResult {
    let world = World::new(&[auth::SERVICE, crate::SERVICE]).await?;
    let tenants = filled(&world).await?;
    sqlx::query("ANALYZE prediction.prediction")
        .execute(&mut world.admin().await?)
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
    tx.commit().await?;
    Ok(())
}
