//! Whether a quote history can be learnt from, and if so, its rows as a [`Frame`].
//!
//! Deliberately all or nothing: one error and nothing is accepted, so that no half of a file is
//! ever taken for the whole. Warnings do not block.

mod columns;
mod leak;
mod rows;

use chrono::NaiveDate;

use crate::cell::{CellFormat, ColumnKind, DateOrder};
use crate::frame::{self, Frame};
use crate::mapping::{DateSource, Field, Mapping};
use crate::problem::{Collector, Problem};
use crate::profile::Profile;
use crate::sheet::Sheet;

/// Fewest usable rows.
pub const MIN_ROWS: usize = 30;

/// How far a quote's date may lie ahead of today, in days.
pub const MAX_DAYS_AHEAD: i32 = 366;

/// What was found in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Data rows in the file, without the empty ones.
    pub row_count: u32,
    /// Columns in the file, without nameless empty ones.
    pub column_count: u32,
    /// Rows that can be used: of the right length, decided, with price and date.
    pub usable_rows: u32,
    /// Usable rows that were won.
    pub won: u32,
    /// Usable rows that were lost.
    pub lost: u32,
    /// Rows that are not decided yet; they are left out.
    pub open_rows: u32,
    /// What blocks the import, file-wide things first; at most [`crate::MAX_PROBLEMS`].
    pub errors: Vec<Problem>,
    /// What deserves a look, file-wide things first; at most [`crate::MAX_PROBLEMS`].
    pub warnings: Vec<Problem>,
    /// How often each rule was broken, kept problems or not, by name of the rule.
    pub totals: Vec<(&'static str, u64)>,
}

/// The result of a validation.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The usable rows; `None` where the report holds an error.
    pub frame: Option<Frame>,
    /// What was found.
    pub report: Report,
}

/// What the rules look at.
struct Context<'a> {
    sheet: &'a Sheet,
    mapping: &'a Mapping,
    profiles: &'a [Profile],
    today: NaiveDate,
}

impl Context<'_> {
    /// How a column is read under its meaning.
    fn reading(&self, column: usize) -> (ColumnKind, CellFormat) {
        let (Some(profile), Some(mapped)) =
            (self.profiles.get(column), self.mapping.columns.get(column))
        else {
            return (ColumnKind::Category, CellFormat::default());
        };
        let kind = match mapped.field {
            Field::Date => ColumnKind::Date,
            field if field.is_numeric() => ColumnKind::Number,
            _ if mapped.date_order.is_some() => ColumnKind::Date,
            _ => profile.kind,
        };
        let order = mapped.date_order.or(profile.date_order);
        let format = CellFormat {
            number: profile.format.number,
            date: (kind == ColumnKind::Date).then(|| order.unwrap_or(DateOrder::Ymd)),
        };
        (kind, format)
    }

    fn header(&self, column: usize) -> &str {
        self.sheet.headers.get(column).map_or("", String::as_str)
    }

    fn file_row(&self, row: usize) -> u32 {
        self.sheet.row_numbers.get(row).copied().unwrap_or(0)
    }
}

/// Checks every rule and reads the usable rows. `today` is the day of the import; dates more than
/// [`MAX_DAYS_AHEAD`] days later are errors.
///
/// Rules that block: `row_shape`, `outcome_two_values`, `outcome_known`, `both_classes`,
/// `price_number`, `price_positive` (below zero), `date_order`, `date_valid`, `date_not_future`,
/// `number_column`, `rows_minimum`. Rules that warn: `outcome_open`, `price_positive` (zero),
/// `number_format`, `date_order` (columns other than the date), `cell_unreadable`, `leak_suspected`.
pub fn validate(
    sheet: &Sheet,
    mapping: &Mapping,
    profiles: &[Profile],
    today: NaiveDate,
) -> Validated {
    let context = Context {
        sheet,
        mapping,
        profiles,
        today,
    };
    let mut problems = Collector::default();
    let mut usable = rows::even(&context, &mut problems);
    columns::check_readings(&context, &mut problems);
    let decided = rows::outcomes(&context, &mut usable, &mut problems);
    let prices = rows::prices(&context, &mut usable, &mut problems);
    let dates = rows::dates(&context, &mut usable, &mut problems);
    let kept: Vec<usize> = (0..sheet.row_count()).filter(|row| usable[*row]).collect();
    let outcomes: Vec<bool> = kept.iter().map(|row| decided.won[*row]).collect();
    rows::minimum(kept.len(), sheet, &mut problems);

    let columns = columns::read_columns(&context, &kept, &mut problems);
    leak::check(&columns, &outcomes, &mut problems);
    let won = outcomes.iter().filter(|won| **won).count();
    let lost = outcomes.len() - won;
    let frame = (!problems.has_errors()).then(|| Frame {
        dates: dates.map(|dates| kept.iter().map(|row| dates[*row]).collect()),
        groups: mapping
            .column_of(Field::Group)
            .map(|column| frame::groups(sheet, column, &kept)),
        quote_ids: mapping.column_of(Field::QuoteId).map(|column| {
            let id = |row: &usize| sheet.cell(*row, column).trim().to_owned();
            kept.iter().map(id).collect()
        }),
        prices: kept.iter().map(|row| prices[*row]).collect(),
        rows: kept.iter().map(|row| context.file_row(*row)).collect(),
        outcomes,
        columns,
    });
    let (errors, warnings, totals) = problems.finish();
    let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
    let report = Report {
        row_count: count(sheet.row_count()),
        column_count: count(sheet.headers.len()),
        usable_rows: count(kept.len()),
        won: count(won),
        lost: count(lost),
        open_rows: decided.open,
        errors,
        warnings,
        totals,
    };
    Validated { frame, report }
}

/// Whether the date comes from this column.
fn is_date_column(mapping: &Mapping, column: usize) -> bool {
    mapping.date == DateSource::Column(column)
}
