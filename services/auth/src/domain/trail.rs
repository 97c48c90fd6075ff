//! The chain of the audit trail: each entry's hash covers its content and the hash before it, and a seal
//! covers how many entries there are. Deliberately free of the database: an exported trail is verified by
//! the same code.

use chrono::{DateTime, Utc};
use platform::{
    config::Keys,
    crypto::{self, key_id},
};
use uuid::Uuid;

/// Hash before the first entry.
pub const BEGINNING: [u8; 32] = [0; 32];

/// An entry of a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position, from 1 without gaps.
    pub sequence: i64,
    /// When it was chained.
    pub recorded_at: DateTime<Utc>,
    /// The `OperationRecorded` as it was published.
    pub content: Vec<u8>,
    /// Id of the key that made the hash.
    pub key_id: Vec<u8>,
    /// The hash of the entry before.
    pub previous_hash: Vec<u8>,
    /// The entry's own hash.
    pub hash: Vec<u8>,
}

/// The end of a trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// How many entries there are.
    pub entries: i64,
    /// Hash of the last one.
    pub hash: Vec<u8>,
    /// Id of the key that made the seal.
    pub key_id: Vec<u8>,
    /// Covers the number and the hash.
    pub seal: Vec<u8>,
}

impl Head {
    /// The end of a trail that has not begun.
    #[must_use]
    pub fn none() -> Self {
        Self {
            entries: 0,
            hash: BEGINNING.to_vec(),
            key_id: Vec::new(),
            seal: Vec::new(),
        }
    }

    /// Appends to the trail: the entry, and where the trail ends then.
    #[must_use]
    pub fn append(
        &self,
        keys: &Keys,
        tenant: Uuid,
        recorded_at: DateTime<Utc>,
        content: Vec<u8>,
    ) -> (Entry, Self) {
        let key = keys.current();
        let mut entry = Entry {
            sequence: self.entries + 1,
            recorded_at,
            content,
            key_id: key_id(&key).to_vec(),
            previous_hash: self.hash.clone(),
            hash: Vec::new(),
        };
        entry.hash = hash(&key, tenant, &entry).to_vec();
        let mut head = Self {
            entries: entry.sequence,
            hash: entry.hash.clone(),
            key_id: entry.key_id.clone(),
            seal: Vec::new(),
        };
        head.seal = seal(&key, tenant, &head).to_vec();
        (entry, head)
    }
}

/// The first place where a trail does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {at}: {why}")]
pub struct Broken {
    /// Position of the entry.
    pub at: i64,
    /// What is wrong.
    pub why: &'static str,
}

/// Follows a trail from its beginning.
#[derive(Debug)]
pub struct Verifier<'k> {
    keys: &'k Keys,
    tenant: Uuid,
    entries: i64,
    hash: Vec<u8>,
}

impl<'k> Verifier<'k> {
    /// Begins with the first entry of a tenant's trail.
    #[must_use]
    pub fn new(keys: &'k Keys, tenant: Uuid) -> Self {
        Self {
            keys,
            tenant,
            entries: 0,
            hash: BEGINNING.to_vec(),
        }
    }

    /// How many entries have held.
    #[must_use]
    pub fn entries(&self) -> i64 {
        self.entries
    }

    /// Follows one entry.
    ///
    /// # Errors
    /// Where it does not fit behind the entry before.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), Broken> {
        let at = self.entries + 1;
        let broken = |why| Err(Broken { at, why });
        if entry.sequence != at {
            return broken("it is missing, or not in its place");
        }
        if entry.previous_hash != self.hash {
            return broken("it does not follow the entry before");
        }
        let Some(key) = self.keys.find(&entry.key_id) else {
            return broken("its key is none of the audit trail's");
        };
        if hash(&key, self.tenant, entry)[..] != entry.hash[..] {
            return broken("it was changed");
        }
        self.entries = at;
        self.hash.clone_from(&entry.hash);
        Ok(())
    }

    /// Compares the end with the sealed head; answers how many entries there are.
    ///
    /// # Errors
    /// Where entries are missing at the end, or the head is missing or not sealed by the trail's key.
    pub fn end(self, head: Option<&Head>) -> Result<i64, Broken> {
        let at = self.entries + 1;
        let broken = |why| Err(Broken { at, why });
        let Some(head) = head else {
            return match self.entries {
                0 => Ok(0),
                _ => broken("the sealed head behind the last entry is missing"),
            };
        };
        let key = self.keys.find(&head.key_id);
        if key.is_none_or(|key| seal(&key, self.tenant, head)[..] != head.seal[..]) {
            return broken("the head behind the last entry is not sealed by the trail's key");
        }
        if head.entries != self.entries || head.hash != self.hash {
            return broken("it is missing: the sealed head counts other entries than there are");
        }
        Ok(self.entries)
    }
}

fn hash(key: &platform::config::Key, tenant: Uuid, entry: &Entry) -> [u8; 32] {
    crypto::mac(
        key,
        "audit entry",
        &[
            tenant.as_bytes(),
            &entry.sequence.to_be_bytes(),
            &entry.recorded_at.timestamp_micros().to_be_bytes(),
            &entry.previous_hash,
            &entry.content,
        ],
    )
}

fn seal(key: &platform::config::Key, tenant: Uuid, head: &Head) -> [u8; 32] {
    crypto::mac(
        key,
        "audit head",
        &[tenant.as_bytes(), &head.entries.to_be_bytes(), &head.hash],
    )
}

#[cfg(test)]
#[path = "trail_tests.rs"]
mod tests;
