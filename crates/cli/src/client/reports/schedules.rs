//! `valutai reports schedule`: reports at the times of a cron expression, mailed to members. Deliberately no reading of the
//! expression: the server does.

use clap::{Args, Subcommand, ValueEnum};
use proto::{
    auth::WhoAmIRequest,
    reporting::{
        CreateReportScheduleRequest, DeleteReportScheduleRequest, LeaveReportScheduleRequest,
        ListReportSchedulesRequest, PauseReportScheduleRequest, ReportFormat, ReportKind,
        ReportSchedule, ReportScheduleState, ResumeReportScheduleRequest,
    },
};

use super::{Kind, kind_of_subject, links::hours};
use crate::{
    args::Global,
    client::{Connection, present},
    error::Result,
    output,
    table::{Table, print_facts},
    text::{enum_word, moment},
};

/// Who is meant where somebody names no id.
const ME: &str = "me";

/// Commands of `valutai reports schedule`.
#[derive(Debug, Subcommand)]
pub enum ScheduleCommand {
    /// Have a report generated at the times of a cron expression, and mailed to members
    Create(CreateArgs),
    /// List schedules, with what became of their newest reports
    List,
    /// Have a schedule rest
    Pause {
        /// Id of the schedule
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Have a schedule go on with its next time
    Resume {
        /// Id of the schedule
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Get no more mail of a schedule; whoever gets it may
    Leave {
        /// Id of the schedule, as the letter says it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Delete a schedule; its reports stay
    Delete {
        /// Id of the schedule
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Options of `valutai reports schedule create`.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// Minute, hour, day of the month, month and day of the week, such as "0 7 * * 1" for Mondays at seven
    #[arg(long)]
    pub cron: String,
    /// Time zone of these, by its IANA name, such as Europe/Berlin [default: UTC]
    #[arg(
        long,
        value_name = "NAME",
        default_value = "",
        hide_default_value = true
    )]
    pub zone: String,
    /// Which kind of report
    #[arg(long, value_enum)]
    pub kind: Option<Kind>,
    /// Id of the model; of forecasts and price reports the one that answers
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub model: String,
    /// Id of the dataset
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub dataset: String,
    /// Id of a member who gets it by mail, or "me"; repeatable
    #[arg(long = "to", value_name = "ID")]
    pub recipients: Vec<String>,
    /// A file to attach to the mail; repeatable
    #[arg(long = "attach", value_enum)]
    pub files: Vec<Attached>,
    /// How long the link of the mail holds: hours or days, such as 12h or 7d, up to 90d
    #[arg(long = "link-for", value_name = "TIME", default_value = "7d", value_parser = hours)]
    pub link_hours: u32,
}

/// Formats of files that are attached.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Attached {
    /// The tables, one below the other
    Csv,
    /// The tables as a workbook
    Xlsx,
    /// Sentences, charts and tables
    Pdf,
}

impl From<Attached> for ReportFormat {
    fn from(file: Attached) -> Self {
        match file {
            Attached::Csv => Self::Csv,
            Attached::Xlsx => Self::Xlsx,
            Attached::Pdf => Self::Pdf,
        }
    }
}

/// Runs a command of `valutai reports schedule`.
pub(super) async fn run(
    connection: &Connection,
    global: &Global,
    command: ScheduleCommand,
) -> Result<()> {
    let mut reporting = connection.reporting();
    let changed = match command {
        ScheduleCommand::Create(args) => {
            let request = connection.request(wish(connection, args).await?);
            let reply = reporting.create_report_schedule(request).await?;
            reply.into_inner().schedule
        }
        ScheduleCommand::List => {
            let request = connection.request(ListReportSchedulesRequest {});
            let reply = reporting.list_report_schedules(request).await?;
            let reply = reply.into_inner();
            return output::reply(global.output, &reply, |out| {
                list(&reply.schedules).print(out)
            });
        }
        ScheduleCommand::Pause { id } => {
            let request = connection.request(PauseReportScheduleRequest { id });
            let reply = reporting.pause_report_schedule(request).await?;
            reply.into_inner().schedule
        }
        ScheduleCommand::Resume { id } => {
            let request = connection.request(ResumeReportScheduleRequest { id });
            let reply = reporting.resume_report_schedule(request).await?;
            reply.into_inner().schedule
        }
        ScheduleCommand::Leave { id } => {
            let request = connection.request(LeaveReportScheduleRequest { id });
            let reply = reporting.leave_report_schedule(request).await?;
            return output::reply(global.output, &reply.into_inner(), |out| {
                writeln!(out, "left; you get no more mail of it")
            });
        }
        ScheduleCommand::Delete { id } => {
            let request = connection.request(DeleteReportScheduleRequest { id });
            let reply = reporting.delete_report_schedule(request).await?;
            return output::reply(global.output, &reply.into_inner(), |out| {
                writeln!(out, "deleted; its reports stay")
            });
        }
    };
    let schedule = present(changed, "schedule")?;
    output::reply(global.output, &schedule, |out| {
        print_facts(out, &facts(&schedule))
    })
}

async fn wish(connection: &Connection, args: CreateArgs) -> Result<CreateReportScheduleRequest> {
    let kind = args.kind.map_or_else(
        || kind_of_subject(&args.model, &args.dataset),
        |kind| Ok(ReportKind::from(kind)),
    )?;
    let mut recipient_ids = Vec::new();
    for recipient in args.recipients {
        recipient_ids.push(match recipient.as_str() {
            ME => {
                let request = connection.request(WhoAmIRequest {});
                let reply = connection.auth().who_am_i(request).await?.into_inner();
                present(reply.identity, "identity")?.user_id
            }
            _ => recipient,
        });
    }
    Ok(CreateReportScheduleRequest {
        kind: kind.into(),
        model_id: args.model,
        dataset_id: args.dataset,
        cron: args.cron,
        time_zone: args.zone,
        recipient_ids,
        formats: args
            .files
            .into_iter()
            .map(|file| ReportFormat::from(file).into())
            .collect(),
        link_hours: args.link_hours,
    })
}

fn kind(schedule: &ReportSchedule) -> String {
    enum_word(schedule.kind().as_str_name(), "REPORT_KIND_")
}

/// When it runs next, or that it rests.
fn next(schedule: &ReportSchedule) -> String {
    match schedule.state() {
        ReportScheduleState::Paused => "paused".to_owned(),
        _ => moment(schedule.next_at.as_ref()),
    }
}

fn facts(schedule: &ReportSchedule) -> Vec<(&'static str, String)> {
    vec![
        ("schedule", schedule.id.clone()),
        ("kind", kind(schedule)),
        (
            "times",
            format!("{} ({})", schedule.cron, schedule.time_zone),
        ),
        ("next", next(schedule)),
        ("recipients", schedule.recipient_ids.len().to_string()),
    ]
}

fn list(schedules: &[ReportSchedule]) -> Table {
    let mut table = Table::new()
        .left("id")
        .left("next")
        .flexible("what, and what became of the newest report");
    for schedule in schedules {
        let mut said = format!(
            "{}, {} ({}).",
            kind(schedule),
            schedule.cron,
            schedule.time_zone
        );
        for more in [&schedule.problem, &schedule.mail_note] {
            if !more.is_empty() {
                said.push(' ');
                said.push_str(more);
            }
        }
        table.row([schedule.id.as_str(), &next(schedule), &said]);
    }
    table
}
