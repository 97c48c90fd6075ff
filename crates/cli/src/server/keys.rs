//! `valutai keys`: the key-encryption keys in their file, and what each of them has sealed. Deliberately no
//! sealing here: auth seals anew what an older key has sealed, as soon as it sees the file change.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use platform::{
    address,
    config::{Key, Kms, key_of},
    crypto::key_id,
    error::chain,
};
use sqlx::{ConnectOptions as _, Connection as _};

use crate::{
    error::{Error, Result},
    output,
    table::Table,
};

/// Commands of `valutai keys`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Put a new key-encryption key first in the key file, where it seals from then on
    Rotate {
        /// Which file.
        #[command(flatten)]
        file: FileArgs,
        /// Put the new key last, where it only opens: for when processes do not see the file change at once
        #[arg(long, conflicts_with = "to")]
        announce: bool,
        /// Put this key of the file first instead of a new one
        #[arg(long, value_name = "ID")]
        to: Option<String>,
    },
    /// Say what each key has sealed, and which keys can be removed
    Status(StatusArgs),
    /// Take a key that nothing is sealed by out of the key file
    Remove {
        /// Which file, and which database.
        #[command(flatten)]
        status: StatusArgs,
        /// Id of the key, as `valutai keys status` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Which key file.
#[derive(Debug, Args)]
pub struct FileArgs {
    /// File with the key-encryption keys
    #[arg(long, env = "VALUTAI_KEK_FILE", value_name = "FILE")]
    pub key_file: PathBuf,
}

/// Which key file, and which database.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Which file.
    #[command(flatten)]
    pub file: FileArgs,
    /// The database, as a user who sees the rows of all organisations
    #[arg(
        long,
        env = "VALUTAI_ADMIN_POSTGRES_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub postgres_url: String,
}

/// A key in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its id in hexadecimal.
    pub id: String,
    text: String,
}

/// What a key has sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The key's id in hexadecimal.
    pub id: String,
    /// Whether it is the one that seals; `None` where it is not in the file.
    pub seals: Option<bool>,
    /// How many things, by what they are.
    pub things: Vec<(String, i64)>,
}

impl Sealed {
    /// Whether nothing is lost with it.
    #[must_use]
    pub fn is_removable(&self) -> bool {
        self.seals == Some(false) && self.things.is_empty()
    }
}

/// Runs a command of `valutai keys`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: KeysCommand) -> Result<()> {
    match command {
        KeysCommand::Rotate { file, announce, to } => {
            let id = rotate(&file.key_file, announce, to.as_deref())?;
            output::line(&match announce {
                true => format!(
                    "key {id} opens from now on: let every process see the file, then `valutai keys rotate --to {id}`"
                ),
                false => format!(
                    "key {id} seals from now on: `valutai keys status` says when the others can be removed"
                ),
            })
        }
        KeysCommand::Status(args) => {
            let sealed = status(&args.file.key_file, &args.postgres_url).await?;
            output::print(|out| table(&sealed).print(out))
        }
        KeysCommand::Remove { status, id } => {
            remove(&status.file.key_file, &status.postgres_url, &id).await?;
            output::line(&format!("key {id} is removed"))
        }
    }
}

/// Puts a new key, or the one with an id, first in a key file, or a new one last; answers its id.
///
/// # Errors
/// Where the file cannot be read or written, or has no such key.
pub fn rotate(path: &Path, announce: bool, to: Option<&str>) -> Result<String> {
    let kms = Kms::from_env();
    let mut lines = read(path, kms.as_ref())?;
    let line = match to {
        Some(id) => {
            let at = lines.iter().position(|line| line.id == id);
            lines.remove(at.ok_or_else(|| unknown(path, id))?)
        }
        None => {
            let key = Key::generate();
            let text = match &kms {
                Some(kms) => kms.wrap(&key).map_err(|e| Error::Failed(e.to_string()))?,
                None => key.to_base64(),
            };
            Line {
                id: hex(&key_id(&key)),
                text,
            }
        }
    };
    let id = line.id.clone();
    match announce {
        true => lines.push(line),
        false => lines.insert(0, line),
    }
    write(path, &lines)?;
    Ok(id)
}

