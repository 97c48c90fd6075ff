//! The rules of accounts: addresses, passwords, tokens, roles, and the audit chain's hash.
//! Deliberately no I/O.

use std::sync::LazyLock;

use argon2::{
    Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _,
    password_hash::{SaltString, rand_core::OsRng},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use platform::{config::Key, crypto};
use proto::auth::Role;
use sha2::{Digest as _, Sha256};

use crate::Error;

/// Fewest characters of a password.
pub const PASSWORD_MIN: usize = 12;
/// Most characters of a password; more is an attack on the hash.
pub const PASSWORD_MAX: usize = 200;
/// How long a session lasts at the most, in days.
pub const SESSION_DAYS: i64 = 30;
/// Marks our tokens, so that leaked ones can be found.
const TOKEN_PREFIX: &str = "vai_";

/// An address that people sign in with: trimmed, lower case, plausible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// `Email` where it cannot be one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let email = text.trim().to_lowercase();
        let plausible = email.len() <= 254
            && !email.chars().any(|c| c.is_whitespace() || c.is_control())
            && email.split_once('@').is_some_and(|(name, host)| {
                !name.is_empty()
                    && !host.contains('@')
                    && host.split('.').count() >= 2
                    && host.split('.').all(|label| !label.is_empty())
            });
        if plausible {
            Ok(Self(email))
        } else {
            Err(Error::Email(text.chars().take(80).collect()))
        }
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Hashes a password by argon2id. Slow on purpose: run it off the async threads.
///
/// # Errors
/// `Password` where it is too short or too long.
pub fn hash_password(password: &str) -> Result<String, Error> {
    let length = password.chars().count();
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&length) {
        return Err(Error::Password {
            min: PASSWORD_MIN,
            max: PASSWORD_MAX,
        });
    }
    let salt = SaltString::generate(&mut OsRng);
    Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| Error::Hashing(error.to_string()))
}

/// Compares a password with a hash; without a hash it takes as long and answers false.
#[must_use]
pub fn password_matches(password: &str, hash: Option<&str>) -> bool {
    // Nobody's password, so that an unknown address costs the same work as a known one.
    static NOBODY: LazyLock<String> =
        LazyLock::new(|| hash_password(&new_token()).unwrap_or_default());
    let stored = PasswordHash::new(hash.unwrap_or(&NOBODY));
    let matches = stored.is_ok_and(|stored| {
        Argon2::default()
            .verify_password(password.as_bytes(), &stored)
            .is_ok()
    });
    matches && hash.is_some()
}

/// A fresh session token of 256 random bits.
#[must_use]
pub fn new_token() -> String {
    let bytes: [u8; 32] = rand::random();
    format!("{TOKEN_PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// What is stored of a token.
#[must_use]
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// A role as it is stored.
///
/// # Errors
/// `Role` where none is named.
pub fn role_text(role: Role) -> Result<&'static str, Error> {
    match role {
        Role::Unspecified => Err(Error::Role),
        named => Ok(proto::access::role_name(named)),
    }
}

/// A role as it was stored.
#[must_use]
pub fn role_of(text: &str) -> Role {
    match text {
        "owner" => Role::Owner,
        "analyst" => Role::Analyst,
        "viewer" => Role::Viewer,
        _ => Role::Unspecified,
    }
}

/// Hash of an audit entry: HMAC-SHA-256 over the hash before it, its number and its content.
#[must_use]
pub fn audit_hash(key: &Key, previous: &[u8], sequence: i64, content: &[u8]) -> [u8; 32] {
    crypto::mac(key, "audit", &[previous, &sequence.to_be_bytes(), content])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_without_case() {
        let email = Email::parse("  Ada@Example.COM ").unwrap();
        assert_eq!(email.as_str(), "ada@example.com");
        for bad in [
            "",
            "ada",
            "ada@",
            "@example.com",
            "a b@example.com",
            "a@b",
            "a@b..c",
            "a@b@c.d",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn passwords_match_only_their_own_hash() {
        let hash = hash_password("correct horse battery").unwrap();
        assert!(password_matches("correct horse battery", Some(&hash)));
        assert!(!password_matches("correct horse batterz", Some(&hash)));
        assert!(!password_matches("correct horse battery", None));
        assert!(hash_password("short").is_err());
    }

    #[test]
    fn a_changed_entry_changes_the_hash() {
        let key = Key::generate();
        let hash = audit_hash(&key, b"before", 2, b"content");
        assert_eq!(hash, audit_hash(&key, b"before", 2, b"content"));
        assert_ne!(hash, audit_hash(&key, b"before", 3, b"content"));
        assert_ne!(hash, audit_hash(&key, b"other", 2, b"content"));
        assert_ne!(hash, audit_hash(&Key::generate(), b"before", 2, b"content"));
    }
}
