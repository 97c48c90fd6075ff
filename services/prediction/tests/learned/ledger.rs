//! The ledger: found by quote, by model and by time, kept as long as its tenant wants, and what changes in it is told.

use futures::StreamExt as _;
use platform::tail::{Start, tail};
use proto::prediction::{
    FieldValue, GetLedgerSettingsRequest, ListPredictionsRequest, Prediction, PredictionChanged,
    SetLedgerSettingsRequest, field_value::Value,
};
use testkit::{TestResult, eventually};
use tonic::Code;
use uuid::Uuid;

use crate::{
    quotes::{quotes, sent},
    world::{Tenant, tenant},
};

async fn list(tenant: &Tenant, request: ListPredictionsRequest) -> TestResult<Vec<Prediction>> {
    let (client, context) = tenant.prediction();
    Ok(client.list_predictions(context, request).await?.predictions)
}

/// Copies the tenant's predictions and shadow answers to a time before, as they would have been made then; tells its month.
async fn make_old(tenant: &Tenant, days: i32) -> TestResult<String> {
    let mut admin = tenant.world.admin().await?;
    let (made, month): (chrono::DateTime<chrono::Utc>, String) = sqlx::query_as(
        "SELECT made, to_char(made, 'YYYY_MM') FROM (SELECT date_trunc('second', now() - make_interval(days => $1)) AS made) old",
    )
    .bind(days)
    .fetch_one(&mut admin)
    .await?;
    sqlx::query("SELECT prediction.ensure_prediction_partitions($1, 1)")
        .bind(made.date_naive())
        .execute(&mut admin)
        .await?;
    for copy in [
        "INSERT INTO prediction.prediction_block (tenant_id, id, created_at, body)
         SELECT tenant_id, (lpad(to_hex((extract(epoch FROM $2::timestamptz) * 1000)::bigint), 12, '0')
                || right(replace(id::text, '-', ''), 20))::uuid, $2::timestamptz, body
         FROM prediction.prediction_block WHERE tenant_id = $1",
        "INSERT INTO prediction.prediction (tenant_id, id, created_at, model_id, quote_ref, win_probability, low, high,
            evidence, input, input_hash, created_by, block_id, place)
         SELECT tenant_id, (lpad(to_hex((extract(epoch FROM $2::timestamptz) * 1000)::bigint), 12, '0')
                || right(replace(id::text, '-', ''), 20))::uuid,
            $2::timestamptz, model_id, quote_ref, win_probability, low, high, evidence, input, input_hash, created_by,
            (lpad(to_hex((extract(epoch FROM $2::timestamptz) * 1000)::bigint), 12, '0')
                || right(replace(block_id::text, '-', ''), 20))::uuid, place
         FROM prediction.prediction WHERE tenant_id = $1",
    ] {
        sqlx::query(copy)
            .bind(tenant.id)
            .bind(made)
            .execute(&mut admin)
            .await?;
    }
    sqlx::query(
        "INSERT INTO prediction.shadow_answer (tenant_id, prediction_id, created_at, model_id, win_probability,
            shadow_model_id, shadow_win_probability)
         SELECT tenant_id, id, created_at, model_id, 0.5, model_id, 0.5 FROM prediction.prediction WHERE tenant_id = $1
         ON CONFLICT DO NOTHING",
    )
    .bind(tenant.id)
    .execute(&mut admin)
    .await?;
    Ok(month)
}

async fn tables(tenant: &Tenant, month: &str) -> TestResult<i64> {
    let mut admin = tenant.world.admin().await?;
    let query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'prediction' AND tablename LIKE '%' || $1";
    Ok(sqlx::query_scalar(query)
        .bind(month)
        .fetch_one(&mut admin)
        .await?)
}

async fn counts(tenant: &Tenant) -> TestResult<(i64, i64)> {
    let mut admin = tenant.world.admin().await?;
    Ok(sqlx::query_as(
        "SELECT (SELECT count(*) FROM prediction.prediction WHERE tenant_id = $1),
            (SELECT count(*) FROM prediction.shadow_answer WHERE tenant_id = $1)",
    )
    .bind(tenant.id)
    .fetch_one(&mut admin)
    .await?)
}

