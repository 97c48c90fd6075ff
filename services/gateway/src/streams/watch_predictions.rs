//! `WatchPredictions`: a tenant's prediction events from a cursor or a time on and then as they come, as far as they are wanted,
//! with a heartbeat in silence, until the caller may see them no longer. Deliberately no state here: the client keeps the
//! cursor.

use std::{sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _, future::BoxFuture};
use platform::{
    tail::{Raw, Start, tail_several},
    wire::datetime,
};
use proto::{
    access::Method,
    prediction::{WatchPredictionsRequest, WatchPredictionsResponse},
    rpc::Context,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, metadata::MetadataMap, server::ServerStreamingService};
use uuid::Uuid;

use super::watch_filter::{Filter, Happening};
use crate::{callers::Endings, rpc::Gateway};

/// Longest silence.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// Events that wait for a slow client before reading pauses.
const WAITING: usize = 64;

/// Streams to one client.
#[derive(Debug)]
pub struct WatchPredictions {
    pub gateway: Arc<Gateway>,
    pub method: &'static Method,
}

type Sender = mpsc::Sender<Result<WatchPredictionsResponse, Status>>;
type Responses = ReceiverStream<Result<WatchPredictionsResponse, Status>>;

impl ServerStreamingService<WatchPredictionsRequest> for WatchPredictions {
    type Response = WatchPredictionsResponse;
    type ResponseStream = Responses;
    type Future = BoxFuture<'static, Result<Response<Responses>, Status>>;

    fn call(&mut self, request: Request<WatchPredictionsRequest>) -> Self::Future {
        let (gateway, method) = (Arc::clone(&self.gateway), self.method);
        Box::pin(async move {
            let (metadata, _, request) = request.into_parts();
            // Before the caller is judged, so that nothing that ends in between is missed.
            let endings = gateway.callers.endings(&metadata);
            let context = gateway.admit(method, &metadata).await?;
            let tenant = context.caller()?.tenant_id;
            let filter = Filter::new(&request)?;
            let start = start(&request)?;
            let kit = &gateway.kit;
            let (begun, events) = tail_several(&kit.bus, tenant, &filter.events(), start).await?;
            let (sender, receiver) = mpsc::channel(WAITING);
            let shutdown = kit.shutdown.clone();
            let watch = Watch {
                gateway,
                method,
                metadata,
                context,
                tenant,
                filter,
                endings,
                cursor: begun
                    .map_or_else(|| request_cursor(start), |position| position.to_string()),
            };
            tokio::spawn(async move {
                tokio::select! {
                    ended = watch.pump(events, &sender) => {
                        if let Err(status) = ended {
                            // A client that is gone does not need to be told.
                            let _ = sender.send(Err(status)).await;
                        }
                    }
                    () = shutdown.cancelled() => {
                        let stopping = Status::unavailable("the gateway is stopping: watch again from your cursor");
                        // A client that reads no more does not need to be told.
                        let _ = sender.try_send(Err(stopping));
                    }
                }
            });
            Ok(Response::new(ReceiverStream::new(receiver)))
        })
    }
}

/// One client's watch.
struct Watch {
    gateway: Arc<Gateway>,
    method: &'static Method,
    metadata: MetadataMap,
    context: Context,
    tenant: Uuid,
    filter: Filter,
    endings: Endings,
    cursor: String,
}

impl Watch {
    /// Sends until the client goes away, which is no error, or the reading breaks off. Begins with a heartbeat, so that the
    /// client knows from which cursor it is being served.
    async fn pump(
        mut self,
        events: impl Stream<Item = platform::Result<Raw>>,
        sender: &Sender,
    ) -> Result<(), Status> {
        let mut events = Box::pin(events);
        let mut response = Some(self.heartbeat());
        let mut beat = Instant::now() + HEARTBEAT;
        loop {
            if let Some(response) = response.take() {
                beat = Instant::now() + HEARTBEAT;
                if sender.send(Ok(response)).await.is_err() {
                    return Ok(());
                }
            }
            tokio::select! {
                next = events.next() => {
                    let raw = match next {
                        Some(Ok(raw)) => raw,
                        Some(Err(error)) => {
                            tracing::warn!(error = %platform::error::chain(&error), "a watch broke off");
                            return Err(broken_off());
                        }
                        None => return Err(broken_off()),
                    };
                    response = self.wanted(raw).await?;
                }
                () = sleep_until(beat) => {
                    // Sessions also end by themselves, of which nobody tells.
                    self.judge().await?;
                    response = Some(self.heartbeat());
                }
                () = self.endings.next() => self.judge().await?,
                () = sender.closed() => return Ok(()),
            }
        }
    }

