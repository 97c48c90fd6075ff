//! `valutai datasets`: upload, import, list, delete. Deliberately no reading of the file beyond its
//! bytes: what it says is found out behind the gateway.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use indicatif::ProgressBar;
use proto::ingestion::{
    ColumnMapping, Dataset, DatasetState, DeleteDatasetRequest, DeleteDatasetResponse,
    GetDatasetRequest, GetDatasetResponse, ListDatasetsRequest, TargetField, UploadDatasetRequest,
    UploadDatasetResponse, UploadHeader, upload_dataset_request::Part,
};
use tokio::{
    fs::File,
    io::AsyncReadExt,
    sync::{mpsc, oneshot},
};
use tokio_stream::wrappers::ReceiverStream;

use super::{Connection, connect, present, show, tell_next_page, wait};
use crate::{
    args::{Global, PageArgs},
    error::{Error, Result},
    output::{self, Format},
    progress,
    text::enum_word,
};

const CHUNK_BYTES: usize = 256 * 1024;
const CHUNKS_AHEAD: usize = 4;

/// Commands of `valutai datasets`.
#[derive(Debug, Subcommand)]
pub enum DatasetsCommand {
    /// Upload a quote history (CSV, TSV or XLSX) and check it
    Import(ImportArgs),
    /// List datasets, newest first
    List {
        /// Which page.
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a dataset with its columns
    Show {
        /// Id of the dataset
        id: String,
    },
    /// Delete a dataset with its quotes and files
    Delete {
        /// Id of the dataset
        id: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Options of `valutai datasets import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The file
    pub file: PathBuf,
    /// Name of the dataset [default: the file's name]
    #[arg(long, default_value = "", hide_default_value = true)]
    pub name: String,
    /// What a column stands for; FIELD is one of outcome, price, date, cost, list_price, discount,
    /// quantity, quote_id, group, feature. Repeatable; the rest is suggested
    #[arg(long = "map", value_name = "FIELD=COLUMN", value_parser = mapping)]
    pub mappings: Vec<ColumnMapping>,
    /// Header of a column to leave out; repeatable
    #[arg(long = "ignore", value_name = "COLUMN")]
    pub ignored: Vec<String>,
    /// Only check the file; nothing is kept
    #[arg(long, conflicts_with = "wait")]
    pub dry_run: bool,
    /// Wait until the dataset is ready for training
    #[arg(long)]
    pub wait: bool,
}

/// Reads `FIELD=COLUMN`.
///
/// # Errors
/// Where the field is not one of the ten.
pub fn mapping(text: &str) -> Result<ColumnMapping, String> {
    let (name, column) = text
        .split_once('=')
        .filter(|(_, column)| !column.is_empty())
        .ok_or("write it as FIELD=COLUMN")?;
    let wanted = format!("TARGET_FIELD_{}", name.trim().to_ascii_uppercase());
    TargetField::from_str_name(&wanted)
        .filter(|field| !matches!(field, TargetField::Unspecified | TargetField::Ignored))
        .map(|field| ColumnMapping {
            field: field.into(),
            column: column.to_owned(),
        })
        .ok_or_else(|| {
            format!(
                "{name:?} is not a field: use outcome, price, date, cost, list_price, discount, \
                 quantity, quote_id, group or feature"
            )
        })
}

/// Uploads a file with what is known about it; `bar` moves with the bytes.
///
/// # Errors
/// Where the file cannot be read, or the server refuses it.
pub async fn upload(
    connection: &Connection,
    header: UploadHeader,
    path: &Path,
    bar: &ProgressBar,
) -> Result<UploadDatasetResponse> {
    let file = File::open(path).await.map_err(Error::file(path))?;
    let (parts, stream) = mpsc::channel(CHUNKS_AHEAD);
    let (failed, failure) = oneshot::channel();
    let bar = bar.clone();
    let reader = tokio::spawn(async move {
        if let Err(error) = send_parts(file, header, &parts, &bar).await {
            let _ = failed.send(error);
            // A stream that ended here would pass for a complete file, so it stays open until the
            // call is dropped.
            parts.closed().await;
        }
    });
    let mut client = connection.ingestion();
    let call = client.upload_dataset(ReceiverStream::new(stream));
    tokio::pin!(call);
    let outcome = tokio::select! {
        reply = &mut call => reply.map(tonic::Response::into_inner).map_err(Error::from),
        Ok(error) = failure => Err(Error::file(path)(error)),
    };
    reader.abort();
    outcome
}

async fn send_parts(
    mut file: File,
    header: UploadHeader,
    parts: &mpsc::Sender<UploadDatasetRequest>,
    bar: &ProgressBar,
) -> std::io::Result<()> {
    let message = |part| UploadDatasetRequest { part: Some(part) };
    // A closed channel means that the server has answered already, so the answer is the news.
    if parts.send(message(Part::Header(header))).await.is_err() {
        return Ok(());
    }
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        (&mut file)
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut chunk)
            .await?;
        let size = chunk.len();
        if size == 0 || parts.send(message(Part::Chunk(chunk))).await.is_err() {
            return Ok(());
        }
        bar.inc(size as u64);
    }
}

/// Reads a dataset.
///
/// # Errors
/// What the server refused it with.
pub async fn get(connection: &Connection, id: &str) -> Result<GetDatasetResponse> {
    let request = connection.request(GetDatasetRequest { id: id.to_owned() });
    Ok(connection
        .ingestion()
        .get_dataset(request)
        .await?
        .into_inner())
}

/// Waits until a dataset is ready or has failed, and answers it.
///
/// # Errors
/// What the server refused a question with; a failed import is no error here.
pub async fn wait_until_imported(
    connection: &Connection,
    id: &str,
    bar: &ProgressBar,
) -> Result<Dataset> {
    wait::until(
        || async { present(get(connection, id).await?.dataset, "dataset") },
        |dataset| {
            let stage = enum_word(dataset.state().as_str_name(), "DATASET_STATE_");
            progress::show_share(bar, 0.0, &stage);
            matches!(dataset.state(), DatasetState::Ready | DatasetState::Failed)
        },
    )
    .await
}

/// Runs a command of `valutai datasets`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: DatasetsCommand, global: &Global) -> Result<()> {
    match command {
        DatasetsCommand::Import(args) => run_import(args, global).await,
        DatasetsCommand::List { page } => run_list(page, global).await,
        DatasetsCommand::Show { id } => {
            let connection = connect(global).await?;
            let reply = get(&connection, &id).await?;
            let dataset = present(reply.dataset.as_ref(), "dataset")?;
            output::reply(global.output, &reply, |out| show::dataset(out, dataset))
        }
        DatasetsCommand::Delete { id, yes } => run_delete(&id, yes, global).await,
    }
}

async fn run_import(args: ImportArgs, global: &Global) -> Result<()> {
    // Before connecting: a file that is not there needs no server to be told.
    let size = std::fs::metadata(&args.file).map_err(Error::file(&args.file))?;
    if size.is_dir() {
        return Err(Error::content(&args.file, "is a folder, not a file"));
    }
    let connection = connect(global).await?;
    let file_name = args.file.file_name().unwrap_or_default();
    let header = UploadHeader {
        name: args.name,
        file_name: file_name.to_string_lossy().into_owned(),
        mappings: args.mappings,
        ignored_columns: args.ignored,
        dry_run: args.dry_run,
    };
    let bar = progress::of_bytes(size.len(), "uploading");
    let uploaded = upload(&connection, header, &args.file, &bar).await;
    bar.finish_and_clear();
    let mut reply = uploaded?;
    if args.wait && !reply.id.is_empty() {
        let bar = progress::of_share("importing");
        let waited = wait_until_imported(&connection, &reply.id, &bar).await;
        bar.finish_and_clear();
        match waited {
            Ok(dataset) => reply.dataset = Some(dataset),
            Err(error) => {
                eprintln!("the upload was accepted as dataset {}", reply.id);
                return Err(error);
            }
        }
    }
    output::reply(global.output, &reply, |out| show::import(out, &reply))?;
    match &reply.dataset {
        Some(dataset) if dataset.state() == DatasetState::Failed => Err(Error::Failed(format!(
            "the import failed: {}",
            dataset.problem
        ))),
        _ if reply.id.is_empty() && !args.dry_run => Err(Error::Failed(
            "the file was refused and nothing was kept: mend the problems and import it again"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

async fn run_list(page: PageArgs, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let request = connection.request(ListDatasetsRequest {
        page_size: page.page_size,
        page_token: page.page_token,
    });
    let reply = connection
        .ingestion()
        .list_datasets(request)
        .await?
        .into_inner();
    output::reply(global.output, &reply, |out| {
        show::datasets(&reply.datasets).print(out)
    })?;
    tell_next_page(&reply.next_page_token);
    Ok(())
}

async fn run_delete(id: &str, yes: bool, global: &Global) -> Result<()> {
    if !yes && !confirmed(&format!("Delete dataset {id} with its quotes and files?"))? {
        return Err(Error::Failed("nothing was deleted".to_owned()));
    }
    let connection = connect(global).await?;
    let request = connection.request(DeleteDatasetRequest { id: id.to_owned() });
    let reply: DeleteDatasetResponse = connection
        .ingestion()
        .delete_dataset(request)
        .await?
        .into_inner();
    match global.output {
        Format::Json => output::line(&output::to_json(&reply)?),
        Format::Table => output::line(&format!("deleted {id}")),
    }
}

fn confirmed(question: &str) -> Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(Error::Misuse(
            "there is no terminal to ask for a confirmation: say --yes".to_owned(),
        ));
    }
    let mut stderr = std::io::stderr();
    let _ = write!(stderr, "{question} [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(Error::file("standard input"))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_name_a_field_and_a_column() {
        let found = mapping("list_price=List = Price").expect("is one");
        assert_eq!(found.field(), TargetField::ListPrice);
        assert_eq!(found.column, "List = Price");
        assert!(mapping("quote_id=Id").is_ok());
        for wrong in ["price", "price=", "ignored=a", "unspecified=a", "=a"] {
            assert!(mapping(wrong).is_err(), "{wrong}");
        }
    }
}
