//! Links to reports on the wire. Deliberately no tokens but where one is made.

use platform::{
    page::{Page, parse_id},
    wire::timestamp,
};
use proto::{reporting as pb, rpc::Context};
use tonic::Status;

use super::{named, report_message};
use crate::{
    commands::{Commands, media_type},
    store::LinkRow,
};

pub async fn share(
    commands: &Commands,
    context: &Context,
    request: pb::ShareReportRequest,
) -> Result<pb::ShareReportResponse, Status> {
    let report_id = parse_id("report_id", &request.report_id)?;
    let (link, token) = commands.share(context, report_id, request.hours).await?;
    Ok(pb::ShareReportResponse {
        id: link.id.to_string(),
        token,
        link: Some(message(link)),
    })
}

pub async fn open(
    commands: &Commands,
    context: &Context,
    request: pb::OpenReportLinkRequest,
) -> Result<pb::OpenReportLinkResponse, Status> {
    let format = request.format();
    let (link, read) = commands
        .open_link(context, &request.token, request.include_html, format)
        .await?;
    Ok(pb::OpenReportLinkResponse {
        media_type: media_type(format).to_owned(),
        // Its figures travel once.
        report: Some(report_message(read.report, read.file.is_empty())),
        html: read.html,
        file: read.file,
        expires_at: Some(timestamp(link.expires_at)),
    })
}

pub async fn list(
    commands: &Commands,
    context: &Context,
    request: pb::ListReportLinksRequest,
) -> Result<pb::ListReportLinksResponse, Status> {
    let report_id = named("report_id", &request.report_id)?;
    let page = Page::parse(request.page_size, &request.page_token)?;
    let links = commands.list_links(context, report_id, page).await?;
    let ids: Vec<_> = links.iter().map(|link| link.id).collect();
    Ok(pb::ListReportLinksResponse {
        links: links.into_iter().map(message).collect(),
        next_page_token: page.next_token(&ids),
    })
}

pub async fn revoke(
    commands: &Commands,
    context: &Context,
    request: pb::RevokeReportLinkRequest,
) -> Result<pb::RevokeReportLinkResponse, Status> {
    let id = parse_id("id", &request.id)?;
    commands.revoke_link(context, id).await?;
    Ok(pb::RevokeReportLinkResponse {})
}

fn message(link: LinkRow) -> pb::ReportLink {
    pb::ReportLink {
        id: link.id.to_string(),
        report_id: link.report_id.to_string(),
        created_at: Some(timestamp(link.created_at)),
        created_by: link.created_by.to_string(),
        expires_at: Some(timestamp(link.expires_at)),
        revoked_at: link.revoked_at.map(timestamp),
        openings: u64::try_from(link.openings).unwrap_or(0),
        last_opened_at: link.last_opened_at.map(timestamp),
    }
}
