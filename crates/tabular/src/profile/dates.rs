//! In which order a column writes its dates, from all its cells and from companion columns.
//!
//! Deliberately undecided where two orders read every cell and nothing in the file tells them
//! apart: the user is asked.

use chrono::{Datelike, NaiveDate};

use super::{KIND_SHARE, Profile};
use crate::cell::{DateOrder, month_of, read_date, short_parts};
use crate::sheet::Sheet;

/// How the cells of a column read as dates.
#[derive(Debug, Clone, Default)]
pub(super) struct Dates {
    /// The best order, or the first of the best.
    pub(super) order: Option<DateOrder>,
    /// All orders that read equally many cells but give different dates; one where it is decided.
    pub(super) orders: Vec<DateOrder>,
    /// Cells that the best order reads.
    pub(super) read: u64,
    /// Whether years have two digits.
    pub(super) short: bool,
    /// Why, in words; empty where nothing is a date.
    pub(super) reason: String,
}

/// Which order reads most cells as dates.
pub(super) fn read_dates(texts: &[(&str, u32)], filled: u64, named: bool) -> Dates {
    let long = read_years(texts, false);
    if filled == 0 || long.read as f64 >= KIND_SHARE * filled as f64 {
        return long;
    }
    let short = read_years(texts, true);
    // 1.2.10 may be a version as well as a day, so dots need a sign that dates are meant.
    let dated = named
        || texts.iter().any(|(text, _)| {
            text.contains(['/', '-'])
                || text.chars().any(char::is_alphabetic)
                || text.starts_with('0')
        });
    // All years must be short: a column with both has been put together from several sources.
    if dated && long.read == 0 && short.read as f64 >= 0.9 * filled as f64 {
        short
    } else {
        long
    }
}

fn read_years(texts: &[(&str, u32)], short: bool) -> Dates {
    const ORDERS: [DateOrder; 3] = [DateOrder::Ymd, DateOrder::Dmy, DateOrder::Mdy];
    let mut read = [0u64; 3];
    let mut differ = [[false; 3]; 3];
    for (text, count) in texts.iter().filter(|(text, _)| could_be_date(text)) {
        let found = ORDERS.map(|order| read_date(text, order, short));
        for (place, date) in found.iter().enumerate() {
            read[place] += u64::from(date.is_some()) * u64::from(*count);
            for (other, date_there) in found.iter().enumerate() {
                differ[place][other] |=
                    date.is_some() && date_there.is_some() && date != date_there;
            }
        }
    }
    if short && year_is_last(texts) && read[1].max(read[2]) >= read[0] {
        read[0] = 0;
    }
    let best = read.into_iter().max().unwrap_or(0);
    let Some(first) = read.iter().position(|count| *count == best && best > 0) else {
        return Dates::default();
    };
    let orders: Vec<DateOrder> = (0..3)
        .filter(|place| read[*place] == best && (*place == first || differ[first][*place]))
        .map(|place| ORDERS[place])
        .collect();
    let order = ORDERS[first];
    let reason = match (
        orders.as_slice(),
        read.iter().filter(|count| **count == best).count(),
    ) {
        ([_], 1) => format!("only {} reads them all", order.as_str()),
        ([_], _) => "every order gives the same dates".to_owned(),
        _ => "more than one order reads every date".to_owned(),
    };
    Dates {
        order: Some(order),
        orders,
        read: best,
        short,
        reason,
    }
}

/// A quick look that spares most numbers and words the six readings.
fn could_be_date(text: &str) -> bool {
    let (mut digits, mut others) = (0, 0);
    for byte in text.bytes() {
        digits += usize::from(byte.is_ascii_digit());
        others += usize::from(!byte.is_ascii_digit());
    }
    (others >= 2 && digits >= 3) || (others <= 1 && digits >= 8)
}

/// Whether years of two digits plainly stand last: the first parts are spread like days or months
/// and years, the last ones are few.
fn year_is_last(texts: &[(&str, u32)]) -> bool {
    let (mut first, mut last) = (Vec::new(), Vec::new());
    for (a, c) in texts.iter().filter_map(|(text, _)| short_parts(text)) {
        first.push(a);
        last.push(c);
    }
    for parts in [&mut first, &mut last] {
        parts.sort_unstable();
        parts.dedup();
    }
    let span = first
        .last()
        .zip(first.first())
        .map_or(0, |(high, low)| high - low);
    span >= 20 && last.len() * 2 <= first.len()
}

/// Lets month and year columns of the same rows decide between two orders.
pub(super) fn settle(sheet: &Sheet, profiles: &mut [Profile]) {
    for index in 0..profiles.len() {
        let Some(profile) = profiles.get(index).filter(|profile| profile.date_ambiguous) else {
            continue;
        };
        let agreeing: Vec<(DateOrder, Vec<usize>)> = profile
            .date_orders
            .iter()
            .map(|order| {
                (
                    *order,
                    companions(sheet, index, *order, profile.format.short_years),
                )
            })
            .collect();
        let proves = |own: &[usize], others: &[(DateOrder, Vec<usize>)], order: DateOrder| {
            own.iter().copied().find(|column| {
                others
                    .iter()
                    .all(|(other, columns)| *other == order || !columns.contains(column))
            })
        };
        let proven: Vec<(DateOrder, usize)> = agreeing
            .iter()
            .filter_map(|(order, own)| Some((*order, proves(own, &agreeing, *order)?)))
            .collect();
        let ([(order, column)], Some(profile)) = (proven.as_slice(), profiles.get_mut(index))
        else {
            continue;
        };
        let name = sheet.headers.get(*column).map_or("", String::as_str);
        profile.date_reason = format!(
            "only {} agrees with the column \"{name}\" in every row",
            order.as_str()
        );
        profile.date_order = Some(*order);
        profile.date_orders = vec![*order];
        profile.date_ambiguous = false;
        profile.format.date = profile.format.date.map(|_| *order);
    }
}

/// Columns that say the month (as number or name) or the year of every date read in this order.
fn companions(sheet: &Sheet, dates: usize, order: DateOrder, short: bool) -> Vec<usize> {
    let Some(column) = sheet.columns.get(dates) else {
        return Vec::new();
    };
    let days: Vec<Option<NaiveDate>> = column.map(|text| read_date(text, order, short));
    let says = |part: fn(NaiveDate) -> u32, read: fn(&str) -> Option<u32>, other: usize| {
        let mut seen = 0;
        for (row, day) in days.iter().enumerate() {
            let text = sheet.cell(row, other).trim();
            if let (Some(day), false) = (day, text.is_empty()) {
                if read(text) != Some(part(*day)) {
                    return false;
                }
                seen += 1;
            }
        }
        seen > 0 && seen * 10 >= days.len() * 9
    };
    let year = |date: NaiveDate| u32::try_from(date.year()).unwrap_or(0);
    (0..sheet.columns.len())
        .filter(|other| *other != dates)
        .filter(|other| says(|date| date.month(), month, *other) || says(year, figures, *other))
        .collect()
}

fn figures(text: &str) -> Option<u32> {
    text.parse().ok()
}

fn month(text: &str) -> Option<u32> {
    figures(text).or_else(|| month_of(text))
}
