//! Reads a blob where code is not async: parsers on threads of their own. Deliberately not for
//! async code, where it would block the runtime.

use std::{
    fs::File,
    io::{self, Read},
    sync::Arc,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream::BoxStream};
use object_store::{GetResultPayload, ObjectStore, ObjectStoreExt as _, path::Path};
use proto::common::BlobRef;
use tokio::runtime::Handle;

use super::{
    reader::{Progress, READ},
    unseal::Unsealer,
};
use crate::{
    config::Key,
    error::{Error, chain},
};

/// A blob that can be opened again and again, each time from its beginning.
#[derive(Debug, Clone)]
pub struct BlockingBlob {
    store: Arc<dyn ObjectStore>,
    data_key: Key,
    blob: BlobRef,
    runtime: Handle,
}

impl BlockingBlob {
    /// Called within the runtime that the readers wait on.
    pub(super) fn new(store: Arc<dyn ObjectStore>, data_key: Key, blob: &BlobRef) -> Self {
        Self {
            store,
            data_key,
            blob: blob.clone(),
            runtime: Handle::current(),
        }
    }

    /// Plain bytes of the content.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        u64::try_from(self.blob.size_bytes).unwrap_or(0)
    }

    /// A reader from the beginning. To be called, and read from, on a thread where blocking is
    /// allowed, such as one of `spawn_blocking`.
    ///
    /// # Errors
    /// Where the store fails or the blob is gone.
    pub fn open(&self) -> io::Result<BlockingReader> {
        let path = Path::from(self.blob.key.as_str());
        let found = self
            .runtime
            .block_on(self.store.get(&path))
            .map_err(|error| match error {
                object_store::Error::NotFound { .. } => {
                    io::Error::new(io::ErrorKind::NotFound, error)
                }
                error => io::Error::other(error),
            })?;
        let stored = match found.payload {
            GetResultPayload::File(file, _) => Stored::File(file, vec![0; READ]),
            GetResultPayload::Stream(stream) => Stored::Stream(self.runtime.clone(), stream),
        };
        Ok(BlockingReader {
            stored,
            unsealer: Unsealer::new(self.data_key.clone(), &self.blob),
            plain: Vec::new(),
            taken: 0,
            progress: Progress::Reading,
        })
    }
}

/// Reads one blob. What it gave is the blob's content only when it has told the end: a blob that was
/// changed ends with an error of kind `InvalidData`, again and again.
pub struct BlockingReader {
    stored: Stored,
    unsealer: Unsealer,
    plain: Vec<u8>,
    taken: usize,
    progress: Progress,
}

enum Stored {
    File(File, Vec<u8>),
    Stream(Handle, BoxStream<'static, object_store::Result<Bytes>>),
}

impl std::fmt::Debug for BlockingReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlockingReader({})", self.unsealer.blob().key)
    }
}

impl Read for BlockingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.plain.len() {
            match self.progress {
                Progress::Finished => return Ok(0),
                Progress::Broken => {
                    return Err(broken(&Error::Checksum(self.unsealer.blob().key.clone())));
                }
                Progress::Reading => self.refill()?,
            }
        }
        let count = buffer.len().min(self.plain.len() - self.taken);
        buffer[..count].copy_from_slice(&self.plain[self.taken..self.taken + count]);
        self.taken += count;
        Ok(count)
    }
}

impl BlockingReader {
    fn refill(&mut self) -> io::Result<()> {
        let piece = self.piece();
        if piece.is_err() {
            self.progress = Progress::Broken;
        }
        self.plain = piece?;
        self.taken = 0;
        Ok(())
    }

    fn piece(&mut self) -> io::Result<Vec<u8>> {
        loop {
            if let Some(plain) = self.unsealer.next().map_err(|error| broken(&error))? {
                return Ok(plain);
            }
            if !self.stored.feed(&mut self.unsealer)? {
                self.progress = Progress::Finished;
                return self.unsealer.finish().map_err(|error| broken(&error));
            }
        }
    }
}

impl Stored {
    /// Hands on the next stored bytes; `false` at their end.
    fn feed(&mut self, unsealer: &mut Unsealer) -> io::Result<bool> {
        match self {
            Self::File(file, buffer) => {
                let count = file.read(buffer)?;
                unsealer.feed(&buffer[..count]);
                Ok(count > 0)
            }
            Self::Stream(runtime, stream) => match runtime.block_on(stream.next()) {
                Some(stored) => {
                    unsealer.feed(&stored.map_err(io::Error::other)?);
                    Ok(true)
                }
                None => Ok(false),
            },
        }
    }
}

fn broken(error: &Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, chain(error))
}
