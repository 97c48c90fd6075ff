//! What a wrong cell probably should read.
//!
//! Deliberately shy: a fix is proposed, never applied, and only where one reading alone is left.

use crate::cell::{
    self, CellFormat, CellValue, ColumnKind, DateOrder, Decimal, NumberFormat, parse_date,
    parse_number, parse_outcome,
};

/// A number in the column's format, without groups.
pub(super) fn number(text: &str, format: &CellFormat) -> Option<String> {
    let text = text.trim();
    let other = NumberFormat {
        decimal: match format.number.decimal {
            Decimal::Point => Decimal::Comma,
            Decimal::Comma => Decimal::Point,
        },
    };
    let figures = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    let zeros = text.replace(['O', 'o'], "0");
    // A unit behind the number, such as "1200 pcs" or "1200 units".
    let bare = text.trim_end_matches(|c: char| c.is_alphabetic() || matches!(c, ' ' | '.'));
    let value = [text, &zeros, bare]
        .into_iter()
        .filter(|candidate| figures(candidate))
        .find_map(|candidate| {
            parse_number(candidate, &format.number).or_else(|| parse_number(candidate, &other))
        })?;
    let mut fixed = value.to_string();
    if format.number.decimal == Decimal::Comma {
        fixed = fixed.replace('.', ",");
    }
    let again = cell::read(&fixed, ColumnKind::Number, format);
    (again == CellValue::Number(value)).then_some(fixed)
}

/// A date as `YYYY-MM-DD` where exactly one day comes out of all the orders.
pub(super) fn date(text: &str, format: &CellFormat) -> Option<String> {
    let first = text.split_whitespace().next()?;
    let first = first.trim_matches(|c: char| !c.is_alphanumeric());
    let first = first.replace(['_', ','], "-");
    let mut days: Vec<_> = [DateOrder::Ymd, DateOrder::Dmy, DateOrder::Mdy]
        .into_iter()
        .filter_map(|order| parse_date(&first, order))
        .collect();
    days.dedup();
    let &[day] = days.as_slice() else {
        return None;
    };
    let fixed = day.to_string();
    let again = cell::read(&fixed, ColumnKind::Date, format);
    (again == CellValue::Day(cell::day_number(day))).then_some(fixed)
}

/// One of the known words of an outcome, where the text holds it or misses it by one letter.
pub(super) fn outcome(text: &str, known: &[&str]) -> Option<String> {
    let word = text.trim().to_lowercase();
    let first = word
        .split(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '_'))
        .find(|part| !part.is_empty())?;
    if known.contains(&first) || (known.is_empty() && parse_outcome(first).is_some()) {
        return Some(first.to_owned());
    }
    let candidates: &[&str] = if known.is_empty() {
        &["won", "lost", "open"]
    } else {
        known
    };
    let mut near = candidates
        .iter()
        .filter(|known| known.len() > 2 && is_one_letter_off(known, &word));
    let found = near.next()?;
    near.next().is_none().then(|| (*found).to_owned())
}

/// A cell without the characters that nobody can see.
pub(super) fn visible(text: &str) -> Option<String> {
    let fixed: String = text.chars().filter(|c| !is_strange(*c)).collect();
    Some(fixed.trim().to_owned())
}

/// Whether a character has no place in a cell.
pub(super) fn is_strange(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{85}')
}

/// One letter put in, left out or changed.
fn is_one_letter_off(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let front = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a[front..], &b[front..]);
    let tails = [(1, 1), (1, 0), (0, 1)];
    tails.into_iter().any(
        |(cut_a, cut_b)| matches!((a.get(cut_a..), b.get(cut_b..)), (Some(a), Some(b)) if a == b),
    )
}
