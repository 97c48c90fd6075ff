//! `valutai datasets import`: a file is previewed, or uploaded and its import waited for.
//! Deliberately nothing of the file's meaning: that is found out behind the gateway.

use std::path::Path;

use indicatif::ProgressBar;
use proto::ingestion::{
    DatasetState, GetImportRequest, Import, ImportState, Preview, UploadDatasetResponse,
    UploadHeader,
};
use tonic::Code;

use super::{
    get, json,
    options::{ErrorsFile, ImportArgs},
    send, wait_until_imported,
};
use crate::{
    args::Global,
    client::{Connection, connect, present, show, wait},
    error::{Error, Result},
    files::NewFile,
    output::{self, Format},
    progress,
    text::{count, enum_word},
};

/// Reads an import.
///
/// # Errors
/// What the server refused it with.
pub async fn get_import(connection: &Connection, id: &str) -> Result<Import> {
    let request = connection.request(GetImportRequest { id: id.to_owned() });
    let reply = connection.ingestion().get_import(request).await?;
    present(reply.into_inner().import, "import")
}

/// Waits until an import is neither going on nor being taken back, and answers it; `bar` of
/// [`progress::of_share`] moves with its rows.
///
/// # Errors
/// What the server refused a question with; a failed import is no error here.
pub async fn wait_until_settled(
    connection: &Connection,
    id: &str,
    bar: &ProgressBar,
) -> Result<Import> {
    wait::until(
        || get_import(connection, id),
        |import| {
            let total = import.rows_total.max(1);
            let share = f64::from(import.rows_done) / f64::from(total);
            progress::show_share(bar, share, &stage(import));
            !matches!(
                import.state(),
                ImportState::Importing | ImportState::Undoing
            )
        },
    )
    .await
}

fn stage(import: &Import) -> String {
    let state = enum_word(import.state().as_str_name(), "IMPORT_STATE_");
    if import.rows_total == 0 {
        return state;
    }
    format!(
        "{state}, {} of {} rows",
        count(import.rows_done.into()),
        count(import.rows_total.into())
    )
}

pub(super) async fn run(args: ImportArgs, global: &Global) -> Result<()> {
    // Before connecting: a file that is not there needs no server to be told.
    let size = std::fs::metadata(&args.file).map_err(Error::file(&args.file))?;
    if size.is_dir() {
        return Err(Error::content(&args.file, "is a folder, not a file"));
    }
    let header = args.header()?;
    let connection = connect(global).await?;
    let bar = progress::of_bytes(size.len(), "uploading");
    if args.is_dry() {
        let errors = args.errors_out.as_ref();
        let previewed = run_preview(&connection, header, &args.file, &bar, errors).await;
        bar.finish_and_clear();
        let (preview, is_written) = previewed?;
        match global.output {
            Format::Json => output::line(&json::preview(&preview)?)?,
            Format::Table => output::print(|out| show::preview(out, &preview))?,
        }
        tell_verdict(&preview, errors.filter(|_| is_written));
        return match errors {
            Some(errors) if !is_written => not_written(&preview, errors),
            _ => Ok(()),
        };
    }
    let uploaded = send::upload(&connection, header, &args.file, &bar).await;
    bar.finish_and_clear();
    let mut reply = uploaded.map_err(|error| pointing_to_the_preview(error, &args.file))?;
    if args.wait && !reply.id.is_empty() {
        wait_for(&connection, &mut reply).await?;
    }
    output::reply(global.output, &reply, |out| show::import(out, &reply))?;
    judge(&reply, &args.file)
}

async fn run_preview(
    connection: &Connection,
    header: UploadHeader,
    path: &Path,
    bar: &ProgressBar,
    errors: Option<&ErrorsFile>,
) -> Result<(Preview, bool)> {
    let Some(errors) = errors else {
        let sink = &mut std::io::sink();
        let preview = send::preview(connection, header, path, bar, sink).await?;
        return Ok((preview.0, false));
    };
    let mut file = NewFile::create(&errors.path)?;
    let (preview, bytes) = send::preview(connection, header, path, bar, &mut file).await?;
    // An empty file would say that nothing is wrong.
    if bytes > 0 {
        file.finish()?;
    }
    Ok((preview, bytes > 0))
}

/// Why there is no file of errors: nothing is wrong, or what is wrong stands in no row.
fn not_written(preview: &Preview, errors: &ErrorsFile) -> Result<()> {
    let path = errors.path.display();
    if preview.accepted {
        eprintln!("no row has an error, so {path} was not written");
        return Ok(());
    }
    let first = preview.problems.first();
    let what = first.map_or("", |problem| problem.message.as_str());
    let remedy = match preview.questions.first() {
        Some(question) => format!("answer first: {}", question.text),
        None => first.map_or_else(String::new, |problem| problem.suggestion.clone()),
    };
    Err(Error::Failed(format!(
        "{path} was not written, as rows are judged only once the file is understood: {what}; {remedy}"
    )))
}

