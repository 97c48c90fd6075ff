//! The price report of constructed quotes: discounts that helped, bought nothing, or cannot be told, and money left on the
//! table by a model that has learned what a price does.

use std::ops::ControlFlow;

use ml::{Column, Model, Role, Table, TrainOptions, TrainingSet, Values, train};
use proto::{
    ingestion::{ColumnKind, Snapshot, SnapshotColumn, TargetField},
    training::InputSchema,
};
use reporting::{
    domain::{
        Topic,
        price::{PriceContent, PriceFacts, Verdict, analyse},
        quotes,
    },
    page::{csv, pdf, price::document, render_document},
};

use crate::facts::now;

/// Quotes at list prices of 100 in three segments: in one deep discounts win, in one they make no difference, one is small.
struct Made {
    prices: Vec<f64>,
    won: Vec<bool>,
    segments: Vec<u32>,
}

fn made() -> Made {
    let mut made = Made {
        prices: Vec::new(),
        won: Vec::new(),
        segments: Vec::new(),
    };
    let mut add = |segment: u32, count: usize, won: &dyn Fn(usize, bool) -> bool| {
        for quote in 0..count {
            let deep = quote % 2 == 0;
            // Discounts of 11 % to 20 %, and of 1 % to 10 %.
            let step = (quote / 2 % 10) as f64;
            made.prices
                .push(if deep { 89.0 - step } else { 99.0 - step });
            made.won.push(won(quote, deep));
            made.segments.push(segment);
        }
    };
    add(0, 600, &|quote, deep| {
        (quote * 7 % 100) < if deep { 80 } else { 30 }
    });
    add(1, 4_000, &|quote, _| (quote / 2) % 2 == 0);
    add(2, 30, &|quote, _| quote % 3 == 0);
    made
}

fn facts(made: &Made, list: bool) -> PriceFacts {
    let numbers = |name: &str, field: TargetField, numbers: Vec<f64>| SnapshotColumn {
        name: name.to_owned(),
        field: field.into(),
        kind: ColumnKind::Number.into(),
        numbers,
        ..SnapshotColumn::default()
    };
    let mut columns = vec![
        numbers("Price", TargetField::Price, made.prices.clone()),
        SnapshotColumn {
            name: "Segment".to_owned(),
            field: TargetField::Segment.into(),
            kind: ColumnKind::Category.into(),
            codes: made.segments.clone(),
            levels: ["Small", "Large", "Odd"].map(str::to_owned).to_vec(),
            ..SnapshotColumn::default()
        },
    ];
    if list {
        let all = vec![100.0; made.prices.len()];
        columns.push(numbers("List", TargetField::ListPrice, all));
    }
    let snapshot = Snapshot {
        outcomes: made.won.clone(),
        columns,
        ..Snapshot::default()
    };
    PriceFacts {
        dataset_id: "d".to_owned(),
        dataset_name: "Quotes".to_owned(),
        model_id: "m".to_owned(),
        decided: quotes::read(snapshot, &InputSchema::default()).0,
    }
}

fn model(made: &Made) -> Model {
    let set = TrainingSet {
        features: Table {
            columns: vec![
                Column::new("Price", Role::Price, Values::Number(made.prices.clone())),
                Column::new(
                    "Segment",
                    Role::Feature,
                    Values::Category {
                        codes: made.segments.clone(),
                        levels: ["Small", "Large", "Odd"].map(str::to_owned).to_vec(),
                    },
                ),
                Column::new(
                    "List",
                    Role::ListPrice,
                    Values::Number(vec![100.0; made.prices.len()]),
                ),
            ],
        },
        outcome: made.won.clone(),
        date: None,
        group: None,
    };
    let mut go_on = |_| ControlFlow::Continue(());
    let trained = train(&set, &TrainOptions::default(), &mut go_on);
    trained.expect("it learns").model
}

fn verdict(content: &PriceContent, group: &str) -> Option<Verdict> {
    let mut all = content.discounts.iter();
    all.find(|of| of.group == group).map(|of| of.verdict)
}

#[test]
fn discounts_and_prices_are_told_from_chance() {
    let made = made();
    let content = analyse(&facts(&made, true), &model(&made), now()).expect("a report");
    assert_eq!(verdict(&content, "Small"), Some(Verdict::Helped));
    assert_eq!(verdict(&content, "Large"), Some(Verdict::BoughtNothing));
    assert_eq!(
        verdict(&content, "Odd"),
        None,
        "it is too small to be tested"
    );
    let large = content.discounts.iter().find(|of| of.group == "Large");
    let large = large.expect("tested");
    assert_eq!(
        (large.deep, large.shallow),
        ((1_000, 2_000), (1_000, 2_000))
    );
    // Deep discounts that were won are 15 % on average and the smaller ones 5.5 %: 9.5 of 100 on each of the 1,000 wins.
    let cost = large.cost.expect("a list price");
    assert!((cost - 9_500.0).abs() < 1e-6, "{cost}");
    let said = |topic: Topic, word: &str| {
        let mut insights = content.insights.iter();
        insights.any(|of| of.topic == topic && of.text.contains(word))
    };
    assert!(said(Topic::Discounts, "“Large”") && said(Topic::Discounts, "ruled out"));

    let all = content.curves.first().expect("a curve");
    assert!(
        all.points
            .windows(2)
            .all(|two| two[1].probability <= two[0].probability + 1e-9)
    );
    assert!(all.ten_per_cent < 0.0, "{all:?}");
    assert_eq!(content.left.wins, 400);
    let counted: usize = content.left.reasons.iter().map(|of| of.wins).sum();
    assert_eq!(
        counted + content.left.far_below,
        400,
        "every win is accounted for"
    );

    let document = document(&content).expect("a document");
    assert!(
        render_document(&document)
            .expect("a page")
            .contains("bought nothing")
    );
    let text = String::from_utf8(csv(&document).expect("a file")).expect("text");
    assert!(text.contains("bought nothing") && text.contains("helped"));
    assert!(pdf(&document).expect("a file").starts_with(b"%PDF-"));
    let json = serde_json::to_string(&content).expect("JSON");
    assert_eq!(
        serde_json::from_str::<PriceContent>(&json).expect("read back"),
        content
    );
}

#[test]
fn without_a_list_price_nothing_is_said_of_discounts() {
    let made = made();
    let content = analyse(&facts(&made, false), &model(&made), now()).expect("a report");
    assert!(content.discounts.is_empty() && content.discount_column.is_empty());
    let mut insights = content.insights.iter();
    assert!(insights.any(|of| of.text.contains("No column tells a list price")));
}
