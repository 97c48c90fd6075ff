//! The token of whoever runs the installation. Deliberately its hash alone: what the gateway is told opens nothing.

use std::{fmt, str::FromStr};

use sha2::{Digest as _, Sha256};

use super::{ConfigError, parsed};

/// The SHA-256 of the operator's token.
#[derive(Clone, PartialEq, Eq)]
pub struct OperatorToken([u8; 32]);

impl OperatorToken {
    /// Reads the environment.
    ///
    /// # Errors
    /// Where the variable is malformed.
    pub fn from_env() -> Result<Option<Self>, ConfigError> {
        parsed(
            "VALUTAI_OPERATOR_TOKEN_HASH",
            "the SHA-256 of the token, 64 hexadecimal digits as sha256sum prints them",
        )
    }

    /// Of a token itself.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Whether a token is the operator's. Hashes are compared, of which nobody can guess the first bytes towards a token.
    #[must_use]
    pub fn is(&self, token: &str) -> bool {
        *self == Self::of(token)
    }
}

impl FromStr for OperatorToken {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(());
        }
        let mut hash = [0; 32];
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| ())?;
        }
        Ok(Self(hash))
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_and_knows_its_token() {
        // SHA-256 of "abc", as FIPS 180-2 shows it.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let token: OperatorToken = text.parse().expect("is one");
        assert!(token.is("abc") && !token.is("abd"));
        for bad in ["", "ba78", &text[1..], &text.replace('b', "x")] {
            assert!(bad.parse::<OperatorToken>().is_err(), "{bad}");
        }
    }
}
