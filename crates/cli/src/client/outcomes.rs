//! `valutai outcomes`: how quotes ended, one by one or out of a CSV file, and what a person thought beforehand. Deliberately
//! checked as a whole before anything is sent: a file with a mistake changes nothing.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use clap::{Args, Subcommand, ValueEnum, builder::ArgGroup};
use proto::prediction::{
    Estimate, GetOutcomeRequest, OutcomeInput, QuoteOutcome, RecordEstimatesRequest,
    RecordOutcomesRequest, RecordOutcomesResponse,
};

use super::{
    Connection, connect, predict, predict_file::find_ref_column, quote_file::QuoteFile, show,
};
use crate::{
    args::Global,
    error::{Error, Result},
    output::{self, Format},
};

/// Outcomes in one request; with the fields of quotes beside them a request must stay small.
const AT_ONCE: usize = 100;

/// Commands of `valutai outcomes`.
#[derive(Debug, Subcommand)]
pub enum OutcomesCommand {
    /// Record how quotes ended, or correct what was recorded
    Record(RecordArgs),
    /// Show how a quote ended, what had been said of it, and what was recorded before
    Show {
        /// The name of the quote
        #[arg(value_name = "QUOTE")]
        quote_ref: String,
    },
    /// Store your own estimate of an open quote, to be compared with the model's once it is decided
    Estimate {
        /// The name of the quote
        #[arg(value_name = "QUOTE")]
        quote_ref: String,
        /// How likely you think a win is, such as 60% or 0.6
        #[arg(value_name = "CHANCE", value_parser = chance)]
        chance: f64,
    },
}

/// Options of `valutai outcomes record`.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["file", "quote"])))]
pub struct RecordArgs {
    /// CSV file with a column of names and one of outcomes; rows without an outcome are left out
    #[arg(value_name = "FILE.csv")]
    pub file: Option<PathBuf>,
    /// The name of a single quote, as its predictions had it
    #[arg(long, value_name = "QUOTE", requires = "outcome")]
    pub quote: Option<String>,
    /// How the single quote ended
    #[arg(long, value_enum, conflicts_with = "file")]
    pub outcome: Option<Ended>,
    /// Day on which the single quote was decided [default: now]
    #[arg(long, value_name = "YYYY-MM-DD", conflicts_with = "file")]
    pub decided_on: Option<NaiveDate>,
    /// A field of the single quote as it was in the end, by column header; repeatable
    #[arg(long = "field", value_name = "COLUMN=VALUE", value_parser = predict::field, conflicts_with = "file")]
    pub fields: Vec<(String, String)>,
    /// Column of the file that names the quotes [default: quote_id where there is one]
    #[arg(long, value_name = "COLUMN", conflicts_with = "quote")]
    pub ref_column: Option<String>,
    /// Column of the file that tells how they ended [default: outcome]
    #[arg(long, value_name = "COLUMN", conflicts_with = "quote")]
    pub outcome_column: Option<String>,
    /// Column of the file with the day of the decision, YYYY-MM-DD [default: none, and so now]
    #[arg(long, value_name = "COLUMN", conflicts_with = "quote")]
    pub date_column: Option<String>,
    /// Tell the other columns as well, as the quotes were in the end; shows whether advice was followed
    #[arg(long, conflicts_with = "quote")]
    pub final_fields: bool,
}

/// How a quote ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ended {
    /// It was won
    Won,
    /// It was lost
    Lost,
    /// It is not decided after all
    Withdrawn,
}

impl From<Ended> for QuoteOutcome {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Won => Self::Won,
            Ended::Lost => Self::Lost,
            Ended::Withdrawn => Self::Withdrawn,
        }
    }
}

fn chance(text: &str) -> Result<f64, String> {
    let (digits, of) = match text.trim().strip_suffix('%') {
        Some(digits) => (digits.trim(), 100.0),
        None => (text.trim(), 1.0),
    };
    let number: f64 = digits
        .parse()
        .map_err(|_| "write it as 60% or 0.6".to_owned())?;
    let share = number / of;
    if (0.01..=0.99).contains(&share) {
        Ok(share)
    } else {
        Err("estimate 1% to 99%: certainty cannot be compared".to_owned())
    }
}

