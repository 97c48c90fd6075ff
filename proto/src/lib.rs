//! The contract: protobuf messages, services and access rules, compiled to Rust.
//!
//! Layout: [`v1`] names the generated code of each domain; [`access`] tells who may call what;
//! [`rpc`] is what generated NATS clients and servers stand on; [`raw`] moves messages unread. Deliberately not here: any
//! transport, any rule of the product.

pub mod access;
pub mod raw;
pub mod rpc;

/// Generated code, by protobuf package.
#[expect(
    missing_docs,
    unused_qualifications,
    clippy::all,
    reason = "generated"
)]
#[rustfmt::skip]
mod generated {
    include!(concat!(env!("OUT_DIR"), "/contract.rs"));
}

pub use generated::valutai::{
    auth::v1 as auth, common::v1 as common, ingestion::v1 as ingestion,
    prediction::v1 as prediction, reporting::v1 as reporting, training::v1 as training,
};

/// The compiled descriptor set of the whole contract, imports and comments included.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/contract.bin"));
