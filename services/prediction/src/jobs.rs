//! Partitions of the predictions, made ahead of their months, and the removal of what tenants keep no longer. Deliberately
//! nothing is removed of a tenant that has not said so.

use std::time::Duration;

use platform::{Kit, error::chain};

use crate::{
    commands::{Commands, Webhooks, expire},
    store,
};

/// Months made: the current one and those ahead.
const MONTHS: i32 = 4;
/// Between two removals of what is kept no longer.
const HOUR: Duration = Duration::from_secs(3600);
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

/// Removes what is kept no longer at the start, every hour, and when a tenant has said how long, until told to stop.
pub fn keep_retention(kit: Kit, commands: &Commands) -> impl Future<Output = ()> + use<> {
    let bell = commands.retention_bell();
    async move {
        let mut hour = tokio::time::interval(HOUR);
        loop {
            tokio::select! {
                _ = hour.tick() => {}
                () = bell.rung() => {}
                () = kit.shutdown.cancelled() => return,
            }
            if let Err(error) = expire(&kit).await {
                tracing::warn!(error = %chain(&error), "predictions that are kept no longer could not be removed, trying again in an hour");
            }
        }
    }
}

/// Removes deliveries of webhooks that are kept no longer, at the start and every hour, until told to stop.
pub async fn keep_deliveries(kit: Kit, webhooks: Webhooks) {
    let mut hour = tokio::time::interval(HOUR);
    loop {
        tokio::select! {
            _ = hour.tick() => {}
            () = kit.shutdown.cancelled() => return,
        }
        if let Err(error) = webhooks.expire().await {
            tracing::warn!(error = %chain(&error), "old deliveries of webhooks could not be removed, trying again in an hour");
        }
    }
}
