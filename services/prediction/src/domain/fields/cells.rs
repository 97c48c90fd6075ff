//! From one value of a quote to a cell, by the format its column was read with. Deliberately no guessing:
//! what the column cannot hold is refused with an example.

use ml::ColumnKind;
use proto::prediction::{QuoteInput, field_value::Value};
use tabular::{CellValue, DateOrder, Decimal};

use super::Field;
use crate::Error;

/// Most characters of a value that are told.
const VALUE_TOLD: usize = 80;

/// A value as its column holds it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Missing,
    Number(f64),
    Text(String),
    Day(i32),
}

/// Refuses what could not be kept, in known and unknown fields alike.
pub(super) fn check_values(quote: &QuoteInput) -> Result<(), Error> {
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

pub(super) fn read_cell(field: &Field, value: Option<&Value>) -> Result<Cell, Error> {
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
            Some(DateOrder::Serial) => ("a date", "45322"),
            Some(DateOrder::Ymd) | None => ("a date", "2026-01-31"),
        },
        ColumnKind::Number | ColumnKind::Category if field.format.percent => {
            ("a percentage", "12%")
        }
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

pub(super) fn shortened(text: &str) -> String {
    text.chars().take(VALUE_TOLD).collect()
}
