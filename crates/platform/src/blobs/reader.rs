//! Reads a blob in pieces, with memory for a few of them. Deliberately no seeking: the chunks of a
//! blob can be trusted in their order only.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream::BoxStream};
use object_store::GetResultPayload;
use tokio::{fs::File, io::AsyncReadExt as _};

use super::unseal::Unsealer;
use crate::error::{Error, Result};

/// Bytes read from a file at once.
pub(super) const READ: usize = 256 * 1024;

/// Reads one blob of a tenant from its beginning. What it answered is the blob's content only when
/// it has answered `None`: length and checksum are known at the end.
#[derive(Debug)]
pub struct BlobReader {
    stored: Stored,
    unsealer: Unsealer,
    progress: Progress,
}

/// How far a reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Reading,
    Finished,
    /// It stays broken, so that nobody takes a part for the whole.
    Broken,
}

/// Where stored bytes come from.
enum Stored {
    /// Local files are read here, because `object_store` would go to another thread for each 8 KiB.
    File(File),
    Stream(BoxStream<'static, object_store::Result<Bytes>>),
}

impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::Stream(_) => "Stream",
        })
    }
}

impl BlobReader {
    pub(super) fn new(payload: GetResultPayload, unsealer: Unsealer) -> Self {
        let stored = match payload {
            GetResultPayload::File(file, _) => {
                let mut file = File::from_std(file);
                file.set_max_buf_size(READ);
                Stored::File(file)
            }
            GetResultPayload::Stream(stream) => Stored::Stream(stream),
        };
        Self {
            stored,
            unsealer,
            progress: Progress::Reading,
        }
    }

    /// Plain bytes that the reference promises.
    #[must_use]
    pub fn size_bytes(&self) -> i64 {
        self.unsealer.blob().size_bytes
    }

    /// The next piece of the content; `None` after the last, when all of it was verified.
    ///
    /// # Errors
    /// Where the store fails, or the content was changed or is not what the reference says.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        match self.progress {
            Progress::Finished => return Ok(None),
            Progress::Broken => return Err(Error::Checksum(self.unsealer.blob().key.clone())),
            Progress::Reading => {}
        }
        let piece = self.piece().await;
        match &piece {
            Ok(Some(_)) => {}
            Ok(None) => self.progress = Progress::Finished,
            Err(_) => self.progress = Progress::Broken,
        }
        piece
    }

    async fn piece(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            if let Some(plain) = self.unsealer.next()? {
                return Ok(Some(plain));
            }
            let Some(stored) = self.stored.read().await? else {
                let last = self.unsealer.finish()?;
                self.progress = Progress::Finished;
                return Ok(Some(last).filter(|last| !last.is_empty()));
            };
            self.unsealer.feed(&stored);
        }
    }
}

impl Stored {
    async fn read(&mut self) -> Result<Option<Bytes>> {
        match self {
            Self::File(file) => {
                let mut buffer = BytesMut::with_capacity(READ);
                let count = file
                    .read_buf(&mut buffer)
                    .await
                    .map_err(|source| Error::Io {
                        what: "a blob cannot be read".to_owned(),
                        source,
                    })?;
                Ok((count > 0).then(|| buffer.freeze()))
            }
            Self::Stream(stream) => Ok(stream.next().await.transpose()?),
        }
    }
}
