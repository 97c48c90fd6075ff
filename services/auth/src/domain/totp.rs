//! The second factor: time-based codes and recovery codes. Deliberately no storage: who calls keeps
//! the last step that was taken, so that no code counts twice.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use totp_rs::{Builder, Secret, Totp};

use crate::Error;

const ISSUER: &str = "ValutAI";
/// Recovery codes that are given out at once.
const RECOVERY_CODES: usize = 10;
/// Bytes of the secret; RFC 4226 recommends 160 bits.
const SECRET_BYTES: usize = 20;

/// A secret just made.
#[derive(Debug)]
pub struct NewSecret {
    /// Its bytes, to be sealed.
    pub bytes: Vec<u8>,
    /// In base32, for an authenticator.
    pub base32: String,
    /// As an otpauth address.
    pub url: String,
}

/// Makes a secret for somebody's authenticator.
///
/// # Errors
/// Where the address cannot stand in an otpauth address.
pub fn new_secret(email: &str) -> Result<NewSecret, Error> {
    let bytes: [u8; SECRET_BYTES] = rand::random();
    let totp = totp(&bytes, email)?;
    Ok(NewSecret {
        base32: Secret::from(bytes.to_vec()).to_base32(),
        url: totp
            .to_url()
            .map_err(|error| Error::Totp(error.to_string()))?,
        bytes: bytes.to_vec(),
    })
}

fn totp(secret: &[u8], email: &str) -> Result<Totp, Error> {
    Builder::new()
        .with_secret(secret.to_vec())
        .with_issuer(Some(ISSUER))
        .with_account_name(email)
        .build()
        .map_err(|error| Error::Totp(error.to_string()))
}

/// The time step of a code that is right now, or was half a minute ago, or will be; nothing for a
/// wrong code, and for a step that is not behind the last one taken.
///
/// # Errors
/// Where the secret is none.
pub fn step_of(
    secret: &[u8],
    code: &str,
    unix_seconds: u64,
    last_step: i64,
) -> Result<Option<i64>, Error> {
    let totp = totp(secret, "account")?;
    let code: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let found = totp.check(&code, unix_seconds);
    Ok(found
        .and_then(|step| i64::try_from(step).ok())
        .filter(|step| *step > last_step))
}

/// Fresh recovery codes.
#[must_use]
pub fn recovery_codes() -> Vec<String> {
    (0..RECOVERY_CODES)
        .map(|_| {
            // Some 60 random bits: nobody guesses them, so a fast hash keeps them well enough.
            let text = BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 9]>());
            let plain = text.replace(['-', '_'], "x").to_lowercase();
            format!("{}-{}-{}", &plain[..4], &plain[4..8], &plain[8..])
        })
        .collect()
}

/// What is stored of a recovery code, however it was typed.
#[must_use]
pub fn recovery_hash(code: &str) -> Vec<u8> {
    let plain: String = code.chars().filter(|c| c.is_alphanumeric()).collect();
    Sha256::digest(plain.to_lowercase().as_bytes()).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_once_and_not_long() {
        let secret = new_secret("ada@example.com").unwrap();
        assert!(secret.url.starts_with("otpauth://totp/"), "{}", secret.url);
        assert!(secret.url.contains(&secret.base32));
        let now = 1_800_000_000;
        let shown = totp(&secret.bytes, "x").unwrap().generate(now).to_string();
        let step = |at, last| step_of(&secret.bytes, &shown, at, last).unwrap();
        let taken = i64::try_from(now / 30).unwrap();
        assert_eq!(step(now, 0), Some(taken));
        assert_eq!(step(now, taken - 1), Some(taken));
        assert_eq!(step(now, taken), None, "the same code again");
        assert_eq!(step(now + 30, 0), Some(taken), "a slow hand");
        assert_eq!(step(now + 90, 0), None, "too late");
        for wrong in ["", "12345", "abcdef", "1234567"] {
            assert_eq!(step_of(&secret.bytes, wrong, now, 0).unwrap(), None);
        }
    }

    #[test]
    fn recovery_codes_differ_and_are_read_as_people_type() {
        let codes = recovery_codes();
        let mut hashes: Vec<_> = codes.iter().map(|code| recovery_hash(code)).collect();
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), RECOVERY_CODES);
        let typed = format!(" {} ", codes[0].replace('-', " ").to_uppercase());
        assert_eq!(recovery_hash(&typed), recovery_hash(&codes[0]));
    }
}
