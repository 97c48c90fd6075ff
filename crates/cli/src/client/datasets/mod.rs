//! `valutai datasets`: import, look at, undo, delete. Deliberately no reading of a file beyond its
//! bytes: what it says is found out behind the gateway.
//!
//! Layout: `options` are those of an import, `send` sends a file, `import` runs the command,
//! `imports` has what is done with imports later.

mod import;
mod imports;
mod json;
mod options;
mod send;

use std::io::{IsTerminal, Write};

use clap::Subcommand;
use indicatif::ProgressBar;
use proto::ingestion::{
    Dataset, DatasetState, DeleteDatasetRequest, DeleteDatasetResponse, GetDatasetRequest,
    GetDatasetResponse, ListDatasetsRequest,
};

pub use self::{
    import::{get_import, wait_until_settled},
    options::{Blank, ErrorsFile, ImportArgs, Mode, Stated, mapping},
    send::{preview, upload},
};
use super::{Connection, connect, present, show, tell_next_page, wait};
use crate::{
    args::{Global, PageArgs},
    error::{Error, Result},
    output::{self, Format},
    progress,
    text::enum_word,
};

/// Commands of `valutai datasets`.
#[derive(Debug, Subcommand)]
pub enum DatasetsCommand {
    /// Import a quote history (CSV, TSV, XLSX, XLS or Parquet), or look at one with --dry-run
    Import(Box<ImportArgs>),
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
    /// List the files that were imported, newest first
    Imports {
        /// Id of the dataset [default: all of them]
        #[arg(default_value = "", hide_default_value = true)]
        dataset: String,
        /// Which page.
        #[command(flatten)]
        page: PageArgs,
    },
    /// Take an import back: its quotes go, and those that it replaced return
    Undo {
        /// Id of the import
        import: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// List the rows that an import left aside, with what is wrong
    Quarantined {
        /// Id of the import
        import: String,
        /// Which page.
        #[command(flatten)]
        page: PageArgs,
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
            matches!(
                dataset.state(),
                DatasetState::Ready | DatasetState::Failed | DatasetState::Empty
            )
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
        DatasetsCommand::Import(args) => import::run(*args, global).await,
        DatasetsCommand::List { page } => run_list(page, global).await,
        DatasetsCommand::Show { id } => {
            let connection = connect(global).await?;
            let reply = get(&connection, &id).await?;
            let dataset = present(reply.dataset.as_ref(), "dataset")?;
            output::reply(global.output, &reply, |out| show::dataset(out, dataset))
        }
        DatasetsCommand::Imports { dataset, page } => {
            imports::run_list(dataset, page, global).await
        }
        DatasetsCommand::Undo { import, yes } => imports::run_undo(&import, yes, global).await,
        DatasetsCommand::Quarantined { import, page } => {
            imports::run_quarantined(import, page, global).await
        }
        DatasetsCommand::Delete { id, yes } => run_delete(&id, yes, global).await,
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
