//! Recognising a header that was imported before.
//!
//! Deliberately only the names: the same export with other rows is the same header.

use sha2::{Digest, Sha256};

/// A fingerprint of the headers of a file: the SHA-256 in hex (64 characters) of the sorted names,
/// without regard to case, white space and the order of columns.
pub fn fingerprint(headers: &[String]) -> String {
    let plain = |header: &String| {
        let words: Vec<&str> = header.split_whitespace().collect();
        words.join(" ").to_lowercase()
    };
    let mut names: Vec<String> = headers.iter().map(plain).collect();
    names.sort();
    let mut hash = Sha256::new();
    for name in names {
        // With its length before it no name can run into the next.
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name.as_bytes());
    }
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
