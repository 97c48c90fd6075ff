//! TLS: the pair that the gateway shows its clients, and the authority that NATS is judged by.
//! Deliberately paths only: files change while a process runs, and whoever uses them reads them.

use std::path::PathBuf;

use super::{ConfigError, var};

/// A certificate and its key, in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, followed by those between it and its authority. Variable `VALUTAI_TLS_CERT_FILE`.
    pub certificate: PathBuf,
    /// Its private key. Variable `VALUTAI_TLS_KEY_FILE`.
    pub key: PathBuf,
}

impl TlsFiles {
    /// Reads the environment; `None` where neither variable is set.
    ///
    /// # Errors
    /// Where one is set without the other: nobody means to speak plain text by half a setting.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        const CERTIFICATE: &str = "VALUTAI_TLS_CERT_FILE";
        const KEY: &str = "VALUTAI_TLS_KEY_FILE";
        Self::of((CERTIFICATE, var(CERTIFICATE)), (KEY, var(KEY)))
    }

    fn of(
        (certificate_name, certificate): (&'static str, Option<String>),
        (key_name, key): (&'static str, Option<String>),
    ) -> Result<Option<Self>, ConfigError> {
        match (certificate, key) {
            (Some(certificate), Some(key)) => Ok(Some(Self {
                certificate: certificate.into(),
                key: key.into(),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(ConfigError::Half(certificate_name, key_name)),
            (None, Some(_)) => Err(ConfigError::Half(key_name, certificate_name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_pair_is_refused() {
        let of = |certificate: Option<&str>, key: Option<&str>| {
            let owned = |path: Option<&str>| path.map(str::to_owned);
            TlsFiles::of(("CERT", owned(certificate)), ("KEY", owned(key)))
        };
        assert_eq!(of(None, None).expect("is no setting"), None);
        assert!(of(Some("a"), Some("b")).expect("is whole").is_some());
        for (half, says) in [
            (of(Some("a"), None), "CERT is set and KEY is not"),
            (of(None, Some("b")), "KEY is set and CERT is not"),
        ] {
            let refused = half.expect_err("is half").to_string();
            assert!(refused.contains(says), "{refused}");
        }
    }
}
