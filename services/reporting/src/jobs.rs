//! Reports that are due are generated, mailed, and their files removed. Deliberately no order between processes: rows are taken
//! by whoever is first.

use std::time::Duration;

use platform::{Kit, error::chain};
use tokio::{sync::Notify, time::timeout};

use crate::{Error, commands::Commands};

/// Net under the bells: what has become due, and what a process that died has left.
const LOOK_EVERY: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(3600);

/// Generates reports that are due, until told to stop.
pub async fn run_schedules(kit: Kit, commands: Commands) {
    let bell = &commands.bells().schedules;
    repeat(&kit, bell, LOOK_EVERY, "running schedules", || {
        commands.run_due()
    })
    .await;
}

/// Has reports mailed that are due, until told to stop.
pub async fn post_reports(kit: Kit, commands: Commands) {
    let bell = &commands.bells().mail;
    repeat(&kit, bell, LOOK_EVERY, "mailing reports", || {
        commands.post_due()
    })
    .await;
}

/// Removes what was mailed long ago, at the start and every hour, until told to stop.
pub async fn keep_deliveries(kit: Kit, commands: Commands) {
    let nobody_rings = Notify::new();
    repeat(&kit, &nobody_rings, HOUR, "removing mailed files", || {
        commands.expire_deliveries()
    })
    .await;
}

/// Works, and then waits for the bell or for a while.
async fn repeat<F>(
    kit: &Kit,
    bell: &Notify,
    every: Duration,
    what: &str,
    mut work: impl FnMut() -> F,
) where
    F: Future<Output = Result<(), Error>>,
{
    while !kit.shutdown.is_cancelled() {
        if let Err(error) = work().await {
            tracing::warn!(error = %chain(&error), "{what} failed and is tried again");
        }
        tokio::select! {
            _ = timeout(every, bell.notified()) => {}
            () = kit.shutdown.cancelled() => return,
        }
    }
}
