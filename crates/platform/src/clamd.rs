//! Has content scanned by a clamd, by its INSTREAM command. Deliberately no scanner of our own, and
//! no retry: who asks decides what becomes of content that could not be scanned.

use std::time::Duration;

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpStream, UnixStream},
    time::timeout,
};

use crate::{
    blobs::BlobReader,
    config::{ClamdAddress, Config},
    error::{Error, Result},
};

/// Longest wait for the connection, and for the scanner to take each piece.
const STEP: Duration = Duration::from_secs(30);
/// Longest wait for the verdict, after everything was sent.
const VERDICT: Duration = Duration::from_secs(120);
/// Largest piece that is sent at once.
const PIECE: usize = 64 * 1024;
/// No scanner's limit is below this.
const MEGABYTE: i64 = 1024 * 1024;
/// Bytes after which an answer is read no further.
const LONGEST_ANSWER: usize = 4096;

/// What a scanner says about content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is known against it.
    Clean,
    /// It is malware.
    Infected {
        /// The scanner's name for it.
        signature: String,
    },
}

/// A clamd to be asked.
#[derive(Debug, Clone)]
pub struct Scanner {
    address: ClamdAddress,
}

impl Scanner {
    /// The configured scanner; `None` where none is.
    #[must_use]
    pub fn from_config(config: &Config) -> Option<Self> {
        config.clamd.clone().map(Self::new)
    }

    /// A scanner at an address.
    #[must_use]
    pub fn new(address: ClamdAddress) -> Self {
        Self { address }
    }

    /// Has a blob scanned, reading it to its end.
    ///
    /// # Errors
    /// Where the scanner cannot be reached, does not answer in time, answers something else or takes
    /// no content of this size, or where the blob cannot be read.
    pub async fn scan(&self, content: &mut BlobReader) -> Result<Verdict> {
        match &self.address {
            ClamdAddress::Tcp(address) => {
                let connection = self.step(TcpStream::connect(address)).await?;
                self.talk(connection, content).await
            }
            ClamdAddress::Unix(path) => {
                let connection = self.step(UnixStream::connect(path)).await?;
                self.talk(connection, content).await
            }
        }
    }

    async fn talk(
        &self,
        mut connection: impl AsyncRead + AsyncWrite + Unpin,
        content: &mut BlobReader,
    ) -> Result<Verdict> {
        let size_bytes = content.size_bytes();
        let sent = self.send(&mut connection, content).await;
        // A scanner that has heard enough says so and hangs up, which fails the sending; any other
        // failure is the content's, and what is said about a part of it is no verdict.
        let sent = match sent {
            Err(error) if !matches!(error, Error::Scanner { .. }) => return Err(error),
            sent => sent,
        };
        let answer = self.answer(&mut connection).await;
        match (sent, answer) {
            (_, Ok(answer)) if !answer.is_empty() => self.judge(&answer, size_bytes),
            (Err(error), _) if size_bytes > MEGABYTE => Err(self.error(&format!(
                "broke off during a file of {size_bytes} bytes, as it does where its StreamMaxLength is smaller: {error}"
            ))),
            (Err(error), _) | (Ok(()), Err(error)) => Err(error),
            (Ok(()), Ok(_)) => Err(self.error("hung up without a verdict")),
        }
    }

    async fn send(
        &self,
        connection: &mut (impl AsyncWrite + Unpin),
        content: &mut BlobReader,
    ) -> Result<()> {
        self.step(connection.write_all(b"zINSTREAM\0")).await?;
        while let Some(piece) = content.next().await? {
            for part in piece.chunks(PIECE) {
                let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
                self.step(connection.write_all(&length.to_be_bytes()))
                    .await?;
                self.step(connection.write_all(part)).await?;
            }
        }
        self.step(connection.write_all(&0_u32.to_be_bytes()))
            .await?;
        self.step(connection.flush()).await
    }

    async fn answer(&self, connection: &mut (impl AsyncRead + Unpin)) -> Result<String> {
        let mut answer = Vec::new();
        let reading = async {
            // clamd ends its answer with a zero byte.
            while answer.len() < LONGEST_ANSWER && !answer.contains(&0) {
                if connection.read_buf(&mut answer).await? == 0 {
                    break;
                }
            }
            Ok::<_, std::io::Error>(())
        };
        timeout(VERDICT, reading)
            .await
            .map_err(|_| self.error("gave no verdict in time"))?
            .map_err(|error| self.error(&format!("broke off: {error}")))?;
        let answer = String::from_utf8_lossy(&answer);
        Ok(answer.trim_matches(['\0', '\r', '\n', ' ']).to_owned())
    }

    fn judge(&self, answer: &str, size_bytes: i64) -> Result<Verdict> {
        let said = answer.strip_prefix("stream: ").unwrap_or(answer);
        if said == "OK" {
            return Ok(Verdict::Clean);
        }
        if let Some(signature) = said.strip_suffix(" FOUND") {
            return Ok(Verdict::Infected {
                signature: signature.to_owned(),
            });
        }
        if said.contains("size limit exceeded") {
            return Err(Error::TooLargeToScan { size_bytes });
        }
        Err(self.error(&format!("answered \"{said}\"")))
    }

    async fn step<T>(&self, step: impl Future<Output = std::io::Result<T>>) -> Result<T> {
        timeout(STEP, step)
            .await
            .map_err(|_| self.error("does not react"))?
            .map_err(|error| self.error(&format!("cannot be talked to: {error}")))
    }

    fn error(&self, problem: &str) -> Error {
        Error::Scanner {
            address: self.address.to_string(),
            problem: problem.to_owned(),
        }
    }
}
