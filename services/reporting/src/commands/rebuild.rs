//! The read models made anew, of the streams alone: they are emptied, and every event that the streams keep does again what it
//! did when it came, in one transaction. Deliberately all or nothing: where the streams keep no longer what was known, nothing
//! is changed.

use std::pin::pin;

use futures::StreamExt as _;
use platform::{
    TenantTx,
    tail::{Position, Raw, Start, kept, tail_several},
};
use prost::{Message, Name};
use proto::{
    ingestion::{DatasetDeleted, DatasetImported},
    prediction::{DriftDetected, DriftEnded, OutcomeRecorded, PredictionMade},
    rpc::Context,
    training::{ModelPromoted, ModelTrained},
};
use tokio::time::timeout;
use uuid::Uuid;

use super::{Commands, PATIENCE, Result};
use crate::{
    Error,
    events::News,
    store::{self, HeldRow},
};

/// Events that are handled at once, as when they come.
const AT_ONCE: usize = 500;
/// What a rebuilding may take in the database.
const STATEMENT_TIMEOUT: &str = "10min";

/// What a rebuilding did.
#[derive(Debug)]
pub struct Rebuilt {
    pub events: u64,
    pub before: HeldRow,
    pub after: HeldRow,
}

impl Commands {
    /// Makes the read models of the caller's organisation anew.
    pub async fn rebuild(&self, context: &Context) -> Result<Rebuilt> {
        let caller = context.caller().map_err(platform::Error::from)?;
        let mut tx = self.database.begin(caller.tenant_id).await?;
        platform::database::set_local(tx.connection(), "statement_timeout", STATEMENT_TIMEOUT)
            .await?;
        store::claim_read_models(&mut tx, true).await?;
        let before = store::find_held(&mut tx).await?;
        store::delete_read_models(&mut tx).await?;
        let mut events = 0;
        // Models before predictions, which are counted with them.
        events += self
            .replay(
                &mut tx,
                "ingestion",
                &[DatasetImported::full_name(), DatasetDeleted::full_name()],
            )
            .await?;
        events += self
            .replay(
                &mut tx,
                "training",
                &[ModelTrained::full_name(), ModelPromoted::full_name()],
            )
            .await?;
        events += self
            .replay(
                &mut tx,
                "prediction",
                &[
                    PredictionMade::full_name(),
                    OutcomeRecorded::full_name(),
                    DriftDetected::full_name(),
                    DriftEnded::full_name(),
                ],
            )
            .await?;
        let after = store::find_held(&mut tx).await?;
        if let Some(lost) = lost(before, after) {
            return Err(Error::StreamsKeepLess(lost));
        }
        tx.audit(context, "reporting.rebuild_read_models", caller.tenant_id)
            .await?;
        tx.commit().await?;
        Ok(Rebuilt {
            events,
            before,
            after,
        })
    }

    /// Has the events of a domain do again what they did, as many as there are by now; answers their number.
    async fn replay(&self, tx: &mut TenantTx, domain: &str, names: &[String]) -> Result<u64> {
        let consumer = format!("reporting-{domain}");
        let mut messages = kept(&self.bus, tx.tenant(), names).await?;
        let start = Start::After(Position::default());
        let (_, events) = tail_several(&self.bus, tx.tenant(), names, start).await?;
        let mut events = pin!(events);
        let (mut some, mut count) = (Vec::new(), 0);
        while messages > 0 {
            let next = timeout(PATIENCE, events.next()).await;
            let next = next.map_err(|_| Error::StreamSilent)?;
            let event: Raw = next.ok_or(Error::StreamSilent)??;
            // The last event of a message is behind all of it.
            if event.position.events == 0 {
                messages -= 1;
            }
            count += 1;
            some.push(event);
            if messages == 0 || some.len() >= AT_ONCE {
                apply(tx, &consumer, &some).await?;
                some.clear();
            }
        }
        Ok(count)
    }
}

/// Applies events in their order, those of one type together, and claims what carried them, so that what is still on its way to
/// this service counts once.
async fn apply(tx: &mut TenantTx, consumer: &str, events: &[Raw]) -> Result<()> {
    let ids: Vec<Uuid> = events.iter().map(|event| event.parcel_id).collect();
    tx.claim_events(consumer, &ids).await?;
    for same in events.chunk_by(|a, b| a.event_type == b.event_type) {
        let name = same.first().map_or("", |event| event.event_type.as_str());
        match name {
            name if name == DatasetImported::full_name() => {
                again::<DatasetImported>(tx, same).await?
            }
            name if name == DatasetDeleted::full_name() => {
                again::<DatasetDeleted>(tx, same).await?
            }
            name if name == ModelTrained::full_name() => again::<ModelTrained>(tx, same).await?,
            name if name == ModelPromoted::full_name() => again::<ModelPromoted>(tx, same).await?,
            name if name == PredictionMade::full_name() => {
                again::<PredictionMade>(tx, same).await?
            }
            name if name == OutcomeRecorded::full_name() => {
                again::<OutcomeRecorded>(tx, same).await?
            }
            name if name == DriftDetected::full_name() => again::<DriftDetected>(tx, same).await?,
            name if name == DriftEnded::full_name() => again::<DriftEnded>(tx, same).await?,
            other => return Err(Error::Broken(format!("an event of type {other:?} came"))),
        }
    }
    Ok(())
}

async fn again<E: News + Message + Default>(tx: &mut TenantTx, events: &[Raw]) -> Result<()> {
    let decoded = events.iter().map(|event| E::decode(event.body.clone()));
    let decoded: Vec<E> = decoded.collect::<std::result::Result<_, _>>()?;
    E::apply(&decoded, tx).await
}

/// What would be lost, in words.
fn lost(before: HeldRow, after: HeldRow) -> Option<String> {
    let parts = [
        ("datasets", before.datasets, after.datasets),
        ("models", before.models, after.models),
        ("predictions", before.predictions, after.predictions),
        ("outcomes", before.outcomes, after.outcomes),
        ("findings of drift", before.findings, after.findings),
    ];
    let fewer: Vec<String> = parts
        .iter()
        .filter(|(_, before, after)| after < before)
        .map(|(what, before, after)| format!("{after} of {before} {what}"))
        .collect();
    (!fewer.is_empty()).then(|| fewer.join(", "))
}
