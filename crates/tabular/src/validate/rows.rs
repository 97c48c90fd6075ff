//! The rules about rows: their length, outcome, price and date.
//!
//! Deliberately one pass per column, so that each problem names one cell and one remedy.

use std::collections::HashMap;

use super::{Context, MAX_DAYS_AHEAD, MIN_ROWS};
use crate::cell::{
    self, CellValue, ColumnKind, day_number, is_missing, is_open_outcome, parse_outcome,
};
use crate::mapping::{DateSource, Field};
use crate::problem::{Collector, Problem};
use crate::sheet::Sheet;

/// Marks the rows that have as many cells as the header.
pub(super) fn even(context: &Context<'_>, problems: &mut Collector) -> Vec<bool> {
    let sheet = context.sheet;
    let mut usable = vec![true; sheet.row_count()];
    for uneven in &sheet.uneven {
        if let Some(index) = sheet.index_of(uneven.row) {
            usable[index] = false;
        }
        let message = format!(
            "row {} has {} cells, the header has {}",
            uneven.row, uneven.found, uneven.expected
        );
        let advice = format!(
            "look for a missing or surplus \"{}\", and put cells that contain it into quotation marks",
            sheet.delimiter.escape_default()
        );
        problems.add(Problem::error("row_shape", message, advice).at(uneven.row, ""));
    }
    usable
}

/// Outcomes row by row; what stands at rows that are not usable means nothing.
pub(super) struct Decided {
    pub(super) won: Vec<bool>,
    pub(super) open: u32,
}

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Won,
    Lost,
    Open,
    Missing,
    Unknown,
}

fn word(text: &str) -> Word {
    match parse_outcome(text) {
        Some(true) => Word::Won,
        Some(false) => Word::Lost,
        None if is_open_outcome(text) => Word::Open,
        None if is_missing(text) => Word::Missing,
        None => Word::Unknown,
    }
}

/// Reads the outcomes.
pub(super) fn outcomes(
    context: &Context<'_>,
    usable: &mut [bool],
    problems: &mut Collector,
) -> Decided {
    let sheet = context.sheet;
    let column = context.mapping.column_of(Field::Outcome);
    let header = column.map_or("", |column| context.header(column));
    let mut known: HashMap<&str, Word> = HashMap::new();
    let mut found: Vec<(&str, u64)> = Vec::new();
    let (mut won_rows, mut lost_rows, mut open, mut unknown) = (0u64, 0u64, 0u32, 0u64);
    let mut won = vec![false; sheet.row_count()];
    for row in 0..sheet.row_count() {
        let text = column.map_or("", |column| sheet.cell(row, column).trim());
        let word = *known.entry(text).or_insert_with(|| {
            found.push((text, 0));
            word(text)
        });
        if let Some((_, count)) = found.iter_mut().take(50).find(|(known, _)| *known == text) {
            *count += 1;
        }
        match word {
            Word::Won => {
                won[row] = true;
                won_rows += 1;
            }
            Word::Lost => lost_rows += 1,
            Word::Open => open += 1,
            Word::Unknown => unknown += 1,
            Word::Missing => {
                let message = "the outcome is missing".to_owned();
                let advice = "write won, lost or open, or leave the row out".to_owned();
                let problem = Problem::error("outcome_known", message, advice);
                problems.add(problem.at(context.file_row(row), header).with_value(text));
            }
        }
        usable[row] &= matches!(word, Word::Won | Word::Lost);
    }
    judge_outcomes(
        header,
        &found,
        [won_rows, lost_rows, u64::from(open), unknown],
        problems,
    );
    Decided { won, open }
}

/// The rules about all outcomes together; counts are won, lost, open and unknown rows.
fn judge_outcomes(
    header: &str,
    found: &[(&str, u64)],
    [won, lost, open, unknown]: [u64; 4],
    problems: &mut Collector,
) {
    if unknown > 0 {
        let shown = found.iter().filter(|(text, _)| !is_missing(text)).take(10);
        let list: Vec<String> = shown
            .map(|(text, count)| format!("\"{text}\" ({count})"))
            .collect();
        let first = found.iter().find(|(text, _)| word(text) == Word::Unknown);
        let message = format!(
            "the outcome must say won or lost, but {unknown} rows say something else; found are {}",
            list.join(", ")
        );
        let advice = "write won or lost (or yes/no, 1/0), and open for quotes that are not decided, or choose another column: --map outcome=COLUMN".to_owned();
        let problem = Problem::error("outcome_two_values", message, advice).at(0, header);
        problems.add_counted(
            problem.with_value(first.map_or("", |(text, _)| text)),
            unknown,
        );
    }
    if open > 0 {
        let message = format!("{open} rows are not decided yet and are left out");
        let advice = "import the file again once they are decided".to_owned();
        let problem = Problem::warning("outcome_open", message, advice).at(0, header);
        problems.add_counted(problem, open);
    }
    if unknown == 0 && (won == 0 || lost == 0) {
        let message = format!("{won} quotes are won and {lost} lost; both kinds are needed");
        let advice =
            "add the quotes of the other kind, or choose another column: --map outcome=COLUMN"
                .to_owned();
        problems.add(Problem::error("both_classes", message, advice).at(0, header));
    }
}

