//! How trainings end that nobody waits for to the end: cancelled, or with the worker that ran them.

use std::time::Duration;

use futures::StreamExt as _;
use platform::tail::{Start, tail};
use proto::training::{ModelState, ModelTrained};
use testkit::{TestResult, eventually};
use tonic::Code;
use uuid::Uuid;

use crate::{
    quotes::{Columns, snapshot},
    world::{Tenant, tenant, without_training},
};

/// Enough to be caught in the middle.
const MANY: usize = 4_000;
/// Longest wait for a training that another worker begins anew, on a machine that is busy otherwise.
const PATIENCE: Duration = Duration::from_secs(90);

/// Waits until a worker is in the middle of a training.
async fn in_the_middle(tenant: &Tenant, id: &str) -> TestResult {
    eventually("the training is on its way", || async {
        let model = tenant.model(id).await?;
        assert_ne!(model.state(), ModelState::Ready, "more quotes are needed");
        Ok(model.state() == ModelState::Training && model.progress > 0.0)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_is_cancelled_in_whichever_replica_runs_it() -> TestResult {
    let (tenant, first) = tenant().await?;
    let second = tenant.replica().await?;
    let (large, small) = (Uuid::now_v7(), Uuid::now_v7());
    tenant
        .import(large, &snapshot(0..MANY, Columns::Both))
        .await?;
    tenant
        .import(small, &snapshot(0..60, Columns::Both))
        .await?;

    // Each replica runs one, and who answers the calls is left to chance.
    let running = [tenant.train(large).await?, tenant.train(large).await?];
    for id in &running {
        in_the_middle(&tenant, id).await?;
    }
    // Both workers are busy, so this one waits.
    let waiting = tenant.train(small).await?;
    assert_eq!(tenant.model(&waiting).await?.state(), ModelState::Queued);
    for id in running.iter().chain([&waiting]) {
        let model = tenant.cancel(id).await?;
        assert_eq!(model.state(), ModelState::Cancelled);
        assert_eq!(
            model.cancelled_by,
            tenant.context.caller()?.user_id.to_string()
        );
        assert_eq!(tenant.cancel(id).await?, model, "once more changes nothing");
    }
    // The workers are free again, which is seen from the next training, and nothing was left behind.
    let next = tenant.trained(small).await?;
    assert_eq!(
        next.aliases,
        ["champion"],
        "none of the others was promoted"
    );
    for id in running.iter().chain([&waiting]) {
        let model = tenant.model(id).await?;
        assert_eq!(model.state(), ModelState::Cancelled);
        assert!(model.scores.is_none() && model.aliases.is_empty());
        let audited = tenant.audited(id, "training.cancel_training").await?;
        assert_eq!(
            audited.last().map(String::as_str),
            Some("training.cancel_training")
        );
    }
    eventually("no artefact of a cancelled training is left", || async {
        Ok(tenant.blobs_of("model") == 1 && tenant.blobs_of("holdout") == 1)
    })
    .await?;

    let refusal = tenant.cancel(&next.id).await.expect_err("it has ended");
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert!(refusal.message().contains("\"ready\""), "{refusal}");
    let unknown = tenant.cancel(&Uuid::now_v7().to_string()).await;
    assert_eq!(unknown.expect_err("is unknown").code(), Code::NotFound);
    let refusal = tenant
        .promote(&running[0], "", false)
        .await
        .expect_err("cancelled");
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert!(refusal.message().contains("\"cancelled\""), "{refusal}");
    tenant.stop([first, second]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_work_of_a_killed_worker_is_taken_up_by_another() -> TestResult {
    let tenant = without_training(Duration::from_secs(2)).await?;
    let first = tenant.process()?;
    eventually("training answers", || async {
        Ok(tenant.alias("champion").await.is_ok())
    })
    .await?;
    let dataset = Uuid::now_v7();
    tenant
        .import(dataset, &snapshot(0..MANY, Columns::Both))
        .await?;
    let id = tenant.train(dataset).await?;
    in_the_middle(&tenant, &id).await?;
    let second = tenant.process()?;
    first.kill()?;

    // Asked past the service, which nobody may be there to answer for.
    let model = Uuid::try_parse(&id)?;
    let finished = platform::patience::eventually(PATIENCE, || async {
        let query = "SELECT count(*) FROM training.model WHERE id = $1 AND state = 'ready'";
        TestResult::Ok((tenant.count(query, model).await? == 1).then_some(()))
    });
    finished.await?.ok_or("nobody took the training up")?;
    assert_eq!(tenant.model(&id).await?.attempts, 2);
    let audited = tenant.audited(&id, "training.promote_model").await?;
    let expected = [
        "train_model",
        "start_training",
        "resume_training",
        "model_ready",
        "promote_model",
    ];
    assert_eq!(audited, expected.map(|action| format!("training.{action}")));

    // Told once, in spite of two workers: of the next model's news nothing of this one comes before.
    tenant
        .import(dataset, &snapshot(0..60, Columns::Both))
        .await?;
    let next = tenant.trained(dataset).await?;
    let (_, told) = tail::<ModelTrained>(&tenant.bus, tenant.id, Start::After(0.into())).await?;
    let told: Vec<_> = told.take(2).collect().await;
    let told: Vec<String> = told
        .into_iter()
        .map(|event| Ok(event?.event.model_id))
        .collect::<TestResult<_>>()?;
    assert_eq!(told, [id, next.id.clone()]);
    assert_eq!(tenant.blobs_of("model"), 2);
    drop(second);
    Ok(())
}
