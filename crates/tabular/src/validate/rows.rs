//! The rules about rows: their length, characters, price, date and revision.
//!
//! Deliberately one pass per column, so that each problem names one cell and one remedy.

use chrono::NaiveDate;

use super::bad_rows::Sentence;
use super::collect::Collector;
use super::{Context, MANY_ZEROS, MAX_DAYS_AHEAD, MIN_YEAR, fix};
use crate::cell::{self, CellValue, ColumnKind, day_number, is_missing};
use crate::mapping::{DateSource, Field};

/// Largest price in hundredths: beyond it, rounding could leave the range of 64 bits.
const MAX_MINOR: f64 = 9.2e18;

/// Rows must have as many cells as the header.
pub(super) fn check_shape(context: &Context<'_>, problems: &mut Collector<'_>) {
    let sheet = context.sheet;
    for uneven in &sheet.uneven {
        let Some(row) = sheet.index_of(uneven.row) else {
            continue;
        };
        let sentence = Sentence::new(
            "row_shape",
            format!(
                "the row has {} cells, the header has {}",
                uneven.found, uneven.expected
            ),
            format!(
                "look for a missing or surplus \"{}\", and put cells that contain it into quotation marks",
                sheet.delimiter().escape_default()
            ),
        );
        problems.row_error(row, None, sentence, || None);
    }
}

/// Cells must hold text that can be seen.
pub(super) fn check_characters(context: &Context<'_>, problems: &mut Collector<'_>) {
    let damaged = Sentence::new(
        "cell_damaged",
        "the cell holds the sign for an unreadable character",
        "save the file in UTF-8 and upload it again if the text matters",
    );
    let columns = context.sheet.columns.iter().zip(&context.mapping.columns);
    for (place, (column, mapped)) in columns.enumerate() {
        // Personal data must not be repeated in a report.
        if matches!(mapped.field, Field::Ignored | Field::Personal) {
            continue;
        }
        for (row, text) in column.iter().enumerate() {
            if text.is_ascii() && !text.bytes().any(|b| b < b' ' || b == 0x7f) {
                continue;
            }
            if text.contains(fix::is_strange) {
                let sentence = Sentence::new(
                    "cell_strange",
                    "the cell holds control characters, which no text has",
                    "delete the characters, or export the file again",
                );
                problems.row_error(row, Some(place), sentence, || fix::visible(text));
            } else if text.contains('\u{fffd}') {
                problems.row_warning(row, Some(place), &damaged, || None);
            }
        }
    }
}

/// Reads the prices; NaN at rows that are bad for it.
pub(super) fn prices(context: &Context<'_>, problems: &mut Collector<'_>) -> Vec<f64> {
    let sheet = context.sheet;
    let place = context.mapping.column_of(Field::Price);
    let Some((place, column)) = place.and_then(|at| Some((at, sheet.columns.get(at)?))) else {
        let message = "no column holds the price".to_owned();
        let advice = "say which: --map price=COLUMN".to_owned();
        problems.add(crate::Problem::error("price_mapped", message, advice));
        return vec![f64::NAN; sheet.row_count()];
    };
    let (_, format) = context.reading(place);
    let mut prices = column.map(|text| match cell::read(text, ColumnKind::Number, &format) {
        CellValue::Number(price) => price,
        _ => f64::NAN,
    });
    let zeros_allowed = zeros_are_values(&prices);
    if zeros_allowed && !context.rules.allow_any_price {
        warn_of_zeros(context.header(place), &prices, problems);
    }
    for (row, price) in prices.iter_mut().enumerate() {
        let storable = (*price * 100.0).round().abs() <= MAX_MINOR;
        let allowed = context.rules.allow_any_price || (zeros_allowed && *price == 0.0);
        if storable && (*price > 0.0 || allowed) {
            continue;
        }
        let text = column.get(row);
        let sentence = if price.is_nan()
            && matches!(
                cell::read(text, ColumnKind::Number, &format),
                CellValue::Missing
            ) {
            Sentence::new(
                "price_number",
                "the price is missing",
                "fill in the price or leave the row out",
            )
        } else if price.is_nan() {
            Sentence::new(
                "price_number",
                "the price is not a number",
                "correct the price or leave the row out",
            )
        } else if !storable {
            Sentence::new(
                "price_range",
                "the price is larger than can be kept",
                "correct the price or leave the row out",
            )
        } else {
            Sentence::new(
                "price_positive",
                if *price < 0.0 {
                    "the price is below zero"
                } else {
                    "the price is zero"
                },
                "correct the price or leave the row out; where such prices are meant: --allow-any-price",
            )
        };
        let unread = price.is_nan();
        *price = f64::NAN;
        problems.row_error(row, Some(place), sentence, || {
            if unread {
                fix::number(text, &format)
            } else {
                None
            }
        });
    }
    prices
}

/// Whether so many prices are zero that they are values of the column and no slips.
fn zeros_are_values(prices: &[f64]) -> bool {
    let zeros = prices.iter().filter(|price| **price == 0.0).count();
    zeros >= MANY_ZEROS && zeros * 1000 >= prices.len()
}

