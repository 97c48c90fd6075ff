//! From ingestion's snapshot to what the learning core reads, and to what is told of the columns.
//! Deliberately no checks of the content: the learning core has them, with sentences.

use ml::{Column, Importance, PastQuotes, Role, Table, TrainingSet, Values};
use proto::{
    ingestion::{ColumnKind, Snapshot, SnapshotColumn, TargetField},
    training::{InputColumn, InputSchema},
};

use super::labels;

/// Stands for a missing day in a snapshot.
const MISSING_DAY: i32 = i32::MIN;

/// How the columns of a model are understood, and which ones name a quote and its revision.
#[must_use]
pub fn input_schema(snapshot: &Snapshot) -> InputSchema {
    let names = names(&snapshot.columns);
    let column = |(column, name): (&SnapshotColumn, String)| {
        let format = column.format.clone().unwrap_or_default();
        let derived = if is_derived(column.field()) {
            column.name.clone()
        } else {
            String::new()
        };
        InputColumn {
            name,
            field: column.field,
            kind: column.kind,
            decimal_separator: format.decimal_separator,
            date_order: format.date_order,
            missing_words: format.missing_words,
            present_words: format.present_words,
            short_years: format.short_years,
            percent: format.percent,
            derived,
        }
    };
    let told = |column: &SnapshotColumn| is_feature(column.field()) || is_name(column.field());
    let columns = snapshot.columns.iter().zip(names);
    InputSchema {
        columns: columns
            .filter(|(column, _)| told(column))
            .map(column)
            .collect(),
    }
}

/// The rows of a snapshot as the learning core reads them.
#[must_use]
pub fn training_set(snapshot: Snapshot) -> TrainingSet {
    let given = |values: bool| values.then_some(());
    let names = names(&snapshot.columns);
    let columns = snapshot
        .columns
        .into_iter()
        .zip(names)
        .filter(|(column, _)| is_feature(column.field()))
        .map(|(column, name)| ml_column(column, name))
        .collect();
    TrainingSet {
        features: Table { columns },
        outcome: snapshot.outcomes,
        date: given(!snapshot.dates.is_empty()).map(|()| snapshot.dates),
        group: given(!snapshot.groups.is_empty()).map(|()| snapshot.groups),
    }
}

/// What the quotes are called, in the order of rows; empty texts for those without a name, none at all where the snapshot
/// has no names.
#[must_use]
pub fn quote_names(snapshot: &Snapshot) -> Vec<String> {
    let mut columns = snapshot.columns.iter();
    let named = columns.find(|c| c.field() == TargetField::QuoteId && !c.codes.is_empty());
    let Some(column) = named else {
        return Vec::new();
    };
    let name = |code: &u32| column.levels.get(*code as usize).cloned();
    column
        .codes
        .iter()
        .map(|code| name(code).unwrap_or_default())
        .collect()
}

/// The quotes of a training set as later ones are compared with them: what callers can state of a quote, and what the
/// columns are worth to the model. What is computed from earlier quotes is left out, and so is, like everywhere after
/// ingestion, what is personal.
#[must_use]
pub fn past_quotes(
    set: TrainingSet,
    names: Vec<String>,
    schema: &InputSchema,
    importance: &[Importance],
) -> PastQuotes {
    let is_stated = |name: &str| {
        let mut columns = schema.columns.iter();
        columns.any(|column| column.name == name && column.derived.is_empty())
    };
    let mut table = set.features;
    table.columns.retain(|column| is_stated(&column.name));
    let worth = importance.iter();
    PastQuotes {
        table,
        won: set.outcome,
        days: set.date.unwrap_or_default(),
        names,
        worth: worth
            .map(|column| (column.column.clone(), column.mean_contribution))
            .collect(),
    }
    .bounded()
}

/// What the columns are called from here on: derived ones by words, unless a header says the same.
fn names(columns: &[SnapshotColumn]) -> Vec<String> {
    let name = |column: &SnapshotColumn| {
        let words = labels::words(&column.name);
        let taken = columns.iter().any(|other| other.name == words);
        if is_derived(column.field()) && !taken {
            words.to_owned()
        } else {
            column.name.clone()
        }
    };
    columns.iter().map(name).collect()
}

/// Whether a column may be learned from. What tells the outcome, a name or a person may not, whoever
/// sends it, nor what this version does not know.
fn is_feature(field: TargetField) -> bool {
    use TargetField as F;
    match field {
        F::Price
        | F::Date
        | F::Cost
        | F::ListPrice
        | F::Discount
        | F::Quantity
        | F::Feature
        | F::Currency
        | F::Customer
        | F::Product
        | F::Region
        | F::Owner
        | F::Segment
        | F::ValidUntil
        | F::Derived
        | F::ReferencePrice => true,
        F::Unspecified
        | F::Outcome
        | F::QuoteId
        | F::Group
        | F::Ignored
        | F::Revision
        | F::Personal => false,
    }
}

