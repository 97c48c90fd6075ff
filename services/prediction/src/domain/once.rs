//! Calls that are to be done once: what their key may be, and what makes two calls the same.
//! Deliberately no memory: see the store.

use chrono::TimeDelta;
use proto::prediction::QuoteInput;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{answer::Wanted, fields::kept_input};
use crate::Error;

/// How long the answer to a call with a key is given again.
pub const KEPT: TimeDelta = TimeDelta::hours(24);
/// Longest key, in characters.
const KEY_MAX: usize = 200;

/// A call with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// The caller's key.
    pub key: String,
    /// What was asked, as a SHA-256 over model, wishes, and names and fields of the quotes.
    pub request_hash: Vec<u8>,
}

impl Once {
    /// A call with a key.
    ///
    /// # Errors
    /// [`Error::Key`] where the key is empty or too long.
    pub fn new(
        key: &str,
        model_id: Option<Uuid>,
        quotes: &[QuoteInput],
        wanted: Wanted,
    ) -> Result<Self, Error> {
        if key.is_empty() || key.chars().count() > KEY_MAX {
            return Err(Error::Key);
        }
        let mut hash = Sha256::new();
        // What precedes each text is of a fixed length, so that two calls cannot run into the same bytes.
        hash.update(model_id.unwrap_or_default().as_bytes());
        hash.update((wanted.similar as u64).to_be_bytes());
        hash.update([u8::from(wanted.changes)]);
        for quote in quotes {
            hash.update((quote.quote_ref.len() as u64).to_be_bytes());
            hash.update(&quote.quote_ref);
            hash.update(kept_input(quote)?.1);
        }
        Ok(Self {
            key: key.to_owned(),
            request_hash: hash.finalize().to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proto::prediction::{FieldValue, field_value::Value};

    use super::*;

    fn quote(quote_ref: &str, price: f64) -> QuoteInput {
        let price = FieldValue {
            value: Some(Value::Number(price)),
        };
        QuoteInput {
            quote_ref: quote_ref.to_owned(),
            fields: [("price".to_owned(), price)].into(),
        }
    }

    #[test]
    fn another_request_has_another_hash() {
        let plain = Wanted::default();
        let hash = |model, quotes: &[QuoteInput], wanted| {
            Once::new("key", model, quotes, wanted)
                .expect("a key")
                .request_hash
        };
        let usual = hash(None, &[quote("a", 1.0)], plain);
        assert_eq!(usual, hash(None, &[quote("a", 1.0)], plain));
        let more = Wanted {
            similar: 1,
            ..plain
        };
        for other in [
            hash(Some(Uuid::max()), &[quote("a", 1.0)], plain),
            hash(None, &[quote("a", 1.0)], more),
            hash(None, &[quote("b", 1.0)], plain),
            hash(None, &[quote("a", 2.0)], plain),
            hash(None, &[quote("a", 1.0), quote("a", 1.0)], plain),
        ] {
            assert_ne!(usual, other);
        }
    }

    #[test]
    fn keys_have_bounds() {
        let once = |key: &str| Once::new(key, None, &[], Wanted::default());
        assert!(once(&"ä".repeat(KEY_MAX)).is_ok());
        assert!(once("").is_err());
        assert!(once(&"k".repeat(KEY_MAX + 1)).is_err());
    }
}
