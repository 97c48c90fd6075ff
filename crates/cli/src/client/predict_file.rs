//! Predicts all quotes of a CSV file or a workbook through one stream, with bounded memory: a thread reads, the
//! stream carries, and each answer meets the row it belongs to. What broke off can be gone on with.
//! Deliberately no batches: the gateway cuts them.

use std::path::{Path, PathBuf};

use indicatif::ProgressBar;
use proto::prediction::{
    PredictManyRequest, PredictManyResponse, Prediction, QuoteInput, field_value::Value,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;

use super::{
    Connection,
    annotate::{Annotator, COLUMNS},
    connect,
    part_file::PartFile,
    predict, present,
    quote_file::{Header, QuoteFile, Row},
    show,
    workbook::Workbook,
};
use crate::{
    args::Global,
    error::{Error, Result},
    output::{self, Format},
    progress,
    text::{clean, count, percent, shorten},
};

// More than the gateway keeps in flight, or rows that wait here would hold up its batches.
const ROWS_IN_FLIGHT: usize = 8192;
const REQUESTS_AHEAD: usize = 64;
const LONGEST_REF: usize = 200;

/// What to predict.
#[derive(Debug, Clone, Default)]
pub struct FileJob {
    /// Id of the model; the promoted one where empty.
    pub model_id: String,
    /// The CSV file.
    pub file: PathBuf,
    /// Column that names the quotes; `quote_id` where there is one.
    pub ref_column: Option<String>,
    /// Rows at the beginning that were predicted before.
    pub offset: u64,
    /// Makes the calls the same calls when they are made again; none where each is a new one.
    pub key: Option<String>,
    /// Columns whose cells are numbers, from the first on; the others are text.
    pub numeric: Vec<bool>,
}

/// Reads the header only, so that what is wrong with it is told before anything is sent.
///
/// # Errors
/// Where the file cannot be read or its header does not serve.
pub fn check(job: &FileJob, adds_columns: bool) -> Result<Header> {
    let header = QuoteFile::open(&job.file)?.header().clone();
    if let Some(wanted) = &job.ref_column
        && !header.columns.contains(wanted)
    {
        let problem = format!("there is no column {wanted:?}: correct --ref-column");
        return Err(Error::content(&job.file, problem));
    }
    let taken = COLUMNS
        .iter()
        .find(|name| header.columns.iter().any(|column| column == *name));
    match taken {
        Some(name) if adds_columns => Err(Error::content(
            &job.file,
            format!("there is a column {name} already, which would be added: remove it first"),
        )),
        _ => Ok(header),
    }
}

/// Predicts a file's rows in their order; `each` takes every row's bytes with its answer. Answers
/// how many rows there were.
///
/// # Errors
/// Where the file cannot be read, the server refuses, or `each` does.
pub async fn stream(
    connection: &Connection,
    job: &FileJob,
    mut each: impl FnMut(&[u8], &PredictManyResponse) -> Result<()>,
) -> Result<u64> {
    scan(job).await?;
    let (rows, mut waiting) = mpsc::channel(ROWS_IN_FLIGHT);
    let (requests, outgoing) = mpsc::channel(REQUESTS_AHEAD);
    let reader = {
        let job = job.clone();
        tokio::task::spawn_blocking(move || {
            let outcome = read_rows(&job, &rows, &requests);
            // The stream must not end before a broken file is known, hence the order.
            if let Err(error) = outcome {
                let _ = rows.blocking_send(Err(error));
            }
        })
    };
    let outcome = async {
        let mut request = Request::new(ReceiverStream::new(outgoing));
        if let Some(key) = &job.key {
            let key = key.parse().map_err(|_| {
                Error::Misuse("the key has to be of plain letters and digits".to_owned())
            })?;
            request.metadata_mut().insert("idempotency-key", key);
        }
        let mut answers = connection
            .prediction()
            .predict_many(request)
            .await?
            .into_inner();
        let mut index = job.offset;
        while let Some(answer) = answers.message().await? {
            let raw: Vec<u8> = match waiting.recv().await {
                Some(row) => row?,
                None => return Err(out_of_step()),
            };
            if answer.index != index {
                return Err(out_of_step());
            }
            each(&raw, &answer)?;
            index += 1;
        }
        match waiting.recv().await {
            Some(Err(error)) => Err(error),
            Some(Ok(_)) => Err(Error::Failed(format!(
                "the server ended the stream after {index} rows: try again"
            ))),
            None => Ok(index),
        }
    }
    .await;
    // The reader ends by itself once nobody takes its rows.
    drop(waiting);
    let _ = reader.await;
    outcome
}

// A row that cannot be read would otherwise be found when half the file is predicted and stored.
async fn scan(job: &FileJob) -> Result<()> {
    let path = job.file.clone();
    let scanned = tokio::task::spawn_blocking(move || {
        let mut file = QuoteFile::open(&path)?;
        while file.next_row()?.is_some() {}
        Ok(())
    });
    scanned
        .await
        .map_err(|error| Error::Failed(format!("the file cannot be read: {error}")))?
}

fn out_of_step() -> Error {
    Error::Failed("the server's answers are not in the order of the rows: report this".to_owned())
}

fn read_rows(
    job: &FileJob,
    rows: &mpsc::Sender<Result<Vec<u8>>>,
    requests: &mpsc::Sender<PredictManyRequest>,
) -> Result<()> {
    let mut file = QuoteFile::open(&job.file)?;
    let columns = file.header().columns.clone();
    let ref_index = find_ref_column(&columns, job.ref_column.as_deref());
    let mut model_id = job.model_id.clone();
    let mut offset = job.offset;
    for _ in 0..offset {
        if file.next_row()?.is_none() {
            return Ok(());
        }
    }
    while let Some(Row { raw, cells }) = file.next_row()? {
        let quote_ref = reference(ref_index, &cells);
        let fields = columns.iter().cloned().zip(cells);
        let mut quote = predict::quote(&quote_ref, fields);
        state_numbers(&mut quote, &columns, &job.numeric);
        let request = PredictManyRequest {
            model_id: std::mem::take(&mut model_id),
            quote: Some(quote),
            offset: std::mem::take(&mut offset),
        };
        // A closed channel means that the call has ended, and says why itself.
        if rows.blocking_send(Ok(raw)).is_err() || requests.blocking_send(request).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Turns the texts of numeric columns into numbers; what is none stays as it is.
fn state_numbers(quote: &mut QuoteInput, columns: &[String], numeric: &[bool]) {
    let named = columns.iter().zip(numeric).filter(|(_, numeric)| **numeric);
    for (name, _) in named {
        let Some(field) = quote.fields.get_mut(name) else {
            continue;
        };
        if let Some(Value::Text(text)) = &field.value
            && let Ok(number) = text.trim().parse()
        {
            field.value = Some(Value::Number(number));
        }
    }
}

/// What a row's quote is called, as far as that is taken.
#[must_use]
pub fn reference(ref_index: Option<usize>, cells: &[String]) -> String {
    ref_index
        .and_then(|index| cells.get(index))
        .map(|cell| cell.chars().take(LONGEST_REF).collect())
        .unwrap_or_default()
}

/// The column that names quotes: the wanted one, or one that is called so.
#[must_use]
pub fn find_ref_column(columns: &[String], wanted: Option<&str>) -> Option<usize> {
    let plain = |name: &str| name.trim().to_ascii_lowercase().replace([' ', '-'], "_");
    match wanted {
        Some(wanted) => columns.iter().position(|name| name == wanted),
        None => columns
            .iter()
            .position(|name| matches!(plain(name).as_str(), "quote_id" | "quoteid" | "quote_ref")),
    }
}

/// Predicts a file and writes its rows with their predictions to another, which appears whole or
/// not at all; with `resume` goes on where an earlier call broke off, and gets the answers again that
/// were given and not received. Answers how many rows there are.
///
/// # Errors
/// Where a file cannot be read or written, or the server refuses. What there is then is kept for
/// `resume`, and told.
pub async fn annotate(
    connection: &Connection,
    job: &FileJob,
    out: &Path,
    resume: bool,
    bar: &ProgressBar,
) -> Result<u64> {
    let header = check(job, true)?;
    let mut annotator = if resume {
        let mut source = QuoteFile::open(&job.file)?;
        let part = PartFile::resume(out, &mut source)?;
        eprintln!("{} rows are there already", count(part.rows));
        Annotator::resume(part, &header)
    } else {
        Annotator::start(PartFile::create(out)?, &header).map_err(Error::file(out))?
    };
    let part = annotator.inner();
    let job = FileJob {
        offset: part.rows,
        key: Some(part.key.clone()),
        ..job.clone()
    };
    let streamed = stream(connection, &job, |raw, answer| {
        bar.inc(raw.len() as u64 + 1);
        let prediction = present(answer.prediction.as_ref(), "prediction")?;
        annotator
            .row(raw, prediction)
            .and_then(|()| annotator.inner().row_written())
            .map_err(Error::file(out))
    })
    .await;
    let part = annotator.into_inner();
    match streamed {
        Ok(rows) => {
            part.finish()?;
            Ok(rows)
        }
        Err(error) => {
            let rows = part.leave()?;
            if rows > 0 {
                eprintln!(
                    "{} rows are kept: go on with the same command and --resume",
                    count(rows)
                );
            }
            Err(error)
        }
    }
}

/// Runs `valutai predict FILE`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(job: &FileJob, out: Option<&Path>, resume: bool, global: &Global) -> Result<()> {
    let workbook = Workbook::open(&job.file)?;
    let job = &match &workbook {
        Some(workbook) => FileJob {
            file: workbook.csv.clone(),
            numeric: workbook.numeric.clone(),
            ..job.clone()
        },
        None => job.clone(),
    };
    check(job, out.is_some())?;
    let connection = connect(global).await?;
    if let Some(out) = out {
        let size = std::fs::metadata(&job.file).map_err(Error::file(&job.file))?;
        let bar = progress::of_bytes(size.len(), "predicting");
        let outcome = annotate(&connection, job, out, resume, &bar).await;
        bar.finish_and_clear();
        let rows = count(outcome?);
        eprintln!("{rows} quotes predicted, written to {}", out.display());
        return Ok(());
    }
    if global.output == Format::Table {
        print_head()?;
    }
    stream(&connection, job, |_, answer| print(global.output, answer)).await?;
    Ok(())
}

/// Prints what stands above the lines of predictions.
///
/// # Errors
/// Where the standard output does not take it.
pub fn print_head() -> Result<()> {
    output::line(&line(
        "row",
        "quote",
        "win",
        "95 % interval",
        "evidence",
        "top reasons",
    ))
}

/// Prints one answer.
///
/// # Errors
/// Where it lacks its prediction, or the standard output does not take it.
pub fn print(format: Format, answer: &PredictManyResponse) -> Result<()> {
    let prediction = present(answer.prediction.as_ref(), "prediction")?;
    output::item(format, answer, |out| {
        writeln!(out, "{}", prediction_line(answer.index + 1, prediction))
    })
}

fn prediction_line(row: u64, p: &Prediction) -> String {
    let interval = format!(
        "{} to {}",
        percent(p.win_probability_low),
        percent(p.win_probability_high)
    );
    line(
        &row.to_string(),
        &shorten(&clean(&p.quote_ref), 14),
        &percent(p.win_probability),
        &interval,
        &show::evidence(p.evidence()),
        &show::top_reasons(&p.contributions),
    )
}

// Widths are fixed, because the rows to come are not known.
fn line(row: &str, quote: &str, win: &str, interval: &str, evidence: &str, why: &str) -> String {
    let line = format!("{row:>6}  {quote:<14}  {win:>7}  {interval:>18}  {evidence:<10}  ");
    let room = crate::table::PAGE_WIDTH.saturating_sub(crate::text::width(&line));
    let line = line + &shorten(why, room);
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_of_references_is_found() {
        let columns = ["region", "Quote ID", "price"].map(str::to_owned);
        assert_eq!(find_ref_column(&columns, None), Some(1));
        assert_eq!(find_ref_column(&columns, Some("region")), Some(0));
        assert_eq!(find_ref_column(&columns[2..], None), None);
    }

    #[test]
    fn a_line_fits_a_page() {
        let prediction = Prediction {
            quote_ref: "a long reference of a quote".into(),
            win_probability: 1.0,
            win_probability_low: 0.999,
            win_probability_high: 1.0,
            ..Prediction::default()
        };
        let line = prediction_line(1_000_000, &prediction);
        assert!(
            crate::text::width(&line) <= crate::table::PAGE_WIDTH,
            "{line}"
        );
    }
}
