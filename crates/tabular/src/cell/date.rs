//! Calendar dates in figures and with the names of months, in five languages.
//!
//! Deliberately strict about what a date is: every part must be there, time zones do not shift the
//! day, and years of two digits are read only where the column says that it writes them so.

use chrono::{Datelike, NaiveDate};

use super::DateOrder;

/// Years outside this range are taken for mistakes.
const YEARS: std::ops::RangeInclusive<i32> = 1900..=9999;

/// Serial numbers of spreadsheets that are taken for dates: 1954 to 2119.
const SERIALS: std::ops::RangeInclusive<f64> = 20_000.0..=80_000.0;

/// Longest text that can be a date with its weekday, time and zone.
const MAX_BYTES: usize = 80;

/// The beginnings of the months' names, without accents, in English, German, French, Spanish and
/// Polish (nominative and genitive).
const MONTHS: [&[&str]; 12] = [
    &[
        "jan", "january", "januar", "janner", "janv", "janvier", "ene", "enero", "sty", "styczen",
        "stycznia",
    ],
    &[
        "feb", "february", "februar", "fev", "fevr", "fevrier", "febrero", "lut", "luty", "lutego",
    ],
    &[
        "mar", "march", "marz", "maerz", "mrz", "mars", "marzo", "marzec", "marca",
    ],
    &[
        "apr", "april", "avr", "avril", "abr", "abril", "kwi", "kwiecien", "kwietnia",
    ],
    &["may", "mai", "mayo", "maj", "maja"],
    &[
        "jun", "june", "juni", "juin", "junio", "cze", "czerwiec", "czerwca",
    ],
    &[
        "jul", "july", "juli", "juil", "juillet", "julio", "lip", "lipiec", "lipca",
    ],
    &[
        "aug", "august", "aout", "ago", "agosto", "sie", "sierpien", "sierpnia",
    ],
    &[
        "sep",
        "sept",
        "september",
        "septembre",
        "septiembre",
        "set",
        "setiembre",
        "wrz",
        "wrzesien",
        "wrzesnia",
    ],
    &[
        "oct",
        "october",
        "okt",
        "oktober",
        "octobre",
        "octubre",
        "paz",
        "pazdziernik",
        "pazdziernika",
    ],
    &[
        "nov",
        "november",
        "novembre",
        "noviembre",
        "lis",
        "listopad",
        "listopada",
    ],
    &[
        "dec",
        "december",
        "dez",
        "dezember",
        "decembre",
        "dic",
        "diciembre",
        "gru",
        "grudzien",
        "grudnia",
    ],
];

/// Days of the week and the small words that may stand between the parts, without accents.
const FILLERS: &str = "mon|monday|tue|tues|tuesday|wed|wednesday|thu|thur|thurs|thursday|fri|friday|sat|\
    saturday|sun|sunday|mo|montag|di|dienstag|mi|mittwoch|do|donnerstag|fr|freitag|\
    sa|samstag|so|sonntag|lun|lundi|mardi|mer|mercredi|jeu|jeudi|ven|vendredi|sam|\
    samedi|dim|dimanche|lunes|martes|miercoles|jueves|viernes|sabado|domingo|pon|\
    poniedzialek|wt|wtorek|sr|sroda|czw|czwartek|pt|piatek|sob|sobota|niedziela|de|\
    le|the|of|st|nd|rd|th|er|r";

fn is_filler(word: &str) -> bool {
    let word = folded(word);
    FILLERS.split('|').any(|filler| filler == word)
}

/// Reads a date in the column's order; `None` where it is something else.
///
/// Parts are separated by `/`, `.`, `-` or spaces; years have four digits. A date that begins with
/// the year is read in every order, and one that names its month too (`31. Januar 2024`,
/// `Jan 31, 2024`). `20240131` is read with [`DateOrder::Ymd`] only, `45322` with
/// [`DateOrder::Serial`] only. A weekday may stand before and a time of day behind
/// (`2024-01-31T10:00:00Z`, `31.01.2024 10:00`); the day is taken as written.
pub fn parse_date(text: &str, order: DateOrder) -> Option<NaiveDate> {
    read_date(text, order, false)
}

