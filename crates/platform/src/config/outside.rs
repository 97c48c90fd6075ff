//! What is needed to let programs outside read events on NATS. Deliberately both or neither: a credential without an address
//! helps nobody.

use super::{ConfigError, Keys, Kms, var};

/// How programs outside are let in.
#[derive(Debug, Clone)]
pub struct Outside {
    /// The key that nats-server believes; its public part is in the server's configuration. Variable
    /// `VALUTAI_NATS_CALLOUT_KEY_FILE` names a file with it, 32 bytes in base64; `VALUTAI_NATS_CALLOUT_KEY` has it itself.
    pub key: Keys,
    /// Where those outside find NATS, without user and password. Variable `VALUTAI_NATS_PUBLIC_URL`.
    pub url: String,
}

impl Outside {
    /// Reads the environment; `None` where nobody outside is let in.
    ///
    /// # Errors
    /// Names the variable that is missing or malformed.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        let key = match Keys::in_env("VALUTAI_NATS_CALLOUT_KEY")? {
            Some(key) => Some(key),
            None => var("VALUTAI_NATS_CALLOUT_KEY_FILE")
                .map(|path| Keys::from_file(path, Kms::from_env()))
                .transpose()?,
        };
        match (key, var("VALUTAI_NATS_PUBLIC_URL")) {
            (None, None) => Ok(None),
            (Some(key), Some(url)) => Ok(Some(Self {
                key,
                url: public(&url)?,
            })),
            // A key alone is what every new system has: nobody is let in until there is an address.
            (Some(_), None) => Ok(None),
            (None, Some(_)) => Err(ConfigError::Half(
                "VALUTAI_NATS_PUBLIC_URL",
                "VALUTAI_NATS_CALLOUT_KEY_FILE",
            )),
        }
    }
}

/// An address such as tls://events.example.com:4222.
fn public(url: &str) -> Result<String, ConfigError> {
    let rest = ["tls://", "nats://", "wss://"]
        .iter()
        .find_map(|scheme| url.strip_prefix(scheme));
    let is_bare = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['@', '/', '?', '#']));
    match is_bare {
        true => Ok(url.to_owned()),
        false => Err(ConfigError::Invalid {
            name: "VALUTAI_NATS_PUBLIC_URL",
            value: url.to_owned(),
            expected: "an address without user and path such as tls://events.example.com:4222",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::public;

    #[test]
    fn an_address_has_neither_user_nor_path() {
        assert!(public("tls://events.example.com:4222").is_ok());
        assert!(public("nats://127.0.0.1:4222").is_ok());
        for bad in [
            "",
            "tls://",
            "events.example.com",
            "tls://u:p@x:1",
            "http://x:1",
            "tls://x:1/y",
        ] {
            assert!(public(bad).is_err(), "{bad}");
        }
    }
}
