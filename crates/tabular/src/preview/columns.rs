//! One column at a glance.
//!
//! Deliberately over all rows of the file, bad ones included: it is the file that is looked at.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::sum::Sum;
use super::{is_hidden, shortened, shown};
use crate::cell::{self, CellFormat, CellValue, ColumnKind, day_number};
use crate::mapping::{DateSource, Field, Mapping};
use crate::profile::Profile;
use crate::sheet::Sheet;
use crate::validate::{MIN_YEAR, reading};

/// Most values over time.
pub const MAX_BUCKETS: usize = 24;

/// How many of the most frequent values are listed.
const MAX_FREQUENT: usize = 10;

/// A column at a glance.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnPreview {
    /// Header of the column.
    pub name: String,
    /// What it stands for.
    pub field: Field,
    /// How sure that is, 0 to 1.
    pub confidence: f64,
    /// Why, in words.
    pub reason: String,
    /// What it holds.
    pub kind: ColumnKind,
    /// How its text is read.
    pub format: CellFormat,
    /// Cells with a value, unreadable ones included.
    pub filled: u32,
    /// Cells without a value.
    pub missing: u32,
    /// Share of cells without a value, 0 to 1.
    pub missing_share: f64,
    /// Filled cells that the kind does not read.
    pub unreadable: u32,
    /// Different values.
    pub distinct: u32,
    /// Smallest value: numbers with a decimal point, dates as `YYYY-MM-DD`; empty where there is
    /// none, and in personal columns.
    pub min: String,
    /// Largest value, as [`ColumnPreview::min`].
    pub max: String,
    /// Mean of the numbers; `None` for other kinds.
    pub mean: Option<f64>,
    /// Sum of the numbers, right to the hundredth; `None` for other kinds.
    pub sum: Option<f64>,
    /// The most frequent values with their counts, the most frequent first; none in personal columns.
    pub frequent: Vec<(String, u32)>,
    /// Means of a number column, filled shares (0 to 1) of any other, over equal spans of time from
    /// the first quote to the last, or over equal parts of the file where it has no dates; `None`
    /// where a span has no values.
    pub sparkline: Vec<Option<f64>>,
}

/// Looks at every column.
pub(super) fn all(sheet: &Sheet, profiles: &[Profile], mapping: &Mapping) -> Vec<ColumnPreview> {
    let buckets = Buckets::new(sheet, profiles, mapping);
    (0..sheet.columns.len())
        .filter_map(|column| one(sheet, profiles, mapping, &buckets, column))
        .collect()
}

fn one(
    sheet: &Sheet,
    profiles: &[Profile],
    mapping: &Mapping,
    buckets: &Buckets,
    place: usize,
) -> Option<ColumnPreview> {
    let (column, mapped) = (sheet.columns.get(place)?, mapping.columns.get(place)?);
    let (kind, format) = reading(mapping, profiles, place);
    let counts = column.counts();
    let mut seen = Seen::new();
    for (text, count) in &counts {
        seen.add(cell::read(text, kind, &format), *count);
    }
    let numbers = (kind == ColumnKind::Number).then(|| {
        // One by one, as a sum is of cells and not of different texts.
        let mut sum = Sum::new();
        let values = column.map(|text| match cell::read(text, kind, &format) {
            CellValue::Number(number) => number,
            _ => f64::NAN,
        });
        values
            .iter()
            .filter(|v| !v.is_nan())
            .for_each(|v| sum.add(*v));
        (sum, values)
    });
    let sparkline = match &numbers {
        Some((_, values)) => buckets.means(values.iter().copied()),
        None => {
            let filled = column.map(|text| match cell::read(text, kind, &format) {
                CellValue::Missing => 0.0,
                _ => 1.0,
            });
            buckets.means(filled.into_iter())
        }
    };
    let hidden = is_hidden(mapping, place);
    let (min, max) = seen.extent.filter(|_| !hidden).unzip();
    let rows = column.len();
    Some(ColumnPreview {
        name: mapped.name.clone(),
        field: mapped.field,
        confidence: mapped.confidence,
        reason: mapped.reason.clone(),
        kind,
        format,
        filled: seen.filled,
        missing: seen.missing,
        missing_share: if rows == 0 {
            0.0
        } else {
            f64::from(seen.missing) / rows as f64
        },
        unreadable: seen.unreadable,
        distinct: u32::try_from(seen.values.len()).unwrap_or(u32::MAX),
        min: min.and_then(|value| shown(&value)).unwrap_or_default(),
        max: max.and_then(|value| shown(&value)).unwrap_or_default(),
        mean: numbers
            .as_ref()
            .filter(|_| !hidden)
            .and_then(|(sum, _)| sum.mean()),
        sum: numbers
            .as_ref()
            .filter(|(sum, _)| !hidden && sum.count() > 0)
            .map(|(sum, _)| sum.value()),
        frequent: if hidden {
            Vec::new()
        } else {
            frequent(seen.values)
        },
        sparkline,
    })
}