    fn heartbeat(&self) -> WatchPredictionsResponse {
        WatchPredictionsResponse {
            cursor: self.cursor.clone(),
            ..WatchPredictionsResponse::default()
        }
    }

    /// What is sent of an event. Also one that is not wanted moves the cursor.
    async fn wanted(&mut self, raw: Raw) -> Result<Option<WatchPredictionsResponse>, Status> {
        self.cursor = raw.position.to_string();
        let happening = Happening::read(&raw.event_type, raw.body).map_err(|error| {
            tracing::error!(%error, event = %raw.event_type, "an event cannot be read");
            Status::internal("an event cannot be read: it has been logged")
        })?;
        let Some(happening) = happening else {
            return Ok(None);
        };
        let transport = &self.gateway.kit.transport;
        let passes = self
            .filter
            .passes(transport, &self.context, &happening)
            .await?;
        Ok(passes.then(|| happening.into_response(self.cursor.clone())))
    }

    /// Whether the caller may still see this tenant's events.
    async fn judge(&self) -> Result<(), Status> {
        let context = self.gateway.admit(self.method, &self.metadata).await?;
        if context.caller()?.tenant_id == self.tenant {
            return Ok(());
        }
        Err(Status::permission_denied(
            "the session has moved to another organisation: watch again",
        ))
    }
}

fn broken_off() -> Status {
    Status::unavailable("the event stream broke off: watch again from your cursor")
}

/// Where to begin: behind a cursor, at a time, or now.
fn start(request: &WatchPredictionsRequest) -> Result<Start, Status> {
    let cursor = request.cursor.as_str();
    let malformed = || {
        Status::invalid_argument(
            "the cursor is malformed: send one that was answered, \"0\" for all, or nothing",
        )
    };
    match (cursor, &request.from_time) {
        ("", None) => Ok(Start::Now),
        ("", Some(time)) => datetime(time).map(Start::At).ok_or_else(|| {
            Status::invalid_argument("from_time is out of range: send seconds since 1970")
        }),
        (_, Some(_)) => Err(Status::invalid_argument(
            "there are a cursor and a from_time: send one of them",
        )),
        (cursor, None) => match cursor.strip_prefix('@') {
            // What a watch from a time answers until something has happened.
            Some(micros) => micros
                .parse()
                .ok()
                .and_then(platform::wire::from_micros)
                .map(Start::At)
                .ok_or_else(malformed),
            None => cursor.parse().map(Start::After).map_err(|_| malformed()),
        },
    }
}

/// The cursor of a watch that has seen nothing yet.
fn request_cursor(start: Start) -> String {
    match start {
        Start::At(time) => format!("@{}", time.timestamp_micros()),
        Start::After(position) => position.to_string(),
        Start::Now => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use platform::tail::Position;

    use super::*;

    fn of(cursor: &str, seconds: Option<i64>) -> Result<Start, Status> {
        start(&WatchPredictionsRequest {
            cursor: cursor.to_owned(),
            from_time: seconds.map(|seconds| prost_types::Timestamp { seconds, nanos: 0 }),
            ..WatchPredictionsRequest::default()
        })
    }

    #[test]
    fn a_watch_begins_where_it_is_told() {
        assert_eq!(of("", None).ok(), Some(Start::Now));
        assert_eq!(of("17", None).ok(), Some(Start::After(17.into())));
        let within = Position {
            message: 17,
            events: 3,
        };
        assert_eq!(of("17.3", None).ok(), Some(Start::After(within)));
        let at = of("", Some(1_700_000_000)).expect("a time");
        assert_eq!(request_cursor(at), "@1700000000000000");
        assert_eq!(
            of("@1700000000000000", None).ok(),
            Some(at),
            "it goes on from there"
        );
        for bad in [
            of("x", None),
            of("@x", None),
            of("1", Some(1)),
            of("", Some(i64::MAX)),
        ] {
            assert!(bad.is_err(), "{bad:?}");
        }
    }
}