/// Whether a column names a quote or its revision, by which derived features find the quote's past.
fn is_name(field: TargetField) -> bool {
    matches!(field, TargetField::QuoteId | TargetField::Revision)
}

fn is_derived(field: TargetField) -> bool {
    matches!(field, TargetField::Derived | TargetField::ReferencePrice)
}

fn ml_column(column: SnapshotColumn, name: String) -> Column {
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
    let role = if is_derived(field) && labels::grows(&column.name) {
        Role::Growing
    } else {
        role(field, kind)
    };
    Column::new(name, role, values)
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
        TargetField::ReferencePrice => Role::ReferencePrice,
        _ => Role::Feature,
    }
}

#[cfg(test)]
mod tests {
    use proto::ingestion::CellFormat;

    use super::*;

    const USUAL: &str = "derived.customer_usual_price";

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
                missing_words: vec!["auf Anfrage".to_owned()],
                ..CellFormat::default()
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
        let usual = SnapshotColumn {
            numbers: vec![f64::NAN, 9.0],
            ..column(USUAL, TargetField::ReferencePrice, ColumnKind::Number)
        };
        let customer = SnapshotColumn {
            codes: vec![0, 0],
            levels: vec!["ACME".to_owned()],
            ..column("Kunde", TargetField::Customer, ColumnKind::Category)
        };
        let never = [
            ("Won", TargetField::Outcome),
            ("No", TargetField::QuoteId),
            ("Rev", TargetField::Revision),
            ("Tender", TargetField::Group),
            ("Contact", TargetField::Personal),
            ("Left", TargetField::Ignored),
            ("New", TargetField::Unspecified),
        ];
        let never = never.map(|(name, field)| column(name, field, ColumnKind::Category));
        Snapshot {
            row_count: 2,
            outcomes: vec![true, false],
            dates: vec![19_000, 19_001],
            groups: Vec::new(),
            columns: [price, region, sent, pack, usual, customer]
                .into_iter()
                .chain(never)
                .collect(),
            history: b"history".to_vec(),
            ..Snapshot::default()
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
                ("Offer", Role::Feature),
                (
                    "price against this customer's usual price",
                    Role::ReferencePrice
                ),
                ("Kunde", Role::Feature)
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
        assert_eq!(schema.columns[0].decimal_separator, ",");
        assert_eq!(schema.columns[0].missing_words, ["auf Anfrage"]);
        assert_eq!(schema.columns[0].kind, ColumnKind::Number as i32);
        assert_eq!(schema.columns[0].field, TargetField::Price as i32);
        assert_eq!(schema.columns[0].derived, "");
        assert_eq!(schema.columns[4].derived, USUAL);
        let names: Vec<&str> = schema.columns[4..]
            .iter()
            .map(|column| column.name.as_str())
            .collect();
        assert_eq!(
            names,
            [
                "price against this customer's usual price",
                "Kunde",
                "No",
                "Rev"
            ]
        );
    }

    #[test]
    fn past_quotes_hold_what_can_be_stated_and_nothing_personal() {
        let mut snapshot = snapshot();
        let id = snapshot.columns.iter_mut().find(|c| c.name == "No");
        let id = id.unwrap();
        (id.codes, id.levels) = (vec![u32::MAX, 0], vec!["Q-2".to_owned()]);
        let (schema, names) = (input_schema(&snapshot), quote_names(&snapshot));
        let past = past_quotes(training_set(snapshot), names, &schema, &[]);
        let columns: Vec<&str> = past.table.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(columns, ["Preis", "Region", "Sent", "Offer", "Kunde"]);
        assert_eq!(past.names, ["", "Q-2"]);
        assert_eq!(
            (past.won, past.days),
            (vec![true, false], vec![19_000, 19_001])
        );
        assert!(quote_names(&Snapshot::default()).is_empty());
    }

    #[test]
    fn a_header_that_says_the_same_keeps_its_name() {
        let mut snapshot = snapshot();
        snapshot.columns[1].name = labels::words(USUAL).to_owned();
        let names: Vec<String> = input_schema(&snapshot)
            .columns
            .into_iter()
            .map(|column| column.name)
            .collect();
        assert_eq!(names[1], labels::words(USUAL));
        assert_eq!(names[4], USUAL);
    }
}
