//! From the fields of a quote to the row that a model reads: text is understood the way its column
//! was at import. Deliberately no guessing: what the column cannot hold is refused with an example.

use std::collections::BTreeMap;

use ml::{Column, ColumnKind, Role, SchemaColumn, Table, Values};
use proto::{
    prediction::{QuoteInput, field_value::Value},
    training::InputSchema,
};
use sha2::{Digest as _, Sha256};
use tabular::{CellFormat, CellValue, DateOrder, Decimal};

use crate::Error;

/// Most names that are told in one sentence.
const NAMES_TOLD: usize = 30;
/// Most characters of a value that are told.
const VALUE_TOLD: usize = 80;

/// A column that a model reads.
#[derive(Debug, Clone)]
struct Field {
    name: String,
    role: Role,
    kind: ColumnKind,
    format: CellFormat,
}

/// The columns that a model reads.
#[derive(Debug, Clone)]
pub struct Fields(Vec<Field>);

/// A quote as a model reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct ReadQuote {
    /// One a column.
    cells: Vec<Cell>,
    /// What was left aside, in sentences.
    pub warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
enum Cell {
    Missing,
    Number(f64),
    Text(String),
    Day(i32),
}

impl Fields {
    /// The columns of a model, with how their text is written.
    #[must_use]
    pub fn new(columns: &[SchemaColumn], schema: &InputSchema) -> Self {
        let format = |name: &str| {
            let column = schema.columns.iter().find(|column| column.name == name)?;
            CellFormat::from_parts(&column.decimal_separator, &column.date_order)
        };
        let field = |column: &SchemaColumn| Field {
            name: column.name.clone(),
            role: column.role,
            kind: column.kind,
            format: format(&column.name).unwrap_or_default(),
        };
        Self(columns.iter().map(field).collect())
    }

    /// Reads a quote.
    ///
    /// # Errors
    /// Where a value is not what its column holds, or no field is one that the model reads.
    pub fn read(&self, quote: &QuoteInput) -> Result<ReadQuote, Error> {
        check_values(quote)?;
        let mut unknown: Vec<&str> = quote
            .fields
            .keys()
            .map(String::as_str)
            .filter(|name| !self.0.iter().any(|field| field.name == *name))
            .collect();
        if unknown.len() == quote.fields.len() {
            return Err(Error::NoKnownField(self.names()));
        }
        unknown.sort_unstable();
        let cell = |field: &Field| match quote.fields.get(&field.name) {
            Some(value) => read_cell(field, value.value.as_ref()),
            None => Ok(Cell::Missing),
        };
        Ok(ReadQuote {
            cells: self.0.iter().map(cell).collect::<Result<_, _>>()?,
            warnings: unknown
                .into_iter()
                .take(NAMES_TOLD)
                .map(|name| format!("The model does not read the field \"{}\".", shortened(name)))
                .collect(),
        })
    }

