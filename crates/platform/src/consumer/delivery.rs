//! What handlers are given: one event, or several that came together. Deliberately plain data.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use uuid::{Uuid, Version};

use super::LAST_DELIVERY;

/// One delivery of an event.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The event's id, for the inbox.
    pub event_id: Uuid,
    /// The tenant, from the subject.
    pub tenant: Uuid,
    /// Name of the consumer, for the inbox.
    pub consumer: String,
    /// How often it has been delivered, this time included.
    pub attempt: i64,
}

/// An event as it came, for those who hand it on whatever it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The event's id.
    pub id: Uuid,
    /// Full name of its type.
    pub event_type: String,
    /// The message, byte for byte.
    pub body: Bytes,
}

impl Told {
    /// When the event was made, by its id. `None` where the id is of another kind than ours.
    #[must_use]
    pub fn made_at(&self) -> Option<DateTime<Utc>> {
        made_at(self.id)
    }
}

/// Events of one type and tenant that are handled together.
#[derive(Debug, Clone)]
pub struct Delivered<E> {
    /// The tenant, from the subject.
    pub tenant: Uuid,
    /// Name of the consumer, for the inbox.
    pub consumer: String,
    /// What each message holds, under its id, for the inbox.
    pub parcels: Vec<(Uuid, Vec<E>)>,
}

impl<E> Delivered<E> {
    /// All of the events, in their order, whether they were handled before or not.
    pub fn events(&self) -> impl Iterator<Item = &E> {
        self.parcels.iter().flat_map(|(_, events)| events)
    }
}

impl Delivery {
    /// Whether a failure now is the end of it.
    #[must_use]
    pub fn is_last(&self) -> bool {
        self.attempt >= LAST_DELIVERY
    }

    /// When the event was made, by its id; later than that it may have waited. `None` where the id
    /// is of another kind than ours.
    #[must_use]
    pub fn made_at(&self) -> Option<DateTime<Utc>> {
        made_at(self.event_id)
    }
}

fn made_at(event_id: Uuid) -> Option<DateTime<Utc>> {
    if event_id.get_version() != Some(Version::SortRand) {
        return None;
    }
    let (seconds, nanos) = event_id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}
