//! From the fields of a quote to the row that a model reads: text is understood the way its column
//! was at import, and what follows from earlier quotes is computed as it was for training.
//! Deliberately no guessing: what a column cannot hold is refused with an example.

mod cells;
mod kept;
mod past;
#[cfg(test)]
mod past_tests;
mod reasons;
#[cfg(test)]
mod tests;
mod values;
mod versions;

pub use kept::{kept_input, sent_input};
pub use past::Past;

pub(super) use kept::derived_of;
pub(super) use reasons::sentence;

use cells::{Cell, check_values, read_cell, shortened};
use ml::{Column, ColumnKind, Role, SchemaColumn, Table, Values};
use proto::{
    ingestion::TargetField,
    prediction::QuoteInput,
    training::{InputColumn, InputSchema},
};
use tabular::{CellFormat, DerivedFeature};

use crate::Error;

/// Most names that are told in one sentence.
const NAMES_TOLD: usize = 30;

/// A field that is known.
#[derive(Debug, Clone)]
struct Field {
    name: String,
    role: Role,
    kind: ColumnKind,
    format: CellFormat,
    /// What it stands for.
    target: TargetField,
    origin: Origin,
    /// What of earlier quotes it is, where it is derived.
    derived: Option<DerivedFeature>,
    /// Name of the user's column that its effects count to.
    group: String,
}

/// Where the values of a field come from, and whom they serve.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    /// The caller; the model reads it.
    Stated,
    /// The caller; it only names the quote, and the model does not read it.
    Naming,
    /// Computed from earlier quotes under this name; the model reads it.
    Derived(String),
}

/// The fields that are known: the columns that a model reads, and those that name a quote.
#[derive(Debug, Clone)]
pub struct Fields(Vec<Field>);

/// A quote as a model reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadQuote {
    /// One a field; those of derived ones are missing until they are computed.
    cells: Vec<Cell>,
    /// What was left aside, in sentences.
    pub warnings: Vec<String>,
}

impl Field {
    /// A column that a model reads.
    fn of_model(column: &SchemaColumn, input: Option<&InputColumn>) -> Self {
        let derived = input.map(|input| input.derived.as_str());
        Self {
            name: column.name.clone(),
            role: column.role,
            kind: column.kind,
            format: input.map(format).unwrap_or_default(),
            target: input.map(target).unwrap_or_default(),
            origin: match derived {
                Some("") | None => Origin::Stated,
                Some(name) => Origin::Derived(name.to_owned()),
            },
            derived: derived.and_then(DerivedFeature::parse),
            group: column.name.clone(),
        }
    }

    /// A column that names quotes: its text is taken as it stands.
    fn naming(input: &InputColumn) -> Self {
        Self {
            name: input.name.clone(),
            role: Role::Feature,
            kind: ColumnKind::Category,
            format: format(input),
            target: target(input),
            origin: Origin::Naming,
            derived: None,
            group: input.name.clone(),
        }
    }

    fn is_called(&self, name: &str) -> bool {
        let derived = matches!(&self.origin, Origin::Derived(derived) if derived == name);
        derived || self.name == name
    }

    fn is_read(&self) -> bool {
        self.origin != Origin::Naming
    }
}

fn target(input: &InputColumn) -> TargetField {
    TargetField::try_from(input.field).unwrap_or_default()
}

fn format(input: &InputColumn) -> CellFormat {
    let format = CellFormat::from_parts(
        &input.decimal_separator,
        &input.date_order,
        &input.missing_words,
        &input.present_words,
    );
    CellFormat {
        short_years: input.short_years,
        percent: input.percent,
        ..format.unwrap_or_default()
    }
}

impl Fields {
    /// The columns of a model, with how their text is written, and what names its quotes.
    #[must_use]
    pub fn new(columns: &[SchemaColumn], schema: &InputSchema) -> Self {
        let input = |name: &str| schema.columns.iter().find(|input| input.name == name);
        let read = columns
            .iter()
            .map(|column| Field::of_model(column, input(&column.name)));
        let naming = schema.columns.iter().filter(|input| {
            let names = matches!(target(input), TargetField::QuoteId | TargetField::Revision);
            names && !columns.iter().any(|column| column.name == input.name)
        });
        let mut fields: Vec<Field> = read.chain(naming.map(Field::naming)).collect();
        let group = |field: &Field| {
            let subject = reasons::subject(field.derived?);
            let of_user = |other: &&Field| other.target == subject && other.derived.is_none();
            fields.iter().find(of_user).map(|other| other.name.clone())
        };
        let groups: Vec<Option<String>> = fields.iter().map(group).collect();
        for (field, group) in fields.iter_mut().zip(groups) {
            field.group = group.unwrap_or_else(|| field.name.clone());
        }
        Self(fields)
    }