/// On the standard error, so that JSON stays JSON.
fn tell_verdict(preview: &Preview, errors: Option<&ErrorsFile>) {
    if let Some(errors) = errors {
        eprintln!("what is wrong stands in {}", errors.path.display());
    }
    if preview.accepted {
        eprintln!("an import would be accepted; nothing was kept");
    } else if preview.questions.is_empty() {
        eprintln!("an import would be refused; nothing was kept");
    } else {
        eprintln!("an import would be refused until the questions are answered; nothing was kept");
    }
}

async fn wait_for(connection: &Connection, reply: &mut UploadDatasetResponse) -> Result<()> {
    let bar = progress::of_share("importing");
    let waited = async {
        if let Some(import) = &mut reply.import {
            *import = wait_until_settled(connection, &import.id, &bar).await?;
        }
        wait_until_imported(connection, &reply.id, &bar).await?;
        get(connection, &reply.id).await
    };
    let waited = waited.await;
    bar.finish_and_clear();
    match waited {
        Ok(found) => {
            reply.dataset = found.dataset;
            Ok(())
        }
        Err(error) => {
            eprintln!("the upload was accepted as dataset {}", reply.id);
            Err(error)
        }
    }
}

/// An accepted file can still come to a bad end.
fn judge(reply: &UploadDatasetResponse, file: &Path) -> Result<()> {
    let failed = |problem: &str| Err(Error::Failed(format!("the import failed: {problem}")));
    if reply.id.is_empty() {
        return Err(Error::Failed(format!(
            "the file was refused and nothing was kept: {}",
            advice(file)
        )));
    }
    match (&reply.import, &reply.dataset) {
        (Some(import), _) if import.state() == ImportState::Failed => failed(&import.problem),
        (_, Some(dataset)) if dataset.state() == DatasetState::Failed => failed(&dataset.problem),
        _ => Ok(()),
    }
}

/// What the server refused because of its content can be looked at cell by cell.
fn pointing_to_the_preview(error: Error, file: &Path) -> Error {
    match error {
        Error::Refused {
            code: Code::InvalidArgument,
            message,
        } if !message.contains("--dry-run") => Error::Refused {
            code: Code::InvalidArgument,
            message: format!("{message}\n{}", advice(file)),
        },
        error => error,
    }
}

fn advice(file: &Path) -> String {
    let file = file.display().to_string();
    format!(
        "see what is wrong and where: valutai datasets import {file:?} --dry-run\n\
         get it as a workbook to mend: valutai datasets import {file:?} --errors-out errors.xlsx"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_points_to_what_shows_more() {
        let refused = Error::Refused {
            code: Code::InvalidArgument,
            message: "row 7 has no price".to_owned(),
        };
        let text = pointing_to_the_preview(refused, Path::new("my quotes.csv")).to_string();
        assert!(text.starts_with("row 7 has no price\n"), "{text}");
        for part in ["\"my quotes.csv\" --dry-run", "--errors-out errors.xlsx"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        for (code, message) in [
            (Code::Unavailable, "away"),
            (Code::ResourceExhausted, "the file is larger than 256 MiB"),
            (Code::InvalidArgument, "7 problems: see them with --dry-run"),
        ] {
            let refused = Error::Refused {
                code,
                message: message.to_owned(),
            };
            let told = pointing_to_the_preview(refused, Path::new("q.csv"));
            assert_eq!(told.to_string(), message);
        }
    }

    #[test]
    fn a_failed_import_is_a_failure() {
        let import = |state: ImportState| UploadDatasetResponse {
            id: "d1".to_owned(),
            import: Some(Import {
                state: state.into(),
                problem: "the disk is full".to_owned(),
                ..Import::default()
            }),
            ..UploadDatasetResponse::default()
        };
        let file = Path::new("q.csv");
        assert!(judge(&import(ImportState::Done), file).is_ok());
        let error = judge(&import(ImportState::Failed), file).expect_err("failed");
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert!(judge(&UploadDatasetResponse::default(), file).is_err());
    }

    #[test]
    fn the_stage_counts_rows() {
        let import = Import {
            state: ImportState::Importing.into(),
            rows_done: 1500,
            rows_total: 78_025,
            ..Import::default()
        };
        assert_eq!(stage(&import), "importing, 1,500 of 78,025 rows");
    }
}
