//! The file of session tokens, one for each endpoint, readable by its owner only. Deliberately no
//! password in it, ever.

use std::{collections::BTreeMap, fs, io, io::Write, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    args::Global,
    error::{Error, Result},
    files::NewFile,
};

const FILE: &str = "credentials.json";

/// The store of tokens.
#[derive(Debug, Clone)]
pub struct Credentials {
    folder: PathBuf,
}

#[derive(Default, Serialize, Deserialize)]
struct Content {
    #[serde(default)]
    endpoints: BTreeMap<String, Entry>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    email: String,
    token: String,
}

impl Credentials {
    /// The store in a folder, which is made when something is stored.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
        }
    }

    /// The store where the options and the platform want it.
    ///
    /// # Errors
    /// Where the platform names no home.
    pub fn locate(global: &Global) -> Result<Self> {
        if let Some(folder) = global.config_dir.as_ref().filter(|f| !f.is_empty()) {
            return Ok(Self::in_folder(folder));
        }
        let base = match global.platform_config_dir.as_ref().map(PathBuf::from) {
            Some(base) if base.is_absolute() => Some(base),
            _ => std::env::home_dir()
                .filter(|home| home.is_absolute())
                .map(|home| home.join(".config")),
        };
        base.map(|base| Self::in_folder(base.join("valutai")))
            .ok_or_else(|| {
                Error::Credentials(
                    "there is no home folder for session tokens: set VALUTAI_CONFIG_DIR".to_owned(),
                )
            })
    }

    /// The token stored for an endpoint.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn token(&self, endpoint: &str) -> Result<Option<String>> {
        let mut content = self.load()?;
        Ok(content.endpoints.remove(&key(endpoint)).map(|e| e.token))
    }

    /// Stores a token for an endpoint in place of the one before.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn store(&self, endpoint: &str, email: &str, token: &str) -> Result<()> {
        let mut content = self.load()?;
        let entry = Entry {
            email: email.to_owned(),
            token: token.to_owned(),
        };
        content.endpoints.insert(key(endpoint), entry);
        self.save(&content)
    }

    /// Puts another token in place of an endpoint's, for the same person.
    ///
    /// # Errors
    /// Where none is stored, or the file cannot be read or written.
    pub fn replace(&self, endpoint: &str, token: &str) -> Result<()> {
        let mut content = self.load()?;
        let entry = content.endpoints.get_mut(&key(endpoint)).ok_or_else(|| {
            Error::Credentials(format!("nobody is signed in at {endpoint}: sign in again"))
        })?;
        token.clone_into(&mut entry.token);
        self.save(&content)
    }

    /// Forgets an endpoint's token where it is this one.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub fn forget(&self, endpoint: &str, token: &str) -> Result<()> {
        let mut content = self.load()?;
        let key = key(endpoint);
        if content
            .endpoints
            .get(&key)
            .is_some_and(|e| e.token == token)
        {
            content.endpoints.remove(&key);
            self.save(&content)?;
        }
        Ok(())
    }

    fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    fn load(&self) -> Result<Content> {
        let path = self.path();
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Content::default()),
            Err(error) => return Err(Error::file(path)(error)),
        };
        serde_json::from_slice(&bytes).map_err(|_| {
            Error::Credentials(format!(
                "{} cannot be understood: delete it and sign in again",
                path.display()
            ))
        })
    }

    fn save(&self, content: &Content) -> Result<()> {
        let mut folder = fs::DirBuilder::new();
        folder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
        folder
            .create(&self.folder)
            .map_err(Error::file(&self.folder))?;
        let path = self.path();
        let mut file = NewFile::create_private(&path)?;
        let text = serde_json::to_vec_pretty(content)
            .map_err(|error| Error::Failed(format!("tokens cannot be stored: {error}")))?;
        file.write_all(&text).map_err(Error::file(&path))?;
        file.finish()
    }
}

fn key(endpoint: &str) -> String {
    endpoint.trim_end_matches('/').to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_kept_by_endpoint_and_private() {
        let base = std::env::temp_dir().join(format!("valutai-{}", uuid::Uuid::new_v4()));
        let store = Credentials::in_folder(base.join("valutai"));
        assert_eq!(store.token("http://a:1").expect("reads"), None);
        store
            .store("http://a:1/", "x@a.example", "one")
            .expect("stores");
        store
            .store("http://b:1", "x@b.example", "two")
            .expect("stores");
        assert_eq!(
            store.token("http://A:1").expect("reads").as_deref(),
            Some("one")
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode =
                |path: PathBuf| fs::metadata(path).expect("exists").permissions().mode() & 0o777;
            assert_eq!(mode(store.path()), 0o600);
            assert_eq!(mode(base.join("valutai")), 0o700);
        }
        store.replace("http://a:1", "three").expect("replaces");
        assert_eq!(
            store.token("http://a:1").expect("reads").as_deref(),
            Some("three")
        );
        store
            .replace("http://c:1", "four")
            .expect_err("is nobody's");
        store
            .store("http://a:1", "x@a.example", "one")
            .expect("stores");
        store.forget("http://a:1", "another").expect("keeps");
        assert!(store.token("http://a:1").expect("reads").is_some());
        store.forget("http://a:1", "one").expect("forgets");
        assert_eq!(store.token("http://a:1").expect("reads"), None);
        assert_eq!(
            store.token("http://b:1").expect("reads").as_deref(),
            Some("two")
        );
        fs::write(store.path(), b"{").expect("writes");
        let broken = store.token("http://b:1").expect_err("is broken");
        assert_eq!(broken.exit_code(), 1);
        fs::remove_dir_all(&base).expect("cleans up");
    }
}
