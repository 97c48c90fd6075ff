//! Numbers as people write them in offers: with currencies, groups, brackets and percent signs.
//!
//! Deliberately not a guesser: the decimal separator comes from the column, units such as "days"
//! make a cell text, and spelled-out multiples ("1.2 Mio") are not read.

use super::{Decimal, NumberFormat};

/// Currency signs and codes that may stand before or after a number, with the code they stand for
/// where that is clear; longer ones first.
const CURRENCIES: [(&str, &str); 76] = [
    ("SFr.", "CHF"),
    ("US$", "USD"),
    ("CA$", "CAD"),
    ("AU$", "AUD"),
    ("NZ$", "NZD"),
    ("HK$", "HKD"),
    ("MX$", "MXN"),
    ("R$", "BRL"),
    ("C$", "CAD"),
    ("A$", "AUD"),
    ("S$", "SGD"),
    ("$", "$"),
    ("€", "EUR"),
    ("£", "GBP"),
    ("¥", "¥"),
    ("￥", "¥"),
    ("円", "JPY"),
    ("元", "CNY"),
    ("₹", "INR"),
    ("₽", "RUB"),
    ("₺", "TRY"),
    ("₴", "UAH"),
    ("₪", "ILS"),
    ("₩", "KRW"),
    ("zł", "PLN"),
    ("Kč", "CZK"),
    ("EURO", "EUR"),
    ("kr.", "kr"),
    ("kr", "kr"),
    ("Ft", "HUF"),
    ("Rs.", "INR"),
    ("Rs", "INR"),
    ("Fr.", "CHF"),
    ("TL", "TRY"),
    ("RMB", "CNY"),
    ("lei", "RON"),
    ("USD", "USD"),
    ("EUR", "EUR"),
    ("GBP", "GBP"),
    ("CHF", "CHF"),
    ("PLN", "PLN"),
    ("JPY", "JPY"),
    ("CNY", "CNY"),
    ("SEK", "SEK"),
    ("NOK", "NOK"),
    ("DKK", "DKK"),
    ("CZK", "CZK"),
    ("HUF", "HUF"),
    ("CAD", "CAD"),
    ("AUD", "AUD"),
    ("NZD", "NZD"),
    ("INR", "INR"),
    ("BRL", "BRL"),
    ("MXN", "MXN"),
    ("ZAR", "ZAR"),
    ("SGD", "SGD"),
    ("HKD", "HKD"),
    ("TRY", "TRY"),
    ("AED", "AED"),
    ("ILS", "ILS"),
    ("KRW", "KRW"),
    ("RON", "RON"),
    ("BGN", "BGN"),
    ("RUB", "RUB"),
    ("THB", "THB"),
    ("IDR", "IDR"),
    ("MYR", "MYR"),
    ("PHP", "PHP"),
    ("VND", "VND"),
    ("SAR", "SAR"),
    ("EGP", "EGP"),
    ("COP", "COP"),
    ("CLP", "CLP"),
    ("ARS", "ARS"),
    ("UAH", "UAH"),
    ("TWD", "TWD"),
];

/// The currency that stands around a number or alone, as an ISO 4217 code where the sign is clear.
pub(crate) fn currency_of(text: &str) -> Option<&'static str> {
    let text = text
        .trim()
        .trim_matches(|c: char| matches!(c, '(' | ')' | '-' | '−' | '+') || c.is_whitespace());
    find_currency(text).map(|(code, _)| code)
}

/// Reads a number in the column's format; `None` where it is something else.
///
/// Read are: groups of thousands (also by space, apostrophe or the Indian way), a currency sign or
/// code on either side, `-5`, `5-` and brackets `(5)` as negative, `5,-`, `5.–` and `5/-` as 5, exponents, and a
/// percent sign, which divides by 100: `12 %` is 0.12, as spreadsheets hold it. A dash with a
/// currency (`$ -`) is zero as in accounting formats, a bare dash is no number. `1,5` in a column
/// with decimal points is no number, as groups have three digits; a group never begins with zero.
pub fn parse_number(text: &str, format: &NumberFormat) -> Option<f64> {
    let text = text.trim();
    if (1..=15).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let peeled = peel(text)?;
    if peeled.zero {
        return Some(0.0);
    }
    let mut value = plain(peeled.core, format.decimal)?;
    if peeled.percent {
        value /= 100.0;
    }
    Some(if peeled.negative { -value } else { value })
}

/// A number without what stands around it.
struct Peeled<'a> {
    core: &'a str,
    negative: bool,
    percent: bool,
    zero: bool,
}

