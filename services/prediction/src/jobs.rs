//! Partitions of the predictions, made ahead of their months. Deliberately no removal of old ones:
//! what a tenant was told is kept until the tenant goes.

use std::time::Duration;

use platform::{Kit, error::chain};

use crate::store;

/// Months made: the current one and those ahead.
const MONTHS: i32 = 4;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Makes the partitions of the months ahead where missing.
pub async fn ensure_partitions(kit: &Kit) -> platform::Result<()> {
    let mut tx = kit.database().begin_any().await?;
    store::insert_partitions(&mut tx, kit.clock.now().date_naive(), MONTHS).await?;
    Ok(tx.commit().await?)
}

/// Makes them again every day, until told to stop.
pub async fn keep_partitions(kit: Kit) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(DAY) => {}
            () = kit.shutdown.cancelled() => return,
        }
        if let Err(error) = ensure_partitions(&kit).await {
            tracing::error!(error = %chain(&error), "partitions could not be made, trying again tomorrow");
        }
    }
}
