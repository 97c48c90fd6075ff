//! Reads that wait a little for an event already on its way, so that a client who has just been
//! told "ready" by one service is not told "unknown" by the next. Deliberately a poll: another
//! replica may be the one that handles the event, and its commit sends no signal here.

use std::{future::Future, time::Duration};

use tokio::time::{Instant, sleep};

const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

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
