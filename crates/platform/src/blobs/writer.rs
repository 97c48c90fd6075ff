//! Writes a blob in pieces. Deliberately nothing of what it could leave behind when its process is
//! killed: see [`super::Blobs::sweep`].

use chacha20poly1305::{
    XChaCha20Poly1305,
    aead::{Payload, stream},
};
use object_store::{MultipartUpload, PutPayload};
use proto::common::BlobRef;
use sha2::{Digest as _, Sha256};

use super::CHUNK;
use crate::error::{Error, Result};

/// Parts of object storage uploads; S3 asks for 5 MiB at least.
const PART: usize = 5 * 1024 * 1024;

/// Writes one blob piece by piece. Nothing can be read before [`BlobWriter::finish`]; one that is
/// dropped before that leaves nothing.
pub struct BlobWriter {
    upload: Box<dyn MultipartUpload>,
    sealer: stream::EncryptorBE32<XChaCha20Poly1305>,
    key: String,
    plain: Vec<u8>,
    sealed: Vec<u8>,
    digest: Sha256,
    size_bytes: i64,
}

impl std::fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobWriter({})", self.key)
    }
}

impl BlobWriter {
    pub(super) fn new(
        upload: Box<dyn MultipartUpload>,
        sealer: stream::EncryptorBE32<XChaCha20Poly1305>,
        key: String,
        head: Vec<u8>,
    ) -> Self {
        Self {
            upload,
            sealer,
            key,
            plain: Vec::with_capacity(CHUNK),
            sealed: head,
            digest: Sha256::new(),
            size_bytes: 0,
        }
    }

    /// SHA-256 of the plain bytes taken so far.
    #[must_use]
    pub fn sha256(&self) -> Vec<u8> {
        self.digest.clone().finalize().to_vec()
    }

    /// Plain bytes taken so far.
    #[must_use]
    pub fn size_bytes(&self) -> i64 {
        self.size_bytes
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn write(&mut self, mut content: &[u8]) -> Result<()> {
        self.digest.update(content);
        self.size_bytes += i64::try_from(content.len()).unwrap_or(i64::MAX);
        while !content.is_empty() {
            // A full chunk is sealed only when more follows: the last one is sealed differently.
            if self.plain.len() == CHUNK {
                let sealed = self
                    .sealer
                    .encrypt_next(Payload {
                        msg: &self.plain,
                        aad: self.key.as_bytes(),
                    })
                    .map_err(|_| Error::Checksum(self.key.clone()))?;
                self.sealed.extend(sealed);
                self.plain.clear();
                if self.sealed.len() >= PART {
                    let part = std::mem::take(&mut self.sealed);
                    self.upload.put_part(PutPayload::from(part)).await?;
                }
            }
            let room = (CHUNK - self.plain.len()).min(content.len());
            self.plain.extend_from_slice(&content[..room]);
            content = &content[room..];
        }
        Ok(())
    }

    /// Completes the blob and answers its reference.
    ///
    /// # Errors
    /// Where the store fails.
    pub async fn finish(mut self) -> Result<BlobRef> {
        let last = self
            .sealer
            .encrypt_last(Payload {
                msg: &self.plain,
                aad: self.key.as_bytes(),
            })
            .map_err(|_| Error::Checksum(self.key.clone()))?;
        self.sealed.extend(last);
        self.upload
            .put_part(PutPayload::from(std::mem::take(&mut self.sealed)))
            .await?;
        self.upload.complete().await?;
        Ok(BlobRef {
            key: self.key,
            size_bytes: self.size_bytes,
            sha256: self.digest.finalize().to_vec(),
        })
    }

    /// Drops what was written.
    pub async fn abort(mut self) {
        if let Err(error) = self.upload.abort().await {
            tracing::warn!(blob = %self.key, %error, "an unfinished blob could not be removed");
        }
    }
}
