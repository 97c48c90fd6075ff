//! `valutai webhooks`: events sent to addresses of one's own. Deliberately without a receiver: docs/webhooks.md has one.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use proto::prediction::{
    CreateWebhookRequest, DeleteWebhookRequest, GetWebhookDeliveryRequest,
    ListWebhookDeliveriesRequest, ListWebhooksRequest, ReplayWebhookDeliveriesRequest,
    RotateWebhookSecretRequest, TestWebhookRequest, UpdateWebhookRequest, WebhookDeliveryState,
    WebhookEventTypes,
};

use super::{connect, present, show, tell_next_page};
use crate::{
    args::{Global, PageArgs},
    error::{Error, Result},
    output,
    table::print_facts,
    text::moment,
};

/// Commands of `valutai webhooks`.
#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// Add an endpoint and show its secret, once
    Create {
        /// Where to send events, such as https://hooks.example.com/valutai
        #[arg(value_name = "URL")]
        url: String,
        /// What to send: PredictionMade, PredictionChanged, OutcomeRecorded, ModelPromoted, DriftDetected, DriftEnded or
        /// WebhookDisabled; repeatable
        #[arg(long = "event", value_name = "TYPE", required = true)]
        events: Vec<String>,
        /// Of PredictionChanged only changes of the grade, or by so many points at least
        #[arg(long, value_name = "POINTS", value_parser = points)]
        min_change: Option<f64>,
        /// What to call it
        #[arg(
            long,
            value_name = "TEXT",
            default_value = "",
            hide_default_value = true
        )]
        description: String,
    },
    /// List the endpoints
    List,
    /// Change an endpoint
    Update {
        /// Id of the endpoint
        id: String,
        /// Where to send events from now on
        #[arg(long)]
        url: Option<String>,
        /// What to send, in place of what was sent before; repeatable
        #[arg(long = "event", value_name = "TYPE")]
        events: Vec<String>,
        /// See `create`; 0 for every change that is told
        #[arg(long, value_name = "POINTS", value_parser = points)]
        min_change: Option<f64>,
        /// What to call it
        #[arg(long, value_name = "TEXT")]
        description: Option<String>,
    },
    /// Send nothing to an endpoint, and keep nothing for it
    Disable {
        /// Id of the endpoint
        id: String,
    },
    /// Send events again, and what was kept meanwhile
    Enable {
        /// Id of the endpoint
        id: String,
    },
    /// Remove an endpoint and its deliveries
    Delete {
        /// Id of the endpoint
        id: String,
    },
    /// Give an endpoint another secret and show it, once; for a time events are signed by both
    RotateSecret {
        /// Id of the endpoint
        id: String,
        /// Hours for which the secret before holds as well
        #[arg(long, value_name = "N", default_value_t = 24, value_parser = clap::value_parser!(u32).range(0..=168))]
        grace_hours: u32,
    },
    /// Send an event of the type WebhookTested, and say what was answered
    Test {
        /// Id of the endpoint
        id: String,
    },
    /// List deliveries of an endpoint, newest event first
    Deliveries(DeliveriesArgs),
    /// Show a delivery with its attempts and its body
    Delivery {
        /// Id of the endpoint
        id: String,
        /// Id of the event, as `deliveries` lists it
        event: String,
    },
    /// Send deliveries again: one, those of a period, or those that failed
    Replay(ReplayArgs),
}

/// Options of `valutai webhooks deliveries`.
#[derive(Debug, Args)]
pub struct DeliveriesArgs {
    /// Id of the endpoint
    pub id: String,
    /// Only those in this state
    #[arg(long, value_enum)]
    pub state: Option<State>,
    /// Only events made at this time or later, such as 2026-11-26T08:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<DateTime<Utc>>,
    /// Only events made before this time
    #[arg(long, value_name = "TIME")]
    pub until: Option<DateTime<Utc>>,
    /// Which page.
    #[command(flatten)]
    pub page: PageArgs,
}

/// Options of `valutai webhooks replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// Id of the endpoint
    pub id: String,
    /// Id of the one event to send again
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "until", "failed"], required_unless_present = "since")]
    pub event: Option<String>,
    /// Events made at this time or later
    #[arg(long, value_name = "TIME")]
    pub since: Option<DateTime<Utc>>,
    /// Events made before this time [default: until now]
    #[arg(long, value_name = "TIME")]
    pub until: Option<DateTime<Utc>>,
    /// Only those of which every attempt has failed
    #[arg(long)]
    pub failed: bool,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum State {
    /// An attempt is to come
    Pending,
    /// It was taken
    Delivered,
    /// Every attempt has failed
    Failed,
}

/// Reads points of probability.
fn points(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(points) if (0.0..=100.0).contains(&points) => Ok(points / 100.0),
        _ => Err("give points of probability from 0 to 100, such as 10".to_owned()),
    }
}

