//! What auth reacts to: every operation of the system, which it appends to the tenant's audit chain.
//! Deliberately the only writer of that chain: two would fork it.

use platform::{
    Kit,
    consumer::{Consumer, Delivered, Failure},
};
use proto::auth::OperationRecorded;

use crate::{commands::Commands, store};

/// Messages that are appended in one transaction at most.
const AT_ONCE: usize = 100;

/// The consumer of operations.
pub fn consumer(kit: &Kit, commands: &Commands) -> Consumer {
    let (database, commands) = (kit.database(), commands.clone());
    Consumer::new("auth", "auth")
        .claims_all("auth")
        .together(AT_ONCE)
        .on_all(move |delivered: Delivered<OperationRecorded>| {
            let (database, commands) = (database.clone(), commands.clone());
            async move {
                let opened = database.begin_together(delivered).await?;
                let Some((mut tx, events)) = opened else {
                    return Ok(());
                };
                // What comes after the end of an organisation must not begin its trail anew.
                if store::claim_organization(&mut tx).await?.is_some() {
                    commands.append(&mut tx, &events).await?;
                }
                tx.commit().await?;
                Ok::<(), Failure>(())
            }
        })
}
