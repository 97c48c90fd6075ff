//! What quotes are given of earlier ones: the same as in training for past quotes, and what was before
//! their day for new ones. Deliberately without a model: only what one would be given.

use proto::prediction::field_value::Value;
use tabular::{FEATURES, History, QuoteFacts};

use super::{
    tests::{quote, text},
    *,
};

/// A dataset of quotes to three customers, two days apart, of which each has a revision a day later.
fn past_quotes() -> Vec<QuoteFacts<'static>> {
    const CUSTOMERS: [&str; 3] = ["ACME", "Beta AG", "Čapek"];
    const PRODUCTS: [&str; 2] = ["Pump", "Valve"];
    const IDS: [&str; 5] = ["Q0", "Q1", "Q2", "Q3", "Q4"];
    (0..40)
        .map(|row: i32| QuoteFacts {
            day: Some(19_000 + row * 2),
            price: Some(100.0 + f64::from(row * 37 % 91)),
            quantity: Some(f64::from(row % 7 + 1)),
            customer: Some(CUSTOMERS[row as usize % 3]),
            product: (row % 5 != 0).then(|| PRODUCTS[row as usize % 2]),
            quote_ref: (row >= 35).then(|| IDS[row as usize - 35]),
            outcome: (row % 6 != 0).then_some(row % 4 == 0),
            ..QuoteFacts::default()
        })
        .collect()
}

/// The fields of a model of these quotes.
fn fields_of_past() -> Fields {
    let stated = [
        ("Price", TargetField::Price, ColumnKind::Number),
        ("Quantity", TargetField::Quantity, ColumnKind::Number),
        ("Customer", TargetField::Customer, ColumnKind::Category),
        ("Product", TargetField::Product, ColumnKind::Category),
        ("Date", TargetField::Date, ColumnKind::Date),
        ("Quote", TargetField::QuoteId, ColumnKind::Category),
    ];
    let input = |name: &str, target: TargetField, derived: &str| InputColumn {
        name: name.to_owned(),
        field: target as i32,
        derived: derived.to_owned(),
        ..InputColumn::default()
    };
    let mut schema = InputSchema::default();
    let mut columns = Vec::new();
    for (name, target, kind) in stated {
        schema.columns.push(input(name, target, ""));
        if target != TargetField::QuoteId {
            columns.push((name, kind));
        }
    }
    for spec in FEATURES.iter().filter(|spec| !spec.price_dependent) {
        schema
            .columns
            .push(input(spec.formula, TargetField::Derived, spec.name));
        columns.push((spec.formula, ColumnKind::Number));
    }
    let columns: Vec<SchemaColumn> = columns
        .into_iter()
        .map(|(name, kind)| SchemaColumn {
            name: name.to_owned(),
            role: Role::Feature,
            kind,
            used: true,
        })
        .collect();
    Fields::new(&columns, &schema)
}

/// A past quote as a caller would send it.
fn sent(facts: &QuoteFacts<'_>) -> QuoteInput {
    let date = tabular::cell::day_number(chrono::NaiveDate::default());
    let date = chrono::NaiveDate::default()
        + chrono::Days::new(u64::try_from(facts.day.unwrap() - date).unwrap());
    let mut sent = vec![
        ("Price", Value::Number(facts.price.unwrap())),
        ("Quantity", text(&facts.quantity.unwrap().to_string())),
        ("Customer", text(&facts.customer.unwrap().to_uppercase())),
        ("Date", text(&date.to_string())),
    ];
    sent.extend(facts.product.map(|product| ("Product", text(product))));
    sent.extend(facts.quote_ref.map(|id| ("Quote", text(id))));
    quote(&sent)
}

/// What the model is given of a quote, by the names of the derived features.
fn derived(fields: &Fields, quote: &QuoteInput, past: &Past<'_>) -> Vec<(String, Cell)> {
    let mut read = fields.read(quote).unwrap();
    fields.derive(&mut read, &quote.quote_ref, past);
    let cells = fields.0.iter().zip(read.cells);
    cells
        .filter_map(|(field, cell)| match &field.origin {
            Origin::Derived(name) => Some((name.clone(), cell)),
            _ => None,
        })
        .collect()
}

fn number(derived: &[(String, Cell)], name: &str) -> Option<f64> {
    match &derived.iter().find(|(known, _)| known == name)?.1 {
        Cell::Number(number) => Some(*number),
        _ => None,
    }
}

