//! `valutai reports`: generate, list, show, save the page, share, schedule. Deliberately no figures of our own.

mod links;
mod schedules;

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use proto::reporting::{
    GenerateReportRequest, GenerateReportResponse, GetReportRequest, GetReportResponse,
    ListReportsRequest, RebuildReadModelsRequest, RebuildReadModelsResponse, Report, ReportFormat,
    ReportKind,
};

use super::{Connection, connect, present, tell_next_page};
use crate::{
    args::{Global, PageArgs},
    error::{Error, Result},
    files, output,
    table::{PAGE_WIDTH, Table, print_facts},
    text::{clean, moment, wrap},
};

/// Commands of `valutai reports`.
#[derive(Debug, Subcommand)]
pub enum ReportsCommand {
    /// Generate a report: a model card by default, a win/loss analysis where a dataset is named
    Generate {
        /// Which kind of report
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// Id of the model; of forecasts and price reports the one that answers
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        model: String,
        /// Id of the dataset
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        dataset: String,
        /// Save the report as one self-contained HTML page
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
    /// List reports, newest first
    List {
        /// Only reports about this model
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        model: String,
        /// Only reports about this dataset
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        dataset: String,
        /// Only reports of this kind
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// Which page.
        #[command(flatten)]
        page: PageArgs,
    },
    /// Save a report as a file
    Get {
        /// Id of the report
        id: String,
        /// In which format
        #[arg(long, value_enum)]
        format: Format,
        /// The file to write
        #[arg(short = 'f', long = "file", value_name = "FILE")]
        file: PathBuf,
    },
    /// Make a link to a report for members of your organisation, which expires
    Share(links::ShareArgs),
    /// Open a report by a link
    Open(links::OpenArgs),
    /// List and revoke links
    #[command(subcommand)]
    Links(links::LinksCommand),
    /// Have reports generated at times, and mailed
    #[command(subcommand)]
    Schedule(schedules::ScheduleCommand),
    /// Make what reports know anew, of the event streams alone
    Rebuild,
    /// Show a report
    Show {
        /// Id of the report
        id: String,
        /// Save the report as one self-contained HTML page
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
}

/// Kinds of reports.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    /// What a model is worth
    Model,
    /// Win rates by group, and what changed
    WinLoss,
    /// What the open quotes may bring
    Pipeline,
    /// Price curves, money left on the table, discounts that bought nothing
    Price,
    /// How good predictions were, and drift
    Track,
}

impl From<Kind> for ReportKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Model => Self::Model,
            Kind::WinLoss => Self::WinLoss,
            Kind::Pipeline => Self::Pipeline,
            Kind::Price => Self::Price,
            Kind::Track => Self::Track,
        }
    }
}

/// Formats of reports.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// All figures
    Json,
    /// One self-contained page
    Html,
    /// The tables, one below the other
    Csv,
    /// The tables as a workbook
    Xlsx,
    /// Sentences, charts and tables
    Pdf,
}

impl From<Format> for ReportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Html => Self::Html,
            Format::Csv => Self::Csv,
            Format::Xlsx => Self::Xlsx,
            Format::Pdf => Self::Pdf,
        }
    }
}

/// Generates a report about a model.
///
/// # Errors
/// What the server refused it with.
pub async fn generate(connection: &Connection, model_id: &str) -> Result<GenerateReportResponse> {
    let about = GenerateReportRequest {
        model_id: model_id.to_owned(),
        kind: ReportKind::Model.into(),
        ..GenerateReportRequest::default()
    };
    ask(connection, about).await
}

/// Analyses the wins and losses of a dataset.
///
/// # Errors
/// What the server refused it with.
pub async fn analyse(connection: &Connection, dataset_id: &str) -> Result<GenerateReportResponse> {
    let about = GenerateReportRequest {
        dataset_id: dataset_id.to_owned(),
        kind: ReportKind::WinLoss.into(),
        ..GenerateReportRequest::default()
    };
    ask(connection, about).await
}

async fn ask(
    connection: &Connection,
    about: GenerateReportRequest,
) -> Result<GenerateReportResponse> {
    let request = connection.request(about);
    Ok(connection
        .reporting()
        .generate_report(request)
        .await?
        .into_inner())
}

/// Reads a report, with its page where asked for.
///
/// # Errors
/// What the server refused it with.
pub async fn get(
    connection: &Connection,
    id: &str,
    include_html: bool,
) -> Result<GetReportResponse> {
    let request = connection.request(GetReportRequest {
        id: id.to_owned(),
        include_html,
        ..GetReportRequest::default()
    });
    Ok(connection
        .reporting()
        .get_report(request)
        .await?
        .into_inner())
}

/// Saves a report's page.
///
/// # Errors
/// Where there is no page, or the file cannot be written.
pub fn save_page(reply: &GetReportResponse, path: &Path) -> Result<()> {
    if reply.html.is_empty() {
        return Err(Error::Failed("the server sent no page".to_owned()));
    }
    files::write(path, reply.html.as_bytes())?;
    eprintln!("the page was written to {}", path.display());
    Ok(())
}

