//! What a trained model answers: contributions, odd rows, prices, and its bytes.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::sync::LazyLock;

use common::{quotes, sigmoid, train};
use ml::{
    Column, Error, Evidence, MISSING_CODE, Model, NoRecommendation, Objective, Role, Table,
    Trained, TrainingSet, Values,
};
use proptest::prelude::*;

static TRAINED: LazyLock<Trained> = LazyLock::new(|| train(&quotes(1500, 0.0, 4).set, 4).unwrap());

fn row(list: f64, price: f64, cost: f64, lead: f64, region: Option<&str>) -> Table {
    let number = |name: &str, role, x| Column::new(name, role, Values::Number(vec![x]));
    Table {
        columns: vec![
            number("list price", Role::ListPrice, list),
            number("price", Role::Price, price),
            number("cost", Role::Cost, cost),
            number("lead weeks", Role::Feature, lead),
            Column::from_texts("region", Role::Feature, &[region]),
        ],
    }
}

fn maybe(x: std::ops::Range<f64>) -> impl Strategy<Value = f64> {
    prop_oneof![4 => x, 1 => Just(f64::NAN), 1 => Just(0.0)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn contributions_add_up(
        list in maybe(100.0..9e4), price in maybe(1.0..9e4), cost in maybe(1.0..5e4), lead in maybe(-5.0..60.0),
        region in prop_oneof![Just(None), Just(Some("north")), Just(Some("west")), Just(Some("moon"))],
    ) {
        let p = &TRAINED.model.predict(&row(list, price, cost, lead, region)).unwrap()[0];
        let log_odds: f64 = p.contributions.iter().map(|c| c.log_odds).sum();
        let points: f64 = p.contributions.iter().map(|c| c.points).sum();
        prop_assert!((log_odds - (p.log_odds - p.base_log_odds)).abs() < 1e-9);
        prop_assert!((points - (p.probability - sigmoid(p.base_log_odds))).abs() < 1e-9);
        prop_assert!((sigmoid(p.log_odds) - p.probability).abs() < 1e-12);
        prop_assert!(p.low <= p.probability && p.probability <= p.high);
        prop_assert!(p.contributions.iter().all(|c| c.log_odds.is_finite() && c.points.is_finite()));
    }

    #[test]
    fn damaged_bytes_never_pass(at in 0usize..100_000, flip in 1u8..=255) {
        let mut bytes = TRAINED.model.to_bytes();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        prop_assert!(Model::from_bytes(&bytes).is_err());
    }
}

#[test]
fn odd_rows_are_answered_with_warnings() {
    let model = &TRAINED.model;
    let usual = row(3000.0, 2700.0, 1650.0, 6.0, Some("north"));
    let p = &model.predict(&usual).unwrap()[0];
    assert!(p.warnings.is_empty() && p.evidence == Evidence::Solid);
    let odd = row(3000.0, 2700.0, 1650.0, 600.0, Some("moon"));
    let q = &model.predict(&odd).unwrap()[0];
    assert_eq!(q.warnings.len(), 2);
    assert!(q.evidence == Evidence::Usable && q.high - q.low > p.high - p.low);
    let region = q
        .contributions
        .iter()
        .find(|c| c.column == "region")
        .unwrap();
    assert!(region.log_odds.abs() < 1e-9 && region.value == "moon");
    let mut lacking = usual.clone();
    lacking.columns.retain(|c| c.name == "cost");
    let r = &model.predict(&lacking).unwrap()[0];
    assert_eq!(r.warnings.len(), 4);
    assert_eq!(r.evidence, Evidence::Indicative);
    let mut extra = usual.clone();
    extra.columns.push(Column::new(
        "unknown to the model",
        Role::Feature,
        Values::Number(vec![1.0]),
    ));
    assert_eq!(&model.predict(&extra).unwrap()[0], p);
    let mut wrong = usual;
    wrong.columns[3] = Column::from_texts("lead weeks", Role::Feature, &[Some("six")]);
    assert!(matches!(
        model.predict(&wrong),
        Err(Error::ColumnType { .. })
    ));
}

#[test]
fn order_of_levels_and_rows_does_not_matter() {
    let set = quotes(50, 0.0, 77).set;
    let together = TRAINED.model.predict(&set.features).unwrap();
    for (r, expected) in together.iter().enumerate() {
        let mut one = set.features.select(&[r]);
        for column in &mut one.columns {
            if let Values::Category { codes, levels } = &mut column.values {
                let last = levels.len() as u32 - 1;
                levels.reverse();
                codes
                    .iter_mut()
                    .for_each(|c| *c = if *c == MISSING_CODE { *c } else { last - *c });
            }
        }
        assert_eq!(&TRAINED.model.predict(&one).unwrap()[0], expected);
    }
}

#[test]
fn bytes_come_back_as_the_same_model() {
    let bytes = TRAINED.model.to_bytes();
    let back = Model::from_bytes(&bytes).unwrap();
    assert_eq!(back.to_bytes(), bytes);
    assert_eq!(back.schema_hash(), TRAINED.model.schema_hash());
    let table = quotes(40, 0.0, 5).set.features;
    assert_eq!(
        back.predict(&table).unwrap(),
        TRAINED.model.predict(&table).unwrap()
    );
    assert!(matches!(
        Model::from_bytes(&bytes[..bytes.len() / 2]),
        Err(Error::CorruptArtefact { .. })
    ));
    assert!(matches!(
        Model::from_bytes(b""),
        Err(Error::CorruptArtefact { .. })
    ));
}

#[test]
fn every_kind_of_column_survives_storing() {
    let mut set = quotes(500, 0.0, 6).set;
    let days = set.date.clone().unwrap();
    let sparse = (0..500)
        .map(|r| if r % 7 == 0 { None } else { Some(days[r]) })
        .collect();
    set.features
        .columns
        .push(Column::new("quoted on", Role::Date, Values::Date(sparse)));
    let grades = (0..500)
        .map(|r| {
            if r % 11 == 0 {
                f64::NAN
            } else {
                f64::from(r % 4)
            }
        })
        .collect();
    set.features
        .columns
        .push(Column::new("grade", Role::Feature, Values::Number(grades)));
    let names: Vec<Option<String>> = (0..500).map(|r| Some(format!("quote {r}"))).collect();
    set.features
        .columns
        .push(Column::from_texts("number", Role::Feature, &names));
    let running = (0..500).map(f64::from).collect();
    set.features.columns.push(Column::new(
        "running",
        Role::Feature,
        Values::Number(running),
    ));
    let trained = train(&set, 6).unwrap();
    let used = |name: &str| {
        trained
            .model
            .schema()
            .iter()
            .any(|c| c.name == name && c.used)
    };
    assert!(used("quoted on") && used("grade") && !used("number") && !used("running"));
    assert_eq!(
        trained
            .notes
            .iter()
            .filter(|n| n.contains("is not used"))
            .count(),
        2
    );
    let back = Model::from_bytes(&trained.model.to_bytes()).unwrap();
    assert_eq!(
        back.predict(&set.features).unwrap(),
        trained.model.predict(&set.features).unwrap()
    );
    let gap = &trained.model.predict(&set.features.select(&[0])).unwrap()[0];
    assert!(
        gap.warnings.is_empty(),
        "a gap that training knew is no oddity: {:?}",
        gap.warnings
    );
    assert!(
        gap.contributions
            .iter()
            .any(|c| c.column == "grade" && c.value == "(missing)")
    );
}

#[test]
fn recommendations_stay_where_history_is() {
    let history = TRAINED.model.price_history().unwrap();
    let mut given = 0;
    for ratio in [0.72, 0.8, 0.9, 1.0, 1.08] {
        let quote = row(3000.0, 3000.0 * ratio, 1650.0, 6.0, Some("north"));
        match TRAINED.model.recommend_price(&quote) {
            Ok(best) => {
                given += 1;
                let at = best.price / 3000.0;
                assert!(
                    at >= history.quantiles[1] && at <= history.quantiles[2],
                    "{at}"
                );
                assert_eq!(best.objective, Objective::Margin);
                assert!(
                    best.gain_in_expected_value.low > 0.0
                        && best.similar_won <= best.similar_quotes
                );
                assert!(best.statement.contains("association"));
                // The true optimum of this quote: (ratio - 0.55) times the generator's probability.
                let earns = |x: f64| (x - 0.55) * sigmoid(-8.0 * (x - 0.9) - 0.15 * -0.5 + 0.6);
                let optimum = (700..1100)
                    .map(|k| f64::from(k) / 1000.0)
                    .max_by(|a, b| earns(*a).total_cmp(&earns(*b)));
                assert!((at - optimum.unwrap()).abs() < 0.04, "{at} {optimum:?}");
            }
            Err(why) => assert_eq!(why, NoRecommendation::NoClearGain, "{ratio}"),
        }
    }
    assert!(given >= 3);
    let mut costless = quotes(1500, 0.0, 4).set;
    costless.features.columns.retain(|c| c.role != Role::Cost);
    let best = train(&costless, 4).unwrap().model.recommend_price(&row(
        3000.0,
        3000.0,
        f64::NAN,
        6.0,
        Some("north"),
    ));
    assert_eq!(best.map(|r| r.objective), Ok(Objective::Revenue));
    let no_price = row(3000.0, f64::NAN, 1650.0, 6.0, Some("north"));
    assert_eq!(
        TRAINED.model.price_curve(&no_price, 5),
        Err(NoRecommendation::NoPrice)
    );
    let two = quotes(2, 0.0, 1).set.features;
    assert!(matches!(
        TRAINED.model.price_curve(&two, 5),
        Err(NoRecommendation::Unusable(_))
    ));
}

#[test]
fn curve_agrees_with_predictions() {
    let quote = row(3000.0, 2500.0, 1650.0, 6.0, Some("south"));
    for point in TRAINED.model.price_curve(&quote, 9).unwrap() {
        let p = &TRAINED
            .model
            .predict(&row(3000.0, point.price, 1650.0, 6.0, Some("south")))
            .unwrap()[0];
        assert_eq!(
            (p.probability, p.low, p.high),
            (point.probability, point.low, point.high)
        );
        assert!(
            (point.expected_margin.unwrap() - p.probability * (point.price - 1650.0)).abs() < 1e-9
        );
    }
}

#[test]
fn a_price_moves_the_log_odds_as_the_answers_say() {
    let at = |price: f64| row(3000.0, price, 1650.0, 6.0, Some("south"));
    let effects = TRAINED
        .model
        .price_effect(&at(2500.0), &[2500.0, 2900.0, 2200.0])
        .unwrap();
    assert_eq!(
        (effects[0].value, effects[0].low, effects[0].high),
        (0.0, 0.0, 0.0)
    );
    // These quotes are won less often the dearer they are, and the data show it clearly.
    assert!(effects[1].high < 0.0 && effects[2].low > 0.0, "{effects:?}");
    let answers = |price: f64| TRAINED.model.probabilities(&at(price)).unwrap()[0];
    assert!(answers(2900.0) < answers(2500.0) && answers(2500.0) < answers(2200.0));
    let unpriced = row(3000.0, f64::NAN, 1650.0, 6.0, Some("south"));
    assert_eq!(
        TRAINED.model.price_effect(&unpriced, &[1.0]),
        Err(NoRecommendation::NoPrice)
    );
}

#[test]
fn discounts_follow_the_price() {
    let mut set = quotes(600, 0.0, 12).set;
    let number = |at: usize| match &set.features.columns[at].values {
        Values::Number(v) => v.clone(),
        _ => Vec::new(),
    };
    let discount = number(0)
        .iter()
        .zip(number(1))
        .map(|(l, p)| 100.0 * (1.0 - p / l))
        .collect();
    set.features.columns.push(Column::new(
        "discount %",
        Role::Discount,
        Values::Number(discount),
    ));
    let trained = train(&set, 1).unwrap();
    assert!(
        trained
            .notes
            .iter()
            .any(|n| n.contains("discount %") && n.contains("follows"))
    );
}

#[test]
fn encoder_knows_nothing_of_the_test_rows() {
    // A level that occurs in the newest rows only must not help there: shuffling it may not change the test figures.
    let mut set: TrainingSet = quotes(500, 0.0, 13).set;
    let late: Vec<Option<String>> = (0..500)
        .map(|r| {
            Some(if r < 400 {
                "old".to_owned()
            } else {
                format!("new {}", set.outcome[r])
            })
        })
        .collect();
    let plain = train(&set, 1).unwrap().evaluation;
    let constant: Vec<Option<&str>> = (0..500)
        .map(|r| Some(if r % 2 == 0 { "a" } else { "b" }))
        .collect();
    set.features
        .columns
        .push(Column::from_texts("late", Role::Feature, &late));
    let leaking = train(&set, 1).unwrap().evaluation;
    assert_eq!(plain.log_loss, leaking.log_loss);
    assert_eq!(plain.auc, leaking.auc);
    set.features.columns.pop();
    set.features
        .columns
        .push(Column::from_texts("late", Role::Feature, &constant));
    assert!(train(&set, 1).unwrap().evaluation.log_loss != plain.log_loss);
}
