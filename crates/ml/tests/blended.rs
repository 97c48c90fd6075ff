//! Models with a boosted part: explanations, storing, threads, prices, honesty.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::ops::ControlFlow;
use std::sync::LazyLock;

use common::{normal, quotes, sigmoid, train};
use ml::{
    Column, Evidence, Model, Role, Table, TrainOptions, Trained, TrainingSet, Values, evaluate,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Quotes whose chance bends and interacts, so that no linear model follows: price relative to list price matters in one
/// segment only, the size has a best value, missing contact is bad.
fn bent(rows: usize, seed: u64) -> TrainingSet {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut list, mut price, mut size, mut segment) = (vec![], vec![], vec![], vec![]);
    let (mut outcome, mut day) = (vec![], vec![]);
    for row in 0..rows {
        let l = (7.0 + 0.6 * normal(&mut rng)).exp();
        let ratio = rng.random_range(0.7..1.1);
        let s = rng.random_range(-2.0..2.0);
        let place = rng.random_range(0..3usize);
        let gone = rng.random::<f64>() < 0.15;
        let steep = if place == 0 { -14.0 } else { -2.0 };
        let z = 1.2 + steep * (ratio - 0.9) - s * s * 1.2 - if gone { 1.5 } else { 0.0 };
        outcome.push(rng.random::<f64>() < sigmoid(z));
        list.push(l);
        price.push(l * ratio);
        size.push(if gone { f64::NAN } else { s });
        segment.push(Some(["public", "retail", "other"][place]));
        day.push(18_000 + (row * 700 / rows) as i32);
    }
    let columns = vec![
        Column::new("list", Role::ListPrice, Values::Number(list)),
        Column::new("price", Role::Price, Values::Number(price)),
        Column::new("size", Role::Feature, Values::Number(size)),
        Column::from_texts("segment", Role::Feature, &segment),
    ];
    TrainingSet {
        features: Table { columns },
        outcome,
        date: Some(day),
        group: None,
    }
}

static BENT: LazyLock<Trained> = LazyLock::new(|| train(&bent(3000, 1), 1).unwrap());

fn loss_of(trained: &Trained, candidate: &str) -> f64 {
    trained
        .candidate(candidate)
        .unwrap()
        .evaluation
        .log_loss
        .value
}

#[test]
fn bends_are_found_and_blended() {
    let [_, boosted, _] = BENT.model.blend();
    assert!(boosted > 0.5 && BENT.beats_base_rate);
    let found = loss_of(&BENT, ml::BOOSTED);
    assert!(found < 0.97 * loss_of(&BENT, ml::LOGISTIC));
    let better = found.min(loss_of(&BENT, ml::LOGISTIC));
    assert!(BENT.evaluation.log_loss.value < 1.005 * better);
    assert!(
        BENT.families
            .iter()
            .any(|tried| tried.family.contains("additive"))
    );
    assert!(
        BENT.parameters
            .iter()
            .any(|(name, _)| name == "boosted rounds")
    );
    assert_eq!(BENT.importance.len(), 4);
    assert!(BENT.importance[0].log_loss_increase.low > 0.0);
}

#[test]
fn contributions_add_up() {
    for p in BENT.model.predict(&bent(300, 2).features).unwrap() {
        let log_odds: f64 = p.contributions.iter().map(|c| c.log_odds).sum();
        let points: f64 = p.contributions.iter().map(|c| c.points).sum();
        assert!((log_odds - (p.log_odds - p.base_log_odds)).abs() < 1e-9);
        assert!((points - (p.probability - sigmoid(p.base_log_odds))).abs() < 1e-9);
        assert!((sigmoid(p.log_odds) - p.probability).abs() < 1e-12);
        assert!(p.low < p.probability && p.probability < p.high);
        assert_eq!(p.evidence, Evidence::Solid);
    }
}

#[test]
fn bytes_come_back_as_the_same_model() {
    let bytes = BENT.model.to_bytes();
    let back = Model::from_bytes(&bytes).unwrap();
    assert_eq!(back.to_bytes(), bytes);
    let table = bent(200, 3).features;
    assert_eq!(
        back.predict(&table).unwrap(),
        BENT.model.predict(&table).unwrap()
    );
    assert_eq!(back.blend(), BENT.model.blend());
}

#[test]
fn threads_change_no_byte() {
    let set = bent(700, 4);
    let with = |threads: usize| {
        let options = TrainOptions {
            threads,
            seed: 9,
            ..TrainOptions::default()
        };
        let go_on = &mut |_: ml::Progress| ControlFlow::Continue(());
        let trained = ml::train(&set, &options, go_on).unwrap();
        (trained.model.to_bytes(), trained.evaluation)
    };
    let one = with(1);
    assert_eq!(one, with(2));
    assert_eq!(one, with(3));
}

