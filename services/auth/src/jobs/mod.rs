//! Work that waits: mail on its way, organisations whose time has come, what is to be sealed anew, tokens to
//! be refreshed, programs outside with their consumers, and months of the audit trail made ahead. Deliberately no word to people here: letters are the domain's.

mod mailer;
mod post;

use std::{sync::Arc, time::Duration};

use platform::{
    Kit,
    config::Outside,
    error::chain,
    outside::{self, Login},
};
use tokio::{sync::Notify, time::timeout};

pub use self::post::Post;
use crate::{
    commands::{Bells, Commands},
    store,
};

/// Net under the bells: work of a process that died, or that has become due.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Months of the audit trail made: the current one and those ahead.
const MONTHS: i32 = 4;
/// Between two looks at the consumers of those outside: what ends by itself, or was left by a process that died.
const READERS_EVERY: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Sends mail until told to stop.
pub async fn send_mail(post: Post, bells: Arc<Bells>, kit: Kit) {
    repeat(&kit, &bells.mail, "mail", || post.send_due()).await;
}

/// Ends organisations until told to stop.
pub async fn end_organizations(commands: Commands, bells: Arc<Bells>, kit: Kit) {
    repeat(&kit, &bells.endings, "ending organisations", || {
        commands.end_organizations()
    })
    .await;
}

/// Seals anew what an older key has sealed, until told to stop.
pub async fn rewrap(commands: Commands, kit: Kit) {
    let nobody_rings = Notify::new();
    repeat(&kit, &nobody_rings, "sealing anew", || commands.rewrap()).await;
}

/// Refreshes the tokens of identity providers, until told to stop.
pub async fn refresh_provider_tokens(commands: Commands, kit: Kit) {
    let nobody_rings = Notify::new();
    repeat(&kit, &nobody_rings, "refreshing tokens", || {
        commands.refresh_provider_tokens()
    })
    .await;
}

/// Judges those who connect to NATS from outside, until told to stop.
pub async fn admit_outside(
    commands: Commands,
    outside: Outside,
    kit: &Kit,
) -> platform::Result<impl Future<Output = ()> + Send + use<>> {
    let decide = move |login: Login| {
        let commands = commands.clone();
        async move {
            let admitted = commands.admit(&login).await;
            admitted.map_err(|error| format!("{}: {}", login.address, chain(&error)))
        }
    };
    let key = outside.key.current();
    outside::serve(
        kit.bus.clone(),
        &key,
        kit.clock.clone(),
        decide,
        kit.shutdown.clone(),
    )
    .await
}

/// Keeps the consumers of those outside in step with their credentials, until told to stop.
pub async fn keep_readers(commands: Commands, kit: Kit) {
    let nobody_rings = Notify::new();
    repeat_every(
        &kit,
        READERS_EVERY,
        &nobody_rings,
        "keeping readers",
        || commands.keep_readers(),
    )
    .await;
}

/// Makes the partitions of the months ahead where missing.
pub async fn ensure_partitions(kit: &Kit) -> Result<(), crate::Error> {
    let mut tx = kit.database().begin_any().await?;
    let today = kit.clock.now().date_naive();
    store::insert_trail_partitions(&mut tx, today, MONTHS).await?;
    Ok(tx.commit().await.map_err(platform::Error::from)?)
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

/// Works while there is work, and then waits for the bell or for a while.
async fn repeat<F, T>(kit: &Kit, bell: &Notify, what: &str, work: impl FnMut() -> F)
where
    F: Future<Output = Result<T, crate::Error>>,
{
    repeat_every(kit, LOOK_EVERY, bell, what, work).await;
}

async fn repeat_every<F, T>(
    kit: &Kit,
    every: Duration,
    bell: &Notify,
    what: &str,
    mut work: impl FnMut() -> F,
) where
    F: Future<Output = Result<T, crate::Error>>,
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
