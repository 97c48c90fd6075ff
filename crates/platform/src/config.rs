//! Everything a process can be told, read from the environment in this file and nowhere else.
//! Deliberately no file format: a variable each, a file for each secret.

mod accounts;
mod keys;
mod operator;
mod outside;
mod providers;
mod tls;
mod uploads;

use std::{
    env, fmt, net::SocketAddr, num::NonZeroU32, path::PathBuf, str::FromStr, time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use zeroize::Zeroizing;

pub use self::{
    accounts::{Accounts, Argon2Cost, MailSink, Networks, SignUpMode, masked},
    keys::{Keys, Kms, key_of},
    operator::OperatorToken,
    outside::Outside,
    providers::{Provider, ProviderKind, is_loopback},
    tls::TlsFiles,
    uploads::{ClamdAddress, UploadLimits},
};
pub use crate::overload::CallRate;

/// How long an event may stay unanswered, unless told otherwise.
pub const ACK_WAIT: Duration = Duration::from_secs(30);
/// How long a gateway believes a token, unless told otherwise.
pub const TOKEN_MEMORY: Duration = Duration::from_secs(5);
/// What every service is told at its start.
#[derive(Clone)]
pub struct Config {
    /// Where Postgres is, with the service's own login role; empty where the service has no database. Variable
    /// `VALUTAI_POSTGRES_URL`.
    pub postgres_url: Secret,
    /// Where NATS is, with credentials; of a cluster the addresses of all servers, separated by commas. Variable
    /// `VALUTAI_NATS_URL`.
    pub nats_url: Secret,
    /// File with the authorities that the certificate of NATS is judged by, in PEM; the system's without it. Variable
    /// `VALUTAI_NATS_CA_FILE`.
    pub nats_ca: Option<PathBuf>,
    /// First word of every subject and stream, so that systems can share a server. Variable
    /// `VALUTAI_SUBJECT_PREFIX`, default `valutai`.
    pub subject_prefix: String,
    /// Folder of encrypted blobs, shared by all services. Variable `VALUTAI_BLOB_DIR`.
    pub blob_dir: PathBuf,
    /// Key-encryption keys, 32 bytes each, the one that seals first. Variable `VALUTAI_KEK_FILE` names a file
    /// with one a line in base64; without it `VALUTAI_KEK` has them itself. A line may be wrapped by the
    /// command of `VALUTAI_KMS_COMMAND`.
    pub kek: Keys,
    /// Keys of the audit trail, which auth alone needs. Variables `VALUTAI_AUDIT_KEY_FILE` or
    /// `VALUTAI_AUDIT_KEY`, in the same form.
    pub audit_key: Option<Keys>,
    /// Address the gateway listens on. Variable `VALUTAI_LISTEN`, default `127.0.0.1:50051`.
    pub listen: SocketAddr,
    /// Certificate and key of the gateway, which speaks plain text without. Variables `VALUTAI_TLS_CERT_FILE` and
    /// `VALUTAI_TLS_KEY_FILE`.
    pub tls: Option<TlsFiles>,
    /// Address of the gRPC health service; none where unset. Variable `VALUTAI_HEALTH_LISTEN`.
    pub health_listen: Option<SocketAddr>,
    /// Copies that streams keep, 1 or 3. Variable `VALUTAI_STREAM_REPLICAS`, default 1.
    pub stream_replicas: usize,
    /// Connections a service holds to Postgres. Variable `VALUTAI_POSTGRES_CONNECTIONS`, default 8.
    pub postgres_connections: u32,
    /// How long an event may stay unanswered before another replica gets it, because the one that took it
    /// is taken for dead; work that goes on says so three times as often. Variable
    /// `VALUTAI_ACK_WAIT_SECONDS`, default 30.
    pub ack_wait: Duration,
    /// What is taken as an upload.
    pub uploads: UploadLimits,
    /// The virus scanner that looks at uploads; none where unset. Variable `VALUTAI_CLAMD`.
    pub clamd: Option<ClamdAddress>,
    /// Accounts, sessions and mail.
    pub accounts: Accounts,
    /// Proxies whose `x-forwarded-for` the gateway believes. Variable `VALUTAI_TRUSTED_PROXIES`.
    pub trusted_proxies: Networks,
    /// How long a gateway goes on with a token that auth has confirmed where it hears nothing of its end. Variable
    /// `VALUTAI_TOKEN_SECONDS`, default 5, 60 at the most; 0 has auth asked at every call.
    pub token_memory: Duration,
    /// Private networks that webhooks may be sent to, also without TLS; none where unset. Variable
    /// `VALUTAI_WEBHOOK_NETWORKS`.
    pub webhook_networks: Networks,
    /// What lets operators in; nobody without it. Variable `VALUTAI_OPERATOR_TOKEN_HASH`.
    pub operator: Option<OperatorToken>,
    /// What each organisation may call. Variables `VALUTAI_CALLS_PER_SECOND` and `VALUTAI_CALLS_AT_ONCE`.
    pub calls: CallRate,
    /// How programs outside read events on NATS.
    pub outside: Option<Outside>,
}

/// Where traces and logs go.
#[derive(Debug, Clone, Default)]
pub struct TelemetryConfig {
    /// OTLP endpoint over gRPC; none where unset. Variable `VALUTAI_OTLP_ENDPOINT`.
    pub otlp_endpoint: Option<String>,
    /// What is logged, in `tracing` filter syntax. Variable `VALUTAI_LOG`, default `info`.
    pub log_filter: String,
    /// Whether log lines are JSON. Variable `VALUTAI_LOG_FORMAT`, `text` or `json`.
    pub json: bool,
}

/// A value that is never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a secret.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The secret itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// 32 secret bytes.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; 32]>);

impl Key {
    /// Wraps key material.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Fresh key material from the system's generator.
    #[must_use]
    pub fn generate() -> Self {
        Self(Zeroizing::new(rand::random()))
    }

    /// Reads base64 text.
    ///
    /// # Errors
    /// Where the text is not base64 of 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, ConfigError> {
        let bytes = Zeroizing::new(
            BASE64_STANDARD
                .decode(text.trim())
                .map_err(|_| ConfigError::Key)?,
        );
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| ConfigError::Key)?;
        Ok(Self::new(bytes))
    }

    /// The key as base64 text, for its file.
    #[must_use]
    pub fn to_base64(&self) -> String {
        BASE64_STANDARD.encode(*self.0)
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("subject_prefix", &self.subject_prefix)
            .field("blob_dir", &self.blob_dir)
            .field("listen", &self.listen)
            .finish_non_exhaustive()
    }
}

