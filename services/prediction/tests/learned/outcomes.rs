//! How quotes ended: told by callers and by imports, corrected, joined to what had been said before, and summed up.

use futures::StreamExt as _;
use platform::tail::{Start, tail};
use proto::{
    common::BlobRef,
    ingestion::{DatasetDeleted, DatasetImported},
    prediction::{
        AdviceFollowed, Estimate, GetOutcomeRequest, GetOutcomeResponse, OutcomeInput,
        OutcomeRecorded, OutcomeSource, QuoteInput, QuoteOutcome, RecordEffect,
        RecordEstimatesRequest, RecordOutcomeRequest, RecordOutcomesRequest, RecordedOutcome,
        TrackRecordRequest,
    },
};
use testkit::{TestResult, eventually};
use tonic::Code;
use uuid::Uuid;

use crate::{
    quotes::{quotes, sent, snapshot},
    world::{Tenant, tenant},
};

/// A quote of the sample under a name.
fn named(row: usize, name: &str) -> QuoteInput {
    QuoteInput {
        quote_ref: name.to_owned(),
        ..sent(&quotes(400)[row])
    }
}

fn input(quote_ref: &str, outcome: QuoteOutcome) -> OutcomeInput {
    OutcomeInput {
        quote_ref: quote_ref.to_owned(),
        outcome: outcome as i32,
        ..OutcomeInput::default()
    }
}

async fn record(tenant: &Tenant, outcome: OutcomeInput) -> TestResult<RecordedOutcome> {
    let (client, context) = tenant.prediction();
    let request = RecordOutcomeRequest {
        outcome: Some(outcome),
    };
    let reply = client.record_outcome(context, request).await?;
    Ok(reply.recorded.ok_or("nothing was recorded")?)
}

