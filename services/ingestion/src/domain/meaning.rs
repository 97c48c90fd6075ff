//! What columns stand for, between the caller, storage and `tabular`. Deliberately no guessing.

use proto::ingestion as pb;
use serde::{Deserialize, Serialize};
use tabular::{CellFormat, ColumnKind, Field};

use crate::Error;

/// Longest excerpt of a text that an error repeats, in characters.
const SHOWN: usize = 80;

/// What a column stands for, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meaning {
    field: String,
    column: String,
}

impl Meaning {
    /// A column (`HEADER`, `HEADER:DMY` or `@import`) and what it stands for.
    #[must_use]
    pub fn new(field: Field, column: &str) -> Self {
        Self {
            field: field.as_str().to_owned(),
            column: storable(column),
        }
    }

    /// The same for `tabular`.
    #[must_use]
    pub fn stated(&self) -> (Field, String) {
        let field = Field::parse(&self.field).unwrap_or(Field::Feature);
        (field, self.column.clone())
    }
}

/// A column with its meaning and profile, as it is stored.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredColumn {
    name: String,
    field: String,
    confidence: f64,
    reason: String,
    kind: String,
    missing: u32,
    distinct: u32,
    min: String,
    max: String,
    sum: f64,
    #[serde(default)]
    r#type: String,
    #[serde(default)]
    mean: f64,
    #[serde(default)]
    missing_share: f64,
    #[serde(default)]
    format: String,
}

/// The meanings that a caller states.
///
/// # Errors
/// `NoField` where a mapping has no meaning.
pub fn given(mappings: &[pb::ColumnMapping]) -> Result<Vec<Meaning>, Error> {
    mappings
        .iter()
        .map(|mapping| {
            let field = field_of(mapping.field())
                .ok_or_else(|| Error::NoField(shortened(&mapping.column)))?;
            Ok(Meaning::new(field, &mapping.column))
        })
        .collect()
}

/// The report's columns, to be stored. Of personal columns no value is kept.
#[must_use]
pub fn store_columns(columns: &[pb::ColumnReport]) -> Vec<StoredColumn> {
    let column = |column: &pb::ColumnReport| {
        let personal = column.field() == pb::TargetField::Personal;
        let value = |text: &str| match personal {
            true => String::new(),
            false => storable(text),
        };
        StoredColumn {
            name: storable(&column.name),
            field: column.field().as_str_name().to_owned(),
            confidence: column.confidence,
            reason: storable(&column.reason),
            kind: column.kind().as_str_name().to_owned(),
            missing: column.missing,
            distinct: column.distinct,
            min: value(&column.min),
            max: value(&column.max),
            sum: if personal { 0.0 } else { column.sum },
            r#type: column.r#type.clone(),
            mean: if personal { 0.0 } else { column.mean },
            missing_share: column.missing_share,
            format: storable(&column.format),
        }
    };
    columns.iter().map(column).collect()
}

/// Stored columns, to be reported.
#[must_use]
pub fn restore_columns(columns: Vec<StoredColumn>) -> Vec<pb::ColumnReport> {
    let column = |column: StoredColumn| pb::ColumnReport {
        name: column.name,
        field: pb::TargetField::from_str_name(&column.field).unwrap_or_default() as i32,
        confidence: column.confidence,
        reason: column.reason,
        kind: pb::ColumnKind::from_str_name(&column.kind).unwrap_or_default() as i32,
        missing: column.missing,
        distinct: column.distinct,
        min: column.min,
        max: column.max,
        sum: column.sum,
        r#type: column.r#type,
        mean: column.mean,
        missing_share: column.missing_share,
        format: column.format,
        ..pb::ColumnReport::default()
    };
    columns.into_iter().map(column).collect()
}

/// Text as Postgres takes it: without the one character that it has no room for.
#[must_use]
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// As much of a text as an error repeats.
#[must_use]
pub fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

/// A field in the contract.
#[must_use]
pub fn target_field(field: Field) -> pb::TargetField {
    match field {
        Field::Outcome => pb::TargetField::Outcome,
        Field::Price => pb::TargetField::Price,
        Field::Date => pb::TargetField::Date,
        Field::Cost => pb::TargetField::Cost,
        Field::ListPrice => pb::TargetField::ListPrice,
        Field::Discount => pb::TargetField::Discount,
        Field::Quantity => pb::TargetField::Quantity,
        Field::Currency => pb::TargetField::Currency,
        Field::Customer => pb::TargetField::Customer,
        Field::Product => pb::TargetField::Product,
        Field::Region => pb::TargetField::Region,
        Field::Owner => pb::TargetField::Owner,
        Field::Segment => pb::TargetField::Segment,
        Field::QuoteId => pb::TargetField::QuoteId,
        Field::Revision => pb::TargetField::Revision,
        Field::ValidUntil => pb::TargetField::ValidUntil,
        Field::Personal => pb::TargetField::Personal,
        Field::Group => pb::TargetField::Group,
        Field::Feature => pb::TargetField::Feature,
        Field::Ignored => pb::TargetField::Ignored,
    }
}

/// A kind in the contract.
#[must_use]
pub fn column_kind(kind: ColumnKind) -> pb::ColumnKind {
    match kind {
        ColumnKind::Number => pb::ColumnKind::Number,
        ColumnKind::Category => pb::ColumnKind::Category,
        ColumnKind::Date => pb::ColumnKind::Date,
    }
}

/// How the text of a column is read, in the contract.
#[must_use]
pub fn cell_format(format: &CellFormat) -> pb::CellFormat {
    pb::CellFormat {
        decimal_separator: format.decimal_separator().to_owned(),
        date_order: format.date_order().to_owned(),
        missing_words: format.missing.clone(),
        present_words: format.present.clone(),
        short_years: format.short_years,
        percent: format.percent,
    }
}

fn field_of(field: pb::TargetField) -> Option<Field> {
    Field::ALL
        .into_iter()
        .find(|known| target_field(*known) == field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_the_contract_has_a_meaning() {
        for number in 1..=20 {
            let field = pb::TargetField::try_from(number).unwrap();
            assert_eq!(target_field(field_of(field).unwrap()), field);
        }
        let unnamed = pb::ColumnMapping {
            column: "x".to_owned(),
            ..Default::default()
        };
        assert!(given(&[unnamed]).is_err());
    }

    #[test]
    fn columns_survive_storage_and_personal_values_do_not() {
        let report = pb::ColumnReport {
            name: "Preis".to_owned(),
            field: pb::TargetField::Price as i32,
            confidence: 0.5,
            kind: pb::ColumnKind::Number as i32,
            max: "9".to_owned(),
            sum: 12.5,
            ..Default::default()
        };
        let personal = pb::ColumnReport {
            field: pb::TargetField::Personal as i32,
            ..report.clone()
        };
        let columns = [report.clone(), personal];
        let stored = serde_json::to_string(&store_columns(&columns)).unwrap();
        let read: Vec<StoredColumn> = serde_json::from_str(&stored).unwrap();
        let restored = restore_columns(read);
        assert_eq!(restored[0], report);
        assert_eq!((restored[1].max.as_str(), restored[1].sum), ("", 0.0));
    }
}
