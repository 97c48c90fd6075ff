//! The error table: one code decides gRPC status, log level, and retry or dead letter.
//! Deliberately no sentence of the product: services word their own errors and give them a code.

use tonic::Status;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The request is wrong and stays wrong.
    Invalid,
    /// Nobody is signed in.
    Unauthenticated,
    /// The caller may not.
    Forbidden,
    /// There is no such thing, or not for this tenant.
    NotFound,
    /// The thing exists already.
    AlreadyExists,
    /// The thing is not in the state that the request needs.
    FailedPrecondition,
    /// A limit is reached.
    Exhausted,
    /// The caller has stopped waiting.
    Late,
    /// Something this depends on is away; trying again may help.
    Unavailable,
    /// What everything depends on is away, such as Postgres: nobody's fault, and over when it is back.
    Away,
    /// Our fault.
    Internal,
}

/// What becomes of a message whose handling failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is delivered again after a delay, a few times.
    Retry,
    /// It waits until what it needs is back, however long that takes.
    Wait,
    /// It goes to the dead letters at once.
    DeadLetter,
}

impl Code {
    /// The gRPC code.
    #[must_use]
    pub fn grpc(self) -> tonic::Code {
        match self {
            Self::Invalid => tonic::Code::InvalidArgument,
            Self::Unauthenticated => tonic::Code::Unauthenticated,
            Self::Forbidden => tonic::Code::PermissionDenied,
            Self::NotFound => tonic::Code::NotFound,
            Self::AlreadyExists => tonic::Code::AlreadyExists,
            Self::FailedPrecondition => tonic::Code::FailedPrecondition,
            Self::Exhausted => tonic::Code::ResourceExhausted,
            Self::Late => tonic::Code::DeadlineExceeded,
            Self::Unavailable | Self::Away => tonic::Code::Unavailable,
            Self::Internal => tonic::Code::Internal,
        }
    }

    /// What becomes of a message.
    #[must_use]
    pub fn fate(self) -> Fate {
        match self {
            Self::Away => Fate::Wait,
            Self::Unavailable | Self::Internal | Self::Exhausted => Fate::Retry,
            _ => Fate::DeadLetter,
        }
    }

    /// Whether it is ours to mend, and so logged as an error.
    #[must_use]
    pub fn is_fault(self) -> bool {
        matches!(self, Self::Internal | Self::Unavailable | Self::Away)
    }
}

/// An error that knows its kind.
pub trait Coded: std::error::Error + Send + Sync + 'static {
    /// Its kind.
    fn code(&self) -> Code;
}

/// Turns an error into what a client may read. Faults are logged here and told without detail.
pub fn to_status(error: &dyn Coded) -> Status {
    let code = error.code();
    if code.is_fault() {
        tracing::error!(error = %chain(error), "request failed");
        let message = match code {
            Code::Unavailable | Code::Away => {
                "a part of the system is not reachable right now: try again shortly"
            }
            _ => "an internal error happened; it has been logged under this request's id",
        };
        return Status::new(code.grpc(), message);
    }
    // Without the sentence: it may quote what the caller sent.
    tracing::info!(code = ?code, "request refused");
    Status::new(code.grpc(), error.to_string())
}

/// An error and its sources in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = source.source();
    }
    text
}

