//! Sweeps away blobs that nothing refers to: of uploads that broke off, previews whose gateway was
//! killed, imports that failed on the way. Deliberately slow to judge: a blob is young for an hour.

use std::{collections::HashSet, time::Duration};

use platform::{Kit, error::chain};
use uuid::Uuid;

use super::Result;
use crate::store;

/// A blob that is younger may be about to be referred to.
const YOUNG: Duration = Duration::from_secs(60 * 60);
/// Between two sweeps.
const PAUSE: Duration = Duration::from_secs(60 * 60);

/// Sweeps at the start and every hour until told to stop.
pub async fn sweep(kit: Kit) {
    let mut pause = tokio::time::interval(PAUSE);
    loop {
        tokio::select! {
            () = kit.shutdown.cancelled() => return,
            _ = pause.tick() => {}
        }
        for purpose in ["upload", "errors", "snapshot"] {
            if let Err(error) = sweep_purpose(&kit, purpose).await {
                tracing::warn!(error = %chain(&error), purpose, "the sweep of blobs broke off");
            }
        }
    }
}

async fn sweep_purpose(kit: &Kit, purpose: &str) -> Result<()> {
    let database = kit.database();
    let swept = kit
        .blobs
        .sweep(purpose, YOUNG, kit.clock.now(), |tenant: Uuid, keys| {
            let database = database.clone();
            async move {
                let mut tx = database.begin(tenant).await?;
                let needed = store::list_needed_keys(&mut tx, &keys).await?;
                tx.commit().await?;
                Ok::<_, crate::Error>(needed.into_iter().collect::<HashSet<String>>())
            }
        })
        .await?;
    if swept.blobs + swept.unfinished > 0 {
        tracing::info!(
            purpose,
            blobs = swept.blobs,
            unfinished = swept.unfinished,
            "removed what nothing refers to"
        );
    }
    Ok(())
}
