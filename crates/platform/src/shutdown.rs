//! When to stop, told to everybody at once. Deliberately no order: [`crate::service`] decides what
//! ends first and how long each phase may take.

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Told when the process has to stop; clones hear the same.
pub type Shutdown = CancellationToken;

/// Cancels the token at SIGTERM or SIGINT.
///
/// # Errors
/// Where the system refuses the handlers.
pub fn on_signals(shutdown: &Shutdown) -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping");
        shutdown.cancel();
    });
    Ok(())
}