#[test]
fn a_past_quote_gets_what_it_had_in_training() {
    let quotes = past_quotes();
    let history = History::build(quotes.iter().copied());
    let stored = History::from_bytes(&history.to_bytes()).unwrap();
    let (fields, mut compared) = (fields_of_past(), 0);
    for facts in &quotes {
        let past = Past {
            history: &stored,
            today: 20_000,
        };
        let given = derived(&fields, &sent(facts), &past);
        let trained = history.features(facts);
        for (name, cell) in given {
            let trained = trained.get(DerivedFeature::parse(&name).unwrap());
            let expected = if trained.is_nan() {
                Cell::Missing
            } else {
                compared += 1;
                Cell::Number(trained)
            };
            assert_eq!(cell, expected, "{name} of {facts:?}");
        }
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn a_new_quote_sees_what_was_before_its_day() {
    let history = History::build(past_quotes().into_iter());
    let past = |today| Past {
        history: &history,
        today,
    };
    let fields = fields_of_past();
    let seen = |fields_sent: &[(&str, Value)], today| {
        let derived = derived(&fields, &quote(fields_sent), &past(today));
        number(&derived, "derived.customer_quotes")
    };
    let acme = ("Customer", text("acme"));
    assert_eq!(seen(std::slice::from_ref(&acme), 19_500), Some(14.0));
    assert_eq!(seen(std::slice::from_ref(&acme), 19_001), Some(1.0));
    let dated = [acme, ("Date", text("2022-01-09"))];
    assert_eq!(seen(&dated, 19_500), Some(1.0), "its own day counts");
    assert_eq!(seen(&[("Customer", text("new"))], 19_500), Some(0.0));
    assert_eq!(seen(&[("Price", Value::Number(1.0))], 19_500), None);
}

#[test]
fn a_quote_does_not_see_its_own_earlier_revision() {
    let history = History::build(past_quotes().into_iter());
    let past = Past {
        history: &history,
        today: 19_500,
    };
    let fields = fields_of_past();
    // Row 36 is quote Q1 to the first customer.
    let seen =
        |quote: &QuoteInput| number(&derived(&fields, quote, &past), "derived.customer_quotes");
    let customer = ("Customer", text("ACME"));
    let mut asked = quote(std::slice::from_ref(&customer));
    assert_eq!(seen(&asked), Some(14.0));
    asked.quote_ref = "Q1".to_owned();
    assert_eq!(seen(&asked), Some(13.0), "by the caller's name for it");
    let named = quote(&[customer, ("Quote", text("Q1"))]);
    assert_eq!(seen(&named), Some(13.0), "by its identifier");
    assert!(fields.read(&named).unwrap().warnings.is_empty());
    let columns = fields.table(&[fields.read(&named).unwrap()]).columns;
    assert!(columns.iter().all(|column| column.name != "Quote"));
    let only_named = fields.read(&quote(&[("Quote", text("Q1"))]));
    assert!(matches!(only_named, Err(Error::NoKnownField(_))));
}

#[test]
fn a_stated_derived_value_is_left_aside() {
    let history = History::build(past_quotes().into_iter());
    let past = Past {
        history: &history,
        today: 19_500,
    };
    let fields = fields_of_past();
    let stated = quote(&[
        ("Customer", text("ACME")),
        ("derived.customer_quotes", Value::Number(99.0)),
    ]);
    assert_eq!(
        fields.read(&stated).unwrap().warnings,
        [
            "The field \"derived.customer_quotes\" is computed from earlier quotes; the stated value was left aside."
        ]
    );
    let given = derived(&fields, &stated, &past);
    assert_eq!(number(&given, "derived.customer_quotes"), Some(14.0));
}

#[test]
fn revisions_are_read_as_numbers() {
    for (written, number) in [
        ("2", 2.0),
        ("v3", 3.0),
        ("Rev. 2.0", 2.0),
        ("B", 2.0),
        ("", 0.0),
    ] {
        let schema = InputSchema {
            columns: vec![
                InputColumn {
                    name: "Rev".to_owned(),
                    field: TargetField::Revision as i32,
                    ..InputColumn::default()
                },
                InputColumn {
                    name: "revision of the quote".to_owned(),
                    field: TargetField::Derived as i32,
                    derived: "derived.revision".to_owned(),
                    ..InputColumn::default()
                },
            ],
        };
        let column = |name: &str| SchemaColumn {
            name: name.to_owned(),
            role: Role::Feature,
            kind: ColumnKind::Number,
            used: true,
        };
        let columns = [column("Price"), column("revision of the quote")];
        let past = Past {
            history: &History::build(std::iter::empty()),
            today: 0,
        };
        let sent = quote(&[("Price", Value::Number(1.0)), ("Rev", text(written))]);
        let given = derived(&Fields::new(&columns, &schema), &sent, &past);
        assert_eq!(self::number(&given, "derived.revision"), Some(number));
    }
}
