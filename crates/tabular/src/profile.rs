//! What the cells of a column are when looked at together: kind, format, extent.
//!
//! Deliberately blind to the column's name; what a column stands for is [`crate::mapping`]'s work.
//! Each different text is parsed once, however often it stands in the column.

use std::collections::{HashMap, HashSet};

use crate::cell::{
    self, CellFormat, CellValue, ColumnKind, DateOrder, Decimal, NumberFormat, parse_date,
    parse_number,
};
use crate::sheet::{Column, Sheet};

/// The share of filled cells that must be numbers (or dates) to make the column one of them.
const KIND_SHARE: f64 = 0.99;

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
    /// Day first and month first both read every cell, and give different dates.
    pub date_ambiguous: bool,
    /// Decimal point and comma both read every cell, and give different numbers.
    pub number_ambiguous: bool,
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
/// Where a column could be read with decimal point or comma, the other columns of the file decide.
pub fn profile(sheet: &Sheet) -> Vec<Profile> {
    let mut choices = Vec::with_capacity(sheet.columns.len());
    let mut profiles = Vec::with_capacity(sheet.columns.len());
    // One column at a time, since the different texts of all columns together need much memory.
    for (name, column) in sheet.headers.iter().zip(&sheet.columns) {
        let texts = count_texts(column);
        let choice = choose_decimal(&texts);
        let decimal = match choice {
            DecimalChoice::Sure(decimal) => decimal,
            DecimalChoice::Either { .. } => Decimal::Point,
        };
        profiles.push(profile_column(name, &texts, NumberFormat { decimal }));
        choices.push(choice);
    }
    let commas = count_decided(&choices, Decimal::Comma);
    let points = count_decided(&choices, Decimal::Point);
    let comma = NumberFormat {
        decimal: Decimal::Comma,
    };
    for (profile, (choice, column)) in profiles.iter_mut().zip(choices.iter().zip(&sheet.columns)) {
        match choice {
            DecimalChoice::Either { matters: false, .. } if commas > points => {
                profile.format.number = comma;
            }
            DecimalChoice::Either { .. } if commas > points => {
                *profile = profile_column(&profile.name, &count_texts(column), comma);
            }
            DecimalChoice::Either { differ: true, .. } if commas == points => {
                profile.number_ambiguous = profile.kind == ColumnKind::Number;
            }
            _ => {}
        }
    }
    profiles
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

#[derive(Debug, Clone, Copy, PartialEq)]
enum DecimalChoice {
    Sure(Decimal),
    /// Both read equally many cells: `matters` where there are separators at all, `differ` where
    /// the two give different numbers.
    Either {
        matters: bool,
        differ: bool,
    },
}

fn count_decided(choices: &[DecimalChoice], decimal: Decimal) -> usize {
    let sure = DecimalChoice::Sure(decimal);
    choices.iter().filter(|choice| **choice == sure).count()
}

fn choose_decimal(texts: &[(&str, u32)]) -> DecimalChoice {
    let point = NumberFormat {
        decimal: Decimal::Point,
    };
    let comma = NumberFormat {
        decimal: Decimal::Comma,
    };
    let (mut points, mut commas, mut differ) = (0u64, 0u64, false);
    for (text, count) in texts {
        // Without either separator both readings are the same, whatever they are.
        if !text.bytes().any(|b| b == b'.' || b == b',') {
            continue;
        }
        let (a, b) = (parse_number(text, &point), parse_number(text, &comma));
        points += u64::from(a.map_or(0, |_| *count));
        commas += u64::from(b.map_or(0, |_| *count));
        differ |= a.is_some() && b.is_some() && a != b;
    }
    match points.cmp(&commas) {
        std::cmp::Ordering::Greater => DecimalChoice::Sure(Decimal::Point),
        std::cmp::Ordering::Less => DecimalChoice::Sure(Decimal::Comma),
        std::cmp::Ordering::Equal => DecimalChoice::Either {
            matters: points > 0,
            differ,
        },
    }
}

fn profile_column(name: &str, texts: &[(&str, u32)], number: NumberFormat) -> Profile {
    let dates = read_dates(texts);
    let kind = choose_kind(texts, &number, &dates);
    let format = CellFormat {
        number,
        date: dates.order.filter(|_| kind == ColumnKind::Date),
    };
    let mut profile = Profile {
        name: name.to_owned(),
        kind,
        format,
        date_order: dates.order,
        date_ambiguous: dates.ambiguous,
        number_ambiguous: false,
        integers: false,
        filled: 0,
        missing: 0,
        unreadable: 0,
        distinct: 0,
        min: String::new(),
        max: String::new(),
        sum: 0.0,
        levels: Vec::new(),
    };
    for (text, count) in texts {
        match cell::read(text, kind, &format) {
            CellValue::Missing => profile.missing += count,
            CellValue::Unreadable(_) => {
                profile.unreadable += count;
                profile.filled += count;
            }
            _ => profile.filled += count,
        }
    }
    profile.levels = texts
        .iter()
        .filter(|(text, _)| !cell::is_missing(text))
        .take(MAX_LEVELS)
        .map(|(text, count)| ((*text).to_owned(), *count))
        .collect();
    extent(&mut profile, texts);
    profile
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

struct Dates {
    order: Option<DateOrder>,
    ambiguous: bool,
    read: u64,
}

/// Which order reads most cells as dates.
fn read_dates(texts: &[(&str, u32)]) -> Dates {
    let (mut ymd, mut dmy, mut mdy, mut differ) = (0u64, 0u64, 0u64, false);
    for (text, count) in texts {
        let count = u64::from(*count);
        let days_first = parse_date(text, DateOrder::Dmy);
        let months_first = parse_date(text, DateOrder::Mdy);
        ymd += u64::from(parse_date(text, DateOrder::Ymd).is_some()) * count;
        dmy += u64::from(days_first.is_some()) * count;
        mdy += u64::from(months_first.is_some()) * count;
        differ |= days_first.is_some() && months_first.is_some() && days_first != months_first;
    }
    let best = ymd.max(dmy).max(mdy);
    let order = match best {
        0 => None,
        _ if ymd == best => Some(DateOrder::Ymd),
        _ if dmy == best => Some(DateOrder::Dmy),
        _ => Some(DateOrder::Mdy),
    };
    Dates {
        order,
        ambiguous: differ && dmy == mdy && ymd < best,
        read: best,
    }
}

fn choose_kind(texts: &[(&str, u32)], number: &NumberFormat, dates: &Dates) -> ColumnKind {
    let (mut filled, mut numbers) = (0u64, 0u64);
    let mut coded = false;
    for (text, count) in texts {
        if cell::is_missing(text) || cell::is_none_word(text) {
            continue;
        }
        let count = u64::from(*count);
        filled += count;
        numbers += u64::from(parse_number(text, number).is_some()) * count;
        // 00123 is a name made of figures: as a number it would lose its zeros.
        coded |=
            text.len() > 1 && text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
    }
    let enough = |count: u64| count > 0 && count as f64 >= KIND_SHARE * filled as f64;
    if enough(dates.read) {
        ColumnKind::Date
    } else if enough(numbers) && !coded {
        ColumnKind::Number
    } else {
        ColumnKind::Category
    }
}
