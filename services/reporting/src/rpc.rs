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

use crate::{commands::Commands, store::ReportRow};

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
        let model_id = parse_id("model_id", &request.model_id)?;
        let report = self.commands.generate_report(&context, model_id).await?;
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
        let model_id = match request.model_id.as_str() {
            "" => None,
            id => Some(parse_id("model_id", id)?),
        };
        let page = Page::parse(request.page_size, &request.page_token)?;
        let reports = self.commands.list_reports(&context, model_id, page).await?;
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
    pb::Report {
        id: report.id.to_string(),
        model_id: report.model_id.to_string(),
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
