//! The rules about columns, and their values as they will be learnt from.
//!
//! Deliberately lenient with features: a cell that cannot be read is a missing value and a warning.

use super::{Context, is_date_column};
use crate::cell::{self, CellFormat, CellValue, ColumnKind};
use crate::errors_file::is_report_column;
use crate::frame::{self, FrameColumn};
use crate::mapping::Field;
use crate::mapping::{ColumnMapping, Mapping, is_shared_identifier, number_question};
use crate::problem::Problem;
use crate::profile::Profile;

use super::bad_rows::Sentence;
use super::collect::Collector;
use super::fix;

/// Checks that every column learnt from can be read in one way only.
pub(super) fn check_readings(context: &Context<'_>, problems: &mut Collector<'_>) {
    let columns = context.mapping.columns.iter().zip(context.profiles);
    for (index, (mapped, profile)) in columns.enumerate() {
        if !mapped.field.is_learnt_from() {
            continue;
        }
        let (kind, format) = context.reading(index);
        let field = mapped.field.as_str();
        let name = &mapped.name;
        if kind == ColumnKind::Date && profile.date_ambiguous && mapped.date_order.is_none() {
            let blocks = is_date_column(context.mapping, index);
            let example = profile.levels.first().map_or("", |(text, _)| text.as_str());
            let problem = ambiguous_dates(field, name, blocks).at(0, name);
            problems.add(problem.with_value(example));
        }
        if kind == ColumnKind::Number && profile.number_ambiguous {
            problems.add(ambiguous_numbers(mapped, profile, &format));
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

/// An error where money is meant, a warning for other columns.
fn ambiguous_numbers(mapped: &ColumnMapping, profile: &Profile, format: &CellFormat) -> Problem {
    let both =
        "every number of this column can be read with a decimal point and with a decimal comma";
    let question = number_question(mapped, profile, format);
    let advice = format!("say which: {}", question.answers.join(" or "));
    let example = profile
        .levels
        .iter()
        .find(|(text, _)| text.contains(['.', ',']));
    let problem = if mapped.field.is_money() {
        let message = format!("{both}, so it cannot be told which is meant");
        Problem::error("number_format", message, advice)
    } else {
        let message = format!("{both}; it is read with a point");
        Problem::warning("number_format", message, advice)
    };
    problem
        .at(0, &mapped.name)
        .with_value(example.map_or("", |(text, _)| text))
}

/// Warns of columns that are left out although they are named like the identifier.
pub(super) fn check_identifiers(mapping: &Mapping, problems: &mut Collector<'_>) {
    for mapped in mapping.columns.iter().filter(|m| is_shared_identifier(m)) {
        let advice = "nothing, where rows may share it, as lines of one quote do; otherwise mend the rows, or map another column: --map quote_id=COLUMN";
        let message = format!("left out: {}", mapped.reason);
        let problem = Problem::warning("quote_id_shared", message, advice.to_owned());
        problems.add(problem.at(0, &mapped.name));
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

/// Columns that hold personal data.
pub(super) fn personal(mapping: &Mapping) -> Vec<usize> {
    let columns = mapping.columns.iter().enumerate();
    let is_personal = columns.filter(|(_, mapped)| mapped.field == Field::Personal);
    is_personal.map(|(column, _)| column).collect()
}

/// Reads the columns that are learnt from, at the rows that were kept.
pub(super) fn read_columns(
    context: &Context<'_>,
    rows: &[usize],
    problems: &mut Collector<'_>,
) -> Vec<FrameColumn> {
    let mut columns = Vec::new();
    for (index, mapped) in context.mapping.columns.iter().enumerate() {
        let Some(cells) = context.sheet.columns.get(index) else {
            continue;
        };
        if !mapped.field.is_learnt_from() || is_report_column(&mapped.name) {
            continue;
        }
        let (kind, format) = context.reading(index);
        let values = frame::values(cells, rows, kind, &format);
        columns.push(FrameColumn {
            name: mapped.name.clone(),
            column: index,
            field: mapped.field,
            kind,
            format,
            values,
        });
        if kind != ColumnKind::Category {
            warn_of_unreadable(context, index, rows, columns.last(), problems);
        }
    }
    columns
}

/// Warns of each cell that is no number or date in a column of them.
fn warn_of_unreadable(
    context: &Context<'_>,
    place: usize,
    rows: &[usize],
    column: Option<&FrameColumn>,
    problems: &mut Collector<'_>,
) {
    let Some(column) = column else { return };
    let what = match column.kind {
        ColumnKind::Date => "a date",
        _ => "a number",
    };
    let sentence = Sentence::new(
        "cell_unreadable",
        format!("this is not {what}, unlike the rest of the column"),
        "correct the cell; until then it counts as missing",
    );
    for (at, row) in rows.iter().enumerate() {
        if column.is_filled(at) {
            continue;
        }
        let text = context.sheet.cell(*row, place);
        let read = cell::read(text, column.kind, &column.format);
        if matches!(read, CellValue::Unreadable(_)) {
            problems.row_warning(*row, Some(place), &sentence, || match column.kind {
                ColumnKind::Date => fix::date(text, &column.format),
                _ => fix::number(text, &column.format),
            });
        }
    }
}
