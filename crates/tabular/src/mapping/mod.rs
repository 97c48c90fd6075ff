//! What each column stands for: said by the caller, or guessed with a reason.
//!
//! Deliberately without a look at single rows' correctness; [`mod@crate::validate`] does that once the
//! meanings are known.

mod given;
mod guess;
mod missing;
mod names;
mod near;
mod options;
mod outcomes;
mod promise;
mod questions;
mod remember;
mod shared;
mod values;

pub use missing::missing_questions;
pub use options::{parse_format, parse_outcome_word};
pub(crate) use promise::{Promise, promise};
pub(crate) use questions::number_question;
pub use questions::{Question, questions};
pub use remember::fingerprint;
pub(crate) use shared::is_shared_identifier;

use crate::cell::{CellFormat, ColumnKind, DateOrder, Decimal, Outcome};
use crate::problem::Problem;
use crate::profile::Profile;
use crate::sheet::Sheet;

/// The column name that stands for the time of the import.
pub const IMPORT_DATE: &str = "@import";

/// What a column stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// Whether the quote was won.
    Outcome,
    /// The quoted price.
    Price,
    /// The date of the quote.
    Date,
    /// What the seller pays.
    Cost,
    /// The price before discount.
    ListPrice,
    /// The discount granted.
    Discount,
    /// The number of units.
    Quantity,
    /// The currency of the price, as a sign or an ISO 4217 code.
    Currency,
    /// Who the quote is for.
    Customer,
    /// What is quoted.
    Product,
    /// Where it is sold.
    Region,
    /// Who of the seller's people made the quote.
    Owner,
    /// The market segment of the customer.
    Segment,
    /// The identifier of the quote; never a feature.
    QuoteId,
    /// The revision of the quote, higher ones being newer; never a feature as it stands.
    Revision,
    /// Until when the quote holds.
    ValidUntil,
    /// Personal data: kept encrypted, never learnt from and never shown in reports.
    Personal,
    /// What groups alternatives that share one decision, such as a tender; never a feature.
    Group,
    /// A free feature.
    Feature,
    /// Left out.
    Ignored,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 20] = [
        Self::Outcome,
        Self::Price,
        Self::Date,
        Self::Cost,
        Self::ListPrice,
        Self::Discount,
        Self::Quantity,
        Self::Currency,
        Self::Customer,
        Self::Product,
        Self::Region,
        Self::Owner,
        Self::Segment,
        Self::QuoteId,
        Self::Revision,
        Self::ValidUntil,
        Self::Personal,
        Self::Group,
        Self::Feature,
        Self::Ignored,
    ];

    /// The name used in `--map NAME=COLUMN`, such as `list_price`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Price => "price",
            Self::Date => "date",
            Self::Cost => "cost",
            Self::ListPrice => "list_price",
            Self::Discount => "discount",
            Self::Quantity => "quantity",
            Self::Currency => "currency",
            Self::Customer => "customer",
            Self::Product => "product",
            Self::Region => "region",
            Self::Owner => "owner",
            Self::Segment => "segment",
            Self::QuoteId => "quote_id",
            Self::Revision => "revision",
            Self::ValidUntil => "valid_until",
            Self::Personal => "personal",
            Self::Group => "group",
            Self::Feature => "feature",
            Self::Ignored => "ignored",
        }
    }

    /// The field of a name, ignoring case and taking `-` for `_`; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.trim().to_lowercase().replace('-', "_");
        Self::ALL.into_iter().find(|field| field.as_str() == name)
    }

    /// Whether any number of columns may have this meaning.
    pub fn is_repeatable(self) -> bool {
        matches!(self, Self::Feature | Self::Ignored | Self::Personal)
    }

    /// Whether columns of this meaning are learnt from.
    pub fn is_learnt_from(self) -> bool {
        !matches!(
            self,
            Self::Outcome
                | Self::QuoteId
                | Self::Revision
                | Self::Group
                | Self::Personal
                | Self::Ignored
        )
    }

    /// Whether columns of this meaning hold names, also where they look like numbers.
    pub fn is_name(self) -> bool {
        matches!(
            self,
            Self::Currency
                | Self::Customer
                | Self::Product
                | Self::Region
                | Self::Owner
                | Self::Segment
        )
    }

    /// Whether columns of this meaning are amounts that a wrong decimal separator would falsify a
    /// thousandfold, so that it is asked for.
    pub fn is_money(self) -> bool {
        matches!(self, Self::Price | Self::Cost | Self::ListPrice)
    }

    /// Whether columns of this meaning must hold numbers.
    pub fn is_numeric(self) -> bool {
        matches!(
            self,
            Self::Price | Self::Cost | Self::ListPrice | Self::Discount | Self::Quantity
        )
    }
}

/// Where the date of a quote comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateSource {
    /// A column, counted from 0.
    Column(usize),
    /// The time of the import; the file has no dates.
    Import,
}

/// What one column stands for, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnMapping {
    /// Header of the column.
    pub name: String,
    /// What it stands for.
    pub field: Field,
    /// How sure that is, 0 to 1; 1 where the caller said so.
    pub confidence: f64,
    /// Why, in words.
    pub reason: String,
    /// The date order that the caller stated (`date=COLUMN:DMY`).
    pub date_order: Option<DateOrder>,
}

