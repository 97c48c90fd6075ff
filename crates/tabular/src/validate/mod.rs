//! Whether a quote history can be learnt from, and if so, its rows as a [`Frame`].
//!
//! Deliberately all or nothing unless the caller says otherwise: one error and nothing is accepted,
//! so that no half of a file is ever taken for the whole. With the caller's consent the rows that
//! break a rule are set aside and listed in [`BadRows`]; what is wrong with the file as a whole
//! blocks all the same. Warnings do not block.

mod bad_rows;
mod collect;
mod columns;
mod course;
mod doubles;
mod fix;
mod leak;
mod left_out;
mod months;
mod outcomes;
mod rows;

use chrono::NaiveDate;

pub use bad_rows::{BadRow, BadRows, MAX_BAD_ROWS, Sentence};
use collect::Collector;
pub use months::Month;
pub use rows::revision as parse_revision;

use crate::cell::{CellFormat, ColumnKind, Outcome};
use crate::frame::{self, Frame};
use crate::mapping::{DateSource, Field, Mapping};
use crate::problem::Problem;
use crate::profile::Profile;
use crate::sheet::Sheet;

/// Fewest usable rows.
pub const MIN_ROWS: usize = 30;

/// Prices of zero are values of their column (quotes not priced yet, parts given away) and only
/// warned of where at least so many are, and at least one row in a thousand; fewer are slips. Prices
/// below zero are always errors, unless the caller allows any price.
pub const MANY_ZEROS: usize = 20;

/// How far a quote's date may lie ahead of today, in days.
pub const MAX_DAYS_AHEAD: i32 = 366;

/// The first year that a quote may be of.
pub const MIN_YEAR: i32 = 1990;

/// What was found in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Data rows in the file, without the empty ones: accepted, bad and repeated ones.
    pub row_count: u32,
    /// Columns in the file, without nameless empty ones.
    pub column_count: u32,
    /// Rows that can be learnt from: they break no rule and are won or lost.
    pub usable_rows: u32,
    /// Usable rows that were won.
    pub won: u32,
    /// Usable rows that were lost.
    pub lost: u32,
    /// Rows without a problem that are not decided yet; they are kept but not learnt from.
    pub open_rows: u32,
    /// Rows that break a rule.
    pub bad_rows: u32,
    /// Rows that repeat an earlier row cell by cell, left out or not.
    pub repeated_rows: u32,
    /// Repeated rows that are left out, since their identifier says that they are the same quote.
    pub left_out_rows: u32,
    /// Rows without a problem by month, also where the file is refused; empty without dates.
    pub months: Vec<Month>,
    /// What blocks the import or sets rows aside, file-wide things first; at most
    /// [`crate::MAX_PROBLEMS`].
    pub errors: Vec<Problem>,
    /// What deserves a look, file-wide things first; at most [`crate::MAX_PROBLEMS`].
    pub warnings: Vec<Problem>,
    /// How often each rule was broken, kept problems or not, by name of the rule.
    pub totals: Vec<(&'static str, u64)>,
}

/// What the caller and the day decide about the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The day of the import.
    pub today: NaiveDate,
    /// Whether rows that break a rule are left aside instead of blocking the file.
    pub leave_bad_rows_aside: bool,
    /// Whether prices of zero and below are allowed.
    pub allow_any_price: bool,
    /// Whether the rows join a history that is large enough already, so that few of them suffice.
    pub joins_history: bool,
}

/// The result of a validation.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The accepted rows; `None` where the file is refused. Data rows of the sheet are accepted,
    /// bad (`report.bad_rows`) or left out (`report.left_out_rows`), nothing else.
    pub frame: Option<Frame>,
    /// What was found.
    pub report: Report,
    /// The rows that break a rule.
    pub bad_rows: BadRows,
}

/// What the rules look at.
struct Context<'a> {
    sheet: &'a Sheet,
    mapping: &'a Mapping,
    profiles: &'a [Profile],
    rules: Rules,
}

impl Context<'_> {
    /// How a column is read under its meaning.
    fn reading(&self, column: usize) -> (ColumnKind, CellFormat) {
        reading(self.mapping, self.profiles, column)
    }

    fn header(&self, column: usize) -> &str {
        self.sheet.headers.get(column).map_or("", String::as_str)
    }

    fn file_row(&self, row: usize) -> u32 {
        self.sheet.row_numbers.get(row).copied().unwrap_or(0)
    }
}

/// How a column is read under its meaning.
pub(crate) fn reading(
    mapping: &Mapping,
    profiles: &[Profile],
    column: usize,
) -> (ColumnKind, CellFormat) {
    let (Some(profile), Some(mapped)) = (profiles.get(column), mapping.columns.get(column)) else {
        return (ColumnKind::Category, CellFormat::default());
    };
    mapped.reading(profile)
}

