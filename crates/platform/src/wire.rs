//! Small conversions between protobuf's well-known types and ours. Deliberately nothing of the product.

use chrono::{DateTime, Utc};
use prost_reflect::DynamicMessage;
use prost_types::Timestamp;
use proto::access::POOL;
use serde_json::Value;

use crate::error::{Error, Result};

/// A time as protobuf writes it.
#[must_use]
pub fn timestamp(at: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: at.timestamp(),
        nanos: i32::try_from(at.timestamp_subsec_nanos().min(999_999_999)).unwrap_or(0),
    }
}

/// A time as we compute with it; `None` where it is out of range.
#[must_use]
pub fn datetime(at: &Timestamp) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp(at.seconds, u32::try_from(at.nanos).ok()?)
}

/// A time by its microseconds since 1970; `None` where it is out of range.
#[must_use]
pub fn from_micros(micros: i64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_micros(micros)
}

/// A message of the contract in the canonical JSON of protobuf.
///
/// # Errors
/// Where the contract has no message of that name, or the bytes are none.
pub fn to_json(full_name: &str, body: &[u8]) -> Result<Value> {
    let unknown = || Error::Malformed {
        what: "ce-type",
        value: full_name.to_owned(),
        remedy: "the contract has no such message",
    };
    let descriptor = POOL.get_message_by_name(full_name).ok_or_else(unknown)?;
    let message = DynamicMessage::decode(descriptor, body)?;
    serde_json::to_value(&message).map_err(|error| Error::Malformed {
        what: "body",
        value: error.to_string(),
        remedy: "it cannot be written as JSON",
    })
}