#[test]
fn a_lower_price_never_lowers_the_chance() {
    // In this market a dear quote wins more often in one segment: the constraint has something to hold.
    let mut set = bent(1500, 5);
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    if let Values::Number(price) = &set.features.columns[1].values {
        for (won, price) in set.outcome.iter_mut().zip(price) {
            *won |= price % 100.0 > 80.0 && rng.random::<f64>() < 0.7;
        }
    }
    for wanted in [None, Some(true)] {
        let options = TrainOptions {
            monotone_price: wanted,
            ..TrainOptions::default()
        };
        let model = ml::train(&set, &options, &mut |_| ControlFlow::Continue(()))
            .unwrap()
            .model;
        assert!(model.price_is_monotone());
        for row in (0..1500).step_by(151) {
            let quote = set.features.select(&[row]);
            let curve = model.price_curve(&quote, 80).unwrap();
            assert!(
                curve
                    .windows(2)
                    .all(|w| w[0].probability >= w[1].probability)
            );
            let mut many = set.features.select(&vec![row; 300]);
            let prices = (1..=300).map(|k| f64::from(k) * 20.0).collect();
            many.columns[1].values = Values::Number(prices);
            let p = model.predict(&many).unwrap();
            assert!(p.windows(2).all(|w| w[0].probability >= w[1].probability));
        }
    }
    let options = TrainOptions {
        monotone_price: Some(false),
        ..TrainOptions::default()
    };
    let free = ml::train(&set, &options, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(!free.model.price_is_monotone());
}

#[test]
fn noise_with_many_columns_serves_the_base_rate() {
    let mut served = 0;
    for seed in 0..10 {
        let mut rng = ChaCha8Rng::seed_from_u64(300 + seed);
        let rows = [60, 150, 500, 1500, 3000][seed as usize % 5];
        let mut columns: Vec<Column> = (0..8)
            .map(|c| {
                let v = (0..rows).map(|_| normal(&mut rng)).collect();
                Column::new(format!("n{c}"), Role::Feature, Values::Number(v))
            })
            .collect();
        let names: Vec<Option<String>> = (0..rows)
            .map(|_| Some(format!("k{}", rng.random_range(0..9))))
            .collect();
        columns.push(Column::from_texts("kind", Role::Feature, &names));
        let outcome: Vec<bool> = (0..rows).map(|_| rng.random::<f64>() < 0.35).collect();
        let set = TrainingSet {
            features: Table { columns },
            outcome,
            date: None,
            group: None,
        };
        let trained = train(&set, seed).unwrap();
        served += usize::from(trained.model.serves_base_rate());
        if trained.model.serves_base_rate() {
            assert_eq!(trained.model.blend(), [0.0, 0.0, 1.0]);
        }
        // Even when chance passes for signal, little is made of it.
        let e = &trained.evaluation;
        assert!(e.log_loss.value < 1.06 * e.base_log_loss.value, "{seed}");
    }
    assert!(served >= 8, "{served} of 10");
}

#[test]
fn a_leaking_column_is_named() {
    let mut set = bent(600, 31);
    let paid = set
        .outcome
        .iter()
        .map(|&won| if won { 30.0 } else { f64::NAN })
        .collect();
    let column = Column::new("days to payment", Role::Feature, Values::Number(paid));
    set.features.columns.push(column);
    let trained = train(&set, 1).unwrap();
    assert_eq!(trained.leaks[0].column, "days to payment");
    assert!(
        trained
            .notes
            .iter()
            .any(|n| n.contains("days to payment") && n.contains("known only after"))
    );
    assert!(BENT.leaks.is_empty());
}

#[test]
fn linear_truth_keeps_its_linear_model() {
    let set = quotes(1500, 0.0, 21);
    let trained = train(&set.set, 2).unwrap();
    let [linear, _, _] = trained.model.blend();
    assert!(linear > 0.4, "{linear}");
    let p: Vec<f64> = trained
        .model
        .predict(&set.set.features)
        .unwrap()
        .iter()
        .map(|p| p.probability)
        .collect();
    let against_truth = p.iter().zip(&set.truth).map(|(p, t)| (p - t).powi(2));
    assert!((against_truth.sum::<f64>() / 1500.0).sqrt() < 0.06);
    assert!(
        evaluate(&p, &set.set.outcome, 0.5, 0.5, 1)
            .auc
            .unwrap()
            .value
            > 0.7
    );
}

#[test]
fn hopeless_tables_are_refused_or_answered() {
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let wide = Table {
        columns: (0..200)
            .map(|c| {
                let v = (0..30).map(|_| rng.random()).collect();
                Column::new(format!("c{c}"), Role::Feature, Values::Number(v))
            })
            .collect(),
    };
    let set = |features: Table, outcome: Vec<bool>| TrainingSet {
        features,
        outcome,
        date: None,
        group: None,
    };
    let third: Vec<bool> = (0..30).map(|r| r % 3 == 0).collect();
    let trained = train(&set(wide, third.clone()), 1).unwrap();
    assert_eq!(trained.evidence, Evidence::Indicative);
    let separated = (0..300).map(|r| f64::from(r % 300)).collect();
    let column = Column::new("x", Role::Discount, Values::Number(separated));
    let half: Vec<bool> = (0..300).map(|r| r >= 150).collect();
    let table = Table {
        columns: vec![column],
    };
    let trained = train(&set(table, half), 1).unwrap();
    assert!(trained.beats_base_rate && trained.evaluation.log_loss.value < 0.2);
    let constant = Column::new("x", Role::Feature, Values::Number(vec![1.0; 30]));
    let table = Table {
        columns: vec![constant],
    };
    assert!(train(&set(table, third), 1).is_err());
}
