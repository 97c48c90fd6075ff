//! What reporting reacts to: datasets, models, predictions, outcomes and drift, of which it keeps what reports need. What an
//! event does to the read models stands here once, for its coming and for a rebuilding. Deliberately no calls to others.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use platform::{
    Database, Kit, TenantTx,
    consumer::{Consumer, Delivered, Delivery, Failure},
    page::parse_id,
    wire::datetime,
};
use prost::Message as _;
use prost_types::Timestamp;
use proto::{
    ingestion::{DatasetDeleted, DatasetImported},
    prediction::{DriftDetected, DriftEnded, OutcomeRecorded, PredictionMade},
    training::{ModelPromoted, ModelTrained},
};
use uuid::Uuid;

use crate::{
    Error,
    store::{self, OutcomeRow, PredictedRow},
};

/// Messages that are handled in one transaction at most.
const AT_ONCE: usize = 100;
const BILLIONTHS: f64 = 1e9;

/// The consumers, one for each domain that is listened to.
pub fn consumers(kit: &Kit) -> [Consumer; 3] {
    let (imported, deleted) = (kit.database(), kit.database());
    let (trained, promoted) = (kit.database(), kit.database());
    let (predicted, decided) = (kit.database(), kit.database());
    let (drifting, over) = (kit.database(), kit.database());
    [
        Consumer::new("reporting", "ingestion")
            .claims_all("reporting")
            .on(move |delivery, event: DatasetImported| each(imported.clone(), delivery, event))
            .on(move |delivery, event: DatasetDeleted| each(deleted.clone(), delivery, event)),
        Consumer::new("reporting", "training")
            .claims_all("reporting")
            .on(move |delivery, event: ModelTrained| each(trained.clone(), delivery, event))
            .on(move |delivery, event: ModelPromoted| each(promoted.clone(), delivery, event)),
        Consumer::new("reporting", "prediction")
            .claims_all("reporting")
            .together(AT_ONCE)
            .on_all(move |events: Delivered<PredictionMade>| all(predicted.clone(), events))
            .on_all(move |events: Delivered<OutcomeRecorded>| all(decided.clone(), events))
            .on_all(move |events: Delivered<DriftDetected>| all(drifting.clone(), events))
            .on_all(move |events: Delivered<DriftEnded>| all(over.clone(), events)),
    ]
}

/// News that change the read models.
pub trait News: Sized + Send {
    /// What some of them do, in their order.
    fn apply(events: &[Self], tx: &mut TenantTx) -> impl Future<Output = Result<(), Error>> + Send;
}

async fn each<E: News>(database: Database, delivery: Delivery, event: E) -> Result<(), Failure> {
    let alone = Delivered {
        tenant: delivery.tenant,
        consumer: delivery.consumer,
        parcels: vec![(delivery.event_id, vec![event])],
    };
    all(database, alone).await
}

async fn all<E: News>(database: Database, delivered: Delivered<E>) -> Result<(), Failure> {
    let ids: Vec<Uuid> = delivered.parcels.iter().map(|(id, _)| *id).collect();
    let mut tx = database.begin(delivered.tenant).await?;
    // Before the claim, so that a rebuilding, which claims as well, never waits for whoever waits for it.
    store::claim_read_models(&mut tx, false).await?;
    let new = tx.claim_events(&delivered.consumer, &ids).await?;
    let parcels = delivered.parcels.into_iter();
    let events: Vec<E> = parcels
        .filter(|(id, _)| new.contains(id))
        .flat_map(|(_, events)| events)
        .collect();
    if events.is_empty() {
        return Ok(());
    }
    E::apply(&events, &mut tx).await?;
    Ok(tx.commit().await?)
}

impl News for DatasetImported {
    async fn apply(events: &[Self], tx: &mut TenantTx) -> Result<(), Error> {
        for event in events {
            let id = parse_id("dataset_id", &event.dataset_id)?;
            store::insert_dataset(tx, id, &event.encode_to_vec()).await?;
        }
        Ok(())
    }
}

