//! Endpoints of webhooks as their owners see them: added, changed, tested, and their deliveries sent again. Deliberately no
//! secret in an answer but to whoever makes it.

mod deliver;
mod note;
mod send;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use platform::{
    Kit, TenantTx,
    audit::Operation,
    config::Networks,
    crypto,
    fair::{FairPermits, Room},
    page::Page,
};
use proto::{
    prediction::{CreateWebhookRequest, UpdateWebhookRequest},
    rpc::{Caller, Context},
};
use serde_json::Value;
use tokio::sync::Notify;
use uuid::Uuid;

use self::send::{Parcel, Sender};
use super::Result;
use crate::{
    Error,
    domain::webhooks as rules,
    store::{self, DeliveryFilter, DeliveryRow, WebhookRow},
};

/// Calls that a process makes at once.
const CALLS: usize = 128;
/// Every lane may wait for a call: what is due is bounded by what lanes take.
const ROOM: Room = Room {
    of_one: usize::MAX,
    of_all: usize::MAX,
};
/// Deliveries that are put up again at once.
const PORTION: i64 = 5_000;

/// What is done with webhooks.
#[derive(Debug, Clone)]
pub struct Webhooks {
    kit: Kit,
    sender: Sender,
    permits: FairPermits,
    /// Rung when something is due at once.
    bell: Arc<Notify>,
}

impl Webhooks {
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(kit: &Kit) -> platform::Result<Self> {
        Ok(Self {
            kit: kit.clone(),
            sender: Sender::new(&kit.config.webhook_networks)?,
            permits: FairPermits::new(CALLS, ROOM),
            bell: Arc::default(),
        })
    }

    /// Adds an endpoint; answers its secret beside it.
    pub async fn create(
        &self,
        context: &Context,
        caller: &Caller,
        request: &CreateWebhookRequest,
    ) -> Result<(WebhookRow, String)> {
        let id = Uuid::now_v7();
        let (secret, sealed) = self.new_secret(caller.tenant_id, id).await?;
        let row = WebhookRow {
            id,
            url: self.url(&request.url)?,
            description: rules::description(&request.description)?,
            event_types: rules::event_types(&request.event_types)?,
            minimum_change: rules::minimum_change(request.minimum_change)?,
            state: "enabled".to_owned(),
            secret: sealed,
            previous_secret: None,
            previous_until: None,
            failing_since: None,
            held_until: None,
            created_at: self.kit.clock.now(),
            created_by: caller.user_id,
        };
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let there = store::count_webhooks(&mut tx).await?;
        if there >= rules::MOST_ENDPOINTS {
            return Err(Error::WebhookCount(there));
        }
        store::insert_webhook(&mut tx, &row).await?;
        tx.audit(context, "prediction.create_webhook", id).await?;
        tx.commit().await?;
        Ok((row, secret))
    }

