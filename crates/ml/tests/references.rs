//! Reference prices: what a price is compared with when there is no list price, only earlier quotes.
//!
//! Deliberately on generated quotes of which the truth is known: the price relative to the customer's usual one decides.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::sync::LazyLock;

use common::{normal, sigmoid, train};
use ml::{Column, Model, Role, Table, Trained, TrainingSet, Values};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CUSTOMERS: usize = 400;
const USUAL: &str = "usual price";

static TRAINED: LazyLock<Trained> = LazyLock::new(|| train(&history(2400), 3).unwrap());

/// Quotes of customers that buy things of very different price; a win is likelier the further the price is below the
/// geometric mean of the customer's earlier ones, which is missing for the first.
fn history(rows: usize) -> TrainingSet {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let levels: Vec<f64> = (0..CUSTOMERS)
        .map(|_| 7.0 + 1.2 * normal(&mut rng))
        .collect();
    let mut sums = vec![(0.0, 0.0); CUSTOMERS];
    let (mut price, mut usual, mut name, mut outcome) = (vec![], vec![], vec![], vec![]);
    for _ in 0..rows {
        let customer = rng.random_range(0..CUSTOMERS);
        let log = levels[customer] + 0.2 * normal(&mut rng);
        let (sum, count) = &mut sums[customer];
        let reference = if *count > 0.0 {
            *sum / *count
        } else {
            f64::NAN
        };
        let z = if reference.is_nan() {
            0.0
        } else {
            -8.0 * (log - reference)
        };
        (*sum, *count) = (*sum + log, *count + 1.0);
        price.push(log.exp());
        usual.push(reference.exp());
        name.push(Some(format!("customer {customer}")));
        outcome.push(rng.random::<f64>() < sigmoid(z));
    }
    let columns = vec![
        Column::new("price", Role::Price, Values::Number(price)),
        Column::new(USUAL, Role::ReferencePrice, Values::Number(usual)),
        Column::from_texts("customer", Role::Feature, &name),
    ];
    TrainingSet {
        features: Table { columns },
        outcome,
        date: Some((0..rows).map(|row| 18_000 + row as i32 / 3).collect()),
        group: None,
    }
}

fn quote(price: f64, usual: f64) -> Table {
    Table {
        columns: vec![
            Column::new("price", Role::Price, Values::Number(vec![price])),
            Column::new(USUAL, Role::ReferencePrice, Values::Number(vec![usual])),
            Column::from_texts("customer", Role::Feature, &[Some("customer 7")]),
        ],
    }
}

fn part(model: &Model, quote: &Table) -> (f64, String) {
    let answer = model.predict(quote).unwrap().remove(0);
    let sum: f64 = answer.contributions.iter().map(|c| c.log_odds).sum();
    assert!((sum - (answer.log_odds - answer.base_log_odds)).abs() < 1e-9);
    let mut parts = answer.contributions.into_iter();
    let part = parts.find(|c| c.column == USUAL).unwrap();
    (part.log_odds, part.value)
}

#[test]
fn prices_are_judged_by_the_customers_usual_one() {
    let with = TRAINED.evaluation.auc.unwrap();
    let mut set = history(2400);
    set.features.columns.retain(|c| c.name != USUAL);
    let without = train(&set, 3).unwrap().evaluation.auc;
    let without = without.map_or(0.5, |auc| auc.value);
    assert!(
        with.low > without + 0.05,
        "{with:?} with, {without} without"
    );
    assert_eq!(TRAINED.importance[0].column, USUAL);
}

#[test]
fn a_lower_price_moves_the_ratio_and_nothing_else_of_the_reference() {
    let model = &TRAINED.model;
    let (dear, dear_text) = part(model, &quote(1200.0, 1000.0));
    let (same, same_text) = part(model, &quote(1000.0, 1000.0));
    let (cheap, cheap_text) = part(model, &quote(800.0, 1000.0));
    assert!(cheap > same + 0.5 && same > dear + 0.5);
    assert_eq!(dear_text, "1000, the price is 20 % above");
    assert_eq!(same_text, "1000, the price is about the same");
    assert_eq!(cheap_text, "1000, the price is 20 % below");
    let (scaled, _) = part(model, &quote(1600.0, 2000.0));
    assert!((scaled - cheap).abs() < 1e-9);
}

#[test]
fn the_price_curve_moves_the_ratio_along() {
    let model = &TRAINED.model;
    let curve = model.price_curve(&quote(1000.0, 1000.0), 9).unwrap();
    for point in &curve {
        let alone = &model.predict(&quote(point.price, 1000.0)).unwrap()[0];
        assert!((point.probability - alone.probability).abs() < 1e-12);
    }
    let (first, last) = (&curve[0], &curve[curve.len() - 1]);
    assert!(first.probability > last.probability + 0.3);
}

#[test]
fn a_customer_without_a_past_is_nothing_odd() {
    let answer = &TRAINED
        .model
        .predict(&quote(1000.0, f64::NAN))
        .unwrap()
        .remove(0);
    assert!(answer.warnings.is_empty(), "{:?}", answer.warnings);
    assert_eq!(
        part(&TRAINED.model, &quote(1000.0, f64::NAN)).1,
        "(missing)"
    );
}

#[test]
fn what_grows_with_time_may_be_beyond_the_trained_range() {
    let mut set = history(600);
    let earlier = (0..600).map(|row| f64::from(row) / 2.0).collect();
    let earlier = Column::new("earlier quotes", Role::Growing, Values::Number(earlier));
    set.features.columns.push(earlier.clone());
    let model = train(&set, 2).unwrap().model;
    let warnings = |count: f64| {
        let mut quote = quote(1000.0, 1000.0);
        let values = Values::Number(vec![count]);
        let column = Column {
            values,
            ..earlier.clone()
        };
        quote.columns.push(column);
        model.predict(&quote).unwrap().remove(0).warnings
    };
    assert!(warnings(900.0).is_empty(), "{:?}", warnings(900.0));
    assert_eq!(warnings(-5.0).len(), 1);
}

#[test]
fn references_survive_storing() {
    let bytes = TRAINED.model.to_bytes();
    let back = Model::from_bytes(&bytes).unwrap();
    assert_eq!(back.to_bytes(), bytes);
    let role = |model: &Model| model.schema()[1].role;
    assert_eq!(
        (role(&back), back.schema()[1].used),
        (Role::ReferencePrice, true)
    );
}

#[test]
fn a_reference_without_prices_is_left_out_with_a_reason() {
    let mut set = history(600);
    let regions: Vec<_> = (0..600)
        .map(|row| Some(["north", "south"][row % 2]))
        .collect();
    set.features.columns[0] = Column::from_texts("region", Role::Feature, &regions);
    let trained = train(&set, 1).unwrap();
    let reason = "Column \"usual price\" is not used: too few quotes have both it and a price.";
    assert!(
        trained.notes.iter().any(|n| n == reason),
        "{:?}",
        trained.notes
    );
    set.features.columns[1].values = Values::Date(vec![None; 600]);
    assert!(set.validate().is_err());
}