/// Runs a command of `valutai outcomes`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: OutcomesCommand, global: &Global) -> Result<()> {
    match command {
        OutcomesCommand::Record(args) => run_record(args, global).await,
        OutcomesCommand::Show { quote_ref } => {
            let connection = connect(global).await?;
            let request = connection.request(GetOutcomeRequest { quote_ref });
            let reply = connection.prediction().get_outcome(request).await?;
            let reply = reply.into_inner();
            output::reply(global.output, &reply, |out| show::outcome(out, &reply))
        }
        OutcomesCommand::Estimate { quote_ref, chance } => {
            let connection = connect(global).await?;
            let request = connection.request(RecordEstimatesRequest {
                estimates: vec![Estimate {
                    quote_ref,
                    win_probability: chance,
                    ..Estimate::default()
                }],
            });
            let reply = connection.prediction().record_estimates(request).await?;
            let reply = reply.into_inner();
            output::reply(global.output, &reply, |out| {
                writeln!(
                    out,
                    "stored: it is compared with the model's once the quote is decided"
                )
            })
        }
    }
}

async fn run_record(args: RecordArgs, global: &Global) -> Result<()> {
    let (outcomes, open) = match &args.file {
        Some(file) => {
            let (file, args) = (file.clone(), args);
            let read = tokio::task::spawn_blocking(move || read(&file, &args));
            read.await
                .map_err(|error| Error::Failed(format!("the file cannot be read: {error}")))??
        }
        None => (single(args), 0),
    };
    let connection = connect(global).await?;
    let mut tally = show::RecordTally::new(open);
    record(&connection, outcomes, |reply| {
        tally.add(reply);
        match global.output {
            Format::Table => Ok(()),
            Format::Json => output::item(Format::Json, reply, |_| Ok(())),
        }
    })
    .await?;
    if global.output == Format::Table {
        output::line(&tally.to_string())?;
    }
    Ok(())
}

/// Records outcomes in their order; `each` takes every reply. What came before a refusal stays recorded, and recording the same
/// again changes nothing.
///
/// # Errors
/// What the server refused it with, or `each` answered.
pub async fn record(
    connection: &Connection,
    outcomes: Vec<OutcomeInput>,
    mut each: impl FnMut(&RecordOutcomesResponse) -> Result<()>,
) -> Result<()> {
    for some in outcomes.chunks(AT_ONCE) {
        let request = connection.request(RecordOutcomesRequest {
            outcomes: some.to_vec(),
        });
        let reply = connection.prediction().record_outcomes(request).await?;
        each(&reply.into_inner())?;
    }
    Ok(())
}

fn single(args: RecordArgs) -> Vec<OutcomeInput> {
    let outcome = args.outcome.map_or(QuoteOutcome::Unspecified, Into::into);
    vec![OutcomeInput {
        quote_ref: args.quote.unwrap_or_default(),
        outcome: outcome as i32,
        decided_at: args.decided_on.map(start_of),
        final_fields: args.fields.into_iter().collect(),
    }]
}

/// The first moment of a day.
pub fn start_of(day: NaiveDate) -> prost_types::Timestamp {
    let at: DateTime<Utc> = day.and_time(NaiveTime::MIN).and_utc();
    prost_types::Timestamp {
        seconds: at.timestamp(),
        nanos: 0,
    }
}

