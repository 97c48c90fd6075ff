//! Keeps events for the endpoints that want them. Deliberately behind the streams and by consumers of its own, so that no answer
//! waits for it, and without a row for tenants that have no endpoint.

use platform::consumer::{Delivered, Told};

use super::{Result, Webhooks};
use crate::{domain::webhooks as rules, store};

impl Webhooks {
    /// Keeps events of one type, each once for every endpoint that wants it.
    pub async fn note(&self, told: &Delivered<Told>) -> Result<()> {
        let Some(event_type) = told.events().next().map(|event| event.event_type.clone()) else {
            return Ok(());
        };
        let mut tx = self.kit.database().begin(told.tenant).await?;
        let wanting = store::list_wanting(&mut tx, &event_type).await?;
        if wanting.is_empty() {
            return Ok(());
        }
        let ids: Vec<_> = told.parcels.iter().map(|(id, _)| *id).collect();
        let new = tx.claim_events(&told.consumer, &ids).await?;
        let now = self.kit.clock.now();
        let parcels = told.parcels.iter().filter(|(id, _)| new.contains(id));
        let events = parcels.flat_map(|(_, events)| events);
        let bodies = events
            .map(|event| Ok((event, rules::body(told.tenant, event, now)?)))
            .collect::<Result<Vec<_>>>()?;
        for (webhook_id, minimum_change) in wanting {
            let mut wanted = Vec::with_capacity(bodies.len());
            for (event, body) in &bodies {
                if rules::wants(event, minimum_change)? {
                    wanted.push((event.id, body.as_str()));
                }
            }
            store::insert_deliveries(&mut tx, webhook_id, &event_type, &wanted, now).await?;
        }
        tx.commit().await?;
        self.bell.notify_one();
        Ok(())
    }
}
