//! What the methods that take a file share: its header, then its content into an encrypted blob,
//! checked and scanned. Deliberately no look into the content: ingestion reads it.

use std::time::{Duration, SystemTime};

use platform::{
    Kit,
    blobs::BlobWriter,
    clamd::{Scanner, Verdict},
    error::chain,
};
use proto::{
    common::BlobRef,
    ingestion::{UploadDatasetRequest, UploadHeader, upload_dataset_request::Part},
    rpc::Context,
};
use tonic::{Status, Streaming};
use uuid::Uuid;

/// Longest that reading and judging a file may take once it has arrived. Large files take their time,
/// and how long the sending took is nobody's fault.
const READING: Duration = Duration::from_secs(15 * 60);
const SHA256_BYTES: usize = 32;
const MIB: u64 = 1024 * 1024;

/// A file that has arrived.
#[derive(Debug)]
pub struct Received {
    /// What the client said about it.
    pub header: UploadHeader,
    /// Its content.
    pub blob: BlobRef,
}

/// Takes a file into a blob of the purpose. Where it is refused, or the client goes away, nothing of
/// it stays.
pub async fn receive(
    kit: &Kit,
    tenant: Uuid,
    purpose: &str,
    parts: &mut Streaming<UploadDatasetRequest>,
) -> Result<Received, Status> {
    let header = read_header(parts).await?;
    let mut writer = kit.blobs.writer(tenant, purpose).await?;
    let blob = match write_content(&mut writer, parts, kit.config.uploads.max_bytes).await {
        Ok(()) => writer.finish().await?,
        Err(status) => {
            writer.abort().await;
            return Err(status);
        }
    };
    if let Err(status) = scan(kit, tenant, &blob).await {
        remove(kit, tenant, &blob).await;
        return Err(status);
    }
    Ok(Received { header, blob })
}

/// The context of the call that reads a file which has arrived just now.
pub fn for_reading(context: &Context) -> Context {
    Context {
        deadline: Some(SystemTime::now() + READING),
        ..context.clone()
    }
}

/// Removes a blob that nobody needs. What cannot be removed now is swept later.
pub async fn remove(kit: &Kit, tenant: Uuid, blob: &BlobRef) {
    if let Err(error) = kit.blobs.delete(tenant, blob).await {
        tracing::warn!(error = %chain(&error), "a blob that nobody needs is left behind");
    }
}

async fn read_header(parts: &mut Streaming<UploadDatasetRequest>) -> Result<UploadHeader, Status> {
    match parts.message().await?.and_then(|message| message.part) {
        Some(Part::Header(header)) => Ok(header),
        _ => Err(Status::invalid_argument(
            "send the upload's header in the first message, then the content in chunks",
        )),
    }
}

async fn write_content(
    writer: &mut BlobWriter,
    parts: &mut Streaming<UploadDatasetRequest>,
    max_bytes: u64,
) -> Result<(), Status> {
    while let Some(message) = parts.message().await? {
        match message.part {
            Some(Part::Chunk(chunk)) => {
                let taken = u64::try_from(writer.size_bytes()).unwrap_or(u64::MAX);
                if taken.saturating_add(chunk.len() as u64) > max_bytes {
                    return Err(too_large(max_bytes));
                }
                writer.write(&chunk).await?;
            }
            Some(Part::Sha256(announced)) => {
                require_same(&announced, &writer.sha256())?;
                return match parts.message().await? {
                    None => Ok(()),
                    Some(_) => Err(Status::invalid_argument(
                        "the SHA-256 is the last message of an upload: send nothing after it",
                    )),
                };
            }
            Some(Part::Header(_)) | None => {
                return Err(Status::invalid_argument(
                    "send the header once, then only chunks, and at the end the SHA-256 if you like",
                ));
            }
        }
    }
    Ok(())
}

fn too_large(max_bytes: u64) -> Status {
    let limit = if max_bytes.is_multiple_of(MIB) {
        format!("{} MiB", max_bytes / MIB)
    } else {
        format!("{max_bytes} bytes")
    };
    Status::resource_exhausted(format!(
        "the file is larger than {limit}, which is the most that is taken: compress it with gzip, or split it"
    ))
}

fn require_same(announced: &[u8], arrived: &[u8]) -> Result<(), Status> {
    if announced.len() != SHA256_BYTES {
        return Err(Status::invalid_argument(format!(
            "a SHA-256 has {SHA256_BYTES} bytes, not {}: send it as bytes, not as text",
            announced.len()
        )));
    }
    if announced != arrived {
        return Err(Status::data_loss(
            "the content that arrived is not what was sent, because its SHA-256 differs: send it again",
        ));
    }
    Ok(())
}

async fn scan(kit: &Kit, tenant: Uuid, blob: &BlobRef) -> Result<(), Status> {
    let Some(scanner) = Scanner::from_config(&kit.config) else {
        return Ok(());
    };
    let mut content = kit.blobs.reader(tenant, blob).await?;
    match scanner.scan(&mut content).await? {
        Verdict::Clean => Ok(()),
        Verdict::Infected { signature } => {
            tracing::warn!(%signature, %tenant, "an upload was refused by the virus scanner");
            Err(Status::invalid_argument(format!(
                "the virus scanner refuses the file, which it knows as {signature}: nothing of it was kept"
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_in_the_unit_that_fits() {
        assert!(too_large(256 * MIB).message().contains("than 256 MiB,"));
        assert!(too_large(1000).message().contains("than 1000 bytes,"));
    }

    #[test]
    fn a_checksum_is_compared_as_bytes() {
        assert!(require_same(&[7; 32], &[7; 32]).is_ok());
        let other = require_same(&[7; 32], &[8; 32]).expect_err("differs");
        assert_eq!(other.code(), tonic::Code::DataLoss);
        let text = require_same(&[b'0'; 64], &[8; 32]).expect_err("is text");
        assert_eq!(text.code(), tonic::Code::InvalidArgument);
    }
}
