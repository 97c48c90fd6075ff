//! Credentials by which programs of a tenant read its events on NATS, on a nats-server of the tests' own: what they may and what
//! not, how they end, and what comes by them.

mod client;
mod collector;
mod ends;
mod events;
mod leaks;
#[path = "../support/mod.rs"]
mod support;
mod traces;
mod walled;
