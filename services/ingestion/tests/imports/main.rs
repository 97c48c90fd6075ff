//! Imports against a real Postgres and NATS, without the gateway. Deliberately one program: each would compile and link the
//! service anew.

mod again;
mod killed;
mod partitions;
mod support;
mod uploads;
