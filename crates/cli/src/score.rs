//! `valutai score`: predicts the quotes of a CSV file with an exported model, without server or network. Deliberately the
//! service's own code: the answers are the same to the last bit.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::Args;
use platform::Clock;
use prediction::domain::{comparison::day, portable::Portable};
use proto::prediction::{PredictManyResponse, Prediction, QuoteInput};

use crate::{
    args::Global,
    client::{
        annotate::Annotator,
        predict::quote,
        predict_file::{self, FileJob},
        quote_file::QuoteFile,
    },
    error::{Error, Result},
    files::NewFile,
    output::Format,
    text::count,
};

/// Quotes answered at once.
const BATCH: usize = 200;

/// Options of `valutai score`.
#[derive(Debug, Args)]
pub struct ScoreArgs {
    /// File of the model, from `valutai models export`
    #[arg(long, value_name = "FILE")]
    pub artifact: PathBuf,
    /// CSV file with the headers of the history; its rows are predicted in their order
    #[arg(value_name = "FILE.csv")]
    pub file: PathBuf,
    /// Write the file's rows with their predictions to this CSV file
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Day of the quotes that state none [default: today in universal time]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: Option<NaiveDate>,
    /// Column that names the quotes of the file [default: quote_id where there is one]
    #[arg(long, value_name = "COLUMN")]
    pub ref_column: Option<String>,
}

/// Predicts a file's rows in their order; `each` takes every row's bytes with its prediction. Answers how many there were.
///
/// # Errors
/// Where a file cannot be read or a quote is refused, or `each` does.
pub fn score(
    model: &Portable,
    job: &FileJob,
    date: NaiveDate,
    mut each: impl FnMut(&[u8], Prediction) -> Result<()>,
) -> Result<u64> {
    let mut file = QuoteFile::open(&job.file)?;
    let columns = file.header().columns.clone();
    let ref_index = predict_file::find_ref_column(&columns, job.ref_column.as_deref());
    let mut rows = 0;
    loop {
        let (mut raw, mut quotes): (Vec<Vec<u8>>, Vec<QuoteInput>) = Default::default();
        while quotes.len() < BATCH
            && let Some(row) = file.next_row()?
        {
            let name = predict_file::reference(ref_index, &row.cells);
            quotes.push(quote(&name, columns.iter().cloned().zip(row.cells)));
            raw.push(row.raw);
        }
        if quotes.is_empty() {
            return Ok(rows);
        }
        let predictions = model
            .predict(&quotes, day(date))
            .map_err(|problem| Error::content(&job.file, after(rows, &problem.to_string())))?;
        for (raw, prediction) in raw.iter().zip(predictions) {
            each(raw, prediction)?;
            rows += 1;
        }
    }
}

/// What is wrong with one of the quotes behind so many.
fn after(rows: u64, problem: &str) -> String {
    match rows {
        0 => problem.to_owned(),
        rows => format!("after row {}: {problem}", count(rows)),
    }
}

/// Reads a model file.
///
/// # Errors
/// Where it cannot be read or used.
pub fn read(path: &Path) -> Result<Portable> {
    let bytes = std::fs::read(path).map_err(Error::file(path))?;
    Portable::from_bytes(&bytes).map_err(|problem| Error::content(path, problem.to_string()))
}

/// Runs `valutai score`.
///
/// # Errors
/// Whatever the command could not do.
pub fn run(args: &ScoreArgs, global: &Global) -> Result<()> {
    let model = read(&args.artifact)?;
    let job = FileJob {
        model_id: model.id.clone(),
        file: args.file.clone(),
        ref_column: args.ref_column.clone(),
        ..FileJob::default()
    };
    let date = args
        .date
        .unwrap_or_else(|| Clock::system().now().date_naive());
    let header = predict_file::check(&job, args.out.is_some())?;
    if let Some(out) = &args.out {
        let mut annotator =
            Annotator::start(NewFile::create(out)?, &header).map_err(Error::file(out))?;
        let rows = score(&model, &job, date, |raw, prediction| {
            annotator.row(raw, &prediction).map_err(Error::file(out))
        })?;
        annotator.into_inner().finish()?;
        eprintln!(
            "{} quotes predicted, written to {}",
            count(rows),
            out.display()
        );
        return Ok(());
    }
    if global.output == Format::Table {
        predict_file::print_head()?;
    }
    let mut index = 0;
    score(&model, &job, date, |_, prediction| {
        let answer = PredictManyResponse {
            index,
            prediction: Some(prediction),
        };
        index += 1;
        predict_file::print(global.output, &answer)
    })?;
    Ok(())
}
