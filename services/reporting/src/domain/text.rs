//! Numbers as a reader sees them, in sentences and on the page.
//!
//! One way to write each kind. Deliberately not here: sentences, and any locale but plain English.

use super::Interval;

/// A score with three decimals.
pub(crate) fn score(value: f64) -> String {
    let text = format!("{value:.3}");
    if text == "-0.000" {
        "0.000".to_owned()
    } else {
        text
    }
}

/// A share as a percentage with one decimal.
pub(crate) fn percent(value: f64) -> String {
    format!("{} %", points(value))
}

/// A share that is a whole percentage: a limit rather than a finding.
pub(crate) fn whole_percent(value: f64) -> String {
    format!("{:.0} %", value * 100.0)
}

/// A share in percentage points with one decimal, without a unit.
pub(crate) fn points(value: f64) -> String {
    let text = format!("{:.1}", value * 100.0);
    if text == "-0.0" {
        "0.0".to_owned()
    } else {
        text
    }
}

/// A count with thousands separated.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// An amount, with decimals only where it has some.
pub(crate) fn amount(value: f64) -> String {
    let whole = value.trunc().abs();
    let sign = if value < 0.0 { "-" } else { "" };
    // Beyond 2^53 neighbours are whole numbers anyway.
    let text = format!("{sign}{}", count(whole as u64));
    let hundredths = ((value.abs() - whole) * 100.0).round();
    if (1.0..100.0).contains(&hundredths) {
        format!("{text}.{hundredths:02}")
    } else {
        text
    }
}

/// An amount as a reader wants it: whole from a hundred on.
pub(crate) fn money(value: f64) -> String {
    if value.abs() >= 100.0 {
        amount(value.round())
    } else {
        amount((value * 100.0).round() / 100.0)
    }
}

/// A range of amounts: "1,200 to 3,400".
pub(crate) fn money_range(low: f64, high: f64) -> String {
    format!("{} to {}", money(low), money(high))
}

/// A number with so many decimals, never a negative zero.
pub(crate) fn decimal(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_owned(),
        _ => text,
    }
}

/// A count with its noun: "1 quote", "2 quotes".
pub(crate) fn counted(value: u64, noun: &str) -> String {
    let plural = if value == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", count(value))
}

/// An interval of scores: "0.481 to 0.543".
pub(crate) fn score_range(interval: Interval) -> String {
    format!("{} to {}", score(interval.low), score(interval.high))
}

/// An interval of shares: "14.4 % to 24.1 %".
pub(crate) fn percent_range(interval: Interval) -> String {
    format!("{} to {}", percent(interval.low), percent(interval.high))
}

/// A p-value: "p = 0.031" or "p < 0.001".
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 {
        "p < 0.001".to_owned()
    } else {
        format!("p = {p:.3}")
    }
}

/// Items as a list in a sentence: "a, b and c".
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [start @ .., last] => format!("{} and {last}", start.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::{amount, count, list, p_value, percent, score};

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(0), "0");
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(percent(-0.0001), "0.0 %");
        assert_eq!(amount(-1234.5), "-1,234.50");
        assert_eq!(amount(80.0), "80");
        assert_eq!(score(-0.0001), "0.000");
        assert_eq!(p_value(0.000_9), "p < 0.001");
        assert_eq!(list(&["a".into(), "b".into(), "c".into()]), "a, b and c");
    }
}
