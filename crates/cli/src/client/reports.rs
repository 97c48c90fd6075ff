//! `valutai reports`: generate, list, show, save the page. Deliberately no figures of our own.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Subcommand};
use proto::reporting::{
    GenerateReportRequest, GenerateReportResponse, GetReportRequest, GetReportResponse,
    ListReportsRequest, Report, ReportKind,
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
    /// Generate a report about a model, or a win/loss analysis of a dataset
    #[command(group(ArgGroup::new("about").required(true).args(["model", "dataset"])))]
    Generate {
        /// Id of the model
        #[arg(long, value_name = "ID")]
        model: Option<String>,
        /// Id of the dataset whose wins and losses are analysed
        #[arg(long, value_name = "ID")]
        dataset: Option<String>,
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
        /// Which page.
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a report
    Show {
        /// Id of the report
        id: String,
        /// Save the report as one self-contained HTML page
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
    },
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
            model,
            dataset,
            html,
        } => {
            let reply = match dataset {
                Some(dataset) => analyse(&connection, &dataset).await?,
                None => generate(&connection, &model.unwrap_or_default()).await?,
            };
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
            page,
        } => {
            let request = connection.request(ListReportsRequest {
                model_id: model,
                dataset_id: dataset,
                page_size: page.page_size,
                page_token: page.page_token,
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

fn list(reports: &[Report]) -> Table {
    let mut table = Table::new().left("id").left("generated").flexible("title");
    for report in reports {
        table.row([
            report.id.as_str(),
            &moment(report.created_at.as_ref()),
            &report.title,
        ]);
    }
    table
}

fn show(out: &mut dyn std::io::Write, report: &Report) -> std::io::Result<()> {
    let about = match report.kind() {
        ReportKind::WinLoss => ("dataset", report.dataset_id.clone()),
        ReportKind::Model | ReportKind::Unspecified => ("model", report.model_id.clone()),
    };
    print_facts(
        out,
        &[
            ("report", report.id.clone()),
            ("title", report.title.clone()),
            about,
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
