//! The calls that reporting answers: wire types in, commands, wire types out. Deliberately no rules.

use platform::{
    page::{Page, parse_id},
    wire::timestamp,
};
use proto::{
    reporting::{self as pb, reporting_nats::ReportingService},
    rpc::Context,
};
use tonic::Status;

use crate::{
    commands::Commands,
    store::{ReportRow, WIN_LOSS},
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
        let report = match request.kind() {
            pb::ReportKind::WinLoss => {
                let dataset_id = parse_id("dataset_id", &request.dataset_id)?;
                self.commands.analyse_dataset(&context, dataset_id).await?
            }
            pb::ReportKind::Unspecified | pb::ReportKind::Model => {
                let model_id = parse_id("model_id", &request.model_id)?;
                self.commands.generate_report(&context, model_id).await?
            }
        };
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
        let (report, html) = self
            .commands
            .get_report(&context, id, request.include_html)
            .await?;
        Ok(pb::GetReportResponse {
            report: Some(report_message(report, true)),
            html,
        })
    }

    async fn list_reports(
        &self,
        context: Context,
        request: pb::ListReportsRequest,
    ) -> Result<pb::ListReportsResponse, Status> {
        let named = |what, id: &str| match id {
            "" => Ok(None),
            id => parse_id(what, id).map(Some),
        };
        let model_id = named("model_id", &request.model_id)?;
        let dataset_id = named("dataset_id", &request.dataset_id)?;
        let page = Page::parse(request.page_size, &request.page_token)?;
        let reports = self
            .commands
            .list_reports(&context, model_id, dataset_id, page)
            .await?;
        let ids: Vec<_> = reports.iter().map(|report| report.id).collect();
        Ok(pb::ListReportsResponse {
            reports: reports
                .into_iter()
                .map(|report| report_message(report, false))
                .collect(),
            next_page_token: page.next_token(&ids),
        })
    }
}

fn report_message(report: ReportRow, with_content: bool) -> pb::Report {
    let id = |id: Option<uuid::Uuid>| id.map(|id| id.to_string()).unwrap_or_default();
    let kind = match report.kind.as_str() {
        WIN_LOSS => pb::ReportKind::WinLoss,
        _ => pb::ReportKind::Model,
    };
    pb::Report {
        id: report.id.to_string(),
        kind: kind.into(),
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
