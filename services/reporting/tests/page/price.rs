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

const SEGMENTS: [&str; 3] = ["Small", "Large", "Odd"];

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

fn snapshot(made: &Made, list: bool) -> Snapshot {
    let numbers = |name: &str, field: TargetField, numbers: Vec<f64>| SnapshotColumn {
        name: name.to_owned(),
        field: field.into(),
        kind: ColumnKind::Number.into(),
        numbers,
        ..SnapshotColumn::default()
    };
    let mut columns = vec![
        numbers("Price", TargetField::Price, made.prices.clone()),
        category(
            "Segment",
            TargetField::Segment,
            made.segments.clone(),
            &SEGMENTS,
        ),
    ];
    if list {
        let all = vec![100.0; made.prices.len()];
        columns.push(numbers("List", TargetField::ListPrice, all));
    }
    Snapshot {
        outcomes: made.won.clone(),
        columns,
        ..Snapshot::default()
    }
}

fn category(name: &str, field: TargetField, codes: Vec<u32>, levels: &[&str]) -> SnapshotColumn {
    SnapshotColumn {
        name: name.to_owned(),
        field: field.into(),
        kind: ColumnKind::Category.into(),
        codes,
        levels: levels.iter().map(|level| (*level).to_owned()).collect(),
        ..SnapshotColumn::default()
    }
}

/// Two quotes in euros, one in dollars, and so on.
fn currencies(made: &Made) -> Snapshot {
    let mut snapshot = snapshot(made, true);
    let codes = (0..made.prices.len())
        .map(|quote| u32::from(quote % 3 == 2))
        .collect();
    snapshot.columns.push(category(
        "Currency",
        TargetField::Currency,
        codes,
        &["EUR", "USD"],
    ));
    snapshot
}

fn facts(made: &Made, list: bool) -> PriceFacts {
    PriceFacts {
        dataset_id: "d".to_owned(),
        dataset_name: "Quotes".to_owned(),
        model_id: "m".to_owned(),
        decided: quotes::read(snapshot(made, list), &InputSchema::default()).0,
    }
}

fn model(made: &Made) -> Model {
    let list = vec![100.0; made.prices.len()];
    let set = TrainingSet {
        features: Table {
            columns: vec![
                Column::new("Price", Role::Price, Values::Number(made.prices.clone())),
                Column::new(
                    "Segment",
                    Role::Feature,
                    Values::Category {
                        codes: made.segments.clone(),
                        levels: SEGMENTS.map(str::to_owned).to_vec(),
                    },
                ),
                Column::new("List", Role::ListPrice, Values::Number(list)),
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
    // Without days no win is the newest, and all of the file is looked at.
    assert!(!content.left.newest && said(Topic::MoneyLeft, "evenly spaced in the file"));
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
fn wins_far_below_a_better_price_left_money() {
    // A tenth fewer are won at 30 % higher prices, so that the dearest earn most.
    let mut made = Made {
        prices: Vec::new(),
        won: Vec::new(),
        segments: Vec::new(),
    };
    for quote in 0..3_000_usize {
        let price = 70.0 + (quote % 30) as f64;
        made.prices.push(price);
        made.won
            .push((quote * 7_919 % 1_000) as f64 >= 100.0 + 5.0 * (price - 70.0));
        made.segments.push(0);
    }
    let content = analyse(&facts(&made, true), &model(&made), now()).expect("a report");
    let left = &content.left;
    assert!(left.far_below > 50 && left.interval.low > 0.0, "{left:?}");
    let listed: f64 = left.largest.iter().map(|of| of.left).sum();
    assert!(listed > 0.0 && listed <= left.left + 1e-9);
    for of in &left.largest {
        let (now, then) = of.probability;
        assert!(then < now && of.best_price >= 1.05 * of.price, "{of:?}");
        let own = (then * of.best_price - now * of.price) / now;
        assert!((of.left - own).abs() < 1e-6 * own, "{own} {of:?}");
    }
    let said = content
        .insights
        .iter()
        .find(|of| of.topic == Topic::MoneyLeft);
    let said = &said.expect("said").text;
    assert!(said.contains("of revenue on the table"), "{said}");
}

#[test]
fn amounts_of_several_currencies_are_not_added_up() {
    let made = made();
    let mut facts = facts(&made, true);
    let model = model(&made);
    let whole = analyse(&facts, &model, now()).expect("a report");
    let snapshot = currencies(&made);
    facts.decided.columns = quotes::read(snapshot, &InputSchema::default()).0.columns;
    let content = analyse(&facts, &model, now()).expect("a report");
    assert_eq!(content.left.currency, "EUR");
    assert!(content.left.amount < whole.left.amount);
    let mut reasons = content.left.reasons.iter();
    assert!(reasons.any(|of| of.text.contains("another currency") && of.wins > 0 && !of.judged));
    let costs: Vec<Option<f64>> = content.discounts.iter().map(|of| of.cost).collect();
    assert!(costs.iter().all(Option::is_none), "{costs:?}");
}

#[test]
fn without_a_list_price_nothing_is_said_of_discounts() {
    let made = made();
    let content = analyse(&facts(&made, false), &model(&made), now()).expect("a report");
    assert!(content.discounts.is_empty() && content.discount_column.is_empty());
    let mut insights = content.insights.iter();
    assert!(insights.any(|of| of.text.contains("No column tells a list price")));
}
