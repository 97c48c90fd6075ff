//! Which model answers: the gate before a promotion, the way back, the other names, and two models side by
//! side.

use proto::{
    ingestion::{ImportUndone, Snapshot},
    training::{LossVerdict, Model},
};
use testkit::{TestResult, eventually};
use tonic::Code;
use uuid::Uuid;

use crate::{
    quotes::{Columns, open, snapshot},
    world::{Tenant, tenant},
};

/// Trains on these quotes of a dataset.
async fn trained(
    tenant: &Tenant,
    dataset: Uuid,
    rows: usize,
    columns: Columns,
) -> TestResult<Model> {
    tenant.import(dataset, &snapshot(0..rows, columns)).await?;
    tenant.trained(dataset).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worse_model_is_held_back_and_everything_can_be_taken_back() -> TestResult {
    let (tenant, replica) = tenant().await?;
    let dataset = Uuid::now_v7();
    let first = trained(&tenant, dataset, 600, Columns::Both).await?;
    let misread = Columns::MisreadBefore(640);
    let worse = trained(&tenant, dataset, 800, misread).await?;
    assert!(worse.aliases.is_empty());

    let refusal = tenant
        .promote(&worse.id, "", false)
        .await
        .expect_err("it is worse");
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    for part in [
        "on 160 quotes",
        "95 % interval",
        "not by chance",
        "--override --reason",
    ] {
        assert!(refusal.message().contains(part), "{part}: {refusal}");
    }
    assert_eq!(tenant.alias("champion").await?, Some(first.id.clone()));
    let gate = tenant.model(&worse.id).await?.gate.unwrap_or_default();
    assert_eq!(gate.verdict(), LossVerdict::Worse);
    assert!(!gate.passes && gate.difference > 0.0, "{gate:?}");
    assert_eq!(gate.champion_model_id, first.id);
    assert!(
        gate.basis.contains("both as they were evaluated"),
        "{gate:?}"
    );
    tenant
        .audited(&worse.id, "training.refuse_promotion")
        .await?;

    let silent = tenant
        .promote(&worse.id, " ", true)
        .await
        .expect_err("says not why");
    assert_eq!(silent.code(), Code::InvalidArgument);
    let wanted = tenant
        .promote(&worse.id, "the other one is wrong", true)
        .await?;
    assert!(wanted.champion && wanted.promotion_reason == "the other one is wrong");
    tenant
        .audited(&worse.id, "training.override_promotion")
        .await?;

    let back = tenant.rollback().await?;
    assert_eq!(back.model.unwrap_or_default().id, first.id);
    assert_eq!(back.previous_model_id, worse.id);
    tenant
        .audited(&worse.id, "training.roll_back_model")
        .await?;
    assert_eq!(tenant.alias("champion").await?, Some(first.id.clone()));
    let refusal = tenant
        .rollback()
        .await
        .expect_err("there is none before it");
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert!(
        refusal
            .message()
            .contains("no other model was the champion"),
        "{refusal}"
    );

    // More than 200 of its test quotes came after the champion, which is judged as it answers.
    let better = trained(&tenant, dataset, 1_100, Columns::Both).await?;
    let better = tenant.promote(&better.id, "", false).await?;
    let gate = better.gate.clone().unwrap_or_default();
    assert!(gate.passes && gate.row_count == 220, "{gate:?}");
    assert!(gate.basis.contains("as it answers"), "{gate:?}");
    assert!(
        tenant.promote(&better.id, "", false).await?.champion,
        "once more changes nothing"
    );

    let query = "SELECT count(*) FROM training.comparison WHERE tenant_id = $1";
    assert_eq!(tenant.count(query, tenant.id).await?, 3);
    let query = "SELECT count(*) FROM training.promotion WHERE tenant_id = $1";
    assert_eq!(tenant.count(query, tenant.id).await?, 3);

    artefacts_that_are_gone_are_not_rolled_back_to(&tenant, &first, &better).await?;
    tenant.stop([replica]).await
}

async fn artefacts_that_are_gone_are_not_rolled_back_to(
    tenant: &Tenant,
    former: &Model,
    champion: &Model,
) -> TestResult {
    let mut admin = tenant.world.admin().await?;
    let query = "SELECT artefact_key FROM training.model WHERE id = $1";
    let key: String = sqlx::query_scalar(query)
        .bind(Uuid::try_parse(&former.id)?)
        .fetch_one(&mut admin)
        .await?;
    let path = tenant.world.launch.blob_dir.join(key);
    let kept = std::fs::read(&path)?;
    std::fs::remove_file(&path)?;
    let refusal = tenant.rollback().await.expect_err("its artefact is gone");
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert!(
        refusal.message().contains("cannot be read any more"),
        "{refusal}"
    );
    std::fs::write(&path, kept)?;

    let undone = ImportUndone {
        import_id: former.import_ids[0].clone(),
        dataset_id: former.dataset_id.clone(),
    };
    tenant.tell(&undone).await?;
    tenant.audited(&former.id, "training.flag_model").await?;
    let refusal = tenant.rollback().await.expect_err("it is flagged");
    assert!(refusal.message().contains("was taken back"), "{refusal}");
    assert_eq!(tenant.alias("champion").await?, Some(champion.id.clone()));
    let refusal = tenant
        .promote(&former.id, "", false)
        .await
        .expect_err("it is flagged");
    assert!(refusal.message().contains("was taken back"), "{refusal}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_compared_needs_somebody_to_decide() -> TestResult {
    let (tenant, replica) = tenant().await?;
    let dataset = Uuid::now_v7();
    trained(&tenant, dataset, 60, Columns::Both).await?;
    let next = trained(&tenant, dataset, 70, Columns::Both).await?;
    let refusal = tenant
        .promote(&next.id, "", false)
        .await
        .expect_err("too few quotes");
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    for part in ["cannot be compared", "it takes 30", "--override"] {
        assert!(refusal.message().contains(part), "{part}: {refusal}");
    }
    let gate = tenant.model(&next.id).await?.gate.unwrap_or_default();
    assert_eq!(gate.verdict(), LossVerdict::NotComparable);
    assert!(gate.interval.is_none());
    assert!(
        tenant
            .promote(&next.id, "I have looked", true)
            .await?
            .champion
    );

    // Another dataset, of which the champion knows nothing, and which lacks a column that it reads.
    let other = Uuid::now_v7();
    tenant
        .import(other, &snapshot(5_000..5_400, Columns::Useless))
        .await?;
    let model = tenant.trained(other).await?;
    let compared = tenant.compare(&next.id, &model.id, 0.0).await?;
    let found = compared.comparison.unwrap_or_default();
    assert_eq!(found.row_count, 80);
    assert!(
        found.basis.contains("learned from another one"),
        "{found:?}"
    );
    assert!(
        found.remarks[0].ends_with("counts against it unfairly: Price"),
        "{found:?}"
    );
    assert!(!found.passes, "whatever the figures: {found:?}");
    let refusal = tenant
        .promote(&model.id, "", false)
        .await
        .expect_err("is unfair");
    assert!(refusal.message().contains("unfairly: Price"), "{refusal}");
    tenant.stop([replica]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn names_lead_to_models_and_move() -> TestResult {
    let (tenant, replica) = tenant().await?;
    let dataset = Uuid::now_v7();
    let first = trained(&tenant, dataset, 300, Columns::Both).await?;
    let second = trained(&tenant, dataset, 400, Columns::Both).await?;
    assert_eq!(
        tenant.set_alias("challenger", &second.id).await?,
        Some(second.id.clone())
    );
    assert_eq!(tenant.model("challenger").await?.id, second.id);
    assert_eq!(tenant.model("champion").await?.id, first.id);
    tenant.audited(&second.id, "training.shadow_model").await?;
    tenant.set_alias("last-year", &first.id).await?;
    assert_eq!(
        tenant.model(&first.id).await?.aliases,
        ["champion", "last-year"]
    );
    assert_eq!(tenant.set_alias("last-year", "").await?, None);
    assert_eq!(
        tenant.set_alias("last-year", "").await?,
        None,
        "it is gone already"
    );

    for (name, code) in [
        ("champion", Code::InvalidArgument),
        ("Last year", Code::InvalidArgument),
    ] {
        let refusal = tenant.set_alias(name, &second.id).await.expect_err(name);
        assert_eq!(refusal.code(), code, "{refusal}");
    }
    let nobody = tenant.set_alias("new", &Uuid::now_v7().to_string()).await;
    assert_eq!(nobody.expect_err("is unknown").code(), Code::NotFound);
    let unknown = tenant
        .model("last-year")
        .await
        .expect_err("the name is gone");
    assert!(unknown.to_string().contains("alias list"), "{unknown}");

    // Who becomes the champion is no challenger any more.
    tenant.promote(&second.id, "a test", true).await?;
    assert_eq!(tenant.alias("challenger").await?, None);
    tenant.audited(&second.id, "training.end_shadow").await?;
    tenant.stop([replica]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn two_models_stand_side_by_side_with_the_open_quotes_they_judge_differently() -> TestResult {
    let (tenant, replica) = tenant().await?;
    let dataset = Uuid::now_v7();
    let useless = trained(&tenant, dataset, 400, Columns::Useless).await?;
    let with_open = Snapshot {
        open: Some(open(7_000..7_050)),
        ..snapshot(0..500, Columns::Both)
    };
    tenant.import(dataset, &with_open).await?;
    let informed = tenant.trained(dataset).await?;

    let found = tenant.compare("champion", &informed.id, 0.0).await?;
    let shadow = found.shadow.clone().unwrap_or_default();
    assert!(
        shadow.problem.contains("cannot be asked"),
        "nobody predicts here"
    );
    let sides = [&found.model_a, &found.model_b].map(|m| m.clone().unwrap_or_default().id);
    assert_eq!(sides, [useless.id.clone(), informed.id.clone()]);
    let loss = found.comparison.clone().unwrap_or_default();
    assert_eq!(loss.candidate_model_id, informed.id, "the newer one");
    assert_eq!(loss.verdict(), LossVerdict::Better, "{loss:?}");
    assert_eq!(found.importances[0].column, "Price");
    assert_eq!(found.importances[0].permutation_a, None);
    assert!(found.importances[0].permutation_b > Some(0.0));

    let quotes = found.open_quotes.unwrap_or_default();
    assert_eq!((quotes.open_count, quotes.threshold), (50, 0.1));
    assert!(
        quotes.moved_count > 10 && quotes.moved_count < 50,
        "{quotes:?}"
    );
    assert_eq!(quotes.moved.len(), quotes.moved_count as usize);
    let apart = |at: usize| (quotes.moved[at].probability_b - quotes.moved[at].probability_a).abs();
    assert!(apart(0) >= apart(1) && apart(quotes.moved.len() - 1) >= 0.1);
    let cheap = quotes
        .moved
        .iter()
        .find(|quote| quote.price < 300.0)
        .ok_or("a cheap one")?;
    assert!(cheap.probability_b > cheap.probability_a, "{cheap:?}");
    assert!(cheap.quote_ref.starts_with('Q') && cheap.day > Some(19_000));

    // The other way round the same with the sides changed.
    let back = tenant.compare(&informed.id, &useless.id, 1.0).await?;
    assert_eq!(back.comparison.unwrap_or_default(), loss);
    assert_eq!(back.open_quotes.unwrap_or_default().moved_count, 0);

    let same = tenant
        .compare(&informed.id, &informed.id, 0.0)
        .await
        .expect_err("is one");
    assert_eq!(same.code(), Code::InvalidArgument);
    let wide = tenant
        .compare(&informed.id, &useless.id, 1.5)
        .await
        .expect_err("too wide");
    assert_eq!(wide.code(), Code::InvalidArgument);
    tenant.stop([replica]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_data_and_seed_compare_as_equal() -> TestResult {
    let (tenant, replica) = tenant().await?;
    let dataset = Uuid::now_v7();
    let first = trained(&tenant, dataset, 400, Columns::Both).await?;
    let second = tenant.trained(dataset).await?;
    let found = tenant.compare(&first.id, &second.id, 0.0).await?;
    let loss = found.comparison.unwrap_or_default();
    assert_eq!((loss.row_count, loss.difference), (80, 0.0));
    assert!(
        loss.passes && found.parameters.is_empty(),
        "{:?}",
        found.parameters
    );
    assert!(tenant.promote(&second.id, "", false).await?.champion);
    eventually("the promotion is told", || async {
        let query = "SELECT count(*) FROM training.outbox WHERE $1::uuid IS NOT NULL";
        Ok(tenant.count(query, tenant.id).await? == 0)
    })
    .await?;
    tenant.stop([replica]).await
}
