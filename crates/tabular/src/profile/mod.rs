//! What the cells of a column are when looked at together: kind, format, extent.
//!
//! Deliberately no meaning; what a column stands for is [`crate::mapping`]'s work. Of the name only
//! one thing counts: whether it promises numbers or dates, as a price with a few bad cells is still
//! a price. Each different text is parsed once, however often it stands in the column.

mod dates;
mod numbers;
mod settle;
mod words;

use std::collections::{HashMap, HashSet};

use crate::cell::{
    self, CellFormat, CellValue, ColumnKind, DateOrder, Decimal, NumberFormat, parse_number,
};
use crate::mapping::{Promise, StatedFormat, promise};
use crate::sheet::{Column, Native, Sheet};
use dates::Dates;
use numbers::{DecimalChoice, choose_decimal};

/// The share of filled cells that must be numbers (or dates) to make the column one of them.
const KIND_SHARE: f64 = 0.99;

/// The same where the name of the column says that it holds numbers (or dates).
const NAMED_SHARE: f64 = 0.8;

/// How many different values a profile lists.
pub(crate) const MAX_LEVELS: usize = 20;

/// What the cells of a column are.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// Header of the column.
    pub name: String,
    /// What it holds: numbers where at least 99 % of the filled cells are, likewise dates.
    pub kind: ColumnKind,
    /// How its cells are read.
    pub format: CellFormat,
    /// The best reading as dates, also where too few cells are dates to make it a date column.
    pub date_order: Option<DateOrder>,
    /// Several orders read every cell and give different dates, and no other column decides.
    pub date_ambiguous: bool,
    /// The orders that fit equally well; one where it is decided, none where nothing is a date.
    pub date_orders: Vec<DateOrder>,
    /// Why the dates are read so, in words; empty where nothing is a date.
    pub date_reason: String,
    /// Decimal point and comma both read every cell, and give different numbers.
    pub number_ambiguous: bool,
    /// Words other than an empty cell that stand in the column and mean no value, as they stand.
    pub missing_words: Vec<String>,
    /// Whether its values are spellings of yes and no, and both occur.
    pub boolean: bool,
    /// Currencies in the cells, as ISO 4217 codes where the sign is clear; at most five.
    pub currencies: Vec<String>,
    /// Whether all its numbers are whole.
    pub integers: bool,
    /// Cells with a value.
    pub filled: u32,
    /// Cells without a value.
    pub missing: u32,
    /// Filled cells that the kind does not read.
    pub unreadable: u32,
    /// Different values.
    pub distinct: u32,
    /// Smallest value as text; empty where there is none. Dates as YYYY-MM-DD.
    pub min: String,
    /// Largest value as text; empty where there is none.
    pub max: String,
    /// Sum of the numbers; 0 for other kinds.
    pub sum: f64,
    /// The different texts with their counts in order of appearance, at most 20 of them.
    pub levels: Vec<(String, u32)>,
}

/// Profiles every column of a sheet.
///
/// Where a column could be read with decimal point or comma, the other columns of the file decide;
/// where dates could be read in two orders, columns with their months or years do.
pub fn profile(sheet: &Sheet) -> Vec<Profile> {
    profile_stated(sheet, &[])
}

/// As [`profile`], with formats that the caller states by header; they win over what is found.
pub fn profile_stated(sheet: &Sheet, stated: &[(String, StatedFormat)]) -> Vec<Profile> {
    let mut hints = Vec::with_capacity(sheet.columns.len());
    let mut choices = Vec::with_capacity(sheet.columns.len());
    let mut profiles = Vec::with_capacity(sheet.columns.len());
    // One column at a time, since the different texts of all columns together need much memory.
    for (index, (name, column)) in sheet.headers.iter().zip(&sheet.columns).enumerate() {
        let texts = count_texts(column);
        let said = stated
            .iter()
            .rev()
            .find(|(header, _)| sheet.column_index(header) == Some(index));
        let mut hint = Hint {
            decimal: Decimal::Point,
            stated: said.map(|(_, format)| format),
            native: column.native(),
            promise: promise(name),
            markers: &[],
        };
        let (choice, counts) = match (hint.stated.and_then(|s| s.decimal), hint.native) {
            (Some(decimal), _) => (DecimalChoice::Sure(decimal), true),
            (None, Native::Text) => (choose_decimal(&texts), true),
            // What a workbook holds as numbers says nothing about how the people write.
            _ => (DecimalChoice::Sure(Decimal::Point), false),
        };
        if let DecimalChoice::Sure(decimal) = choice {
            hint.decimal = decimal;
        }
        profiles.push(profile_column(name, &texts, &hint));
        hints.push(hint);
        choices.push(if counts {
            choice
        } else {
            DecimalChoice::Either {
                matters: false,
                differ: false,
            }
        });
    }
    settle::decimals(sheet, &choices, &mut hints, &mut profiles);
    settle::words(sheet, &hints, &mut profiles);
    dates::settle(sheet, &mut profiles);
    profiles
}

