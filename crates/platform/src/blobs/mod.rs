//! Encrypted blobs in object storage: a key of their own each, wrapped by the tenant's data key,
//! content in 64 KiB chunks by the STREAM construction, so that chunks can be neither dropped, nor
//! swapped, nor cut off.
//!
//! Layout: [`writer`](BlobWriter) and [`reader`](BlobReader) for content in pieces, `blocking` for
//! readers that are not async, `unseal` for the format, `sweep` for what nobody refers to.
//! Deliberately no listing for others: a blob is reached by its reference only.

mod blocking;
mod reader;
mod sweep;
mod unseal;
mod writer;

use std::{
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use chacha20poly1305::{
    Key as CipherKey, KeyInit, XChaCha20Poly1305,
    aead::{generic_array::GenericArray, stream},
};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{ObjectStore, ObjectStoreExt, local::LocalFileSystem, path::Path};
use proto::common::BlobRef;
use uuid::Uuid;

use self::unseal::Unsealer;
pub use self::{
    blocking::{BlockingBlob, BlockingReader},
    reader::BlobReader,
    sweep::Swept,
    writer::BlobWriter,
};

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

/// The blob store of a process.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// Where the store lies, for the unfinished files that it does not list.
    dir: PathBuf,
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
            dir: dir.to_owned(),
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
        let sealer = stream::EncryptorBE32::from_aead(cipher, GenericArray::from_slice(&nonce));
        let upload = self.store.put_multipart(&Path::from(key.as_str())).await?;
        Ok(BlobWriter::new(upload, sealer, key, head))
    }

    /// Reads a blob of a tenant and checks it against its reference.
    ///
    /// # Errors
    /// Where the reference belongs to another tenant, the store fails, or the content was changed.
    pub async fn get(&self, tenant: Uuid, blob: &BlobRef) -> Result<Vec<u8>> {
        let mut reader = self.reader(tenant, blob).await?;
        let mut content = Vec::with_capacity(usize::try_from(blob.size_bytes).unwrap_or(0));
        while let Some(piece) = reader.next().await? {
            content.extend_from_slice(&piece);
        }
        Ok(content)
    }

    /// Opens a blob of a tenant for reading in pieces, with bounded memory.
    ///
    /// # Errors
    /// Where the reference belongs to another tenant or the store fails.
    pub async fn reader(&self, tenant: Uuid, blob: &BlobRef) -> Result<BlobReader> {
        require_own(tenant, blob)?;
        let unsealer = Unsealer::new(self.keys.data_key(tenant).await?, blob);
        let found = self.store.get(&Path::from(blob.key.as_str())).await?;
        Ok(BlobReader::new(found.payload, unsealer))
    }

    /// A blob of a tenant for code that is not async: to be opened as often as is needed, from
    /// threads where blocking is allowed.
    ///
    /// # Errors
    /// Where the reference belongs to another tenant, or the tenant has no key.
    pub async fn blocking(&self, tenant: Uuid, blob: &BlobRef) -> Result<BlockingBlob> {
        require_own(tenant, blob)?;
        let data_key = self.keys.data_key(tenant).await?;
        Ok(BlockingBlob::new(Arc::clone(&self.store), data_key, blob))
    }

    /// Deletes every blob of a tenant.
    ///
    /// # Errors
    /// Where the store fails; what was deleted until then stays so.
    pub async fn erase(&self, tenant: Uuid) -> Result<()> {
        let prefix = Path::from(tenant.to_string());
        let keys = self
            .store
            .list(Some(&prefix))
            .map_ok(|found| found.location);
        self.store
            .delete_stream(keys.boxed())
            // The other services delete the same.
            .filter(|deleted| {
                let gone = matches!(deleted, Err(object_store::Error::NotFound { .. }));
                std::future::ready(!gone)
            })
            .try_for_each(|_| std::future::ready(Ok(())))
            .await?;
        Ok(())
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
