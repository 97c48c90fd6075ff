//! Who answers, and who comes after: from open quotes that are decided later to a challenger that nobody
//! asked for, its answers in the champion's shadow, its promotion, and the way back. Over real gRPC, with
//! every service.

mod support;

use proto::{
    ingestion::UploadHeader,
    prediction::ListPredictionsRequest,
    training::{
        CompareModelsRequest, ListModelsRequest, Model, ModelState, RetrainingPolicy,
        RollbackModelRequest, SetRetrainingPolicyRequest,
    },
};
use support::{Person, history, import, sign_up, train, upload, world};
use testkit::{TestResult, eventually};
use tonic::Code;
use valutai::client::{models, predict};

/// A history whose newest quotes are not decided yet.
fn with_open(rows: usize, open: usize) -> TestResult<Vec<u8>> {
    let text = String::from_utf8(history(rows, 1)?)?;
    let undecided = |(at, line): (usize, &str)| match line.rsplit_once(',') {
        Some((quote, _)) if at > rows - open => format!("{quote},open\n"),
        _ => format!("{line}\n"),
    };
    let lines: String = text.lines().enumerate().map(undecided).collect();
    Ok(lines.into_bytes())
}

/// The newest model that nobody asked for, once it is ready.
async fn retrained(owner: &Person) -> TestResult<Model> {
    let newest = || async {
        let request = ListModelsRequest::default();
        let reply = owner.connection.training().list_models(request).await?;
        let mut models = reply.into_inner().models.into_iter();
        TestResult::Ok(models.find(|model| model.created_by.is_empty()))
    };
    eventually("a model that nobody asked for is ready", || async {
        Ok(newest()
            .await?
            .is_some_and(|model| model.state() == ModelState::Ready))
    })
    .await?;
    newest().await?.ok_or_else(|| "it is gone again".into())
}

#[tokio::test(flavor = "multi_thread")]
async fn decided_quotes_bring_a_challenger_which_shadows_and_takes_over() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "ada").await?;
    let dataset = import(&owner, &with_open(700, 200)?).await?;
    let champion = train(&owner, &dataset.id).await?;
    assert_eq!(champion.data.clone().unwrap_or_default().row_count, 500);
    let policy = RetrainingPolicy {
        dataset_id: dataset.id.clone(),
        enabled: true,
        least_new_outcomes: 150,
        ..RetrainingPolicy::default()
    };
    let request = SetRetrainingPolicyRequest {
        policy: Some(policy),
    };
    owner
        .connection
        .training()
        .set_retraining_policy(request)
        .await?;

    // The outcomes of most of them become known.
    let header = UploadHeader {
        dataset_id: dataset.id.clone(),
        ..UploadHeader::default()
    };
    upload(&owner, &with_open(700, 30)?, header).await?;
    let challenger = retrained(&owner).await?;
    assert_eq!(challenger.reason, "170 new outcomes");
    assert_eq!(challenger.aliases, ["challenger"]);

    shadows(&owner, &champion, &challenger).await?;
    let found = compare(&owner, "champion", "challenger").await?;
    let loss = found.comparison.clone().unwrap_or_default();
    // Of its 134 test quotes the champion had learned from none, as the quotes that were open are newer.
    assert_eq!(loss.row_count, challenger.test_row_count, "{loss:?}");
    let open = found.open_quotes.clone().unwrap_or_default();
    assert_eq!((open.open_count, open.problem.as_str()), (30, ""));
    assert!(!found.importances.is_empty());
    let shadow = found.shadow.clone().unwrap_or_default();
    assert!(
        shadow.prediction_count >= 1 && shadow.problem.is_empty(),
        "{shadow:?}"
    );
    assert!(
        shadow.largest_difference > 0.0,
        "they are two models: {shadow:?}"
    );

    take_over_and_back(&owner, &champion, &challenger).await?;
    world.stop().await;
    world.assert_outboxes_empty().await
}

/// Answers by alias, and the challenger's beside the champion's.
async fn shadows(owner: &Person, champion: &Model, challenger: &Model) -> TestResult {
    let quote = |price: &str| {
        let fields = [("price".to_owned(), price.to_owned())];
        predict::quote("asked", fields)
    };
    for (name, id) in [
        ("", &champion.id),
        ("champion", &champion.id),
        ("challenger", &challenger.id),
        (challenger.id.as_str(), &challenger.id),
    ] {
        let reply = predict::predict(&owner.connection, name, quote("1000")).await?;
        let made_by = reply.prediction.unwrap_or_default().model_id;
        assert_eq!(&made_by, id, "asked by {name:?}");
    }
    let unknown = predict::predict(&owner.connection, "nobody", quote("1000")).await;
    let refusal = unknown.expect_err("nobody has that name").to_string();
    assert!(refusal.contains("alias list"), "{refusal}");

    // A replica may remember for a moment that there was no challenger.
    eventually("the challenger answers in the shadow", || async {
        predict::predict(&owner.connection, "", quote("900")).await?;
        let found = compare(owner, &champion.id, &challenger.id).await?;
        Ok(found.shadow.unwrap_or_default().prediction_count > 0)
    })
    .await?;
    // Nobody is shown what was answered in the shadow.
    let request = ListPredictionsRequest {
        model_id: challenger.id.clone(),
        ..ListPredictionsRequest::default()
    };
    let made = owner
        .connection
        .prediction()
        .list_predictions(request)
        .await?;
    assert_eq!(made.into_inner().predictions.len(), 2);
    Ok(())
}

async fn compare(
    owner: &Person,
    a: &str,
    b: &str,
) -> TestResult<proto::training::CompareModelsResponse> {
    let request = CompareModelsRequest {
        model_a: a.to_owned(),
        model_b: b.to_owned(),
        ..CompareModelsRequest::default()
    };
    Ok(owner
        .connection
        .training()
        .compare_models(request)
        .await?
        .into_inner())
}

async fn take_over_and_back(owner: &Person, champion: &Model, challenger: &Model) -> TestResult {
    let answers = |id: String| {
        eventually("another model answers", move || {
            let id = id.clone();
            async move {
                let fields = [("price".to_owned(), "1000".to_owned())];
                let quote = predict::quote("who", fields);
                let reply = predict::predict(&owner.connection, "", quote).await?;
                Ok(reply.prediction.unwrap_or_default().model_id == id)
            }
        })
    };
    let promoted = models::promote(&owner.connection, &challenger.id, "a test", true).await?;
    assert_eq!(promoted.model.unwrap_or_default().aliases, ["champion"]);
    answers(challenger.id.clone()).await?;
    let mut training = owner.connection.training();
    let back = training
        .rollback_model(RollbackModelRequest::default())
        .await?;
    assert_eq!(back.into_inner().model.unwrap_or_default().id, champion.id);
    answers(champion.id.clone()).await?;
    let refusal = training
        .rollback_model(RollbackModelRequest::default())
        .await;
    assert_eq!(
        refusal.expect_err("there is none").code(),
        Code::FailedPrecondition
    );
    Ok(())
}