/// Checks every rule and reads the rows that break none.
///
/// Rules that block the file: `date_order`, `number_format` (price, cost and list price),
/// `number_column`, `outcome_words` (more than a fifth of
/// the rows unknown), `both_classes`, `rows_minimum` (fewer than [`MIN_ROWS`] decided rows left).
/// Rules that make a row bad: `row_shape`, `cell_strange`, `outcome_known` (missing),
/// `outcome_words` (unknown), `price_number`, `price_positive`, `price_range`, `date_valid`,
/// `date_not_future`, `date_not_old`, `revision_number`, `quote_id_unique`. Rules that warn:
/// `outcome_open`, `number_format` and `date_order` (other columns), `price_positive` (zero, where
/// zeros are values of the column, see [`MANY_ZEROS`]), `quote_id_shared`, `cell_unreadable`,
/// `cell_damaged`, `valid_until_order`, `row_repeated`, `row_left_out`, `header_renamed`,
/// `leak_suspected`, `leak_possible`.
pub fn validate(
    sheet: &Sheet,
    mapping: &Mapping,
    profiles: &[Profile],
    rules: &Rules,
) -> Validated {
    let context = Context {
        sheet,
        mapping,
        profiles,
        rules: *rules,
    };
    let mut problems = Collector::new(sheet, rules.leave_bad_rows_aside);
    left_out::check(sheet, &mut problems);
    rows::check_shape(&context, &mut problems);
    rows::check_characters(&context, &mut problems);
    columns::check_readings(&context, &mut problems);
    columns::check_identifiers(mapping, &mut problems);
    let outcomes = outcomes::read(&context, &mut problems);
    let prices = rows::prices(&context, &mut problems);
    let dates = rows::dates(&context, &mut problems);
    let revisions = rows::revisions(&context, &mut problems);
    let doubles = doubles::check(&context, revisions.as_deref(), &mut problems);

    let kept: Vec<usize> = (0..sheet.row_count())
        .filter(|row| !problems.is_bad(*row) && !doubles.is_left_out(*row))
        .collect();
    let kept_outcomes = frame::pick(&outcomes, &kept);
    let count_of = |wanted| kept_outcomes.iter().filter(|o| **o == wanted).count();
    let (won, lost) = (count_of(Outcome::Won), count_of(Outcome::Lost));
    let open = kept_outcomes.len() - won - lost;
    outcomes::check_classes(&context, &outcomes, [won, lost, open], &mut problems);
    rows::check_valid_until(&context, dates.as_deref(), &kept, &mut problems);
    let columns = columns::read_columns(&context, &kept, &mut problems);
    let dates = dates.map(|dates| frame::pick(&dates, &kept));
    leak::check(&columns, &kept_outcomes, dates.as_deref(), &mut problems);

    let months = dates
        .as_deref()
        .map(|dates| months::count(&kept_outcomes, dates));
    let blocked =
        problems.has_wide_error() || (problems.has_errors() && !rules.leave_bad_rows_aside);
    let frame = (!blocked).then(|| Frame {
        dates,
        groups: mapping
            .column_of(Field::Group)
            .and_then(|column| sheet.columns.get(column))
            .map(|column| frame::groups(column, &kept)),
        prices: frame::pick(&prices, &kept),
        rows: frame::pick(&sheet.row_numbers, &kept),
        revisions: revisions.map(|revisions| frame::pick(&revisions, &kept)),
        quote_id_column: mapping.column_of(Field::QuoteId),
        personal: columns::personal(mapping),
        outcomes: kept_outcomes,
        columns,
    });
    let found = problems.finish();
    let count = |rows: usize| u32::try_from(rows).unwrap_or(u32::MAX);
    let report = Report {
        row_count: count(sheet.row_count()),
        column_count: count(sheet.headers.len()),
        usable_rows: count(won + lost),
        won: count(won),
        lost: count(lost),
        open_rows: count(open),
        bad_rows: u32::try_from(found.bad_rows.total()).unwrap_or(u32::MAX),
        repeated_rows: count(doubles.repeated),
        left_out_rows: count(sheet.row_count() - kept.len())
            .saturating_sub(u32::try_from(found.bad_rows.total()).unwrap_or(u32::MAX)),
        months: months.unwrap_or_default(),
        errors: found.errors,
        warnings: found.warnings,
        totals: found.totals,
    };
    Validated {
        frame,
        report,
        bad_rows: found.bad_rows,
    }
}

/// Whether the date comes from this column.
fn is_date_column(mapping: &Mapping, column: usize) -> bool {
    mapping.date == DateSource::Column(column)
}
