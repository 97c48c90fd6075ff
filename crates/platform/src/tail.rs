//! Reading a tenant's events of one type from a position on, and then as they come, without a gap.
//! Deliberately without memory on the server: the reader keeps its own position.

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures::{Stream, StreamExt as _};
use prost::{Message, Name};
use proto::access::domain_of;
use uuid::Uuid;

use crate::{
    bus::{Bus, bus_error},
    error::Result,
};

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Behind the newest event there is.
    Now,
    /// Behind this position; 0 for the first that is kept.
    After(u64),
}

/// An event with the position to go on from.
#[derive(Debug, Clone, PartialEq)]
pub struct Positioned<E> {
    /// Its position in the stream.
    pub position: u64,
    /// Its `ce-id`, by which a reader tells what comes again; nil where it has none.
    pub event_id: Uuid,
    /// The event.
    pub event: E,
}

/// Opens the reading; answers the position it begins behind, and the events.
///
/// # Errors
/// Where NATS refuses. The stream ends with an error where it cannot go on; the reader opens it again.
pub async fn tail<E: Message + Name + Default>(
    bus: &Bus,
    tenant: Uuid,
    start: Start,
) -> Result<(
    u64,
    impl Stream<Item = Result<Positioned<E>>> + Send + use<E>,
)> {
    let full_name = E::full_name();
    let mut stream = bus
        .context()
        .get_stream(bus.subjects().stream(domain_of(&full_name)))
        .await
        .map_err(bus_error)?;
    let behind = match start {
        Start::After(position) => position,
        Start::Now => stream.info().await.map_err(bus_error)?.state.last_sequence,
    };
    let consumer = stream
        .create_consumer(pull::OrderedConfig {
            filter_subject: bus.subjects().event(&tenant.to_string(), &full_name),
            deliver_policy: DeliverPolicy::ByStartSequence {
                start_sequence: behind + 1,
            },
            ..pull::OrderedConfig::default()
        })
        .await
        .map_err(bus_error)?;
    let messages = consumer.messages().await.map_err(bus_error)?;
    let events = messages.map(|message| {
        let message = message.map_err(bus_error)?;
        let position = message
            .info()
            .map_err(|error| crate::Error::Bus(error.to_string()))?
            .stream_sequence;
        let headers = message.headers.as_ref();
        let event_id = headers
            .and_then(|headers| headers.get("ce-id"))
            .and_then(|id| Uuid::try_parse(id.as_str()).ok())
            .unwrap_or_default();
        Ok(Positioned {
            position,
            event_id,
            event: E::decode(message.payload.clone())?,
        })
    });
    Ok((behind, events))
}