impl News for DatasetDeleted {
    async fn apply(events: &[Self], tx: &mut TenantTx) -> Result<(), Error> {
        for event in events {
            store::delete_dataset(tx, parse_id("dataset_id", &event.dataset_id)?).await?;
        }
        Ok(())
    }
}

impl News for ModelTrained {
    async fn apply(events: &[Self], tx: &mut TenantTx) -> Result<(), Error> {
        for event in events {
            let id = parse_id("model_id", &event.model_id)?;
            let dataset_id = parse_id("dataset_id", &event.dataset_id)?;
            let content = event.model.clone().unwrap_or_default().encode_to_vec();
            let trained = Self {
                model: None,
                ..event.clone()
            };
            store::insert_model(tx, id, dataset_id, &content, &trained.encode_to_vec()).await?;
        }
        Ok(())
    }
}

impl News for ModelPromoted {
    async fn apply(events: &[Self], tx: &mut TenantTx) -> Result<(), Error> {
        for event in events {
            store::update_champion(tx, parse_id("model_id", &event.model_id)?).await?;
        }
        Ok(())
    }
}

impl News for PredictionMade {
    async fn apply(events: &[Self], tx: &mut TenantTx) -> Result<(), Error> {
        let mut counts: BTreeMap<(Uuid, String), PredictedRow> = BTreeMap::new();
        for event in events {
            let model_id = parse_id("model_id", &event.model_id)?;
            let month = time(event.created_at.as_ref())?.format("%Y-%m").to_string();
            let p = event.win_probability;
            let billionths = |share: f64| (share * BILLIONTHS).round() as i64;
            let row = counts
                .entry((model_id, month.clone()))
                .or_insert(PredictedRow {
                    month,
                    predictions: 0,
                    said: 0,
                    spread: 0,
                });
            row.predictions += 1;
            row.said += billionths(p);
            row.spread += billionths(p * (1.0 - p));
        }
        for ((model_id, _), row) in counts {
            store::update_prediction_count(tx, model_id, row.predictions).await?;
            store::update_predicted(tx, model_id, &row).await?;
        }
        Ok(())
    }
}

impl News for OutcomeRecorded {
    async fn apply(events: &[Self], tx: &mut TenantTx) -> Result<(), Error> {
        for event in events {
            let said = (!event.prediction_id.is_empty()).then_some(event.win_probability);
            let model_id = match event.model_id.as_str() {
                "" => None,
                id => Some(parse_id("model_id", id)?),
            };
            let row = OutcomeRow {
                quote_ref: event.quote_ref.clone(),
                version: event.version.into(),
                won: match event.outcome.as_str() {
                    "won" => Some(true),
                    "lost" => Some(false),
                    _ => None,
                },
                decided_at: time(event.decided_at.as_ref())?,
                model_id,
                win_probability: said,
            };
            store::insert_outcome(tx, &row).await?;
        }
        Ok(())
    }
}

impl News for DriftDetected {
    async fn apply(events: &[Self], tx: &mut TenantTx) -> Result<(), Error> {
        for event in events {
            let model_id = parse_id("model_id", &event.model_id)?;
            let at = time(event.checked_at.as_ref())?;
            store::insert_drift(tx, model_id, at, Some(&event.encode_to_vec())).await?;
        }
        Ok(())
    }
}

impl News for DriftEnded {
    async fn apply(events: &[Self], tx: &mut TenantTx) -> Result<(), Error> {
        for event in events {
            let model_id = parse_id("model_id", &event.model_id)?;
            let at = time(event.checked_at.as_ref())?;
            store::insert_drift(tx, model_id, at, None).await?;
        }
        Ok(())
    }
}

fn time(at: Option<&Timestamp>) -> Result<DateTime<Utc>, Error> {
    let missing = || platform::Error::Malformed {
        what: "time",
        value: String::new(),
        remedy: "send one of this century",
    };
    Ok(at.and_then(datetime).ok_or_else(missing)?)
}
