//! Waiting for work that goes on after the server's answer. Deliberately by asking again: a wait
//! outlives a restart of the server this way.

use std::{future::Future, time::Duration};

use crate::error::Result;

/// Time between two questions.
pub const POLL_EVERY: Duration = Duration::from_millis(250);
// A rolling restart takes seconds; half a minute of silence is an outage.
const PATIENCE: u32 = 120;

/// Asks until `done` is satisfied. An unreachable server is asked again for half a minute.
///
/// # Errors
/// What the question was refused with.
pub async fn until<T, F>(mut ask: impl FnMut() -> F, mut done: impl FnMut(&T) -> bool) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut failures = 0;
    loop {
        match ask().await {
            Ok(answer) if done(&answer) => return Ok(answer),
            Ok(_) => failures = 0,
            Err(error) if error.is_unavailable() && failures < PATIENCE => failures += 1,
            Err(error) => return Err(error),
        }
        tokio::time::sleep(POLL_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tonic::Status;

    use super::*;

    #[tokio::test]
    async fn it_outlives_an_outage_but_not_a_refusal() {
        let asked = Cell::new(0);
        let answer = until(
            || {
                asked.set(asked.get() + 1);
                let outcome = match asked.get() {
                    1 => Err(Status::unavailable("away").into()),
                    n => Ok(n),
                };
                async move { outcome }
            },
            |&n| n >= 3,
        )
        .await;
        assert_eq!(answer.expect("comes back"), 3);
        let refused: Result<u32> =
            until(|| async { Err(Status::not_found("gone").into()) }, |_| true).await;
        assert!(refused.is_err());
    }
}