/// The decided quotes of a file, and how many are open.
fn read(path: &Path, args: &RecordArgs) -> Result<(Vec<OutcomeInput>, u64)> {
    let mut file = QuoteFile::open(path)?;
    let columns = file.header().columns.clone();
    let place = |name: &str| columns.iter().position(|column| column == name);
    let missing = |name: &str, option: &str| {
        Error::content(
            path,
            format!("there is no column {name:?}: name one with {option}"),
        )
    };
    let names = find_ref_column(&columns, args.ref_column.as_deref()).ok_or_else(|| {
        let wanted = args.ref_column.as_deref().unwrap_or("quote_id");
        missing(wanted, "--ref-column")
    })?;
    let wanted = args.outcome_column.as_deref().unwrap_or("outcome");
    let outcomes = place(wanted).ok_or_else(|| missing(wanted, "--outcome-column"))?;
    let dates = match args.date_column.as_deref() {
        None => None,
        Some(wanted) => Some(place(wanted).ok_or_else(|| missing(wanted, "--date-column"))?),
    };
    let (mut found, mut seen, mut open, mut number) = (Vec::new(), HashSet::new(), 0, 1_u64);
    while let Some(row) = file.next_row()? {
        number += 1;
        let problem = |problem: String| Error::content(path, format!("row {number}: {problem}"));
        let won = prediction::domain::outcomes::read_outcome(&row.cells[outcomes])
            .map_err(|error| problem(error.to_string()))?;
        let Some(won) = won else {
            open += 1;
            continue;
        };
        let quote_ref = row.cells[names].trim().to_owned();
        prediction::domain::outcomes::check_quote_ref(&quote_ref)
            .map_err(|error| problem(error.to_string()))?;
        if !seen.insert(quote_ref.clone()) {
            return Err(problem(format!(
                "the quote {quote_ref:?} is in the file twice: leave one of them"
            )));
        }
        let decided_at = match dates.map(|dates| row.cells[dates].trim()) {
            None | Some("") => None,
            Some(text) => {
                let day: NaiveDate = text
                    .parse()
                    .map_err(|_| problem(format!("{text:?} is no day: write YYYY-MM-DD")))?;
                Some(start_of(day))
            }
        };
        let others = columns.iter().zip(&row.cells).enumerate();
        let final_fields: HashMap<String, String> = others
            .filter(|(at, _)| args.final_fields && ![names, outcomes].contains(at))
            .map(|(_, (name, cell))| (name.clone(), cell.clone()))
            .collect();
        let outcome = if won {
            QuoteOutcome::Won
        } else {
            QuoteOutcome::Lost
        };
        found.push(OutcomeInput {
            quote_ref,
            outcome: outcome as i32,
            decided_at,
            final_fields,
        });
    }
    Ok((found, open))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(
        text: &str,
        change: impl FnOnce(&mut RecordArgs),
    ) -> Result<(Vec<OutcomeInput>, u64)> {
        let path = std::env::temp_dir().join(format!("valutai-{}.csv", uuid::Uuid::new_v4()));
        std::fs::write(&path, text).expect("writes");
        let mut args = RecordArgs {
            file: None,
            quote: None,
            outcome: None,
            decided_on: None,
            fields: Vec::new(),
            ref_column: None,
            outcome_column: None,
            date_column: None,
            final_fields: false,
        };
        change(&mut args);
        let outcome = read(&path, &args);
        std::fs::remove_file(&path).expect("cleans up");
        outcome
    }

    #[test]
    fn decided_rows_are_taken_and_open_ones_counted() {
        let text = "quote_id,price,outcome,closed\nQ1,10,Won,2026-01-31\nQ2,20,,\nQ3,30,lost,\n";
        let (found, open) = read_text(text, |args| {
            args.date_column = Some("closed".to_owned());
            args.final_fields = true;
        })
        .expect("reads");
        assert_eq!(open, 1);
        let told: Vec<_> = found
            .iter()
            .map(|o| (o.quote_ref.as_str(), o.outcome()))
            .collect();
        assert_eq!(
            told,
            [("Q1", QuoteOutcome::Won), ("Q3", QuoteOutcome::Lost)]
        );
        assert_eq!(
            found[0].decided_at.map(|at| at.seconds),
            Some(1_769_817_600)
        );
        assert_eq!(
            found[0].final_fields.get("price").map(String::as_str),
            Some("10")
        );
        assert!(found[1].decided_at.is_none());
    }

    #[test]
    fn mistakes_are_named_with_their_row() {
        let problem = |text: &str| read_text(text, |_| ()).expect_err("refused").to_string();
        assert!(problem("quote_id,price\nQ1,1\n").contains("--outcome-column"));
        assert!(problem("name,outcome\nQ1,won\n").contains("--ref-column"));
        let nameless = problem("quote_id,outcome\nQ1,won\n ,lost\n");
        assert!(
            nameless.contains("row 3: it has no quote_ref"),
            "{nameless}"
        );
        assert!(problem("quote_id,outcome\nQ1,won\nQ1,lost\n").contains("twice"));
        assert!(problem("quote_id,outcome\nQ1,perhaps\n").contains("row 2: "));
    }

    #[test]
    fn chances_are_shares_or_percentages() {
        assert_eq!(chance("60%"), Ok(0.6));
        assert_eq!(chance("0.25"), Ok(0.25));
        assert!(chance("60").is_err() && chance("0").is_err() && chance("x").is_err());
    }
}
