//! What training reacts to: datasets that come and go. Deliberately not the training, which is a job.

use platform::{
    Kit,
    consumer::{Consumer, Delivery, Failure},
    page::parse_id,
};
use proto::ingestion::{DatasetDeleted, DatasetImported};

use crate::{Error, store};

/// The consumer of ingestion's news.
pub fn consumer(kit: &Kit) -> Consumer {
    let (imported, deleted) = (kit.clone(), kit.clone());
    Consumer::new("training", "ingestion")
        .on(move |delivery: Delivery, event: DatasetImported| {
            let kit = imported.clone();
            async move { Ok::<(), Failure>(note_imported(&kit, &delivery, event).await?) }
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
    let id = parse_id("dataset_id", &event.dataset_id)?;
    let snapshot = event.snapshot.unwrap_or_default();
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    let (rows, won) = (i64::from(event.row_count), i64::from(event.won_count));
    store::insert_dataset(&mut tx, id, rows, won, &snapshot).await?;
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
