//! Credentials for NATS.

use platform::{
    page::parse_id,
    wire::{datetime, timestamp},
};
use proto::{
    auth::{self as pb, issue_stream_credential_request as issue},
    rpc::Context,
};
use tonic::Status;

use crate::{
    Error,
    commands::{Beginning, Commands},
    domain::streams,
    store,
};

pub async fn issue_stream_credential(
    commands: &Commands,
    context: &Context,
    request: pb::IssueStreamCredentialRequest,
) -> Result<pb::IssueStreamCredentialResponse, Status> {
    let beginning = match &request.start {
        Some(issue::Start::FromTime(time)) => {
            let at = datetime(time).ok_or(Error::StreamStart)?;
            Beginning::At(at)
        }
        Some(issue::Start::FromBeginning(true)) => Beginning::Oldest,
        Some(issue::Start::FromBeginning(false)) | None => Beginning::Now,
    };
    let events = streams::wanted(request.events());
    let named = (request.name.as_str(), request.days);
    let issued = commands
        .issue_stream_credential(context, context.caller()?, named, events, beginning)
        .await?;
    Ok(pb::IssueStreamCredentialResponse {
        id: issued.row.id.to_string(),
        url: issued.url,
        domain: issued.domain,
        stream: issued.stream,
        consumer: issued.row.login.clone(),
        inbox_prefix: issued.inbox_prefix,
        credential: Some(message(issued.row)),
    })
}

pub async fn list_stream_credentials(
    commands: &Commands,
    context: &Context,
    _: pb::ListStreamCredentialsRequest,
) -> Result<pb::ListStreamCredentialsResponse, Status> {
    let rows = commands.list_stream_credentials(context.caller()?).await?;
    Ok(pb::ListStreamCredentialsResponse {
        credentials: rows.into_iter().map(message).collect(),
    })
}

pub async fn revoke_stream_credential(
    commands: &Commands,
    context: &Context,
    request: pb::RevokeStreamCredentialRequest,
) -> Result<pb::RevokeStreamCredentialResponse, Status> {
    let id = parse_id("id", &request.id)?;
    commands
        .revoke_stream_credential(context, context.caller()?, id)
        .await?;
    Ok(pb::RevokeStreamCredentialResponse {})
}

fn message(row: store::StreamRow) -> pb::StreamCredential {
    pb::StreamCredential {
        id: row.id.to_string(),
        name: row.name,
        login: row.login,
        events: row.events,
        starts_at: row.starts_at.map(timestamp),
        created_at: Some(timestamp(row.created_at)),
        expires_at: Some(timestamp(row.expires_at)),
        last_used_at: row.last_used_at.map(timestamp),
    }
}
