//! From ingestion's snapshot to what the learning core reads, and to what is told of the columns.
//! Deliberately no checks of the content: the learning core has them, with sentences.

use ml::{Column, Role, Table, TrainingSet, Values};
use proto::{
    ingestion::{ColumnKind, Snapshot, SnapshotColumn, TargetField},
    training::{InputColumn, InputSchema},
};

/// Stands for a missing day in a snapshot.
const MISSING_DAY: i32 = i32::MIN;

/// How the columns of a model are understood.
#[must_use]
pub fn input_schema(snapshot: &Snapshot) -> InputSchema {
    let column = |column: &SnapshotColumn| {
        let format = column.format.clone().unwrap_or_default();
        InputColumn {
            name: column.name.clone(),
            field: column.field,
            kind: column.kind,
            decimal_separator: format.decimal_separator,
            date_order: format.date_order,
        }
    };
    InputSchema {
        columns: features(&snapshot.columns).map(column).collect(),
    }
}

/// The rows of a snapshot as the learning core reads them.
#[must_use]
pub fn training_set(snapshot: Snapshot) -> TrainingSet {
    let given = |values: bool| values.then_some(());
    let columns = snapshot
        .columns
        .into_iter()
        .filter(is_feature)
        .map(ml_column)
        .collect();
    TrainingSet {
        features: Table { columns },
        outcome: snapshot.outcomes,
        date: given(!snapshot.dates.is_empty()).map(|()| snapshot.dates),
        group: given(!snapshot.groups.is_empty()).map(|()| snapshot.groups),
    }
}

fn features(columns: &[SnapshotColumn]) -> impl Iterator<Item = &SnapshotColumn> {
    columns.iter().filter(|column| is_feature(column))
}

/// Whether a column may be learned from. Outcomes and names of quotes are not, whoever sends them.
fn is_feature(column: &SnapshotColumn) -> bool {
    !matches!(
        column.field(),
        TargetField::Outcome | TargetField::QuoteId | TargetField::Group | TargetField::Ignored
    )
}

fn ml_column(column: SnapshotColumn) -> Column {
    let (field, kind) = (column.field(), column.kind());
    let values = match kind {
        ColumnKind::Category => Values::Category {
            codes: column.codes,
            levels: column.levels,
        },
        ColumnKind::Date => Values::Date(
            column
                .days
                .into_iter()
                .map(|day| (day != MISSING_DAY).then_some(day))
                .collect(),
        ),
        ColumnKind::Number | ColumnKind::Unspecified => Values::Number(column.numbers),
    };
    Column::new(column.name, role(field, kind), values)
}

fn role(field: TargetField, kind: ColumnKind) -> Role {
    match field {
        TargetField::Price => Role::Price,
        TargetField::Date => Role::Date,
        TargetField::Cost => Role::Cost,
        TargetField::ListPrice => Role::ListPrice,
        // "3 for 2" and "one pallet" are still worth learning from, as words.
        TargetField::Discount if kind == ColumnKind::Number => Role::Discount,
        TargetField::Quantity if kind == ColumnKind::Number => Role::Quantity,
        _ => Role::Feature,
    }
}

#[cfg(test)]
mod tests {
    use proto::ingestion::CellFormat;

    use super::*;

    fn column(name: &str, field: TargetField, kind: ColumnKind) -> SnapshotColumn {
        SnapshotColumn {
            name: name.to_owned(),
            field: field as i32,
            kind: kind as i32,
            ..SnapshotColumn::default()
        }
    }

    fn snapshot() -> Snapshot {
        let price = SnapshotColumn {
            numbers: vec![10.5, f64::NAN],
            format: Some(CellFormat {
                decimal_separator: ",".to_owned(),
                date_order: String::new(),
            }),
            ..column("Preis", TargetField::Price, ColumnKind::Number)
        };
        let region = SnapshotColumn {
            codes: vec![0, u32::MAX],
            levels: vec!["West".to_owned()],
            ..column("Region", TargetField::Feature, ColumnKind::Category)
        };
        let sent = SnapshotColumn {
            days: vec![19_000, i32::MIN],
            ..column("Sent", TargetField::Feature, ColumnKind::Date)
        };
        let pack = SnapshotColumn {
            codes: vec![0, 0],
            levels: vec!["3 for 2".to_owned()],
            ..column("Offer", TargetField::Discount, ColumnKind::Category)
        };
        let outcome = column("Won", TargetField::Outcome, ColumnKind::Category);
        Snapshot {
            row_count: 2,
            outcomes: vec![true, false],
            dates: vec![19_000, 19_001],
            groups: Vec::new(),
            columns: vec![price, region, sent, pack, outcome],
        }
    }

    #[test]
    fn columns_keep_their_meaning() {
        let set = training_set(snapshot());
        assert!(set.validate().is_ok());
        let roles: Vec<_> = set
            .features
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.role))
            .collect();
        assert_eq!(
            roles,
            [
                ("Preis", Role::Price),
                ("Region", Role::Feature),
                ("Sent", Role::Feature),
                ("Offer", Role::Feature)
            ]
        );
        assert_eq!(set.date, Some(vec![19_000, 19_001]));
        assert_eq!(set.group, None);
        assert_eq!(set.outcome, [true, false]);
    }

    #[test]
    fn missing_values_stay_missing() {
        let set = training_set(snapshot());
        let values = |name: &str| &set.features.column(name).unwrap().values;
        assert!(matches!(values("Preis"), Values::Number(v) if v[1].is_nan()));
        assert!(
            matches!(values("Region"), Values::Category { codes, .. } if codes[1] == ml::MISSING_CODE)
        );
        assert_eq!(values("Sent"), &Values::Date(vec![Some(19_000), None]));
    }

    #[test]
    fn the_schema_tells_how_text_is_read() {
        let schema = input_schema(&snapshot());
        assert_eq!(schema.columns.len(), 4);
        assert_eq!(schema.columns[0].decimal_separator, ",");
        assert_eq!(schema.columns[0].kind, ColumnKind::Number as i32);
        assert_eq!(schema.columns[0].field, TargetField::Price as i32);
    }
}
