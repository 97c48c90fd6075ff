//! The calls that reporting answers: wire types in, commands, wire types out. Deliberately no rules.

mod links;
mod schedules;

use platform::{
    page::{Page, parse_id},
    wire::timestamp,
};
use proto::{
    reporting::{self as pb, reporting_nats::ReportingService},
    rpc::Context,
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    commands::{About, Commands, media_type},
    store::{self, HeldRow, ReportRow, Wanted},
};

/// Answers the service's calls.
#[derive(Debug)]
pub struct Rpc {
    commands: Commands,
}

impl Rpc {
    pub fn new(commands: Commands) -> Self {
        Self { commands }
    }
}

#[async_trait::async_trait]
impl ReportingService for Rpc {
    async fn generate_report(
        &self,
        context: Context,
        request: pb::GenerateReportRequest,
    ) -> Result<pb::GenerateReportResponse, Status> {
        let about = about(request.kind(), &request.model_id, &request.dataset_id)?;
        let report = self.commands.generate(&context, about).await?;
        Ok(pb::GenerateReportResponse {
            id: report.id.to_string(),
            report: Some(report_message(report, true)),
        })
    }

    async fn get_report(
        &self,
        context: Context,
        request: pb::GetReportRequest,
    ) -> Result<pb::GetReportResponse, Status> {
        let id = parse_id("id", &request.id)?;
        let format = request.format();
        let read = self
            .commands
            .get_report(&context, id, request.include_html, format)
            .await?;
        Ok(pb::GetReportResponse {
            media_type: media_type(format).to_owned(),
            // Its figures travel once.
            report: Some(report_message(read.report, read.file.is_empty())),
            html: read.html,
            file: read.file,
        })
    }

    async fn list_reports(
        &self,
        context: Context,
        request: pb::ListReportsRequest,
    ) -> Result<pb::ListReportsResponse, Status> {
        let wanted = Wanted {
            model_id: named("model_id", &request.model_id)?,
            dataset_id: named("dataset_id", &request.dataset_id)?,
            kind: match request.kind() {
                pb::ReportKind::Unspecified => None,
                kind => Some(kind_word(kind)),
            },
        };
        let page = Page::parse(request.page_size, &request.page_token)?;
        let reports = self.commands.list_reports(&context, &wanted, page).await?;
        let ids: Vec<_> = reports.iter().map(|report| report.id).collect();
        Ok(pb::ListReportsResponse {
            reports: reports
                .into_iter()
                .map(|report| report_message(report, false))
                .collect(),
            next_page_token: page.next_token(&ids),
        })
    }

    async fn share_report(
        &self,
        context: Context,
        request: pb::ShareReportRequest,
    ) -> Result<pb::ShareReportResponse, Status> {
        links::share(&self.commands, &context, request).await
    }

    async fn open_report_link(
        &self,
        context: Context,
        request: pb::OpenReportLinkRequest,
    ) -> Result<pb::OpenReportLinkResponse, Status> {
        links::open(&self.commands, &context, request).await
    }

    async fn list_report_links(
        &self,
        context: Context,
        request: pb::ListReportLinksRequest,
    ) -> Result<pb::ListReportLinksResponse, Status> {
        links::list(&self.commands, &context, request).await
    }

    async fn revoke_report_link(
        &self,
        context: Context,
        request: pb::RevokeReportLinkRequest,
    ) -> Result<pb::RevokeReportLinkResponse, Status> {
        links::revoke(&self.commands, &context, request).await
    }

    async fn create_report_schedule(
        &self,
        context: Context,
        request: pb::CreateReportScheduleRequest,
    ) -> Result<pb::CreateReportScheduleResponse, Status> {
        schedules::create(&self.commands, &context, request).await
    }

    async fn list_report_schedules(
        &self,
        context: Context,
        request: pb::ListReportSchedulesRequest,
    ) -> Result<pb::ListReportSchedulesResponse, Status> {
        schedules::list(&self.commands, &context, request).await
    }

