//! What reporting reacts to: datasets, models and predictions, of which it keeps what reports need.
//! Deliberately no calls to others while it listens.

use std::collections::BTreeMap;

use platform::{
    Database, Kit,
    consumer::{Consumer, Delivered, Delivery, Failure},
    page::parse_id,
};
use prost::Message as _;
use proto::{
    ingestion::{DatasetDeleted, DatasetImported},
    prediction::PredictionMade,
    training::{ModelPromoted, ModelTrained},
};
use uuid::Uuid;

use crate::store;

/// Messages with predictions that are counted in one transaction at most.
const AT_ONCE: usize = 100;

/// The consumers, one for each domain that is listened to.
pub fn consumers(kit: &Kit) -> [Consumer; 3] {
    let (imported, deleted) = (kit.database(), kit.database());
    let (trained, promoted) = (kit.database(), kit.database());
    let predicted = kit.database();
    [
        Consumer::new("reporting", "ingestion")
            .claims_all("reporting")
            .on(move |delivery, event| dataset_imported(imported.clone(), delivery, event))
            .on(move |delivery, event| dataset_deleted(deleted.clone(), delivery, event)),
        Consumer::new("reporting", "training")
            .claims_all("reporting")
            .on(move |delivery, event| model_trained(trained.clone(), delivery, event))
            .on(move |delivery, event| model_promoted(promoted.clone(), delivery, event)),
        Consumer::new("reporting", "prediction")
            .claims_all("reporting")
            .together(AT_ONCE)
            .on_all(move |delivered| predictions_made(predicted.clone(), delivered)),
    ]
}

async fn dataset_imported(
    database: Database,
    delivery: Delivery,
    event: DatasetImported,
) -> Result<(), Failure> {
    let opened = database
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    let id = parse_id("dataset_id", &event.dataset_id)?;
    store::insert_dataset(&mut tx, id, &event.encode_to_vec()).await?;
    Ok(tx.commit().await?)
}

async fn dataset_deleted(
    database: Database,
    delivery: Delivery,
    event: DatasetDeleted,
) -> Result<(), Failure> {
    let opened = database
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    store::delete_dataset(&mut tx, parse_id("dataset_id", &event.dataset_id)?).await?;
    Ok(tx.commit().await?)
}

async fn model_trained(
    database: Database,
    delivery: Delivery,
    event: ModelTrained,
) -> Result<(), Failure> {
    let opened = database
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    let id = parse_id("model_id", &event.model_id)?;
    let dataset_id = parse_id("dataset_id", &event.dataset_id)?;
    let content = event.model.unwrap_or_default().encode_to_vec();
    store::insert_model(&mut tx, id, dataset_id, &content).await?;
    Ok(tx.commit().await?)
}

async fn model_promoted(
    database: Database,
    delivery: Delivery,
    event: ModelPromoted,
) -> Result<(), Failure> {
    let opened = database
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    store::update_champion(&mut tx, parse_id("model_id", &event.model_id)?).await?;
    Ok(tx.commit().await?)
}

async fn predictions_made(
    database: Database,
    delivered: Delivered<PredictionMade>,
) -> Result<(), Failure> {
    let opened = database.begin_together(delivered).await?;
    let Some((mut tx, events)) = opened else {
        return Ok(());
    };
    let mut counts: BTreeMap<Uuid, i64> = BTreeMap::new();
    for event in &events {
        *counts
            .entry(parse_id("model_id", &event.model_id)?)
            .or_default() += 1;
    }
    for (model_id, count) in counts {
        store::update_prediction_count(&mut tx, model_id, count).await?;
    }
    Ok(tx.commit().await?)
}
