//! Organisations with prediction at work, a clock that the test moves, and events as their services tell them. Deliberately
//! without the gateway: the calls come as it would forward them.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::TimeDelta;
use platform::{
    Clock,
    bus::{Bus, Outgoing},
    config::Networks,
    rpc::NatsTransport,
};
use prost::{Message, Name};
use proto::{
    auth::{self as auth_pb, auth_nats},
    common::{BatchedEvent, EventBatch},
    prediction::{self as pb, OutcomeRecorded, webhook_nats},
    rpc::{Caller, Context},
};
use testkit::{TestResult, World, eventually};
use uuid::Uuid;

pub struct Hooks {
    pub world: World,
    pub bus: Bus,
    transport: NatsTransport,
    moved: Arc<AtomicI64>,
}

pub struct Tenant {
    pub id: Uuid,
    pub context: Context,
}

/// Auth and prediction running; endpoints may be on networks such as "127.0.0.0/8".
pub async fn hooks(networks: &str) -> TestResult<Hooks> {
    let mut world = World::new(&[auth::SERVICE, prediction::SERVICE]).await?;
    let moved = Arc::new(AtomicI64::new(0));
    let by = Arc::clone(&moved);
    let system = Clock::system();
    world.clock =
        Clock::reading(move || system.now() + TimeDelta::milliseconds(by.load(Ordering::SeqCst)));
    if !networks.is_empty() {
        let networks: Networks = networks.parse().map_err(|()| "these are no networks")?;
        world.launch.webhook_networks = networks;
    }
    world.start().await?;
    let bus = world.bus().await?;
    Ok(Hooks {
        transport: NatsTransport::new(bus.clone()),
        world,
        bus,
        moved,
    })
}

/// An outcome of a quote.
pub fn outcome(quote: &str) -> OutcomeRecorded {
    OutcomeRecorded {
        quote_ref: quote.to_owned(),
        outcome: "won".to_owned(),
        version: 1,
        win_probability: 0.75,
        ..OutcomeRecorded::default()
    }
}

impl Hooks {
    /// Moves the clock of the services.
    pub fn wait(&self, by: TimeDelta) {
        self.moved
            .fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }

    pub async fn tenant(&self, name: &str) -> TestResult<Tenant> {
        let request = auth_pb::SignUpRequest {
            email: format!("{name}@example.com"),
            password: platform::config::Key::generate().to_base64(),
            organization_name: name.to_owned(),
        };
        let signed = auth_nats::Client(self.transport.clone())
            .sign_up(&Context::system("test"), request)
            .await?;
        let id = Uuid::try_parse(&signed.organization_id)?;
        let caller = Caller {
            user_id: Uuid::try_parse(&signed.id)?,
            tenant_id: id,
            role: auth_pb::Role::Owner,
            session_id: Uuid::now_v7(),
        };
        Ok(Tenant {
            id,
            context: Context {
                caller: Some(caller),
                request_id: "test".to_owned(),
                ..Context::default()
            },
        })
    }

    pub fn calls(&self) -> webhook_nats::Client<NatsTransport> {
        webhook_nats::Client(self.transport.clone())
    }

    /// An endpoint for some types; its id and secret.
    pub async fn endpoint(
        &self,
        tenant: &Tenant,
        url: &str,
        types: &[&str],
    ) -> TestResult<(String, String)> {
        let request = pb::CreateWebhookRequest {
            url: url.to_owned(),
            event_types: types.iter().map(|name| (*name).to_owned()).collect(),
            ..pb::CreateWebhookRequest::default()
        };
        let made = self
            .calls()
            .create_webhook(&tenant.context, request)
            .await?;
        Ok((made.id, made.secret))
    }

    pub async fn webhook(&self, tenant: &Tenant, id: &str) -> TestResult<pb::Webhook> {
        let request = pb::ListWebhooksRequest {};
        let all = self.calls().list_webhooks(&tenant.context, request).await?;
        let found = all.webhooks.into_iter().find(|webhook| webhook.id == id);
        Ok(found.ok_or("the webhook is not listed")?)
    }

