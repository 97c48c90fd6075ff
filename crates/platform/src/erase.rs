//! The end of an organisation in every service: its rows, its blobs, its key in memory. Deliberately
//! no list of tables: whatever has a `tenant_id` is the tenant's, see `messaging.sql`.

use futures::StreamExt as _;
use proto::auth::OrganizationDeleted;

use crate::{
    Kit,
    consumer::{Consumer, Delivery, Failure},
    error::Result,
    shutdown::Shutdown,
};

/// Deletes what a service keeps of an organisation that is told to be deleted.
pub(crate) fn consumer(kit: &Kit, service: &str) -> Consumer {
    let (database, blobs) = (kit.database(), kit.blobs.clone());
    let name = format!("{service}-erasure");
    Consumer::new(&name, "auth").on(move |delivery: Delivery, _: OrganizationDeleted| {
        let (database, blobs) = (database.clone(), blobs.clone());
        async move {
            // Twice is as good as once, so the event is not claimed.
            blobs.erase(delivery.tenant).await?;
            let mut tx = database.begin(delivery.tenant).await?;
            tx.erase_tenant().await?;
            tx.commit().await?;
            tracing::info!(tenant = %delivery.tenant, "an organisation's data was deleted");
            Ok::<(), Failure>(())
        }
    })
}

/// Forgets the keys of organisations that end, in this very process.
pub(crate) async fn forget_keys(
    kit: &Kit,
    shutdown: Shutdown,
) -> Result<impl Future<Output = ()> + use<>> {
    let mut ended = Box::pin(kit.bus.hear::<OrganizationDeleted>().await?);
    let keys = kit.keys.clone();
    Ok(async move {
        loop {
            tokio::select! {
                heard = ended.next() => match heard {
                    Some((tenant, _)) => keys.forget(tenant),
                    None => return,
                },
                () = shutdown.cancelled() => return,
            }
        }
    })
}
