//! `valutai predictions`: read them, and watch them being made. Deliberately no store of cursors:
//! who must not miss one keeps the cursor that each event carries.

use std::time::Duration;

use chrono::NaiveDate;
use clap::Subcommand;
use proto::prediction::{
    CheckDriftRequest, DriftReport, ExplainDifferenceRequest, GetDriftRequest,
    GetPredictionRequest, ListPredictionsRequest, PredictionMade, TrackRecordRequest,
    WatchPredictionsRequest, WatchPredictionsResponse,
};
use tonic::{Code, Status};

use super::{Connection, connect, outcomes::start_of, present, show, tell_next_page};
use crate::{
    args::{Global, PageArgs},
    error::{Result, is_broken_connection},
    output::{self, Format},
    text::{clean, moment, percent, shorten},
};

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Commands of `valutai predictions`.
#[derive(Debug, Subcommand)]
pub enum PredictionsCommand {
    /// List predictions, newest first
    List {
        /// Only predictions of this model
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        model: String,
        /// Which page.
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a prediction with its reasons
    Show {
        /// Id of the prediction
        id: String,
    },
    /// Say why two predictions differ: the quote's own fields, time, or the model
    Diff {
        /// Id of the prediction to start from
        #[arg(value_name = "FROM")]
        from_id: String,
        /// Id of the prediction to arrive at
        #[arg(value_name = "TO")]
        to_id: String,
    },
    /// Say how good predictions were, once the outcomes were known
    TrackRecord {
        /// Id of a model [default: whichever predicted a quote last before it was decided]
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        model: String,
        /// Column by whose values the record is split
        #[arg(
            long = "by",
            value_name = "COLUMN",
            default_value = "",
            hide_default_value = true
        )]
        column: String,
        /// Only quotes decided on this day or later
        #[arg(long, value_name = "YYYY-MM-DD")]
        from: Option<NaiveDate>,
        /// Only quotes decided before this day
        #[arg(long, value_name = "YYYY-MM-DD")]
        until: Option<NaiveDate>,
    },
    /// Say whether quotes are still like those that a model learned from, and how good its answers should be
    Drift {
        /// Id of the model [default: the champion]
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        model: String,
        /// Check now, instead of showing the last check
        #[arg(long)]
        check: bool,
    },
    /// Print predictions as they are made, and reconnect when the connection breaks
    Watch {
        /// Go on after this event; 0 begins with the oldest that is kept [default: only new ones]
        #[arg(long, default_value = "", hide_default_value = true)]
        cursor: String,
        /// Stop after so many events
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        count: Option<u64>,
    },
}

/// Runs a command of `valutai predictions`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: PredictionsCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    match command {
        PredictionsCommand::List { model, page } => {
            let request = connection.request(ListPredictionsRequest {
                model_id: model,
                page_size: page.page_size,
                page_token: page.page_token,
            });
            let reply = connection
                .prediction()
                .list_predictions(request)
                .await?
                .into_inner();
            output::reply(global.output, &reply, |out| {
                show::predictions(&reply.predictions).print(out)
            })?;
            tell_next_page(&reply.next_page_token);
            Ok(())
        }
        PredictionsCommand::Show { id } => {
            let request = connection.request(GetPredictionRequest { id });
            let reply = connection
                .prediction()
                .get_prediction(request)
                .await?
                .into_inner();
            let prediction = present(reply.prediction.as_ref(), "prediction")?;
            output::reply(global.output, &reply, |out| {
                show::prediction(out, prediction)
            })
        }
        PredictionsCommand::Diff { from_id, to_id } => {
            let request = connection.request(ExplainDifferenceRequest { from_id, to_id });
            let reply = connection.prediction().explain_difference(request).await?;
            let reply = reply.into_inner();
            output::reply(global.output, &reply, |out| show::difference(out, &reply))
        }
        PredictionsCommand::TrackRecord {
            model,
            column,
            from,
            until,
        } => {
            let request = connection.request(TrackRecordRequest {
                model_id: model,
                decided_from: from.map(start_of),
                decided_until: until.map(start_of),
                segment_column: column,
            });
            let reply = connection.prediction().track_record(request).await?;
            let reply = reply.into_inner();
            output::reply(global.output, &reply, |out| show::track_record(out, &reply))
        }
        PredictionsCommand::Drift { model, check } => {
            let report = drift(&connection, model, check).await?;
            output::reply(global.output, &report, |out| show::drift(out, &report))
        }
        PredictionsCommand::Watch { cursor, count } => {
            let format = global.output;
            if format == Format::Table {
                output::line(&line(
                    "time",
                    "win",
                    "95 % interval",
                    "evidence",
                    "prediction",
                    "quote",
                ))?;
            }
            watch(&connection, cursor, count, |message, event| {
                output::item(format, message, |out| {
                    writeln!(out, "{}", event_line(event))
                })
            })
            .await
        }
    }
}

async fn drift(connection: &Connection, model_id: String, check: bool) -> Result<DriftReport> {
    let mut client = connection.prediction();
    let report = if check {
        let request = connection.request(CheckDriftRequest { model_id });
        client.check_drift(request).await?.into_inner().report
    } else {
        let request = connection.request(GetDriftRequest { model_id });
        client.get_drift(request).await?.into_inner().report
    };
    present(report, "report")
}

/// Hands every event after the cursor to `each`, until there were `count`, and forever without one.
/// Heartbeats are skipped; a broken stream is taken up again after the last event.
///
/// # Errors
/// What the server refused it with, or `each` answered.
pub async fn watch(
    connection: &Connection,
    mut cursor: String,
    count: Option<u64>,
    mut each: impl FnMut(&WatchPredictionsResponse, &PredictionMade) -> Result<()>,
) -> Result<()> {
    let mut left = count;
    let mut pause = FIRST_PAUSE;
    loop {
        let request = WatchPredictionsRequest {
            cursor: cursor.clone(),
        };
        let broken = match connection.prediction().watch_predictions(request).await {
            Err(status) => Some(status),
            Ok(stream) => {
                let mut stream = stream.into_inner();
                loop {
                    match stream.message().await {
                        Err(status) => break Some(status),
                        Ok(None) => break None,
                        Ok(Some(message)) => {
                            pause = FIRST_PAUSE;
                            if let Some(event) = &message.event {
                                each(&message, event)?;
                                left = left.map(|left| left - 1);
                            }
                            cursor = message.cursor;
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

fn is_worth_a_reconnect(status: &Status) -> bool {
    status.code() == Code::Unavailable || is_broken_connection(status)
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
fn line(time: &str, win: &str, interval: &str, evidence: &str, id: &str, quote: &str) -> String {
    let win = format!("{time:<20} {win:>7} {interval:>18}");
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
}