/// A value that can be told from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Key<'a> {
    Number(u64),
    Day(i32),
    Word(&'a str),
}

/// The values of a column so far.
struct Seen<'a> {
    values: HashMap<Key<'a>, u32>,
    filled: u32,
    missing: u32,
    unreadable: u32,
    extent: Option<(CellValue<'a>, CellValue<'a>)>,
}

impl<'a> Seen<'a> {
    fn new() -> Self {
        Self {
            values: HashMap::new(),
            filled: 0,
            missing: 0,
            unreadable: 0,
            extent: None,
        }
    }

    fn add(&mut self, value: CellValue<'a>, count: u32) {
        let key = match value {
            CellValue::Missing => {
                self.missing += count;
                return;
            }
            CellValue::Unreadable(_) => {
                self.unreadable += count;
                self.filled += count;
                return;
            }
            // Zero has two signs but is one value.
            CellValue::Number(number) => Key::Number((number + 0.0).to_bits()),
            CellValue::Day(day) => Key::Day(day),
            CellValue::Category(word) => Key::Word(word),
        };
        self.filled += count;
        *self.values.entry(key).or_default() += count;
        self.extent = Some(match self.extent {
            None => (value, value),
            Some((low, high)) => (
                if is_less(&value, &low) { value } else { low },
                if is_less(&high, &value) { value } else { high },
            ),
        });
    }
}

fn is_less(a: &CellValue<'_>, b: &CellValue<'_>) -> bool {
    match (a, b) {
        (CellValue::Number(a), CellValue::Number(b)) => a < b,
        (CellValue::Day(a), CellValue::Day(b)) => a < b,
        (CellValue::Category(a), CellValue::Category(b)) => a < b,
        _ => false,
    }
}

fn frequent(values: HashMap<Key<'_>, u32>) -> Vec<(String, u32)> {
    let mut values: Vec<(Key<'_>, u32)> = values.into_iter().collect();
    values.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    values.truncate(MAX_FREQUENT);
    let text = |key| match key {
        Key::Number(bits) => f64::from_bits(bits).to_string(),
        Key::Day(day) => shown(&CellValue::Day(day)).unwrap_or_default(),
        Key::Word(word) => shortened(word),
    };
    values
        .into_iter()
        .map(|(key, count)| (text(key), count))
        .collect()
}

/// Which span of time, or part of the file, each row belongs to.
struct Buckets {
    places: Vec<Option<usize>>,
    count: usize,
}

impl Buckets {
    fn new(sheet: &Sheet, profiles: &[Profile], mapping: &Mapping) -> Self {
        let days = match mapping.date {
            DateSource::Column(column) => days(sheet, profiles, mapping, column),
            DateSource::Import => Vec::new(),
        };
        let known = || days.iter().flatten().copied();
        if let (Some(first), Some(last)) = (known().min(), known().max()) {
            let span = i64::from(last) - i64::from(first) + 1;
            let count = span.clamp(1, MAX_BUCKETS as i64);
            let place = |day: i32| {
                let at = (i64::from(day) - i64::from(first)) * count / span;
                usize::try_from(at).unwrap_or(0)
            };
            return Self {
                places: days.iter().map(|day| day.map(place)).collect(),
                count: usize::try_from(count).unwrap_or(1),
            };
        }
        let rows = sheet.row_count();
        let count = rows.min(MAX_BUCKETS);
        let place = |row: usize| Some(row * count / rows.max(1));
        Self {
            places: (0..rows).map(place).collect(),
            count,
        }
    }

    /// Mean of the values of each bucket, NaN left out.
    fn means(&self, values: impl Iterator<Item = f64>) -> Vec<Option<f64>> {
        let mut sums = vec![Sum::new(); self.count];
        for (value, place) in values.zip(&self.places) {
            let bucket = place.and_then(|place| sums.get_mut(place));
            if let Some(sum) = bucket.filter(|_| !value.is_nan()) {
                sum.add(value);
            }
        }
        sums.iter().map(Sum::mean).collect()
    }
}

/// The dates of the quotes; those outside the years of the rules would stretch the spans.
fn days(sheet: &Sheet, profiles: &[Profile], mapping: &Mapping, place: usize) -> Vec<Option<i32>> {
    let Some(column) = sheet.columns.get(place) else {
        return Vec::new();
    };
    let (kind, format) = reading(mapping, profiles, place);
    let earliest = NaiveDate::from_ymd_opt(MIN_YEAR, 1, 1).map_or(i32::MIN, day_number);
    let latest = NaiveDate::from_ymd_opt(2100, 12, 31).map_or(i32::MAX, day_number);
    column.map(|text| match cell::read(text, kind, &format) {
        CellValue::Day(day) if (earliest..=latest).contains(&day) => Some(day),
        _ => None,
    })
}
