//! The system as processes of their own, which are killed and asked to stop. Deliberately one test at a time: each has servers
//! of its own, and as many processes as this machine carries.

mod drained;
mod killed;
mod reports;
#[path = "../support/mod.rs"]
mod support;

use std::path::PathBuf;

use tokio::sync::Mutex;

/// Held by the test that runs.
static TURN: Mutex<()> = Mutex::const_new(());

/// The program whose replicas these are.
fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_valutai"))
}
