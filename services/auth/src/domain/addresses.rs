//! E-mail addresses at rest: sealed, and found again by a keyed hash of them (a blind index), because a
//! sealed address looks different each time. Deliberately equality alone: nobody searches for parts of one.

use platform::{
    config::{Key, Keys},
    crypto,
};
use uuid::Uuid;

use crate::Error;

const WHAT: &str = "an e-mail address";

/// Seals and opens addresses, and says where they are found.
#[derive(Debug, Clone)]
pub struct Addresses {
    kek: Keys,
    index_key: Key,
}

/// An address as it is stored.
#[derive(Debug)]
pub struct SealedAddress {
    /// What opens to the address.
    pub sealed: Vec<u8>,
    /// The blind index: HMAC-SHA-256, 32 bytes.
    pub index: Vec<u8>,
}

impl Addresses {
    /// `index_key` never changes, so that what was written stays found; `kek` may be rotated.
    pub fn new(kek: Keys, index_key: Key) -> Self {
        Self { kek, index_key }
    }

    /// An address of a user, who belongs to no tenant.
    pub fn seal(&self, user: Uuid, email: &str) -> SealedAddress {
        SealedAddress {
            sealed: crypto::seal(&self.kek.current(), &of_user(user), email.as_bytes()),
            index: self.index(email),
        }
    }

    /// The address of a user.
    pub fn open(&self, user: Uuid, sealed: &[u8]) -> Result<String, Error> {
        text(crypto::open_by(&self.kek, &of_user(user), sealed, WHAT)?)
    }

    /// An address that an organisation has invited; gone for good with the organisation's key.
    pub fn seal_invited(&self, data_key: &Key, id: Uuid, email: &str) -> SealedAddress {
        SealedAddress {
            sealed: crypto::seal(data_key, &of_invitation(id), email.as_bytes()),
            index: self.index(email),
        }
    }

    /// The address that an organisation has invited.
    pub fn open_invited(data_key: &Key, id: Uuid, sealed: &[u8]) -> Result<String, Error> {
        text(crypto::open(data_key, &of_invitation(id), sealed, WHAT)?)
    }

    /// Where an address is found.
    pub fn index(&self, email: &str) -> Vec<u8> {
        self.keyed("address", &[email.as_bytes()])
    }

    /// A keyed hash for another purpose; it too outlives rotations.
    pub fn keyed(&self, purpose: &str, parts: &[&[u8]]) -> Vec<u8> {
        crypto::mac(&self.index_key, purpose, parts).to_vec()
    }
}

fn of_user(user: Uuid) -> String {
    format!("user|email_sealed|{user}")
}

fn of_invitation(id: Uuid) -> String {
    format!("invitation|email_sealed|{id}")
}

fn text(plain: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(plain).map_err(|_| platform::Error::Decryption(WHAT).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_opens_for_its_user_alone_and_is_found_by_its_key_alone() {
        let key = Key::generate();
        let addresses = Addresses::new(Keys::from(Key::generate()), key.clone());
        let (ada, bob) = (Uuid::now_v7(), Uuid::now_v7());
        let sealed = addresses.seal(ada, "ada@example.com");
        let opened = addresses.open(ada, &sealed.sealed).expect("is hers");
        assert_eq!(opened, "ada@example.com");
        addresses.open(bob, &sealed.sealed).expect_err("is not his");
        assert_eq!(sealed.index, addresses.index("ada@example.com"));
        assert_ne!(sealed.index, addresses.index("adb@example.com"));
        let others = Addresses::new(Keys::from(Key::generate()), Key::generate());
        assert_ne!(sealed.index, others.index("ada@example.com"));
        let rotated = Addresses::new(Keys::from(Key::generate()), key);
        assert_eq!(sealed.index, rotated.index("ada@example.com"));
    }
}
