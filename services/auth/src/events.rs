//! What auth reacts to: every operation of the system, which it appends to the tenant's audit chain.
//! Deliberately the only writer of that chain: two would fork it.

use platform::{
    Kit,
    consumer::{Consumer, Delivery, Failure},
    wire,
};
use prost::Message as _;
use proto::auth::OperationRecorded;
use uuid::Uuid;

use crate::{Error, domain, store};

/// The consumer of operations.
pub fn consumer(kit: &Kit) -> Consumer {
    let (database, kek) = (kit.database(), kit.config.kek.clone());
    Consumer::new("auth", "auth").on(move |delivery: Delivery, event: OperationRecorded| {
        let (database, kek) = (database.clone(), kek.clone());
        async move {
            let opened = database
                .begin_once(delivery.tenant, &delivery.consumer, delivery.event_id)
                .await?;
            let Some(mut tx) = opened else { return Ok(()) };
            // What comes after the end of an organisation must not begin its trail anew.
            if store::claim_organization(&mut tx).await?.is_some() {
                append(&mut tx, &kek, &event).await?;
            }
            tx.commit().await?;
            Ok::<(), Failure>(())
        }
    })
}

async fn append(
    tx: &mut platform::TenantTx,
    kek: &platform::config::Key,
    event: &OperationRecorded,
) -> Result<(), Error> {
    let (last, previous_hash) = store::claim_audit_head(tx).await?;
    let content = event.encode_to_vec();
    let sequence = last + 1;
    let entry = store::AuditRow {
        sequence,
        occurred_at: event
            .occurred_at
            .as_ref()
            .and_then(wire::datetime)
            .unwrap_or_default(),
        user_id: Uuid::try_parse(&event.user_id).ok(),
        action: event.action.clone(),
        entity_id: event.entity_id.clone(),
        hash: domain::audit_hash(kek, &previous_hash, sequence, &content).to_vec(),
    };
    store::insert_audit_entry(tx, &entry, &content, &previous_hash).await
}
