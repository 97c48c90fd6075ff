//! Meanings for which the values of a column speak as well as its name.
//!
//! Deliberately no meaning by the values alone but for personal data and currencies, whose form is
//! unmistakable.

use super::given::Draft;
use super::guess::NEAR_UNIQUE;
use super::{Field, names};
use crate::cell::{ColumnKind, currency_of};
use crate::profile::Profile;

/// The share of the listed values that must have the form of personal data.
const FORM_SHARE: f64 = 0.8;

/// Whether the kind and the repetition of the values fit a field.
pub(super) fn fit(profile: &Profile, name: &str, field: Field) -> bool {
    // What is different in nearly every row names the row, whatever it is called.
    let repeats = f64::from(profile.distinct) < NEAR_UNIQUE * f64::from(profile.filled);
    match (field, profile.kind) {
        (Field::Date | Field::ValidUntil, kind) => kind == ColumnKind::Date,
        (Field::Revision, ColumnKind::Number) => {
            profile.integers && profile.distinct < 100 && repeats
        }
        (Field::Revision, ColumnKind::Category) => profile.distinct < 100 && repeats,
        (Field::Customer | Field::Product, ColumnKind::Number) => profile.integers && repeats,
        (Field::Region | Field::Owner | Field::Segment, ColumnKind::Number) => {
            profile.integers && repeats && names::is_identifier(name)
        }
        (
            Field::Customer | Field::Product | Field::Region | Field::Owner | Field::Segment,
            ColumnKind::Category,
        ) => repeats,
        (field, kind) => field.is_numeric() && kind == ColumnKind::Number,
    }
}

/// Why a column got its field: the name, the phrase it is like, and what else speaks for it.
pub(super) fn reason(profile: &Profile, name: &str, field: Field) -> String {
    let (_, phrase) = names::fit(field, name);
    let mut reason = format!("named like {}", label(field));
    if !phrase.is_empty() && phrase != name {
        reason.push_str(&format!(" (\"{phrase}\")"));
    }
    let in_header = names::currency_in(&profile.name);
    match (in_header, profile.currencies.as_slice()) {
        (Some(code), _) if field.is_numeric() => {
            reason.push_str(&format!("; its header says {code}"));
        }
        (None, [code]) if field.is_numeric() => {
            reason.push_str(&format!("; its values are in {code}"))
        }
        (None, [_, _, ..]) if field.is_numeric() => {
            reason.push_str(&format!(
                "; its values are in {}",
                profile.currencies.join(", ")
            ));
        }
        _ => {}
    }
    if profile.unreadable > 0 {
        reason.push_str(&format!("; {} cells cannot be read", profile.unreadable));
    }
    reason
}

/// A field in words, with its article.
fn label(field: Field) -> &'static str {
    match field {
        Field::Price => "a price",
        Field::ListPrice => "a list price",
        Field::Cost => "a cost",
        Field::Discount => "a discount",
        Field::Quantity => "a quantity",
        Field::Date => "the date of a quote",
        Field::ValidUntil => "the end of validity",
        Field::Revision => "a revision",
        Field::Customer => "a customer",
        Field::Product => "a product",
        Field::Region => "a region",
        Field::Owner => "the owner of a quote",
        Field::Segment => "a segment",
        other => other.as_str(),
    }
}

/// Finds the column of currencies.
pub(super) fn currency(profiles: &[Profile], normal: &[String], draft: &mut Draft) {
    let is_code = |text: &str| text.chars().count() <= 4 && currency_alone(text);
    let mut best: Option<(f64, usize)> = None;
    for (column, (profile, name)) in profiles.iter().zip(normal).enumerate() {
        let by_name = names::score(Field::Currency, name);
        let coded =
            !profile.levels.is_empty() && profile.levels.iter().all(|(text, _)| is_code(text));
        let confidence = match (coded, by_name > 0.5) {
            (true, true) => by_name,
            (true, false) => 0.7,
            _ => continue,
        };
        let free = draft.is_free(column) && profile.kind == ColumnKind::Category;
        if free && best.is_none_or(|(top, _)| confidence > top) {
            best = Some((confidence, column));
        }
    }
    if let (Some((confidence, column)), true) = (best, draft.wants(Field::Currency)) {
        let reason = "its values are currencies".to_owned();
        draft.set(column, Field::Currency, confidence, reason);
    }
}

/// Whether a text is nothing but the sign or the code of a currency.
fn currency_alone(text: &str) -> bool {
    currency_of(text).is_some_and(|code| {
        text.eq_ignore_ascii_case(code) || !text.chars().any(|c| c.is_ascii_alphanumeric())
    }) || matches!(text, "zł" | "Kč" | "kr" | "kr.")
}

/// Marks what is personal, by name and by the form of the values.
pub(super) fn personal(profiles: &[Profile], normal: &[String], draft: &mut Draft) {
    for (column, (profile, name)) in profiles.iter().zip(normal).enumerate() {
        if !draft.is_free(column) || profile.levels.is_empty() {
            continue;
        }
        let share = |form: fn(&str) -> bool| {
            let fitting = profile.levels.iter().filter(|(text, _)| form(text)).count();
            fitting as f64 >= FORM_SHARE * profile.levels.len() as f64
        };
        let by_name = names::score(Field::Personal, name);
        let reason = if share(is_email) {
            "its values are e-mail addresses"
        } else if share(is_iban) {
            "its values are IBANs"
        } else if share(is_phone) {
            "its values are telephone numbers"
        } else if by_name > 0.7 && profile.kind == ColumnKind::Category && !profile.boolean {
            "named like personal data"
        } else {
            continue;
        };
        draft.set(column, Field::Personal, by_name.max(0.9), reason.to_owned());
    }
}

fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(name, host)| {
        let tail = host.rsplit_once('.').map_or("", |(_, tail)| tail);
        !name.is_empty() && tail.len() >= 2 && !text.contains(char::is_whitespace)
    })
}

fn is_iban(text: &str) -> bool {
    let plain: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
    (15..=34).contains(&plain.len())
        && plain.iter().take(2).all(u8::is_ascii_uppercase)
        && plain.iter().skip(2).take(2).all(u8::is_ascii_digit)
        && plain.iter().skip(4).all(u8::is_ascii_alphanumeric)
        && plain.iter().filter(|b| b.is_ascii_digit()).count() >= 10
}

/// International form, since a bare figure with dashes may be any number.
fn is_phone(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let start = text.starts_with('+') || text.starts_with("00") || text.starts_with('(');
    start
        && (8..=15).contains(&digits)
        && text.contains([' ', '-', '/', '(', '+'])
        && !text.contains(['.', ','])
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b" +-/()".contains(&b))
}
