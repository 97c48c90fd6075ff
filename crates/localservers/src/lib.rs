//! Finds or obtains Postgres and nats-server and runs them privately, for `valutai up`, the demo
//! and the tests.
//!
//! The way through: [`find_or_obtain`] gives [`Binaries`]; [`Servers::start`] runs them on free
//! loopback ports in a data folder of their own, with a keeper process that ends them when their
//! owner is gone; [`shared_for_run`] gives all tests of one run the same pair; [`inspect`] says what
//! `valutai doctor` prints. Everything blocks; a caller inside an async runtime uses a blocking task.
//!
//! It is deliberately not a process supervisor (a server that dies on its own stays dead), not a
//! client of either server, and not what production runs on.

mod cluster;
mod command;
mod environment;
mod error;
mod files;
mod find;
mod identity;
mod inspect;
mod keeper;
mod monitor;
mod nats;
mod obtain;
mod options;
mod ports;
mod postgres;
mod process;
mod servers;
mod shared;
mod version;

pub use cluster::Cluster;
pub use error::Error;
pub use inspect::{Finding, inspect};
pub use monitor::ask as nats_page;
pub use obtain::find_or_obtain;
pub use options::{Binaries, NatsMember, NatsOutsiders, NatsUser, Options, StartOptions};
pub use servers::Servers;
pub use shared::{SharedServers, shared_for_run};
pub use version::{OLDEST_NATS, OLDEST_POSTGRES, Version};
