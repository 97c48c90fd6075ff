//! What prediction reacts to: models that become ready, the ones that names lead to, those that should not
//! be trusted further, its own answers, which the challenger repeats, and imports, which tell how quotes ended.
//! A promoted model is loaded before it is the champion, so that nobody waits for it.

use futures::StreamExt as _;
use platform::{
    Kit,
    consumer::{Consumer, Delivered, Delivery, Failure, Told},
    error::chain,
    page::parse_id,
    wire::timestamp,
};
use prost::{Message as _, Name as _};
use proto::{
    ingestion::{DatasetDeleted, DatasetImported},
    prediction::{self as told, PredictionMade},
    training::{ModelAliasChanged, ModelFlagged, ModelPromoted, ModelTrained},
};
use uuid::Uuid;

use crate::{
    Error,
    commands::{Commands, Webhooks},
    domain::webhooks::offered,
    store::{self, ModelRow},
};

/// Messages with predictions that are looked at together at most.
const AT_ONCE: usize = 20;

/// The consumer of training's news.
pub fn consumer(kit: &Kit, commands: &Commands) -> Consumer {
    let (trained, promoted, flagged) = (kit.clone(), kit.clone(), kit.clone());
    let commands = commands.clone();
    let named = kit.clone();
    Consumer::new("prediction", "training").claims_all("prediction")
        .on(move |delivery: Delivery, event: ModelTrained| {
            let kit = trained.clone();
            async move { Ok::<(), Failure>(note_trained(&kit, &delivery, event).await?) }
        })
        .on(move |delivery: Delivery, event: ModelPromoted| {
            let (kit, commands) = (promoted.clone(), commands.clone());
            async move { Ok::<(), Failure>(note_promoted(&kit, &commands, &delivery, &event).await?) }
        })
        .on(move |delivery: Delivery, event: ModelAliasChanged| {
            let kit = named.clone();
            async move { Ok::<(), Failure>(note_alias(&kit, &delivery, &event).await?) }
        })
        .on(move |delivery: Delivery, event: ModelFlagged| {
            let kit = flagged.clone();
            async move { Ok::<(), Failure>(note_flagged(&kit, &delivery, &event).await?) }
        })
}

/// The consumer of prediction's own news. Each replica takes events of its own, in any order.
pub fn shadow_consumer(commands: &Commands) -> Consumer {
    let commands = commands.clone();
    Consumer::new("prediction-shadow", "prediction")
        .together(AT_ONCE)
        .on_all(move |delivered: Delivered<PredictionMade>| {
            let commands = commands.clone();
            async move { Ok::<(), Failure>(note_made(&commands, &delivered).await?) }
        })
}

/// The consumer of ingestion's news, which tell how quotes ended. A large dataset takes a while, and each event is
/// compared with the newest that was heard, so that their order does not matter.
pub fn decided_consumer(commands: &Commands) -> Consumer {
    let (imported, deleted) = (commands.clone(), commands.clone());
    Consumer::new("prediction", "ingestion")
        .one_per_replica()
        .on(move |delivery: Delivery, event: DatasetImported| {
            let commands = imported.clone();
            async move { Ok::<(), Failure>(commands.note_imported(&delivery, event).await?) }
        })
        .on(move |delivery: Delivery, event: DatasetDeleted| {
            let commands = deleted.clone();
            async move { Ok::<(), Failure>(commands.note_deleted(&delivery, &event).await?) }
        })
}

/// The consumer of prediction's own news for webhooks, apart from all others: what it is late with, nobody else waits for.
pub fn webhook_consumer(webhooks: &Webhooks) -> Consumer {
    let consumer = Consumer::new("prediction-webhooks", "prediction").together(AT_ONCE);
    let promoted = ModelPromoted::full_name();
    let own = offered().into_iter().filter(|name| *name != promoted);
    own.fold(consumer, |consumer, name| noting(consumer, &name, webhooks))
}

/// The consumer of training's news for webhooks.
pub fn promotion_consumer(webhooks: &Webhooks) -> Consumer {
    let consumer = Consumer::new("prediction-webhooks", "training").together(AT_ONCE);
    noting(consumer, &ModelPromoted::full_name(), webhooks)
}

fn noting(consumer: Consumer, event_type: &str, webhooks: &Webhooks) -> Consumer {
    let webhooks = webhooks.clone();
    consumer.on_told(event_type, move |told: Delivered<Told>| {
        let webhooks = webhooks.clone();
        async move { Ok::<(), Failure>(webhooks.note(&told).await?) }
    })
}