/// Takes off signs, brackets, currency and percent sign, each at most once.
fn peel(text: &str) -> Option<Peeled<'_>> {
    let mut core = text;
    let (mut signed, mut negative, mut money, mut percent) = (false, false, false, false);
    loop {
        core = core.trim();
        if money && matches!(core, "-" | "--" | "–" | "—") {
            return Some(Peeled {
                core,
                negative: false,
                percent,
                zero: true,
            });
        }
        if let Some(rest) = strip_bracket(core).or_else(|| strip_minus(core)) {
            if signed {
                return None;
            }
            (core, signed, negative) = (rest, true, true);
        } else if let Some(rest) = core.strip_prefix('+') {
            if signed {
                return None;
            }
            (core, signed) = (rest, true);
        } else if let Some(rest) = core.strip_suffix('%') {
            if percent {
                return None;
            }
            (core, percent) = (rest, true);
        } else if let Some(rest) = strip_currency(core) {
            if money {
                return None;
            }
            (core, money) = (rest, true);
        } else {
            return Some(Peeled {
                core,
                negative,
                percent,
                zero: false,
            });
        }
    }
}

fn strip_bracket(text: &str) -> Option<&str> {
    text.strip_prefix('(')?.strip_suffix(')')
}

/// A minus on either side; `5,-` is handled as part of the plain number.
fn strip_minus(text: &str) -> Option<&str> {
    text.strip_prefix(['-', '−']).or_else(|| {
        let rest = text.strip_suffix('-')?;
        rest.ends_with(|c: char| c.is_ascii_digit()).then_some(rest)
    })
}

fn strip_currency(text: &str) -> Option<&str> {
    find_currency(text).map(|(_, rest)| rest)
}

/// The currency at the beginning or end of a text, and the text without it.
fn find_currency(text: &str) -> Option<(&'static str, &str)> {
    // Most texts that get here begin and end with a digit; only the others can carry a currency.
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    if digit(bytes.first()) && digit(bytes.last()) {
        return None;
    }
    CURRENCIES.iter().find_map(|(sign, code)| {
        let front = text
            .get(..sign.len())
            .filter(|s| same_sign(s, sign))
            .and(text.get(sign.len()..));
        let back = || {
            let at = text.len().checked_sub(sign.len())?;
            text.get(at..)
                .filter(|s| same_sign(s, sign))
                .and(text.get(..at))
        };
        front.or_else(back).map(|rest| (*code, rest))
    })
}

fn same_sign(text: &str, sign: &str) -> bool {
    text.eq_ignore_ascii_case(sign)
}

/// Digits with groups, fraction and exponent.
fn plain(text: &str, decimal: Decimal) -> Option<f64> {
    let tail = [",--", ",-", ".-", ",–", ".–", ",—", ".—", "/-"]
        .iter()
        .find(|tail| text.ends_with(**tail));
    let text = match tail {
        None => text,
        Some(tail) => {
            let rest = text.strip_suffix(tail)?;
            // Behind a comma that stands for no cents, a point cannot be one too.
            let other = match decimal {
                Decimal::Point => ',',
                Decimal::Comma => '.',
            };
            let contradicts = tail.starts_with(other) && rest.contains(['.', ',']);
            Some(rest).filter(|_| !contradicts)?
        }
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (point, group) = match decimal {
        Decimal::Point => ('.', ','),
        Decimal::Comma => (',', '.'),
    };
    let (whole, fraction) = mantissa.split_once(point).unwrap_or((mantissa, ""));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let mut digits = ungrouped(whole, group)?;
    digits.push('.');
    digits.push_str(fraction);
    if let Some(exponent) = exponent {
        let number = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if !(1..=3).contains(&number.len()) || !number.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.push('e');
        digits.push_str(exponent);
    }
    digits.parse().ok().filter(|value: &f64| value.is_finite())
}

/// The digits of a whole number without its groups; `None` where the groups are not of thousands.
fn ungrouped(whole: &str, group: char) -> Option<String> {
    let is_group = |c: char| {
        c == group
            || matches!(
                c,
                ' ' | '\u{a0}' | '\u{2007}' | '\u{2009}' | '\u{202f}' | '\'' | '’'
            )
    };
    let Some(separator) = whole.chars().find(|c| is_group(*c)) else {
        return whole
            .bytes()
            .all(|b| b.is_ascii_digit())
            .then(|| whole.to_owned());
    };
    let parts: Vec<&str> = whole.split(separator).collect();
    let last = parts.len() - 1;
    let fits = parts.iter().enumerate().all(|(index, part)| {
        let length = match index {
            0 => (1..=3).contains(&part.len()) && !part.starts_with('0'),
            _ if index == last => part.len() == 3,
            _ => part.len() == 3 || part.len() == 2,
        };
        length && part.bytes().all(|b| b.is_ascii_digit())
    });
    fits.then(|| parts.concat())
}
