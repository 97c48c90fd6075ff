//! People and programs at work: predictions most of all, and reads, outcomes, imports, trainings and reports. A call is
//! made again as a retry policy of gRPC makes it: after UNAVAILABLE only, five attempts at the most, with a pause that
//! doubles, at the other gateway. Deliberately nothing more patient than that.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use platform::{patience::eventually, shutdown::Shutdown};
use proto::{
    auth::WhoAmIRequest,
    ingestion::ListQuotesRequest,
    prediction::{
        GetPredictionRequest, ListPredictionsRequest, OutcomeInput, PredictRequest, QuoteOutcome,
        RecordOutcomesRequest,
    },
    reporting::{GenerateReportRequest, ListReportsRequest, ReportKind},
    training::ListModelsRequest,
};
use tokio::task::JoinSet;
use tonic::{Code, Request, Response, Status};

use super::Calls;
use crate::{
    bench::{loss::load::Answered, process::LIMIT},
    client::{Connection, predict::quote, present},
    error::{Error, Result, is_broken_connection},
};

/// First part of the references of the quotes.
pub const PREFIX: &str = "restarts-";
/// Attempts of a call; gRPC allows no more by itself.
const ATTEMPTS: usize = 5;
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Longest wait for one answer.
const DEADLINE: Duration = Duration::from_secs(15);
/// Calls until the kinds repeat: every second one is a prediction, every hundredth a report.
const TURN: u32 = 100;

type Counted = Arc<Mutex<Counts>>;

#[derive(Debug, Default)]
struct Counts {
    calls: BTreeMap<&'static str, Calls>,
    attempts: Vec<Attempt>,
    unanswered: Vec<String>,
}

/// One call as it was made once.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    /// What was asked for.
    pub kind: &'static str,
    /// When it ended.
    pub ended: Instant,
    /// What it ended with.
    pub end: End,
    /// Since the call was made for the first time.
    pub took: Duration,
}

/// What an attempt ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// An answer.
    Answered,
    /// Something after which gRPC lets a client call again, which was done.
    Repeated(Code),
    /// Something else, or the last attempt.
    Failed(Code),
}

/// What the callers did.
#[derive(Debug)]
pub struct Done {
    /// Calls by kind.
    pub calls: Vec<Calls>,
    /// Predictions that were acknowledged.
    pub answered: Answered,
    /// Every attempt, in the order of their ends.
    pub attempts: Vec<Attempt>,
    /// Quotes of the predictions that failed, and may have been made all the same.
    pub unanswered: Vec<String>,
}

/// Callers at work.
#[derive(Debug)]
pub struct Load {
    callers: JoinSet<Result<Vec<String>>>,
    enough: Shutdown,
    counted: Counted,
}

#[derive(Debug, Clone)]
struct Caller {
    gateways: [Connection; 2],
    counted: Counted,
    /// Which gateway is asked first.
    number: usize,
}

/// Starts so many callers.
#[must_use]
pub fn start(gateways: &[Connection; 2], dataset: &str, callers: u32) -> Load {
    let (enough, counted, next) = (
        Shutdown::new(),
        Counted::default(),
        Arc::new(AtomicU32::new(0)),
    );
    let mut running = JoinSet::new();
    for number in 0..callers {
        let caller = Caller {
            gateways: gateways.clone(),
            counted: Arc::clone(&counted),
            number: number as usize,
        };
        let (enough, next, dataset) = (enough.clone(), Arc::clone(&next), dataset.to_owned());
        running.spawn(async move {
            let mut ids = Vec::new();
            while !enough.is_cancelled() {
                let call = next.fetch_add(1, Ordering::Relaxed);
                caller.one(call, &dataset, &mut ids).await?;
            }
            Ok(ids)
        });
    }
    Load {
        callers: running,
        enough,
        counted,
    }
}

