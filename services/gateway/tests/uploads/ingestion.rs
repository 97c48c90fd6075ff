//! An ingestion that is made up: it reads the blobs that the gateway hands over and answers by the
//! name of the dataset. Deliberately no database and no rule.

use bytes::Bytes;
use platform::{Kit, Service, Wiring};
use proto::{
    common::BlobRef,
    ingestion::{
        Dataset, ErrorsFormat, Import, InspectUploadRequest, InspectUploadResponse, Preview,
        RegisterUploadRequest, RegisterUploadResponse,
    },
    rpc::{Context, Dispatch, decode, encode, unknown_method},
};
use tonic::Status;

pub const SERVICE: Service = Service {
    name: "ingestion",
    migrations: None,
    wire: |kit| Box::pin(async move { Ok(Wiring::new().rpc(Fake(kit))) }),
};

/// Size of the errors file: more than all buffers between here and a client hold.
pub const ERRORS_BYTES: usize = 24 * 1024 * 1024;

/// The errors file.
pub fn errors_file() -> Vec<u8> {
    (0..ERRORS_BYTES).map(|n| (n % 249) as u8).collect()
}

struct Fake(Kit);

#[async_trait::async_trait]
impl Dispatch for Fake {
    fn service(&self) -> &'static str {
        "valutai.ingestion.v1.IngestionService"
    }

    async fn dispatch(
        &self,
        method: &str,
        context: Context,
        request: Bytes,
    ) -> Result<Vec<u8>, Status> {
        match method {
            "RegisterUpload" => Ok(encode(&self.register(&context, decode(request)?).await?)),
            "InspectUpload" => Ok(encode(&self.inspect(&context, decode(request)?).await?)),
            _ => Err(unknown_method(self.service(), method)),
        }
    }
}

impl Fake {
    /// Answers how many bytes it read, and keeps none of them.
    async fn register(
        &self,
        context: &Context,
        request: RegisterUploadRequest,
    ) -> Result<RegisterUploadResponse, Status> {
        let blob = request.blob.unwrap_or_default();
        let size = self.size(context, &blob).await?;
        let tenant = context.caller()?.tenant_id;
        self.0.blobs.delete(tenant, &blob).await?;
        Ok(RegisterUploadResponse {
            id: "d1".to_owned(),
            dataset: Some(Dataset {
                row_count: size,
                ..Dataset::default()
            }),
            import: Some(Import {
                id: "i1".to_owned(),
                ..Import::default()
            }),
            already_imported: true,
            ..RegisterUploadResponse::default()
        })
    }

    async fn inspect(
        &self,
        context: &Context,
        request: InspectUploadRequest,
    ) -> Result<InspectUploadResponse, Status> {
        let header = request.header.unwrap_or_default();
        let size = self
            .size(context, &request.blob.unwrap_or_default())
            .await?;
        if header.name == "unreadable" {
            return Err(Status::invalid_argument("it is unreadable"));
        }
        let errors = match header.errors_format() {
            ErrorsFormat::Unspecified => None,
            _ => {
                let tenant = context.caller()?.tenant_id;
                Some(self.0.blobs.put(tenant, "errors", &errors_file()).await?)
            }
        };
        Ok(InspectUploadResponse {
            preview: Some(Preview {
                row_count: size,
                ..Preview::default()
            }),
            errors,
        })
    }

    async fn size(&self, context: &Context, blob: &BlobRef) -> Result<u32, Status> {
        let tenant = context.caller()?.tenant_id;
        let content = self.0.blobs.get(tenant, blob).await?;
        u32::try_from(content.len()).map_err(|_| Status::internal("too long for a test"))
    }
}
