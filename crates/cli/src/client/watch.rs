//! `valutai predictions watch`: what happens to predictions, as it happens. Deliberately no store of cursors: who must not miss
//! an event keeps the cursor that each of them carries.

use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use proto::prediction::{
    Grade, PredictionMade, WatchKind, WatchPredictionsRequest, WatchPredictionsResponse,
};
use tonic::{Code, Status};

use super::Connection;
use crate::{
    error::{Result, is_broken_connection},
    output::{self, Format},
    text::{clean, moment, percent, shorten},
};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Options of `valutai predictions watch`.
#[derive(Debug, Args)]
pub struct WatchArgs {
    /// Go on after this event; 0 begins with the oldest that is kept [default: only new ones]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub cursor: String,
    /// Begin at this time, such as 2026-11-26T08:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "cursor")]
    pub since: Option<DateTime<Utc>>,
    /// What to watch; repeatable [default: made, or changed with --min-change]
    #[arg(long = "kind", value_enum)]
    pub kinds: Vec<Kind>,
    /// Only this quote; repeatable
    #[arg(long = "quote", value_name = "QUOTE")]
    pub quotes: Vec<String>,
    /// Only this model; repeatable
    #[arg(long = "model", value_name = "ID")]
    pub models: Vec<String>,
    /// Only models that learned from this dataset
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub dataset: String,
    /// Only predictions that arrive at this grade; repeatable
    #[arg(long = "grade", value_enum, ignore_case = true)]
    pub grades: Vec<Letter>,
    /// Only changes of the grade, or by so many points at least
    #[arg(long, value_name = "POINTS", value_parser = points)]
    pub min_change: Option<f64>,
    /// Stop after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,
}

/// What can be watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Predictions as they are made
    Made,
    /// Predictions that say something else of a quote than the one before
    Changed,
    /// Outcomes as they are recorded
    Outcome,
    /// Models that begin and cease to drift
    Drift,
    /// Models that begin to answer by default
    Promoted,
}

/// A grade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Letter {
    /// From 75 %
    A,
    /// From 50 %
    B,
    /// From 25 %
    C,
    /// Below 25 %
    D,
}

fn points(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .trim()
        .trim_end_matches('%')
        .parse()
        .map_err(|_| "write points of probability, such as 10".to_owned())?;
    if (0.0..=100.0).contains(&number) {
        Ok(number / 100.0)
    } else {
        Err("write 0 to 100 points".to_owned())
    }
}

impl WatchArgs {
    fn request(self) -> WatchPredictionsRequest {
        let kind = |kind: &Kind| match kind {
            Kind::Made => WatchKind::Made as i32,
            Kind::Changed => WatchKind::Changed as i32,
            Kind::Outcome => WatchKind::Outcome as i32,
            Kind::Drift => WatchKind::Drift as i32,
            Kind::Promoted => WatchKind::Promoted as i32,
        };
        let grade = |letter: &Letter| match letter {
            Letter::A => Grade::A as i32,
            Letter::B => Grade::B as i32,
            Letter::C => Grade::C as i32,
            Letter::D => Grade::D as i32,
        };
        WatchPredictionsRequest {
            cursor: self.cursor,
            from_time: self.since.map(|since| prost_types::Timestamp {
                seconds: since.timestamp(),
                nanos: i32::try_from(since.timestamp_subsec_nanos()).unwrap_or(0),
            }),
            kinds: self.kinds.iter().map(kind).collect(),
            quote_refs: self.quotes,
            model_ids: self.models,
            dataset_id: self.dataset,
            grades: self.grades.iter().map(grade).collect(),
            minimum_change: self.min_change,
        }
    }
}

/// Runs `valutai predictions watch`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(connection: &Connection, args: WatchArgs, format: Format) -> Result<()> {
    if format == Format::Table {
        output::line(&line(
            "time",
            "win",
            "what",
            "evidence",
            "prediction",
            "quote",
        ))?;
    }
    let count = args.count;
    follow(connection, args.request(), count, |message| {
        output::item(format, message, |out| {
            writeln!(out, "{}", message_line(message))
        })
    })
    .await
}

