//! `PreviewDataset`: the file is kept while ingestion looks at it; the client gets what an import
//! would do, and the errors file where it asked for one. Deliberately nothing that stays, whatever
//! happens on the way.

use std::sync::Arc;

use futures::future::BoxFuture;
use proto::{
    access::Method,
    common::BlobRef,
    ingestion::{
        InspectUploadRequest, InspectUploadResponse, PreviewDatasetResponse, UploadDatasetRequest,
        ingestion_nats::Client, preview_dataset_response::Part,
    },
    rpc::Context,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming, server::StreamingService};
use tracing::Instrument as _;
use uuid::Uuid;

use super::receive::{Received, for_reading, receive, remove};
use crate::rpc::Gateway;

/// Purpose of the blobs; nobody needs them after the call.
pub const PURPOSE: &str = "preview";
/// Pieces of the errors file that wait for a slow client before reading pauses.
const WAITING: usize = 4;

/// Previews one file.
#[derive(Debug)]
pub struct PreviewDataset {
    pub gateway: Arc<Gateway>,
    pub method: &'static Method,
}

type Responses = ReceiverStream<Result<PreviewDatasetResponse, Status>>;
type Sender = mpsc::Sender<Result<PreviewDatasetResponse, Status>>;

/// The client reads no more, so there is nobody to tell.
struct Gone;

impl StreamingService<UploadDatasetRequest> for PreviewDataset {
    type Response = PreviewDatasetResponse;
    type ResponseStream = Responses;
    type Future = BoxFuture<'static, Result<Response<Responses>, Status>>;

    fn call(&mut self, request: Request<Streaming<UploadDatasetRequest>>) -> Self::Future {
        let (gateway, method) = (Arc::clone(&self.gateway), self.method);
        Box::pin(async move {
            let (metadata, _, parts) = request.into_parts();
            let context = gateway.admit(method, &metadata).await?;
            let tenant = context.caller()?.tenant_id;
            let (sender, receiver) = mpsc::channel(WAITING);
            // A task of its own: it removes the blobs also when the client goes away.
            let sending = async move {
                if let Err(status) = preview(&gateway, &context, tenant, parts, &sender).await {
                    // A client that reads no more does not need to be told.
                    let _ = sender.send(Err(status)).await;
                }
            };
            tokio::spawn(sending.in_current_span());
            Ok(Response::new(ReceiverStream::new(receiver)))
        })
    }
}

async fn preview(
    gateway: &Gateway,
    context: &Context,
    tenant: Uuid,
    mut parts: Streaming<UploadDatasetRequest>,
    sender: &Sender,
) -> Result<(), Status> {
    let received = receive(&gateway.kit, tenant, PURPOSE, &mut parts).await?;
    let content = received.blob.clone();
    let inspected = inspect(gateway, context, received).await;
    remove(&gateway.kit, tenant, &content).await;
    let InspectUploadResponse { preview, errors } = inspected?;
    let preview = preview.ok_or_else(|| Status::internal("the preview is missing"))?;
    let told = send(sender, Part::Preview(preview)).await;
    let Some(errors) = errors else {
        return Ok(());
    };
    let sent = match told {
        Ok(()) => send_errors(gateway, tenant, &errors, sender).await,
        Err(Gone) => Ok(()),
    };
    remove(&gateway.kit, tenant, &errors).await;
    sent
}

async fn inspect(
    gateway: &Gateway,
    context: &Context,
    received: Received,
) -> Result<InspectUploadResponse, Status> {
    let request = InspectUploadRequest {
        header: Some(received.header),
        blob: Some(received.blob),
    };
    Client(gateway.kit.transport.clone())
        .inspect_upload(&for_reading(context), request)
        .await
}

/// The pieces are those of the blob, 64 KiB each.
async fn send_errors(
    gateway: &Gateway,
    tenant: Uuid,
    errors: &BlobRef,
    sender: &Sender,
) -> Result<(), Status> {
    let mut content = gateway.kit.blobs.reader(tenant, errors).await?;
    while let Some(piece) = content.next().await? {
        if send(sender, Part::ErrorsChunk(piece)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

async fn send(sender: &Sender, part: Part) -> Result<(), Gone> {
    let message = PreviewDatasetResponse { part: Some(part) };
    sender.send(Ok(message)).await.map_err(|_| Gone)
}
