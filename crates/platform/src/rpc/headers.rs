//! A call's context and an answer's status as headers of messages. Deliberately text alone: headers are read by people too.

use std::time::{Duration, UNIX_EPOCH};

use async_nats::HeaderMap;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use proto::{
    auth::Role,
    rpc::{Caller, Context},
};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::{error::Result, telemetry};

pub(super) const CALL: &str = "valutai-call";
const CALLER: &str = "valutai-caller";
const DEADLINE: &str = "valutai-deadline-ms";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const REQUEST_ID: &str = "x-request-id";
const ADDRESS: &str = "valutai-client-address";
const USER_AGENT: &str = "valutai-client-agent";
const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details";
pub(super) const TRACEPARENT: &str = "traceparent";

pub(super) fn write_context(context: &Context) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if let Some(caller) = &context.caller {
        headers.insert(
            CALLER,
            format!(
                "{} {} {} {}",
                caller.user_id, caller.tenant_id, caller.role as i32, caller.session_id
            ),
        );
    }
    if let Some(at) = context.deadline {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        headers.insert(DEADLINE, since.as_millis().to_string());
    }
    if let Some(key) = &context.idempotency_key {
        headers.insert(IDEMPOTENCY_KEY, key.as_str());
    }
    headers.insert(REQUEST_ID, context.request_id.as_str());
    if let Some(address) = context.address {
        headers.insert(ADDRESS, address.to_string());
    }
    if let Some(agent) = &context.user_agent {
        headers.insert(USER_AGENT, agent.as_str());
    }
    if let Some(value) = telemetry::traceparent() {
        headers.insert(TRACEPARENT, value);
    }
    headers
}

pub(super) fn read_context(headers: &HeaderMap) -> Context {
    Context {
        caller: text(headers, CALLER).and_then(read_caller),
        deadline: text(headers, DEADLINE)
            .and_then(|ms| ms.parse().ok())
            .map(|ms| UNIX_EPOCH + Duration::from_millis(ms)),
        idempotency_key: text(headers, IDEMPOTENCY_KEY).map(str::to_owned),
        request_id: text(headers, REQUEST_ID).unwrap_or_default().to_owned(),
        address: text(headers, ADDRESS).and_then(|address| address.parse().ok()),
        user_agent: text(headers, USER_AGENT).map(str::to_owned),
    }
}

pub(super) fn read_caller(value: &str) -> Option<Caller> {
    let mut parts = value.split(' ');
    Some(Caller {
        user_id: Uuid::try_parse(parts.next()?).ok()?,
        tenant_id: Uuid::try_parse(parts.next()?).ok()?,
        role: Role::try_from(parts.next()?.parse::<i32>().ok()?).ok()?,
        session_id: Uuid::try_parse(parts.next()?).ok()?,
    })
}

pub(super) fn write_status(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(STATUS, (status.code() as i32).to_string());
    if status.code() != Code::Ok {
        // Base64, because a header value may not hold line breaks.
        headers.insert(MESSAGE, BASE64_STANDARD.encode(status.message()));
        headers.insert(DETAILS, BASE64_STANDARD.encode(status.details()));
    }
    headers
}

pub(super) fn read_status(headers: Option<&HeaderMap>) -> Result<(), Status> {
    let missing = || Status::internal("an answer came back without a status");
    let headers = headers.ok_or_else(missing)?;
    let code = text(headers, STATUS)
        .and_then(|code| code.parse::<i32>().ok())
        .ok_or_else(missing)?;
    if code == Code::Ok as i32 {
        return Ok(());
    }
    let decoded = |name| {
        text(headers, name)
            .and_then(|value| BASE64_STANDARD.decode(value).ok())
            .unwrap_or_default()
    };
    Err(Status::with_details(
        Code::from_i32(code),
        String::from_utf8_lossy(&decoded(MESSAGE)),
        decoded(DETAILS).into(),
    ))
}

pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.as_str())
}
