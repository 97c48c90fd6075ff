//! Drift: silent where quotes stay what they were, told and flagged where they do not, and over once they are again.

use std::collections::HashMap;

use futures::StreamExt as _;
use platform::tail::{Start, tail};
use proto::prediction::{
    CheckDriftRequest, DriftDetected, DriftEnded, DriftReport, EvidenceReasonKind, EvidenceStatus,
    FieldValue, GetDriftRequest, OutcomeInput, QuoteInput, QuoteOutcome, RecordOutcomesRequest,
    field_value::Value,
};
use testkit::{TestResult, eventually};
use tonic::Code;
use uuid::Uuid;

use crate::{
    quotes::{quotes, sent},
    world::{Tenant, tenant},
};

/// A quote of the sample under a name, its price multiplied.
fn priced(row: usize, name: &str, factor: f64) -> QuoteInput {
    let quote = quotes(400)[row];
    let value = quote.price.map(|price| Value::Number(price * factor));
    let mut input = sent(&quote);
    input.quote_ref = name.to_owned();
    input
        .fields
        .insert("Price".to_owned(), FieldValue { value });
    input
}

/// Asks about as many quotes of the sample.
async fn ask(tenant: &Tenant, model: &str, name: &str, count: usize, factor: f64) -> TestResult {
    let asked = (0..count).map(|row| priced(row, &format!("{name}{row}"), factor));
    tenant.predict(model, asked.collect()).await?;
    Ok(())
}

async fn check(tenant: &Tenant, model: &str) -> TestResult<DriftReport> {
    let (client, context) = tenant.prediction();
    let request = CheckDriftRequest {
        model_id: model.to_owned(),
    };
    let reply = client.check_drift(context, request).await?;
    Ok(reply.report.ok_or("no report")?)
}

#[tokio::test(flavor = "multi_thread")]
async fn drift_is_found_told_flagged_and_ended() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 400).await?;
    let (client, context) = tenant.prediction();
    let request = GetDriftRequest {
        model_id: model.clone(),
    };
    // The training service may answer with the model a moment before the prediction service has heard of it.
    eventually("the model is known, and was never checked", || async {
        match client.get_drift(context, request.clone()).await {
            Err(status) if status.code() == Code::NotFound => Ok(false),
            Err(status) => Ok(status.code() == Code::FailedPrecondition),
            Ok(checked) => Err(format!("checked by nobody: {checked:?}").into()),
        }
    })
    .await?;

    ask(&tenant, &model, "few", 50, 1.0).await?;
    let report = check(&tenant, &model).await?;
    assert!(!report.drifting && report.shifts.is_empty());
    assert!(report.notes[0].contains("it takes 100"), "{report:?}");

    ask(&tenant, &model, "same", 200, 1.0).await?;
    let report = check(&tenant, &model).await?;
    assert!(!report.drifting, "{report:?}");
    assert_eq!((report.recent_quotes, report.past_quotes), (250, 400));
    let columns: HashMap<_, _> = report
        .shifts
        .iter()
        .map(|shift| (shift.column.as_str(), shift))
        .collect();
    assert!(columns.contains_key("Price") && columns.contains_key("Customer"));
    assert!(!columns.contains_key("Date"), "time passes by itself");
    let expected = report.expected.ok_or("answers promise something")?;
    assert_eq!(expected.quotes, 250);
    let silent = tenant.predict(&model, vec![priced(3, "calm", 1.0)]).await?;
    assert!(silent[0].warnings.is_empty(), "{:?}", silent[0].warnings);

    ask(&tenant, &model, "dear", 400, 40.0).await?;
    let report = check(&tenant, &model).await?;
    assert!(report.drifting && report.drifting_since.is_some());
    let price = report.shifts.iter().find(|shift| shift.column == "Price");
    let price = price.ok_or("the price was compared")?;
    assert!(price.drifted && price.psi > price.psi_threshold);
    let flagged = tenant
        .predict(&model, vec![priced(3, "flagged", 1.0)])
        .await?;
    assert!(
        flagged[0].warnings[0].starts_with("The model drifts: "),
        "{flagged:?}"
    );
    assert_eq!(flagged[0].evidence_status(), EvidenceStatus::LowEvidence);
    let reason = flagged[0].evidence_reasons.last().ok_or("a reason")?;
    assert_eq!(reason.kind(), EvidenceReasonKind::Drift);
    let again = check(&tenant, &model).await?;
    assert_eq!(again.drifting_since, report.drifting_since);
    let (client, context) = tenant.prediction();
    let kept = client.get_drift(context, request).await?.report;
    assert_eq!(kept, Some(again));

    ask(&tenant, &model, "back", 400, 1.0).await?;
    ask(&tenant, &model, "again", 400, 1.0).await?;
    ask(&tenant, &model, "still", 400, 1.0).await?;
    let report = check(&tenant, &model).await?;
    assert!(
        !report.drifting && report.drifting_since.is_none(),
        "{report:?}"
    );
    let silent = tenant.predict(&model, vec![priced(3, "calm", 1.0)]).await?;
    assert!(silent[0].warnings.is_empty(), "{:?}", silent[0].warnings);
    let (_, told) = tail::<DriftDetected>(tenant.bus(), tenant.id, Start::After(0.into())).await?;
    let told = Box::pin(told).next().await.ok_or("nothing was told")??;
    assert_eq!(told.event.model_id, model);
    assert!(told.event.columns.contains(&"Price".to_owned()));
    let (_, over) = tail::<DriftEnded>(tenant.bus(), tenant.id, Start::After(0.into())).await?;
    let over = Box::pin(over).next().await.ok_or("nothing was told")??;
    assert!(over.position > told.position);
    tenant.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn predictions_bring_their_check_and_outcomes_are_held_against_promises() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 400).await?;
    ask(&tenant, &model, "D", 200, 40.0).await?;
    let (client, context) = tenant.prediction();
    let request = GetDriftRequest {
        model_id: model.clone(),
    };
    eventually("the model is checked by itself", || async {
        let found = client.get_drift(context, request.clone()).await;
        Ok(found.is_ok_and(|reply| reply.report.is_some_and(|report| report.drifting)))
    })
    .await?;

    // Dear quotes were promised to be lost; that every one of them is won was not to be expected.
    let won = (0..100).map(|at| OutcomeInput {
        quote_ref: format!("D{at}"),
        outcome: QuoteOutcome::Won as i32,
        ..OutcomeInput::default()
    });
    let request = RecordOutcomesRequest {
        outcomes: won.collect(),
    };
    client.record_outcomes(context, request).await?;
    let report = check(&tenant, &model).await?;
    let realised = report.realised.ok_or("quotes are decided")?;
    let expected = report.expected_of_decided.ok_or("quotes are decided")?;
    assert_eq!((realised.quotes, expected.quotes), (100, 100));
    let value = |figure: Option<proto::prediction::Figure>| figure.map(|figure| figure.value);
    assert!(value(realised.log_loss) > value(expected.log_loss));
    assert!(report.worse_than_expected && report.worse_p_value.is_some_and(|p| p < 1e-6));
    let (_, told) = tail::<DriftDetected>(tenant.bus(), tenant.id, Start::After(0.into())).await?;
    let told: Vec<_> = Box::pin(told).take(2).collect().await;
    let told = told.into_iter().collect::<Result<Vec<_>, _>>()?;
    let worse: Vec<_> = told.iter().map(|of| of.event.worse_than_expected).collect();
    assert_eq!(worse, [false, true], "what is found anew is told anew");
    tenant.world.stop().await;
    Ok(())
}
