//! The rules about columns, and their values as they will be learnt from.
//!
//! Deliberately lenient with features: a cell that cannot be read is a missing value and a warning.

use super::{Context, is_date_column};
use crate::cell::ColumnKind;
use crate::frame::{self, FrameColumn};
use crate::mapping::Field;
use crate::problem::{Collector, Problem};

/// Checks that every column learnt from can be read in one way only.
pub(super) fn check_readings(context: &Context<'_>, problems: &mut Collector) {
    let columns = context.mapping.columns.iter().zip(context.profiles);
    for (index, (mapped, profile)) in columns.enumerate() {
        if !mapped.field.is_learnt_from() {
            continue;
        }
        let (kind, _) = context.reading(index);
        let field = mapped.field.as_str();
        let name = &mapped.name;
        if kind == ColumnKind::Date && profile.date_ambiguous && mapped.date_order.is_none() {
            let blocks = is_date_column(context.mapping, index);
            let example = profile.levels.first().map_or("", |(text, _)| text.as_str());
            let problem = ambiguous_dates(field, name, blocks).at(0, name);
            problems.add(problem.with_value(example));
        }
        if kind == ColumnKind::Number && profile.number_ambiguous {
            let message = "every number of this column can be read with a decimal point and with a decimal comma; it is read with a point".to_owned();
            let advice = "write at least one number with both thousands and decimals where the comma is meant".to_owned();
            let example = profile
                .levels
                .iter()
                .find(|(text, _)| text.contains(['.', ',']));
            let problem = Problem::warning("number_format", message, advice).at(0, name);
            problems.add(problem.with_value(example.map_or("", |(text, _)| text)));
        }
        // The price has its own rule for every cell.
        let text = mapped.field.is_numeric() && profile.kind != ColumnKind::Number;
        if text && mapped.field != Field::Price {
            let message = format!("this column stands for {field}, but does not hold numbers");
            let advice = format!(
                "choose another column, or learn from it as it is: --map feature=\"{name}\""
            );
            let example = profile.levels.first().map_or("", |(text, _)| text.as_str());
            let problem = Problem::error("number_column", message, advice).at(0, name);
            problems.add(problem.with_value(example));
        }
    }
}

/// An error where the quote's own date is meant, a warning for other columns.
fn ambiguous_dates(field: &str, name: &str, blocks: bool) -> Problem {
    let both = "every date of this column can be read as day/month and as month/day";
    let advice = format!("say which: --map {field}=\"{name}:DMY\" or --map {field}=\"{name}:MDY\"");
    if blocks {
        let message = format!("{both}, so it cannot be told which is meant");
        Problem::error("date_order", message, advice)
    } else {
        let message = format!("{both}; the day is taken to come first");
        Problem::warning("date_order", message, advice)
    }
}

/// Reads the columns that are learnt from, at the rows that can be used.
pub(super) fn read_columns(
    context: &Context<'_>,
    rows: &[usize],
    problems: &mut Collector,
) -> Vec<FrameColumn> {
    let mut columns = Vec::new();
    for (index, mapped) in context.mapping.columns.iter().enumerate() {
        if !mapped.field.is_learnt_from() {
            continue;
        }
        let (kind, format) = context.reading(index);
        let unreadable = |row: usize, text: &str| {
            let what = match kind {
                ColumnKind::Date => "a date",
                _ => "a number",
            };
            let message = format!("this is not {what}, unlike the rest of the column");
            let advice = "correct the cell; until then it counts as missing".to_owned();
            let problem = Problem::warning("cell_unreadable", message, advice);
            problems.add(
                problem
                    .at(context.file_row(row), &mapped.name)
                    .with_value(text),
            );
        };
        let values = frame::values(context.sheet, index, rows, kind, &format, unreadable);
        columns.push(FrameColumn {
            name: mapped.name.clone(),
            field: mapped.field,
            kind,
            format,
            values,
        });
    }
    columns
}
