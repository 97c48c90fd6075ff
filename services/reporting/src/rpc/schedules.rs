//! Schedules of reports on the wire. Deliberately no addresses: recipients are ids of users.

use platform::{page::parse_id, wire::timestamp};
use proto::{
    reporting::{self as pb, ReportFormat, ReportScheduleState},
    rpc::Context,
};
use tonic::Status;
use uuid::Uuid;

use super::{about, kind_of};
use crate::{
    commands::{Commands, Wish, format_of},
    store::ScheduleRow,
};

pub async fn create(
    commands: &Commands,
    context: &Context,
    request: pb::CreateReportScheduleRequest,
) -> Result<pb::CreateReportScheduleResponse, Status> {
    let wish = Wish {
        about: about(request.kind(), &request.model_id, &request.dataset_id)?,
        formats: request.formats().collect(),
        recipients: request
            .recipient_ids
            .iter()
            .map(|id| parse_id("recipient_ids", id))
            .collect::<platform::Result<_>>()?,
        cron: request.cron,
        time_zone: request.time_zone,
        link_hours: request.link_hours,
    };
    let row = commands.create_schedule(context, wish).await?;
    Ok(pb::CreateReportScheduleResponse {
        id: row.id.to_string(),
        schedule: Some(message(row)),
    })
}

pub async fn list(
    commands: &Commands,
    context: &Context,
    _: pb::ListReportSchedulesRequest,
) -> Result<pb::ListReportSchedulesResponse, Status> {
    let rows = commands.list_schedules(context).await?;
    Ok(pb::ListReportSchedulesResponse {
        schedules: rows.into_iter().map(message).collect(),
    })
}

pub async fn pause(
    commands: &Commands,
    context: &Context,
    request: pb::PauseReportScheduleRequest,
) -> Result<pb::PauseReportScheduleResponse, Status> {
    let id = parse_id("id", &request.id)?;
    let row = commands.pause_schedule(context, id).await?;
    Ok(pb::PauseReportScheduleResponse {
        schedule: Some(message(row)),
    })
}

pub async fn resume(
    commands: &Commands,
    context: &Context,
    request: pb::ResumeReportScheduleRequest,
) -> Result<pb::ResumeReportScheduleResponse, Status> {
    let id = parse_id("id", &request.id)?;
    let row = commands.resume_schedule(context, id).await?;
    Ok(pb::ResumeReportScheduleResponse {
        schedule: Some(message(row)),
    })
}

pub async fn leave(
    commands: &Commands,
    context: &Context,
    request: pb::LeaveReportScheduleRequest,
) -> Result<pb::LeaveReportScheduleResponse, Status> {
    let id = parse_id("id", &request.id)?;
    commands.leave_schedule(context, id).await?;
    Ok(pb::LeaveReportScheduleResponse {})
}

pub async fn delete(
    commands: &Commands,
    context: &Context,
    request: pb::DeleteReportScheduleRequest,
) -> Result<pb::DeleteReportScheduleResponse, Status> {
    let id = parse_id("id", &request.id)?;
    commands.delete_schedule(context, id).await?;
    Ok(pb::DeleteReportScheduleResponse {})
}

fn message(row: ScheduleRow) -> pb::ReportSchedule {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let state = match row.next_at {
        Some(_) => ReportScheduleState::Active,
        None => ReportScheduleState::Paused,
    };
    let formats: Vec<ReportFormat> = row.formats.iter().map(|word| format_of(word)).collect();
    pb::ReportSchedule {
        id: row.id.to_string(),
        kind: kind_of(&row.kind).into(),
        model_id: id(row.model_id),
        dataset_id: id(row.dataset_id),
        formats: formats.into_iter().map(i32::from).collect(),
        recipient_ids: row.recipients.iter().map(Uuid::to_string).collect(),
        cron: row.cron,
        time_zone: row.time_zone,
        link_hours: u32::try_from(row.link_hours).unwrap_or(0),
        state: state.into(),
        next_at: row.next_at.map(timestamp),
        last_run_at: row.last_run_at.map(timestamp),
        last_report_id: id(row.last_report_id),
        problem: row.problem,
        mail_note: row.mail_note,
        created_at: Some(timestamp(row.created_at)),
        created_by: row.created_by.to_string(),
    }
}