/// What is known of a column before its cells are looked at.
#[derive(Debug, Clone)]
struct Hint<'a> {
    decimal: Decimal,
    stated: Option<&'a StatedFormat>,
    native: Native,
    promise: Promise,
    /// Words that mean no value in the columns of numbers and dates of this file.
    markers: &'a [String],
}

/// The different trimmed texts of a column with their counts, in order of appearance.
fn count_texts(column: &Column) -> Vec<(&str, u32)> {
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut texts: Vec<(&str, u32)> = Vec::new();
    for text in column.iter() {
        let text = text.trim();
        let place = *places.entry(text).or_insert(texts.len());
        match texts.get_mut(place) {
            Some((_, count)) => *count += 1,
            None => texts.push((text, 1)),
        }
    }
    texts
}

fn profile_column(name: &str, texts: &[(&str, u32)], hint: &Hint<'_>) -> Profile {
    let number = NumberFormat {
        decimal: hint.decimal,
    };
    let filled = texts
        .iter()
        .filter(|(text, _)| !cell::is_missing(text) && !cell::is_none_word(text))
        .map(|(_, count)| u64::from(*count))
        .sum();
    let mut dates = dates::read_dates(texts, filled, hint.promise == Promise::Dates);
    let mut kind = choose_kind(texts, &number, &dates, filled, hint);
    judge_serials(texts, &mut dates, &mut kind, hint);
    if let Some(order) = hint.stated.and_then(|stated| stated.date) {
        dates.order = Some(order);
        dates.orders = vec![order];
        dates.reason = "you said so".to_owned();
        kind = ColumnKind::Date;
    }
    let format = format_of(texts, number, kind, &dates, hint);
    let mut profile = Profile {
        name: name.to_owned(),
        kind,
        date_order: dates.order,
        date_ambiguous: dates.orders.len() > 1,
        date_orders: dates.orders,
        date_reason: dates.reason,
        number_ambiguous: false,
        missing_words: Vec::new(),
        boolean: false,
        currencies: Vec::new(),
        integers: false,
        filled: 0,
        missing: 0,
        unreadable: 0,
        distinct: 0,
        min: String::new(),
        max: String::new(),
        sum: 0.0,
        levels: Vec::new(),
        format,
    };
    if kind == ColumnKind::Number {
        profile.currencies = numbers::currencies(texts, &number);
    }
    for (text, count) in texts {
        match cell::read(text, kind, &profile.format) {
            CellValue::Missing => {
                profile.missing += count;
                if !text.is_empty() && profile.missing_words.len() < MAX_LEVELS {
                    profile.missing_words.push((*text).to_owned());
                }
            }
            CellValue::Unreadable(_) => {
                profile.unreadable += count;
                profile.filled += count;
            }
            _ => profile.filled += count,
        }
    }
    profile.levels = texts
        .iter()
        .filter(|(text, _)| !profile.format.is_missing(text, ColumnKind::Category))
        .take(MAX_LEVELS)
        .map(|(text, count)| ((*text).to_owned(), *count))
        .collect();
    profile.boolean = words::are_boolean(&profile.levels);
    extent(&mut profile, texts);
    profile
}

/// Serial numbers of a spreadsheet are dates where the name promises dates, and could be elsewhere.
fn judge_serials(texts: &[(&str, u32)], dates: &mut Dates, kind: &mut ColumnKind, hint: &Hint<'_>) {
    if *kind != ColumnKind::Number || hint.promise == Promise::Numbers {
        return;
    }
    let numbers = texts
        .iter()
        .filter(|(text, _)| !cell::is_missing(text) && !cell::is_none_word(text));
    if numbers
        .clone()
        .all(|(text, _)| cell::parse_date(text, DateOrder::Serial).is_some())
    {
        dates.order = Some(DateOrder::Serial);
        dates.orders = vec![DateOrder::Serial];
        dates.reason = "every number can be the serial number of a day".to_owned();
        if hint.promise == Promise::Dates {
            *kind = ColumnKind::Date;
        }
    }
}

