//! What training reacts to: datasets that come, change and go, imports that are taken back, and models of
//! its own that nobody asked for. Deliberately not the training, which is a job.

use platform::{
    Kit,
    consumer::{Consumer, Delivery, Failure},
    page::parse_id,
};
use proto::{
    ingestion::{DatasetDeleted, DatasetImported, ImportUndone},
    rpc::Context,
    training::ModelTrained,
};

use crate::{
    Error,
    commands::{flag, promote_by_policy, retrain_if_due},
    domain::State,
    store::{self, DatasetNews},
};

/// The consumer of models that became ready. Of its own, since it compares models, which takes a while.
pub fn own_consumer(kit: &Kit) -> Consumer {
    let kit = kit.clone();
    Consumer::new("training", "training").on(move |delivery: Delivery, event: ModelTrained| {
        let kit = kit.clone();
        async move {
            let id = parse_id("model_id", &event.model_id)?;
            Ok::<(), Failure>(promote_by_policy(&kit, &delivery, id).await?)
        }
    })
}

/// The consumer of ingestion's news.
pub fn consumer(kit: &Kit) -> Consumer {
    let (imported, undone, deleted) = (kit.clone(), kit.clone(), kit.clone());
    Consumer::new("training", "ingestion")
        .claims_all("training")
        .on(move |delivery: Delivery, event: DatasetImported| {
            let kit = imported.clone();
            async move { Ok::<(), Failure>(note_imported(&kit, &delivery, event).await?) }
        })
        .on(move |delivery: Delivery, event: ImportUndone| {
            let kit = undone.clone();
            async move { Ok::<(), Failure>(note_undone(&kit, &delivery, &event).await?) }
        })
        .on(move |delivery: Delivery, event: DatasetDeleted| {
            let kit = deleted.clone();
            async move { Ok::<(), Failure>(note_deleted(&kit, &delivery, &event).await?) }
        })
}

async fn note_imported(
    kit: &Kit,
    delivery: &Delivery,
    event: DatasetImported,
) -> Result<(), Error> {
    let id = |text: &String| parse_id("import_ids", text);
    let news = DatasetNews {
        id: parse_id("dataset_id", &event.dataset_id)?,
        row_count: i64::from(event.row_count),
        won_count: i64::from(event.won_count),
        import_ids: event.import_ids.iter().map(id).collect::<Result<_, _>>()?,
        snapshot: event.snapshot.filter(|_| event.row_count > 0),
        told_by: delivery.event_id,
    };
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    if store::update_dataset(&mut tx, &news).await? {
        let context = Context::system(delivery.event_id.to_string());
        retrain_if_due(&mut tx, kit, &context, news.id).await?;
    }
    Ok(tx.commit().await?)
}

async fn note_undone(kit: &Kit, delivery: &Delivery, event: &ImportUndone) -> Result<(), Error> {
    let import_id = parse_id("import_id", &event.import_id)?;
    let dataset_id = parse_id("dataset_id", &event.dataset_id)?;
    let undone_at = delivery.made_at().unwrap_or_else(|| kit.clock.now());
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    store::insert_undone_import(&mut tx, import_id, dataset_id, undone_at).await?;
    let context = Context::system(delivery.event_id.to_string());
    for model in store::update_models_stale(&mut tx, import_id, undone_at).await? {
        // One that is still being trained is flagged as it becomes ready.
        if State::of(&model.state) == State::Ready {
            flag(&mut tx, &context, model.id, model.stale_at).await?;
        }
    }
    Ok(tx.commit().await?)
}

async fn note_deleted(kit: &Kit, delivery: &Delivery, event: &DatasetDeleted) -> Result<(), Error> {
    let id = parse_id("dataset_id", &event.dataset_id)?;
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    store::update_dataset_deleted(&mut tx, id, kit.clock.now()).await?;
    Ok(tx.commit().await?)
}
