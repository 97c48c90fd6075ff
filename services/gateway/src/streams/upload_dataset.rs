//! `UploadDataset`: the file goes chunk by chunk into an encrypted blob; ingestion takes it over by
//! reference. Deliberately no look into the content.

use std::sync::Arc;

use futures::future::BoxFuture;
use proto::{
    access::Method,
    ingestion::{
        RegisterUploadRequest, UploadDatasetRequest, UploadDatasetResponse, ingestion_nats::Client,
    },
    rpc::Context,
};
use tonic::{Code, Request, Response, Status, Streaming, server::ClientStreamingService};
use tracing::Instrument as _;

use super::receive::{Received, for_reading, receive, remove};
use crate::rpc::Gateway;

/// Purpose of the blobs; ingestion keeps and removes them.
const PURPOSE: &str = "upload";

/// Takes one upload.
#[derive(Debug)]
pub struct UploadDataset {
    pub gateway: Arc<Gateway>,
    pub method: &'static Method,
}

impl ClientStreamingService<UploadDatasetRequest> for UploadDataset {
    type Response = UploadDatasetResponse;
    type Future = BoxFuture<'static, Result<Response<UploadDatasetResponse>, Status>>;

    fn call(&mut self, request: Request<Streaming<UploadDatasetRequest>>) -> Self::Future {
        let (gateway, method) = (Arc::clone(&self.gateway), self.method);
        Box::pin(async move {
            let (metadata, _, parts) = request.into_parts();
            let context = gateway.admit(method, &metadata).await?;
            // A task of its own: when the client goes away the stream fails in there, and the
            // unfinished blob is removed.
            let uploading = async move { upload(&gateway, &context, parts).await };
            tokio::spawn(uploading.in_current_span())
                .await
                .map_err(|_| Status::internal("the upload broke off inside the gateway"))?
                .map(Response::new)
        })
    }
}

async fn upload(
    gateway: &Gateway,
    context: &Context,
    mut parts: Streaming<UploadDatasetRequest>,
) -> Result<UploadDatasetResponse, Status> {
    let tenant = context.caller()?.tenant_id;
    let received = receive(&gateway.kit, tenant, PURPOSE, &mut parts).await?;
    register(gateway, context, received).await
}

async fn register(
    gateway: &Gateway,
    context: &Context,
    received: Received,
) -> Result<UploadDatasetResponse, Status> {
    let tenant = context.caller()?.tenant_id;
    let Received { header, blob } = received;
    let request = RegisterUploadRequest {
        header: Some(header),
        blob: Some(blob.clone()),
    };
    let ingestion = Client(gateway.kit.transport.clone());
    match ingestion
        .register_upload(&for_reading(context), request)
        .await
    {
        Ok(answer) => Ok(UploadDatasetResponse {
            id: answer.id,
            dataset: answer.dataset,
            report: answer.report,
            import: answer.import,
            already_imported: answer.already_imported,
        }),
        Err(status) => {
            // Where ingestion never saw it nobody else will remove it; where it may still be at work
            // the blob is its own.
            if status.code() == Code::Unavailable {
                remove(&gateway.kit, tenant, &blob).await;
            }
            Err(status)
        }
    }
}