    /// Quotes as a table, one row each.
    #[must_use]
    pub fn table(&self, quotes: &[ReadQuote]) -> Table {
        let columns = self.0.iter().enumerate().map(|(at, field)| {
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

    fn names(&self) -> String {
        let names: Vec<String> = self
            .0
            .iter()
            .take(NAMES_TOLD)
            .map(|field| format!("\"{}\"", field.name))
            .collect();
        names.join(", ")
    }
}

/// Refuses what could not be kept, in known and unknown fields alike.
fn check_values(quote: &QuoteInput) -> Result<(), Error> {
    for (name, value) in &quote.fields {
        if name.contains('\0') {
            return Err(Error::NullCharacter("the name of a field".to_owned()));
        }
        match &value.value {
            Some(Value::Number(number)) if !number.is_finite() => {
                return Err(Error::NotFinite(shortened(name)));
            }
            Some(Value::Text(text)) if text.contains('\0') => {
                let what = format!("the field \"{}\"", shortened(name));
                return Err(Error::NullCharacter(what));
            }
            _ => {}
        }
    }
    Ok(())
}

fn read_cell(field: &Field, value: Option<&Value>) -> Result<Cell, Error> {
    match (value, field.kind) {
        (None, _) => Ok(Cell::Missing),
        (Some(Value::Text(text)), _) => read_text(field, text),
        (Some(Value::Number(number)), ColumnKind::Number) => Ok(Cell::Number(*number)),
        (Some(Value::Flag(flag)), ColumnKind::Number) => Ok(Cell::Number(f64::from(*flag))),
        (Some(Value::Number(number)), ColumnKind::Category) => Ok(Cell::Text(number.to_string())),
        (Some(Value::Flag(flag)), ColumnKind::Category) => Ok(Cell::Text(flag.to_string())),
        (Some(Value::Number(number)), ColumnKind::Date) => {
            Err(unreadable(field, &number.to_string()))
        }
        (Some(Value::Flag(flag)), ColumnKind::Date) => Err(unreadable(field, &flag.to_string())),
    }
}

fn read_text(field: &Field, text: &str) -> Result<Cell, Error> {
    let kind = match field.kind {
        ColumnKind::Number => tabular::ColumnKind::Number,
        ColumnKind::Category => tabular::ColumnKind::Category,
        ColumnKind::Date => tabular::ColumnKind::Date,
    };
    match tabular::cell::read(text, kind, &field.format) {
        CellValue::Missing => Ok(Cell::Missing),
        CellValue::Number(number) if number.is_finite() => Ok(Cell::Number(number)),
        CellValue::Category(text) => Ok(Cell::Text(text.to_owned())),
        CellValue::Day(day) => Ok(Cell::Day(day)),
        CellValue::Number(_) | CellValue::Unreadable(_) => Err(unreadable(field, text)),
    }
}

fn unreadable(field: &Field, value: &str) -> Error {
    let (expected, example) = match field.kind {
        ColumnKind::Date => match field.format.date {
            Some(DateOrder::Dmy) => ("a date", "31.01.2026"),
            Some(DateOrder::Mdy) => ("a date", "01/31/2026"),
            Some(DateOrder::Ymd) | None => ("a date", "2026-01-31"),
        },
        ColumnKind::Number | ColumnKind::Category => match field.format.number.decimal {
            Decimal::Point => ("a number", "1234.50"),
            Decimal::Comma => ("a number", "1234,50"),
        },
    };
    Error::Unreadable {
        field: field.name.clone(),
        value: shortened(value),
        expected,
        example,
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(VALUE_TOLD).collect()
}

/// The fields of a quote as they are kept, names in order, and the hash of that text.
#[must_use]
pub fn kept_input(quote: &QuoteInput) -> (String, Vec<u8>) {
    let fields: BTreeMap<&str, serde_json::Value> = quote
        .fields
        .iter()
        .map(|(name, value)| {
            let value = match &value.value {
                Some(Value::Text(text)) => text.as_str().into(),
                Some(Value::Number(number)) => (*number).into(),
                Some(Value::Flag(flag)) => (*flag).into(),
                None => serde_json::Value::Null,
            };
            (name.as_str(), value)
        })
        .collect();
    let text = serde_json::json!(fields).to_string();
    let hash = Sha256::digest(text.as_bytes()).to_vec();
    (text, hash)
}

#[cfg(test)]
mod tests {
    use proto::{prediction::FieldValue, training::InputColumn};

    use super::*;

    fn fields() -> Fields {
        let column = |name: &str, role, kind| SchemaColumn {
            name: name.to_owned(),
            role,
            kind,
            used: true,
        };
        let input = |name: &str, decimal: &str, order: &str| InputColumn {
            name: name.to_owned(),
            decimal_separator: decimal.to_owned(),
            date_order: order.to_owned(),
            ..InputColumn::default()
        };
        Fields::new(
            &[
                column("Preis", Role::Price, ColumnKind::Number),
                column("Region", Role::Feature, ColumnKind::Category),
                column("Datum", Role::Date, ColumnKind::Date),
            ],
            &InputSchema {
                columns: vec![
                    input("Datum", ".", "DMY"),
                    input("Preis", ",", ""),
                    input("Region", ".", ""),
                ],
            },
        )
    }

    fn quote(fields: &[(&str, Value)]) -> QuoteInput {
        QuoteInput {
            quote_ref: String::new(),
            fields: fields
                .iter()
                .map(|(name, value)| {
                    let value = Some(value.clone());
                    ((*name).to_owned(), FieldValue { value })
                })
                .collect(),
        }
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    #[test]
    fn text_is_read_as_its_column_was() {
        let quote = quote(&[
            ("Preis", text("1.234,50 €")),
            ("Region", text(" West ")),
            ("Datum", text("31.01.2026")),
        ]);
        let read = fields().read(&quote).unwrap();
        assert_eq!(
            read.cells,
            [
                Cell::Number(1234.5),
                Cell::Text("West".to_owned()),
                Cell::Day(20_484)
            ]
        );
        assert!(read.warnings.is_empty());
        let table = fields().table(&[read]);
        assert!(table.validate().is_ok());
        assert_eq!(table.rows(), 1);
        assert_eq!(
            table.columns[0].values,
            Values::Number(vec![1234.5]),
            "the model sees the number"
        );
    }

    #[test]
    fn numbers_and_flags_fit_where_they_can() {
        let sent = quote(&[
            ("Preis", Value::Number(10.0)),
            ("Region", Value::Flag(true)),
        ]);
        let read = fields().read(&sent).unwrap();
        assert_eq!(read.cells[0], Cell::Number(10.0));
        assert_eq!(read.cells[1], Cell::Text("true".to_owned()));
        assert_eq!(read.cells[2], Cell::Missing);
        assert!(
            fields()
                .read(&quote(&[("Datum", Value::Number(1.0))]))
                .is_err()
        );
        let endless = quote(&[("Preis", Value::Number(f64::INFINITY))]);
        assert!(matches!(fields().read(&endless), Err(Error::NotFinite(_))));
    }

    #[test]
    fn words_for_nothing_are_missing() {
        for nothing in ["", "  ", "n/a", "-"] {
            let read = fields().read(&quote(&[("Preis", text(nothing))])).unwrap();
            assert_eq!(read.cells[0], Cell::Missing, "{nothing}");
        }
    }

    #[test]
    fn a_refusal_names_field_value_and_example() {
        let refusal = fields()
            .read(&quote(&[("Preis", text("viel"))]))
            .unwrap_err();
        assert_eq!(
            refusal.to_string(),
            "the field \"Preis\" holds \"viel\", which is not a number: write it like 1234,50"
        );
        let refusal = fields()
            .read(&quote(&[("Datum", text("soon"))]))
            .unwrap_err();
        assert!(refusal.to_string().ends_with("write it like 31.01.2026"));
    }

    #[test]
    fn unknown_fields_are_told_or_refused() {
        let read = fields()
            .read(&quote(&[("Region", text("West")), ("region", text("x"))]))
            .unwrap();
        assert_eq!(
            read.warnings,
            ["The model does not read the field \"region\"."]
        );
        let refusal = fields().read(&quote(&[("x", text("1"))])).unwrap_err();
        assert!(refusal.to_string().contains("\"Preis\", \"Region\""));
        assert!(fields().read(&quote(&[])).is_err());
    }

    #[test]
    fn kept_input_does_not_depend_on_the_order_of_fields() {
        let one = kept_input(&quote(&[("b", Value::Number(1.5)), ("a", text("x"))]));
        let other = kept_input(&quote(&[("a", text("x")), ("b", Value::Number(1.5))]));
        assert_eq!(one, other);
        assert_eq!(one.0, r#"{"a":"x","b":1.5}"#);
        assert_eq!(one.1.len(), 32);
    }
}
