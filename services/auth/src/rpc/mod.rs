//! The calls that auth answers: wire types in, commands, wire types out. Deliberately no rules. The
//! table below is the service; each method stands in the file that it names.

mod accounts;
mod audit;
mod factor;
mod operator;
mod organizations;
mod providers;
mod reports;
mod sessions;
mod streams;
mod team;

use platform::wire::timestamp;
use proto::{
    auth::{self as pb, Role, auth_nats::AuthService},
    rpc::Context,
};
use tonic::Status;
use uuid::Uuid;

use crate::{
    commands::{Commands, NewSession},
    store,
};

pub use operator::OperatorRpc;

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

macro_rules! answers {
    ($($file:ident :: $method:ident($request:ident) -> $response:ident;)*) => {
        #[async_trait::async_trait]
        impl AuthService for Rpc {
            $(async fn $method(
                &self,
                context: Context,
                request: pb::$request,
            ) -> Result<pb::$response, Status> {
                $file::$method(&self.commands, &context, request).await
            })*
        }
    };
}

answers! {
    accounts::sign_up(SignUpRequest) -> SignUpResponse;
    accounts::sign_in(SignInRequest) -> SignInResponse;
    accounts::sign_out(SignOutRequest) -> SignOutResponse;
    accounts::who_am_i(WhoAmIRequest) -> WhoAmIResponse;
    accounts::verify_email(VerifyEmailRequest) -> VerifyEmailResponse;
    accounts::send_verification_email(SendVerificationEmailRequest) -> SendVerificationEmailResponse;
    accounts::change_email(ChangeEmailRequest) -> ChangeEmailResponse;
    accounts::change_password(ChangePasswordRequest) -> ChangePasswordResponse;
    accounts::request_password_reset(RequestPasswordResetRequest) -> RequestPasswordResetResponse;
    accounts::reset_password(ResetPasswordRequest) -> ResetPasswordResponse;
    providers::list_providers(ListProvidersRequest) -> ListProvidersResponse;
    providers::begin_provider_sign_in(BeginProviderSignInRequest) -> BeginProviderSignInResponse;
    providers::complete_provider_sign_in(CompleteProviderSignInRequest) -> CompleteProviderSignInResponse;
    providers::continue_provider_sign_in(ContinueProviderSignInRequest) -> ContinueProviderSignInResponse;
    providers::begin_provider_link(BeginProviderLinkRequest) -> BeginProviderLinkResponse;
    providers::complete_provider_link(CompleteProviderLinkRequest) -> CompleteProviderLinkResponse;
    providers::list_provider_links(ListProviderLinksRequest) -> ListProviderLinksResponse;
    providers::unlink_provider(UnlinkProviderRequest) -> UnlinkProviderResponse;
    factor::begin_totp(BeginTotpRequest) -> BeginTotpResponse;
    factor::confirm_totp(ConfirmTotpRequest) -> ConfirmTotpResponse;
    factor::disable_totp(DisableTotpRequest) -> DisableTotpResponse;
    factor::renew_recovery_codes(RenewRecoveryCodesRequest) -> RenewRecoveryCodesResponse;
    sessions::list_sessions(ListSessionsRequest) -> ListSessionsResponse;
    sessions::revoke_session(RevokeSessionRequest) -> RevokeSessionResponse;
    sessions::revoke_all_sessions(RevokeAllSessionsRequest) -> RevokeAllSessionsResponse;
    sessions::authenticate(AuthenticateRequest) -> AuthenticateResponse;
    sessions::create_api_key(CreateApiKeyRequest) -> CreateApiKeyResponse;
    sessions::list_api_keys(ListApiKeysRequest) -> ListApiKeysResponse;
    sessions::revoke_api_key(RevokeApiKeyRequest) -> RevokeApiKeyResponse;
    sessions::create_service_account(CreateServiceAccountRequest) -> CreateServiceAccountResponse;
    sessions::list_service_accounts(ListServiceAccountsRequest) -> ListServiceAccountsResponse;
    sessions::revoke_service_account(RevokeServiceAccountRequest) -> RevokeServiceAccountResponse;
    organizations::list_organizations(ListOrganizationsRequest) -> ListOrganizationsResponse;
    organizations::switch_organization(SwitchOrganizationRequest) -> SwitchOrganizationResponse;
    organizations::create_organization(CreateOrganizationRequest) -> CreateOrganizationResponse;
    organizations::request_organization_deletion(RequestOrganizationDeletionRequest) -> RequestOrganizationDeletionResponse;
    organizations::confirm_organization_deletion(ConfirmOrganizationDeletionRequest) -> ConfirmOrganizationDeletionResponse;
    organizations::cancel_organization_deletion(CancelOrganizationDeletionRequest) -> CancelOrganizationDeletionResponse;
    team::leave_organization(LeaveOrganizationRequest) -> LeaveOrganizationResponse;
    team::add_member(AddMemberRequest) -> AddMemberResponse;
    team::list_members(ListMembersRequest) -> ListMembersResponse;
    team::change_member_role(ChangeMemberRoleRequest) -> ChangeMemberRoleResponse;
    team::remove_member(RemoveMemberRequest) -> RemoveMemberResponse;
    team::transfer_ownership(TransferOwnershipRequest) -> TransferOwnershipResponse;
    team::invite_member(InviteMemberRequest) -> InviteMemberResponse;
    team::list_invitations(ListInvitationsRequest) -> ListInvitationsResponse;
    team::revoke_invitation(RevokeInvitationRequest) -> RevokeInvitationResponse;
    team::accept_invitation(AcceptInvitationRequest) -> AcceptInvitationResponse;
    streams::issue_stream_credential(IssueStreamCredentialRequest) -> IssueStreamCredentialResponse;
    streams::list_stream_credentials(ListStreamCredentialsRequest) -> ListStreamCredentialsResponse;
    streams::revoke_stream_credential(RevokeStreamCredentialRequest) -> RevokeStreamCredentialResponse;
    audit::list_audit_entries(ListAuditEntriesRequest) -> ListAuditEntriesResponse;
    audit::verify_audit_trail(VerifyAuditTrailRequest) -> VerifyAuditTrailResponse;
    audit::read_audit_trail(ReadAuditTrailRequest) -> ReadAuditTrailResponse;
    audit::record_refusal(RecordRefusalRequest) -> RecordRefusalResponse;
    reports::find_recipients(FindRecipientsRequest) -> FindRecipientsResponse;
    reports::post_report(PostReportRequest) -> PostReportResponse;
    audit::get_tenant_key(GetTenantKeyRequest) -> GetTenantKeyResponse;
}

fn identity(user_id: Uuid, tenant_id: Uuid, role: Role, names: store::Names) -> pb::Identity {
    pb::Identity {
        user_id: user_id.to_string(),
        email: names.email,
        organization_id: tenant_id.to_string(),
        organization_name: names.organization_name,
        role: role.into(),
        email_verified: names.email_verified,
        totp_enabled: names.totp_enabled,
        service_account: names.service_account,
        organization_deleted_at: names.delete_at.map(timestamp),
    }
}

fn identity_of(session: &NewSession, names: store::Names) -> pb::Identity {
    identity(session.user_id, session.tenant_id, session.role, names)
}
