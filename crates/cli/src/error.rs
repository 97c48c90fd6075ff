//! What can go wrong on this side of the gateway, in one sentence each, and the exit code that
//! follows. Deliberately no judgement about retries: the few loops that retry say so themselves.

use std::{error::Error as _, io, path::PathBuf};

use tonic::{Code, Status};

/// The result of nearly everything here.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Exit code of a command that was refused or failed.
pub const EXIT_FAILED: u8 = 1;
/// Exit code of a command that was misused; clap's own.
pub const EXIT_MISUSED: u8 = 2;

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server answered no, or the connection broke under the call.
    #[error("{message}")]
    Refused {
        /// The gRPC code.
        code: Code,
        /// The server's sentence with what to do about it.
        message: String,
    },
    /// Nobody answers at the endpoint.
    #[error("cannot reach {endpoint}: is `valutai up` running? ({detail})")]
    Unreachable {
        /// The address that was tried.
        endpoint: String,
        /// The innermost reason.
        detail: String,
    },
    /// There is no token for the endpoint, or the store of tokens is broken.
    #[error("{0}")]
    Credentials(String),
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file was read but is not what was expected.
    #[error("{}: {problem}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        problem: String,
    },
    /// The options do not go together.
    #[error("{0}")]
    Misuse(String),
    /// Work that the server had accepted came to a bad end.
    #[error("{0}")]
    Failed(String),
    /// The standard output is closed or full.
    #[error("cannot write to the standard output: {0}")]
    Stdout(io::Error),
}

impl Error {
    /// The process's exit code: 0 only where a reader of our output went away, as `head` does.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Misuse(_) => EXIT_MISUSED,
            _ if self.is_silent() => 0,
            _ => EXIT_FAILED,
        }
    }

    /// Whether there is nothing to say: the reader of our output has seen enough.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Names the file that an input or output error is about.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// A file whose content is not what was expected.
    pub fn content(path: impl Into<PathBuf>, problem: impl Into<String>) -> Self {
        Self::Content {
            path: path.into(),
            problem: problem.into(),
        }
    }

    /// A refusal with the advice that fits the call better than the usual one.
    #[must_use]
    pub fn refused(status: &Status, advice: &str) -> Self {
        let message = match status.message() {
            "" => status.code().description(),
            message => message,
        };
        let message = if advice.is_empty() {
            message.to_owned()
        } else {
            format!("{}: {advice}", message.trim_end_matches(['.', ':']))
        };
        Self::Refused {
            code: status.code(),
            message,
        }
    }

    /// Whether trying the same again may help.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(
            self,
            Self::Refused {
                code: Code::Unavailable,
                ..
            }
        )
    }
}

/// Whether the status was made on this side because the connection broke.
#[must_use]
pub fn is_broken_connection(status: &Status) -> bool {
    status.source().is_some() && status.code() != Code::DeadlineExceeded && !is_timeout(status)
}

fn is_timeout(status: &Status) -> bool {
    status.code() == Code::DeadlineExceeded
        || status.code() == Code::Cancelled && status.message().contains("imeout")
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        if is_timeout(&status) {
            return Self::Refused {
                code: Code::DeadlineExceeded,
                message: "the server did not answer in time: try again, or raise --timeout"
                    .to_owned(),
            };
        }
        if is_broken_connection(&status) {
            return Self::Refused {
                code: Code::Unavailable,
                message: format!(
                    "the connection to the server was lost: is `valutai up` still running? ({})",
                    innermost(&status)
                ),
            };
        }
        let advice = match status.code() {
            Code::Unauthenticated => "run `valutai auth sign-in --email YOU` or set VALUTAI_TOKEN",
            Code::Unimplemented => "the server is of another version than this program",
            _ => "",
        };
        Self::refused(&status, advice)
    }
}

/// The text of the last source of an error, where the actual reason stands.
pub fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes() {
        let refused = Error::from(Status::not_found("no dataset has this id"));
        assert_eq!(refused.exit_code(), 1);
        assert_eq!(refused.to_string(), "no dataset has this id");
        assert_eq!(Error::Misuse("two options".into()).exit_code(), 2);
        assert_eq!(Error::Credentials("sign in".into()).exit_code(), 1);
        assert_eq!(Error::Failed("broken".into()).exit_code(), 1);
        let missing = Error::file("x.csv")(io::ErrorKind::NotFound.into());
        assert_eq!(missing.exit_code(), 1);
        assert!(missing.to_string().starts_with("x.csv: "));
        let closed = Error::Stdout(io::ErrorKind::BrokenPipe.into());
        assert_eq!((closed.exit_code(), closed.is_silent()), (0, true));
        let full = Error::Stdout(io::ErrorKind::StorageFull.into());
        assert_eq!((full.exit_code(), full.is_silent()), (1, false));
    }

    #[test]
    fn sentences_say_what_to_do() {
        let error = Error::from(Status::unauthenticated("the session has ended."));
        assert_eq!(
            error.to_string(),
            "the session has ended: run `valutai auth sign-in --email YOU` or set VALUTAI_TOKEN"
        );
        let error = Error::from(Status::cancelled("Timeout expired"));
        assert!(error.to_string().contains("--timeout"));
        assert_eq!(error.exit_code(), 1);
        let unreachable = Error::Unreachable {
            endpoint: "http://127.0.0.1:1".into(),
            detail: "refused".into(),
        };
        assert!(
            unreachable
                .to_string()
                .starts_with("cannot reach http://127.0.0.1:1: is `valutai up` running?")
        );
    }
}
