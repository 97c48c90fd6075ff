//! Sessions, API keys and service accounts.

use platform::{page::parse_id, wire::timestamp};
use proto::{auth as pb, rpc::Context};
use tonic::Status;

use crate::{commands::Commands, domain, store};

pub async fn list_sessions(
    commands: &Commands,
    context: &Context,
    _: pb::ListSessionsRequest,
) -> Result<pb::ListSessionsResponse, Status> {
    let caller = context.caller()?;
    let sessions = commands.list_sessions(caller).await?;
    let sessions = sessions.into_iter().map(|session| pb::Session {
        id: session.id.to_string(),
        created_at: Some(timestamp(session.created_at)),
        expires_at: Some(timestamp(session.expires_at)),
        current: session.id == caller.session_id,
        last_used_at: Some(timestamp(session.last_used_at)),
        user_agent: session.user_agent,
        address: session.address,
    });
    Ok(pb::ListSessionsResponse {
        sessions: sessions.collect(),
    })
}

pub async fn revoke_session(
    commands: &Commands,
    context: &Context,
    request: pb::RevokeSessionRequest,
) -> Result<pb::RevokeSessionResponse, Status> {
    let id = parse_id("id", &request.id)?;
    commands
        .revoke_session(context, context.caller()?, id)
        .await?;
    Ok(pb::RevokeSessionResponse {})
}

pub async fn revoke_all_sessions(
    commands: &Commands,
    context: &Context,
    request: pb::RevokeAllSessionsRequest,
) -> Result<pb::RevokeAllSessionsResponse, Status> {
    let caller = context.caller()?;
    let count = commands
        .revoke_all_sessions(context, caller, request.including_current)
        .await?;
    Ok(pb::RevokeAllSessionsResponse {
        count: u32::try_from(count).unwrap_or(u32::MAX),
    })
}

pub async fn authenticate(
    commands: &Commands,
    _: &Context,
    request: pb::AuthenticateRequest,
) -> Result<pb::AuthenticateResponse, Status> {
    let (caller, expires_at) = commands.authenticate(&request.token).await?;
    Ok(pb::AuthenticateResponse {
        user_id: caller.user_id.to_string(),
        organization_id: caller.tenant_id.to_string(),
        role: caller.role.into(),
        session_id: caller.session_id.to_string(),
        expires_at: Some(timestamp(expires_at)),
    })
}

pub async fn create_api_key(
    commands: &Commands,
    context: &Context,
    request: pb::CreateApiKeyRequest,
) -> Result<pb::CreateApiKeyResponse, Status> {
    let (caller, role) = (context.caller()?, request.role());
    let key = commands
        .create_key(context, caller, &request.name, role, request.days)
        .await?;
    Ok(pb::CreateApiKeyResponse {
        id: key.row.id.to_string(),
        token: key.token,
        api_key: Some(key_message(key.row)),
    })
}

pub async fn list_api_keys(
    commands: &Commands,
    context: &Context,
    _: pb::ListApiKeysRequest,
) -> Result<pb::ListApiKeysResponse, Status> {
    let keys = commands.list_keys(context.caller()?, true).await?;
    Ok(pb::ListApiKeysResponse {
        api_keys: keys.into_iter().map(key_message).collect(),
    })
}

pub async fn revoke_api_key(
    commands: &Commands,
    context: &Context,
    request: pb::RevokeApiKeyRequest,
) -> Result<pb::RevokeApiKeyResponse, Status> {
    let id = parse_id("id", &request.id)?;
    commands
        .revoke_key(context, context.caller()?, id, true)
        .await?;
    Ok(pb::RevokeApiKeyResponse {})
}

pub async fn create_service_account(
    commands: &Commands,
    context: &Context,
    request: pb::CreateServiceAccountRequest,
) -> Result<pb::CreateServiceAccountResponse, Status> {
    let (caller, role) = (context.caller()?, request.role());
    let key = commands
        .create_service_account(context, caller, &request.name, role, request.days)
        .await?;
    Ok(pb::CreateServiceAccountResponse {
        id: key.row.id.to_string(),
        token: key.token,
        service_account: Some(key_message(key.row)),
    })
}

pub async fn list_service_accounts(
    commands: &Commands,
    context: &Context,
    _: pb::ListServiceAccountsRequest,
) -> Result<pb::ListServiceAccountsResponse, Status> {
    let keys = commands.list_keys(context.caller()?, false).await?;
    Ok(pb::ListServiceAccountsResponse {
        service_accounts: keys.into_iter().map(key_message).collect(),
    })
}

pub async fn revoke_service_account(
    commands: &Commands,
    context: &Context,
    request: pb::RevokeServiceAccountRequest,
) -> Result<pb::RevokeServiceAccountResponse, Status> {
    let id = parse_id("id", &request.id)?;
    commands
        .revoke_key(context, context.caller()?, id, false)
        .await?;
    Ok(pb::RevokeServiceAccountResponse {})
}

fn key_message(key: store::KeyRow) -> pb::ApiKey {
    pb::ApiKey {
        id: key.id.to_string(),
        name: key.name,
        prefix: key.prefix,
        role: domain::role_of(&key.role).into(),
        created_at: Some(timestamp(key.created_at)),
        expires_at: Some(timestamp(key.expires_at)),
        last_used_at: key.last_used_at.map(timestamp),
    }
}
