//! The identity providers that people may sign in with, from a JSON file. Deliberately nothing that is asked of a
//! provider: the auth service does that when somebody comes.

use std::{fs, net::IpAddr, path::PathBuf};

use http::{Uri, uri::Scheme};
use serde::Deserialize;

use super::{ConfigError, Secret, var};

/// What the file may not be called.
const RESERVED: &str = "credential";
const LONGEST_NAME: usize = 32;

/// A provider, as the operator has set it up.
#[derive(Debug, Clone)]
pub struct Provider {
    /// Name in calls and in the database; lower-case letters, digits and dashes.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// How it is spoken to.
    pub kind: ProviderKind,
    /// Its issuer, or the address of GitHub.
    pub url: String,
    /// What it knows this system by.
    pub client_id: String,
    /// What this system proves itself with; none for a public client.
    pub client_secret: Option<Secret>,
    /// Scopes to ask for.
    pub scopes: Vec<String>,
    /// Further parameters of the address that is opened in the browser.
    pub parameters: Vec<(String, String)>,
    /// Where it may send a browser, besides `http://127.0.0.1:PORT/callback`.
    pub redirect_uris: Vec<String>,
    /// Whether every address that it tells counts as confirmed.
    pub trust_email: bool,
}

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
    /// OpenID Connect, by discovery.
    OpenId,
    /// GitHub, which speaks OAuth 2.0 and has an API of its own for the rest.
    GitHub,
}

/// An entry of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    title: Option<String>,
    kind: ProviderKind,
    url: Option<String>,
    client_id: String,
    client_secret_file: Option<PathBuf>,
    scopes: Option<Vec<String>>,
    #[serde(default)]
    parameters: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    trust_email: bool,
}

impl Provider {
    /// Reads the providers that the environment names.
    ///
    /// # Errors
    /// `Providers` with what is wrong.
    pub fn all_from_env() -> Result<Vec<Self>, ConfigError> {
        let (name, text) = match (var("VALUTAI_PROVIDERS_FILE"), var("VALUTAI_PROVIDERS")) {
            (Some(path), _) => {
                let text = fs::read_to_string(&path).map_err(|error| {
                    ConfigError::Providers(format!(
                        "VALUTAI_PROVIDERS_FILE: {path} cannot be read: {error}"
                    ))
                })?;
                ("VALUTAI_PROVIDERS_FILE", text)
            }
            (None, Some(text)) => ("VALUTAI_PROVIDERS", text),
            (None, None) => return Ok(Vec::new()),
        };
        Self::all_from_json(&text)
            .map_err(|problem| ConfigError::Providers(format!("{name}: {problem}")))
    }

    /// Reads a list of providers.
    ///
    /// # Errors
    /// Where it is malformed: what is wrong, and with which provider.
    pub fn all_from_json(text: &str) -> Result<Vec<Self>, String> {
        let entries: Vec<Entry> = serde_json::from_str(text)
            .map_err(|error| format!("it has to be a JSON list of providers: {error}"))?;
        let mut all: Vec<Self> = Vec::new();
        for entry in entries {
            let name = entry.name.clone();
            let provider = Self::from_entry(entry)
                .map_err(|problem| format!("the provider \"{name}\": {problem}"))?;
            if all.iter().any(|other| other.name == provider.name) {
                return Err(format!("the provider \"{name}\" is there twice"));
            }
            all.push(provider);
        }
        Ok(all)
    }

    fn from_entry(entry: Entry) -> Result<Self, String> {
        let name_fits = (1..=LONGEST_NAME).contains(&entry.name.len())
            && entry.name != RESERVED
            && entry
                .name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !name_fits {
            return Err(
                "its name has to have 1 to 32 lower-case letters, digits and dashes".into(),
            );
        }
        let url = match (entry.url, entry.kind) {
            (Some(url), _) => url,
            (None, ProviderKind::GitHub) => "https://github.com".to_owned(),
            (None, ProviderKind::OpenId) => {
                return Err("its \"url\", the issuer, is missing".into());
            }
        };
        if !is_web_address(&url) {
            return Err(format!(
                "\"{url}\" has to begin with https://, or for a provider on this machine with http://127.0.0.1, and to have no ? or #"
            ));
        }
        if entry.client_id.trim().is_empty() {
            return Err("its \"client_id\" is empty".into());
        }
        if let Some(bad) = entry.redirect_uris.iter().find(|uri| !is_web_address(uri)) {
            return Err(format!(
                "the redirect URI \"{bad}\" has to begin with https://, or with http:// for this machine, and to have no ? or #"
            ));
        }
        let scopes = entry.scopes.unwrap_or_else(|| match entry.kind {
            ProviderKind::OpenId => vec!["openid".to_owned(), "email".to_owned()],
            ProviderKind::GitHub => vec!["user:email".to_owned()],
        });
        Ok(Self {
            title: entry.title.unwrap_or_else(|| entry.name.clone()),
            name: entry.name,
            kind: entry.kind,
            url,
            client_id: entry.client_id.trim().to_owned(),
            client_secret: entry.client_secret_file.map(secret).transpose()?,
            scopes,
            parameters: entry.parameters.into_iter().collect(),
            redirect_uris: entry.redirect_uris,
            trust_email: entry.trust_email,
        })
    }
}

