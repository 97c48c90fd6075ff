//! From the news of a dataset to answers, against a real Postgres and NATS: what a model learned from,
//! what it is given of earlier quotes, and when it should not be trusted. Deliberately without the
//! gateway: the calls come as it would forward them.

mod drifting;
mod explained;
mod ledger;
mod outcomes;
mod portable;
mod quotes;
mod refused;
mod world;

use proto::{
    ingestion::{DatasetDeleted, DatasetImported, ImportUndone},
    training::TrainingRequested,
};
use testkit::{TestResult, eventually};
use tonic::Code;
use uuid::Uuid;

use crate::{
    quotes::{quotes, sent, snapshot},
    world::tenant,
};

fn undone(import: Uuid, dataset: Uuid) -> ImportUndone {
    ImportUndone {
        import_id: import.to_string(),
        dataset_id: dataset.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn past_quotes_are_answered_as_in_training_until_their_import_is_undone() -> TestResult {
    let mut tenant = tenant().await?;
    let (dataset, import) = (Uuid::now_v7(), Uuid::now_v7());
    let quotes = quotes(400);
    let snapshot = snapshot(&quotes);
    let news = tenant.imported(dataset, import, &snapshot).await?;
    tenant.tell(Uuid::now_v7(), &news).await?;
    tenant.heard().await?;
    let model = tenant.trained(dataset).await?;
    assert_eq!(model.import_ids, [import.to_string()]);
    assert_eq!(model.stale_reason, "");
    // What is derived from the price moves with it when it is shuffled.
    assert_eq!(model.importances[0].column, "Price");

    // Some with and some without a past of their customer.
    let rows = [0, 3, 50, 51, 222, 399];
    let asked: Vec<_> = rows.iter().map(|row| sent(&quotes[*row])).collect();
    let told = tenant.predict(&model.id, asked.clone()).await?;
    let learned = ml::Model::from_bytes(&tenant.artefact(&model.id).await?)?;
    let table = training::domain::snapshot::training_set(snapshot).features;
    let expected = learned.predict(&table.select(&rows))?;
    for (told, expected) in told.iter().zip(&expected) {
        assert_eq!(told.win_probability, expected.probability);
        assert_eq!(told.contributions.len(), expected.contributions.len());
        for part in &expected.contributions {
            let same = told.contributions.iter().find(|c| c.column == part.column);
            let same = same.map(|c| (c.value.as_str(), c.log_odds));
            assert_eq!(same, Some((part.value.as_str(), part.log_odds)));
        }
        assert!(told.warnings.iter().all(|w| !w.contains("taken back")));
    }

    let new = sent(&quotes::quotes(401)[400]);
    let new = tenant.predict(&model.id, vec![new]).await?;
    assert!(new[0].warnings.is_empty(), "{:?}", new[0].warnings);

    tenant
        .tell(Uuid::now_v7(), &undone(import, dataset))
        .await?;
    let warning = "Do not rely on this: the model learned from an import that was taken back on ";
    eventually("answers warn of the model", || async {
        let told = tenant.predict(&model.id, asked.clone()).await?;
        let warns = |found: &Option<&String>| found.is_some_and(|w| w.starts_with(warning));
        Ok(told.iter().all(|p| warns(&p.warnings.first())))
    })
    .await?;
    let flagged = tenant.model(&model.id).await?;
    assert!(
        flagged.stale_reason.ends_with(": train again"),
        "{flagged:?}"
    );
    tenant.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_news_of_a_dataset_count() -> TestResult {
    let mut tenant = tenant().await?;
    let (dataset, import) = (Uuid::now_v7(), Uuid::now_v7());
    let (older, newer) = (Uuid::now_v7(), Uuid::now_v7());
    let small = snapshot(&quotes(60));
    let many = DatasetImported {
        row_count: 60,
        ..tenant.imported(dataset, import, &small).await?
    };
    let few = DatasetImported {
        row_count: 30,
        ..many.clone()
    };
    tenant.tell(newer, &many).await?;
    tenant.tell(older, &few).await?;
    tenant.heard().await?;
    assert_eq!(tenant.known_rows(dataset).await?, Some(60));

    // The import is taken back, and the news of what is left are still on their way.
    tenant
        .tell(Uuid::now_v7(), &undone(import, dataset))
        .await?;
    tenant.heard().await?;
    let model = tenant.trained(dataset).await?;
    assert!(model.stale_reason.contains("taken back"), "{model:?}");
    let quote = sent(&quotes(1)[0]);
    eventually("answers warn of the model", || async {
        let told = tenant.predict(&model.id, vec![quote.clone()]).await?;
        Ok(told[0].warnings.iter().any(|w| w.contains("taken back")))
    })
    .await?;

    // A training that is told again after another import changes nothing of what was learned.
    let again = Uuid::now_v7();
    let news = tenant.imported(dataset, again, &small).await?;
    tenant.tell(Uuid::now_v7(), &news).await?;
    tenant.heard().await?;
    let twice = TrainingRequested {
        model_id: model.id.clone(),
        dataset_id: dataset.to_string(),
    };
    tenant.tell(Uuid::now_v7(), &twice).await?;
    let next = tenant.trained(dataset).await?;
    assert_eq!(next.import_ids, [again.to_string()]);
    assert_eq!(next.stale_reason, "");
    assert_eq!(tenant.model(&model.id).await?, model);

    let empty = DatasetImported {
        dataset_id: dataset.to_string(),
        ..DatasetImported::default()
    };
    tenant.tell(Uuid::now_v7(), &empty).await?;
    tenant.heard().await?;
    let refusal = tenant
        .train(dataset)
        .await
        .expect_err("nothing to learn from");
    assert_eq!(refusal.code(), Code::FailedPrecondition);
    assert!(
        refusal.message().contains("holds no won or lost quotes"),
        "{refusal}"
    );

    let deleted = DatasetDeleted {
        dataset_id: dataset.to_string(),
    };
    tenant.tell(Uuid::now_v7(), &deleted).await?;
    tenant.tell(Uuid::now_v7(), &many).await?;
    tenant.heard().await?;
    assert_eq!(tenant.known_rows(dataset).await?, Some(0), "it stays gone");
    tenant.world.stop().await;
    Ok(())
}
