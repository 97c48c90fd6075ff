//! Removes the files that previews and exports left behind when the gateway was killed in the middle of one.
//! Deliberately not uploads and errors files: ingestion knows which of them are needed.

use std::{collections::HashSet, time::Duration};

use platform::{Error, Kit, error::chain};
use tokio::time::{MissedTickBehavior, interval};

use super::{export_model, preview_dataset};

/// No call lasts that long.
const OLDER_THAN: Duration = Duration::from_secs(2 * 60 * 60);
const EVERY: Duration = Duration::from_secs(60 * 60);

/// Sweeps now and then until told to stop.
pub async fn run(kit: Kit) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => sweep(&kit).await,
            () = kit.shutdown.cancelled() => return,
        }
    }
}

async fn sweep(kit: &Kit) {
    let nobody = |_, _| async { Ok::<_, Error>(HashSet::new()) };
    let now = kit.clock.now();
    for purpose in [preview_dataset::PURPOSE, export_model::PURPOSE] {
        match kit.blobs.sweep(purpose, OLDER_THAN, now, nobody).await {
            Ok(swept) if swept.blobs + swept.unfinished > 0 => {
                tracing::info!(?swept, purpose, "leftovers of broken calls were removed");
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(error = %chain(&error), purpose, "the sweep of leftovers broke off");
            }
        }
    }
}
