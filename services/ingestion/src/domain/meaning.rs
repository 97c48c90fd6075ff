//! What columns stand for, between the caller, storage and `tabular`. Deliberately no guessing.

use proto::ingestion as pb;
use serde::{Deserialize, Serialize};
use tabular::{ColumnKind, DateSource, Field, Mapping, Profile, mapping::IMPORT_DATE};

use crate::Error;

/// What a column stands for, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meaning {
    /// Name of the field, such as `list_price`.
    pub field: String,
    /// Header of the column, with the date order where one was stated; or `@import`.
    pub column: String,
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
}

/// The meanings that a caller states, as `tabular` takes them.
///
/// # Errors
/// `NoField` where a mapping has no meaning.
pub fn given(mappings: &[pb::ColumnMapping]) -> Result<Vec<(Field, String)>, Error> {
    mappings
        .iter()
        .map(|mapping| {
            let field = field_of(mapping.field())
                .ok_or_else(|| Error::NoField(mapping.column.chars().take(80).collect()))?;
            Ok((field, mapping.column.clone()))
        })
        .collect()
}

/// Every meaning of a mapping, so that the file is read alike even where guessing has changed since.
#[must_use]
pub fn stored(mapping: &Mapping) -> Vec<Meaning> {
    let columns = mapping.columns.iter().map(|column| Meaning {
        field: column.field.as_str().to_owned(),
        column: match column.date_order {
            Some(order) => format!("{}:{}", column.name, order.as_str()),
            None => column.name.clone(),
        },
    });
    let import = (mapping.date == DateSource::Import).then(|| Meaning {
        field: Field::Date.as_str().to_owned(),
        column: IMPORT_DATE.to_owned(),
    });
    import.into_iter().chain(columns).collect()
}

/// Stored meanings, as `tabular` takes them.
#[must_use]
pub fn restored(meanings: &[Meaning]) -> Vec<(Field, String)> {
    meanings
        .iter()
        .map(|meaning| {
            let field = Field::parse(&meaning.field).unwrap_or(Field::Feature);
            (field, meaning.column.clone())
        })
        .collect()
}

/// A column of the report; without a mapping nothing is known of its meaning.
#[must_use]
pub fn column_report(
    profile: &Profile,
    mapped: Option<&tabular::ColumnMapping>,
) -> pb::ColumnReport {
    let field = mapped.map(|mapped| mapped.field);
    let kind = match field {
        Some(Field::Date) => ColumnKind::Date,
        Some(field) if field.is_numeric() => ColumnKind::Number,
        _ if mapped.is_some_and(|mapped| mapped.date_order.is_some()) => ColumnKind::Date,
        _ => profile.kind,
    };
    pb::ColumnReport {
        name: profile.name.clone(),
        field: field.map_or(pb::TargetField::Unspecified, target_field) as i32,
        confidence: mapped.map_or(0.0, |mapped| mapped.confidence),
        reason: mapped
            .map(|mapped| mapped.reason.clone())
            .unwrap_or_default(),
        kind: column_kind(kind) as i32,
        missing: profile.missing,
        distinct: profile.distinct,
        min: profile.min.clone(),
        max: profile.max.clone(),
        // JSON, in which this is kept, has no infinity.
        sum: if profile.sum.is_finite() {
            profile.sum
        } else {
            0.0
        },
    }
}

/// The report's columns, to be stored.
#[must_use]
pub fn store_columns(columns: &[pb::ColumnReport]) -> Vec<StoredColumn> {
    let column = |column: &pb::ColumnReport| StoredColumn {
        name: storable(&column.name),
        field: column.field().as_str_name().to_owned(),
        confidence: column.confidence,
        reason: storable(&column.reason),
        kind: column.kind().as_str_name().to_owned(),
        missing: column.missing,
        distinct: column.distinct,
        min: storable(&column.min),
        max: storable(&column.max),
        sum: column.sum,
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
    };
    columns.into_iter().map(column).collect()
}

/// Text as Postgres takes it: without the one character that it has no room for.
#[must_use]
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
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
        Field::QuoteId => pb::TargetField::QuoteId,
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
        for number in 1..=11 {
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
    fn columns_survive_storage() {
        let report = pb::ColumnReport {
            name: "Preis".to_owned(),
            field: pb::TargetField::Price as i32,
            confidence: 0.5,
            kind: pb::ColumnKind::Number as i32,
            sum: 12.5,
            ..Default::default()
        };
        let stored = serde_json::to_string(&store_columns(std::slice::from_ref(&report))).unwrap();
        let read: Vec<StoredColumn> = serde_json::from_str(&stored).unwrap();
        assert_eq!(restore_columns(read), [report]);
    }
}
