//! Small conversions between protobuf's well-known types and ours. Deliberately nothing of the product.

use chrono::{DateTime, Utc};
use prost_types::Timestamp;

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