/// Reads the prices; NaN where there is none.
pub(super) fn prices(
    context: &Context<'_>,
    usable: &mut [bool],
    problems: &mut Collector,
) -> Vec<f64> {
    let sheet = context.sheet;
    let mut prices = vec![f64::NAN; sheet.row_count()];
    let Some(column) = context.mapping.column_of(Field::Price) else {
        usable.fill(false);
        return prices;
    };
    let header = context.header(column);
    let (_, format) = context.reading(column);
    let (mut zeros, mut first_zero) = (0u64, 0);
    for row in 0..sheet.row_count() {
        let text = sheet.cell(row, column);
        let at = context.file_row(row);
        let (rule, message) = match cell::read(text, ColumnKind::Number, &format) {
            CellValue::Number(price) if price >= 0.0 => {
                prices[row] = price;
                if price == 0.0 {
                    first_zero = if zeros == 0 { at } else { first_zero };
                    zeros += 1;
                }
                continue;
            }
            CellValue::Number(_) => ("price_positive", "the price is below zero"),
            CellValue::Missing => ("price_number", "the price is missing"),
            _ => ("price_number", "the price is not a number"),
        };
        usable[row] = false;
        let advice = "correct the price or leave the row out".to_owned();
        let problem = Problem::error(rule, message.to_owned(), advice);
        problems.add(problem.at(at, header).with_value(text));
    }
    if zeros > 0 {
        let message = format!("{zeros} prices are zero, the first in row {first_zero}");
        let advice = "correct them where zero means unknown; they are used as they are".to_owned();
        let problem = Problem::warning("price_positive", message, advice).at(0, header);
        problems.add_counted(problem.with_value("0"), zeros);
    }
    prices
}

/// Reads the dates in days since 1970-01-01; `None` where they come from the import.
pub(super) fn dates(
    context: &Context<'_>,
    usable: &mut [bool],
    problems: &mut Collector,
) -> Option<Vec<i32>> {
    let DateSource::Column(column) = context.mapping.date else {
        return None;
    };
    let header = context.header(column);
    let (_, format) = context.reading(column);
    let latest = day_number(context.today).saturating_add(MAX_DAYS_AHEAD);
    let mut days = vec![0; context.sheet.row_count()];
    for (row, day) in days.iter_mut().enumerate() {
        let text = context.sheet.cell(row, column);
        let (rule, message, advice) = match cell::read(text, ColumnKind::Date, &format) {
            CellValue::Day(found) if found <= latest => {
                *day = found;
                continue;
            }
            CellValue::Day(_) => (
                "date_not_future",
                "the date lies more than a year ahead".to_owned(),
                "correct the date or leave the row out".to_owned(),
            ),
            CellValue::Missing => (
                "date_valid",
                "the date is missing".to_owned(),
                "fill in the date or leave the row out".to_owned(),
            ),
            _ => (
                "date_valid",
                format!("this is no date in the order {}", format.date_order()),
                format!(
                    "write it as YYYY-MM-DD, or state another order: --map date=\"{header}:DMY\" (or MDY, YMD)"
                ),
            ),
        };
        usable[row] = false;
        let problem = Problem::error(rule, message, advice);
        problems.add(problem.at(context.file_row(row), header).with_value(text));
    }
    Some(days)
}

/// Enough rows must be left.
pub(super) fn minimum(kept: usize, sheet: &Sheet, problems: &mut Collector) {
    if kept < MIN_ROWS {
        let message = format!(
            "{kept} of {} rows can be used, and at least {MIN_ROWS} are needed",
            sheet.row_count()
        );
        let advice = "add older quotes, or correct the rows that cannot be used".to_owned();
        problems.add(Problem::error("rows_minimum", message, advice));
    }
}