/// What goes wrong below the services.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Postgres said no.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("a migration failed")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// NATS said no.
    #[error("the message bus failed: {0}")]
    Bus(String),
    /// The blob store said no.
    #[error("the blob store failed")]
    Blobs(#[from] object_store::Error),
    /// Something encrypted cannot be read.
    #[error("{0} cannot be decrypted: it was changed, or its key is another")]
    Decryption(&'static str),
    /// A blob is not what its reference says.
    #[error("the blob {0} does not match its checksum")]
    Checksum(String),
    /// A tenant has no key, or not any more.
    #[error("the organisation has no data key: it may have been deleted")]
    NoTenantKey,
    /// A message cannot be read.
    #[error("a message cannot be decoded")]
    Decode(#[from] prost::DecodeError),
    /// A walls check failed at the start.
    #[error("refusing to start: {0}")]
    Walls(String),
    /// A setting is missing or wrong.
    #[error(transparent)]
    Config(#[from] crate::config::ConfigError),
    /// A setting is refused by the service that it is for.
    #[error("refusing to start: {0}")]
    Setting(String),
    /// Listening or another system call failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// A call to another service was refused.
    #[error("{}", .0.message())]
    Call(Box<Status>),
    /// The virus scanner cannot be asked.
    #[error("the virus scanner at {address} {problem}")]
    Scanner {
        /// Where it should be.
        address: String,
        /// What it does instead of answering.
        problem: String,
    },
    /// The virus scanner takes no content of this size.
    #[error(
        "the virus scanner takes no files of {size_bytes} bytes: send a smaller file, or have the operator raise StreamMaxLength of clamd"
    )]
    TooLargeToScan {
        /// Size of the content.
        size_bytes: i64,
    },
    /// An id or a page token in a request is malformed.
    #[error("{what} \"{value}\" is malformed: {remedy}")]
    Malformed {
        /// What was to be read.
        what: &'static str,
        /// What was sent.
        value: String,
        /// What to send.
        remedy: &'static str,
    },
}

impl Error {
    /// Whether a blob that was named is not there.
    #[must_use]
    pub fn is_missing_blob(&self) -> bool {
        matches!(self, Self::Blobs(object_store::Error::NotFound { .. }))
    }
}

/// A result of the platform.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        Self::Call(Box::new(status))
    }
}

impl Coded for Error {
    fn code(&self) -> Code {
        match self {
            Self::Database(error) => database_code(error),
            Self::Bus(_) | Self::Blobs(_) | Self::Scanner { .. } => Code::Unavailable,
            Self::TooLargeToScan { .. } => Code::Exhausted,
            Self::Decode(_) | Self::Malformed { .. } => Code::Invalid,
            Self::NoTenantKey => Code::NotFound,
            Self::Call(status) => match status.code() {
                tonic::Code::NotFound => Code::NotFound,
                tonic::Code::InvalidArgument => Code::Invalid,
                tonic::Code::FailedPrecondition => Code::FailedPrecondition,
                tonic::Code::PermissionDenied => Code::Forbidden,
                tonic::Code::Unauthenticated => Code::Unauthenticated,
                // The service called is not there, or what it needs is not.
                tonic::Code::Unavailable => Code::Away,
                _ => Code::Unavailable,
            },
            _ => Code::Internal,
        }
    }
}

fn database_code(error: &sqlx::Error) -> Code {
    match error {
        // A server that goes away, or comes, in the middle of a handshake leaves half an answer.
        sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::Io(_)
        | sqlx::Error::Protocol(_) => Code::Away,
        sqlx::Error::Database(error) => error
            .code()
            .map_or(Code::Internal, |code| state_code(&code)),
        _ => Code::Internal,
    }
}

/// What an SQLSTATE means for who asked.
fn state_code(state: &str) -> Code {
    match state.get(..2) {
        // A statement that took too long may take as long the next time.
        _ if state == "57014" => Code::Unavailable,
        // An operator's intervention, such as a shutdown; a full server; a broken connection.
        Some("57" | "53" | "08") => Code::Away,
        // A lost race.
        Some("40") => Code::Unavailable,
        _ => Code::Internal,
    }
}

impl From<Error> for Status {
    fn from(error: Error) -> Self {
        to_status(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_is_told_from_what_may_be_the_messages_fault() {
        let fate = |state| state_code(state).fate();
        for away in ["57P01", "57P03", "53300", "53100", "08006"] {
            assert_eq!(fate(away), Fate::Wait, "{away}");
        }
        for again in ["57014", "40001", "40P01", "23505", "XX000"] {
            assert_eq!(fate(again), Fate::Retry, "{again}");
        }
        let call = |status| Error::from(status).code().fate();
        assert_eq!(call(Status::unavailable("x")), Fate::Wait);
        assert_eq!(call(Status::deadline_exceeded("x")), Fate::Retry);
        assert_eq!(call(Status::not_found("x")), Fate::DeadLetter);
        assert_eq!(Error::from(sqlx::Error::PoolTimedOut).code(), Code::Away);
    }
}
