//! Sorted keys with a table by their first bits, so that a look-up touches few cache lines.
//!
//! Deliberately right for any keys, and quick for keys that are spread evenly, as hashes are.

/// Keys per entry of the table, about.
const KEYS_PER_BUCKET: usize = 8;

/// Ascending keys, of which several may be equal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct KeyIndex {
    keys: Vec<u64>,
    /// How many keys have first bits below 0, 1, 2, ...
    below: Vec<u32>,
    /// How many of the last bits of a key are not first bits.
    shift: u32,
}

impl KeyIndex {
    /// Indexes ascending keys.
    pub(super) fn new(mut keys: Vec<u64>) -> Self {
        keys.shrink_to_fit();
        let buckets = (keys.len() / KEYS_PER_BUCKET).next_power_of_two().max(2);
        let shift = u64::BITS - buckets.trailing_zeros();
        let mut below = Vec::with_capacity(buckets + 1);
        for (at, key) in (0u32..).zip(&keys) {
            let bucket = (key >> shift) as usize;
            if below.len() <= bucket {
                below.resize(bucket + 1, at);
            }
        }
        below.resize(buckets + 1, keys.len() as u32);
        Self { keys, below, shift }
    }

    /// All keys.
    pub(super) fn keys(&self) -> &[u64] {
        &self.keys
    }

    /// Where a key stands: the first place, and one past the last.
    pub(super) fn range(&self, key: u64) -> (usize, usize) {
        let bucket = (key >> self.shift) as usize;
        let start = self.below[bucket] as usize;
        let keys = &self.keys[start..self.below[bucket + 1] as usize];
        let from = keys.partition_point(|known| *known < key);
        let length = keys[from..].partition_point(|known| *known == key);
        (start + from, start + from + length)
    }
}

impl Default for KeyIndex {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}