fn secret(path: PathBuf) -> Result<Secret, String> {
    let text = fs::read_to_string(&path)
        .map_err(|error| format!("its secret {} cannot be read: {error}", path.display()))?;
    match text.trim() {
        "" => Err(format!("its secret {} is empty", path.display())),
        secret => Ok(Secret::new(secret)),
    }
}

/// An address with TLS, or one of this machine.
fn is_web_address(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else {
        return false;
    };
    let Some(host) = uri.host().filter(|host| !host.is_empty()) else {
        return false;
    };
    let is_plain = uri.query().is_none()
        && !text.contains(['#', '?'])
        && !uri.authority().is_some_and(|a| a.as_str().contains('@'));
    let scheme = uri.scheme();
    is_plain
        && (scheme == Some(&Scheme::HTTPS) || scheme == Some(&Scheme::HTTP) && is_loopback(host))
}

/// Whether a host of an address, as it stands there, is this machine and nothing else.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || bare
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_a_usual_value() {
        let all = Provider::all_from_json(
            r#"[{"name": "corp", "kind": "openid", "url": "https://id.example.com/realms/corp", "client_id": "valutai"},
                {"name": "github", "title": "GitHub", "kind": "github", "client_id": "x", "scopes": []}]"#,
        )
        .expect("reads");
        assert_eq!(all[0].title, "corp");
        assert_eq!(all[0].scopes, ["openid", "email"]);
        assert!(all[0].client_secret.is_none() && !all[0].trust_email);
        assert_eq!(all[1].url, "https://github.com");
        assert!(all[1].scopes.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let entry = |change: (&str, &str)| {
            let mut fields = vec![
                ("name", "\"corp\""),
                ("kind", "\"openid\""),
                ("url", "\"https://id.example.com\""),
                ("client_id", "\"valutai\""),
            ];
            fields.retain(|(name, _)| *name != change.0);
            fields.push(change);
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("\"{name}\": {value}"))
                .collect();
            format!("[{{{}}}]", fields.join(", "))
        };
        for (change, wanted) in [
            (("name", "\"credential\""), "its name"),
            (("name", "\"Corp\""), "its name"),
            (("kind", "\"saml\""), "saml"),
            (("url", "\"http://id.example.com\""), "https://"),
            (("url", "\"https://id.example.com?x\""), "no ? or #"),
            (("url", "\"https://u:p@id.example.com\""), "https://"),
            (("client_id", "\" \""), "client_id"),
            (
                ("client_secret_file", "\"/nowhere/secret\""),
                "/nowhere/secret",
            ),
            (
                ("redirect_uris", "[\"http://app.example.com\"]"),
                "redirect URI",
            ),
            (("client_secret", "\"in the file\""), "client_secret"),
        ] {
            let problem = Provider::all_from_json(&entry(change)).expect_err(change.1);
            assert!(problem.contains(wanted), "{change:?}: {problem}");
        }
        let twice =
            entry(("title", "\"a\"")).replace("}]", "}, ") + &entry(("title", "\"b\""))[1..];
        let problem = Provider::all_from_json(&twice).expect_err("is there twice");
        assert!(problem.contains("twice"), "{problem}");
    }

    #[test]
    fn this_machine_is_told_from_others() {
        for here in ["127.0.0.1", "127.8.9.1", "[::1]", "localhost"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "127.0.0.1.example.com",
            "localhost.example.com",
            "10.0.0.1",
            "0.0.0.0",
            "",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }
}
