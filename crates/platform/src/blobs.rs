//! Encrypted blobs in object storage: a key of their own each, wrapped by the tenant's data key,
//! content in 64 KiB chunks by the STREAM construction, so that chunks can be neither dropped, nor
//! swapped, nor cut off. Deliberately no listing: a blob is reached by its reference only.

use std::{path::Path as FilePath, sync::Arc};

use chacha20poly1305::{
    Key as CipherKey, KeyInit, XChaCha20Poly1305,
    aead::{Payload, generic_array::GenericArray, stream},
};
use object_store::{
    MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem, path::Path,
};
use proto::common::BlobRef;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    config::Key,
    crypto,
    error::{Error, Result},
    keys::KeyRing,
};

const MAGIC: &[u8; 4] = b"VAB1";
const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;
/// XChaCha20's 24 bytes less the 5 that STREAM counts with.
const NONCE: usize = 19;
/// Parts of object storage uploads; S3 asks for 5 MiB at least.
const PART: usize = 5 * 1024 * 1024;

/// The blob store of a process.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    keys: KeyRing,
}

impl Blobs {
    /// A store in a local folder, which is made where missing.
    ///
    /// # Errors
    /// Where the folder cannot be made or opened.
    pub fn local(dir: &FilePath, keys: KeyRing) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(|source| Error::Io {
            what: format!("the blob folder {} cannot be made", dir.display()),
            source,
        })?;
        let store = LocalFileSystem::new_with_prefix(dir)?;
        Ok(Self {
            store: Arc::new(store),
            keys,
        })
    }

    /// Stores bytes for a tenant under a purpose such as `upload`.
    ///
    /// # Errors
    /// Where the tenant has no key or the store fails; then nothing is left behind.
    pub async fn put(&self, tenant: Uuid, purpose: &str, content: &[u8]) -> Result<BlobRef> {
        let mut writer = self.writer(tenant, purpose).await?;
        match writer.write(content).await {
            Ok(()) => writer.finish().await,
            Err(error) => {
                writer.abort().await;
                Err(error)
            }
        }
    }

    /// Opens a writer for content that arrives in pieces.
    ///
    /// # Errors
    /// Where the tenant has no key or the store fails.
    pub async fn writer(&self, tenant: Uuid, purpose: &str) -> Result<BlobWriter> {
        let key = format!("{tenant}/{purpose}/{}", Uuid::now_v7());
        let content_key = Key::generate();
        let nonce: [u8; NONCE] = rand::random();
        let wrapped = crypto::seal(
            &self.keys.data_key(tenant).await?,
            &key,
            content_key.expose(),
        );
        let mut head = MAGIC.to_vec();
        head.push(u8::try_from(wrapped.len()).unwrap_or(u8::MAX));
        head.extend_from_slice(&wrapped);
        head.extend_from_slice(&nonce);
        let cipher = XChaCha20Poly1305::new(CipherKey::from_slice(content_key.expose()));
        Ok(BlobWriter {
            upload: self.store.put_multipart(&Path::from(key.as_str())).await?,
            sealer: stream::EncryptorBE32::from_aead(cipher, GenericArray::from_slice(&nonce)),
            key,
            plain: Vec::with_capacity(CHUNK),
            sealed: head,
            digest: Sha256::new(),
            size_bytes: 0,
        })
    }

    /// Reads a blob of a tenant and checks it against its reference.
    ///
    /// # Errors
    /// Where the reference belongs to another tenant, the store fails, or the content was changed.
    pub async fn get(&self, tenant: Uuid, blob: &BlobRef) -> Result<Vec<u8>> {
        require_own(tenant, blob)?;
        let stored = self
            .store
            .get(&Path::from(blob.key.as_str()))
            .await?
            .bytes()
            .await?;
        let plain = open(&self.keys.data_key(tenant).await?, &blob.key, &stored)?;
        if Sha256::digest(&plain).as_slice() != blob.sha256 {
            return Err(Error::Checksum(blob.key.clone()));
        }
        Ok(plain)
    }

    /// Deletes a blob of a tenant; one that is gone already is no error.
    ///
    /// # Errors
    /// Where the reference belongs to another tenant or the store fails.
    pub async fn delete(&self, tenant: Uuid, blob: &BlobRef) -> Result<()> {
        require_own(tenant, blob)?;
        match self.store.delete(&Path::from(blob.key.as_str())).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn require_own(tenant: Uuid, blob: &BlobRef) -> Result<()> {
    if blob.key.starts_with(&format!("{tenant}/")) {
        return Ok(());
    }
    Err(Error::Decryption("a blob of another organisation"))
}

fn open(data_key: &Key, key: &str, stored: &[u8]) -> Result<Vec<u8>> {
    const WHAT: &str = "a blob";
    let broken = || Error::Decryption(WHAT);
    let rest = stored.strip_prefix(MAGIC).ok_or_else(broken)?;
    let (&wrapped_len, rest) = rest.split_first().ok_or_else(broken)?;
    let (wrapped, rest) = rest
        .split_at_checked(usize::from(wrapped_len))
        .ok_or_else(broken)?;
    let (nonce, mut rest) = rest.split_at_checked(NONCE).ok_or_else(broken)?;
    let content_key = zeroize::Zeroizing::new(crypto::open(data_key, key, wrapped, WHAT)?);
    let cipher = XChaCha20Poly1305::new_from_slice(&content_key).map_err(|_| broken())?;
    let mut opener = stream::DecryptorBE32::from_aead(cipher, GenericArray::from_slice(nonce));
    let mut plain = Vec::with_capacity(rest.len());
    let aad = key.as_bytes();
    while rest.len() > CHUNK + TAG {
        let (msg, behind) = rest.split_at(CHUNK + TAG);
        plain.extend(
            opener
                .decrypt_next(Payload { msg, aad })
                .map_err(|_| broken())?,
        );
        rest = behind;
    }
    plain.extend(
        opener
            .decrypt_last(Payload { msg: rest, aad })
            .map_err(|_| broken())?,
    );
    Ok(plain)
}

/// Writes one blob piece by piece. Nothing can be read before [`BlobWriter::finish`].
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
