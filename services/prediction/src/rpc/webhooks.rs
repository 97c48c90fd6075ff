//! The calls about webhooks that prediction answers: wire types in, commands, wire types out. Deliberately no rules.

use chrono::{DateTime, Utc};
use platform::{
    page::{Page, parse_id},
    wire::{datetime, from_micros, timestamp},
};
use prost_types::Timestamp;
use proto::{
    prediction::{self as pb, WebhookDeliveryState, WebhookState, webhook_nats::WebhookService},
    rpc::Context,
};
use serde_json::Value;
use tonic::Status;
use uuid::Uuid;

use crate::{
    Error,
    commands::Webhooks,
    domain::webhooks::first_id_at,
    store::{DeliveryFilter, DeliveryRow, WebhookRow},
};

/// Answers the service's calls.
#[derive(Debug)]
pub struct WebhookRpc {
    webhooks: Webhooks,
}

impl WebhookRpc {
    pub fn new(webhooks: Webhooks) -> Self {
        Self { webhooks }
    }
}

#[async_trait::async_trait]
impl WebhookService for WebhookRpc {
    async fn create_webhook(
        &self,
        context: Context,
        request: pb::CreateWebhookRequest,
    ) -> Result<pb::CreateWebhookResponse, Status> {
        let (row, secret) = self
            .webhooks
            .create(&context, context.caller()?, &request)
            .await?;
        Ok(pb::CreateWebhookResponse {
            id: row.id.to_string(),
            webhook: Some(webhook(&row)),
            secret,
        })
    }

    async fn list_webhooks(
        &self,
        context: Context,
        _: pb::ListWebhooksRequest,
    ) -> Result<pb::ListWebhooksResponse, Status> {
        let rows = self.webhooks.list(context.caller()?).await?;
        Ok(pb::ListWebhooksResponse {
            webhooks: rows.iter().map(webhook).collect(),
        })
    }

    async fn update_webhook(
        &self,
        context: Context,
        request: pb::UpdateWebhookRequest,
    ) -> Result<pb::UpdateWebhookResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let row = self
            .webhooks
            .update(&context, context.caller()?, id, request)
            .await?;
        Ok(pb::UpdateWebhookResponse {
            webhook: Some(webhook(&row)),
        })
    }

    async fn delete_webhook(
        &self,
        context: Context,
        request: pb::DeleteWebhookRequest,
    ) -> Result<pb::DeleteWebhookResponse, Status> {
        let id = parse_id("id", &request.id)?;
        self.webhooks
            .delete(&context, context.caller()?, id)
            .await?;
        Ok(pb::DeleteWebhookResponse {})
    }

    async fn rotate_webhook_secret(
        &self,
        context: Context,
        request: pb::RotateWebhookSecretRequest,
    ) -> Result<pb::RotateWebhookSecretResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let (row, secret) = self
            .webhooks
            .rotate(&context, context.caller()?, id, request.grace_hours)
            .await?;
        Ok(pb::RotateWebhookSecretResponse {
            webhook: Some(webhook(&row)),
            secret,
        })
    }

    async fn test_webhook(
        &self,
        context: Context,
        request: pb::TestWebhookRequest,
    ) -> Result<pb::TestWebhookResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let row = self.webhooks.test(&context, context.caller()?, id).await?;
        Ok(pb::TestWebhookResponse {
            delivery: Some(delivery(row)),
        })
    }

    async fn list_webhook_deliveries(
        &self,
        context: Context,
        request: pb::ListWebhookDeliveriesRequest,
    ) -> Result<pb::ListWebhookDeliveriesResponse, Status> {
        let page = Page::parse(request.page_size, &request.page_token)?;
        let filter = DeliveryFilter {
            webhook_id: parse_id("webhook_id", &request.webhook_id)?,
            state: state_text(request.state()),
            from: first_id(request.from_time)?.unwrap_or(Uuid::nil()),
            until: first_id(request.until_time)?.unwrap_or(Uuid::max()),
        };
        let rows = self
            .webhooks
            .list_deliveries(context.caller()?, filter, page)
            .await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.event_id).collect();
        Ok(pb::ListWebhookDeliveriesResponse {
            deliveries: rows.into_iter().map(delivery).collect(),
            next_page_token: page.next_token(&ids),
        })
    }

    async fn get_webhook_delivery(
        &self,
        context: Context,
        request: pb::GetWebhookDeliveryRequest,
    ) -> Result<pb::GetWebhookDeliveryResponse, Status> {
        let webhook_id = parse_id("webhook_id", &request.webhook_id)?;
        let event_id = parse_id("event_id", &request.event_id)?;
        let row = self
            .webhooks
            .get_delivery(context.caller()?, webhook_id, event_id)
            .await?;
        Ok(pb::GetWebhookDeliveryResponse {
            delivery: Some(delivery(row)),
        })
    }

    async fn replay_webhook_deliveries(
        &self,
        context: Context,
        request: pb::ReplayWebhookDeliveriesRequest,
    ) -> Result<pb::ReplayWebhookDeliveriesResponse, Status> {
        let (filter, only) = to_replay(&request)?;
        let caller = context.caller()?;
        let count = self.webhooks.replay(&context, caller, filter, only).await?;
        Ok(pb::ReplayWebhookDeliveriesResponse { count })
    }
}

