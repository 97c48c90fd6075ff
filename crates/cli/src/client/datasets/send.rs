//! Sends a file: its header, its bytes, and the checksum of what was sent; takes the answer of an
//! upload or of a preview. Deliberately no reading of the file beyond its bytes.

use std::{
    io::{self, Write},
    path::Path,
};

use indicatif::ProgressBar;
use proto::ingestion::{
    Preview, UploadDatasetRequest, UploadDatasetResponse, UploadHeader,
    preview_dataset_response::Part as Answer, upload_dataset_request::Part,
};
use sha2::{Digest as _, Sha256};
use tokio::{
    fs::File,
    io::AsyncReadExt,
    sync::{mpsc, oneshot},
    task::JoinHandle,
};
use tokio_stream::wrappers::ReceiverStream;

use crate::{
    client::{Connection, present},
    error::{Error, Result},
};

const CHUNK_BYTES: usize = 256 * 1024;
const CHUNKS_AHEAD: usize = 4;

/// Uploads a file with what is known about it; `bar` moves with the bytes.
///
/// # Errors
/// Where the file cannot be read, or the server refuses it.
pub async fn upload(
    connection: &Connection,
    header: UploadHeader,
    path: &Path,
    bar: &ProgressBar,
) -> Result<UploadDatasetResponse> {
    let (sending, stream) = Sending::start(header, path, bar).await?;
    let mut client = connection.ingestion();
    let call = async {
        let reply = client.upload_dataset(stream).await?;
        Ok(reply.into_inner())
    };
    sending.answer(path, call).await
}

/// Has a file looked at and answers what an import would do; `bar` moves with the bytes, the errors
/// file goes to `errors` where the header asks for one and rows have errors. Answers its bytes too.
///
/// # Errors
/// Where the file cannot be read, the server refuses it, or `errors` cannot be written.
pub async fn preview(
    connection: &Connection,
    header: UploadHeader,
    path: &Path,
    bar: &ProgressBar,
    errors: &mut (dyn Write + Send),
) -> Result<(Preview, u64)> {
    let (sending, stream) = Sending::start(header, path, bar).await?;
    let mut client = connection.ingestion();
    let call = async {
        let mut answers = client.preview_dataset(stream).await?.into_inner();
        let (mut preview, mut bytes) = (None, 0);
        while let Some(answer) = answers.message().await? {
            match answer.part {
                Some(Answer::Preview(first)) => preview = Some(first),
                Some(Answer::ErrorsChunk(chunk)) => {
                    bytes += chunk.len() as u64;
                    errors
                        .write_all(&chunk)
                        .map_err(Error::file("the errors file"))?;
                }
                None => {}
            }
        }
        Ok((present(preview, "preview")?, bytes))
    };
    sending.answer(path, call).await
}

/// A file on its way.
struct Sending {
    failure: oneshot::Receiver<io::Error>,
    reader: JoinHandle<()>,
}

impl Sending {
    async fn start(
        header: UploadHeader,
        path: &Path,
        bar: &ProgressBar,
    ) -> Result<(Self, ReceiverStream<UploadDatasetRequest>)> {
        let file = File::open(path).await.map_err(Error::file(path))?;
        let (parts, stream) = mpsc::channel(CHUNKS_AHEAD);
        let (failed, failure) = oneshot::channel();
        let bar = bar.clone();
        let reader = tokio::spawn(async move {
            if let Err(error) = send_parts(file, header, &parts, &bar).await {
                let _ = failed.send(error);
                // A stream that ended here would pass for a complete file, so it stays open until
                // the call is dropped.
                parts.closed().await;
            }
        });
        Ok((Self { failure, reader }, ReceiverStream::new(stream)))
    }

    /// What the call answers, unless the file fails first.
    async fn answer<T>(self, path: &Path, call: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::pin!(call);
        let outcome = tokio::select! {
            answer = &mut call => answer,
            Ok(error) = self.failure => Err(Error::file(path)(error)),
        };
        self.reader.abort();
        outcome
    }
}

async fn send_parts(
    mut file: File,
    header: UploadHeader,
    parts: &mpsc::Sender<UploadDatasetRequest>,
    bar: &ProgressBar,
) -> io::Result<()> {
    let message = |part| UploadDatasetRequest { part: Some(part) };
    // A closed channel means that the server has answered already, so the answer is the news.
    if parts.send(message(Part::Header(header))).await.is_err() {
        return Ok(());
    }
    let mut digest = Sha256::new();
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        (&mut file)
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut chunk)
            .await?;
        let size = chunk.len();
        if size == 0 {
            break;
        }
        digest.update(&chunk);
        if parts.send(message(Part::Chunk(chunk))).await.is_err() {
            return Ok(());
        }
        bar.inc(size as u64);
    }
    bar.set_message("checking");
    let sha256 = digest.finalize().to_vec();
    // As above.
    let _ = parts.send(message(Part::Sha256(sha256))).await;
    Ok(())
}
