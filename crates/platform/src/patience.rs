//! Waiting for what others do. Reads wait a little for an event already on its way, so that a client
//! who has just been told "ready" by one service is not told "unknown" by the next; starts wait for
//! servers that are not there yet. Deliberately polls: another replica may be the one that handles the
//! event, and neither its commit nor a server's start sends a signal here.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use crate::error::{Code, Coded as _, Result, chain};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// Longest pause between two attempts to reach a server.
const LONGEST_SERVER_PAUSE: Duration = Duration::from_secs(3);

/// Tries again, at growing pauses, as long as a server is away, and says so.
///
/// # Errors
/// The first error that waiting does not mend.
pub(crate) async fn until_there<T, F, L>(server: &str, mut attempt: L) -> Result<T>
where
    F: Future<Output = Result<T>>,
    L: FnMut() -> F,
{
    let mut pause = FIRST_PAUSE;
    loop {
        match attempt().await {
            Err(error) if matches!(error.code(), Code::Unavailable | Code::Away) => {
                tracing::warn!(error = %chain(&error), "waiting for {server}");
            }
            outcome => return outcome,
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_SERVER_PAUSE);
    }
}

/// Waits for work that ends when a server answers, and says so now and then.
pub(crate) async fn waiting_for<T>(server: &str, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        match timeout(LONGEST_SERVER_PAUSE, &mut work).await {
            Ok(done) => return done,
            Err(_) => tracing::warn!("waiting for {server}"),
        }
    }
}

/// Looks again, at growing pauses, until something is found or `patience` is used up.
///
/// # Errors
/// The first error of `look`.
pub async fn eventually<T, E, F, L>(patience: Duration, mut look: L) -> Result<Option<T>, E>
where
    F: Future<Output = Result<Option<T>, E>>,
    L: FnMut() -> F,
{
    let give_up = Instant::now() + patience;
    let mut pause = FIRST_PAUSE;
    loop {
        if let Some(found) = look().await? {
            return Ok(Some(found));
        }
        if Instant::now() + pause > give_up {
            return Ok(None);
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}