/// What every key has sealed, those of the file first.
///
/// # Errors
/// Where the file or the database cannot be read.
pub async fn status(path: &Path, postgres_url: &str) -> Result<Vec<Sealed>> {
    let lines = read(path, Kms::from_env().as_ref())?;
    let failed = |error: sqlx::Error| Error::Failed(chain(&error));
    let options = address::postgres(postgres_url).map_err(|error| Error::Failed(chain(&error)))?;
    let mut database = options.connect().await.map_err(failed)?;
    let counts = auth::count_sealed(&mut database)
        .await
        .map_err(|error| Error::Failed(chain(&error)))?;
    database.close().await.map_err(failed)?;
    let mut sealed: Vec<Sealed> = lines
        .iter()
        .enumerate()
        .map(|(at, line)| Sealed {
            id: line.id.clone(),
            seals: Some(at == 0),
            things: Vec::new(),
        })
        .collect();
    for (what, id, count) in counts {
        let at = sealed
            .iter()
            .position(|key| key.id == id)
            .unwrap_or_else(|| {
                sealed.push(Sealed {
                    id,
                    seals: None,
                    things: Vec::new(),
                });
                sealed.len() - 1
            });
        sealed[at].things.push((what, count));
    }
    Ok(sealed)
}

/// Takes a key out of a file, unless something is sealed by it.
///
/// # Errors
/// Where something would be lost with it, or the file cannot be written.
pub async fn remove(path: &Path, postgres_url: &str, id: &str) -> Result<()> {
    let sealed = status(path, postgres_url).await?;
    let key = sealed
        .iter()
        .find(|key| key.id == id && key.seals.is_some());
    let key = key.ok_or_else(|| unknown(path, id))?;
    if !key.is_removable() {
        return Err(Error::Failed(match key.seals {
            Some(true) => format!("key {id} is the one that seals: rotate first"),
            _ => format!(
                "key {id} has sealed {}: auth seals them anew within seconds while it runs",
                things(key)
            ),
        }));
    }
    let mut lines = read(path, Kms::from_env().as_ref())?;
    lines.retain(|line| line.id != id);
    write(path, &lines)
}

fn unknown(path: &Path, id: &str) -> Error {
    Error::Failed(format!("{} has no key {id}", path.display()))
}

fn table(sealed: &[Sealed]) -> Table {
    let mut table = Table::new()
        .left("key")
        .left("in the file")
        .left("has sealed")
        .left("can be removed");
    for key in sealed {
        table.row([
            key.id.as_str(),
            match key.seals {
                Some(true) => "first: seals",
                Some(false) => "opens",
                None => "MISSING",
            },
            &things(key),
            if key.is_removable() { "yes" } else { "no" },
        ]);
    }
    table
}

fn things(key: &Sealed) -> String {
    let things: Vec<String> = key
        .things
        .iter()
        .map(|(what, count)| format!("{count} {what}"))
        .collect();
    match things.is_empty() {
        true => "nothing".to_owned(),
        false => things.join(", "),
    }
}

fn read(path: &Path, kms: Option<&Kms>) -> Result<Vec<Line>> {
    let text = fs::read_to_string(path).map_err(Error::file(path))?;
    text.split(['\n', ','])
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let key = key_of(line, kms).map_err(|error| Error::content(path, error.to_string()))?;
            Ok(Line {
                id: hex(&key_id(&key)),
                text: line.to_owned(),
            })
        })
        .collect()
}

/// Puts a whole new file in place of the old one, whose rights and owner it has.
fn write(path: &Path, lines: &[Line]) -> Result<()> {
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let before = fs::metadata(path).map_err(Error::file(path))?;
    let written = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(before.mode() & 0o777)
            .open(&fresh)?;
        for line in lines {
            writeln!(file, "{}", line.text)?;
        }
        file.sync_all()?;
        std::os::unix::fs::chown(&fresh, Some(before.uid()), Some(before.gid()))?;
        fs::rename(&fresh, path)
    };
    written().map_err(|error| {
        // What was begun is of no use to anybody.
        let _ = fs::remove_file(&fresh);
        Error::file(path)(error)
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_rotated_in_place() {
        let path = std::env::temp_dir().join(format!("valutai-keys-{}", uuid::Uuid::now_v7()));
        fs::write(&path, Key::generate().to_base64()).expect("writes");
        let before = read(&path, None).expect("reads");
        let announced = rotate(&path, true, None).expect("rotates");
        let ids = || -> Vec<String> {
            let lines = read(&path, None).expect("reads");
            lines.into_iter().map(|line| line.id).collect()
        };
        assert_eq!(ids(), [before[0].id.clone(), announced.clone()]);
        rotate(&path, false, Some(&announced)).expect("rotates");
        assert_eq!(ids(), [announced.clone(), before[0].id.clone()]);
        let third = rotate(&path, false, None).expect("rotates");
        assert_eq!(ids(), [third, announced, before[0].id.clone()]);
        assert!(rotate(&path, false, Some("0011")).is_err());
        fs::remove_file(path).expect("removes");
    }
}
