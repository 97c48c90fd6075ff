//! Messages with several events: what was committed together travels together, since a message costs more than what is in
//! it, at every hop. The form is a batch of CloudEvents in their protobuf format. Deliberately not here: what becomes of the
//! events.

use std::collections::HashMap;

use async_nats::HeaderMap;
use bytes::Bytes;
use prost::{Message as _, Name as _};
use proto::common::{BatchedEvent, EventAttribute, EventBatch};
use uuid::Uuid;

use crate::error::{Error, Result};

/// Content type of a message with several events, by CloudEvents' protobuf format.
pub(crate) const BATCH: &str = "application/cloudevents-batch+protobuf";
/// Content type of a message that is one event.
pub(crate) const SINGLE: &str = "application/protobuf";
/// Header with the id of a batch, by which a consumer knows the whole of it again.
pub(crate) const BATCH_ID: &str = "valutai-batch-id";
const TRACEPARENT: &str = "traceparent";

/// An event as it came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Carried {
    /// Missing where the sender gave it none.
    pub(crate) id: Option<Uuid>,
    pub(crate) traceparent: Option<String>,
    pub(crate) body: Bytes,
}

/// One event of a batch that is being packed.
#[must_use]
pub(crate) fn event(
    id: Uuid,
    source: &str,
    event_type: &str,
    traceparent: Option<&str>,
    body: Vec<u8>,
) -> BatchedEvent {
    let attribute = |value: &str| EventAttribute {
        ce_string: value.to_owned(),
    };
    BatchedEvent {
        id: id.to_string(),
        source: source.to_owned(),
        spec_version: "1.0".to_owned(),
        r#type: event_type.to_owned(),
        attributes: traceparent
            .map(|value| HashMap::from([(TRACEPARENT.to_owned(), attribute(value))]))
            .unwrap_or_default(),
        binary_data: body,
    }
}

/// By which a consumer knows a message again: the id of the batch, or that of the one event.
pub(crate) fn parcel_id(headers: Option<&HeaderMap>, events: &[Carried]) -> Uuid {
    let batch = headers.and_then(|headers| headers.get(BATCH_ID));
    let batch = batch.and_then(|id| Uuid::try_parse(id.as_str()).ok());
    let first = events.first().and_then(|event| event.id);
    batch.or(first).unwrap_or_default()
}

/// The events of a message, one or several.
///
/// # Errors
/// Where a batch is malformed.
pub(crate) fn unpack(headers: Option<&HeaderMap>, payload: &Bytes) -> Result<Vec<Carried>> {
    let header = |name: &str| headers.and_then(|headers| headers.get(name));
    if header("content-type").is_none_or(|kind| kind.as_str() != BATCH) {
        return Ok(vec![Carried {
            id: header("ce-id").and_then(|id| Uuid::try_parse(id.as_str()).ok()),
            traceparent: header(TRACEPARENT).map(ToString::to_string),
            body: payload.clone(),
        }]);
    }
    let batch = EventBatch::decode(payload.clone())?;
    if batch.events.is_empty() {
        return Err(Error::Bus(format!(
            "an {} without events came",
            EventBatch::NAME
        )));
    }
    let carried = batch.events.into_iter().map(|mut event| Carried {
        id: Uuid::try_parse(&event.id).ok(),
        traceparent: event.attributes.remove(TRACEPARENT).map(|a| a.ce_string),
        body: event.binary_data.into(),
    });
    Ok(carried.collect())
}

/// The different traces of events, as far as they follow each other.
pub(crate) fn traces<'e>(
    events: impl Iterator<Item = &'e Carried>,
) -> impl Iterator<Item = &'e str> {
    let mut traces: Vec<&str> = events
        .filter_map(|event| event.traceparent.as_deref())
        .collect();
    traces.dedup();
    traces.into_iter()
}
