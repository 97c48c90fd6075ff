//! Bad input of every call: the right code and a sentence that says what to do.

use proto::prediction::{
    ExplainDifferenceRequest, FieldPolicy, PredictBatchRequest, PredictRequest,
    PrepareExportRequest, PriceCurveRequest, QuoteInput, SetRecommendationPolicyRequest,
    field_value::Value,
};
use testkit::TestResult;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{
    explained::with,
    quotes::{quotes, sent},
    world::tenant,
};

fn told<T: std::fmt::Debug>(answer: Result<T, Status>, code: Code, part: &str) {
    let status = answer.expect_err(part);
    assert_eq!(status.code(), code, "{status}");
    assert!(status.message().contains(part), "{status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_advice() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 120).await?;
    let quote = sent(&quotes(1)[0]);
    let (client, context) = tenant.prediction();

    let ask = |similar_quotes| PredictRequest {
        model_id: model.clone(),
        quote: Some(quote.clone()),
        similar_quotes: Some(similar_quotes),
        recommendations: Some(false),
    };
    told(
        client.predict(context, ask(21)).await,
        Code::InvalidArgument,
        "at most 20",
    );
    let most = client
        .predict(context, ask(20))
        .await?
        .prediction
        .unwrap_or_default();
    assert_eq!(most.similar_quotes.len(), 20);
    let batch = PredictBatchRequest {
        model_id: model.clone(),
        quotes: vec![quote.clone()],
        similar_quotes: 99,
        recommendations: false,
    };
    told(
        client.predict_batch(context, batch).await,
        Code::InvalidArgument,
        "at most 20",
    );

    let curve = |quote: Option<QuoteInput>, points| PriceCurveRequest {
        model_id: model.clone(),
        quote,
        points,
    };
    told(
        client.price_curve(context, curve(None, 0)).await,
        Code::InvalidArgument,
        "no quote",
    );
    for points in [1, 201] {
        let answer = client
            .price_curve(context, curve(Some(quote.clone()), points))
            .await;
        told(answer, Code::InvalidArgument, "2 to 200");
    }
    let priceless = with(quote.clone(), "Price", Value::Text("n/a".to_owned()));
    let answer = client.price_curve(context, curve(Some(priceless), 0)).await;
    told(answer, Code::FailedPrecondition, "has no price");
    let nonsense = with(quote.clone(), "Price", Value::Text("much".to_owned()));
    let answer = client.price_curve(context, curve(Some(nonsense), 0)).await;
    told(answer, Code::InvalidArgument, "not a number");

    let unknown = Uuid::now_v7().to_string();
    let differ = |from: &str, to: &str| ExplainDifferenceRequest {
        from_id: from.to_owned(),
        to_id: to.to_owned(),
    };
    let answer = client
        .explain_difference(context, differ(&most.id, &unknown))
        .await;
    told(answer, Code::NotFound, "there is no prediction");
    let answer = client
        .explain_difference(context, differ("x", &unknown))
        .await;
    told(answer, Code::InvalidArgument, "from_id");

    let policy = |fields| SetRecommendationPolicyRequest {
        fields,
        expected_version: None,
    };
    let twice = vec![
        FieldPolicy {
            column: "Price".to_owned(),
            ..FieldPolicy::default()
        };
        2
    ];
    let answer = client
        .set_recommendation_policy(context, policy(twice))
        .await;
    told(answer, Code::InvalidArgument, "named twice");
    let kept = client
        .get_recommendation_policy(context, Default::default())
        .await?;
    assert_eq!(
        kept.policy.map(|policy| policy.version),
        Some(0),
        "nothing half-written"
    );
    let request = PrepareExportRequest {
        model_id: "x".to_owned(),
    };
    told(
        client.prepare_export(context, request).await,
        Code::InvalidArgument,
        "model_id",
    );
    tenant.world.stop().await;
    Ok(())
}
