//! What every service needs and no word of the product.
//!
//! Layout, from the ground up: [`config`], [`clock`], [`error`], [`telemetry`], [`shutdown`];
//! [`crypto`], [`keys`] and [`blobs`] for what rests, [`clamd`] to have it scanned; [`database`] and [`migrate`] for Postgres;
//! [`bus`], `batch`, [`outbox`], [`consumer`] and [`rpc`] for NATS; [`address`] for both; [`listen`] for clients; [`fair`] and
//! [`overload`] for who asks much; [`outside`] for programs that read events; [`service`] puts them together; `erase` ends a tenant.
//! Deliberately not here: any rule of the product, and any type parameter for a second
//! implementation that does not exist.

pub mod address;
pub mod audit;
mod batch;
pub mod blobs;
pub mod bus;
pub mod clamd;
pub mod clock;
pub mod config;
pub mod consumer;
pub mod crypto;
pub mod database;
pub mod dead;
mod erase;
pub mod error;
pub mod examine;
pub mod fair;
pub mod health;
pub mod keys;
pub mod launch;
pub mod listen;
pub mod migrate;
pub mod outbox;
pub mod outside;
pub mod overload;
pub mod page;
pub mod patience;
pub mod rpc;
pub mod service;
pub mod shutdown;
pub mod streams;
pub mod tail;
pub mod telemetry;
mod walls;
pub mod wire;

pub use clock::Clock;
pub use config::Config;
pub use database::{Database, TenantTx};
pub use error::{Code, Coded, Error, Result};
pub use service::{Kit, Service, Wiring};

/// Of every process that stands on this crate. The system's own took an eighth of the processors' time under load: many
/// small things are made in one thread and dropped in another.
#[cfg(not(test))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