/// A setting is missing or wrong.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A variable has to be set.
    #[error("{0} is not set: give it a value, see deploy/README.md")]
    Missing(&'static str),
    /// Of two variables that belong together one is set.
    #[error("{0} is set and {1} is not: set both, or neither")]
    Half(&'static str, &'static str),
    /// A variable cannot be read.
    #[error("{name} is \"{value}\", which is not {expected}")]
    Invalid {
        /// Name of the variable.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The key is malformed.
    #[error(
        "a key has to be 32 bytes in base64, one a line: make one with `openssl rand -base64 32`"
    )]
    Key,
    /// The command of the key management service failed.
    #[error("VALUTAI_KMS_COMMAND: {0}")]
    Kms(String),
    /// The identity providers are not set up as they have to be.
    #[error("{0}")]
    Providers(String),
    /// The key file cannot be read.
    #[error("the key file {path} cannot be read: {source}")]
    KeyFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// Names the first variable that is missing or malformed.
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            postgres_url: Secret::new(var("VALUTAI_POSTGRES_URL").unwrap_or_default()),
            nats_url: Secret::new(required("VALUTAI_NATS_URL")?),
            nats_ca: nats_ca_from_env(),
            subject_prefix: var("VALUTAI_SUBJECT_PREFIX").unwrap_or_else(|| "valutai".to_owned()),
            blob_dir: required("VALUTAI_BLOB_DIR")?.into(),
            kek: match Keys::in_env("VALUTAI_KEK")? {
                Some(keys) => keys,
                None => Keys::from_file(required("VALUTAI_KEK_FILE")?, Kms::from_env())?,
            },
            audit_key: match Keys::in_env("VALUTAI_AUDIT_KEY")? {
                Some(keys) => Some(keys),
                None => var("VALUTAI_AUDIT_KEY_FILE")
                    .map(|path| Keys::from_file(path, Kms::from_env()))
                    .transpose()?,
            },
            listen: parsed("VALUTAI_LISTEN", "an address such as 0.0.0.0:50051")?
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 50051))),
            tls: TlsFiles::from_env()?,
            health_listen: parsed("VALUTAI_HEALTH_LISTEN", "an address such as 0.0.0.0:8081")?,
            stream_replicas: parsed("VALUTAI_STREAM_REPLICAS", "1, 3 or 5")?.unwrap_or(1),
            postgres_connections: parsed("VALUTAI_POSTGRES_CONNECTIONS", "a number")?.unwrap_or(8),
            ack_wait: parsed::<NonZeroU32>("VALUTAI_ACK_WAIT_SECONDS", "a whole number above 0")?
                .map_or(ACK_WAIT, |seconds| {
                    Duration::from_secs(seconds.get().into())
                }),
            uploads: UploadLimits::from_env()?,
            clamd: ClamdAddress::from_env()?,
            accounts: Accounts::from_env()?,
            trusted_proxies: Networks::trusted_proxies_from_env()?,
            token_memory: token_memory(parsed("VALUTAI_TOKEN_SECONDS", TOKEN_SECONDS)?)?,
            webhook_networks: Networks::webhooks_from_env()?,
            operator: OperatorToken::from_env()?,
            calls: calls_from_env()?,
            outside: Outside::from_env()?,
        })
    }
}

