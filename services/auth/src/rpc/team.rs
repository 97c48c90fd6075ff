//! Members and invitations.

use platform::{page::parse_id, wire::timestamp};
use proto::{auth as pb, rpc::Context};
use tonic::Status;

use super::identity_of;
use crate::{commands::Commands, domain, store};

pub async fn add_member(
    commands: &Commands,
    context: &Context,
    request: pb::AddMemberRequest,
) -> Result<pb::AddMemberResponse, Status> {
    let (caller, role) = (context.caller()?, request.role());
    let member = commands
        .add_member(context, caller, &request.email, request.password, role)
        .await?;
    Ok(pb::AddMemberResponse {
        id: member.user_id.to_string(),
        member: Some(member_message(member)),
    })
}

pub async fn list_members(
    commands: &Commands,
    context: &Context,
    _: pb::ListMembersRequest,
) -> Result<pb::ListMembersResponse, Status> {
    let members = commands.list_members(context.caller()?).await?;
    Ok(pb::ListMembersResponse {
        members: members.into_iter().map(member_message).collect(),
    })
}

pub async fn change_member_role(
    commands: &Commands,
    context: &Context,
    request: pb::ChangeMemberRoleRequest,
) -> Result<pb::ChangeMemberRoleResponse, Status> {
    let (user, role) = (parse_id("user_id", &request.user_id)?, request.role());
    commands
        .change_member_role(context, context.caller()?, user, role)
        .await?;
    Ok(pb::ChangeMemberRoleResponse {})
}

pub async fn remove_member(
    commands: &Commands,
    context: &Context,
    request: pb::RemoveMemberRequest,
) -> Result<pb::RemoveMemberResponse, Status> {
    let user = parse_id("user_id", &request.user_id)?;
    commands
        .remove_member(context, context.caller()?, user)
        .await?;
    Ok(pb::RemoveMemberResponse {})
}

pub async fn transfer_ownership(
    commands: &Commands,
    context: &Context,
    request: pb::TransferOwnershipRequest,
) -> Result<pb::TransferOwnershipResponse, Status> {
    let user = parse_id("user_id", &request.user_id)?;
    commands
        .transfer_ownership(context, context.caller()?, user)
        .await?;
    Ok(pb::TransferOwnershipResponse {})
}

pub async fn leave_organization(
    commands: &Commands,
    context: &Context,
    _: pb::LeaveOrganizationRequest,
) -> Result<pb::LeaveOrganizationResponse, Status> {
    commands.leave(context, context.caller()?).await?;
    Ok(pb::LeaveOrganizationResponse {})
}

pub async fn invite_member(
    commands: &Commands,
    context: &Context,
    request: pb::InviteMemberRequest,
) -> Result<pb::InviteMemberResponse, Status> {
    let (caller, role) = (context.caller()?, request.role());
    let invitation = commands
        .invite(context, caller, &request.email, role)
        .await?;
    Ok(pb::InviteMemberResponse {
        id: invitation.id.to_string(),
        invitation: Some(invitation_message(invitation)),
    })
}

pub async fn list_invitations(
    commands: &Commands,
    context: &Context,
    _: pb::ListInvitationsRequest,
) -> Result<pb::ListInvitationsResponse, Status> {
    let invitations = commands.list_invitations(context.caller()?).await?;
    Ok(pb::ListInvitationsResponse {
        invitations: invitations.into_iter().map(invitation_message).collect(),
    })
}

pub async fn revoke_invitation(
    commands: &Commands,
    context: &Context,
    request: pb::RevokeInvitationRequest,
) -> Result<pb::RevokeInvitationResponse, Status> {
    let id = parse_id("id", &request.id)?;
    commands
        .revoke_invitation(context, context.caller()?, id)
        .await?;
    Ok(pb::RevokeInvitationResponse {})
}

pub async fn accept_invitation(
    commands: &Commands,
    context: &Context,
    request: pb::AcceptInvitationRequest,
) -> Result<pb::AcceptInvitationResponse, Status> {
    let (token, code) = (&request.token, &request.totp_code);
    let (session, names) = commands
        .accept_invitation(context, token, request.password, code)
        .await?;
    Ok(pb::AcceptInvitationResponse {
        identity: Some(identity_of(&session, names)),
        id: session.id.to_string(),
        expires_at: Some(timestamp(session.expires_at)),
        token: session.token,
    })
}

fn member_message(member: store::MemberRow) -> pb::Member {
    pb::Member {
        user_id: member.user_id.to_string(),
        email: member.email,
        role: domain::role_of(&member.role).into(),
        created_at: Some(timestamp(member.created_at)),
    }
}

fn invitation_message(invitation: store::Invitation) -> pb::Invitation {
    pb::Invitation {
        id: invitation.id.to_string(),
        email: invitation.email,
        role: domain::role_of(&invitation.role).into(),
        created_at: Some(timestamp(invitation.created_at)),
        expires_at: Some(timestamp(invitation.expires_at)),
    }
}
