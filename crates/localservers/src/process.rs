//! Looks at and signals processes by id, through `/proc`, `ps` and the shell's `kill`, because the
//! standard library only knows children and the house forbids `unsafe`. It is deliberately not a
//! process table: one id at a time.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::command;
use crate::error::Error;

/// Between two looks at a process that is not our child, which therefore cannot be waited for.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Whether the process runs. One that has ended but was not yet collected by its parent does not.
pub(crate) fn is_running(pid: u32) -> bool {
    let state = if Path::new("/proc/self/stat").exists() {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .map(|(_, rest)| rest.to_owned())
            .unwrap_or_default()
    } else {
        ask_ps("stat=", pid)
    };
    !matches!(state.trim().chars().next(), None | Some('Z' | 'X'))
}

/// The first 15 characters of the program's name, which is all that Linux keeps.
pub(crate) fn name(pid: u32) -> String {
    let full =
        fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_else(|_| ask_ps("comm=", pid));
    short_name(Path::new(full.trim()))
}

/// The first 15 characters of a program's file name.
pub(crate) fn short_name(program: &Path) -> String {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    name.chars().take(15).collect()
}

// `ps` fails for a process that is gone: nothing printed is the answer, not an error.
fn ask_ps(column: &str, pid: u32) -> String {
    command::run(Command::new("ps").args(["-o", column, "-p", &pid.to_string()]))
        .unwrap_or_default()
}

/// The process named in `pid_file`, if it runs and is the program expected, and not one that was
/// given the id of a process long gone.
pub(crate) fn running_in(pid_file: &Path, expected_name: &str) -> Option<u32> {
    let text = fs::read_to_string(pid_file).ok()?;
    let pid = text.lines().next()?.trim().parse().ok()?;
    (is_running(pid) && name(pid) == expected_name).then_some(pid)
}

/// Sends a signal, named as in `TERM`, to a process, or to a group when `target` starts with `-`.
///
/// # Errors
/// [`Error::Command`] when the process is gone or not ours.
pub(crate) fn signal(target: &str, signal: &str) -> Result<(), Error> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "kill -s \"$1\" -- \"$2\"", "sh", signal, target]);
    command::run(&mut shell).map(drop)
}

/// Waits until the process has ended; false when it still runs after `limit`.
pub(crate) fn wait_gone(pid: u32, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    while is_running(pid) {
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(LOOK_EVERY);
    }
    true
}

/// Sends the signals one after the other until the process is gone, waiting `limit` after each.
///
/// # Errors
/// [`Error::NotStopped`] when it outlives them all.
pub(crate) fn end(
    what: &'static str,
    pid: u32,
    signals: &[&str],
    limit: Duration,
) -> Result<(), Error> {
    for name in signals {
        if !is_running(pid) {
            return Ok(());
        }
        let sent = signal(&pid.to_string(), name);
        if wait_gone(pid, limit) {
            return Ok(());
        }
        sent?;
    }
    Err(Error::NotStopped { what, pid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_ended_but_was_not_collected_does_not_run()
    -> Result<(), Box<dyn std::error::Error>> {
        let mut child = Command::new("sleep").arg("30").spawn()?;
        let pid = child.id();
        assert!(is_running(pid));
        assert_eq!(name(pid), "sleep");
        end("sleep", pid, &["TERM", "KILL"], Duration::from_secs(5))?;
        assert!(!is_running(pid));
        child.wait()?;
        assert!(!is_running(pid));
        Ok(())
    }

    #[test]
    fn names_are_cut_as_the_kernel_cuts_them() {
        assert_eq!(
            short_name(Path::new("/a/nats-server-2.15.1")),
            "nats-server-2.1"
        );
    }
}
