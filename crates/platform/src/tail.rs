//! Reading a tenant's events, of one type or several, from a position or a time on, and then as they come, without a gap.
//! Deliberately without memory on the server: the reader keeps its own position.

use std::{fmt, num::ParseIntError, str::FromStr};

use async_nats::jetstream::{
    Message,
    consumer::{DeliverPolicy, pull},
    stream::Stream as JetStream,
};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{Stream, StreamExt as _, stream};
use prost::Name;
use proto::access::domain_of;
use uuid::Uuid;

use crate::{
    batch,
    bus::{Bus, bus_error},
    dead::REPLAY_TO,
    error::Result,
};

/// How far a stream was read: all of its messages up to one, and of the next one as many events as are said. Written as
/// "17", and as "17.3" where three events of the message behind the 17th were read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Position {
    /// The last message that was read whole; 0 for none.
    pub message: u64,
    /// Events read of the message behind it.
    pub events: usize,
}

impl From<u64> for Position {
    fn from(message: u64) -> Self {
        Self { message, events: 0 }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.events {
            0 => write!(f, "{}", self.message),
            events => write!(f, "{}.{events}", self.message),
        }
    }
}

impl FromStr for Position {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (message, events) = text.split_once('.').unwrap_or((text, "0"));
        Ok(Self {
            message: message.parse()?,
            events: events.parse()?,
        })
    }
}

/// Where reading begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Behind the newest event there is.
    Now,
    /// Behind this position; that of 0 for the first that is kept.
    After(Position),
    /// With the first that was published at this time or later.
    At(DateTime<Utc>),
}

impl Start {
    /// The position behind which reading begins, where that is known before anything is read.
    async fn behind(self, stream: &mut JetStream) -> Result<Option<Position>> {
        Ok(match self {
            Self::After(position) => Some(position),
            Self::Now => {
                let state = &stream.info().await.map_err(bus_error)?.state;
                Some(state.last_sequence.into())
            }
            Self::At(_) => None,
        })
    }

    pub(crate) fn policy(self, behind: Option<Position>) -> Result<DeliverPolicy> {
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
                start_sequence: behind.unwrap_or_default().message.saturating_add(1),
            },
        })
    }
}

/// An event that is not read yet.
#[derive(Debug, Clone, PartialEq)]
pub struct Raw {
    /// The position behind it.
    pub position: Position,
    /// Its `ce-id`, by which a reader tells what comes again; nil where it has none.
    pub event_id: Uuid,
    /// By which consumers know the message that carried it: of several events that of the batch, of one its own.
    pub parcel_id: Uuid,
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
) -> Result<(
    Option<Position>,
    impl Stream<Item = Result<Raw>> + Send + use<>,
)> {
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
    let mut filter_subjects: Vec<String> = full_names.iter().map(subject).collect();
    // One subject stands in the request's own subject, so that the server can hold a user to it.
    let filter_subject = match filter_subjects.len() {
        1 => filter_subjects.remove(0),
        _ => String::new(),
    };
    let consumer = stream
        .create_consumer(pull::OrderedConfig {
            filter_subject,
            filter_subjects,
            deliver_policy: start.policy(behind)?,
            ..pull::OrderedConfig::default()
        })
        .await
        .map_err(bus_error)?;
    let messages = consumer.messages().await.map_err(bus_error)?;
    let begun = behind.unwrap_or_default();
    let events = messages.flat_map(move |message| {
        let read = message
            .map_err(bus_error)
            .and_then(|m| events_of(&m, begun));
        stream::iter(match read {
            Ok(events) => events.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        })
    });
    Ok((behind, events))
}

/// How many messages of several types of one domain are kept.
///
/// # Errors
/// As [`tail_several`].
pub async fn kept(bus: &Bus, tenant: Uuid, full_names: &[String]) -> Result<u64> {
    let first = full_names
        .first()
        .ok_or_else(|| crate::Error::Bus("no event is to be read".to_owned()))?;
    let stream = bus
        .context()
        .get_stream(bus.subjects().stream(domain_of(first)))
        .await
        .map_err(bus_error)?;
    let mut messages = 0;
    for name in full_names {
        let subject = bus.subjects().event(&tenant.to_string(), name);
        let mut counts = stream
            .info_with_subjects(subject)
            .await
            .map_err(bus_error)?;
        while let Some(count) = counts.next().await {
            messages += count.map_err(bus_error)?.1 as u64;
        }
    }
    Ok(messages)
}

/// The events of a message that are not read yet where reading begins.
fn events_of(message: &Message, begun: Position) -> Result<Vec<Raw>> {
    let sequence = message
        .info()
        .map_err(|error| crate::Error::Bus(error.to_string()))?
        .stream_sequence;
    let event_type = message
        .headers
        .as_ref()
        .and_then(|headers| headers.get("ce-type"))
        .map(ToString::to_string)
        .unwrap_or_default();
    // Watchers had it when it came first.
    let headers = message.headers.as_ref();
    if headers.is_some_and(|headers| headers.get(REPLAY_TO).is_some()) {
        return Ok(Vec::new());
    }
    let carried = batch::unpack(headers, &message.payload)?;
    let parcel = batch::parcel_id(headers, &carried);
    let count = carried.len();
    let events = carried.into_iter().enumerate().map(|(at, event)| Raw {
        position: match at + 1 == count {
            true => sequence.into(),
            false => Position {
                message: sequence - 1,
                events: at + 1,
            },
        },
        event_id: event.id.unwrap_or_default(),
        parcel_id: parcel,
        event_type: event_type.clone(),
        body: event.body,
    });
    Ok(events.filter(|event| event.position > begun).collect())
}

/// An event with the position to go on from.
#[derive(Debug, Clone, PartialEq)]
pub struct Positioned<E> {
    /// The position behind it.
    pub position: Position,
    /// Its `ce-id`, by which a reader tells what comes again; nil where it has none.
    pub event_id: Uuid,
    /// The event.
    pub event: E,
}

/// Opens the reading of one type; answers the position it begins behind (0 where it begins at a time), and the events.
///
/// # Errors
/// Where NATS refuses. The stream ends with an error where it cannot go on; the reader opens it again.
pub async fn tail<E: prost::Message + Name + Default>(
    bus: &Bus,
    tenant: Uuid,
    start: Start,
) -> Result<(
    Position,
    impl Stream<Item = Result<Positioned<E>>> + Send + use<E>,
)> {
    let (behind, events) = tail_several(bus, tenant, &[E::full_name()], start).await?;
    let events = events.map(|raw| {
        let raw = raw?;
        Ok(Positioned {
            position: raw.position,
            event_id: raw.event_id,
            event: E::decode(raw.body)?,
        })
    });
    Ok((behind.unwrap_or_default(), events))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_in_the_order_of_reading_and_are_read_back() {
        let of = |text: &str| text.parse::<Position>().expect("a position");
        let all = ["0", "0.1", "0.12", "1", "1.1", "2"].map(of);
        assert!(all.is_sorted());
        assert_eq!(all.map(|p| of(&p.to_string())), all);
        assert!("1.x".parse::<Position>().is_err() && "".parse::<Position>().is_err());
    }
}
