//! Envelope encryption: a key-encryption key wraps a data key per tenant, which wraps or seals the
//! rest with XChaCha20-Poly1305. Deliberately no key storage: see [`crate::keys`].

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use chacha20poly1305::{
    Key as CipherKey, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{
    config::{Key, Keys},
    error::{Error, Result},
};

const VERSION: u8 = 1;
/// Random bytes of a token.
const TOKEN_LEN: usize = 32;
const KEY_ID_LEN: usize = 8;
const NONCE_LEN: usize = 24;
const HEADER_LEN: usize = 1 + KEY_ID_LEN + NONCE_LEN;

/// A fresh token of 256 random bits behind a prefix by which leaked ones can be found.
#[must_use]
pub fn new_token(prefix: &str) -> String {
    let bytes: [u8; TOKEN_LEN] = rand::random();
    format!("{prefix}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// What is stored of a token: its SHA-256, 32 bytes.
#[must_use]
pub fn token_hash(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

/// Names a key without telling it: the first 8 bytes of its SHA-256.
#[must_use]
pub fn key_id(key: &Key) -> [u8; KEY_ID_LEN] {
    let digest = Sha256::digest(key.expose());
    let mut id = [0; KEY_ID_LEN];
    id.copy_from_slice(&digest[..KEY_ID_LEN]);
    id
}

/// Seals bytes: version, key id, random nonce, ciphertext with tag. `context` must be given again to open.
#[must_use]
pub fn seal(key: &Key, context: &str, plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; NONCE_LEN] = rand::random();
    let cipher = XChaCha20Poly1305::new(CipherKey::from_slice(key.expose()));
    let sealed = cipher
        .encrypt(
            XNonce::from_slice(&nonce),
            Payload {
                msg: plain,
                aad: context.as_bytes(),
            },
        )
        .expect("encryption into a vector fails only beyond 256 GiB");
    let mut out = Vec::with_capacity(HEADER_LEN + sealed.len());
    out.push(VERSION);
    out.extend_from_slice(&key_id(key));
    out.extend_from_slice(&nonce);
    out.extend_from_slice(&sealed);
    out
}

/// Opens what [`seal`] made.
///
/// # Errors
/// `Decryption` naming `what` where version, key, context or content do not fit.
pub fn open(key: &Key, context: &str, sealed: &[u8], what: &'static str) -> Result<Vec<u8>> {
    if sealed.len() < HEADER_LEN || sealed[0] != VERSION || sealed[1..=KEY_ID_LEN] != key_id(key) {
        return Err(Error::Decryption(what));
    }
    let cipher = XChaCha20Poly1305::new(CipherKey::from_slice(key.expose()));
    cipher
        .decrypt(
            XNonce::from_slice(&sealed[1 + KEY_ID_LEN..HEADER_LEN]),
            Payload {
                msg: &sealed[HEADER_LEN..],
                aad: context.as_bytes(),
            },
        )
        .map_err(|_| Error::Decryption(what))
}

/// The id of the key that [`seal`] used; empty where the bytes are not from there.
#[must_use]
pub fn sealed_by(sealed: &[u8]) -> &[u8] {
    sealed.get(1..=KEY_ID_LEN).unwrap_or_default()
}

/// Opens what was sealed by any of several keys.
///
/// # Errors
/// `Decryption` naming `what` where none of them did it, or context or content do not fit.
pub fn open_by(keys: &Keys, context: &str, sealed: &[u8], what: &'static str) -> Result<Vec<u8>> {
    let key = keys
        .find(sealed_by(sealed))
        .ok_or(Error::Decryption(what))?;
    open(&key, context, sealed, what)
}

/// Seals once more, by the key that seals now; `None` where that is so already.
///
/// # Errors
/// `Decryption` naming `what` where it cannot be opened.
pub fn reseal(
    keys: &Keys,
    context: &str,
    sealed: &[u8],
    what: &'static str,
) -> Result<Option<Vec<u8>>> {
    let current = keys.current();
    if sealed_by(sealed) == key_id(&current) {
        return Ok(None);
    }
    let plain = zeroize::Zeroizing::new(open_by(keys, context, sealed, what)?);
    Ok(Some(seal(&current, context, &plain)))
}

/// Makes a data key for a tenant and wraps it by the key-encryption key.
#[must_use]
pub fn new_wrapped_key(kek: &Key, tenant: Uuid) -> Vec<u8> {
    seal(kek, &wrap_context(tenant), Key::generate().expose())
}

/// Unwraps a tenant's data key.
///
/// # Errors
/// `Decryption` where it was wrapped by another key or for another tenant.
pub fn unwrap_key(kek: &Keys, tenant: Uuid, wrapped: &[u8]) -> Result<Key> {
    open_key(kek, &wrap_context(tenant), wrapped, "a data key")
}

/// Opens a sealed key.
///
/// # Errors
/// `Decryption` naming `what` where [`open_by`] fails or it is no key.
pub fn open_key(keys: &Keys, context: &str, sealed: &[u8], what: &'static str) -> Result<Key> {
    let bytes = zeroize::Zeroizing::new(open_by(keys, context, sealed, what)?);
    let bytes: [u8; 32] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| Error::Decryption(what))?;
    Ok(Key::new(bytes))
}

/// HMAC-SHA-256 under a key derived from `key` for one purpose, so that purposes cannot be mixed up.
#[must_use]
pub fn mac(key: &Key, purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    let derived = hmac(key.expose(), &[purpose.as_bytes()]);
    hmac(&derived, parts)
}

fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac =
        <Hmac<Sha256> as Mac>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// What a tenant's data key is sealed for.
#[must_use]
pub fn wrap_context(tenant: Uuid) -> String {
    format!("{tenant}|tenant_key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_the_same_key_and_context() {
        let key = Key::generate();
        let sealed = seal(&key, "t|table|column|row", b"secret");
        assert_eq!(
            open(&key, "t|table|column|row", &sealed, "x")
                .ok()
                .as_deref(),
            Some(&b"secret"[..])
        );
        assert!(open(&key, "t|table|column|other", &sealed, "x").is_err());
        assert!(open(&Key::generate(), "t|table|column|row", &sealed, "x").is_err());
        let mut changed = sealed.clone();
        changed[HEADER_LEN] ^= 1;
        assert!(open(&key, "t|table|column|row", &changed, "x").is_err());
        assert!(open(&key, "t|table|column|row", &sealed[..10], "x").is_err());
    }

    #[test]
    fn a_data_key_belongs_to_its_tenant() {
        let kek = Key::generate();
        let (tenant, other) = (Uuid::now_v7(), Uuid::now_v7());
        let wrapped = new_wrapped_key(&kek, tenant);
        let kek = Keys::from(kek);
        assert!(unwrap_key(&kek, tenant, &wrapped).is_ok());
        assert!(unwrap_key(&kek, other, &wrapped).is_err());
    }
}
