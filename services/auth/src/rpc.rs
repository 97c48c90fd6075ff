//! The calls that auth answers: wire types in, commands, wire types out. Deliberately no rules.

use platform::{
    page::{Page, parse_id},
    wire::timestamp,
};
use proto::{
    auth::{self as pb, auth_nats::AuthService},
    rpc::Context,
};
use tonic::Status;

use crate::{commands::Commands, domain, store};

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
impl AuthService for Rpc {
    async fn sign_up(
        &self,
        context: Context,
        request: pb::SignUpRequest,
    ) -> Result<pb::SignUpResponse, Status> {
        let session = self
            .commands
            .sign_up(
                &context,
                &request.email,
                request.password,
                &request.organization_name,
            )
            .await?;
        Ok(pb::SignUpResponse {
            id: session.user_id.to_string(),
            organization_id: session.tenant_id.to_string(),
            token: session.token,
            expires_at: Some(timestamp(session.expires_at)),
        })
    }

    async fn sign_in(
        &self,
        context: Context,
        request: pb::SignInRequest,
    ) -> Result<pb::SignInResponse, Status> {
        let (session, identity) = self
            .commands
            .sign_in(&context, &request.email, request.password)
            .await?;
        Ok(pb::SignInResponse {
            id: session.id.to_string(),
            token: session.token,
            expires_at: Some(timestamp(session.expires_at)),
            identity: Some(pb::Identity {
                user_id: session.user_id.to_string(),
                email: identity.email,
                organization_id: session.tenant_id.to_string(),
                organization_name: identity.organization_name,
                role: session.role as i32,
            }),
        })
    }

    async fn sign_out(
        &self,
        context: Context,
        _: pb::SignOutRequest,
    ) -> Result<pb::SignOutResponse, Status> {
        self.commands.sign_out(&context, context.caller()?).await?;
        Ok(pb::SignOutResponse {})
    }

    async fn who_am_i(
        &self,
        context: Context,
        _: pb::WhoAmIRequest,
    ) -> Result<pb::WhoAmIResponse, Status> {
        let caller = context.caller()?;
        let identity = self.commands.who_am_i(caller).await?;
        Ok(pb::WhoAmIResponse {
            identity: Some(pb::Identity {
                user_id: caller.user_id.to_string(),
                email: identity.email,
                organization_id: caller.tenant_id.to_string(),
                organization_name: identity.organization_name,
                role: caller.role as i32,
            }),
        })
    }

    async fn list_sessions(
        &self,
        context: Context,
        _: pb::ListSessionsRequest,
    ) -> Result<pb::ListSessionsResponse, Status> {
        let caller = context.caller()?;
        let sessions = self.commands.list_sessions(caller).await?;
        Ok(pb::ListSessionsResponse {
            sessions: sessions
                .into_iter()
                .map(|session| pb::Session {
                    id: session.id.to_string(),
                    created_at: Some(timestamp(session.created_at)),
                    expires_at: Some(timestamp(session.expires_at)),
                    current: session.id == caller.session_id,
                })
                .collect(),
        })
    }

    async fn add_member(
        &self,
        context: Context,
        request: pb::AddMemberRequest,
    ) -> Result<pb::AddMemberResponse, Status> {
        let role = request.role();
        let member = self
            .commands
            .add_member(
                &context,
                context.caller()?,
                &request.email,
                request.password,
                role,
            )
            .await?;
        Ok(pb::AddMemberResponse {
            id: member.user_id.to_string(),
            member: Some(member_message(member)),
        })
    }

    async fn list_members(
        &self,
        context: Context,
        _: pb::ListMembersRequest,
    ) -> Result<pb::ListMembersResponse, Status> {
        let members = self.commands.list_members(context.caller()?).await?;
        Ok(pb::ListMembersResponse {
            members: members.into_iter().map(member_message).collect(),
        })
    }

    async fn list_audit_entries(
        &self,
        context: Context,
        request: pb::ListAuditEntriesRequest,
    ) -> Result<pb::ListAuditEntriesResponse, Status> {
        let size = Page::parse(request.page_size, "")?.size;
        let before = match request.page_token.as_str() {
            "" => i64::MAX,
            token => token.parse().map_err(|_| {
                Status::invalid_argument(
                    "page_token is malformed: send next_page_token of the answer before",
                )
            })?,
        };
        let entries = self
            .commands
            .list_audit_entries(context.caller()?, before, size)
            .await?;
        let next_page_token = match entries.last() {
            Some(last) if last.sequence > 1 => last.sequence.to_string(),
            _ => String::new(),
        };
        Ok(pb::ListAuditEntriesResponse {
            entries: entries.into_iter().map(entry_message).collect(),
            next_page_token,
        })
    }

    async fn authenticate(
        &self,
        _: Context,
        request: pb::AuthenticateRequest,
    ) -> Result<pb::AuthenticateResponse, Status> {
        let (caller, expires_at) = self.commands.authenticate(&request.token).await?;
        Ok(pb::AuthenticateResponse {
            user_id: caller.user_id.to_string(),
            organization_id: caller.tenant_id.to_string(),
            role: caller.role as i32,
            session_id: caller.session_id.to_string(),
            expires_at: Some(timestamp(expires_at)),
        })
    }

    async fn get_tenant_key(
        &self,
        _: Context,
        request: pb::GetTenantKeyRequest,
    ) -> Result<pb::GetTenantKeyResponse, Status> {
        let tenant = parse_id("organization_id", &request.organization_id)?;
        Ok(pb::GetTenantKeyResponse {
            wrapped_key: self.commands.tenant_key(tenant).await?,
        })
    }
}

fn member_message(member: store::MemberRow) -> pb::Member {
    pb::Member {
        user_id: member.user_id.to_string(),
        email: member.email,
        role: domain::role_of(&member.role) as i32,
        created_at: Some(timestamp(member.created_at)),
    }
}

fn entry_message(entry: store::AuditRow) -> pb::AuditEntry {
    pb::AuditEntry {
        sequence: entry.sequence,
        occurred_at: Some(timestamp(entry.occurred_at)),
        user_id: entry.user_id.map(|id| id.to_string()).unwrap_or_default(),
        action: entry.action,
        entity_id: entry.entity_id,
        hash: entry.hash,
    }
}
