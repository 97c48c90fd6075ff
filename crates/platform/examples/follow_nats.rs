//! Follows the prediction events of an organisation on NATS by a credential that was issued to it. A sample for programs outside,
//! see docs/events.md: deliberately with async-nats alone and nothing of this crate.
//!
//!     VALUTAI_STREAM_URL=nats://LOGIN:SECRET@HOST:4222 cargo run -p platform --example follow_nats

use async_nats::{ConnectOptions, ServerAddr, jetstream};
use futures::StreamExt as _;
use prost::Message as _;
use proto::common::EventBatch;

const BATCH: &str = "application/cloudevents-batch+protobuf";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    #[expect(clippy::disallowed_methods, reason = "a sample has no configuration")]
    let address: ServerAddr = std::env::var("VALUTAI_STREAM_URL")?.parse()?;
    let login = address.username().unwrap_or_default().to_owned();
    let secret = address.password().unwrap_or_default().to_owned();
    let client = ConnectOptions::with_user_and_password(login.clone(), secret)
        .custom_inbox_prefix(format!("_INBOX_{login}"))
        .connect(address)
        .await?;
    let stream = jetstream::with_domain(client, "valutai");
    let consumer: jetstream::consumer::PullConsumer = stream
        .get_consumer_from_stream(&login, "valutai-prediction")
        .await?;
    let mut messages = consumer.messages().await?;
    while let Some(message) = messages.next().await {
        let message = match message {
            Ok(message) => message,
            // The client connects again by itself.
            Err(error) => {
                eprintln!("{error}");
                continue;
            }
        };
        let header = |name| {
            let headers = message.headers.as_ref()?;
            headers.get(name).map(|value| value.as_str().to_owned())
        };
        let name = header("ce-type").unwrap_or_default();
        if header("content-type").as_deref() == Some(BATCH) {
            for event in EventBatch::decode(message.payload.clone())?.events {
                println!("{name} {} {} bytes", event.id, event.binary_data.len());
            }
        } else {
            let id = header("ce-id").unwrap_or_default();
            println!("{name} {id} {} bytes", message.payload.len());
        }
        // Behind the handling: what was not acknowledged comes again.
        message.ack().await?;
    }
    Ok(())
}
