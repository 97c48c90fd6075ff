//! The second factor.

use platform::wire::timestamp;
use proto::{auth as pb, rpc::Context};
use tonic::Status;

use crate::commands::Commands;

pub async fn begin_totp(
    commands: &Commands,
    context: &Context,
    request: pb::BeginTotpRequest,
) -> Result<pb::BeginTotpResponse, Status> {
    let enrolment = commands
        .begin_totp(context, context.caller()?, request.password)
        .await?;
    Ok(pb::BeginTotpResponse {
        secret: enrolment.secret,
        url: enrolment.url,
    })
}

pub async fn confirm_totp(
    commands: &Commands,
    context: &Context,
    request: pb::ConfirmTotpRequest,
) -> Result<pb::ConfirmTotpResponse, Status> {
    let (session, recovery_codes) = commands
        .confirm_totp(context, context.caller()?, &request.code)
        .await?;
    Ok(pb::ConfirmTotpResponse {
        id: session.id.to_string(),
        token: session.token,
        expires_at: Some(timestamp(session.expires_at)),
        recovery_codes,
    })
}

pub async fn disable_totp(
    commands: &Commands,
    context: &Context,
    request: pb::DisableTotpRequest,
) -> Result<pb::DisableTotpResponse, Status> {
    let caller = context.caller()?;
    let session = commands
        .disable_totp(context, caller, request.password, &request.code)
        .await?;
    Ok(pb::DisableTotpResponse {
        id: session.id.to_string(),
        token: session.token,
        expires_at: Some(timestamp(session.expires_at)),
    })
}

pub async fn renew_recovery_codes(
    commands: &Commands,
    context: &Context,
    request: pb::RenewRecoveryCodesRequest,
) -> Result<pb::RenewRecoveryCodesResponse, Status> {
    let caller = context.caller()?;
    let recovery_codes = commands
        .renew_recovery_codes(context, caller, request.password, &request.code)
        .await?;
    Ok(pb::RenewRecoveryCodesResponse { recovery_codes })
}
