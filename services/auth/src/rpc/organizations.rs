//! Several organisations of one person, and the end of one.

use platform::{page::parse_id, wire::timestamp};
use proto::{auth as pb, rpc::Context};
use tonic::Status;

use super::identity_of;
use crate::{commands::Commands, domain};

pub async fn list_organizations(
    commands: &Commands,
    context: &Context,
    _: pb::ListOrganizationsRequest,
) -> Result<pb::ListOrganizationsResponse, Status> {
    let caller = context.caller()?;
    let memberships = commands.list_organizations(caller).await?;
    let organizations = memberships.into_iter().map(|membership| pb::Organization {
        id: membership.tenant_id.to_string(),
        name: membership.name,
        role: domain::role_of(&membership.role).into(),
        current: membership.tenant_id == caller.tenant_id,
    });
    Ok(pb::ListOrganizationsResponse {
        organizations: organizations.collect(),
    })
}

pub async fn switch_organization(
    commands: &Commands,
    context: &Context,
    request: pb::SwitchOrganizationRequest,
) -> Result<pb::SwitchOrganizationResponse, Status> {
    let tenant = parse_id("organization_id", &request.organization_id)?;
    let (session, names) = commands
        .switch_organization(context, context.caller()?, tenant)
        .await?;
    Ok(pb::SwitchOrganizationResponse {
        identity: Some(identity_of(&session, names)),
        id: session.id.to_string(),
        expires_at: Some(timestamp(session.expires_at)),
        token: session.token,
    })
}

pub async fn create_organization(
    commands: &Commands,
    context: &Context,
    request: pb::CreateOrganizationRequest,
) -> Result<pb::CreateOrganizationResponse, Status> {
    let id = commands
        .create_organization(context, context.caller()?, &request.name)
        .await?;
    Ok(pb::CreateOrganizationResponse { id: id.to_string() })
}

pub async fn request_organization_deletion(
    commands: &Commands,
    context: &Context,
    request: pb::RequestOrganizationDeletionRequest,
) -> Result<pb::RequestOrganizationDeletionResponse, Status> {
    let caller = context.caller()?;
    commands
        .request_deletion(context, caller, &request.name, request.password)
        .await?;
    Ok(pb::RequestOrganizationDeletionResponse {})
}

pub async fn confirm_organization_deletion(
    commands: &Commands,
    context: &Context,
    request: pb::ConfirmOrganizationDeletionRequest,
) -> Result<pb::ConfirmOrganizationDeletionResponse, Status> {
    let at = commands
        .confirm_deletion(context, context.caller()?, &request.token)
        .await?;
    Ok(pb::ConfirmOrganizationDeletionResponse {
        deleted_at: Some(timestamp(at)),
    })
}

pub async fn cancel_organization_deletion(
    commands: &Commands,
    context: &Context,
    _: pb::CancelOrganizationDeletionRequest,
) -> Result<pb::CancelOrganizationDeletionResponse, Status> {
    commands.cancel_deletion(context, context.caller()?).await?;
    Ok(pb::CancelOrganizationDeletionResponse {})
}
