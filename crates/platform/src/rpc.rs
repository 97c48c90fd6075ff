//! Calls between processes over NATS request/reply: the transport under the generated clients, and
//! the server that feeds the generated dispatchers. Deliberately no streams: the gateway has them.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use async_nats::{HeaderMap, RequestErrorKind};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use futures::StreamExt;
use proto::{
    access::{METHODS, Method, domain_of},
    auth::Role,
    rpc::{Caller, Context, Dispatch, Transport},
};
use tokio_util::task::TaskTracker;
use tonic::{Code, Status};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{
    Database, audit,
    bus::{Bus, bus_error},
    error::Result,
    fair::{FairPermits, Full, Room, Ticket},
    overload::exhausted,
    shutdown::Shutdown,
    telemetry,
};

/// Longest a call may take where the client names no deadline.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Calls a process works on at once; others wait, in turn among tenants.
const CONCURRENT_CALLS: usize = 256;
/// Calls that may wait; more would only be answered when nobody waits for them any more.
const ROOM: Room = Room {
    of_one: 1024,
    of_all: 4096,
};
/// When a call may be made again that was refused for want of room.
const RETRY_AFTER: Duration = Duration::from_secs(1);

const CALLER: &str = "valutai-caller";
const DEADLINE: &str = "valutai-deadline-ms";
const IDEMPOTENCY_KEY: &str = "idempotency-key";
const REQUEST_ID: &str = "x-request-id";
const ADDRESS: &str = "valutai-client-address";
const USER_AGENT: &str = "valutai-client-agent";
const STATUS: &str = "grpc-status";
const MESSAGE: &str = "grpc-message";
const DETAILS: &str = "grpc-status-details";
const TRACEPARENT: &str = "traceparent";

/// Carries calls over NATS.
#[derive(Debug, Clone)]
pub struct NatsTransport {
    bus: Bus,
}

impl NatsTransport {
    /// A transport on a connection.
    #[must_use]
    pub fn new(bus: Bus) -> Self {
        Self { bus }
    }
}

#[async_trait::async_trait]
impl Transport for NatsTransport {
    async fn call(
        &self,
        service: &str,
        method: &str,
        context: &Context,
        request: Vec<u8>,
    ) -> Result<Bytes, Status> {
        let domain = domain_of(service);
        if request.len() + 4096 > self.bus.client().server_info().max_payload {
            return Err(Status::resource_exhausted(
                "the request is too large for one message: send it in smaller parts",
            ));
        }
        let patience = match context.deadline {
            Some(deadline) => deadline
                .duration_since(SystemTime::now())
                .map_err(|_| Status::deadline_exceeded("the deadline has passed"))?,
            None => DEFAULT_TIMEOUT,
        };
        let call = async_nats::Request::new()
            .headers(write_context(context))
            .payload(request.into())
            .timeout(Some(patience));
        let subject = self.bus.subjects().call(domain, method);
        let answered = tokio::select! {
            answered = self.bus.client().send_request(subject, call) => answered,
            () = self.bus.lost() => return Err(Status::unavailable(
                "the connection inside the system broke during the call, which may or may not have been done: look, and try again",
            )),
        };
        let reply = answered.map_err(|error| match error.kind() {
            RequestErrorKind::TimedOut => {
                Status::deadline_exceeded(format!("{domain} did not answer in time"))
            }
            RequestErrorKind::NoResponders => Status::unavailable(format!(
                "the {domain} service is not running right now: try again shortly"
            )),
            _ => Status::unavailable("the message bus is not reachable: try again shortly"),
        })?;
        read_status(reply.headers.as_ref())?;
        Ok(reply.payload)
    }
}

/// Answers the calls of a domain's services until told to stop, then finishes those it has taken.
///
/// # Errors
/// Where NATS refuses the subscription.
pub(crate) async fn serve(
    bus: Bus,
    services: Vec<Arc<dyn Dispatch>>,
    database: Option<Database>,
    shutdown: Shutdown,
) -> Result<impl Future<Output = ()>> {
    let services: Arc<[Arc<dyn Dispatch>]> = services.into();
    let domain = services.first().map(|service| domain_of(service.service()));
    let domain = domain.unwrap_or_default().to_owned();
    let mut calls = bus
        .client()
        .queue_subscribe(bus.subjects().call(&domain, "*"), domain.clone())
        .await
        .map_err(bus_error)?;
    bus.settle(&domain).await;
    Ok(async move {
        let permits = FairPermits::new(CONCURRENT_CALLS, ROOM);
        let running = TaskTracker::new();
        let take = |message| {
            let call = Call::read(message);
            // The place is taken here, so that a tenant's calls keep their order.
            let ticket = permits.enqueue(call.tenant());
            let (services, bus, database) = (Arc::clone(&services), bus.clone(), database.clone());
            // A task of its own, which a client that goes away does not cancel.
            running.spawn(async move {
                call.answer(&bus, &services, database.as_ref(), ticket)
                    .await;
            });
        };
        loop {
            tokio::select! {
                call = calls.next() => match call {
                    Some(call) => take(call),
                    None => break,
                },
                () = shutdown.cancelled() => break,
            }
        }
        if let Err(error) = calls.unsubscribe().await {
            tracing::warn!(%error, "the calls could not be unsubscribed");
        }
        while let Some(call) = calls.next().await {
            take(call);
        }
        running.close();
        running.wait().await;
    })
}

