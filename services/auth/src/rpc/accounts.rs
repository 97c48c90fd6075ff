//! Signing up and in, addresses and passwords.

use platform::wire::timestamp;
use proto::{auth as pb, rpc::Context};
use tonic::Status;

use super::{identity, identity_of};
use crate::commands::{Commands, SignedUp};

pub async fn sign_up(
    commands: &Commands,
    context: &Context,
    request: pb::SignUpRequest,
) -> Result<pb::SignUpResponse, Status> {
    let (email, name) = (&request.email, &request.organization_name);
    let signed_up = commands
        .sign_up(context, email, request.password, name)
        .await?;
    Ok(match signed_up {
        SignedUp::Opened(session) => pb::SignUpResponse {
            id: session.user_id.to_string(),
            organization_id: session.tenant_id.to_string(),
            token: session.token,
            expires_at: Some(timestamp(session.expires_at)),
            confirmation_needed: false,
        },
        SignedUp::ToBeConfirmed => pb::SignUpResponse {
            confirmation_needed: true,
            ..pb::SignUpResponse::default()
        },
    })
}

pub async fn sign_in(
    commands: &Commands,
    context: &Context,
    request: pb::SignInRequest,
) -> Result<pb::SignInResponse, Status> {
    let (email, code) = (&request.email, &request.totp_code);
    let (session, names) = commands
        .sign_in(context, email, request.password, code)
        .await?;
    Ok(pb::SignInResponse {
        identity: Some(identity_of(&session, names)),
        id: session.id.to_string(),
        expires_at: Some(timestamp(session.expires_at)),
        token: session.token,
    })
}

pub async fn sign_out(
    commands: &Commands,
    context: &Context,
    _: pb::SignOutRequest,
) -> Result<pb::SignOutResponse, Status> {
    commands.sign_out(context, context.caller()?).await?;
    Ok(pb::SignOutResponse {})
}

pub async fn who_am_i(
    commands: &Commands,
    context: &Context,
    _: pb::WhoAmIRequest,
) -> Result<pb::WhoAmIResponse, Status> {
    let caller = context.caller()?;
    let names = commands.who_am_i(caller).await?;
    let identity = identity(caller.user_id, caller.tenant_id, caller.role, names);
    Ok(pb::WhoAmIResponse {
        identity: Some(identity),
    })
}

pub async fn verify_email(
    commands: &Commands,
    context: &Context,
    request: pb::VerifyEmailRequest,
) -> Result<pb::VerifyEmailResponse, Status> {
    let verified = commands
        .verify_email(context, &request.token, request.password)
        .await?;
    let mut response = pb::VerifyEmailResponse {
        email: verified.email,
        ..pb::VerifyEmailResponse::default()
    };
    if let Some((session, names)) = verified.opened {
        response.identity = Some(identity_of(&session, names));
        response.id = session.id.to_string();
        response.expires_at = Some(timestamp(session.expires_at));
        response.token = session.token;
    }
    Ok(response)
}

pub async fn send_verification_email(
    commands: &Commands,
    context: &Context,
    _: pb::SendVerificationEmailRequest,
) -> Result<pb::SendVerificationEmailResponse, Status> {
    commands
        .send_verification(context, context.caller()?)
        .await?;
    Ok(pb::SendVerificationEmailResponse {})
}

pub async fn change_email(
    commands: &Commands,
    context: &Context,
    request: pb::ChangeEmailRequest,
) -> Result<pb::ChangeEmailResponse, Status> {
    let caller = context.caller()?;
    commands
        .change_email(context, caller, &request.email, request.password)
        .await?;
    Ok(pb::ChangeEmailResponse {})
}

pub async fn change_password(
    commands: &Commands,
    context: &Context,
    request: pb::ChangePasswordRequest,
) -> Result<pb::ChangePasswordResponse, Status> {
    let (old, new) = (request.old_password, request.new_password);
    let session = commands
        .change_password(context, context.caller()?, old, new)
        .await?;
    Ok(pb::ChangePasswordResponse {
        id: session.id.to_string(),
        token: session.token,
        expires_at: Some(timestamp(session.expires_at)),
    })
}

pub async fn request_password_reset(
    commands: &Commands,
    context: &Context,
    request: pb::RequestPasswordResetRequest,
) -> Result<pb::RequestPasswordResetResponse, Status> {
    commands
        .request_password_reset(context, &request.email)
        .await?;
    Ok(pb::RequestPasswordResetResponse {})
}

pub async fn reset_password(
    commands: &Commands,
    context: &Context,
    request: pb::ResetPasswordRequest,
) -> Result<pb::ResetPasswordResponse, Status> {
    commands
        .reset_password(context, &request.token, request.password)
        .await?;
    Ok(pb::ResetPasswordResponse {})
}
