//! The subscriber of the loss test, and what its events, the ledger and the answers have to do with each
//! other. Deliberately no repair: what does not match is counted.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use platform::{
    bus::Bus,
    tail::{Start, tail},
};
use proto::prediction::PredictionMade;
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use uuid::Uuid;

use super::{Kills, LossRun, load::Answered};
use crate::error::{Error, Result};

/// After so long a silence the reading is opened again, since a killed server says nothing.
const SILENCE: Duration = Duration::from_secs(3);
/// Longest wait for the last event.
const PATIENCE: Duration = Duration::from_secs(180);

/// What a subscriber received.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// Prediction of each event, by `ce-id`.
    pub events: HashMap<Uuid, String>,
    /// Events that it had seen before.
    pub repeated: usize,
    /// When each event came that it had not seen, in their order.
    pub times: Vec<Instant>,
    /// Predictions of all events.
    predictions: HashSet<String>,
}

/// Reads a tenant's predictions and drops what it has seen.
#[derive(Debug)]
pub struct Subscriber {
    reading: JoinHandle<()>,
    heard: watch::Receiver<Heard>,
}

impl Subscriber {
    /// Reads from now on.
    ///
    /// # Errors
    /// Where NATS does not answer.
    pub async fn start(bus: Bus, tenant: Uuid) -> Result<Self> {
        let (mut behind, _) = tail::<PredictionMade>(&bus, tenant, Start::Now)
            .await
            .map_err(|error| Error::Failed(platform::error::chain(&error)))?;
        let (sender, heard) = watch::channel(Heard::default());
        let reading = tokio::spawn(async move {
            loop {
                let opened = tail::<PredictionMade>(&bus, tenant, Start::After(behind)).await;
                let Ok((_, events)) = opened else {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                };
                let mut events = Box::pin(events);
                while let Ok(Some(Ok(next))) = timeout(SILENCE, events.next()).await {
                    behind = next.position;
                    sender.send_modify(|heard| heard.take(next.event_id, next.event));
                }
            }
        });
        Ok(Self { reading, heard })
    }

    /// Waits for the event of a prediction; answers all that came before it.
    ///
    /// # Errors
    /// Where it does not come.
    pub async fn until(mut self, prediction: &str) -> Result<Heard> {
        let came = timeout(
            PATIENCE,
            self.heard
                .wait_for(|heard| heard.predictions.contains(prediction)),
        )
        .await;
        self.reading.abort();
        let mut heard = match came {
            Ok(Ok(heard)) => heard.clone(),
            _ => return Err(Error::Failed("the last event does not come".to_owned())),
        };
        heard.events.retain(|_, of| of != prediction);
        Ok(heard)
    }
}

impl Heard {
    fn take(&mut self, event_id: Uuid, event: PredictionMade) {
        self.predictions.insert(event.prediction_id.clone());
        match self.events.insert(event_id, event.prediction_id) {
            Some(_) => self.repeated += 1,
            None => self.times.push(Instant::now()),
        }
    }
}

/// Compares answers, rows and events of a run.
#[must_use]
pub fn compare(
    answered: &Answered,
    rows: &[String],
    heard: &Heard,
    kills: Kills,
    seconds: f64,
) -> LossRun {
    let acknowledged: HashSet<&str> = answered.ids.iter().map(String::as_str).collect();
    let ledger: HashSet<&str> = rows.iter().map(String::as_str).collect();
    let told: HashSet<&str> = heard.events.values().map(String::as_str).collect();
    LossRun {
        acknowledged: answered.ids.len(),
        calls: answered.calls,
        kills,
        seconds,
        ledger_rows: rows.len(),
        missing_rows: acknowledged.difference(&ledger).count(),
        // Two answers with one id would be two predictions that share a row.
        extra_rows: ledger.difference(&acknowledged).count()
            + (rows.len() - ledger.len())
            + (answered.ids.len() - acknowledged.len()),
        events: heard.events.len(),
        repeated_events: heard.repeated,
        missing_events: acknowledged.difference(&told).count(),
        extra_events: heard.events.len() - told.intersection(&ledger).count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    fn found(answered: &[&str], rows: &[&str], events: &[(u128, &str)]) -> LossRun {
        let mut heard = Heard::default();
        for (id, prediction) in events {
            let event = PredictionMade {
                prediction_id: (*prediction).to_owned(),
                ..PredictionMade::default()
            };
            heard.take(Uuid::from_u128(*id), event);
        }
        let answered = Answered {
            ids: texts(answered),
            calls: 0,
        };
        compare(&answered, &texts(rows), &heard, Kills::default(), 0.0)
    }

    #[test]
    fn what_is_there_once_is_exact_also_when_an_event_comes_again() {
        let run = found(&["a", "b"], &["b", "a"], &[(1, "a"), (2, "b"), (1, "a")]);
        assert!(run.is_exact(), "{run:?}");
        assert_eq!(run.repeated_events, 1);
    }

    #[test]
    fn every_way_to_be_wrong_is_counted() {
        let all = [(1, "a"), (2, "b")];
        for (run, what) in [
            (found(&["a", "b"], &["a"], &all), "a lost row"),
            (
                found(&["a"], &["a", "b"], &all),
                "a row that nobody was told of",
            ),
            (found(&["a", "b"], &["a", "b"], &all[..1]), "a lost event"),
            (found(&["a"], &["a"], &all), "an event without a row"),
            (
                found(&["a", "b"], &["a", "b"], &[all[0], all[1], (3, "b")]),
                "two events of one",
            ),
            (
                found(&["a", "a"], &["a"], &all[..1]),
                "one row for two answers",
            ),
        ] {
            assert!(!run.is_exact(), "{what}: {run:?}");
        }
    }
}