/// Which deliveries are to be sent again; the one alone where it is one.
fn to_replay(
    request: &pb::ReplayWebhookDeliveriesRequest,
) -> Result<(DeliveryFilter, Option<Uuid>), Error> {
    let webhook_id = parse_id("webhook_id", &request.webhook_id)?;
    if !request.event_id.is_empty() {
        let id = parse_id("event_id", &request.event_id)?;
        let filter = DeliveryFilter {
            webhook_id,
            state: None,
            from: id,
            until: Uuid::from_u128(id.as_u128().saturating_add(1)),
        };
        return Ok((filter, Some(id)));
    }
    let from = first_id(request.from_time)?.ok_or(Error::TimeRange)?;
    let until = first_id(request.until_time)?.unwrap_or(Uuid::max());
    if from >= until {
        return Err(Error::TimeRange);
    }
    let failed = state_text(WebhookDeliveryState::Failed);
    let filter = DeliveryFilter {
        webhook_id,
        state: failed.filter(|_| request.only_failed),
        from,
        until,
    };
    Ok((filter, None))
}

fn first_id(at: Option<Timestamp>) -> Result<Option<Uuid>, Error> {
    let read = |at: Timestamp| datetime(&at).map(first_id_at).ok_or(Error::TimeRange);
    at.map(read).transpose()
}

fn state_text(state: WebhookDeliveryState) -> Option<&'static str> {
    match state {
        WebhookDeliveryState::Unspecified => None,
        WebhookDeliveryState::Pending => Some("pending"),
        WebhookDeliveryState::Delivered => Some("delivered"),
        WebhookDeliveryState::Failed => Some("failed"),
    }
}

fn webhook(row: &WebhookRow) -> pb::Webhook {
    let state = match row.state.as_str() {
        "enabled" => WebhookState::Enabled,
        "disabled" => WebhookState::Disabled,
        "gone" => WebhookState::Gone,
        "failing" => WebhookState::Failing,
        _ => WebhookState::Unspecified,
    };
    pb::Webhook {
        id: row.id.to_string(),
        url: row.url.clone(),
        description: row.description.clone(),
        event_types: row.event_types.clone(),
        minimum_change: row.minimum_change,
        state: state.into(),
        failing_since: row.failing_since.map(timestamp),
        previous_secret_until: row.previous_until.map(timestamp),
        created_at: Some(timestamp(row.created_at)),
        created_by: row.created_by.to_string(),
    }
}

fn delivery(row: DeliveryRow) -> pb::WebhookDelivery {
    let state = match row.state.as_str() {
        "pending" => WebhookDeliveryState::Pending,
        "delivered" => WebhookDeliveryState::Delivered,
        _ => WebhookDeliveryState::Failed,
    };
    let attempts = row.attempts.as_array().map(Vec::as_slice);
    pb::WebhookDelivery {
        event_id: row.event_id.to_string(),
        webhook_id: row.webhook_id.to_string(),
        event_time: time_of(row.event_id).map(timestamp),
        event_type: row.event_type,
        state: state.into(),
        next_attempt_at: row.next_attempt_at.map(timestamp),
        delivered_at: row.delivered_at.map(timestamp),
        attempts: attempts.unwrap_or_default().iter().map(attempt).collect(),
        body: row.body,
    }
}

fn time_of(id: Uuid) -> Option<DateTime<Utc>> {
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

fn attempt(value: &Value) -> pb::WebhookAttempt {
    let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| value[name].as_u64().and_then(|n| u32::try_from(n).ok());
    pb::WebhookAttempt {
        at: value["at"].as_i64().and_then(from_micros).map(timestamp),
        status: number("status").unwrap_or_default(),
        duration_ms: number("duration_ms").unwrap_or_default(),
        answer: text("answer"),
        problem: text("problem"),
    }
}