impl Load {
    /// Waits until so many more calls have ended, well or not.
    ///
    /// # Errors
    /// Where they do not.
    pub async fn further(&self, calls: usize) -> Result<()> {
        let wanted = self.ended() + calls;
        eventually(LIMIT, || async {
            Ok::<_, Error>((self.ended() >= wanted).then_some(()))
        })
        .await?
        .ok_or_else(|| Error::Failed("the callers stand still".to_owned()))
    }

    fn ended(&self) -> usize {
        let counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = counted.calls.values();
        calls.map(|calls| calls.answered + calls.failed).sum()
    }

    /// Lets the callers end what they are at; answers what was called and which predictions were acknowledged.
    ///
    /// # Errors
    /// Where an answer is not what it has to be.
    pub async fn finish(mut self) -> Result<Done> {
        self.enough.cancel();
        let mut answered = Answered::default();
        while let Some(caller) = self.callers.join_next().await {
            let ids = caller.map_err(|error| Error::Failed(error.to_string()))??;
            answered.ids.extend(ids);
        }
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let counted = std::mem::take(&mut *counted);
        let calls: Vec<Calls> = counted.calls.into_values().collect();
        answered.calls = calls.iter().map(|calls| calls.answered).sum();
        Ok(Done {
            calls,
            answered,
            attempts: counted.attempts,
            unanswered: counted.unanswered,
        })
    }
}

/// Asks again for predictions that failed, under the same keys; answers their ids.
///
/// # Errors
/// What one was refused with.
pub async fn ask_again(gateways: &[Connection; 2], quotes: &[String]) -> Result<Vec<String>> {
    let caller = alone(gateways);
    let mut ids = Vec::new();
    for quote in quotes {
        let id = caller.predict(quote).await?;
        ids.push(id.ok_or_else(|| Error::Failed(format!("{quote} was refused again")))?);
    }
    Ok(ids)
}

fn alone(gateways: &[Connection; 2]) -> Caller {
    Caller {
        gateways: gateways.clone(),
        counted: Counted::default(),
        number: 0,
    }
}

/// Makes one prediction that is none of the load's; answers its id.
///
/// # Errors
/// What it was refused with.
pub async fn last(gateways: &[Connection; 2]) -> Result<String> {
    let id = alone(gateways).predict("last").await?;
    id.ok_or_else(|| Error::Failed("the last prediction was refused".to_owned()))
}

/// Whether gRPC lets a client call again: after UNAVAILABLE, which is also what other clients say where a connection
/// breaks or closes under a call and tonic says CANCELLED or INTERNAL, with the connection's error behind it.
fn may_repeat(status: &Status) -> bool {
    status.code() == Code::Unavailable || is_broken_connection(status)
}

impl Caller {
    /// The call whose turn it is.
    async fn one(&self, call: u32, dataset: &str, ids: &mut Vec<String>) -> Result<()> {
        match call % TURN {
            0 => {
                let about = GenerateReportRequest {
                    dataset_id: dataset.to_owned(),
                    kind: ReportKind::WinLoss.into(),
                    ..GenerateReportRequest::default()
                };
                self.ask("report", about, |to, request| async move {
                    to.reporting().generate_report(request).await
                })
                .await;
            }
            turn if turn % 2 == 1 => {
                ids.extend(self.predict(&format!("{PREFIX}{call}")).await?);
            }
            turn if turn % 20 == 2 => {
                let outcome = OutcomeInput {
                    quote_ref: format!("{PREFIX}{}", call.saturating_sub(TURN) + 1),
                    outcome: QuoteOutcome::Won.into(),
                    ..OutcomeInput::default()
                };
                let outcomes = RecordOutcomesRequest {
                    outcomes: vec![outcome],
                };
                self.ask("outcome", outcomes, |to, request| async move {
                    to.prediction().record_outcomes(request).await
                })
                .await;
            }
            turn if turn % 10 == 4 => {
                let id = ids.last().cloned().unwrap_or_default();
                if !id.is_empty() {
                    let of = GetPredictionRequest { id };
                    self.ask("one prediction", of, |to, request| async move {
                        to.prediction().get_prediction(request).await
                    })
                    .await;
                }
            }
            turn if turn % 10 == 6 => {
                let all = ListPredictionsRequest::default();
                self.ask("list of predictions", all, |to, request| async move {
                    to.prediction().list_predictions(request).await
                })
                .await;
            }
            turn if turn % 10 == 8 => {
                let of = ListQuotesRequest {
                    dataset_id: dataset.to_owned(),
                    ..ListQuotesRequest::default()
                };
                self.ask("list of quotes", of, |to, request| async move {
                    to.ingestion().list_quotes(request).await
                })
                .await;
            }
            turn if turn % 20 == 10 => {
                self.ask("who am I", WhoAmIRequest {}, |to, request| async move {
                    to.auth().who_am_i(request).await
                })
                .await;
            }
            turn if turn % 20 == 12 => {
                let all = ListModelsRequest::default();
                self.ask("list of models", all, |to, request| async move {
                    to.training().list_models(request).await
                })
                .await;
            }
            _ => {
                let all = ListReportsRequest::default();
                self.ask("list of reports", all, |to, request| async move {
                    to.reporting().list_reports(request).await
                })
                .await;
            }
        }
        Ok(())
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, kind: &'static str, end: End, begun: Instant) {
        let ended = Instant::now();
        self.counts().attempts.push(Attempt {
            kind,
            ended,
            end,
            took: ended - begun,
        });
    }

