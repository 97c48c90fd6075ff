//! Sends what is due to endpoints. Each endpoint has a lane of its own and few calls at once, one as long as it fails, so that a
//! slow one holds up none but itself; and tenants take turns for the calls of a process. Deliberately no order of deliveries.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, stream};
use platform::{TenantTx, audit::Operation, error::chain, wire::timestamp};
use proto::{prediction::WebhookDisabled, rpc::Context};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Result, Webhooks, send::Parcel};
use crate::{
    Error,
    domain::webhooks::{Attempt, FAILING_FOR, KEPT_FOR, first_id_at, next_attempt},
    store::{self, DueRow, WebhookRow},
};

/// Deliveries that a lane takes at a time, and calls that it makes at once.
const TAKEN: i64 = 32;
const AT_ONCE: usize = 8;
/// As long as all that a lane has taken may last.
const LEASE: TimeDelta = TimeDelta::seconds(120);
/// Deliveries that are removed at once.
const PORTION: i64 = 5_000;

impl Webhooks {
    /// Sends what is due when something was kept, and every second, until told to stop.
    pub async fn keep_delivering(self) {
        let mut second = tokio::time::interval(std::time::Duration::from_secs(1));
        let mut lanes = JoinSet::new();
        let mut running = HashMap::new();
        loop {
            tokio::select! {
                _ = second.tick() => {}
                () = self.bell.notified() => {}
                Some(ended) = lanes.join_next_with_id() => {
                    let id = match ended {
                        Ok((id, ())) => id,
                        Err(error) => {
                            tracing::error!(%error, "deliveries of a webhook broke down");
                            error.id()
                        }
                    };
                    running.retain(|_, lane| *lane != id);
                    continue;
                }
                () = self.kit.shutdown.cancelled() => break,
            }
            match self.list_due().await {
                Ok(due) => {
                    for endpoint in due {
                        running
                            .entry(endpoint)
                            .or_insert_with(|| lanes.spawn(self.clone().empty_lane(endpoint)).id());
                    }
                }
                Err(error) => {
                    tracing::warn!(error = %chain(&error), "what is due to webhooks cannot be read");
                }
            }
        }
        // What is under way is noted, so that it is not sent again.
        while lanes.join_next().await.is_some() {}
    }

    async fn list_due(&self) -> Result<Vec<(Uuid, Uuid)>> {
        let mut tx = self.kit.database().begin_any().await?;
        let due = store::list_due(&mut tx, self.kit.clock.now()).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        Ok(due)
    }

