//! Calendar dates in figures.
//!
//! Deliberately narrow: two-digit years are refused (99 may be 1999 or a mistake), names of months
//! and spreadsheet serial numbers are not read, and time zones do not shift the day.

use chrono::{Datelike, NaiveDate};

use super::DateOrder;

/// Years outside this range are taken for mistakes.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=2199;

/// Reads a date in the column's order; `None` where it is something else.
///
/// Parts are separated by `/`, `.` or `-`, the same twice; years have four digits. A date that
/// begins with the year is read in every order. `20240131` is read with [`DateOrder::Ymd`] only. A
/// time of day may follow (`2024-01-31T10:00:00Z`, `31.01.2024 10:00`); the day is taken as written.
pub fn parse_date(text: &str, order: DateOrder) -> Option<NaiveDate> {
    let text = text.trim();
    if !text.as_bytes().first()?.is_ascii_digit() {
        return None;
    }
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    if time.is_some_and(|time| !is_time(time.trim())) {
        return None;
    }
    let separator = date.chars().find(|c| !c.is_ascii_digit());
    let Some(separator) = separator else {
        return compact(date).filter(|_| order == DateOrder::Ymd);
    };
    if !matches!(separator, '/' | '.' | '-') {
        return None;
    }
    let mut parts = date.split(separator);
    let (first, second, third) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = match order {
        _ if first.len() == 4 => (first, second, third),
        DateOrder::Ymd => return None,
        DateOrder::Dmy => (third, second, first),
        DateOrder::Mdy => (third, first, second),
    };
    calendar(year, month, day)
}

/// Days from 1970-01-01 to a date; negative before.
pub fn day_number(date: NaiveDate) -> i32 {
    const EPOCH_FROM_CE: i32 = 719_163;
    date.num_days_from_ce() - EPOCH_FROM_CE
}

/// The date of a day number, for showing it.
pub(crate) fn date_of(day: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(day.checked_add(719_163)?)
}

fn compact(digits: &str) -> Option<NaiveDate> {
    if digits.len() != 8 {
        return None;
    }
    calendar(digits.get(..4)?, digits.get(4..6)?, digits.get(6..)?)
}

fn calendar(year: &str, month: &str, day: &str) -> Option<NaiveDate> {
    let figures = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if year.len() != 4 || !(1..=2).contains(&month.len()) || !(1..=2).contains(&day.len()) {
        return None;
    }
    if !figures(year) || !figures(month) || !figures(day) {
        return None;
    }
    let year = year.parse().ok().filter(|year| YEARS.contains(year))?;
    NaiveDate::from_ymd_opt(year, month.parse().ok()?, day.parse().ok()?)
}

/// Whether a text looks like a time of day: `10:00`, `10:00:00.000Z`, `10:00:00+02:00`, `9:30 PM`.
fn is_time(text: &str) -> bool {
    let colon = text.find(':');
    colon.is_some_and(|at| (1..=2).contains(&at) && text[..at].bytes().all(|b| b.is_ascii_digit()))
        && text.len() <= 40
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b" :.+-ZzAaPpMmUuTtCc".contains(&b))
}