fn warn_of_zeros(header: &str, prices: &[f64], problems: &mut Collector<'_>) {
    let zeros = prices.iter().filter(|price| **price == 0.0).count();
    let message = format!(
        "{zeros} of {} prices are zero: so many are taken for values of the column, and learnt from",
        prices.len()
    );
    let advice = "nothing, where zero is meant; where it stands for a price that is not known, empty these cells";
    let problem = crate::Problem::warning("price_positive", message, advice.to_owned());
    problems.add_counted(problem.at(0, header).with_value("0"), zeros as u64);
}

/// Reads the dates in days since 1970-01-01; `None` where they come from the import.
pub(super) fn dates(context: &Context<'_>, problems: &mut Collector<'_>) -> Option<Vec<i32>> {
    let DateSource::Column(place) = context.mapping.date else {
        return None;
    };
    let column = context.sheet.columns.get(place)?;
    let (_, format) = context.reading(place);
    let latest = day_number(context.rules.today).saturating_add(MAX_DAYS_AHEAD);
    let earliest = NaiveDate::from_ymd_opt(MIN_YEAR, 1, 1).map_or(i32::MIN, day_number);
    let read = column.map(|text| match cell::read(text, ColumnKind::Date, &format) {
        CellValue::Day(day) => Ok(day),
        CellValue::Missing => Err(true),
        _ => Err(false),
    });
    let mut days = Vec::with_capacity(read.len());
    for (row, day) in read.into_iter().enumerate() {
        days.push(day.unwrap_or(0));
        let text = column.get(row);
        let sentence = match day {
            Ok(day) if day > latest => Sentence::new(
                "date_not_future",
                "the date lies more than a year ahead",
                "correct the date or leave the row out",
            ),
            Ok(day) if day < earliest => Sentence::new(
                "date_not_old",
                format!("the date lies before {MIN_YEAR}"),
                "correct the date or leave the row out",
            ),
            Ok(_) => continue,
            Err(true) => Sentence::new(
                "date_valid",
                "the date is missing",
                "fill in the date or leave the row out",
            ),
            Err(false) => Sentence::new(
                "date_valid",
                format!("this is no date in the order {}", format.date_order()),
                format!(
                    "write it as YYYY-MM-DD, or state another order: --map date=\"{}:DMY\" (or MDY, YMD)",
                    context.header(place)
                ),
            ),
        };
        problems.row_error(row, Some(place), sentence, || {
            if day.is_err() {
                fix::date(text, &format)
            } else {
                None
            }
        });
    }
    Some(days)
}

/// Reads the numbers of revisions; `None` without such a column.
pub(super) fn revisions(context: &Context<'_>, problems: &mut Collector<'_>) -> Option<Vec<u32>> {
    let place = context.mapping.column_of(Field::Revision)?;
    let column = context.sheet.columns.get(place)?;
    let read = column.map(revision);
    for (row, _) in read
        .iter()
        .enumerate()
        .filter(|(_, number)| number.is_none())
    {
        let sentence = Sentence::new(
            "revision_number",
            "this numbers no revision",
            "write revisions as 1, 2, 3 or A, B, C, or leave the cell empty",
        );
        problems.row_error(row, Some(place), sentence, || None);
    }
    Some(read.into_iter().map(Option::unwrap_or_default).collect())
}

/// The number of a revision such as `2`, `v2`, `Rev. 02`, `2.0` or `B`; 0 for an empty text, `None`
/// for any other.
pub fn revision(text: &str) -> Option<u32> {
    let text = text.trim();
    if is_missing(text) {
        return Some(0);
    }
    let text = text.strip_suffix(".0").unwrap_or(text);
    let word = text.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = text.get(word.len()..).unwrap_or_default();
    if !digits.is_empty() {
        let named = word
            .chars()
            .all(|c| c.is_alphabetic() || " .-_#".contains(c));
        return digits.parse().ok().filter(|_| named);
    }
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_alphabetic() => {
            Some(u32::from(letter.to_ascii_uppercase()) - u32::from('A') + 1)
        }
        _ => None,
    }
}

/// Warns of quotes that end before they begin.
pub(super) fn check_valid_until(
    context: &Context<'_>,
    dates: Option<&[i32]>,
    kept: &[usize],
    problems: &mut Collector<'_>,
) {
    let place = context.mapping.column_of(Field::ValidUntil);
    let (Some(place), Some(dates)) = (place, dates) else {
        return;
    };
    let (ColumnKind::Date, format) = context.reading(place) else {
        return;
    };
    let sentence = Sentence::new(
        "valid_until_order",
        "the quote ends before its own date",
        "correct one of the two dates",
    );
    for row in kept {
        let until = cell::read(context.sheet.cell(*row, place), ColumnKind::Date, &format);
        let date = dates.get(*row).copied().unwrap_or(i32::MIN);
        if matches!(until, CellValue::Day(until) if until < date) {
            problems.row_warning(*row, Some(place), &sentence, || None);
        }
    }
}
