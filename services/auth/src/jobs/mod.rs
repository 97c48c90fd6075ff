//! Work that waits: mail on its way, and organisations whose time has come. Deliberately no word to
//! people here: letters are the domain's.

mod mailer;
mod post;

use std::{sync::Arc, time::Duration};

use platform::{Kit, error::chain};
use tokio::{sync::Notify, time::timeout};

pub use self::post::Post;
use crate::commands::{Bells, Commands};

/// Net under the bells: work of a process that died, or that has become due.
const LOOK_EVERY: Duration = Duration::from_secs(5);

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

/// Works while there is work, and then waits for the bell or for a while.
async fn repeat<F, T>(kit: &Kit, bell: &Notify, what: &str, mut work: impl FnMut() -> F)
where
    F: Future<Output = Result<T, crate::Error>>,
{
    while !kit.shutdown.is_cancelled() {
        if let Err(error) = work().await {
            tracing::warn!(error = %chain(&error), "{what} failed and is tried again");
        }
        tokio::select! {
            _ = timeout(LOOK_EVERY, bell.notified()) => {}
            () = kit.shutdown.cancelled() => return,
        }
    }
}