    async fn pause_report_schedule(
        &self,
        context: Context,
        request: pb::PauseReportScheduleRequest,
    ) -> Result<pb::PauseReportScheduleResponse, Status> {
        schedules::pause(&self.commands, &context, request).await
    }

    async fn resume_report_schedule(
        &self,
        context: Context,
        request: pb::ResumeReportScheduleRequest,
    ) -> Result<pb::ResumeReportScheduleResponse, Status> {
        schedules::resume(&self.commands, &context, request).await
    }

    async fn leave_report_schedule(
        &self,
        context: Context,
        request: pb::LeaveReportScheduleRequest,
    ) -> Result<pb::LeaveReportScheduleResponse, Status> {
        schedules::leave(&self.commands, &context, request).await
    }

    async fn delete_report_schedule(
        &self,
        context: Context,
        request: pb::DeleteReportScheduleRequest,
    ) -> Result<pb::DeleteReportScheduleResponse, Status> {
        schedules::delete(&self.commands, &context, request).await
    }

    async fn rebuild_read_models(
        &self,
        context: Context,
        _request: pb::RebuildReadModelsRequest,
    ) -> Result<pb::RebuildReadModelsResponse, Status> {
        let rebuilt = self.commands.rebuild(&context).await?;
        Ok(pb::RebuildReadModelsResponse {
            events: rebuilt.events,
            before: Some(known(rebuilt.before)),
            after: Some(known(rebuilt.after)),
        })
    }
}

fn known(held: HeldRow) -> pb::KnownFacts {
    let count = |count: i64| u64::try_from(count).unwrap_or(0);
    pb::KnownFacts {
        datasets: count(held.datasets),
        models: count(held.models),
        predictions: count(held.predictions),
        outcomes: count(held.outcomes),
        findings: count(held.findings),
    }
}

fn named(what: &'static str, id: &str) -> Result<Option<Uuid>, platform::Error> {
    match id {
        "" => Ok(None),
        id => parse_id(what, id).map(Some),
    }
}

/// What a report of a kind is about.
fn about(kind: pb::ReportKind, model: &str, dataset: &str) -> Result<About, platform::Error> {
    let model_id = named("model_id", model);
    let dataset_id = || parse_id("dataset_id", dataset);
    Ok(match kind {
        pb::ReportKind::Unspecified | pb::ReportKind::Model => {
            About::Model(parse_id("model_id", model)?)
        }
        pb::ReportKind::WinLoss => About::WinLoss(dataset_id()?),
        pb::ReportKind::Pipeline => About::Pipeline(dataset_id()?, model_id?),
        pb::ReportKind::Price => About::Price(dataset_id()?, model_id?),
        pb::ReportKind::Track => About::Track(model_id?),
    })
}

fn kind_word(kind: pb::ReportKind) -> &'static str {
    match kind {
        pb::ReportKind::Unspecified | pb::ReportKind::Model => store::MODEL,
        pb::ReportKind::WinLoss => store::WIN_LOSS,
        pb::ReportKind::Pipeline => store::PIPELINE,
        pb::ReportKind::Price => store::PRICE,
        pb::ReportKind::Track => store::TRACK,
    }
}

fn kind_of(word: &str) -> pb::ReportKind {
    match word {
        store::WIN_LOSS => pb::ReportKind::WinLoss,
        store::PIPELINE => pb::ReportKind::Pipeline,
        store::PRICE => pb::ReportKind::Price,
        store::TRACK => pb::ReportKind::Track,
        _ => pb::ReportKind::Model,
    }
}

fn report_message(report: ReportRow, with_content: bool) -> pb::Report {
    let id = |id: Option<Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    pb::Report {
        id: report.id.to_string(),
        kind: kind_of(&report.kind).into(),
        version: u32::try_from(report.version).unwrap_or(u32::MAX),
        dataset_id: id(report.dataset_id),
        model_id: id(report.model_id),
        title: report.title,
        insights: if with_content {
            report.insights.0
        } else {
            Vec::new()
        },
        content_json: if with_content {
            report.content.to_string()
        } else {
            String::new()
        },
        created_at: Some(timestamp(report.created_at)),
        created_by: report.created_by.to_string(),
    }
}