/// Hands every event that is asked for to `each`, until there were `count`, and forever without one. Heartbeats are skipped; a
/// broken stream is taken up again after the last event.
///
/// # Errors
/// What the server refused it with, or `each` answered.
pub async fn follow(
    connection: &Connection,
    mut request: WatchPredictionsRequest,
    count: Option<u64>,
    mut each: impl FnMut(&WatchPredictionsResponse) -> Result<()>,
) -> Result<()> {
    let mut left = count;
    let mut pause = FIRST_PAUSE;
    loop {
        let asked = request.clone();
        let broken = match connection.prediction().watch_predictions(asked).await {
            Err(status) => Some(status),
            Ok(stream) => {
                let mut stream = stream.into_inner();
                loop {
                    match stream.message().await {
                        Err(status) => break Some(status),
                        Ok(None) => break None,
                        Ok(Some(message)) => {
                            pause = FIRST_PAUSE;
                            if !is_heartbeat(&message) {
                                each(&message)?;
                                left = left.map(|left| left - 1);
                            }
                            request.cursor = message.cursor;
                            request.from_time = None;
                            if left == Some(0) {
                                return Ok(());
                            }
                        }
                    }
                }
            }
        };
        if let Some(status) = broken
            && !is_worth_a_reconnect(&status)
        {
            return Err(status.into());
        }
        eprintln!(
            "the stream broke: reconnecting in {:.1} s",
            pause.as_secs_f64()
        );
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn is_heartbeat(message: &WatchPredictionsResponse) -> bool {
    let alone = WatchPredictionsResponse {
        cursor: message.cursor.clone(),
        ..WatchPredictionsResponse::default()
    };
    *message == alone
}

fn is_worth_a_reconnect(status: &Status) -> bool {
    status.code() == Code::Unavailable || is_broken_connection(status)
}

fn message_line(message: &WatchPredictionsResponse) -> String {
    if let Some(event) = &message.event {
        return event_line(event);
    }
    if let Some(event) = &message.changed {
        let from = percent(event.previous_win_probability);
        return line(
            &moment(event.created_at.as_ref()),
            &percent(event.win_probability),
            &format!("{} {from} before", event.previous_grade),
            &format!("grade {}", event.grade),
            &event.prediction_id,
            &shorten(&event.quote_ref, 16),
        );
    }
    if let Some(event) = &message.outcome {
        // Nothing was said of a quote that nobody predicted in time.
        let said = match event.prediction_id.as_str() {
            "" => "-".to_owned(),
            _ => percent(event.win_probability),
        };
        return line(
            &moment(event.decided_at.as_ref()),
            &said,
            &event.outcome,
            &event.source,
            &event.prediction_id,
            &shorten(&event.quote_ref, 16),
        );
    }
    let model = |at, what: &str, id: &str| line(&moment(at), "", what, "model", id, "");
    if let Some(event) = &message.drift {
        return model(event.checked_at.as_ref(), "drifts", &event.model_id);
    }
    if let Some(event) = &message.promoted {
        return model(event.promoted_at.as_ref(), "answers now", &event.model_id);
    }
    let over = message.drift_ended.clone().unwrap_or_default();
    model(over.checked_at.as_ref(), "drifts no more", &over.model_id)
}

fn event_line(event: &PredictionMade) -> String {
    line(
        &moment(event.created_at.as_ref()),
        &percent(event.win_probability),
        &format!(
            "{} to {}",
            percent(event.win_probability_low),
            percent(event.win_probability_high)
        ),
        &event.evidence,
        &event.prediction_id,
        &shorten(&event.quote_ref, 16),
    )
}

// Widths are fixed, because the events to come are not known. Long references may pass the page:
// an id is there to be copied.
fn line(time: &str, win: &str, what: &str, evidence: &str, id: &str, quote: &str) -> String {
    let win = format!("{time:<20} {win:>7} {what:>18}");
    let line = format!("{win} {evidence:<10} {id:<36} {quote}");
    clean(&line).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_outages_are_worth_a_reconnect() {
        assert!(is_worth_a_reconnect(&Status::unavailable("away")));
        assert!(!is_worth_a_reconnect(&Status::permission_denied("no")));
        assert!(!is_worth_a_reconnect(&Status::invalid_argument("cursor")));
        let broken = Status::from_error(Box::new(std::io::Error::other("reset")));
        assert!(is_worth_a_reconnect(&broken));
    }

    #[test]
    fn points_become_shares() {
        assert_eq!(points("10"), Ok(0.1));
        assert_eq!(points("2.5%"), Ok(0.025));
        assert!(points("101").is_err() && points("x").is_err());
    }
}