/// Runs a command of `valutai reports`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: ReportsCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    match command {
        ReportsCommand::Generate {
            kind,
            model,
            dataset,
            html,
        } => {
            let kind = match kind {
                Some(kind) => ReportKind::from(kind),
                None => kind_of_subject(&model, &dataset)?,
            };
            let about = GenerateReportRequest {
                model_id: model,
                kind: kind.into(),
                dataset_id: dataset,
            };
            let reply = ask(&connection, about).await?;
            let report = present(reply.report.as_ref(), "report")?;
            output::reply(global.output, &reply, |out| show(out, report))?;
            match html {
                Some(path) => save_page(&get(&connection, &reply.id, true).await?, &path),
                None => Ok(()),
            }
        }
        ReportsCommand::List {
            model,
            dataset,
            kind,
            page,
        } => {
            let request = connection.request(ListReportsRequest {
                model_id: model,
                dataset_id: dataset,
                page_size: page.page_size,
                page_token: page.page_token,
                kind: kind
                    .map_or(ReportKind::Unspecified, ReportKind::from)
                    .into(),
            });
            let reply = connection
                .reporting()
                .list_reports(request)
                .await?
                .into_inner();
            output::reply(global.output, &reply, |out| list(&reply.reports).print(out))?;
            tell_next_page(&reply.next_page_token);
            Ok(())
        }
        ReportsCommand::Get { id, format, file } => {
            let request = connection.request(GetReportRequest {
                id,
                format: ReportFormat::from(format).into(),
                ..GetReportRequest::default()
            });
            let reply = connection
                .reporting()
                .get_report(request)
                .await?
                .into_inner();
            files::write(&file, &reply.file)?;
            eprintln!("the report was written to {}", file.display());
            Ok(())
        }
        ReportsCommand::Share(args) => links::share(&connection, global, args).await,
        ReportsCommand::Open(args) => links::open(&connection, global, args).await,
        ReportsCommand::Links(command) => links::run(&connection, global, command).await,
        ReportsCommand::Schedule(command) => schedules::run(&connection, global, command).await,
        ReportsCommand::Rebuild => {
            let request = connection.request(RebuildReadModelsRequest {});
            let reply = connection
                .reporting()
                .rebuild_read_models(request)
                .await?
                .into_inner();
            output::reply(global.output, &reply, |out| rebuilt(out, &reply))
        }
        ReportsCommand::Show { id, html } => {
            let reply = get(&connection, &id, html.is_some()).await?;
            let report = present(reply.report.as_ref(), "report")?;
            if let Some(path) = &html {
                save_page(&reply, path)?;
            }
            output::reply(global.output, &reply, |out| show(out, report))
        }
    }
}

/// What a report is where nobody says: of what is named.
fn kind_of_subject(model: &str, dataset: &str) -> Result<ReportKind> {
    match (model, dataset) {
        ("", "") => Err(Error::Failed(
            "say what the report is about: --model ID, --dataset ID, or --kind track".to_owned(),
        )),
        (_, "") => Ok(ReportKind::Model),
        _ => Ok(ReportKind::WinLoss),
    }
}

fn rebuilt(out: &mut dyn std::io::Write, reply: &RebuildReadModelsResponse) -> std::io::Result<()> {
    let (before, after) = (
        reply.before.unwrap_or_default(),
        reply.after.unwrap_or_default(),
    );
    let both = |before: u64, after: u64| format!("{before} before, {after} now");
    print_facts(
        out,
        &[
            ("events read", reply.events.to_string()),
            ("datasets", both(before.datasets, after.datasets)),
            ("models", both(before.models, after.models)),
            ("predictions", both(before.predictions, after.predictions)),
            ("outcomes", both(before.outcomes, after.outcomes)),
            ("drift findings", both(before.findings, after.findings)),
        ],
    )
}

fn list(reports: &[Report]) -> Table {
    let mut table = Table::new()
        .left("id")
        .left("generated")
        .left("version")
        .flexible("title");
    for report in reports {
        table.row([
            report.id.as_str(),
            &moment(report.created_at.as_ref()),
            &report.version.to_string(),
            &report.title,
        ]);
    }
    table
}

fn show(out: &mut dyn std::io::Write, report: &Report) -> std::io::Result<()> {
    let about = match report.kind() {
        ReportKind::WinLoss | ReportKind::Pipeline | ReportKind::Price => {
            ("dataset", report.dataset_id.clone())
        }
        ReportKind::Track if report.model_id.is_empty() => ("model", "all".to_owned()),
        ReportKind::Model | ReportKind::Track | ReportKind::Unspecified => {
            ("model", report.model_id.clone())
        }
    };
    print_facts(
        out,
        &[
            ("report", report.id.clone()),
            ("title", report.title.clone()),
            about,
            ("version", report.version.to_string()),
            ("generated", moment(report.created_at.as_ref())),
        ],
    )?;
    if !report.insights.is_empty() {
        writeln!(out)?;
    }
    for insight in &report.insights {
        for (index, line) in wrap(&clean(insight), PAGE_WIDTH - 2).iter().enumerate() {
            writeln!(out, "{}{line}", if index == 0 { "- " } else { "  " })?;
        }
    }
    Ok(())
}
