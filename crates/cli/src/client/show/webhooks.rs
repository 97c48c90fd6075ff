//! Endpoints of webhooks and what was sent to them, in tables. Deliberately without secrets.

use std::io::{self, Write};

use proto::prediction::{Webhook, WebhookDelivery};

use crate::{
    table::{Table, print_facts},
    text::{enum_word, moment, shorten},
};

fn state(webhook: &Webhook) -> String {
    enum_word(webhook.state().as_str_name(), "WEBHOOK_STATE_")
}

fn delivery_state(delivery: &WebhookDelivery) -> String {
    enum_word(delivery.state().as_str_name(), "WEBHOOK_DELIVERY_STATE_")
}

/// The last part of a type's name.
fn short(event_type: &str) -> &str {
    event_type.rsplit('.').next().unwrap_or(event_type)
}

fn types(webhook: &Webhook) -> String {
    let names: Vec<&str> = webhook.event_types.iter().map(|name| short(name)).collect();
    names.join(", ")
}

/// An endpoint's facts.
pub fn webhook_facts(webhook: &Webhook) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("id", webhook.id.clone()),
        ("URL", webhook.url.clone()),
        ("events", types(webhook)),
        ("state", state(webhook)),
    ];
    if let Some(change) = webhook.minimum_change {
        facts.push(("changes from", format!("{} points", change * 100.0)));
    }
    if webhook.failing_since.is_some() {
        facts.push(("failing since", moment(webhook.failing_since.as_ref())));
    }
    if !webhook.description.is_empty() {
        facts.push(("description", webhook.description.clone()));
    }
    facts
}

/// A table of endpoints.
pub fn webhooks(webhooks: &[Webhook]) -> Table {
    let mut table = Table::new()
        .left("id")
        .flexible("URL")
        .left("state")
        .left("failing since");
    for webhook in webhooks {
        table.row([
            webhook.id.as_str(),
            &webhook.url,
            &state(webhook),
            &moment(webhook.failing_since.as_ref()),
        ]);
    }
    table
}

/// A table of deliveries.
pub fn deliveries(deliveries: &[WebhookDelivery]) -> Table {
    let mut table = Table::new()
        .left("event")
        .flexible("type")
        .left("state")
        .right("attempts")
        .right("status")
        .left("next attempt");
    for delivery in deliveries {
        let last = delivery.attempts.last().map(|attempt| attempt.status);
        table.row([
            delivery.event_id.as_str(),
            short(&delivery.event_type),
            &delivery_state(delivery),
            &delivery.attempts.len().to_string(),
            &last
                .filter(|status| *status > 0)
                .map_or_else(String::new, |status| status.to_string()),
            &moment(delivery.next_attempt_at.as_ref()),
        ]);
    }
    table
}

/// A delivery with its attempts.
pub fn delivery(out: &mut dyn Write, delivery: &WebhookDelivery) -> io::Result<()> {
    let facts = [
        ("event", delivery.event_id.clone()),
        ("type", delivery.event_type.clone()),
        ("state", delivery_state(delivery)),
        ("next attempt", moment(delivery.next_attempt_at.as_ref())),
        ("body", delivery.body.clone()),
    ];
    print_facts(out, &facts)?;
    let mut attempts = Table::new()
        .left("attempt")
        .right("status")
        .right("ms")
        .flexible("answer");
    for attempt in &delivery.attempts {
        let status = match attempt.status {
            0 => String::new(),
            status => status.to_string(),
        };
        let answer = match attempt.problem.as_str() {
            "" => shorten(&attempt.answer, 200),
            problem => format!("{problem} {}", shorten(&attempt.answer, 200)),
        };
        attempts.row([
            moment(attempt.at.as_ref()),
            status,
            attempt.duration_ms.to_string(),
            answer,
        ]);
    }
    attempts.print(out)
}
