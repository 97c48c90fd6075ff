//! Tests against real servers, in one program so that they share their helpers. It deliberately has
//! no switch to leave them out: this crate is worth nothing without real servers.

mod common;
mod obtain;
mod servers;
