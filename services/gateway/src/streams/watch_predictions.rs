//! `WatchPredictions`: a tenant's prediction events from a cursor on and then as they come, with a
//! heartbeat in silence. Deliberately no state here: the client keeps the cursor.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, future::BoxFuture};
use platform::tail::{Start, tail};
use proto::{
    access::Method,
    prediction::{PredictionMade, WatchPredictionsRequest, WatchPredictionsResponse},
};
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, server::ServerStreamingService};

use crate::rpc::Gateway;

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

type Responses = ReceiverStream<Result<WatchPredictionsResponse, Status>>;

impl ServerStreamingService<WatchPredictionsRequest> for WatchPredictions {
    type Response = WatchPredictionsResponse;
    type ResponseStream = Responses;
    type Future = BoxFuture<'static, Result<Response<Responses>, Status>>;

    fn call(&mut self, request: Request<WatchPredictionsRequest>) -> Self::Future {
        let (gateway, method) = (Arc::clone(&self.gateway), self.method);
        Box::pin(async move {
            let (metadata, _, request) = request.into_parts();
            let context = gateway.admit(method, &metadata).await?;
            let tenant = context.caller()?.tenant_id;
            let start = parse_cursor(&request.cursor)?;
            let (begun, events) = tail::<PredictionMade>(&gateway.kit.bus, tenant, start).await?;
            let (sender, receiver) = mpsc::channel(WAITING);
            let shutdown = gateway.kit.shutdown.clone();
            tokio::spawn(async move {
                tokio::select! {
                    () = pump(begun, events, &sender) => {}
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

/// Sends until the client goes away or the reading breaks off. Begins with a heartbeat, so that the
/// client knows from which cursor it is being served.
async fn pump(
    begun: u64,
    events: impl futures::Stream<Item = platform::Result<platform::tail::Positioned<PredictionMade>>>,
    sender: &mpsc::Sender<Result<WatchPredictionsResponse, Status>>,
) {
    let mut events = Box::pin(events);
    let mut response = Ok(WatchPredictionsResponse {
        cursor: begun.to_string(),
        event: None,
    });
    let mut cursor = begun;
    loop {
        let broken = response.is_err();
        if sender.send(response).await.is_err() || broken {
            return;
        }
        let next = tokio::select! {
            next = timeout(HEARTBEAT, events.next()) => next,
            () = sender.closed() => return,
        };
        let event = match next {
            Err(_) => None,
            Ok(Some(Ok(positioned))) => {
                cursor = positioned.position;
                Some(positioned.event)
            }
            Ok(Some(Err(error))) => {
                tracing::warn!(error = %platform::error::chain(&error), "a watch broke off");
                response = Err(broken_off());
                continue;
            }
            Ok(None) => {
                response = Err(broken_off());
                continue;
            }
        };
        response = Ok(WatchPredictionsResponse {
            cursor: cursor.to_string(),
            event,
        });
    }
}

fn broken_off() -> Status {
    Status::unavailable("the event stream broke off: watch again from your cursor")
}

fn parse_cursor(cursor: &str) -> Result<Start, Status> {
    if cursor.is_empty() {
        return Ok(Start::Now);
    }
    cursor.parse().map(Start::After).map_err(|_| {
        Status::invalid_argument(
            "the cursor is malformed: send one that was answered, \"0\" for all, or nothing",
        )
    })
}
