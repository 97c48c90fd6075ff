//! The fields of a quote as they are kept beside its prediction. Deliberately nothing of their meaning.

use std::collections::BTreeMap;

use proto::prediction::{QuoteInput, field_value::Value};
use sha2::{Digest as _, Sha256};

/// The fields of a quote as they are kept, names in order, and the hash of that text.
#[must_use]
pub fn kept_input(quote: &QuoteInput) -> (String, Vec<u8>) {
    let fields: BTreeMap<&str, serde_json::Value> = quote
        .fields
        .iter()
        .map(|(name, value)| {
            let value = match &value.value {
                Some(Value::Text(text)) => text.as_str().into(),
                Some(Value::Number(number)) => (*number).into(),
                Some(Value::Flag(flag)) => (*flag).into(),
                None => serde_json::Value::Null,
            };
            (name.as_str(), value)
        })
        .collect();
    let text = serde_json::json!(fields).to_string();
    let hash = Sha256::digest(text.as_bytes()).to_vec();
    (text, hash)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{quote, text};
    use super::*;

    #[test]
    fn kept_input_does_not_depend_on_the_order_of_fields() {
        let one = kept_input(&quote(&[("b", Value::Number(1.5)), ("a", text("x"))]));
        let other = kept_input(&quote(&[("a", text("x")), ("b", Value::Number(1.5))]));
        assert_eq!(one, other);
        assert_eq!(one.0, r#"{"a":"x","b":1.5}"#);
        assert_eq!(one.1.len(), 32);
    }
}