async fn known(tenant: &Tenant, quote_ref: &str) -> TestResult<Option<GetOutcomeResponse>> {
    let (client, context) = tenant.prediction();
    let request = GetOutcomeRequest {
        quote_ref: quote_ref.to_owned(),
    };
    match client.get_outcome(context, request).await {
        Ok(found) => Ok(Some(found)),
        Err(status) if status.code() == Code::NotFound => Ok(None),
        Err(status) => Err(status.into()),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_joined_once_and_its_corrections_are_history() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 400).await?;
    let first = tenant.predict(&model, vec![named(7, "N-1")]).await?;
    let last = tenant.predict(&model, vec![named(8, "N-1")]).await?;
    let (client, context) = tenant.prediction();
    for chance in [0.3, 0.6] {
        let estimate = Estimate {
            quote_ref: "N-1".to_owned(),
            win_probability: chance,
            ..Estimate::default()
        };
        let request = RecordEstimatesRequest {
            estimates: vec![estimate],
        };
        client.record_estimates(context, request).await?;
    }
    let won = record(&tenant, input("N-1", QuoteOutcome::Won)).await?;
    assert_eq!(won.effect(), RecordEffect::Recorded);
    // The last of the model's predictions counts, and it alone.
    assert_eq!(won.predictions.len(), 1);
    assert_eq!(won.predictions[0].prediction_id, last[0].id);
    assert_eq!(won.predictions[0].win_probability, last[0].win_probability);
    assert!(won.predictions[0].counts);
    // What comes after the decision does not.
    tenant.predict(&model, vec![named(9, "N-1")]).await?;
    let again = record(&tenant, input("N-1", QuoteOutcome::Won)).await?;
    assert_eq!(again.effect(), RecordEffect::Unchanged);
    let lost = record(&tenant, input("N-1", QuoteOutcome::Lost)).await?;
    assert_eq!(lost.effect(), RecordEffect::Corrected);
    assert_eq!(lost.predictions, won.predictions);

    let found = known(&tenant, "N-1").await?.ok_or("it was recorded")?;
    let outcome = found.outcome.ok_or("it was recorded")?;
    assert_eq!(
        (outcome.outcome(), outcome.version),
        (QuoteOutcome::Lost, 2)
    );
    assert_eq!(found.history.len(), 1, "a repetition is no history");
    assert_eq!(found.history[0].outcome(), QuoteOutcome::Won);
    assert_eq!(found.estimate.map(|e| e.win_probability), Some(0.6));

    // The caller may say when it was decided; then the first prediction is the last before it.
    let between = first[0].created_at.map(|at| prost_types::Timestamp {
        nanos: at.nanos + 1_000_000,
        ..at
    });
    let moved = OutcomeInput {
        decided_at: between,
        ..input("N-1", QuoteOutcome::Lost)
    };
    let moved = record(&tenant, moved).await?;
    assert_eq!(moved.predictions[0].prediction_id, first[0].id);

    let (_, events) =
        tail::<OutcomeRecorded>(tenant.bus(), tenant.id, Start::After(0.into())).await?;
    let told: Vec<_> = Box::pin(events).take(3).collect().await;
    let told = told.into_iter().collect::<Result<Vec<_>, _>>()?;
    let said: Vec<_> = told
        .iter()
        .map(|e| {
            let e = &e.event;
            (e.outcome.as_str(), e.previous_outcome.as_str(), e.version)
        })
        .collect();
    assert_eq!(
        said,
        [("won", "", 1), ("lost", "won", 2), ("lost", "lost", 3)]
    );
    assert_eq!(told[0].event.prediction_id, last[0].id);
    eventually("every call is in the trail", || async {
        Ok(tenant.audited("prediction.record_outcomes").await? == 4)
    })
    .await?;

    let (client, _) = tenant.prediction();
    let request = GetOutcomeRequest {
        quote_ref: "N-1".to_owned(),
    };
    let stranger = client.get_outcome(&tenant.stranger(), request).await;
    assert!(stranger.is_err_and(|status| status.code() == Code::NotFound));
    tenant.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_joined_is_refused_and_nothing_of_its_request_is_kept() -> TestResult {
    let mut tenant = tenant().await?;
    let (client, context) = tenant.prediction();
    let request = RecordOutcomesRequest {
        outcomes: vec![input("A", QuoteOutcome::Won), input("", QuoteOutcome::Lost)],
    };
    let refusal = client
        .record_outcomes(context, request)
        .await
        .expect_err("a quote without a name");
    assert_eq!(refusal.code(), Code::InvalidArgument);
    assert!(
        refusal
            .message()
            .starts_with("number 2: it has no quote_ref"),
        "{refusal}"
    );
    assert!(known(&tenant, "A").await?.is_none());
    // Without a prediction it is an outcome all the same, joined to nothing.
    let alone = record(&tenant, input("A", QuoteOutcome::Won)).await?;
    assert!(alone.predictions.is_empty());
    let request = TrackRecordRequest::default();
    let record = tenant.prediction().0.track_record(context, request).await?;
    assert!(record.scores.is_none());
    assert_eq!((record.unjoined_outcomes, record.notes.len()), (1, 1));
    tenant.world.stop().await;
    Ok(())
}

/// News of a dataset whose quotes are named Q0, Q1 and so on.
async fn tell(tenant: &Tenant, dataset: Uuid, rows: &[usize], flipped: &[usize]) -> TestResult {
    let all = quotes(400);
    let mut some: Vec<_> = rows.iter().map(|row| all[*row]).collect();
    for (quote, row) in some.iter_mut().zip(rows) {
        if flipped.contains(row) {
            quote.outcome = quote.outcome.map(|won| !won);
        }
    }
    let mut told = snapshot(&some);
    for column in &mut told.columns {
        if column.name == "Quote" {
            column.levels = rows.iter().map(|row| format!("Q{row}")).collect();
        }
    }
    let news = tenant.imported(dataset, Uuid::now_v7(), &told).await?;
    tenant.tell(Uuid::now_v7(), &news).await
}

#[tokio::test(flavor = "multi_thread")]
async fn imports_tell_how_predicted_quotes_ended() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 400).await?;
    let won_or_lost = |row: usize, flipped: bool| {
        if (quotes(400)[row].outcome == Some(true)) == flipped {
            QuoteOutcome::Lost
        } else {
            QuoteOutcome::Won
        }
    };
    let dataset = Uuid::now_v7();
    // Quote 5 is known to be decided before anybody predicts it, so that its prediction was no feat.
    tell(&tenant, dataset, &[5], &[]).await?;
    eventually("the import was heard", || async {
        let mut admin = tenant.world.admin().await?;
        let query = "SELECT count(*) FROM prediction.dataset_outcome WHERE dataset_id = $1";
        let heard: i64 = sqlx::query_scalar(query)
            .bind(dataset)
            .fetch_one(&mut admin)
            .await?;
        Ok(heard == 1)
    })
    .await?;
    let asked = [5, 6, 7].map(|row| named(row, &format!("Q{row}")));
    let told = tenant.predict(&model, asked.to_vec()).await?;
    tell(&tenant, dataset, &[5, 6, 7, 8], &[]).await?;
    let ends = async |row: usize, wanted: QuoteOutcome, version: u32| {
        eventually("the outcome is recorded", || async {
            let found = known(&tenant, &format!("Q{row}")).await?;
            let found = found.and_then(|found| found.outcome);
            Ok(found.is_some_and(|o| o.outcome() == wanted && o.version == version))
        })
        .await
    };
    ends(7, won_or_lost(7, false), 1).await?;
    ends(6, won_or_lost(6, false), 1).await?;
    let found = known(&tenant, "Q6").await?.ok_or("it was recorded")?;
    assert_eq!(found.predictions[0].prediction_id, told[1].id);
    let outcome = found.outcome.ok_or("it was recorded")?;
    assert_eq!(outcome.source(), OutcomeSource::Import);
    assert_eq!(outcome.dataset_id, dataset.to_string());
    assert!(known(&tenant, "Q5").await?.is_none(), "predicted too late");
    assert!(known(&tenant, "Q8").await?.is_none(), "never predicted");

    // A person corrects; an import that only repeats itself does not take that back, one that says something new does.
    let corrected = record(&tenant, input("Q6", won_or_lost(6, true))).await?;
    assert_eq!(corrected.effect(), RecordEffect::Corrected);
    tell(&tenant, dataset, &[5, 6, 7], &[7]).await?;
    ends(7, won_or_lost(7, true), 2).await?;
    ends(6, won_or_lost(6, true), 2).await?;
    // Quotes that the dataset calls decided no more.
    tell(&tenant, dataset, &[5, 6], &[6]).await?;
    ends(7, QuoteOutcome::Withdrawn, 3).await?;
    ends(6, won_or_lost(6, true), 2).await?;
    let (client, context) = tenant.prediction();
    let record = client
        .track_record(context, TrackRecordRequest::default())
        .await?;
    let scores = record.scores.ok_or("one quote is decided")?;
    assert_eq!(scores.quotes, 1, "withdrawn ones do not count");

    // Late news change nothing, and what is deleted says nothing more.
    let deleted = DatasetDeleted {
        dataset_id: dataset.to_string(),
    };
    tenant.tell(Uuid::now_v7(), &deleted).await?;
    eventually("the dataset is forgotten", || async {
        let mut admin = tenant.world.admin().await?;
        let query = "SELECT count(*) FROM prediction.dataset_outcome WHERE dataset_id = $1";
        let left: i64 = sqlx::query_scalar(query)
            .bind(dataset)
            .fetch_one(&mut admin)
            .await?;
        Ok(left == 0)
    })
    .await?;
    ends(6, won_or_lost(6, true), 2).await?;
    // An import whose snapshot was replaced meanwhile is no failure.
    let gone = DatasetImported {
        dataset_id: Uuid::now_v7().to_string(),
        snapshot: Some(BlobRef {
            key: format!("{}/snapshot/gone", tenant.id),
            size_bytes: 1,
            sha256: vec![0; 32],
        }),
        ..DatasetImported::default()
    };
    tenant.tell(Uuid::now_v7(), &gone).await?;
    tenant.world.assert_outboxes_empty().await?;
    tenant.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_record_says_what_was_said_and_what_was_won() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 400).await?;
    let rows: Vec<usize> = (300..400).collect();
    let asked = rows.iter().map(|row| named(*row, &format!("R{row}")));
    let told = tenant.predict(&model, asked.collect()).await?;
    let all = quotes(400);
    let ended = |row: usize| all[row].outcome == Some(true);
    let outcome = |row: &usize| {
        let state = if ended(*row) {
            QuoteOutcome::Won
        } else {
            QuoteOutcome::Lost
        };
        // As recommended, whatever that was: the field is looked up below.
        input(&format!("R{row}"), state)
    };
    let (client, context) = tenant.prediction();
    let estimates = rows[..40].iter().map(|row| Estimate {
        quote_ref: format!("R{row}"),
        win_probability: 0.5,
        ..Estimate::default()
    });
    let request = RecordEstimatesRequest {
        estimates: estimates.collect(),
    };
    client.record_estimates(context, request).await?;
    let outcomes: Vec<OutcomeInput> = rows
        .iter()
        .zip(&told)
        .map(|(row, prediction)| {
            let mut outcome = outcome(row);
            if let Some(advised) = &prediction.price_recommendation {
                let price = advised.price.to_string();
                outcome.final_fields = [("Price".to_owned(), price)].into();
            }
            outcome
        })
        .collect();
    let advised = told
        .iter()
        .filter(|p| p.price_recommendation.is_some())
        .count();
    let request = RecordOutcomesRequest { outcomes };
    client.record_outcomes(context, request).await?;

    let request = TrackRecordRequest {
        segment_column: "Customer".to_owned(),
        ..TrackRecordRequest::default()
    };
    let record = client.track_record(context, request).await?;
    let p: Vec<f64> = told.iter().map(|p| p.win_probability).collect();
    let won: Vec<bool> = rows.iter().map(|row| ended(*row)).collect();
    let wins = won.iter().filter(|won| **won).count();
    let expected = ml::evaluate(&p, &won, wins as f64 / 100.0, 0.5, 1);
    let scores = record.scores.ok_or("quotes are decided")?;
    assert_eq!((scores.quotes, scores.won as usize), (100, wins));
    let same = |figure: Option<proto::prediction::Figure>, score: ml::Score| {
        let figure = figure.expect("a figure");
        let interval = figure.interval.expect("an interval");
        for (told, computed) in [
            (figure.value, score.value),
            (interval.low, score.low),
            (interval.high, score.high),
        ] {
            assert!((told - computed).abs() < 1e-12, "{told} is not {computed}");
        }
    };
    same(scores.brier, expected.brier);
    same(scores.log_loss, expected.log_loss);
    same(scores.auc, expected.auc.expect("both outcomes"));
    same(scores.gain_over_base, expected.gain_over_base);
    let told_quotes: u32 = scores.reliability.iter().map(|row| row.quotes).sum();
    let told_wins: u32 = scores.reliability.iter().map(|row| row.won).sum();
    assert_eq!((told_quotes, told_wins as usize), (100, wins));
    assert_eq!(record.models.len(), 1);
    assert_eq!(record.models[0].model_id, model);
    let in_segments: u32 = record.segments.iter().map(|s| s.quotes).sum();
    assert_eq!(in_segments, 100);
    let estimates = record.estimates.ok_or("people had estimates")?;
    assert_eq!(estimates.quotes, 40);
    assert!(advised > 0, "the sample gives advice");
    assert_eq!(record.advice.len(), 1);
    assert_eq!(record.advice[0].followed(), AdviceFollowed::Yes);
    assert_eq!(record.advice[0].quotes as usize, advised);

    let none = TrackRecordRequest {
        model_id: Uuid::now_v7().to_string(),
        ..TrackRecordRequest::default()
    };
    let none = client.track_record(context, none).await?;
    assert!(none.scores.is_none());
    assert_eq!(none.unjoined_outcomes, 100);
    tenant.world.stop().await;
    Ok(())
}
