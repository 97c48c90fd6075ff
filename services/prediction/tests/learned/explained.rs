//! What stands beside a prediction: grade, evidence, reasons, similar quotes, advice, prices, and why two of them differ.
//! Deliberately through the calls, as they are kept and read again.

use proto::prediction::{
    ChangeDirection, EvidenceStatus, ExplainDifferenceRequest, ExplainDifferenceResponse,
    FieldPolicy, GetPredictionRequest, Grade, PolicyAmount, PredictRequest, Prediction,
    PriceCurveRequest, QuoteInput, SetRecommendationPolicyRequest, field_value::Value,
    policy_amount::Amount,
};
use testkit::{TestResult, eventually};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    quotes::{quotes, sent},
    world::{Tenant, tenant},
};

pub fn with(mut quote: QuoteInput, field: &str, value: Value) -> QuoteInput {
    let slot = quote.fields.entry(field.to_owned()).or_default();
    slot.value = Some(value);
    quote
}

async fn predict(tenant: &Tenant, model: &str, quote: QuoteInput) -> Result<Prediction, Status> {
    let (client, context) = tenant.prediction();
    let request = PredictRequest {
        model_id: model.to_owned(),
        quote: Some(quote),
        ..PredictRequest::default()
    };
    let answer = client.predict(context, request).await?;
    Ok(answer.prediction.unwrap_or_default())
}

async fn difference(
    tenant: &Tenant,
    from: &str,
    to: &str,
) -> Result<ExplainDifferenceResponse, Status> {
    let (client, context) = tenant.prediction();
    let request = ExplainDifferenceRequest {
        from_id: from.to_owned(),
        to_id: to.to_owned(),
    };
    client.explain_difference(context, request).await
}

