//! The format of a blob, read: header, chunks, and the check of the whole at its end. Deliberately
//! no input of its own: it is fed, so that async and blocking readers share it.

use bytes::{Bytes, BytesMut};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305,
    aead::{Payload, generic_array::GenericArray, stream},
};
use proto::common::BlobRef;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{CHUNK, MAGIC, NONCE, TAG};
use crate::{
    config::Key,
    crypto,
    error::{Error, Result},
};

const WHAT: &str = "a blob";

/// Opens one blob from its first byte to its last.
pub(super) struct Unsealer {
    data_key: Key,
    blob: BlobRef,
    pending: BytesMut,
    digest: Sha256,
    size_bytes: i64,
    /// Made by the header.
    opener: Option<stream::DecryptorBE32<XChaCha20Poly1305>>,
}

impl std::fmt::Debug for Unsealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Unsealer({})", self.blob.key)
    }
}

impl Unsealer {
    pub(super) fn new(data_key: Key, blob: &BlobRef) -> Self {
        Self {
            data_key,
            blob: blob.clone(),
            pending: BytesMut::new(),
            digest: Sha256::new(),
            size_bytes: 0,
            opener: None,
        }
    }

    pub(super) fn blob(&self) -> &BlobRef {
        &self.blob
    }

    /// Takes the next stored bytes.
    pub(super) fn feed(&mut self, stored: &[u8]) {
        self.pending.extend_from_slice(stored);
    }

    /// The next plain piece; `None` where more has to be fed, or finished.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if self.opener.is_none() && !self.read_head()? {
            return Ok(None);
        }
        // The last chunk is opened differently, and only the end tells which one it is.
        if self.pending.len() <= CHUNK + TAG {
            return Ok(None);
        }
        let sealed = self.pending.split_to(CHUNK + TAG).freeze();
        let opener = self.opener.as_mut().ok_or(Error::Decryption(WHAT))?;
        let plain = opener
            .decrypt_next(payload(&sealed, &self.blob))
            .map_err(|_| Error::Decryption(WHAT))?;
        self.count(&plain);
        Ok(Some(plain))
    }

    /// The last plain piece, after everything was fed and taken; checks the whole.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>> {
        let opener = self.opener.take().ok_or(Error::Decryption(WHAT))?;
        let sealed = self.pending.split().freeze();
        let plain = opener
            .decrypt_last(payload(&sealed, &self.blob))
            .map_err(|_| Error::Decryption(WHAT))?;
        self.count(&plain);
        let whole = self.digest.finalize_reset();
        if self.size_bytes != self.blob.size_bytes || whole.as_slice() != self.blob.sha256 {
            return Err(Error::Checksum(self.blob.key.clone()));
        }
        Ok(plain)
    }

    fn count(&mut self, plain: &[u8]) {
        self.digest.update(plain);
        self.size_bytes += i64::try_from(plain.len()).unwrap_or(i64::MAX);
    }

    /// Reads the header where it is there as a whole, and says whether it was.
    fn read_head(&mut self) -> Result<bool> {
        let Some(&wrapped_len) = self.pending.get(MAGIC.len()) else {
            return Ok(false);
        };
        let wrapped_end = MAGIC.len() + 1 + usize::from(wrapped_len);
        if self.pending.len() < wrapped_end + NONCE {
            return Ok(false);
        }
        let head = self.pending.split_to(wrapped_end + NONCE);
        if !head.starts_with(MAGIC) {
            return Err(Error::Decryption(WHAT));
        }
        let wrapped = &head[MAGIC.len() + 1..wrapped_end];
        let content_key =
            Zeroizing::new(crypto::open(&self.data_key, &self.blob.key, wrapped, WHAT)?);
        let cipher =
            XChaCha20Poly1305::new_from_slice(&content_key).map_err(|_| Error::Decryption(WHAT))?;
        let nonce = GenericArray::from_slice(&head[wrapped_end..]);
        self.opener = Some(stream::DecryptorBE32::from_aead(cipher, nonce));
        Ok(true)
    }
}

fn payload<'a>(sealed: &'a Bytes, blob: &'a BlobRef) -> Payload<'a, 'a> {
    Payload {
        msg: sealed,
        aad: blob.key.as_bytes(),
    }
}
