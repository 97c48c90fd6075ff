//! Reading a tenant's events, of one type or several, from a position or a time on, and then as they come, without a gap.
//! Deliberately without memory on the server: the reader keeps its own position.

use async_nats::jetstream::{
    consumer::{DeliverPolicy, pull},
    stream::Stream as JetStream,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
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
    /// With the first that was published at this time or later.
    At(DateTime<Utc>),
}

impl Start {
    /// The position behind which reading begins, where that is known before anything is read.
    async fn behind(self, stream: &mut JetStream) -> Result<Option<u64>> {
        Ok(match self {
            Self::After(position) => Some(position),
            Self::Now => Some(stream.info().await.map_err(bus_error)?.state.last_sequence),
            Self::At(_) => None,
        })
    }

    fn policy(self, behind: Option<u64>) -> Result<DeliverPolicy> {
        let range = || crate::Error::Malformed {
            what: "time",
            value: String::new(),
            remedy: "send one of this century",
        };
        Ok(match (self, behind) {
            (Self::At(time), None) => DeliverPolicy::ByStartTime {
                start_time: async_nats::datetime::DateTime::from_unix_timestamp_nanos(
                    i128::from(time.timestamp_micros()) * 1000,
                )
                .map_err(|_| range())?,
            },
            (_, behind) => DeliverPolicy::ByStartSequence {
                start_sequence: behind.unwrap_or(0) + 1,
            },
        })
    }
}

/// An event that is not read yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    /// Its position in the stream.
    pub position: u64,
    /// Full name of its message.
    pub event_type: String,
    /// Its bytes.
    pub body: Bytes,
}

/// Opens the reading of events of several types of one domain, in the order of their stream; answers the position it begins
/// behind, where that is known, and the events.
///
/// # Errors
/// As [`tail`], and where no type is named.
pub async fn tail_several(
    bus: &Bus,
    tenant: Uuid,
    full_names: &[String],
    start: Start,
) -> Result<(Option<u64>, impl Stream<Item = Result<Raw>> + Send + use<>)> {
    let first = full_names
        .first()
        .ok_or_else(|| crate::Error::Bus("no event is to be read".to_owned()))?;
    let mut stream = bus
        .context()
        .get_stream(bus.subjects().stream(domain_of(first)))
        .await
        .map_err(bus_error)?;
    let behind = start.behind(&mut stream).await?;
    let subject = |name: &String| bus.subjects().event(&tenant.to_string(), name);
    let consumer = stream
        .create_consumer(pull::OrderedConfig {
            filter_subjects: full_names.iter().map(subject).collect(),
            deliver_policy: start.policy(behind)?,
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
        let event_type = headers.and_then(|headers| headers.get("ce-type"));
        Ok(Raw {
            position,
            event_type: event_type.map(ToString::to_string).unwrap_or_default(),
            body: message.payload.clone(),
        })
    });
    Ok((behind, events))
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

/// Opens the reading; answers the position it begins behind (0 where it begins at a time), and the events.
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
    let behind = start.behind(&mut stream).await?;
    let consumer = stream
        .create_consumer(pull::OrderedConfig {
            filter_subject: bus.subjects().event(&tenant.to_string(), &full_name),
            deliver_policy: start.policy(behind)?,
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
    Ok((behind.unwrap_or(0), events))
}
