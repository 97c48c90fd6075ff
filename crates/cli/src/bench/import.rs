//! `valutai bench import`: an import through a whole running system, and `\copy` of the rows that
//! came out of it. Both in turn, several times, each from a database that has nothing to write.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use futures::StreamExt as _;
use platform::config::TelemetryConfig;
use proto::ingestion::{DatasetState, UploadHeader};
use tokio::time::timeout;
use uuid::Uuid;

use super::{
    figures::{ImportFigures, ImportOfFile, Machine, Round},
    history,
    psql::Copier,
    system::{LOG, System},
};
use crate::{
    client::datasets::{ImportArgs, get, upload},
    error::{Error, Result},
    output::Format,
    progress,
    server::stack::ServerArgs,
};

/// Stands for a generated file.
pub const GENERATED: &str = "@generated";
/// Longest wait for the event of an import.
const IMPORT_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Options of `bench import`.
#[derive(Debug, Args)]
#[command(mut_arg("file", |arg| arg.required(false).default_value(GENERATED)))]
pub struct ImportBench {
    /// The file and how it is read; `@generated` stands for generated quotes.
    #[command(flatten)]
    pub import: ImportArgs,
    /// Numbers of quotes to generate, where no file is given
    #[arg(
        long,
        value_name = "N,..",
        value_delimiter = ',',
        default_value = "50000,500000",
        value_parser = clap::value_parser!(u32).range(100..=1_000_000)
    )]
    pub rows: Vec<u32>,
    /// Times that each file is imported and copied
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// Runs `bench import`.
///
/// # Errors
/// Where a step fails; everything is stopped all the same.
pub async fn run(args: ImportBench, format: Format) -> Result<()> {
    if args.import.is_dry() || !args.import.into.is_empty() {
        return Err(Error::Misuse(
            "a benchmark imports into a new dataset: leave --into, --dry-run and --errors-out out"
                .to_owned(),
        ));
    }
    let figures = with_system(&args.servers, async |system| measure(&args, system).await).await?;
    figures.print(format)
}

/// Runs a measurement on a system of its own, which is stopped afterwards whatever happened.
///
/// # Errors
/// What starting, measuring or stopping failed with.
pub async fn with_system<T>(
    servers: &ServerArgs,
    work: impl AsyncFnOnce(&mut System) -> Result<T>,
) -> Result<T> {
    let telemetry = platform::telemetry::init(&TelemetryConfig::from_env(LOG));
    let telemetry = telemetry.map_err(Error::Misuse)?;
    let mut system = System::start(servers, |text| eprintln!("{text}")).await?;
    let worked = tokio::select! {
        worked = work(&mut system) => worked,
        _ = tokio::signal::ctrl_c() => Err(Error::Failed("interrupted".to_owned())),
    };
    let stopped = system.stop().await;
    tokio::task::spawn_blocking(|| telemetry.shutdown())
        .await
        .map_err(|error| Error::Failed(error.to_string()))?;
    let worked = worked?;
    stopped?;
    Ok(worked)
}

async fn measure(args: &ImportBench, system: &mut System) -> Result<ImportFigures> {
    let machine = Machine::look();
    let copier = Copier::find().await?;
    let mut files = Vec::new();
    for (name, path) in files_of(args, system.dir())? {
        let header = UploadHeader {
            // Each round is to meet what the first one met.
            forget_mapping: true,
            ..args.import.header()?
        };
        if !files.is_empty() {
            system.restart_ingestion().await?;
        }
        let bytes = std::fs::metadata(&path).map_err(Error::file(&path))?.len();
        let (mut rounds, mut rows) = (Vec::new(), 0);
        for number in 1..=args.rounds {
            eprintln!("{name}: round {number} of {}", args.rounds);
            let (round, stored) = play(system, &header, &path, copier).await?;
            rounds.push(round);
            rows = stored;
        }
        let mut file = ImportOfFile::new(name, rows, bytes, rounds);
        file.ingestion_peak_mib = system.ingestion_peak_mib();
        files.push(file);
    }
    let growth = match (files.first(), files.last()) {
        (Some(first), Some(last)) if files.len() > 1 => {
            Some(last.import_seconds / first.import_seconds)
        }
        _ => None,
    };
    Ok(ImportFigures {
        machine: machine.until_now(),
        copied_by: copier.name(),
        files,
        growth,
    })
}