/// Runs a command of `valutai webhooks`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: WebhooksCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let mut webhooks = connection.webhooks();
    match command {
        WebhooksCommand::Create {
            url,
            events,
            min_change,
            description,
        } => {
            let request = connection.request(CreateWebhookRequest {
                url,
                description,
                event_types: events,
                minimum_change: min_change,
            });
            let reply = webhooks.create_webhook(request).await?.into_inner();
            let webhook = present(reply.webhook.as_ref(), "webhook")?;
            output::reply(global.output, &reply, |out| {
                let mut facts = vec![("secret, shown once", reply.secret.clone())];
                facts.extend(show::webhook_facts(webhook));
                print_facts(out, &facts)
            })
        }
        WebhooksCommand::List => {
            let request = connection.request(ListWebhooksRequest {});
            let reply = webhooks.list_webhooks(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                show::webhooks(&reply.webhooks).print(out)
            })
        }
        WebhooksCommand::Update {
            id,
            url,
            events,
            min_change,
            description,
        } => {
            let request = UpdateWebhookRequest {
                id,
                url,
                description,
                event_types: (!events.is_empty()).then_some(WebhookEventTypes {
                    event_types: events,
                }),
                minimum_change: min_change,
                enabled: None,
            };
            update(&connection, request, global).await
        }
        WebhooksCommand::Disable { id } => update(&connection, enabled(id, false), global).await,
        WebhooksCommand::Enable { id } => update(&connection, enabled(id, true), global).await,
        WebhooksCommand::Delete { id } => {
            let request = connection.request(DeleteWebhookRequest { id });
            let reply = webhooks.delete_webhook(request).await?.into_inner();
            output::reply(global.output, &reply, |out| writeln!(out, "deleted"))
        }
        WebhooksCommand::RotateSecret { id, grace_hours } => {
            let request = connection.request(RotateWebhookSecretRequest {
                id,
                grace_hours: Some(grace_hours),
            });
            let reply = webhooks.rotate_webhook_secret(request).await?.into_inner();
            let webhook = present(reply.webhook.as_ref(), "webhook")?;
            let until = moment(webhook.previous_secret_until.as_ref());
            output::reply(global.output, &reply, |out| {
                let facts = [
                    ("secret, shown once", reply.secret.clone()),
                    ("the one before holds until", until),
                ];
                print_facts(out, &facts)
            })
        }
        WebhooksCommand::Test { id } => {
            let request = connection.request(TestWebhookRequest { id });
            let reply = webhooks.test_webhook(request).await?.into_inner();
            let delivery = present(reply.delivery.as_ref(), "delivery")?;
            output::reply(global.output, &reply, |out| show::delivery(out, delivery))?;
            match delivery.state() {
                WebhookDeliveryState::Delivered => Ok(()),
                _ => Err(Error::Failed(
                    "the endpoint did not take the event: its answer is above".to_owned(),
                )),
            }
        }
        WebhooksCommand::Deliveries(args) => {
            let state = args
                .state
                .map_or(WebhookDeliveryState::Unspecified, |state| match state {
                    State::Pending => WebhookDeliveryState::Pending,
                    State::Delivered => WebhookDeliveryState::Delivered,
                    State::Failed => WebhookDeliveryState::Failed,
                });
            let request = connection.request(ListWebhookDeliveriesRequest {
                webhook_id: args.id,
                state: state.into(),
                from_time: args.since.map(platform::wire::timestamp),
                until_time: args.until.map(platform::wire::timestamp),
                page_size: args.page.page_size,
                page_token: args.page.page_token,
            });
            let reply = webhooks
                .list_webhook_deliveries(request)
                .await?
                .into_inner();
            output::reply(global.output, &reply, |out| {
                show::deliveries(&reply.deliveries).print(out)
            })?;
            tell_next_page(&reply.next_page_token);
            Ok(())
        }
        WebhooksCommand::Delivery { id, event } => {
            let request = connection.request(GetWebhookDeliveryRequest {
                webhook_id: id,
                event_id: event,
            });
            let reply = webhooks.get_webhook_delivery(request).await?.into_inner();
            let delivery = present(reply.delivery.as_ref(), "delivery")?;
            output::reply(global.output, &reply, |out| show::delivery(out, delivery))
        }
        WebhooksCommand::Replay(args) => {
            let request = connection.request(ReplayWebhookDeliveriesRequest {
                webhook_id: args.id,
                event_id: args.event.unwrap_or_default(),
                from_time: args.since.map(platform::wire::timestamp),
                until_time: args.until.map(platform::wire::timestamp),
                only_failed: args.failed,
            });
            let reply = webhooks
                .replay_webhook_deliveries(request)
                .await?
                .into_inner();
            output::reply(global.output, &reply, |out| {
                writeln!(out, "{} sent again", reply.count)
            })
        }
    }
}

fn enabled(id: String, enabled: bool) -> UpdateWebhookRequest {
    UpdateWebhookRequest {
        id,
        enabled: Some(enabled),
        ..UpdateWebhookRequest::default()
    }
}

async fn update(
    connection: &super::Connection,
    request: UpdateWebhookRequest,
    global: &Global,
) -> Result<()> {
    let request = connection.request(request);
    let reply = connection.webhooks().update_webhook(request).await?;
    let reply = reply.into_inner();
    let webhook = present(reply.webhook.as_ref(), "webhook")?;
    output::reply(global.output, &reply, |out| {
        print_facts(out, &show::webhook_facts(webhook))
    })
}
