//! The fields of a quote as they are kept beside its prediction. Deliberately nothing of their meaning.

use std::collections::BTreeMap;

use proto::prediction::{FieldValue, QuoteInput, field_value::Value};
use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::{Cell, Fields, ReadQuote};
use crate::Error;

/// The fields of a quote as they are kept, names in order, and the hash of that text.
///
/// # Errors
/// None that is known: JSON has all that a field can hold.
pub fn kept_input(quote: &QuoteInput) -> Result<(String, Vec<u8>), Error> {
    let fields = quote.fields.iter();
    let fields: BTreeMap<&str, Kept<'_>> = fields
        .map(|(name, value)| (name.as_str(), Kept(value.value.as_ref())))
        .collect();
    let text = json(&fields)?;
    let hash = Sha256::digest(text.as_bytes()).to_vec();
    Ok((text, hash))
}

/// A value of a quote as JSON.
struct Kept<'a>(Option<&'a Value>);

impl Serialize for Kept<'_> {
    fn serialize<S: Serializer>(&self, into: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(Value::Text(text)) => into.serialize_str(text),
            Some(Value::Number(number)) => into.serialize_f64(*number),
            Some(Value::Flag(flag)) => into.serialize_bool(*flag),
            None => into.serialize_unit(),
        }
    }
}

fn json(values: &BTreeMap<&str, impl Serialize>) -> Result<String, Error> {
    serde_json::to_string(values)
        .map_err(|error| Error::Broken(format!("values cannot be written: {error}")))
}

/// The quote whose fields were kept as this text.
///
/// # Errors
/// Where the text is not what [`kept_input`] writes.
pub fn sent_input(text: &str, quote_ref: &str) -> Result<QuoteInput, Error> {
    let kept: BTreeMap<String, serde_json::Value> = serde_json::from_str(text)
        .map_err(|error| Error::Broken(format!("kept fields cannot be read: {error}")))?;
    let value = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => Some(Value::Text(text)),
        serde_json::Value::Bool(flag) => Some(Value::Flag(flag)),
        serde_json::Value::Number(number) => number.as_f64().map(Value::Number),
        _ => None,
    };
    Ok(QuoteInput {
        quote_ref: quote_ref.to_owned(),
        fields: kept
            .into_iter()
            .map(|(name, kept)| (name, FieldValue { value: value(kept) }))
            .collect(),
    })
}

/// What a quote was given of earlier ones, as it is kept: numbers by column, in the order of names.
pub(in crate::domain) fn derived_of(fields: &Fields, quote: &ReadQuote) -> Result<String, Error> {
    let cells = fields.0.iter().zip(&quote.cells);
    let derived: BTreeMap<&str, f64> = cells
        .filter_map(|(field, cell)| match cell {
            Cell::Number(number) if field.derived.is_some() => Some((field.name.as_str(), *number)),
            _ => None,
        })
        .collect();
    json(&derived)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{quote, text};
    use super::*;

    #[test]
    fn kept_input_does_not_depend_on_the_order_of_fields() {
        let kept = |fields: &[(&str, Value)]| kept_input(&quote(fields)).unwrap();
        let one = kept(&[("b", Value::Number(1.5)), ("a", text("x"))]);
        let other = kept(&[("a", text("x")), ("b", Value::Number(1.5))]);
        assert_eq!(one, other);
        assert_eq!(one.0, r#"{"a":"x","b":1.5}"#);
        assert_eq!(one.1.len(), 32);
    }

    #[test]
    fn kept_input_comes_back_as_it_was_sent() {
        let sent = quote(&[
            ("a", text("1.50")),
            ("b", Value::Number(0.1 + 0.2)),
            ("c", Value::Number(3.0)),
            ("d", Value::Flag(true)),
        ]);
        let mut sent = sent;
        sent.fields.insert("e".to_owned(), FieldValue::default());
        let back = sent_input(&kept_input(&sent).unwrap().0, "Q-1").unwrap();
        assert_eq!(back.fields, sent.fields);
        assert_eq!(back.quote_ref, "Q-1");
        assert!(sent_input("[]", "").is_err());
    }
}