/// What every column stands for.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// One entry per column of the sheet, in its order.
    pub columns: Vec<ColumnMapping>,
    /// Where dates come from.
    pub date: DateSource,
    /// What the different words of the outcome column mean.
    pub outcomes: OutcomeWords,
    /// Different words of the outcome column without a meaning, with their counts; at most 50.
    pub unknown_outcomes: Vec<(String, u32)>,
}

/// What the words of an outcome column mean. Words are compared trimmed and without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutcomeWords {
    /// Words with a meaning; what is not listed is unknown.
    pub words: Vec<(String, Outcome)>,
}

/// What the caller states about a file; everything else is suggested.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stated {
    /// Meanings, each with the column it belongs to (`HEADER`, or `HEADER:DMY`; `@import` for the date).
    pub fields: Vec<(Field, String)>,
    /// Headers of columns to leave out.
    pub ignored: Vec<String>,
    /// How single columns are read, by header.
    pub formats: Vec<(String, StatedFormat)>,
    /// What words of the outcome column mean.
    pub outcome_words: Vec<(String, Outcome)>,
    /// Whether the meanings come from an earlier import of the same header, so that reasons say so
    /// and columns that are not there are no error.
    pub remembered: bool,
}

/// How the caller says a column is read; what is `None` is found from the values.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatedFormat {
    /// The order of dates.
    pub date: Option<DateOrder>,
    /// The decimal separator.
    pub decimal: Option<Decimal>,
    /// Words that mean no value in this column, besides the usual ones.
    pub missing: Vec<String>,
    /// Words that are values in this column although they usually mean none, such as `None` or `N/A`.
    pub present: Vec<String>,
}

impl ColumnMapping {
    /// How the cells of the column are read under its meaning.
    pub fn reading(&self, profile: &Profile) -> (ColumnKind, CellFormat) {
        let kind = match self.field {
            Field::Date | Field::ValidUntil => ColumnKind::Date,
            field if field.is_numeric() => ColumnKind::Number,
            // Numbers of customers and articles are names, not amounts.
            field if field.is_name() => ColumnKind::Category,
            _ if self.date_order.is_some() => ColumnKind::Date,
            _ => profile.kind,
        };
        let order = self.date_order.or(profile.date_order);
        let format = CellFormat {
            date: (kind == ColumnKind::Date).then(|| order.unwrap_or(DateOrder::Ymd)),
            ..profile.format.clone()
        };
        (kind, format)
    }
}

impl Mapping {
    /// The first column (from 0) of a meaning.
    pub fn column_of(&self, field: Field) -> Option<usize> {
        self.columns.iter().position(|column| column.field == field)
    }
}

/// Gives every column a meaning.
///
/// Pairs of `stated.fields` win over guesses. The column text of a pair is a header (case and surrounding
/// white space are ignored), with a date order behind it where needed (`let_date:MDY`; orders are
/// `YMD`, `DMY`, `MDY`, `SERIAL`); a header that itself ends so wins. For [`Field::Date`] the text `@import`
/// means that the file has no dates. Headers of `stated.ignored` are left out.
///
/// # Errors
/// Problems with the rules `column_unknown`, `mapping_conflict`, `outcome_mapped`, `price_mapped`
/// and `date_mapped`, each with a suggestion; all that can be found at once.
pub fn map(sheet: &Sheet, profiles: &[Profile], stated: &Stated) -> Result<Mapping, Vec<Problem>> {
    match suggest(sheet, profiles, stated) {
        (mapping, problems) if problems.is_empty() => Ok(mapping),
        (_, problems) => Err(problems),
    }
}

/// As [`map`], and where meanings are missing, as far as they are known: for showing what was
/// understood beside what has to be told. Dates then come from the import.
pub fn suggest(sheet: &Sheet, profiles: &[Profile], stated: &Stated) -> (Mapping, Vec<Problem>) {
    let mut draft = given::Draft::new(sheet.headers.len());
    let mut problems = given::apply(sheet, stated, &mut draft);
    given::leave_out_report_columns(sheet, &mut draft);
    guess::complete(sheet, profiles, stated, &mut draft);
    // What is missing beside a wrong statement may be missing for it.
    if problems.is_empty() {
        let missing = missing_fields(&draft).into_iter();
        problems.extend(missing.map(|field| missing::problem(field, profiles)));
    }
    let date = draft.column_of(Field::Date).filter(|_| !draft.import_date);
    let outcome = draft.column_of(Field::Outcome);
    let (outcomes, unknown_outcomes) = outcomes::read_words(sheet, outcome, stated);
    let mut columns = draft.finish(&sheet.headers);
    given::apply_orders(stated, &mut columns);
    let mapping = Mapping {
        columns,
        date: date.map_or(DateSource::Import, DateSource::Column),
        outcomes,
        unknown_outcomes,
    };
    (mapping, problems)
}

/// The required fields that no column has.
fn missing_fields(draft: &given::Draft) -> Vec<Field> {
    let required = [Field::Outcome, Field::Price, Field::Date];
    required
        .into_iter()
        .filter(|field| draft.wants(*field))
        .collect()
}
