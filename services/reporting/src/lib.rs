//! The reporting service.
//!
//! So far its pure part: [`domain`] turns facts about a model into a report and [`page`] draws it. Deliberately not
//! here: transport, storage and clock.

pub mod domain;
pub mod page;