    /// All endpoints.
    pub async fn list(&self, caller: &Caller) -> Result<Vec<WebhookRow>> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let rows = store::list_webhooks(&mut tx).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// Changes an endpoint.
    pub async fn update(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
        request: UpdateWebhookRequest,
    ) -> Result<WebhookRow> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let mut row = claimed(&mut tx, id).await?;
        let before = row.clone();
        if let Some(url) = request.url {
            row.url = self.url(&url)?;
        }
        if let Some(text) = request.description {
            row.description = rules::description(&text)?;
        }
        if let Some(types) = request.event_types {
            row.event_types = rules::event_types(&types.event_types)?;
        }
        if request.minimum_change.is_some() {
            row.minimum_change = rules::minimum_change(request.minimum_change)?;
        }
        match request.enabled {
            Some(true) => {
                row.state = "enabled".to_owned();
                // It is given its days again.
                (row.failing_since, row.held_until) = (None, None);
            }
            Some(false) => row.state = "disabled".to_owned(),
            None => {}
        }
        store::update_webhook(&mut tx, &row).await?;
        let mut operation = Operation::done("prediction.update_webhook", id)
            .changed("state", &before.state, &row.state)
            .changed(
                "event_types",
                before.event_types.join(", "),
                row.event_types.join(", "),
            );
        if before.url != row.url {
            operation = operation.changed_unseen("url");
        }
        tx.record(context, operation).await?;
        tx.commit().await?;
        self.bell.notify_one();
        Ok(row)
    }

    /// Removes an endpoint and its deliveries.
    pub async fn delete(&self, context: &Context, caller: &Caller, id: Uuid) -> Result<()> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        if !store::delete_webhook(&mut tx, id).await? {
            return Err(Error::NoWebhook(id));
        }
        tx.audit(context, "prediction.delete_webhook", id).await?;
        Ok(tx.commit().await?)
    }

    /// Gives an endpoint another secret, and answers it.
    pub async fn rotate(
        &self,
        context: &Context,
        caller: &Caller,
        id: Uuid,
        grace_hours: Option<u32>,
    ) -> Result<(WebhookRow, String)> {
        let grace = rules::grace(grace_hours)?;
        let (secret, sealed) = self.new_secret(caller.tenant_id, id).await?;
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let mut row = claimed(&mut tx, id).await?;
        let before = std::mem::replace(&mut row.secret, sealed);
        row.previous_until = grace.map(|grace| self.kit.clock.now() + grace);
        row.previous_secret = grace.map(|_| before);
        store::update_webhook(&mut tx, &row).await?;
        let operation = Operation::done("prediction.rotate_webhook_secret", id);
        tx.record(context, operation.changed_unseen("secret"))
            .await?;
        tx.commit().await?;
        Ok((row, secret))
    }

    /// Sends an event to an endpoint for a test, disabled ones too; nothing follows from what becomes of it.
    pub async fn test(&self, context: &Context, caller: &Caller, id: Uuid) -> Result<DeliveryRow> {
        let tenant = caller.tenant_id;
        let mut tx = self.kit.database().begin(tenant).await?;
        let row = store::find_webhook(&mut tx, id).await?;
        tx.commit().await?;
        let row = row.ok_or(Error::NoWebhook(id))?;
        let secrets = self.secrets(tenant, &row).await?;
        let now = self.kit.clock.now();
        let told = rules::test_event(id, now);
        let body = rules::body(tenant, &told, now)?;
        let attempt = {
            let permit = self.permits.acquire(tenant).await;
            let _permit = permit.map_err(|_| Error::Busy)?;
            let parcel = Parcel {
                event_id: told.id,
                body: &body,
                url: &row.url,
                secrets: &secrets,
            };
            self.sender.send(parcel, self.kit.clock.now()).await
        };
        let delivery = DeliveryRow {
            webhook_id: id,
            event_id: told.id,
            event_type: told.event_type,
            state: match attempt.is_delivered() {
                true => "delivered".to_owned(),
                false => "failed".to_owned(),
            },
            tries: 1,
            next_attempt_at: None,
            delivered_at: attempt.is_delivered().then_some(attempt.at),
            attempts: Value::Array(vec![attempt.to_value()]),
            body,
        };
        let mut tx = self.kit.database().begin(tenant).await?;
        // Its end may have come meanwhile.
        claimed(&mut tx, id).await?;
        store::insert_delivery(&mut tx, &delivery).await?;
        tx.audit(context, "prediction.test_webhook", id).await?;
        tx.commit().await?;
        Ok(delivery)
    }

    /// Deliveries of an endpoint; the page goes by the ids of events.
    pub async fn list_deliveries(
        &self,
        caller: &Caller,
        filter: DeliveryFilter,
        page: Page,
    ) -> Result<Vec<DeliveryRow>> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let webhook = store::find_webhook(&mut tx, filter.webhook_id).await?;
        webhook.ok_or(Error::NoWebhook(filter.webhook_id))?;
        let filter = DeliveryFilter {
            until: filter.until.min(page.before),
            ..filter
        };
        let rows = store::list_deliveries(&mut tx, &filter, page.size).await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// A delivery with its body.
    pub async fn get_delivery(
        &self,
        caller: &Caller,
        webhook_id: Uuid,
        event_id: Uuid,
    ) -> Result<DeliveryRow> {
        let mut tx = self.kit.database().begin(caller.tenant_id).await?;
        let row = store::find_delivery(&mut tx, webhook_id, event_id).await?;
        tx.commit().await?;
        row.ok_or(Error::NoDelivery(event_id))
    }

    /// Has settled deliveries sent again; answers how many.
    pub async fn replay(
        &self,
        context: &Context,
        caller: &Caller,
        mut filter: DeliveryFilter,
        only: Option<Uuid>,
    ) -> Result<u64> {
        let mut count = 0;
        loop {
            let now = self.kit.clock.now();
            let mut tx = self.kit.database().begin(caller.tenant_id).await?;
            let webhook = store::find_webhook(&mut tx, filter.webhook_id).await?;
            webhook.ok_or(Error::NoWebhook(filter.webhook_id))?;
            if let Some(event_id) = only {
                let found = store::find_delivery(&mut tx, filter.webhook_id, event_id).await?;
                found.ok_or(Error::NoDelivery(event_id))?;
            }
            let (again, last) = store::replay_deliveries(&mut tx, &filter, now, PORTION).await?;
            if count == 0 {
                let action = "prediction.replay_webhook_deliveries";
                tx.audit(context, action, filter.webhook_id).await?;
            }
            tx.commit().await?;
            self.bell.notify_one();
            count += u64::try_from(again).unwrap_or(0);
            match last.filter(|_| again == PORTION) {
                // Those that were sent meanwhile are behind.
                Some(last) => filter.from = Uuid::from_u128(last.as_u128().saturating_add(1)),
                None => return Ok(count),
            }
        }
    }

    fn url(&self, text: &str) -> Result<String> {
        // Where no network is named, nothing is reached without TLS.
        let may_be_plain = self.kit.config.webhook_networks != Networks::default();
        rules::endpoint_url(text, may_be_plain)
    }

    /// A fresh secret of 32 bytes, as it is told and as it is kept.
    async fn new_secret(&self, tenant: Uuid, id: Uuid) -> Result<(String, Vec<u8>)> {
        let key = self.kit.keys.data_key(tenant).await?;
        let secret: [u8; 32] = rand::random();
        let sealed = crypto::seal(&key, &seal_context(tenant, id), &secret);
        Ok((rules::secret_text(&secret), sealed))
    }

    /// The secrets that an endpoint's deliveries are signed by now.
    async fn secrets(&self, tenant: Uuid, row: &WebhookRow) -> Result<Vec<Vec<u8>>> {
        let key = self.kit.keys.data_key(tenant).await?;
        let now: DateTime<Utc> = self.kit.clock.now();
        let holds = row.previous_until.is_some_and(|until| until > now);
        let before = row.previous_secret.iter().filter(|_| holds);
        let context = seal_context(tenant, row.id);
        let opened = std::iter::once(&row.secret)
            .chain(before)
            .map(|sealed| crypto::open(&key, &context, sealed, "the secret of a webhook"));
        Ok(opened.collect::<platform::Result<_>>()?)
    }
}

async fn claimed(tx: &mut TenantTx, id: Uuid) -> Result<WebhookRow> {
    let found = store::claim_webhook(tx, id).await?;
    found.ok_or(Error::NoWebhook(id))
}

/// What a secret is sealed for.
fn seal_context(tenant: Uuid, id: Uuid) -> String {
    format!("{tenant}|webhook|secret|{id}")
}
