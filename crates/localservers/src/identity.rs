//! Who we are and, when we are root, whom the servers run as. It is deliberately not a way to change
//! who we are: only the programs started get another user.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::error::Error;

/// The current user, and the user that runs the servers when it cannot be the current one.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) uid: u32,
    service: Option<ServiceUser>,
}

#[derive(Debug, Clone)]
struct ServiceUser {
    name: &'static str,
    uid: u32,
    gid: u32,
}

impl Identity {
    /// Finds out who we are.
    ///
    /// # Errors
    /// [`Error::NoServiceUser`] as root on a system without `postgres` and `nobody`;
    /// [`Error::Command`] when `id` cannot be run.
    pub(crate) fn detect() -> Result<Self, Error> {
        let uid = ask_id(&["-u"])?;
        if uid != 0 {
            return Ok(Self { uid, service: None });
        }
        // A user that `id` does not know is not there: that answer is what is asked for here.
        let known = |name: &'static str| {
            let uid = ask_id(&["-u", name]).ok().filter(|uid| *uid != 0)?;
            let gid = ask_id(&["-g", name]).ok()?;
            Some(ServiceUser { name, uid, gid })
        };
        let service = known("postgres")
            .or_else(|| known("nobody"))
            .ok_or(Error::NoServiceUser)?;
        Ok(Self {
            uid,
            service: Some(service),
        })
    }

    pub(crate) fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// For sentences about the user that runs the servers.
    pub(crate) fn runner(&self) -> &str {
        self.service
            .as_ref()
            .map_or("the current user", |user| user.name)
    }

    /// Makes `command` run as the user that runs the servers, in a folder that every user can enter.
    pub(crate) fn drop_to_runner(&self, command: &mut Command) {
        command.current_dir("/");
        if let Some(user) = &self.service {
            command.uid(user.uid).gid(user.gid);
        }
    }

    /// Hands a file or folder (not what is in it) to the user that runs the servers.
    pub(crate) fn give(&self, path: &Path) -> Result<(), Error> {
        let Some(user) = &self.service else {
            return Ok(());
        };
        std::os::unix::fs::chown(path, Some(user.uid), Some(user.gid))
            .map_err(Error::io("change the owner of", path))
    }

    /// Checks that the user that runs the servers can enter `folder`, by entering it.
    ///
    /// # Errors
    /// [`Error::NotReachable`] naming the first folder on the way that is closed.
    pub(crate) fn require_reach(&self, folder: &Path) -> Result<(), Error> {
        if self.can_enter(folder) {
            return Ok(());
        }
        let closed = folder
            .ancestors()
            .filter(|ancestor| !self.can_enter(ancestor))
            .last()
            .map_or_else(|| folder.to_path_buf(), PathBuf::from);
        Err(Error::NotReachable {
            user: self.runner().to_owned(),
            folder: closed,
        })
    }

    fn can_enter(&self, folder: &Path) -> bool {
        let mut shell = Command::new("sh");
        shell.args(["-c", "cd -- \"$1\"", "sh"]).arg(folder);
        self.drop_to_runner(&mut shell);
        command::run(&mut shell).is_ok()
    }
}

fn ask_id(arguments: &[&str]) -> Result<u32, Error> {
    let mut id = Command::new("id");
    let printed = command::run(id.args(arguments))?;
    printed.trim().parse().map_err(|_| Error::Command {
        command: format!("id {}", arguments.join(" ")),
        detail: format!("it printed {printed:?} instead of a number"),
    })
}
