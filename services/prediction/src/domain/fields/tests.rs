//! How quotes are read: text, numbers, words for nothing, and what follows from earlier quotes.
//! Deliberately without a model: only what one would be given.

use proto::{
    prediction::{FieldValue, field_value::Value},
    training::InputColumn,
};

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

pub(super) fn quote(fields: &[(&str, Value)]) -> QuoteInput {
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

pub(super) fn text(text: &str) -> Value {
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
fn words_of_the_column_mean_what_they_meant_at_import() {
    let columns = [SchemaColumn {
        name: "Preis".to_owned(),
        role: Role::Price,
        kind: ColumnKind::Number,
        used: true,
    }];
    let schema = InputSchema {
        columns: vec![InputColumn {
            name: "Preis".to_owned(),
            decimal_separator: ",".to_owned(),
            missing_words: vec!["auf Anfrage".to_owned()],
            present_words: vec!["-".to_owned()],
            ..InputColumn::default()
        }],
    };
    let fields = Fields::new(&columns, &schema);
    let cell = |word| {
        fields
            .read(&quote(&[("Preis", text(word))]))
            .unwrap()
            .cells
            .remove(0)
    };
    assert_eq!(cell("Auf Anfrage"), Cell::Missing);
    assert_eq!(cell("-"), Cell::Number(0.0));
}
