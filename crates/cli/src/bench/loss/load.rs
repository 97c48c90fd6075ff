//! The callers of the loss test: each asks until it is answered, with one key for one prediction.
//! Deliberately without giving up before the system had minutes to come back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use platform::shutdown::Shutdown;
use proto::prediction::PredictRequest;
use tokio::task::JoinSet;
use tonic::{Code, Request};

use super::Plan;
use crate::{
    client::{Connection, predict::quote, present},
    error::{Error, Result},
};

/// Longest wait for one answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
/// Pause before a call is made again; what is down gives no sign when it is up.
const PAUSE: Duration = Duration::from_millis(50);
/// Longest that one prediction is asked for.
const PATIENCE: Duration = Duration::from_secs(180);

/// What was answered.
#[derive(Debug, Default)]
pub struct Answered {
    /// Ids of the acknowledged predictions.
    pub ids: Vec<String>,
    /// Calls that were made.
    pub calls: usize,
}

/// Callers at work.
#[derive(Debug)]
pub struct Load {
    callers: JoinSet<Result<Vec<String>>>,
    calls: Arc<AtomicUsize>,
    done: Shutdown,
}

/// First part of the references of a run's quotes.
#[must_use]
pub fn prefix(plan: Plan) -> String {
    format!("loss-{}-", plan.run)
}

/// Starts the callers of a run.
#[must_use]
pub fn start(connection: &Connection, plan: Plan) -> Load {
    let (next, calls) = (Arc::new(AtomicU32::new(0)), Arc::default());
    let (done, working) = (Shutdown::new(), Arc::new(AtomicU32::new(plan.callers)));
    let mut callers = JoinSet::new();
    for _ in 0..plan.callers {
        let (connection, next, calls) = (connection.clone(), Arc::clone(&next), Arc::clone(&calls));
        let (done, working) = (done.clone(), Arc::clone(&working));
        callers.spawn(async move {
            let mut ids = Vec::new();
            let outcome = async {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= plan.predictions {
                        return Ok(());
                    }
                    let name = format!("{}{number}", prefix(plan));
                    ids.push(ask(&connection, &name, &calls).await?);
                }
            }
            .await;
            // The last one to end, or one that failed, ends the run.
            if working.fetch_sub(1, Ordering::SeqCst) == 1 || outcome.is_err() {
                done.cancel();
            }
            outcome.map(|()| ids)
        });
    }
    Load {
        callers,
        calls,
        done,
    }
}

impl Load {
    /// Told when all is answered.
    #[must_use]
    pub fn done(&self) -> Shutdown {
        self.done.clone()
    }

    /// What was answered.
    ///
    /// # Errors
    /// What a caller was refused with for good.
    pub async fn finish(mut self) -> Result<Answered> {
        let mut answered = Answered::default();
        while let Some(caller) = self.callers.join_next().await {
            let ids = caller.map_err(|error| Error::Failed(error.to_string()))??;
            answered.ids.extend(ids);
        }
        answered.calls = self.calls.load(Ordering::Relaxed);
        Ok(answered)
    }
}

/// Makes one prediction that is none of the run's; answers its id.
///
/// # Errors
/// What it was refused with for good.
pub async fn last(connection: &Connection, plan: Plan) -> Result<String> {
    ask(
        connection,
        &format!("last-{}", plan.run),
        &AtomicUsize::new(0),
    )
    .await
}

/// Asks until there is an answer.
async fn ask(connection: &Connection, name: &str, calls: &AtomicUsize) -> Result<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut request = Request::new(PredictRequest {
            quote: Some(quote(name, [("price".to_owned(), "1000".to_owned())])),
            similar_quotes: Some(0),
            recommendations: Some(false),
            ..PredictRequest::default()
        });
        request.set_timeout(ANSWER_LIMIT);
        let key = name
            .parse()
            .map_err(|_| Error::Failed("no key".to_owned()))?;
        request.metadata_mut().insert("idempotency-key", key);
        calls.fetch_add(1, Ordering::Relaxed);
        match connection.prediction().predict(request).await {
            Ok(reply) => {
                let prediction = present(reply.into_inner().prediction, "prediction")?;
                return Ok(prediction.id);
            }
            Err(status) if is_passing(status.code()) && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(status) => return Err(status.into()),
        }
    }
}

/// Whether the same call may succeed later.
fn is_passing(code: Code) -> bool {
    !matches!(
        code,
        Code::InvalidArgument
            | Code::Unauthenticated
            | Code::PermissionDenied
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::Unimplemented
    )
}
