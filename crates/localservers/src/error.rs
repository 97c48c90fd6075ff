//! What can go wrong, each a sentence that says what to do. It deliberately holds no exit codes and
//! no gRPC status: this crate is used before there is a service.

use std::io;
use std::path::{Path, PathBuf};

/// Why the servers could not be found, obtained, started or stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read or written.
    #[error("could not {action} {}: {source}; check that it exists and that this user may use it", path.display())]
    Io {
        /// What was attempted, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// A program could not be run, or ended with an error.
    #[error("`{command}` failed: {detail}; run it by hand to see more")]
    Command {
        /// The program and its arguments, without secrets.
        command: String,
        /// The end of what it printed, or why it could not be run.
        detail: String,
    },
    /// A place named in the options holds nothing that can be used.
    #[error("{what} at {} cannot be used: {reason}; name another place or leave the setting out", path.display())]
    NotUsable {
        /// `Postgres` or `nats-server`.
        what: &'static str,
        /// The place that was named.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing is installed and no package client could bring it.
    #[error("{what} was not found and could not be obtained; install it with {remedy}\ntried:\n  {}", tried.join("\n  "))]
    NotObtained {
        /// `Postgres` or `nats-server`.
        what: &'static str,
        /// Each attempt and how it ended.
        tried: Vec<String>,
        /// What the user can install.
        remedy: String,
    },
    /// Started as root on a system without a user to run Postgres as.
    #[error(
        "Postgres refuses to run as root and there is neither a user `postgres` nor `nobody`; create one of them or start as an ordinary user"
    )]
    NoServiceUser,
    /// The user that runs the servers cannot reach the data folder.
    #[error("the user `{user}`, who runs the servers because Postgres refuses to run as root, cannot enter {}; choose a data folder outside of it, for example below /var/lib, or allow entering it with `chmod a+x`", folder.display())]
    NotReachable {
        /// The user that runs the servers.
        user: String,
        /// The first folder on the way that the user cannot enter.
        folder: PathBuf,
    },
    /// Another run holds the data folder.
    #[error("the servers in {} are in use by another run; stop that one or choose another data folder", data_dir.display())]
    DataDirInUse {
        /// The data folder.
        data_dir: PathBuf,
    },
    /// The data was written by another major version of Postgres.
    #[error("the data in {} was written by Postgres {found}, but the one found is {offered}; name the older one's folder in the settings, or move the data away to start anew", data_dir.display())]
    OtherPostgresVersion {
        /// The folder of the database files.
        data_dir: PathBuf,
        /// Major version that wrote the data.
        found: String,
        /// Version of the programs at hand.
        offered: String,
    },
    /// A data folder that is to be removed at the end already holds something else.
    #[error("{} is to be removed at the end, but already holds files that were not made by a run like this; name an empty or new folder", data_dir.display())]
    NotEphemeral {
        /// The data folder.
        data_dir: PathBuf,
    },
    /// A server did not come up.
    #[error("{what} did not start: {reason}; its log is {}", log.display())]
    NotStarted {
        /// `Postgres` or `nats-server`.
        what: &'static str,
        /// What was seen, with the end of the log.
        reason: String,
        /// The log file.
        log: PathBuf,
    },
    /// A server did not go away.
    #[error("{what} (process {pid}) did not stop, even when killed; end it by hand")]
    NotStopped {
        /// `Postgres` or `nats-server`.
        what: &'static str,
        /// Its process id.
        pid: u32,
    },
    /// The operation is for servers that this value started, and this one was given by address.
    #[error("{what} was given by address and is not ours to control; start it here to do so")]
    NotOurs {
        /// `Postgres` or `nats-server`.
        what: &'static str,
    },
    /// A file written by an earlier run cannot be understood.
    #[error("{} is damaged ({reason}); remove it and start again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder for the servers of a test run belongs to somebody else.
    #[error("{} was made by another user or is not a folder; remove it or set TMPDIR to a folder of your own", path.display())]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
    },
    /// No free port was found on the loopback address.
    #[error("no free port was found on 127.0.0.1; end programs that listen there: {source}")]
    NoPort {
        /// What the operating system answered to the last attempt.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err` on file operations.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io {
            action,
            path,
            source,
        }
    }
}