    /// Sends all that is due to an endpoint.
    async fn empty_lane(self, (tenant, id): (Uuid, Uuid)) {
        while !self.kit.shutdown.is_cancelled() {
            match self.step(tenant, id).await {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) => {
                    tracing::warn!(error = %chain(&error), webhook = %id, "deliveries of a webhook are put off");
                    return;
                }
            }
        }
    }

    /// Takes some of what is due to an endpoint, sends it, and notes what became of it; answers how many those were.
    async fn step(&self, tenant: Uuid, id: Uuid) -> Result<usize> {
        let now = self.kit.clock.now();
        let mut tx = self.kit.database().begin(tenant).await?;
        let found = store::find_webhook(&mut tx, id).await?;
        let Some(row) = found.filter(|row| is_open(row, now)) else {
            return Ok(0);
        };
        let most = if row.failing_since.is_some() {
            1
        } else {
            TAKEN
        };
        let due = store::claim_due(&mut tx, id, now, now + LEASE, most).await?;
        tx.commit().await?;
        if due.is_empty() {
            return Ok(0);
        }
        let secrets = self.secrets(tenant, &row).await?;
        let sent: Vec<(DueRow, Attempt)> = stream::iter(due)
            .map(|due| async {
                let attempt = self.send(tenant, &row.url, &secrets, &due).await?;
                Ok::<_, Error>((due, attempt))
            })
            .buffer_unordered(AT_ONCE)
            .collect::<Vec<_>>()
            .await
            .into_iter()
            .collect::<Result<_>>()?;
        self.record(tenant, id, &sent).await?;
        Ok(sent.len())
    }

    async fn send(
        &self,
        tenant: Uuid,
        url: &str,
        secrets: &[Vec<u8>],
        due: &DueRow,
    ) -> Result<Attempt> {
        let permit = self.permits.acquire(tenant).await;
        let _permit = permit.map_err(|_| Error::Busy)?;
        let parcel = Parcel {
            event_id: due.event_id,
            body: &due.body,
            url,
            secrets,
        };
        Ok(self.sender.send(parcel, self.kit.clock.now()).await)
    }

    async fn record(&self, tenant: Uuid, id: Uuid, sent: &[(DueRow, Attempt)]) -> Result<()> {
        let mut tx = self.kit.database().begin(tenant).await?;
        let Some(mut row) = store::claim_webhook(&mut tx, id).await? else {
            // It was deleted meanwhile, and its deliveries with it.
            return Ok(());
        };
        for (due, attempt) in sent {
            let next = match attempt.is_delivered() {
                true => None,
                false => next_attempt(due.tries + 1, attempt, rand::random()),
            };
            let delivered_at = attempt.is_delivered().then_some(attempt.at);
            let value = attempt.to_value();
            store::update_delivery(&mut tx, id, due.event_id, &value, next, delivered_at).await?;
        }
        let attempts: Vec<&Attempt> = sent.iter().map(|(_, attempt)| attempt).collect();
        let disabled = judge(&mut row, &attempts, self.kit.clock.now());
        store::update_webhook(&mut tx, &row).await?;
        if let Some(reason) = disabled {
            tell_disabled(&mut tx, &row, reason, self.kit.clock.now()).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Removes what is kept no longer, of all tenants.
    pub async fn expire(&self) -> Result<()> {
        let mut tx = self.kit.database().begin_any().await?;
        let tenants = store::list_tenants_with_webhooks(&mut tx).await?;
        tx.commit().await.map_err(platform::Error::from)?;
        let before = first_id_at(self.kit.clock.now() - KEPT_FOR);
        for tenant in tenants {
            loop {
                let mut tx = self.kit.database().begin(tenant).await?;
                let gone = store::delete_old_deliveries(&mut tx, before, PORTION).await?;
                tx.commit().await?;
                if gone == 0 || self.kit.shutdown.is_cancelled() {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// Whether an endpoint is sent anything now.
fn is_open(row: &WebhookRow, now: DateTime<Utc>) -> bool {
    row.state == "enabled" && row.held_until.is_none_or(|until| until <= now)
}

/// What attempts say of an endpoint; answers why it is disabled by them, where it is.
fn judge(row: &mut WebhookRow, attempts: &[&Attempt], now: DateTime<Utc>) -> Option<&'static str> {
    row.held_until = attempts
        .iter()
        .filter_map(|attempt| attempt.held_until())
        .max();
    let first = attempts.iter().map(|attempt| attempt.at).min()?;
    row.failing_since = match attempts.iter().any(|attempt| attempt.is_delivered()) {
        true => None,
        false => row.failing_since.or(Some(first)),
    };
    let gone = attempts.iter().any(|attempt| attempt.is_gone());
    let fails = row
        .failing_since
        .is_some_and(|since| now - since >= FAILING_FOR);
    let reason = match (gone, fails) {
        (true, _) => "gone",
        (false, true) => "failing",
        (false, false) => return None,
    };
    if row.state != "enabled" {
        return None;
    }
    row.state = reason.to_owned();
    Some(reason)
}

async fn tell_disabled(
    tx: &mut TenantTx,
    row: &WebhookRow,
    reason: &str,
    now: DateTime<Utc>,
) -> Result<()> {
    tracing::warn!(webhook = %row.id, reason, "a webhook was disabled");
    let event = WebhookDisabled {
        webhook_id: row.id.to_string(),
        reason: reason.to_owned(),
        failing_since: row.failing_since.map(timestamp),
        disabled_at: Some(timestamp(now)),
    };
    tx.publish(&event).await?;
    let operation = Operation::done("prediction.disable_webhook", row.id);
    let operation = operation.changed("state", "enabled", reason);
    Ok(tx.record(&Context::system("webhooks"), operation).await?)
}
