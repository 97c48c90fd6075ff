//! Runs a program to its end and gives back what it printed. It is deliberately not for servers:
//! those are started in `postgres` and `nats`, with their output in files.

use std::io::ErrorKind;
use std::process::{Command, Stdio};

use crate::error::Error;

/// Runs `command` without input and returns what it printed on standard output.
///
/// # Errors
/// [`Error::Command`] when it cannot be run or ends with anything but zero.
pub(crate) fn run(command: &mut Command) -> Result<String, Error> {
    let failed = |detail: String, command: &Command| Error::Command {
        command: describe(command),
        detail,
    };
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(failed(
                "there is no such program on PATH".to_owned(),
                command,
            ));
        }
        Err(error) => return Err(failed(error.to_string(), command)),
    };
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    let said = tail(&format!("{stdout}\n{stderr}"), 8);
    Err(failed(format!("{} ({said})", output.status), command))
}

/// The program's file name and its arguments, as one line.
fn describe(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or(&program).to_owned();
    command.get_args().fold(name, |mut line, argument| {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
        line
    })
}

/// The last `count` lines that are not empty, on one line.
pub(crate) fn tail(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_its_last_words() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let message = run(&mut command).expect_err("it must fail").to_string();
        assert!(message.contains("sh -c"), "{message}");
        assert!(message.contains("one | two"), "{message}");
    }

    #[test]
    fn a_missing_program_is_an_error_and_not_a_panic() {
        let message = run(&mut Command::new("/nowhere/program"))
            .expect_err("it must fail")
            .to_string();
        assert!(message.contains("program"), "{message}");
    }
}
