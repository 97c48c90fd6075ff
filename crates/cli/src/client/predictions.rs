//! `valutai predictions`: read them, hold them against what came of them, and watch them being made. Deliberately no drawing.

use chrono::NaiveDate;
use clap::Subcommand;
use proto::prediction::{
    CheckDriftRequest, DriftReport, ExplainDifferenceRequest, GetDriftRequest,
    GetLedgerSettingsRequest, GetPredictionRequest, LedgerSettings, ListPredictionsRequest,
    PredictionMade, SetLedgerSettingsRequest, TrackRecordRequest, WatchPredictionsRequest,
    WatchPredictionsResponse,
};

use super::{
    Connection, connect,
    outcomes::start_of,
    present, show, tell_next_page,
    watch::{self, WatchArgs},
};
use crate::{
    args::{Global, PageArgs},
    error::Result,
    output,
};

/// Commands of `valutai predictions`.
#[derive(Debug, Subcommand)]
pub enum PredictionsCommand {
    /// List predictions, newest first
    List {
        /// Only predictions of this model
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        model: String,
        /// Only predictions of the quote of this name
        #[arg(
            long,
            value_name = "QUOTE",
            default_value = "",
            hide_default_value = true
        )]
        quote: String,
        /// Only predictions made on this day or later
        #[arg(long, value_name = "YYYY-MM-DD")]
        from: Option<NaiveDate>,
        /// Only predictions made before this day
        #[arg(long, value_name = "YYYY-MM-DD")]
        until: Option<NaiveDate>,
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
    /// Show or set how long predictions are kept
    Retention {
        /// Remove predictions after so many days
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(30..=36_500))]
        days: Option<u32>,
        /// Keep predictions for good, as is usual
        #[arg(long, conflicts_with = "days")]
        forever: bool,
    },
    /// Print what happens to predictions as it happens, and reconnect when the connection breaks
    Watch(WatchArgs),
}

/// Runs a command of `valutai predictions`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: PredictionsCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    match command {
        PredictionsCommand::List {
            model,
            quote,
            from,
            until,
            page,
        } => {
            let request = connection.request(ListPredictionsRequest {
                model_id: model,
                page_size: page.page_size,
                page_token: page.page_token,
                quote_ref: quote,
                made_from: from.map(start_of),
                made_until: until.map(start_of),
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
        PredictionsCommand::Retention { days, forever } => {
            let days = if forever { Some(0) } else { days };
            let settings = retention(&connection, days).await?;
            output::reply(global.output, &settings, |out| {
                match settings.retention_days {
                    0 => writeln!(out, "predictions are kept for good"),
                    days => writeln!(out, "predictions are kept for {days} days"),
                }
            })
        }
        PredictionsCommand::Drift { model, check } => {
            let report = drift(&connection, model, check).await?;
            output::reply(global.output, &report, |out| show::drift(out, &report))
        }
        PredictionsCommand::Watch(args) => watch::run(&connection, args, global.output).await,
    }
}

async fn retention(connection: &Connection, days: Option<u32>) -> Result<LedgerSettings> {
    let mut client = connection.prediction();
    let settings = match days {
        Some(retention_days) => {
            let request = connection.request(SetLedgerSettingsRequest { retention_days });
            client
                .set_ledger_settings(request)
                .await?
                .into_inner()
                .settings
        }
        None => {
            let request = connection.request(GetLedgerSettingsRequest {});
            client
                .get_ledger_settings(request)
                .await?
                .into_inner()
                .settings
        }
    };
    present(settings, "settings")
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

/// Hands every prediction after the cursor to `each`, until there were `count`, and forever without one.
///
/// # Errors
/// What the server refused it with, or `each` answered.
pub async fn watch(
    connection: &Connection,
    cursor: String,
    count: Option<u64>,
    mut each: impl FnMut(&WatchPredictionsResponse, &PredictionMade) -> Result<()>,
) -> Result<()> {
    let request = WatchPredictionsRequest {
        cursor,
        ..WatchPredictionsRequest::default()
    };
    watch::follow(connection, request, count, |message| match &message.event {
        Some(event) => each(message, event),
        None => Ok(()),
    })
    .await
}
