//! `valutai audit`: the record of everything that was done, listed, exported, and verified by the server or,
//! without one, on an exported file. Deliberately no key of its own: the operator has it.

use std::{
    fs::File,
    io::{BufReader, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use platform::config::{Keys, Kms};
use proto::{
    access::role_name,
    auth::{
        AuditEntry, ExportAuditTrailRequest, ListAuditEntriesRequest, Outcome,
        VerifyAuditTrailRequest,
    },
};

use super::{Connection, connect, tell_next_page};
use crate::{
    args::{Global, PageArgs},
    error::{Error, Result},
    files::NewFile,
    output,
    table::{Table, print_facts},
    text::{count, moment, shorten},
};

/// Commands of `valutai audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List what was done, newest first
    List(ListArgs),
    /// Write the whole record to a file, a line of JSON for each entry
    Export {
        /// The file to write; it must not exist yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Check that no entry was changed, removed or put in another place
    Verify {
        /// An exported file to check without a server; the server checks what it has where none is named
        #[arg(value_name = "FILE")]
        file: Option<PathBuf>,
        /// The operator's file with the key of the audit trail, to check a file
        #[arg(long, env = "VALUTAI_AUDIT_KEY_FILE", value_name = "FILE")]
        key_file: Option<PathBuf>,
    },
}

/// What to list.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Which page.
    #[command(flatten)]
    pub page: PageArgs,
    /// Only what this user did
    #[arg(long, value_name = "ID", default_value = "")]
    pub user: String,
    /// Only this, for example training.train_model; everything of a domain with a dot at the end: training.
    #[arg(long, value_name = "ACTION", default_value = "")]
    pub action: String,
    /// Only what was done to the thing with this id
    #[arg(long, value_name = "ID", default_value = "")]
    pub entity: String,
    /// Only what ended so
    #[arg(long)]
    pub outcome: Option<Ended>,
    /// Only what was done then or later, for example 2026-03-01T00:00:00Z
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only what was done before then
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Ended {
    /// It was done
    Done,
    /// The system would not
    Refused,
    /// The system could not
    Failed,
}

impl From<Ended> for Outcome {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Done => Self::Done,
            Ended::Refused => Self::Refused,
            Ended::Failed => Self::Failed,
        }
    }
}

/// Runs a command of `valutai audit`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: AuditCommand, global: &Global) -> Result<()> {
    match command {
        AuditCommand::List(args) => list(args, global).await,
        AuditCommand::Export { to } => {
            let size = export(&connect(global).await?, &to).await?;
            eprintln!("{} bytes written to {}", count(size), to.display());
            Ok(())
        }
        AuditCommand::Verify { file: None, .. } => verify(global).await,
        AuditCommand::Verify {
            file: Some(file),
            key_file,
        } => {
            let key_file = key_file.ok_or_else(|| {
                Error::Misuse(
                    "a file is checked by the key of the audit trail: name its file by --key-file, or \
                     leave the check to the server by naming no file"
                        .into(),
                )
            })?;
            let entries = verify_file(&file, &key_file)?;
            output::line(&format!("all {} entries hold", count(entries)))
        }
    }
}

async fn list(args: ListArgs, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let at = |text: Option<String>| text.as_deref().map(time).transpose();
    let request = connection.request(ListAuditEntriesRequest {
        page_size: args.page.page_size,
        page_token: args.page.page_token,
        user_id: args.user,
        action: args.action,
        entity_id: args.entity,
        outcome: args.outcome.map_or(Outcome::Unspecified, Into::into).into(),
        since: at(args.since)?,
        until: at(args.until)?,
    });
    let reply = connection
        .auth()
        .list_audit_entries(request)
        .await?
        .into_inner();
    output::reply(global.output, &reply, |out| {
        table(&reply.entries).print(out)
    })?;
    tell_next_page(&reply.next_page_token);
    Ok(())
}

fn time(text: &str) -> Result<prost_types::Timestamp> {
    let at: chrono::DateTime<chrono::Utc> = text.parse().map_err(|_| {
        Error::Misuse(format!(
            "\"{text}\" is no time: write it like 2026-03-01T00:00:00Z"
        ))
    })?;
    Ok(platform::wire::timestamp(at))
}

/// Columns that the id of a user takes in a table.
const USER_WIDTH: usize = 16;

