//! `ExportAuditTrail`: auth writes the lines part by part, and the client gets each as it comes. Deliberately
//! no look into the lines.

use std::sync::Arc;

use futures::future::BoxFuture;
use proto::{
    access::Method,
    auth::{
        ExportAuditTrailRequest, ExportAuditTrailResponse, ReadAuditTrailRequest, auth_nats::Client,
    },
    rpc::Context,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, server::ServerStreamingService};
use tracing::Instrument as _;

use crate::rpc::Gateway;

/// Parts that wait for a slow client before reading pauses.
const WAITING: usize = 2;

/// Exports the audit trail.
#[derive(Debug)]
pub struct ExportAudit {
    pub gateway: Arc<Gateway>,
    pub method: &'static Method,
}

type Responses = ReceiverStream<Result<ExportAuditTrailResponse, Status>>;
type Sender = mpsc::Sender<Result<ExportAuditTrailResponse, Status>>;

impl ServerStreamingService<ExportAuditTrailRequest> for ExportAudit {
    type Response = ExportAuditTrailResponse;
    type ResponseStream = Responses;
    type Future = BoxFuture<'static, Result<Response<Responses>, Status>>;

    fn call(&mut self, request: Request<ExportAuditTrailRequest>) -> Self::Future {
        let (gateway, method) = (Arc::clone(&self.gateway), self.method);
        Box::pin(async move {
            let context = gateway.admit(method, request.metadata()).await?;
            let (sender, receiver) = mpsc::channel(WAITING);
            let sending = async move {
                if let Err(status) = send(&gateway, context, &sender).await {
                    // A client that reads no more does not need to be told.
                    let _ = sender.send(Err(status)).await;
                }
            };
            tokio::spawn(sending.in_current_span());
            Ok(Response::new(ReceiverStream::new(receiver)))
        })
    }
}

/// Sends until the sealed head was sent; ends early where the client reads no more.
async fn send(gateway: &Gateway, mut context: Context, sender: &Sender) -> Result<(), Status> {
    let auth = Client(gateway.kit.transport.clone());
    // Each part has a call's time, the whole has what it needs.
    context.deadline = None;
    let mut after = 0;
    loop {
        let request = ReadAuditTrailRequest { after };
        let part = auth.read_audit_trail(&context, request).await?;
        after = part.last;
        let chunk = ExportAuditTrailResponse { chunk: part.lines };
        if sender.send(Ok(chunk)).await.is_err() || part.complete {
            return Ok(());
        }
    }
}
