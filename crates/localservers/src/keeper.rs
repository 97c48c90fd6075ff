//! The keeper: a small shell process that outlives its owner by seconds, in order to stop the servers
//! that must not outlive it at all. It deliberately restarts nothing and reads no configuration.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::files;
use crate::process;

/// How long a start waits for the keeper of an earlier run to finish its work on the same folder.
const PREDECESSOR_LIMIT: Duration = Duration::from_secs(60);

/// Between two looks at the lock, which has no way of waiting with a limit.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Holds the process id of the owner, for a second start to tell a running owner from a finished one.
const OWNER_FILE: &str = "owner";

/// Arguments: the owner's process id or `pipe`, the pid files of NATS and Postgres each followed by
/// the program's name and the signals to send, and the folder to remove or an empty word.
const SCRIPT: &str = r#"# Stops the servers of valutai when their owner is gone, however it ended. Written at every start.
trap '' HUP INT TERM
set -f
cd /

# When the process was started, so that a number given anew is not taken for it; empty when gone.
stamp() {
  if [ -e /proc/self/stat ]; then
    line=
    { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
    set -- ${line##*) }
    case ${1:-Z} in Z | X) return 0 ;; esac
    echo "${20}"
  else
    set -- $(ps -o stat=,lstart= -p "$1" 2>/dev/null)
    case ${1:-Z} in Z*) return 0 ;; esac
    shift
    echo "$*"
  fi
}

# The program's name as the system keeps it, at most 15 characters.
name() {
  if [ -r "/proc/$1/comm" ]; then
    read -r comm <"/proc/$1/comm" && echo "$comm"
  else
    comm=$(ps -o comm= -p "$1" 2>/dev/null)
    printf '%.15s\n' "${comm##*/}"
  fi
}

# Ends the process of a pid file if it is the program expected: pid file, name, signals.
end() {
  pid=
  { read -r pid <"$1"; } 2>/dev/null
  expected=$2
  signals=$3
  case $pid in '' | *[!0-9]*) return 0 ;; esac
  for signal in $signals; do
    born=$(stamp "$pid")
    [ -n "$born" ] && [ "$(name "$pid")" = "$expected" ] || return 0
    kill -s "$signal" "$pid"
    looks=0
    while [ "$looks" -lt 100 ] && [ "$(stamp "$pid")" = "$born" ]; do
      sleep 0.1
      looks=$((looks + 1))
    done
  done
}

stop_all() {
  end "$nats_pid_file" "$nats_name" "$nats_signals"
  end "$postgres_pid_file" postgres "$postgres_signals"
  [ -z "$remove" ] || rm -rf -- "$remove"
}

owner=$1 nats_pid_file=$2 nats_name=$3 nats_signals=$4
postgres_pid_file=$5 postgres_signals=$6 remove=$7

if [ "$owner" = pipe ]; then
  while read -r word; do :; done
else
  born=$(stamp "$owner")
  while [ -n "$born" ] && [ "$(stamp "$owner")" = "$born" ]; do sleep 1 >/dev/null; done
fi

# A start may have been under way: it is in this group, and what it still started shows in a second look.
kill -s TERM 0
stop_all
sleep 1
stop_all
"#;

/// What the keeper needs to know.
pub(crate) struct Charge<'a> {
    /// Whose end ends the servers.
    pub(crate) owner_pid: u32,
    /// The folder of the servers, where the keeper's own files go too.
    pub(crate) data_dir: &'a Path,
    /// Where nats-server writes its process id.
    pub(crate) nats_pid_file: PathBuf,
    /// The nats-server program, of which only the name is used.
    pub(crate) nats_program: &'a Path,
    /// Where Postgres writes its process id.
    pub(crate) postgres_pid_file: PathBuf,
    /// Whether to let the servers finish their writes.
    pub(crate) gentle: bool,
    /// What to remove at the end.
    pub(crate) remove: Option<&'a Path>,
}

/// A running keeper. When it watches this process through a pipe, dropping the value is what it
/// waits for.
#[derive(Debug)]
pub(crate) struct Keeper {
    child: Child,
}

