//! Which decimal separator a column writes, from all its numbers together.
//!
//! Deliberately undecided where both readings fit: the other columns or the user settle it.

use crate::cell::{Decimal, NumberFormat, currency_of, parse_number};

/// What the numbers of a column say about their decimal separator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum DecimalChoice {
    /// Only this one reads them, or somebody said so.
    Sure(Decimal),
    /// Both read equally many cells: `matters` where there are separators at all, `differ` where
    /// the two give different numbers.
    Either { matters: bool, differ: bool },
}

/// How many columns are sure of a separator.
pub(super) fn count_decided(choices: &[DecimalChoice], decimal: Decimal) -> usize {
    let sure = DecimalChoice::Sure(decimal);
    choices.iter().filter(|choice| **choice == sure).count()
}

/// The separator that reads more cells.
pub(super) fn choose_decimal(texts: &[(&str, u32)]) -> DecimalChoice {
    let point = NumberFormat {
        decimal: Decimal::Point,
    };
    let comma = NumberFormat {
        decimal: Decimal::Comma,
    };
    let (mut points, mut commas, mut differ) = (0u64, 0u64, false);
    // A dollar, pound or yen groups with a comma: "$16,551" is no price with three decimals.
    let mut grouped_dollars = true;
    for (text, count) in texts {
        // Without either separator both readings are the same, whatever they are.
        if !text.bytes().any(|b| b == b'.' || b == b',') {
            continue;
        }
        let (a, b) = (parse_number(text, &point), parse_number(text, &comma));
        points += u64::from(a.map_or(0, |_| *count));
        commas += u64::from(b.map_or(0, |_| *count));
        if a.is_some() && b.is_some() && a != b {
            differ = true;
            let dollar = matches!(
                currency_of(text),
                Some(
                    "$" | "USD"
                        | "GBP"
                        | "CAD"
                        | "AUD"
                        | "NZD"
                        | "INR"
                        | "JPY"
                        | "¥"
                        | "CNY"
                        | "KRW"
                )
            );
            grouped_dollars &= dollar && text.contains(',');
        }
    }
    match points.cmp(&commas) {
        std::cmp::Ordering::Greater => DecimalChoice::Sure(Decimal::Point),
        std::cmp::Ordering::Less => DecimalChoice::Sure(Decimal::Comma),
        std::cmp::Ordering::Equal if differ && grouped_dollars => {
            DecimalChoice::Sure(Decimal::Point)
        }
        std::cmp::Ordering::Equal => DecimalChoice::Either {
            matters: points > 0,
            differ,
        },
    }
}

/// Whether most numbers carry a percent sign.
pub(super) fn is_percent(texts: &[(&str, u32)], format: &NumberFormat) -> bool {
    if !texts.iter().any(|(text, _)| text.contains('%')) {
        return false;
    }
    let (mut numbers, mut signs) = (0u64, 0u64);
    for (text, count) in texts
        .iter()
        .filter(|(text, _)| parse_number(text, format).is_some_and(|n| n != 0.0))
    {
        numbers += u64::from(*count);
        signs += u64::from(text.contains('%')) * u64::from(*count);
    }
    signs > 0 && signs * 2 > numbers
}

/// Whether the numbers are money as accounting writes it: most with a currency, or any negative in
/// brackets; there a bare dash is zero.
pub(super) fn is_accounting(texts: &[(&str, u32)], format: &NumberFormat) -> bool {
    let (mut numbers, mut money, mut brackets) = (0u64, 0u64, false);
    for (text, count) in texts
        .iter()
        .filter(|(text, _)| parse_number(text, format).is_some())
    {
        numbers += u64::from(*count);
        money += u64::from(currency_of(text).is_some()) * u64::from(*count);
        brackets |= text.ends_with(')');
    }
    numbers > 0 && (money * 2 > numbers || brackets)
}

/// The currencies that stand in the cells, at most five, in order of appearance.
pub(super) fn currencies(texts: &[(&str, u32)], format: &NumberFormat) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (text, _) in texts {
        if let (Some(code), true) = (currency_of(text), found.len() < 5)
            && parse_number(text, format).is_some()
            && !found.iter().any(|known| known == code)
        {
            found.push(code.to_owned());
        }
    }
    found
}
