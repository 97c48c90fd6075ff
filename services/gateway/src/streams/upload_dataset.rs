//! `UploadDataset`: the file goes chunk by chunk into an encrypted blob; ingestion takes it over by
//! reference. Deliberately no look into the content.

use std::sync::Arc;

use futures::future::BoxFuture;
use platform::blobs::BlobWriter;
use proto::{
    access::Method,
    common::BlobRef,
    ingestion::{
        RegisterUploadRequest, UploadDatasetRequest, UploadDatasetResponse, UploadHeader,
        ingestion_nats::Client, upload_dataset_request::Part,
    },
    rpc::Context,
};
use tonic::{Request, Response, Status, Streaming, server::ClientStreamingService};

use crate::rpc::Gateway;

/// Largest file that is taken, in bytes.
const FILE_LIMIT: i64 = 256 * 1024 * 1024;

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
            tokio::spawn(async move { upload(&gateway, &context, parts).await })
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
    let header = read_header(&mut parts).await?;
    let tenant = context.caller()?.tenant_id;
    let mut writer = gateway.kit.blobs.writer(tenant, "upload").await?;
    let blob = match write_chunks(&mut writer, &mut parts).await {
        Ok(()) => writer.finish().await?,
        Err(status) => {
            writer.abort().await;
            return Err(status);
        }
    };
    register(gateway, context, header, blob).await
}

async fn read_header(parts: &mut Streaming<UploadDatasetRequest>) -> Result<UploadHeader, Status> {
    match parts.message().await?.and_then(|message| message.part) {
        Some(Part::Header(header)) => Ok(header),
        _ => Err(Status::invalid_argument(
            "send the upload's header in the first message, then the content in chunks",
        )),
    }
}

async fn write_chunks(
    writer: &mut BlobWriter,
    parts: &mut Streaming<UploadDatasetRequest>,
) -> Result<(), Status> {
    while let Some(message) = parts.message().await? {
        let Some(Part::Chunk(chunk)) = message.part else {
            return Err(Status::invalid_argument(
                "send the header once and then only chunks",
            ));
        };
        writer.write(&chunk).await?;
        if writer.size_bytes() > FILE_LIMIT {
            return Err(Status::invalid_argument(format!(
                "the file is larger than {} MiB: split it",
                FILE_LIMIT / (1024 * 1024)
            )));
        }
    }
    Ok(())
}

async fn register(
    gateway: &Gateway,
    context: &Context,
    header: UploadHeader,
    blob: BlobRef,
) -> Result<UploadDatasetResponse, Status> {
    let request = RegisterUploadRequest {
        header: Some(header),
        blob: Some(blob.clone()),
    };
    let tenant = context.caller()?.tenant_id;
    let ingestion = Client(gateway.kit.transport.clone());
    match ingestion.register_upload(context, request).await {
        Ok(answer) => Ok(UploadDatasetResponse {
            id: answer.id,
            dataset: answer.dataset,
            report: answer.report,
        }),
        Err(status) => {
            // Where ingestion never saw it nobody else will remove it; where it may still be at work
            // the blob is its own.
            if status.code() == tonic::Code::Unavailable
                && let Err(error) = gateway.kit.blobs.delete(tenant, &blob).await
            {
                tracing::warn!(%error, "an upload that nobody took over is left behind");
            }
            Err(status)
        }
    }
}