/// How the cells are read, with the words that mean something else than elsewhere.
fn format_of(
    texts: &[(&str, u32)],
    number: NumberFormat,
    kind: ColumnKind,
    dates: &Dates,
    hint: &Hint<'_>,
) -> CellFormat {
    let mut format = CellFormat {
        number,
        date: dates.order.filter(|_| kind == ColumnKind::Date),
        short_years: dates.short,
        percent: kind == ColumnKind::Number && numbers::is_percent(texts, &number),
        ..CellFormat::default()
    };
    match kind {
        ColumnKind::Category => {
            format.present = words::present(texts, hint.markers);
            format.missing = words::missing(texts, &format.present);
        }
        ColumnKind::Number
            if texts.iter().any(|(text, _)| cell::is_dash(text))
                && numbers::is_accounting(texts, &number) =>
        {
            let dashes = texts.iter().filter(|(text, _)| cell::is_dash(text));
            format.present = dashes.map(|(text, _)| (*text).to_owned()).collect();
        }
        _ => {}
    }
    if let Some(stated) = hint.stated {
        let said = |words: &[String], word: &String| words.iter().any(|w| cell::same_word(w, word));
        format.present.retain(|word| !said(&stated.missing, word));
        format.missing.retain(|word| !said(&stated.present, word));
        format.present.extend(stated.present.iter().cloned());
        format.missing.extend(stated.missing.iter().cloned());
    }
    format
}

/// Fills in smallest, largest, sum and number of different values.
fn extent(profile: &mut Profile, texts: &[(&str, u32)]) {
    let (mut numbers, mut days) = (HashSet::new(), HashSet::new());
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    let mut words: Option<(&str, &str)> = None;
    let mut word_count = 0;
    profile.integers = profile.kind == ColumnKind::Number;
    for (text, count) in texts {
        match cell::read(text, profile.kind, &profile.format) {
            CellValue::Number(value) => {
                profile.sum += value * f64::from(*count);
                profile.integers &= value.fract() == 0.0;
                (low, high) = (low.min(value), high.max(value));
                numbers.insert((value + 0.0).to_bits());
            }
            CellValue::Day(day) => {
                days.insert(day);
            }
            CellValue::Category(word) => {
                word_count += 1;
                words = Some(words.map_or((word, word), |(a, b)| (a.min(word), b.max(word))));
            }
            CellValue::Missing | CellValue::Unreadable(_) => {}
        }
    }
    let show = |day: Option<&i32>| {
        day.and_then(|day| cell::date_of(*day))
            .map_or_else(String::new, |date| date.to_string())
    };
    let (distinct, min, max) = match profile.kind {
        ColumnKind::Number if numbers.is_empty() => (0, String::new(), String::new()),
        ColumnKind::Number => (numbers.len(), low.to_string(), high.to_string()),
        ColumnKind::Date => (days.len(), show(days.iter().min()), show(days.iter().max())),
        ColumnKind::Category => {
            let (min, max) = words.unwrap_or_default();
            (word_count, min.to_owned(), max.to_owned())
        }
    };
    profile.distinct = u32::try_from(distinct).unwrap_or(u32::MAX);
    (profile.min, profile.max) = (min, max);
}

fn choose_kind(
    texts: &[(&str, u32)],
    number: &NumberFormat,
    dates: &Dates,
    filled: u64,
    hint: &Hint<'_>,
) -> ColumnKind {
    let mut numbers = 0u64;
    let mut coded = false;
    for (text, count) in texts {
        if cell::is_missing(text) || cell::is_none_word(text) {
            continue;
        }
        numbers += u64::from(parse_number(text, number).is_some()) * u64::from(*count);
        // 00123 is a name made of figures: as a number it would lose its zeros.
        coded |=
            text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    }
    let enough = |count: u64, promised: Promise| {
        let share = if hint.promise == promised {
            NAMED_SHARE
        } else {
            KIND_SHARE
        };
        count > 0 && count as f64 >= share * filled as f64
    };
    let stated_number = hint.stated.is_some_and(|stated| stated.decimal.is_some());
    if enough(dates.read, Promise::Dates) {
        ColumnKind::Date
    } else if enough(numbers, Promise::Numbers) && (!coded || stated_number) {
        ColumnKind::Number
    } else {
        ColumnKind::Category
    }
}