/// As [`parse_date`], with years of two digits where `short_years` says so.
pub(crate) fn read_date(text: &str, order: DateOrder, short_years: bool) -> Option<NaiveDate> {
    let text = text.trim();
    if order == DateOrder::Serial {
        return serial(text).or_else(|| read_date(text, DateOrder::Ymd, short_years));
    }
    if text.len() > MAX_BYTES || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    let date = without_time(text)?;
    // Polish dates end in "r." for "year".
    let date = date.trim_end_matches(" r.").trim_end_matches(" r");
    let date = without_weekday(date);
    if date.bytes().all(|b| b.is_ascii_digit()) {
        return compact(date).filter(|_| order == DateOrder::Ymd);
    }
    if date.chars().any(char::is_alphabetic) {
        return named(date, short_years);
    }
    let [first, second, third] = split(date)?;
    let (year, month, day) = match order {
        _ if first.len() == 4 => (first, second, third),
        DateOrder::Ymd if short_years => (first, second, third),
        DateOrder::Ymd | DateOrder::Serial => return None,
        DateOrder::Dmy => (third, second, first),
        DateOrder::Mdy => (third, first, second),
    };
    let month = Some(month).filter(|month| month.len() <= 2)?;
    calendar(year, month.parse().ok()?, day, short_years)
}

/// A date in figures without the day of the week before it.
fn without_weekday(date: &str) -> &str {
    let Some((word, rest)) = date.split_once(char::is_whitespace) else {
        return date;
    };
    let is_figures = |text: &str| !text.chars().any(char::is_alphabetic);
    let word = word.trim_end_matches(['.', ',']);
    if is_figures(word) || !is_figures(rest) || !is_filler(word) {
        return date;
    }
    rest.trim_start()
}

/// The first and the last part of a date in figures whose year may have two digits.
pub(crate) fn short_parts(text: &str) -> Option<(u32, u32)> {
    let [first, second, third] = split(without_time(text.trim())?)?;
    let short = first.len() <= 2 && second.len() <= 2 && third.len() == 2;
    short.then_some(())?;
    Some((first.parse().ok()?, third.parse().ok()?))
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

/// The month, 1 to 12, of a name or abbreviation.
pub(crate) fn month_of(text: &str) -> Option<u32> {
    let word = folded(text.trim().trim_end_matches('.'));
    let place = MONTHS
        .iter()
        .position(|names| names.contains(&word.as_str()))?;
    u32::try_from(place + 1).ok()
}

/// Lower case without the accents that names of months and days have.
fn folded(text: &str) -> String {
    let fold = |c: char| match c {
        'ä' | 'á' => 'a',
        'é' | 'ę' => 'e',
        'û' | 'ü' => 'u',
        'ń' => 'n',
        'ś' => 's',
        'ź' | 'ż' => 'z',
        'ł' => 'l',
        'ą' => 'a',
        other => other,
    };
    text.to_lowercase().chars().map(fold).collect()
}

/// A serial number of a spreadsheet; the fraction is the time of day.
fn serial(text: &str) -> Option<NaiveDate> {
    const FROM_CE: i32 = 693_594;
    if !text
        .bytes()
        .all(|b| b.is_ascii_digit() || b == b'.' || b == b',')
    {
        return None;
    }
    let number: f64 = text.replace(',', ".").parse().ok()?;
    let number = Some(number).filter(|number| SERIALS.contains(number))?;
    NaiveDate::from_num_days_from_ce_opt(FROM_CE + number.floor() as i32)
}

/// The text before a time of day; `None` where what follows is no time.
fn without_time(text: &str) -> Option<&str> {
    let Some(colon) = text.find(':') else {
        // 20240131T101500, the compact form of ISO 8601.
        if let Some((date, time)) = text.split_once('T')
            && date.len() == 8
            && time.len() >= 4
            && is_time(time)
        {
            return Some(date);
        }
        // 2024-01-31T and a time without a colon do not occur; a bare zone does (2024-01-31Z).
        return Some(text.trim_end_matches(['Z', 'z']).trim_end());
    };
    let head = text.get(..colon)?;
    let hours = head.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = head.len() - hours.len();
    let time = text.get(hours.len()..)?;
    if !(1..=2).contains(&digits) || !is_time(time) {
        return None;
    }
    let date = hours.strip_suffix(['T', 't']).unwrap_or(hours);
    let split_off = date.len() < hours.len() || date.ends_with(char::is_whitespace);
    let date = date.trim_end().trim_end_matches(',');
    let date = [" at", " um", " à", " o"]
        .iter()
        .find_map(|word| date.strip_suffix(word))
        .unwrap_or(date);
    split_off.then_some(date)
}

/// Three parts in figures with the same separator twice; spaces may follow the separator.
fn split(date: &str) -> Option<[&str; 3]> {
    let date = date.trim_end_matches('.');
    let separator = date.chars().find(|c| !c.is_ascii_digit())?;
    if !matches!(separator, '/' | '.' | '-' | ' ') {
        return None;
    }
    let mut parts = date.split(separator).map(str::trim_start);
    let found = [parts.next()?, parts.next()?, parts.next()?];
    let figures = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    (parts.next().is_none() && found.iter().all(figures)).then_some(found)
}

/// The runs of figures and of letters of a word: `31Jan2024`, `5th`.
fn runs(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        let figures = rest.chars().next()?.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != figures);
        let (run, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        Some(run)
    })
}