    /// The user's column that the effects of a column count to; the column itself where it is of no other.
    #[must_use]
    pub fn group_of<'a>(&'a self, column: &'a str) -> &'a str {
        self.named(column).map_or(column, |field| &field.group)
    }

    fn named(&self, column: &str) -> Option<&Field> {
        self.0.get(self.place(column)?)
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.0.iter().position(|field| field.name == column)
    }

    /// Whether a caller may state a column that the model reads.
    #[must_use]
    pub fn is_stated(&self, column: &str) -> bool {
        self.named(column)
            .is_some_and(|field| field.origin == Origin::Stated)
    }

    /// The column of the price, where the model has one.
    #[must_use]
    pub fn price_column(&self) -> Option<&str> {
        let price = self.0.iter().find(|field| field.role == Role::Price)?;
        Some(&price.name)
    }

    /// Reads a quote.
    ///
    /// # Errors
    /// Where a value is not what its column holds, or no field is one that the model reads.
    pub fn read(&self, quote: &QuoteInput) -> Result<ReadQuote, Error> {
        check_values(quote)?;
        let stated = |field: &&Field| field.origin == Origin::Stated;
        let mut read = self.0.iter().filter(stated);
        if !read.any(|field| quote.fields.contains_key(&field.name)) {
            return Err(Error::NoKnownField(self.names()));
        }
        let cell = |field: &Field| match quote.fields.get(&field.name) {
            Some(value) if !matches!(field.origin, Origin::Derived(_)) => {
                read_cell(field, value.value.as_ref())
            }
            _ => Ok(Cell::Missing),
        };
        Ok(ReadQuote {
            cells: self.0.iter().map(cell).collect::<Result<_, _>>()?,
            warnings: self.warnings(quote),
        })
    }

    /// What of a quote is left aside, in sentences.
    fn warnings(&self, quote: &QuoteInput) -> Vec<String> {
        let mut names: Vec<&str> = quote.fields.keys().map(String::as_str).collect();
        names.sort_unstable();
        let warning = |name: &str| match self.0.iter().find(|field| field.is_called(name)) {
            None => Some(format!(
                "The model does not read the field \"{}\".",
                shortened(name)
            )),
            Some(field) if matches!(field.origin, Origin::Derived(_)) => Some(format!(
                "The field \"{}\" is computed from earlier quotes; the stated value was left aside.",
                shortened(name)
            )),
            Some(_) => None,
        };
        names
            .into_iter()
            .filter_map(warning)
            .take(NAMES_TOLD)
            .collect()
    }

    /// Fills in what follows from earlier quotes, as of the quote's day.
    pub fn derive(&self, quote: &mut ReadQuote, quote_ref: &str, past: &Past<'_>) {
        if !self.0.iter().any(|field| field.derived.is_some()) {
            return;
        }
        let features = past.features(self, quote, quote_ref);
        for (field, cell) in self.0.iter().zip(&mut quote.cells) {
            let Some(feature) = field.derived else {
                continue;
            };
            let value = features.get(feature);
            *cell = if value.is_nan() {
                Cell::Missing
            } else {
                Cell::Number(value)
            };
        }
    }

    /// Quotes as a table, one row each.
    #[must_use]
    pub fn table(&self, quotes: &[ReadQuote]) -> Table {
        let read = self
            .0
            .iter()
            .enumerate()
            .filter(|(_, field)| field.is_read());
        let columns = read.map(|(at, field)| {
            let cells = quotes.iter().map(|quote| &quote.cells[at]);
            match field.kind {
                ColumnKind::Number => {
                    let numbers = cells.map(|cell| match cell {
                        Cell::Number(number) => *number,
                        _ => f64::NAN,
                    });
                    Column::new(&field.name, field.role, Values::Number(numbers.collect()))
                }
                ColumnKind::Category => {
                    let texts: Vec<Option<&str>> = cells
                        .map(|cell| match cell {
                            Cell::Text(text) => Some(text.as_str()),
                            _ => None,
                        })
                        .collect();
                    Column::from_texts(&field.name, field.role, &texts)
                }
                ColumnKind::Date => {
                    let days = cells.map(|cell| match cell {
                        Cell::Day(day) => Some(*day),
                        _ => None,
                    });
                    Column::new(&field.name, field.role, Values::Date(days.collect()))
                }
            }
        });
        Table {
            columns: columns.collect(),
        }
    }

    /// What the caller may state, for a refusal.
    fn names(&self) -> String {
        let stated = self.0.iter().filter(|field| field.origin == Origin::Stated);
        let names: Vec<String> = stated
            .take(NAMES_TOLD)
            .map(|field| format!("\"{}\"", field.name))
            .collect();
        names.join(", ")
    }
}