/// The files to be imported, with what they are called.
fn files_of(args: &ImportBench, dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let given = &args.import.file;
    if given != Path::new(GENERATED) {
        let name = given.file_name().unwrap_or_default().to_string_lossy();
        return Ok(vec![(name.into_owned(), given.clone())]);
    }
    let generated = args.rows.iter().map(|rows| {
        let path = dir.join(format!("generated-{rows}.csv"));
        history::write(&path, *rows)?;
        Ok((format!("generated, {rows}"), path))
    });
    generated.collect()
}

/// One import and one copy; answers the rows too.
async fn play(
    system: &System,
    header: &UploadHeader,
    path: &Path,
    copier: Copier,
) -> Result<(Round, u64)> {
    let mut store = system.store().await?;
    store.checkpoint().await?;
    let imported = time_import(system, header, path).await?;
    let rows_file = system.dir().join("rows.copy");
    let rows = store.export_quotes(imported.dataset, &rows_file).await?;
    store.insert_twin().await?;
    store.checkpoint().await?;
    let copied = copier.copy(&mut store, &rows_file).await?;
    let arrived = store.count_twin().await?;
    if arrived != rows {
        return Err(Error::Failed(format!(
            "{arrived} of {rows} rows arrived in the twin of the quote table"
        )));
    }
    std::fs::remove_file(&rows_file).map_err(Error::file(&rows_file))?;
    store.delete_datasets().await?;
    let (import, copy) = (imported.heard.as_secs_f64(), copied.as_secs_f64());
    let round = Round {
        accepted_seconds: imported.accepted.as_secs_f64(),
        import_seconds: import,
        copy_seconds: copy,
        ratio: import / copy,
    };
    Ok((round, rows))
}

/// How long an import took, from the first byte sent.
#[derive(Debug, Clone, Copy)]
pub struct Imported {
    /// What came of it.
    pub dataset: Uuid,
    /// Until the file was accepted.
    pub accepted: Duration,
    /// Until the event was heard.
    pub heard: Duration,
}

/// Imports a file and waits for its event.
///
/// # Errors
/// Where the file is refused, or the import fails.
pub async fn time_import(system: &System, header: &UploadHeader, path: &Path) -> Result<Imported> {
    let mut events = std::pin::pin!(system.imported().await?);
    let mut failures = std::pin::pin!(system.failed_imports().await?);
    let bar = progress::of_bytes(0, "uploading");
    let start = Instant::now();
    let answer = upload(&system.connection, header.clone(), path, &bar).await?;
    let accepted = start.elapsed();
    bar.finish_and_clear();
    if answer.id.is_empty() {
        return Err(Error::Failed(format!(
            "the file was refused: see why with `valutai datasets import {} --dry-run`",
            path.display()
        )));
    }
    let hear = async {
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Ok(event)) if event.event.dataset_id == answer.id => return Ok(start.elapsed()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(Error::Failed(platform::error::chain(&error))),
                    None => return Err(Error::Failed("the events broke off".to_owned())),
                },
                Some((_, failure)) = failures.next() => {
                    return Err(Error::Failed(format!("the import failed: {}", failure.problem)));
                }
            }
        }
    };
    let silent = |_| Error::Failed("nothing was heard of the import for half an hour".to_owned());
    let heard = timeout(IMPORT_LIMIT, hear).await.map_err(silent)??;
    let state = get(&system.connection, &answer.id).await?.dataset;
    if state.unwrap_or_default().state() != DatasetState::Ready {
        return Err(Error::Failed(
            "the imported dataset is not ready".to_owned(),
        ));
    }
    Ok(Imported {
        dataset: Uuid::try_parse(&answer.id).map_err(|error| Error::Failed(error.to_string()))?,
        accepted,
        heard,
    })
}