impl Keeper {
    /// Takes the data folder's lock, waiting for an earlier keeper to finish, and starts the keeper,
    /// which holds the lock from then on.
    ///
    /// # Errors
    /// [`Error::DataDirInUse`] when another run holds the folder; [`Error::Io`] when the keeper
    /// cannot be started.
    pub(crate) fn start(charge: &Charge<'_>, report: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        let lock = take_lock(charge.data_dir, report)?;
        files::write_private(
            &charge.data_dir.join(OWNER_FILE),
            &format!("{}\n", charge.owner_pid),
        )?;
        let script = charge.data_dir.join("keeper.sh");
        files::write_private(&script, SCRIPT)?;
        let log_path = charge.data_dir.join("keeper.log");
        let log = File::create(&log_path).map_err(Error::io("write", &log_path))?;
        let watches_us = charge.owner_pid == std::process::id();
        let (owner, stdin) = if watches_us {
            ("pipe".to_owned(), Stdio::piped())
        } else {
            (charge.owner_pid.to_string(), Stdio::null())
        };
        let (nats_signals, postgres_signals) = if charge.gentle {
            ("TERM KILL", "INT QUIT KILL")
        } else {
            ("KILL", "QUIT KILL")
        };
        let mut shell = Command::new("sh");
        shell
            .arg(&script)
            .arg(owner)
            .arg(&charge.nats_pid_file)
            .arg(process::short_name(charge.nats_program))
            .arg(nats_signals)
            .arg(&charge.postgres_pid_file)
            .arg(postgres_signals)
            .arg(charge.remove.unwrap_or(Path::new("")))
            .current_dir("/")
            .process_group(0)
            .stdin(stdin)
            // The lock belongs to whoever holds the open file, and that is to be the keeper.
            .stdout(Stdio::from(lock))
            .stderr(Stdio::from(log));
        let child = shell.spawn().map_err(Error::io("run", &script))?;
        Ok(Self { child })
    }

    /// The process group that start-up programs join, so that the keeper can end them.
    pub(crate) fn group(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap_or(0)
    }

    /// Ends the keeper without letting it do its work: the servers have been stopped.
    pub(crate) fn dismiss(mut self) -> Result<(), Error> {
        let as_error = |source: io::Error| Error::Io {
            action: "end the keeper",
            path: PathBuf::from("sh"),
            source,
        };
        if self.child.try_wait().map_err(as_error)?.is_some() {
            return Ok(());
        }
        // The whole group, for the keeper may be in a `sleep` that would outlive it for a second.
        process::signal(&format!("-{}", self.child.id()), "KILL")?;
        self.child.wait().map(drop).map_err(as_error)
    }
}

fn take_lock(data_dir: &Path, report: &mut dyn FnMut(&str)) -> Result<File, Error> {
    let path = data_dir.join("lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(Error::io("open", &path))?;
    let deadline = Instant::now() + PREDECESSOR_LIMIT;
    let mut said = false;
    loop {
        match lock.try_lock() {
            Ok(()) => return Ok(lock),
            Err(TryLockError::Error(error)) => return Err(Error::io("lock", &path)(error)),
            Err(TryLockError::WouldBlock)
                if Instant::now() >= deadline || another_owner_runs(data_dir)? =>
            {
                return Err(Error::DataDirInUse {
                    data_dir: data_dir.to_path_buf(),
                });
            }
            Err(TryLockError::WouldBlock) => {}
        }
        if !said {
            report(&format!(
                "waiting for the servers in {} to stop",
                data_dir.display()
            ));
            said = true;
        }
        thread::sleep(LOOK_EVERY);
    }
}

// This process may wait for servers that it has just dropped; for another one's it would wait forever.
fn another_owner_runs(data_dir: &Path) -> Result<bool, Error> {
    let owner =
        files::read_if_there(&data_dir.join(OWNER_FILE))?.and_then(|text| text.trim().parse().ok());
    Ok(owner.is_some_and(|pid| pid != std::process::id() && process::is_running(pid)))
}