    /// A prediction under a key of its own, so that it counts once however often it is asked for; its id.
    async fn predict(&self, name: &str) -> Result<Option<String>> {
        let wanted = PredictRequest {
            quote: Some(quote(name, [("price".to_owned(), "1000".to_owned())])),
            similar_quotes: Some(0),
            recommendations: Some(false),
            ..PredictRequest::default()
        };
        let key: tonic::metadata::MetadataValue<_> = name
            .parse()
            .map_err(|_| Error::Failed("no key".to_owned()))?;
        let answer = self
            .ask("prediction", wanted, async |to, mut request| {
                request
                    .metadata_mut()
                    .insert("idempotency-key", key.clone());
                to.prediction().predict(request).await
            })
            .await;
        match answer {
            Some(reply) => Ok(Some(present(reply.prediction, "prediction")?.id)),
            None => {
                self.counts().unanswered.push(name.to_owned());
                Ok(None)
            }
        }
    }

    /// Calls, and once more where that is allowed; nothing where it failed, which is counted.
    async fn ask<I: Clone, O, F>(
        &self,
        kind: &'static str,
        input: I,
        call: impl Fn(Connection, Request<I>) -> F,
    ) -> Option<O>
    where
        F: Future<Output = std::result::Result<Response<O>, Status>>,
    {
        let begun = Instant::now();
        let (mut repeated, mut pause) = (0, FIRST_PAUSE);
        let outcome = loop {
            let mut request = Request::new(input.clone());
            request.set_timeout(DEADLINE);
            let gateway = &self.gateways[(self.number + repeated) % self.gateways.len()];
            match call(gateway.clone(), request).await {
                Err(status) if may_repeat(&status) && repeated + 1 < ATTEMPTS => {
                    repeated += 1;
                    self.note(kind, End::Repeated(status.code()), begun);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                other => break other,
            }
        };
        let end = match &outcome {
            Ok(_) => End::Answered,
            Err(status) => End::Failed(status.code()),
        };
        self.note(kind, end, begun);
        let mut counted = self.counts();
        let calls = counted.calls.entry(kind).or_insert_with(|| Calls {
            kind,
            ..Calls::default()
        });
        calls.repeated += repeated;
        calls.slowest_ms = calls.slowest_ms.max(begun.elapsed().as_secs_f64() * 1000.0);
        match outcome {
            Ok(reply) => {
                calls.answered += 1;
                Some(reply.into_inner())
            }
            Err(status) => {
                calls.failed += 1;
                let reason = format!("{:?}: {}", status.code(), status.message());
                calls.first_failure.get_or_insert(reason);
                None
            }
        }
    }
}
