//! Keys of one purpose, from a file, from the environment, or behind a key management service: the
//! first one seals, all of them open. Deliberately nothing that makes or removes keys: operators do,
//! by `valutai keys`.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, PoisonError, RwLock},
    time::SystemTime,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{ConfigError, Key, var};
use crate::crypto::key_id;

/// Begins a line whose key is wrapped by the key management service.
const WRAPPED: &str = "kms:";

/// Keys of one purpose. Copies share what they hold.
#[derive(Debug, Clone)]
pub struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    held: RwLock<Vec<Key>>,
    file: Option<KeyFile>,
}

/// Where keys are read from again when one is met that is not held.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    kms: Option<Kms>,
    read: RwLock<Option<(SystemTime, u64)>>,
}

/// The command that wraps and unwraps keys: with `wrap` it gets a key in base64 on its standard input and
/// answers it wrapped on its standard output, with `unwrap` the other way round.
#[derive(Debug, Clone)]
pub struct Kms(String);

impl Kms {
    /// The command of `VALUTAI_KMS_COMMAND`; `None` where unset.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        var("VALUTAI_KMS_COMMAND").map(Self)
    }

    /// A command with its arguments, parted by spaces.
    #[must_use]
    pub fn new(command: impl Into<String>) -> Self {
        Self(command.into())
    }

    fn run(&self, verb: &str, input: &str) -> Result<String, ConfigError> {
        let failed = |why: String| ConfigError::Kms(format!("{verb}: {why}"));
        let mut words = self.0.split_whitespace();
        let program = words.next().ok_or_else(|| failed("no command".into()))?;
        let mut child = Command::new(program)
            .args(words)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin
                .write_all(input.as_bytes())
                .map_err(|error| failed(error.to_string()))?;
        }
        let done = child
            .wait_with_output()
            .map_err(|error| failed(error.to_string()))?;
        if !done.status.success() {
            return Err(failed(format!("it ended with {}", done.status)));
        }
        String::from_utf8(done.stdout).map_err(|_| failed("its answer is no text".into()))
    }

    /// A key as a line of a key file.
    ///
    /// # Errors
    /// Where the command fails.
    pub fn wrap(&self, key: &Key) -> Result<String, ConfigError> {
        let wrapped = self.run("wrap", &key.to_base64())?;
        Ok(format!(
            "{WRAPPED}{}",
            BASE64_STANDARD.encode(wrapped.trim())
        ))
    }

    fn unwrap(&self, wrapped: &str) -> Result<Key, ConfigError> {
        let wrapped = BASE64_STANDARD
            .decode(wrapped)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or(ConfigError::Key)?;
        Key::from_base64(&self.run("unwrap", &wrapped)?)
    }
}

impl From<Key> for Keys {
    fn from(key: Key) -> Self {
        Self(Arc::new(Inner {
            held: RwLock::new(vec![key]),
            file: None,
        }))
    }
}

impl Keys {
    /// Reads a key file: a key a line, the one that seals first; lines that begin with `#` say something.
    ///
    /// # Errors
    /// Where it cannot be read, holds no key, or the command that unwraps fails.
    pub fn from_file(path: impl Into<PathBuf>, kms: Option<Kms>) -> Result<Self, ConfigError> {
        let file = KeyFile {
            path: path.into(),
            kms,
            read: RwLock::default(),
        };
        let held = file.load()?;
        Ok(Self(Arc::new(Inner {
            held: RwLock::new(held),
            file: Some(file),
        })))
    }

    /// Reads keys as text, in the form of a key file; commas part lines as well.
    ///
    /// # Errors
    /// Where a key is malformed or there is none.
    pub fn from_text(text: &str, kms: Option<&Kms>) -> Result<Self, ConfigError> {
        Ok(Self(Arc::new(Inner {
            held: RwLock::new(parse(text, kms)?),
            file: None,
        })))
    }

    /// The keys that a variable has itself; `None` where it is unset.
    pub(super) fn in_env(name: &str) -> Result<Option<Self>, ConfigError> {
        var(name)
            .map(|text| Self::from_text(&text, Kms::from_env().as_ref()))
            .transpose()
    }

    /// The key that seals.
    ///
    /// # Panics
    /// Never: there is one from the beginning, and none is forgotten.
    #[must_use]
    pub fn current(&self) -> Key {
        let held = self.0.held.read().unwrap_or_else(PoisonError::into_inner);
        held.first().cloned().expect("keys are never without one")
    }

    /// The key with an id; reads the file again where it is not held and the file has changed.
    #[must_use]
    pub fn find(&self, id: &[u8]) -> Option<Key> {
        let look = || {
            let held = self.0.held.read().unwrap_or_else(PoisonError::into_inner);
            held.iter().find(|key| key_id(key) == id).cloned()
        };
        look().or_else(|| match self.reload() {
            Ok(true) => look(),
            Ok(false) => None,
            Err(error) => {
                tracing::error!(%error, "a key is missing, and the key file cannot be read");
                None
            }
        })
    }