/// A date with the name of its month: the day stands before the year, or the year has four digits.
fn named(date: &str, short_years: bool) -> Option<NaiveDate> {
    let words = date
        .split(|c: char| c.is_whitespace() || matches!(c, '.' | ',' | '-' | '/'))
        .filter(|word| !word.is_empty());
    let (mut month, mut figures): (Option<u32>, Vec<&str>) = (None, Vec::new());
    for word in words.flat_map(runs) {
        if word.bytes().all(|b| b.is_ascii_digit()) {
            figures.push(word);
        } else if let (None, Some(found)) = (month, month_of(word)) {
            month = Some(found);
        } else if !is_filler(word) {
            return None;
        }
    }
    let (month, [first, second]) = (month?, figures.as_slice()) else {
        return None;
    };
    let year_first = first.len() == 4;
    if year_first {
        calendar(first, month, second, short_years)
    } else {
        calendar(second, month, first, short_years)
    }
}

fn compact(digits: &str) -> Option<NaiveDate> {
    if digits.len() != 8 {
        return None;
    }
    calendar(
        digits.get(..4)?,
        digits.get(4..6)?.parse().ok()?,
        digits.get(6..)?,
        false,
    )
}

fn calendar(year: &str, month: u32, day: &str, short_years: bool) -> Option<NaiveDate> {
    let figures = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !(1..=2).contains(&day.len()) || !figures(year) || !figures(day) {
        return None;
    }
    let year: i32 = match year.len() {
        4 => year.parse().ok()?,
        2 if short_years => match year.parse().ok()? {
            recent @ 0..70 => 2000 + recent,
            earlier => 1900 + earlier,
        },
        _ => return None,
    };
    let year = Some(year).filter(|year| YEARS.contains(year))?;
    NaiveDate::from_ymd_opt(year, month, day.parse().ok()?)
}

/// Whether a text looks like a time of day: `10:00`, `10:00:00.000Z`, `10:00:00+02:00`, `9:30 PM`.
fn is_time(text: &str) -> bool {
    let text = text.strip_suffix("Uhr").unwrap_or(text);
    text.len() <= 40
        && text
            .bytes()
            .all(|b| b.is_ascii_digit() || b" :.+-ZzAaPpMmUuTtCcGg".contains(&b))
}
