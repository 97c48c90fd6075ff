//! Reports that are mailed to members, as reporting asks for them. Deliberately no address in any answer.

use platform::{page::parse_id, wire::datetime};
use proto::{
    auth::{self as pb, RecipientState},
    rpc::Context,
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    Error,
    commands::{Commands, Posting},
    domain::letter::AttachedFile,
};

pub async fn find_recipients(
    commands: &Commands,
    _: &Context,
    request: pb::FindRecipientsRequest,
) -> Result<pb::FindRecipientsResponse, Status> {
    let tenant = parse_id("organization_id", &request.organization_id)?;
    let users = ids(&request.user_ids)?;
    let found = commands.find_recipients(tenant, &users).await?;
    Ok(pb::FindRecipientsResponse {
        recipients: messages(found),
    })
}

pub async fn post_report(
    commands: &Commands,
    _: &Context,
    request: pb::PostReportRequest,
) -> Result<pb::PostReportResponse, Status> {
    let expires_at = request.expires_at.as_ref().and_then(datetime);
    let files = request.attachments.into_iter().map(|file| {
        let blob = file.blob.unwrap_or_default();
        AttachedFile::new(&file.ending, blob)
    });
    let posting = Posting {
        tenant_id: parse_id("organization_id", &request.organization_id)?,
        report_id: parse_id("report_id", &request.report_id)?,
        users: ids(&request.user_ids)?,
        title: request.title,
        version: request.version,
        sentences: request.sentences,
        token: request.token,
        expires_at: expires_at.ok_or(platform::Error::Malformed {
            what: "expires_at",
            value: String::new(),
            remedy: "send when the link expires",
        })?,
        files: files.collect::<Result<_, Error>>()?,
        files_left_out: request.files_left_out,
        schedule_id: request.schedule_id,
    };
    let found = commands.post_report(posting).await?;
    Ok(pb::PostReportResponse {
        recipients: messages(found),
    })
}

fn ids(texts: &[String]) -> Result<Vec<Uuid>, platform::Error> {
    texts.iter().map(|id| parse_id("user_ids", id)).collect()
}

fn messages(found: Vec<(Uuid, RecipientState)>) -> Vec<pb::Recipient> {
    let message = |(user, state): (Uuid, RecipientState)| pb::Recipient {
        user_id: user.to_string(),
        state: state.into(),
    };
    found.into_iter().map(message).collect()
}
