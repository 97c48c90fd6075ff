//! The audit trail, and the tenant's key for the other services.

use platform::{
    page::{Page, parse_id},
    wire::{self, timestamp},
};
use prost::Message as _;
use proto::{auth as pb, rpc::Context};
use tonic::Status;

use crate::{commands::Commands, domain::trail::Entry, store};

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
    let user_id = match request.user_id.as_str() {
        "" => None,
        id => Some(parse_id("user_id", id)?),
    };
    let filter = store::TrailFilter {
        before,
        user_id,
        outcome: request.outcome,
        since: request.since.as_ref().and_then(wire::datetime),
        until: request.until.as_ref().and_then(wire::datetime),
        action: request.action,
        entity_id: request.entity_id,
    };
    let entries = commands
        .list_audit_entries(context.caller()?, &filter, size)
        .await?;
    let is_full = entries.len() as i64 == size;
    let next_page_token = match entries.last() {
        Some(last) if is_full && last.sequence > 1 => last.sequence.to_string(),
        _ => String::new(),
    };
    Ok(pb::ListAuditEntriesResponse {
        entries: entries
            .into_iter()
            .map(entry_message)
            .collect::<Result<_, _>>()?,
        next_page_token,
    })
}

pub async fn read_audit_trail(
    commands: &Commands,
    context: &Context,
    request: pb::ReadAuditTrailRequest,
) -> Result<pb::ReadAuditTrailResponse, Status> {
    let caller = context.caller()?;
    let part = commands.read_trail(context, caller, request.after).await?;
    Ok(pb::ReadAuditTrailResponse {
        lines: part.lines.into_bytes(),
        last: part.last,
        complete: part.complete,
    })
}

pub async fn verify_audit_trail(
    commands: &Commands,
    context: &Context,
    _: pb::VerifyAuditTrailRequest,
) -> Result<pb::VerifyAuditTrailResponse, Status> {
    let verified = commands.verify_trail(context.caller()?.tenant_id).await?;
    Ok(match verified {
        Ok(entries) => pb::VerifyAuditTrailResponse {
            entries,
            ..pb::VerifyAuditTrailResponse::default()
        },
        Err(broken) => pb::VerifyAuditTrailResponse {
            entries: broken.at - 1,
            broken_at: broken.at,
            problem: broken.why.to_owned(),
        },
    })
}

pub async fn record_refusal(
    commands: &Commands,
    context: &Context,
    request: pb::RecordRefusalRequest,
) -> Result<pb::RecordRefusalResponse, Status> {
    commands.record_refusal(context, &request.path).await?;
    Ok(pb::RecordRefusalResponse {})
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

fn entry_message(entry: Entry) -> Result<pb::AuditEntry, Status> {
    let event = pb::OperationRecorded::decode(entry.content.as_slice()).map_err(|_| {
        Status::data_loss(format!(
            "entry {} of the audit trail cannot be read: verify the trail",
            entry.sequence
        ))
    })?;
    Ok(pb::AuditEntry {
        sequence: entry.sequence,
        occurred_at: event
            .occurred_at
            .as_ref()
            .and_then(wire::datetime)
            .map(timestamp),
        role: event.role,
        outcome: event.outcome,
        user_id: event.user_id,
        action: event.action,
        entity_id: event.entity_id,
        hash: entry.hash,
        problem: event.problem,
        network: event.network,
        request_id: event.request_id,
        trace_id: event.trace_id,
        changes: event.changes,
    })
}