/// A call that has arrived.
struct Call {
    context: Context,
    traceparent: Option<String>,
    message: async_nats::Message,
}

impl Call {
    fn read(mut message: async_nats::Message) -> Self {
        let headers = message.headers.take().unwrap_or_default();
        Self {
            context: read_context(&headers),
            traceparent: text(&headers, TRACEPARENT).map(str::to_owned),
            message,
        }
    }

    /// Whose turn it counts to; calls without a caller are together one more.
    fn tenant(&self) -> Uuid {
        let caller = self.context.caller.as_ref();
        caller.map_or(Uuid::nil(), |caller| caller.tenant_id)
    }

    async fn answer(
        self,
        bus: &Bus,
        services: &[Arc<dyn Dispatch>],
        database: Option<&Database>,
        ticket: Result<Ticket, Full>,
    ) {
        let subject = &self.message.subject;
        let Some(reply_to) = self.message.reply.clone() else {
            tracing::warn!(%subject, "a call without a reply subject was dropped");
            return;
        };
        let method = subject.rsplit('.').next().unwrap_or_default().to_owned();
        let Some(service) = service_of(services, &method) else {
            return;
        };
        let span = tracing::info_span!("rpc", otel.kind = "server", otel.name = %format!("{}/{method}", service.service()), request_id = %self.context.request_id);
        telemetry::continue_trace(&span, self.traceparent.as_deref());
        let outcome = match ticket {
            Ok(ticket) => {
                async move {
                    let _permit = ticket.wait().await;
                    dispatch(
                        service,
                        database,
                        &method,
                        self.context,
                        self.message.payload,
                    )
                    .await
                }
                .instrument(span)
                .await
            }
            Err(Full) => Err(exhausted(
                "the system has more to do than it can: wait a second and try again",
                RETRY_AFTER,
            )),
        };
        send(bus, reply_to, outcome).await;
    }
}

async fn send(bus: &Bus, reply_to: async_nats::Subject, outcome: Result<Vec<u8>, Status>) {
    let limit = bus.client().server_info().max_payload.saturating_sub(4096);
    let outcome = outcome.and_then(|body| {
        if body.len() > limit {
            return Err(Status::resource_exhausted(
                "the answer is too large for one message: ask for a smaller page",
            ));
        }
        Ok(body)
    });
    let (headers, body) = match outcome {
        Ok(body) => (write_status(&Status::ok("")), body),
        Err(status) => (write_status(&status), Vec::new()),
    };
    if let Err(error) = bus
        .client()
        .publish_with_headers(reply_to, headers, body.into())
        .await
    {
        tracing::warn!(%error, "an answer could not be sent");
    }
}

async fn dispatch(
    service: &dyn Dispatch,
    database: Option<&Database>,
    method: &str,
    context: Context,
    request: Bytes,
) -> Result<Vec<u8>, Status> {
    let known = find_method(service.service(), method)
        .ok_or_else(|| proto::rpc::unknown_method(service.service(), method))?;
    if context.deadline.is_some_and(|at| at < SystemTime::now()) {
        return Err(Status::deadline_exceeded("the deadline has passed"));
    }
    // The gateway has judged the caller already; the service does not rely on it.
    let judged = |context: Context, request: Bytes| async move {
        known.authorize(context.caller.as_ref())?;
        service.dispatch(method, context, request).await
    };
    match database {
        Some(database) => audit::observe(database, known, context, request, judged).await,
        None => judged(context, request).await,
    }
}

/// The service that has a method; the first one where none has, which says so.
fn service_of<'s>(services: &'s [Arc<dyn Dispatch>], method: &str) -> Option<&'s dyn Dispatch> {
    let has = |service: &&Arc<dyn Dispatch>| find_method(service.service(), method).is_some();
    let found = services.iter().find(has).or(services.first());
    found.map(AsRef::as_ref)
}

fn find_method(service: &str, method: &str) -> Option<&'static Method> {
    METHODS.get(&format!("/{service}/{method}"))
}

fn write_context(context: &Context) -> HeaderMap {
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

fn read_context(headers: &HeaderMap) -> Context {
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

fn read_caller(value: &str) -> Option<Caller> {
    let mut parts = value.split(' ');
    Some(Caller {
        user_id: Uuid::try_parse(parts.next()?).ok()?,
        tenant_id: Uuid::try_parse(parts.next()?).ok()?,
        role: Role::try_from(parts.next()?.parse::<i32>().ok()?).ok()?,
        session_id: Uuid::try_parse(parts.next()?).ok()?,
    })
}

fn write_status(status: &Status) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(STATUS, (status.code() as i32).to_string());
    if status.code() != Code::Ok {
        // Base64, because a header value may not hold line breaks.
        headers.insert(MESSAGE, BASE64_STANDARD.encode(status.message()));
        headers.insert(DETAILS, BASE64_STANDARD.encode(status.details()));
    }
    headers
}

fn read_status(headers: Option<&HeaderMap>) -> Result<(), Status> {
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

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).map(|value| value.as_str())
}

/// The unary methods that a gateway may forward, by gRPC path.
#[must_use]
pub fn forwardable() -> BTreeMap<&'static str, &'static Method> {
    METHODS
        .iter()
        .filter(|(_, method)| method.is_unary() && method.right != proto::access::Right::Internal)
        .map(|(path, method)| (path.as_str(), method))
        .collect()
}
