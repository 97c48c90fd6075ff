//! What each column stands for: said by the caller, or guessed with a reason.
//!
//! Deliberately without a look at single rows' correctness; [`mod@crate::validate`] does that once the
//! meanings are known.

mod given;
mod guess;
mod names;
mod near;

use crate::cell::DateOrder;
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
    /// The identifier of the quote; never a feature.
    QuoteId,
    /// What groups alternatives that share one decision, such as a tender; never a feature.
    Group,
    /// A free feature.
    Feature,
    /// Left out.
    Ignored,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 11] = [
        Self::Outcome,
        Self::Price,
        Self::Date,
        Self::Cost,
        Self::ListPrice,
        Self::Discount,
        Self::Quantity,
        Self::QuoteId,
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
            Self::QuoteId => "quote_id",
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
        matches!(self, Self::Feature | Self::Ignored)
    }

    /// Whether columns of this meaning are learnt from.
    pub fn is_learnt_from(self) -> bool {
        !matches!(
            self,
            Self::Outcome | Self::QuoteId | Self::Group | Self::Ignored
        )
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
}

impl Mapping {
    /// The first column (from 0) of a meaning.
    pub fn column_of(&self, field: Field) -> Option<usize> {
        self.columns.iter().position(|column| column.field == field)
    }
}

/// Gives every column a meaning.
///
/// `given` pairs win over guesses. The column text of a pair is a header (case and surrounding
/// white space are ignored), with a date order behind it where needed (`let_date:MDY`; orders are
/// `YMD`, `DMY`, `MDY`); a header that itself ends so wins. For [`Field::Date`] the text `@import`
/// means that the file has no dates. `ignored` headers are left out.
///
/// # Errors
/// Problems with the rules `column_unknown`, `mapping_conflict`, `outcome_mapped`, `price_mapped`
/// and `date_mapped`, each with a suggestion; all that can be found at once.
pub fn map(
    sheet: &Sheet,
    profiles: &[Profile],
    given: &[(Field, String)],
    ignored: &[String],
) -> Result<Mapping, Vec<Problem>> {
    let mut draft = given::Draft::new(sheet.headers.len());
    let mut problems = given::apply(sheet, given, ignored, &mut draft);
    if !problems.is_empty() {
        return Err(problems);
    }
    guess::complete(sheet, profiles, &mut draft);
    let date = if draft.import_date {
        Some(DateSource::Import)
    } else {
        draft.column_of(Field::Date).map(DateSource::Column)
    };
    for field in [Field::Outcome, Field::Price, Field::Date] {
        let found = match field {
            Field::Date => date.is_some(),
            _ => draft.column_of(field).is_some(),
        };
        if !found {
            problems.push(guess::missing_field(field, profiles));
        }
    }
    match date {
        Some(date) if problems.is_empty() => Ok(Mapping {
            columns: draft.finish(&sheet.headers),
            date,
        }),
        _ => Err(problems),
    }
}