    /// Enables or disables an endpoint.
    pub async fn enable(&self, tenant: &Tenant, id: &str, enabled: bool) -> TestResult {
        let request = pb::UpdateWebhookRequest {
            id: id.to_owned(),
            enabled: Some(enabled),
            ..pb::UpdateWebhookRequest::default()
        };
        self.calls()
            .update_webhook(&tenant.context, request)
            .await?;
        Ok(())
    }

    pub async fn deliveries(
        &self,
        tenant: &Tenant,
        id: &str,
    ) -> TestResult<Vec<pb::WebhookDelivery>> {
        let request = pb::ListWebhookDeliveriesRequest {
            webhook_id: id.to_owned(),
            ..pb::ListWebhookDeliveriesRequest::default()
        };
        let listed = self
            .calls()
            .list_webhook_deliveries(&tenant.context, request)
            .await?;
        Ok(listed.deliveries)
    }

    /// Waits until a delivery of an endpoint's newest event looks as wanted.
    pub async fn settled(
        &self,
        tenant: &Tenant,
        id: &str,
        is_so: impl Fn(&pb::WebhookDelivery) -> bool,
    ) -> TestResult<pb::WebhookDelivery> {
        eventually("the delivery has come so far", || async {
            Ok(self
                .deliveries(tenant, id)
                .await?
                .first()
                .is_some_and(&is_so))
        })
        .await?;
        let newest = self.deliveries(tenant, id).await?.into_iter().next();
        Ok(newest.ok_or("there is no delivery")?)
    }

    /// Publishes an event as the relay would; answers its id.
    pub async fn tell<E: Message + Name>(&self, tenant: &Tenant, event: &E) -> TestResult<Uuid> {
        let id = Uuid::now_v7();
        let text = id.to_string();
        let headers = [
            ("ce-id", text.as_str()),
            ("Nats-Msg-Id", text.as_str()),
            ("content-type", "application/protobuf"),
        ];
        self.publish::<E>(tenant, &headers, event.encode_to_vec())
            .await?;
        Ok(id)
    }

    /// Publishes a batch, known to JetStream by a word of its own, so that it can come twice.
    pub async fn tell_batch<E: Message + Name>(
        &self,
        tenant: &Tenant,
        batch_id: Uuid,
        message_id: &str,
        events: &[(Uuid, E)],
    ) -> TestResult {
        let events = events.iter().map(|(id, event)| BatchedEvent {
            id: id.to_string(),
            source: "valutai/prediction".to_owned(),
            spec_version: "1.0".to_owned(),
            r#type: E::full_name(),
            binary_data: event.encode_to_vec(),
            ..BatchedEvent::default()
        });
        let batch = EventBatch {
            events: events.collect(),
        };
        let id = batch_id.to_string();
        let headers = [
            ("valutai-batch-id", id.as_str()),
            ("Nats-Msg-Id", message_id),
            ("content-type", "application/cloudevents-batch+protobuf"),
        ];
        self.publish::<E>(tenant, &headers, batch.encode_to_vec())
            .await
    }

    async fn publish<E: Name>(
        &self,
        tenant: &Tenant,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> TestResult {
        let subjects = self.bus.subjects();
        let mut message = Outgoing {
            subject: subjects.event(&tenant.id.to_string(), &E::full_name()),
            headers: Default::default(),
            body: body.into(),
        };
        message.headers.insert("ce-type", E::full_name().as_str());
        for (name, value) in headers {
            message.headers.insert(*name, *value);
        }
        Ok(self.bus.publish(message).await?)
    }

    /// How often something was written to an organisation's audit trail.
    pub async fn audited(&self, tenant: &Tenant, action: &str) -> TestResult<i64> {
        let mut admin = self.world.admin().await?;
        let query = "SELECT count(*) FROM auth.audit_entry WHERE tenant_id = $1 AND action = $2";
        Ok(sqlx::query_scalar(query)
            .bind(tenant.id)
            .bind(action)
            .fetch_one(&mut admin)
            .await?)
    }

    /// Rows of an organisation in a table of prediction.
    pub async fn rows(&self, tenant: &Tenant, table: &str) -> TestResult<i64> {
        let mut admin = self.world.admin().await?;
        let query = format!("SELECT count(*) FROM prediction.{table} WHERE tenant_id = $1");
        Ok(sqlx::query_scalar(sqlx::AssertSqlSafe(query))
            .bind(tenant.id)
            .fetch_one(&mut admin)
            .await?)
    }
}