async fn count_blocks(tenant: &Tenant) -> TestResult<i64> {
    let mut admin = tenant.world.admin().await?;
    let query = "SELECT count(*) FROM prediction.prediction_block WHERE tenant_id = $1";
    Ok(sqlx::query_scalar(query)
        .bind(tenant.id)
        .fetch_one(&mut admin)
        .await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_are_found_and_kept_as_long_as_is_wanted() -> TestResult {
    let mut tenant = tenant().await?;
    let dataset = Uuid::now_v7();
    let models = [
        tenant.trained_on(dataset, 400).await?,
        tenant.trained(dataset).await?.id,
    ];
    let quote = |row: usize, name: &str| {
        let mut quote = sent(&quotes(400)[row]);
        quote.quote_ref = name.to_owned();
        quote
    };
    for model in &models {
        let asked = vec![quote(1, "A"), quote(2, "B"), quote(3, "")];
        tenant.predict(model, asked).await?;
    }
    let of_quote = |name: &str| ListPredictionsRequest {
        quote_ref: name.to_owned(),
        ..ListPredictionsRequest::default()
    };
    let found = list(&tenant, of_quote("A")).await?;
    let told: Vec<_> = found
        .iter()
        .map(|p| (p.quote_ref.as_str(), p.model_id.as_str()))
        .collect();
    assert_eq!(told, [("A", models[1].as_str()), ("A", models[0].as_str())]);
    let both = ListPredictionsRequest {
        model_id: models[0].clone(),
        ..of_quote("A")
    };
    assert_eq!(list(&tenant, both.clone()).await?.len(), 1);
    assert_eq!(
        list(
            &tenant,
            ListPredictionsRequest {
                quote_ref: String::new(),
                ..both
            }
        )
        .await?
        .len(),
        3
    );
    let first = found[1].created_at;
    let later = |seconds: i64| {
        first.map(|at| prost_types::Timestamp {
            seconds: at.seconds + seconds,
            ..at
        })
    };
    let period = |from, until| ListPredictionsRequest {
        made_from: from,
        made_until: until,
        ..ListPredictionsRequest::default()
    };
    assert_eq!(list(&tenant, period(first, later(60))).await?.len(), 6);
    assert_eq!(list(&tenant, period(later(-60), first)).await?.len(), 0);
    let (client, context) = tenant.prediction();
    let refused = client
        .list_predictions(context, period(later(1), first))
        .await;
    assert!(refused.is_err_and(|status| status.code() == Code::InvalidArgument));

    // Two years old, and forty days: of the first month nothing else is there.
    let ancient = make_old(&tenant, 730).await?;
    assert_eq!(tables(&tenant, &ancient).await?, 3);
    assert_eq!(counts(&tenant).await?, (12, 12));
    let blocks = count_blocks(&tenant).await?;
    assert_eq!(
        list(&tenant, ListPredictionsRequest::default())
            .await?
            .len(),
        12
    );
    let settings = client
        .get_ledger_settings(context, GetLedgerSettingsRequest {})
        .await?;
    assert_eq!(settings.settings.unwrap_or_default().retention_days, 0);
    for days in [29, 36_501] {
        let request = SetLedgerSettingsRequest {
            retention_days: days,
        };
        let refused = client.set_ledger_settings(context, request).await;
        assert!(refused.is_err_and(|status| status.code() == Code::InvalidArgument));
    }
    let request = SetLedgerSettingsRequest {
        retention_days: 365,
    };
    client.set_ledger_settings(context, request).await?;
    eventually("what is older is gone", || async {
        Ok(counts(&tenant).await? == (6, 6))
    })
    .await?;
    assert_eq!(
        count_blocks(&tenant).await?,
        blocks / 2,
        "with their details"
    );
    eventually("its month is dropped", || async {
        Ok(tables(&tenant, &ancient).await? == 0)
    })
    .await?;
    assert_eq!(
        list(&tenant, ListPredictionsRequest::default())
            .await?
            .len(),
        6
    );
    eventually("the removal is in the trail", || async {
        Ok(tenant.audited("prediction.expire").await? == 1)
    })
    .await?;
    eventually(
        "the two that were refused are there, and the one that was not",
        || async { Ok(tenant.audited("prediction.set_ledger_settings").await? == 3) },
    )
    .await?;

    // Who wants to keep everything keeps everything.
    let request = SetLedgerSettingsRequest { retention_days: 0 };
    client.set_ledger_settings(context, request).await?;
    make_old(&tenant, 730).await?;
    let request = SetLedgerSettingsRequest {
        retention_days: 3_650,
    };
    client.set_ledger_settings(context, request).await?;
    tenant.world.stop().await;
    assert_eq!(counts(&tenant).await?, (12, 12));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_prediction_changes_is_told_once() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 400).await?;
    let priced = |name: &str, price: f64| {
        let mut quote = sent(&quotes(400)[200]);
        quote.quote_ref = name.to_owned();
        let value = Some(Value::Number(price));
        quote
            .fields
            .insert("Price".to_owned(), FieldValue { value });
        quote
    };
    let usual = quotes(400)[200].price.unwrap_or_default();
    let mut made = Vec::new();
    // Nameless quotes and repetitions change nothing.
    for (name, price) in [
        ("", usual),
        ("A", usual),
        ("A", usual),
        ("", usual * 9.0),
        ("A", usual * 9.0),
    ] {
        made.extend(tenant.predict(&model, vec![priced(name, price)]).await?);
    }
    let (_, told) =
        tail::<PredictionChanged>(tenant.bus(), tenant.id, Start::After(0.into())).await?;
    let told = Box::pin(told)
        .next()
        .await
        .ok_or("nothing was told")??
        .event;
    assert_eq!(told.quote_ref, "A");
    assert_eq!(
        (&told.prediction_id, &told.previous_prediction_id),
        (&made[4].id, &made[2].id)
    );
    assert_eq!(told.win_probability, made[4].win_probability);
    assert_eq!(told.previous_win_probability, made[2].win_probability);
    assert!(told.win_probability < told.previous_win_probability);
    assert_eq!(told.grade_crossed, told.grade != told.previous_grade);
    tenant.world.assert_outboxes_empty().await?;
    tenant.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn details_of_many_transactions_are_read_together() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 400).await?;
    let mut told = Vec::new();
    for number in 0..40 {
        let mut asked = vec![sent(&quotes(400)[number]), sent(&quotes(400)[number + 40])];
        for (at, quote) in asked.iter_mut().enumerate() {
            quote.quote_ref = format!("{number}-{at}");
        }
        told.extend(tenant.predict(&model, asked).await?);
    }
    assert_eq!(count_blocks(&tenant).await?, 40, "one a transaction");
    let request = ListPredictionsRequest {
        page_size: 100,
        ..ListPredictionsRequest::default()
    };
    told.reverse();
    assert_eq!(list(&tenant, request).await?, told, "as they were told");
    tenant.world.stop().await;
    Ok(())
}