    /// Reads the file again where it has changed, and answers whether it has. A key that was removed is
    /// held until the process ends: something may have been sealed by it a moment ago.
    ///
    /// # Errors
    /// Where the file cannot be read; then the keys stay as they are.
    pub fn reload(&self) -> Result<bool, ConfigError> {
        let Some(file) = self.0.file.as_ref().filter(|file| file.has_changed()) else {
            return Ok(false);
        };
        let mut fresh = file.load()?;
        let mut held = self.0.held.write().unwrap_or_else(PoisonError::into_inner);
        for old in held.drain(..) {
            if !fresh.iter().any(|key| key.expose() == old.expose()) {
                fresh.push(old);
            }
        }
        *held = fresh;
        Ok(true)
    }

    /// The ids of all keys, the one that seals first.
    #[must_use]
    pub fn ids(&self) -> Vec<[u8; 8]> {
        let held = self.0.held.read().unwrap_or_else(PoisonError::into_inner);
        held.iter().map(key_id).collect()
    }

    /// The key that seals as base64 text.
    #[must_use]
    pub fn to_base64(&self) -> String {
        self.current().to_base64()
    }
}

impl KeyFile {
    fn stamp(&self) -> Option<(SystemTime, u64)> {
        let meta = fs::metadata(&self.path).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    }

    fn has_changed(&self) -> bool {
        *self.read.read().unwrap_or_else(PoisonError::into_inner) != self.stamp()
    }

    fn load(&self) -> Result<Vec<Key>, ConfigError> {
        // Before reading: a change that comes between is read again.
        let stamp = self.stamp();
        let text = read(&self.path)?;
        let keys = parse(&text, self.kms.as_ref())?;
        *self.read.write().unwrap_or_else(PoisonError::into_inner) = stamp;
        Ok(keys)
    }
}

fn read(path: &Path) -> Result<zeroize::Zeroizing<String>, ConfigError> {
    fs::read_to_string(path)
        .map(zeroize::Zeroizing::new)
        .map_err(|source| ConfigError::KeyFile {
            path: path.to_owned(),
            source,
        })
}

fn parse(text: &str, kms: Option<&Kms>) -> Result<Vec<Key>, ConfigError> {
    let keys: Vec<Key> = text
        .split(['\n', ','])
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| key_of(line, kms))
        .collect::<Result<_, _>>()?;
    match keys.is_empty() {
        true => Err(ConfigError::Key),
        false => Ok(keys),
    }
}

/// The key in a line of a key file.
///
/// # Errors
/// Where it is malformed or cannot be unwrapped.
pub fn key_of(line: &str, kms: Option<&Kms>) -> Result<Key, ConfigError> {
    match line.strip_prefix(WRAPPED) {
        Some(wrapped) => kms
            .ok_or_else(|| {
                ConfigError::Kms("a key is wrapped, and VALUTAI_KMS_COMMAND is not set".into())
            })?
            .unwrap(wrapped),
        None => Key::from_base64(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("valutai-{name}-{}", uuid::Uuid::now_v7()));
        fs::write(&path, text).expect("the folder of temporary files is writable");
        path
    }

    #[test]
    fn a_key_that_was_added_to_the_file_is_found() {
        let (old, new) = (Key::generate(), Key::generate());
        let path = file("keys", &old.to_base64());
        let keys = Keys::from_file(&path, None).expect("reads");
        assert!(keys.find(&key_id(&new)).is_none());
        let both = format!("# two keys\n{}\n{}\n", new.to_base64(), old.to_base64());
        fs::write(&path, both).expect("writes");
        assert!(keys.find(&key_id(&new)).is_some());
        assert_eq!(keys.current().expose(), new.expose());
        fs::write(&path, new.to_base64()).expect("writes");
        assert!(keys.reload().expect("reads"));
        assert_eq!(keys.ids(), [key_id(&new), key_id(&old)]);
        fs::remove_file(path).expect("removes");
    }

    #[test]
    fn a_wrapped_key_is_unwrapped_by_the_command() {
        let program = file(
            "kms",
            "#!/bin/sh\ntest \"$1\" = wrap || test \"$1\" = unwrap || exit 3\nrev\n",
        );
        let kms = Kms::new(format!("sh {}", program.display()));
        let key = Key::generate();
        let line = kms.wrap(&key).expect("wraps");
        assert!(!line.contains(&key.to_base64()));
        let keys = Keys::from_text(&line, Some(&kms)).expect("unwraps");
        assert_eq!(keys.current().expose(), key.expose());
        assert!(matches!(
            Keys::from_text(&line, None),
            Err(ConfigError::Kms(_))
        ));
        let broken = Kms::new("false");
        assert!(matches!(broken.wrap(&key), Err(ConfigError::Kms(_))));
        fs::remove_file(program).expect("removes");
    }
}
