//! Past quotes of models, kept in memory up to a number of bytes. Deliberately apart from the models: predictions
//! alone do not need them, and they are much larger.

use std::{collections::HashMap, sync::Arc};

use uuid::Uuid;

use crate::domain::comparison::Comparison;

/// Bytes of past quotes in memory; beyond that those not asked for longest are let go.
const KEPT_BYTES: usize = 256 * 1024 * 1024;

/// A tenant and a model of theirs.
type Key = (Uuid, Uuid);

/// Past quotes in memory, each with its size and the turn at which it was last asked for.
#[derive(Debug)]
pub(super) struct Comparisons<T = Comparison> {
    kept: HashMap<Key, Entry<T>>,
    bytes: usize,
    turn: u64,
}

#[derive(Debug)]
struct Entry<T> {
    value: Arc<T>,
    bytes: usize,
    asked: u64,
}

impl<T> Default for Comparisons<T> {
    fn default() -> Self {
        Self {
            kept: HashMap::new(),
            bytes: 0,
            turn: 0,
        }
    }
}

impl<T> Comparisons<T> {
    /// What is in memory already.
    pub fn known(&mut self, key: Key) -> Option<Arc<T>> {
        self.turn += 1;
        let entry = self.kept.get_mut(&key)?;
        entry.asked = self.turn;
        Some(Arc::clone(&entry.value))
    }

    fn insert(&mut self, key: Key, value: &Arc<T>, bytes: usize) {
        self.remove(key);
        while self.bytes + bytes > KEPT_BYTES {
            let oldest = self.kept.iter().min_by_key(|(_, entry)| entry.asked);
            let Some(oldest) = oldest.map(|(key, _)| *key) else {
                break;
            };
            self.remove(oldest);
        }
        self.turn += 1;
        self.bytes += bytes;
        let entry = Entry {
            value: Arc::clone(value),
            bytes,
            asked: self.turn,
        };
        self.kept.insert(key, entry);
    }

    fn remove(&mut self, key: Key) {
        if let Some(entry) = self.kept.remove(&key) {
            self.bytes -= entry.bytes;
        }
    }
}

impl Comparisons {
    /// Keeps past quotes, in place of others where memory is full.
    pub fn keep(&mut self, key: Key, comparison: &Arc<Comparison>) {
        self.insert(key, comparison, comparison.size_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_the_least_wanted_goes() {
        let mut kept = Comparisons::<u32>::default();
        let key = |n: u128| (Uuid::nil(), Uuid::from_u128(n));
        let third = KEPT_BYTES / 3;
        for n in 1..=3 {
            kept.insert(key(n), &Arc::new(0), third);
        }
        assert!(kept.known(key(1)).is_some());
        kept.insert(key(4), &Arc::new(4), third);
        assert!(kept.known(key(2)).is_none(), "not asked for longest");
        assert!(kept.known(key(1)).is_some() && kept.known(key(3)).is_some());
        assert!(kept.bytes <= KEPT_BYTES);
        kept.insert(key(4), &Arc::new(5), third);
        assert_eq!(kept.kept.len(), 3, "the same model twice counts once");
        // What is too large for all the memory is kept alone, until something else comes.
        kept.insert(key(5), &Arc::new(5), KEPT_BYTES + 1);
        assert_eq!(kept.kept.len(), 1);
        kept.insert(key(6), &Arc::new(6), 1);
        assert_eq!((kept.kept.len(), kept.bytes), (1, 1));
    }
}