fn probability(log_odds: f64) -> f64 {
    1.0 / (1.0 + (-log_odds).exp())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prediction_says_what_it_rests_on() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 400).await?;
    let mut quote = sent(&quotes(400)[399]);
    quote.quote_ref = "Q399".to_owned();
    let told = predict(&tenant, &model, quote.clone()).await?;

    let sums = |of: &dyn Fn(&proto::prediction::ContributionGroup) -> f64| {
        told.contribution_groups.iter().map(of).sum::<f64>()
    };
    let log_odds = told.base_log_odds + sums(&|group| group.log_odds);
    assert!((probability(log_odds) - told.win_probability).abs() < 1e-9);
    let points = told.win_probability - probability(told.base_log_odds);
    assert!((sums(&|group| group.points) - points).abs() < 1e-9);
    for group in &told.contribution_groups {
        let parts: f64 = group.parts.iter().map(|part| part.log_odds).sum();
        assert!((parts - group.log_odds).abs() < 1e-9, "{group:?}");
    }
    let columns: Vec<&str> = told
        .contribution_groups
        .iter()
        .map(|g| g.column.as_str())
        .collect();
    assert_eq!(columns[0], "Price", "usual prices count to it: {columns:?}");
    let known = ["Price", "Customer", "Date", "Quote"];
    assert!(
        columns.iter().all(|column| known.contains(column)),
        "{columns:?}"
    );
    let price = &told.contribution_groups[0];
    assert!(price.parts.len() > 1, "{price:?}");
    assert!(
        price.sentence.contains("this customer's usual: ") && price.sentence.ends_with(" points"),
        "{}",
        price.sentence
    );
    assert_ne!(told.grade(), Grade::Unspecified);
    assert!(told.worst_grade() as i32 >= told.best_grade() as i32);
    assert_eq!(told.evidence_status(), EvidenceStatus::Ok, "{told:?}");
    assert!(!told.as_of.is_empty());

    assert_eq!(told.similar_quotes.len(), 5);
    for past in &told.similar_quotes {
        let row: usize = past.quote_id.trim_start_matches('Q').parse()?;
        let facts = &quotes(400)[row];
        assert_ne!(row, 399, "the quote itself is left out");
        assert_eq!((Some(past.won), past.price), (facts.outcome, facts.price));
        assert_eq!(past.date.len(), 10);
        for field in &past.differences {
            assert_ne!(field.value, field.past_value, "{field:?}");
        }
    }
    assert!(
        told.similar_quotes
            .is_sorted_by(|a, b| a.distance <= b.distance)
    );
    let (client, context) = tenant.prediction();
    let request = GetPredictionRequest {
        id: told.id.clone(),
    };
    let kept = client.get_prediction(context, request).await?.prediction;
    assert_eq!(kept, Some(told), "as it was told");

    let odd = with(
        quote.clone(),
        "Customer",
        Value::Text("never seen".to_owned()),
    );
    let odd = predict(&tenant, &model, odd).await?;
    assert_eq!(odd.evidence_status(), EvidenceStatus::LowEvidence);
    assert!(
        odd.evidence_reasons.iter().any(|r| r.column == "Customer"),
        "{odd:?}"
    );
    let plain = tenant.predict(&model, vec![quote]).await?;
    assert!(plain[0].similar_quotes.is_empty() && plain[0].recommendations.is_empty());
    assert_eq!(plain[0].no_change_reason, "", "nobody asked");
    tenant.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn advice_and_prices_follow_the_policy() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 400).await?;
    let dear = quotes(400).into_iter().rev().find(|q| {
        let usual =
            100.0 * 2.0_f64.powi("ABCDEFGH".find(q.customer.unwrap_or("A")).unwrap_or(0) as i32);
        q.price.unwrap_or(0.0) > 1.1 * usual
    });
    let dear = sent(&dear.ok_or("no dear quote")?);
    let price_of = |quote: &QuoteInput| match quote.fields["Price"].value {
        Some(Value::Number(price)) => price,
        _ => f64::NAN,
    };
    let own = price_of(&dear);
    let told = predict(&tenant, &model, dear.clone()).await?;
    assert_eq!(told.policy_version, 0);
    let changed = |told: &Prediction| -> Vec<f64> {
        let changes = told.recommendations.iter().flat_map(|r| &r.changes);
        let values = changes
            .filter(|c| c.column == "Price")
            .map(|c| match &c.to {
                Some(to) => match to.value {
                    Some(Value::Number(price)) => price,
                    _ => f64::NAN,
                },
                None => f64::NAN,
            });
        values.collect()
    };
    let free = changed(&told);
    assert!(
        free.iter().all(|price| *price < own),
        "{free:?} {}",
        told.no_change_reason
    );
    assert_eq!(free.len(), 1, "{}", told.no_change_reason);
    let advice = &told.recommendations[0];
    let gain = advice.gain_interval.ok_or("no interval")?;
    assert!(gain.low > 0.0 && gain.low <= advice.gain && advice.gain <= gain.high);
    assert!(advice.similar_quotes >= 10 && advice.statement.contains("association"));

    let (client, context) = tenant.prediction();
    let set = |fields: Vec<FieldPolicy>, expected_version| SetRecommendationPolicyRequest {
        fields,
        expected_version,
    };
    let little = FieldPolicy {
        column: "@price".to_owned(),
        changeable: true,
        direction: ChangeDirection::Down as i32,
        lower: Some(PolicyAmount {
            amount: Some(Amount::ShareOfValue(0.97)),
        }),
        ..FieldPolicy::default()
    };
    let typo = FieldPolicy {
        column: "Custmer".to_owned(),
        changeable: true,
        ..FieldPolicy::default()
    };
    let answer = client
        .set_recommendation_policy(context, set(vec![little, typo], Some(0)))
        .await?;
    assert_eq!(answer.policy.map(|policy| policy.version), Some(1));
    assert_eq!(
        answer.notes,
        ["No model reads a column called \"Custmer\"."]
    );
    let told = predict(&tenant, &model, dear.clone()).await?;
    assert_eq!(told.policy_version, 1, "at once");
    assert!(
        changed(&told).iter().all(|p| *p < own && *p >= 0.97 * own),
        "{told:?}"
    );
    let recommended = told.price_recommendation.map_or(own, |found| found.price);
    assert!(
        recommended <= own && recommended >= 0.97 * own,
        "{recommended} {own}"
    );

    let lost = client
        .set_recommendation_policy(context, set(Vec::new(), Some(0)))
        .await;
    let lost = lost.expect_err("somebody else was faster");
    assert_eq!(lost.code(), Code::FailedPrecondition);
    assert!(lost.message().contains("version 1, not 0"), "{lost}");
    client
        .set_recommendation_policy(context, set(Vec::new(), None))
        .await?;
    let told = predict(&tenant, &model, dear.clone()).await?;
    assert!(told.recommendations.is_empty() && told.price_recommendation.is_none());
    assert!(
        told.no_change_reason.contains("nothing of this quote"),
        "{}",
        told.no_change_reason
    );
    assert!(
        told.no_recommendation_reason.contains("no other price"),
        "{told:?}"
    );

    let request = |points| PriceCurveRequest {
        model_id: model.clone(),
        quote: Some(dear.clone()),
        points,
    };
    let curve = client.price_curve(context, request(30)).await?;
    assert_eq!((curve.points.len(), curve.policy_version), (30, 2));
    assert!(curve.target.is_none() && curve.no_target_reason.contains("no other price"));
    assert_eq!(curve.quoted.as_ref().map(|p| p.price), Some(own));
    assert_eq!(
        curve.quoted.map(|p| p.win_probability),
        Some(told.win_probability)
    );
    let stranger = tenant.stranger();
    let theirs = client.price_curve(&stranger, request(0)).await;
    assert_eq!(theirs.expect_err("not theirs").code(), Code::NotFound);
    eventually("the audit trail has it", || async {
        let policies = tenant
            .audited("prediction.set_recommendation_policy")
            .await?;
        // Two that were taken and the one that came too late.
        Ok(policies == 3 && tenant.audited("prediction.price_curve").await? == 1)
    })
    .await?;
    tenant.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn differences_are_split_into_data_time_and_model() -> TestResult {
    let mut tenant = tenant().await?;
    let (one, other) = (
        tenant.trained_on(Uuid::now_v7(), 400).await?,
        tenant.trained_on(Uuid::now_v7(), 300).await?,
    );
    let quote = sent(&quotes(400)[390]);
    let dearer = with(quote.clone(), "Price", Value::Number(50.0));
    let later = with(dearer.clone(), "Date", Value::Text("2023-01-05".to_owned()));
    let earlier = with(quote.clone(), "Date", Value::Text("2022-03-01".to_owned()));
    let mut made = Vec::new();
    for (model, quote) in [
        (&one, &quote),
        (&one, &dearer),
        (&one, &earlier),
        (&other, &later),
    ] {
        made.push(predict(&tenant, model, quote.clone()).await?);
    }
    let sizes = |told: &ExplainDifferenceResponse| -> Vec<f64> {
        let causes = [&told.data, &told.time, &told.model];
        let total = |cause: &Option<proto::prediction::DifferenceCause>| {
            cause
                .as_ref()
                .and_then(|c| c.total)
                .map_or(f64::NAN, |part| part.points)
        };
        causes.map(total).to_vec()
    };
    for (from, to) in [(0, 1), (0, 2), (0, 3), (3, 0), (2, 3), (1, 1)] {
        let told = difference(&tenant, &made[from].id, &made[to].id).await?;
        let moved = made[to].win_probability - made[from].win_probability;
        assert!(
            (sizes(&told).iter().sum::<f64>() - moved).abs() < 1e-9,
            "{told:?}"
        );
        let parts =
            [&told.data, &told.time, &told.model].map(|cause| cause.clone().unwrap_or_default());
        let log_odds: f64 = parts
            .iter()
            .filter_map(|c| c.total)
            .map(|p| p.log_odds)
            .sum();
        let logit = |p: f64| (p / (1.0 - p)).ln();
        let expected = logit(made[to].win_probability) - logit(made[from].win_probability);
        assert!((log_odds - expected).abs() < 1e-9);
        for cause in parts {
            let columns: f64 = cause
                .columns
                .iter()
                .filter_map(|c| c.part)
                .map(|p| p.points)
                .sum();
            assert!((columns - cause.total.unwrap_or_default().points).abs() < 1e-9);
        }
    }
    let data_only = difference(&tenant, &made[0].id, &made[1].id).await?;
    assert!(
        sizes(&data_only)[0].abs() > 0.01 && sizes(&data_only)[1..] == [0.0, 0.0],
        "{data_only:?}"
    );
    let columns = &data_only.data.as_ref().ok_or("no data")?.columns;
    // Others follow where they and the price work together.
    assert_eq!(columns[0].column, "Price");
    let time_only = difference(&tenant, &made[0].id, &made[2].id).await?;
    assert_eq!(
        (sizes(&time_only)[0], sizes(&time_only)[2]),
        (0.0, 0.0),
        "{time_only:?}"
    );
    let all = difference(&tenant, &made[0].id, &made[3].id).await?;
    assert!(
        sizes(&all)[0].abs() > 1e-6 && sizes(&all)[2].abs() > 1e-6,
        "{all:?}"
    );

    let (client, _) = tenant.prediction();
    let request = ExplainDifferenceRequest {
        from_id: made[0].id.clone(),
        to_id: made[1].id.clone(),
    };
    let theirs = client.explain_difference(&tenant.stranger(), request).await;
    assert_eq!(theirs.expect_err("not theirs").code(), Code::NotFound);

    // A service that begins anew has no model in memory, and the artefact is gone.
    tenant.world.stop().await;
    tenant.remove_artefact(&other).await?;
    tenant.world.start().await?;
    let gone = difference(&tenant, &made[0].id, &made[3].id).await;
    let gone = gone.expect_err("the model is gone");
    assert_eq!(gone.code(), Code::FailedPrecondition, "{gone}");
    assert!(gone.message().contains("not kept any more"), "{gone}");
    assert!(difference(&tenant, &made[0].id, &made[1].id).await.is_ok());
    tenant.world.stop().await;
    Ok(())
}
