//! The audit trail, and the tenant's key for the other services.

use platform::{
    page::{Page, parse_id},
    wire::timestamp,
};
use proto::{auth as pb, rpc::Context};
use tonic::Status;

use crate::{commands::Commands, store};

pub async fn list_audit_entries(
    commands: &Commands,
    context: &Context,
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
    let entries = commands
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

pub async fn get_tenant_key(
    commands: &Commands,
    _: &Context,
    request: pb::GetTenantKeyRequest,
) -> Result<pb::GetTenantKeyResponse, Status> {
    let tenant = parse_id("organization_id", &request.organization_id)?;
    Ok(pb::GetTenantKeyResponse {
        wrapped_key: commands.tenant_key(tenant).await?,
    })
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
