//! JSON objects written straight into a buffer: a large import writes hundreds of bytes of them a
//! row. Deliberately no reading, and no number or text format of its own.

use tabular::{FrameColumn, Values};

use super::{date_of, meaning::storable};

/// A value of an object.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// A finite number.
    Number(f64),
    /// A text.
    Text(&'a str),
    /// Days since 1970-01-01, written as a date.
    Day(i32),
}

impl Value<'_> {
    /// Writes the value.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(out: &mut Vec<u8>, value: Self) -> serde_json::Result<()> {
        match value {
            Self::Number(number) => serde_json::to_writer(out, &number),
            Self::Text(value) => text(out, value),
            Self::Day(day) => text(out, &date_of(day).to_string()),
        }
    }
}

/// The value of a column at a row; `None` where it is missing.
#[must_use]
pub fn value(column: &FrameColumn, row: usize) -> Option<Value<'_>> {
    match &column.values {
        Values::Numbers(_) => column
            .number(row)
            .filter(|number| number.is_finite())
            .map(Value::Number),
        Values::Codes { .. } => column.text(row).map(Value::Text),
        Values::Days(_) => column.day(row).map(Value::Day),
    }
}

/// Names as the keys of an object, written once for all rows.
///
/// # Errors
/// Where a name cannot be written.
pub fn keys<'a>(names: impl Iterator<Item = &'a str>) -> serde_json::Result<Vec<Vec<u8>>> {
    names
        .map(|name| {
            let mut key = Vec::new();
            text(&mut key, name)?;
            key.push(b':');
            Ok(key)
        })
        .collect()
}

/// Writes an object of prepared keys.
///
/// # Errors
/// What `value` fails with.
pub fn object<'k, V>(
    out: &mut Vec<u8>,
    entries: impl Iterator<Item = (&'k Vec<u8>, V)>,
    mut value: impl FnMut(&mut Vec<u8>, V) -> serde_json::Result<()>,
) -> serde_json::Result<()> {
    out.push(b'{');
    for (index, (key, entry)) in entries.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(key);
        value(out, entry)?;
    }
    out.push(b'}');
    Ok(())
}

/// An object of texts by name.
///
/// # Errors
/// Where a text cannot be written.
pub fn object_of_texts<'a>(
    entries: impl Iterator<Item = (&'a str, &'a str)>,
) -> serde_json::Result<Vec<u8>> {
    let (names, texts): (Vec<&str>, Vec<&str>) = entries.unzip();
    let keys = keys(names.into_iter())?;
    let mut out = Vec::new();
    object(&mut out, keys.iter().zip(texts), text)?;
    Ok(out)
}

/// Writes a text.
///
/// # Errors
/// Where it cannot be written.
pub fn text(out: &mut Vec<u8>, text: &str) -> serde_json::Result<()> {
    // The one character that jsonb refuses.
    if text.contains('\0') {
        return serde_json::to_writer(out, &storable(text));
    }
    serde_json::to_writer(out, text)
}
