//! Calls between processes over NATS request/reply: the transport under the generated clients, and
//! the server that feeds the generated dispatchers; `headers` for what goes with them, `held` for calls whose replica is gone. Deliberately no streams:
//! the gateway has them.

mod headers;
mod held;

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};

use async_nats::RequestErrorKind;
use bytes::Bytes;
use futures::StreamExt;
use proto::{
    access::{METHODS, Method, domain_of},
    rpc::{Context, Dispatch, Transport},
};
use tokio_util::task::TaskTracker;
use tonic::{Code, Status};
use tracing::{Instrument as _, field::Empty};
use uuid::Uuid;

use self::{
    headers::{CALL, TRACEPARENT, read_context, read_status, text, write_context, write_status},
    held::{Held, Holding},
};
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
        let id = Uuid::now_v7();
        let mut headers = write_context(context);
        headers.insert(CALL, id.to_string());
        let call = async_nats::Request::new()
            .headers(headers)
            .payload(request.into())
            .timeout(Some(patience));
        let subject = self.bus.subjects().call(domain, method);
        let answered = tokio::select! {
            answered = self.bus.client().send_request(subject, call) => answered,
            () = self.bus.lost() => return Err(Status::unavailable(
                "the connection inside the system broke during the call, which may or may not have been done: look, and try again",
            )),
            () = held::lost(&self.bus, domain, id) => return Err(Status::unavailable(format!(
                "the {domain} service lost the call, which may or may not have been done: look, and try again",
            ))),
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

/// Whether anybody answers calls of a domain, by one of a method that nobody has.
///
/// # Errors
/// Where NATS is away, or refuses.
pub async fn is_answered(bus: &Bus, domain: &str, patience: Duration) -> Result<bool> {
    let call = async_nats::Request::new().timeout(Some(patience));
    let subject = bus.subjects().call(domain, "AreYouThere");
    match bus.client().send_request(subject, call).await {
        Ok(_) => Ok(true),
        Err(error) => match error.kind() {
            RequestErrorKind::NoResponders | RequestErrorKind::TimedOut => Ok(false),
            _ => Err(bus_error(error)),
        },
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
    let held = Held::default();
    let telling = held.tell(&bus, &domain).await?;
    let question = bus.subjects().call(&domain, held::METHOD);
    bus.settle(&domain).await;
    Ok(async move {
        let permits = FairPermits::new(CONCURRENT_CALLS, ROOM);
        let running = TaskTracker::new();
        let take = |message: async_nats::Message| {
            if message.subject.as_str() == question {
                // The queue hears it too; it is answered where all replicas hear it.
                return;
            }
            let call = Call::read(message, &held);
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
        // Not `unsubscribe`: that drops what the server has sent already, and its callers would wait in vain.
        if let Err(error) = calls.drain().await {
            tracing::warn!(%error, "the calls could not be unsubscribed");
        }
        while let Some(call) = calls.next().await {
            take(call);
        }
        running.close();
        running.wait().await;
        drop(telling);
    })
}

/// A call that has arrived.
struct Call {
    context: Context,
    traceparent: Option<String>,
    message: async_nats::Message,
    /// None for a caller that does not ask for its call.
    holding: Option<Holding>,
}

impl Call {
    fn read(mut message: async_nats::Message, held: &Held) -> Self {
        let headers = message.headers.take().unwrap_or_default();
        Self {
            context: read_context(&headers),
            traceparent: text(&headers, TRACEPARENT).map(str::to_owned),
            holding: text(&headers, CALL)
                .and_then(|id| Uuid::try_parse(id).ok())
                .map(|id| held.hold(id)),
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
        let holding = self.holding;
        let subject = &self.message.subject;
        let Some(reply_to) = self.message.reply.clone() else {
            tracing::warn!(%subject, "a call without a reply subject was dropped");
            return;
        };
        let method = subject.rsplit('.').next().unwrap_or_default().to_owned();
        let Some(service) = service_of(services, &method) else {
            return;
        };
        let span = tracing::info_span!("rpc", otel.kind = "server", otel.name = %format!("{}/{method}", service.service()), request_id = %self.context.request_id, trace_id = Empty);
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
                .instrument(span.clone())
                .await
            }
            Err(Full) => Err(exhausted(
                "the system has more to do than it can: wait a second and try again",
                RETRY_AFTER,
            )),
        };
        telemetry::note_status(&span, outcome.as_ref().err().map_or(Code::Ok, Status::code));
        send(bus, reply_to, outcome).await;
        drop((span, holding));
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

/// The unary methods that a gateway may forward, by gRPC path.
#[must_use]
pub fn forwardable() -> BTreeMap<&'static str, &'static Method> {
    METHODS
        .iter()
        .filter(|(_, method)| method.is_unary() && method.right != proto::access::Right::Internal)
        .map(|(path, method)| (path.as_str(), method))
        .collect()
}