/// What is done with predictions once they are answered.
async fn note_made(
    commands: &Commands,
    delivered: &Delivered<PredictionMade>,
) -> Result<(), Error> {
    commands.watch_drift(delivered).await;
    commands.note_changes(delivered).await?;
    commands.shadow(delivered).await
}

async fn note_alias(
    kit: &Kit,
    delivery: &Delivery,
    event: &ModelAliasChanged,
) -> Result<(), Error> {
    let model_id = match event.model_id.as_str() {
        "" => None,
        id => Some(parse_id("model_id", id)?),
    };
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    store::update_alias(&mut tx, &event.alias, model_id, delivery.event_id).await?;
    Ok(tx.commit().await?)
}

async fn note_trained(kit: &Kit, delivery: &Delivery, event: ModelTrained) -> Result<(), Error> {
    let artefact = event.artefact.unwrap_or_default();
    let (history, past) = (event.history.as_ref(), event.past_quotes.as_ref());
    let model = ModelRow {
        id: parse_id("model_id", &event.model_id)?,
        dataset_id: parse_id("dataset_id", &event.dataset_id)?,
        artefact_key: artefact.key,
        artefact_size_bytes: artefact.size_bytes,
        artefact_sha256: artefact.sha256,
        history_key: history.map(|blob| blob.key.clone()),
        history_size_bytes: history.map(|blob| blob.size_bytes),
        history_sha256: history.map(|blob| blob.sha256.clone()),
        past_key: past.map(|blob| blob.key.clone()),
        past_size_bytes: past.map(|blob| blob.size_bytes),
        past_sha256: past.map(|blob| blob.sha256.clone()),
        stale_reason: String::new(),
        input_schema: event.input_schema.unwrap_or_default().encode_to_vec(),
    };
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    store::insert_model(&mut tx, &model).await?;
    Ok(tx.commit().await?)
}

/// Loads models as they are promoted, in every process: the event itself is handled in one of them.
pub async fn keep_warm(
    kit: &Kit,
    commands: &Commands,
) -> platform::Result<impl Future<Output = ()> + use<>> {
    let mut promoted = Box::pin(kit.bus.hear::<ModelPromoted>().await?);
    let (commands, shutdown) = (commands.clone(), kit.shutdown.clone());
    Ok(async move {
        loop {
            let heard = tokio::select! {
                heard = promoted.next() => heard,
                () = shutdown.cancelled() => return,
            };
            let Some((tenant, event)) = heard else { return };
            if let Ok(id) = parse_id("model_id", &event.model_id) {
                warm(&commands, tenant, id).await;
            }
        }
    })
}

/// A model that cannot be loaded is promoted all the same: who asks it is told why.
async fn warm(commands: &Commands, tenant: Uuid, id: Uuid) {
    if let Err(error) = commands.warm(tenant, id).await {
        tracing::warn!(error = %chain(&error), model = %id, "a promoted model was not loaded ahead");
    }
}

async fn note_promoted(
    kit: &Kit,
    commands: &Commands,
    delivery: &Delivery,
    event: &ModelPromoted,
) -> Result<(), Error> {
    let id = parse_id("model_id", &event.model_id)?;
    warm(commands, delivery.tenant, id).await;
    // The time of the promotion and not of its arrival: a delayed one must not win over a later one.
    let since = delivery.made_at().unwrap_or_else(|| kit.clock.now());
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    if !store::update_champion(&mut tx, id, since).await? {
        // Its ModelTrained failed once and comes again; so does this.
        return Err(Error::ModelOnItsWay);
    }
    // Said once more on this stream, for those outside: in one transaction with the champion, so that it stands between the
    // predictions of the two models.
    tx.publish(&told::ModelPromoted {
        model_id: event.model_id.clone(),
        previous_model_id: event.previous_model_id.clone(),
        promoted_at: Some(timestamp(since)),
    })
    .await?;
    Ok(tx.commit().await?)
}

async fn note_flagged(kit: &Kit, delivery: &Delivery, event: &ModelFlagged) -> Result<(), Error> {
    let id = parse_id("model_id", &event.model_id)?;
    let opened = kit
        .database()
        .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
        .await?;
    let Some(mut tx) = opened else { return Ok(()) };
    if !store::update_stale_reason(&mut tx, id, &event.stale_reason).await? {
        return Err(Error::ModelOnItsWay);
    }
    Ok(tx.commit().await?)
}