/// File with the authorities that NATS is judged by.
#[must_use]
pub fn nats_ca_from_env() -> Option<PathBuf> {
    var("VALUTAI_NATS_CA_FILE").map(PathBuf::from)
}

const TOKEN_SECONDS: &str = "a whole number of seconds up to 60";

/// Bounded, since it is the longest that an ended session may go on unheard.
fn token_memory(seconds: Option<u64>) -> Result<Duration, ConfigError> {
    match seconds {
        None => Ok(TOKEN_MEMORY),
        Some(seconds @ 0..=60) => Ok(Duration::from_secs(seconds)),
        Some(seconds) => Err(ConfigError::Invalid {
            name: "VALUTAI_TOKEN_SECONDS",
            value: seconds.to_string(),
            expected: TOKEN_SECONDS,
        }),
    }
}

/// What each organisation may call.
///
/// # Errors
/// Names the first variable that is malformed.
pub fn calls_from_env() -> Result<CallRate, ConfigError> {
    const EXPECTED: &str = "a whole number, 0 for no limit";
    let usual = CallRate::default();
    let per_second = parsed("VALUTAI_CALLS_PER_SECOND", EXPECTED)?.unwrap_or(usual.per_second);
    let at_once = parsed("VALUTAI_CALLS_AT_ONCE", "a whole number")?;
    Ok(CallRate {
        per_second,
        burst: at_once.unwrap_or(per_second.saturating_mul(2)),
    })
}

impl TelemetryConfig {
    /// Reads the environment; logs what `default_filter` lets through where nothing is set.
    #[must_use]
    pub fn from_env(default_filter: &str) -> Self {
        Self {
            otlp_endpoint: var("VALUTAI_OTLP_ENDPOINT"),
            log_filter: var("VALUTAI_LOG").unwrap_or_else(|| default_filter.to_owned()),
            json: var("VALUTAI_LOG_FORMAT").is_some_and(|format| format == "json"),
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the environment"
)]
fn var(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn required(name: &'static str) -> Result<String, ConfigError> {
    var(name).ok_or(ConfigError::Missing(name))
}

fn parsed<T: FromStr>(
    name: &'static str,
    expected: &'static str,
) -> Result<Option<T>, ConfigError> {
    var(name)
        .map(|value| {
            value.parse().map_err(|_| ConfigError::Invalid {
                name,
                value,
                expected,
            })
        })
        .transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_never_believed_for_long() {
        let memory = |seconds| token_memory(seconds).ok().map(|memory| memory.as_secs());
        assert_eq!(memory(None), Some(5));
        assert_eq!(memory(Some(0)), Some(0));
        assert_eq!(memory(Some(60)), Some(60));
        assert_eq!(memory(Some(61)), None);
    }

    /// Whoever sets a system up reads that page and no code.
    #[test]
    fn every_variable_is_documented_for_operators() {
        let page = include_str!("../../../deploy/README.md");
        let code = concat!(
            include_str!("config.rs"),
            include_str!("config/accounts.rs"),
            include_str!("config/keys.rs"),
            include_str!("config/operator.rs"),
            include_str!("config/outside.rs"),
            include_str!("config/tls.rs"),
            include_str!("config/providers.rs")
        );
        let mut named: Vec<&str> = code
            .split(|c: char| !(c.is_ascii_uppercase() || c == '_'))
            .filter(|word| word.len() > 8 && word.starts_with("VALUTAI_"))
            .collect();
        named.sort_unstable();
        named.dedup();
        assert!(named.len() > 15, "{named:?}");
        for variable in named {
            assert!(
                page.contains(&format!("| `{variable}` |")),
                "deploy/README.md says nothing of {variable}"
            );
        }
    }
}
