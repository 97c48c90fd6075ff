//! Names as 64-bit keys, the same on every machine and in every version.
//!
//! Deliberately not a cryptographic hash: a key keeps clear names out of files that travel with
//! models, and does not hide them from somebody who tries names. Two of a million names share a key
//! with a probability of about 1 in 40 million.

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// The FNV-1a hash of some bytes.
pub(super) fn fnv(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(OFFSET, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

/// The key of a customer, product or owner: trimmed, in lower case; `None` where nothing is left.
pub(super) fn of_name(text: Option<&str>) -> Option<u64> {
    let text = text?.trim();
    if text.is_empty() {
        return None;
    }
    if text.is_ascii() {
        return Some(spread(fnv(text.bytes().map(|b| b.to_ascii_lowercase()))));
    }
    // Letter by letter, so that a letter's neighbours never decide its lower case.
    let letters = text.chars().flat_map(char::to_lowercase);
    let bytes = letters.flat_map(|letter| {
        let mut buffer = [0; 4];
        let length = letter.encode_utf8(&mut buffer).len();
        buffer.into_iter().take(length)
    });
    Some(spread(fnv(bytes)))
}

/// The key of a quote: trimmed, case kept; `None` where nothing is left.
pub(super) fn of_quote(text: Option<&str>) -> Option<u64> {
    let text = text?.trim();
    (!text.is_empty()).then(|| spread(fnv(text.bytes())))
}

/// Spreads the differences of short names over all bits (the finisher of MurmurHash3).
fn spread(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