/// Ids leave no room to keep all of them whole; JSON has them.
fn table(entries: &[AuditEntry]) -> Table {
    let mut table = Table::new()
        .right("no.")
        // As long in every row, and never cut where it stands to the right.
        .right("time")
        .left("action")
        .left("outcome")
        .left("what")
        .left("changed")
        .left("role")
        // Wrapped and not cut: the network is all that is known of who was not signed in.
        .flexible("user");
    for entry in entries {
        let (role, user) = match (entry.user_id.as_str(), entry.network.as_str()) {
            ("", "") => ("", "the system".to_owned()),
            // What was tried without being signed in, such as a sign-in; the account it was about is the thing.
            ("", network) => ("", format!("not signed in, from {network}")),
            (user, _) => (role_name(entry.role()), shorten(user, USER_WIDTH)),
        };
        let outcome = match entry.outcome() {
            Outcome::Refused => format!("refused: {}", entry.problem),
            Outcome::Failed => format!("failed: {}", entry.problem),
            Outcome::Done | Outcome::Unspecified => "done".to_owned(),
        };
        let changes: Vec<String> = entry
            .changes
            .iter()
            .map(
                |change| match (change.before.as_str(), change.after.as_str()) {
                    ("", "") => change.field.clone(),
                    ("", after) => format!("{}: {after}", change.field),
                    (before, after) => format!("{}: {before} -> {after}", change.field),
                },
            )
            .collect();
        table.row([
            entry.sequence.to_string().as_str(),
            &moment(entry.occurred_at.as_ref()),
            &entry.action,
            &outcome,
            &entry.entity_id,
            &changes.join(", "),
            role,
            &user,
        ]);
    }
    table
}

/// Writes the whole trail to a file that does not exist yet; answers its size in bytes.
///
/// # Errors
/// What the server refused it with, or where the file cannot be written.
pub async fn export(connection: &Connection, to: &Path) -> Result<u64> {
    let request = ExportAuditTrailRequest {};
    let mut parts = connection
        .auth()
        .export_audit_trail(request)
        .await?
        .into_inner();
    let mut file = NewFile::create(to)?;
    let mut size = 0;
    while let Some(part) = parts.message().await? {
        file.write_all(&part.chunk).map_err(Error::file(to))?;
        size += part.chunk.len() as u64;
    }
    file.finish()?;
    Ok(size)
}

async fn verify(global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let request = connection.request(VerifyAuditTrailRequest {});
    let reply = connection
        .auth()
        .verify_audit_trail(request)
        .await?
        .into_inner();
    output::reply(global.output, &reply, |out| {
        print_facts(out, &[("entries that hold", reply.entries.to_string())])
    })?;
    match reply.broken_at {
        0 => Ok(()),
        at => Err(Error::Failed(format!("entry {at}: {}", reply.problem))),
    }
}

/// Checks an exported file; answers how many entries there are.
///
/// # Errors
/// Names the first entry that does not hold.
pub fn verify_file(file: &Path, key_file: &Path) -> Result<u64> {
    let failed = |error: String| Error::content(file, error);
    let keys = Keys::from_file(key_file, Kms::from_env())
        .map_err(|error| Error::content(key_file, error.to_string()))?;
    let content = BufReader::new(File::open(file).map_err(Error::file(file))?);
    let entries = auth::domain::lines::verify(&keys, content)
        .map_err(|problem| failed(problem.to_string()))?;
    Ok(entries.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_not_signed_in_is_not_the_system() -> std::io::Result<()> {
        let entry = |user: &str, network: &str| AuditEntry {
            user_id: user.to_owned(),
            network: network.to_owned(),
            ..AuditEntry::default()
        };
        let entries = [
            entry("", ""),
            entry("", "192.0.2.0/24"),
            entry("u-1", "192.0.2.0/24"),
        ];
        let mut out = Vec::new();
        table(&entries).print(&mut out)?;
        let text = String::from_utf8_lossy(&out);
        let ends: Vec<&str> = text.lines().skip(1).collect();
        assert!(ends[0].ends_with("the system"), "{text}");
        assert!(
            ends[1].ends_with("not signed in, from 192.0.2.0/24"),
            "{text}"
        );
        assert!(ends[2].ends_with("u-1"), "{text}");
        Ok(())
    }

    #[test]
    fn networks_and_times_are_told_whole_where_there_is_little_room() -> std::io::Result<()> {
        let entry = AuditEntry {
            sequence: 123_456,
            occurred_at: Some(prost_types::Timestamp::default()),
            action: "auth.request_password_reset".to_owned(),
            entity_id: "0".repeat(36),
            outcome: Outcome::Refused.into(),
            problem: "PermissionDenied".to_owned(),
            network: "2001:db8:1::/48".to_owned(),
            ..AuditEntry::default()
        };
        let mut out = Vec::new();
        table(&[entry]).print(&mut out)?;
        let text = String::from_utf8_lossy(&out);
        assert!(text.contains("2001:db8:1::/48"), "{text}");
        assert!(text.contains("1970-01-01 00:00:00Z"), "{text}");
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        Ok(())
    }
}
