//! Streams and consumers as they stand on the server, for those who look after a system. Deliberately by an operator's rights:
//! no service may list what is not its own.

use std::{collections::BTreeMap, time::Duration};

use async_nats::jetstream::{
    consumer::Info,
    stream::{self, StorageType},
};
use futures::TryStreamExt as _;

use crate::{
    bus::{Bus, bus_error},
    error::Result,
};

/// A stream of the system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSeen {
    /// Its domain; `dead` for the dead letters.
    pub domain: String,
    /// Messages that it holds.
    pub messages: u64,
    /// Copies that it keeps.
    pub replicas: usize,
    /// The server that leads it; `None` where it is not part of a cluster, or has no leader now.
    pub leader: Option<String>,
    /// Copies that are not up to date, by the name of their server.
    pub behind: Vec<String>,
    /// Whether it is kept in files.
    pub on_disk: bool,
    /// How long it keeps a message; zero for ever.
    pub max_age: Duration,
    /// Its consumers that last, by name.
    pub consumers: BTreeMap<String, ConsumerSeen>,
}

/// A durable consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsumerSeen {
    /// Messages that it was not given yet.
    pub pending: u64,
    /// Messages that it was given and has not settled.
    pub unsettled: u64,
    /// Of these, those that came more than once.
    pub redelivered: u64,
    /// Whether somebody is asking it for messages now.
    pub is_pulled: bool,
}

/// The server that a connection leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSeen {
    /// Its version.
    pub version: String,
    /// The cluster that it is part of.
    pub cluster: Option<String>,
    /// Largest message that it takes, in bytes.
    pub max_payload_bytes: usize,
    /// Whether it keeps streams.
    pub has_jetstream: bool,
}

/// The server that a connection leads to.
#[must_use]
pub fn server(bus: &Bus) -> ServerSeen {
    let info = bus.client().server_info();
    ServerSeen {
        version: info.version,
        cluster: info.cluster,
        max_payload_bytes: info.max_payload,
        has_jetstream: info.jetstream,
    }
}

/// Every stream of a system, by a connection that may see all.
///
/// # Errors
/// Where NATS refuses.
pub async fn look(bus: &Bus) -> Result<Vec<StreamSeen>> {
    let prefix = bus.subjects().stream("");
    let mut found = Vec::new();
    let mut names = bus.context().stream_names();
    while let Some(name) = names.try_next().await.map_err(bus_error)? {
        // Another system's prefix may begin with this one.
        let domain = name.strip_prefix(&prefix);
        let Some(domain) = domain.filter(|domain| !domain.contains('-')) else {
            continue;
        };
        let stream = bus.context().get_stream(&name).await.map_err(bus_error)?;
        let consumers: Vec<Info> = stream.consumers().try_collect().await.map_err(bus_error)?;
        found.push(seen(domain, stream.cached_info(), &consumers));
    }
    found.sort_by(|one, other| one.domain.cmp(&other.domain));
    Ok(found)
}

fn seen(domain: &str, info: &stream::Info, consumers: &[Info]) -> StreamSeen {
    let durable = |info: &Info| {
        let name = info.config.durable_name.clone()?;
        let consumer = ConsumerSeen {
            pending: info.num_pending,
            unsettled: info.num_ack_pending as u64,
            redelivered: info.num_redelivered as u64,
            is_pulled: info.num_waiting > 0,
        };
        Some((name, consumer))
    };
    let cluster = info.cluster.as_ref();
    let copies = cluster.map(|cluster| cluster.replicas.iter());
    StreamSeen {
        domain: domain.to_owned(),
        messages: info.state.messages,
        replicas: info.config.num_replicas,
        leader: cluster.and_then(|cluster| cluster.leader.clone()),
        behind: copies
            .into_iter()
            .flatten()
            .filter(|copy| !copy.current || copy.offline)
            .map(|copy| copy.name.clone())
            .collect(),
        on_disk: info.config.storage == StorageType::File,
        max_age: info.config.max_age,
        consumers: consumers.iter().filter_map(durable).collect(),
    }
}
