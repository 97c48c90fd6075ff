//! `ExportModel`: prediction writes the file, the client gets it piece by piece, and nothing of it stays. Deliberately no
//! look into the file.

use std::sync::Arc;

use futures::future::BoxFuture;
use proto::{
    access::Method,
    common::BlobRef,
    prediction::{
        ExportModelRequest, ExportModelResponse, PrepareExportRequest, prediction_nats::Client,
    },
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, server::ServerStreamingService};
use tracing::Instrument as _;
use uuid::Uuid;

use super::receive::remove;
use crate::rpc::Gateway;

/// Purpose of the blobs, as prediction names it; nobody needs them after the call.
pub const PURPOSE: &str = "export";
/// Pieces that wait for a slow client before reading pauses.
const WAITING: usize = 4;

/// Exports one model.
#[derive(Debug)]
pub struct ExportModel {
    pub gateway: Arc<Gateway>,
    pub method: &'static Method,
}

type Responses = ReceiverStream<Result<ExportModelResponse, Status>>;
type Sender = mpsc::Sender<Result<ExportModelResponse, Status>>;

impl ServerStreamingService<ExportModelRequest> for ExportModel {
    type Response = ExportModelResponse;
    type ResponseStream = Responses;
    type Future = BoxFuture<'static, Result<Response<Responses>, Status>>;

    fn call(&mut self, request: Request<ExportModelRequest>) -> Self::Future {
        let (gateway, method) = (Arc::clone(&self.gateway), self.method);
        Box::pin(async move {
            let (metadata, _, request) = request.into_parts();
            let context = gateway.admit(method, &metadata).await?;
            let tenant = context.caller()?.tenant_id;
            let prepare = PrepareExportRequest {
                model_id: request.model_id,
            };
            let prepared = Client(gateway.kit.transport.clone())
                .prepare_export(&context, prepare)
                .await?;
            let file = prepared.file.unwrap_or_default();
            let (sender, receiver) = mpsc::channel(WAITING);
            // A task of its own: it removes the file also when the client goes away.
            let sending = async move {
                if let Err(status) = send(&gateway, tenant, &file, &sender).await {
                    // A client that reads no more does not need to be told.
                    let _ = sender.send(Err(status)).await;
                }
                remove(&gateway.kit, tenant, &file).await;
            };
            tokio::spawn(sending.in_current_span());
            Ok(Response::new(ReceiverStream::new(receiver)))
        })
    }
}

/// The pieces are those of the blob, 64 KiB each; ends early where the client reads no more.
async fn send(
    gateway: &Gateway,
    tenant: Uuid,
    file: &BlobRef,
    sender: &Sender,
) -> Result<(), Status> {
    let mut content = gateway.kit.blobs.reader(tenant, file).await?;
    while let Some(chunk) = content.next().await? {
        if sender
            .send(Ok(ExportModelResponse { chunk }))
            .await
            .is_err()
        {
            return Ok(());
        }
    }
    Ok(())
}
