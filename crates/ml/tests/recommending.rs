//! Advice stays inside policy and history, whatever the policy and the quote; prices that fall never cost chances.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod common;

use std::sync::LazyLock;

use common::{normal, sigmoid};
use ml::{
    Advice, Amount, Column, Direction, Evidence, FieldRule, Model, NewValue, NoRecommendation,
    PastQuotes, Question, Role, Support, Table, TrainOptions, TrainingSet, Values, changed,
};
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const TERMS: [&str; 4] = ["14 days", "30 days", "60 days", "on delivery"];

struct World {
    model: Model,
    past: PastQuotes,
    support: Support,
}

/// Quotes that are won more often at lower prices against list and usual price, with fewer weeks, and at longer terms.
/// With `perverse`, a price above the usual one is won more often, which the constraint has to keep out.
fn world(perverse: bool) -> World {
    let rows = 1500;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut numbers: Vec<Vec<f64>> = vec![Vec::new(); 5];
    let (mut terms, mut outcome) = (Vec::new(), Vec::new());
    for _ in 0..rows {
        let list = (7.0 + 0.5 * normal(&mut rng)).exp();
        let ratio: f64 = rng.random_range(0.7..1.1);
        let usual = list * rng.random_range(0.75..1.05);
        let weeks: f64 = rng.random_range(1..13).into();
        let term = [0, 1, 1, 1, 2, 2, 3][rng.random_range(0..7usize)];
        let price = list * ratio;
        let against = (price / usual).ln() * if perverse { 4.0 } else { -3.0 };
        let z = -6.0 * (ratio - 0.9) + against - 0.25 * (weeks - 6.5) + [-0.6, 0.0, 0.8, 0.2][term];
        let cells = [list, price, list * 0.55, usual, weeks];
        numbers.iter_mut().zip(cells).for_each(|(v, x)| v.push(x));
        terms.push(Some(TERMS[term]));
        outcome.push(rng.random::<f64>() < sigmoid(z));
    }
    let named = [
        ("list price", Role::ListPrice),
        ("price", Role::Price),
        ("cost", Role::Cost),
        ("usual price", Role::ReferencePrice),
        ("lead weeks", Role::Feature),
    ];
    let columns = named.iter().zip(numbers);
    let mut columns: Vec<Column> = columns
        .map(|((name, role), v)| Column::new(*name, *role, Values::Number(v)))
        .collect();
    columns.push(Column::from_texts("terms", Role::Feature, &terms));
    let set = TrainingSet {
        features: Table { columns },
        outcome,
        date: None,
        group: None,
    };
    let options = TrainOptions {
        seed: 5,
        ..TrainOptions::default()
    };
    let trained = ml::train(&set, &options, &mut |_| std::ops::ControlFlow::Continue(()));
    let past = PastQuotes {
        table: set.features,
        won: set.outcome,
        ..PastQuotes::default()
    };
    World {
        model: trained.unwrap().model,
        support: Support::new(&past),
        past,
    }
}

static USUAL: LazyLock<World> = LazyLock::new(|| world(false));
static PERVERSE: LazyLock<World> = LazyLock::new(|| world(true));

fn row(list: f64, ratio: f64, usual: f64, weeks: f64, terms: Option<&str>) -> Table {
    let number = |name: &str, role, x| Column::new(name, role, Values::Number(vec![x]));
    Table {
        columns: vec![
            number("list price", Role::ListPrice, list),
            number("price", Role::Price, list * ratio),
            number("cost", Role::Cost, list * 0.55),
            number("usual price", Role::ReferencePrice, list * usual),
            number("lead weeks", Role::Feature, weeks),
            Column::from_texts("terms", Role::Feature, &[terms]),
        ],
    }
}

fn number(table: &Table, name: &str) -> f64 {
    match &table.column(name).unwrap().values {
        Values::Number(v) => v[0],
        other => panic!("{other:?}"),
    }
}

fn evidence(model: &Model, row: &Table) -> Evidence {
    model.predict(row).unwrap()[0].evidence
}

fn advised(
    world: &World,
    row: &Table,
    rules: &[(String, FieldRule)],
) -> Result<Vec<Advice>, NoRecommendation> {
    let question = Question {
        row,
        evidence: evidence(&world.model, row),
        rules,
        past: Some((&world.past, &world.support)),
    };
    let advised = world
        .model
        .advise(&question, &mut |lists| changed(row, lists))?;
    Ok(advised.single.into_iter().chain(advised.pair).collect())
}

fn amount() -> impl Strategy<Value = Option<Amount>> {
    prop_oneof![
        2 => Just(None),
        1 => (0.5..1.5f64).prop_map(|x| Some(Amount::OfValue(x))),
        1 => (1.0..3000.0f64).prop_map(|x| Some(Amount::Absolute(x))),
    ]
}

prop_compose! {
    fn rule()(
        changeable in prop::bool::weighted(0.8),
        direction in prop_oneof![Just(Direction::Both), Just(Direction::Up), Just(Direction::Down)],
        step in prop_oneof![
            2 => Just(None),
            1 => (0.005..0.2f64).prop_map(|x| Some(Amount::OfValue(x))),
            1 => (0.5..50.0f64).prop_map(|x| Some(Amount::Absolute(x))),
        ],
        lower in amount(),
        upper in amount(),
        allowed in prop::sample::subsequence(TERMS.to_vec(), 0..=4),
    ) -> FieldRule {
        let allowed = allowed.into_iter().map(str::to_owned).collect();
        FieldRule { changeable, direction, step, lower, upper, allowed }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn advice_keeps_to_policy_and_history(
        list in 300.0..6000.0f64, ratio in 0.6..1.3f64, usual in 0.7..1.1f64, weeks in -2.0..20.0f64,
        terms in prop_oneof![Just(None), Just(Some("30 days")), Just(Some("14 days")), Just(Some("never"))],
        rules in prop::collection::vec(rule(), 4),
    ) {
        let world = &*USUAL;
        let row = row(list, ratio, usual, weeks.round(), terms);
        let names = ["price", "lead weeks", "terms", "usual price"];
        let rules: Vec<(String, FieldRule)> =
            names.iter().zip(rules).map(|(n, r)| ((*n).to_owned(), r)).collect();
        let Ok(given) = advised(world, &row, &rules) else { return Ok(()) };
        prop_assert!(evidence(&world.model, &row) != Evidence::Indicative);
        let own = world.model.predict(&row).unwrap()[0].probability;
        for advice in given {
            for change in &advice.changes {
                let rule = &rules.iter().find(|(n, _)| *n == change.column).unwrap().1;
                match &change.to {
                    NewValue::Number(to) => {
                        prop_assert!(rule.allows_number(number(&row, &change.column), *to), "{change:?} {rule:?}");
                        let history = world.model.price_history().unwrap();
                        let at = to / list;
                        let known = if change.column == "price" {
                            at >= history.quantiles[1] && at <= history.quantiles[2]
                        } else {
                            world.support.supports_number(&change.column, *to)
                        };
                        prop_assert!(known, "{change:?}");
                    }
                    NewValue::Text(to) => {
                        prop_assert!(rule.allows_text(terms, to), "{change:?} {rule:?}");
                        prop_assert!(world.support.supports_level(&change.column, to), "{change:?}");
                    }
                }
            }
            let after = &world.model.predict(&changed(&row, std::slice::from_ref(&advice.changes))).unwrap()[0];
            prop_assert_eq!((after.probability, after.low, after.high), (advice.probability, advice.low, advice.high));
            prop_assert!((advice.gain.value - (after.probability - own)).abs() < 1e-12);
            prop_assert!(advice.gain.low > 0.0 && advice.similar_quotes >= 10);
            prop_assert!(advice.similar_won <= advice.similar_quotes);
            prop_assert!(advice.expected_gain.is_some_and(|(_, gain)| gain.value >= 0.0));
            prop_assert!(advice.statement.contains("association"));
        }
    }

    #[test]
    fn recommended_prices_keep_to_the_rule(
        list in 300.0..6000.0f64, ratio in 0.6..1.2f64, rule in rule(),
    ) {
        let model = &USUAL.model;
        let row = row(list, ratio, 0.9, 6.0, Some("30 days"));
        let history = model.price_history().unwrap();
        let check = |price: f64| {
            let at = price / list;
            rule.allows_number(list * ratio, price) && at >= history.quantiles[1] && at <= history.quantiles[2]
        };
        if let Ok(best) = model.recommend_price_within(&row, evidence(model, &row), &rule) {
            prop_assert!(check(best.price), "{} {rule:?}", best.price / list);
        }
        let Ok(guide) = model.price_guide(&row, 11, &rule) else { return Ok(()) };
        if let Ok(guided) = guide.guided {
            let prices = [guided.floor.price, guided.target.price, guided.stretch.price];
            prop_assert!(prices.is_sorted());
            prop_assert!(prices.iter().all(|&p| check(p)), "{prices:?} {rule:?}");
            let earns = |p: &ml::PricePoint| p.expected_margin.unwrap();
            let most = earns(&guided.target);
            prop_assert!(earns(&guided.floor) >= 0.95 * most && earns(&guided.stretch) >= 0.95 * most);
        }
    }

    #[test]
    fn a_lower_price_never_lowers_the_chance(
        list in 300.0..6000.0f64, usual in 0.5..1.5f64, weeks in 1.0..13.0f64,
        from in 0.3..1.6f64, cut in 0.0..0.5f64, perverse: bool,
    ) {
        let world = if perverse { &*PERVERSE } else { &*USUAL };
        prop_assert!(world.model.price_is_monotone());
        let at = |ratio: f64| {
            world.model.predict(&row(list, ratio, usual, weeks.round(), Some("30 days"))).unwrap()[0].probability
        };
        prop_assert!(at(from * (1.0 - cut)) >= at(from) - 1e-12);
        let curve = world.model.price_curve(&row(list, from, usual, weeks.round(), None), 40).unwrap();
        prop_assert!(curve.windows(2).all(|w| w[0].probability >= w[1].probability - 1e-12));
    }
}

#[test]
fn what_helps_is_recommended() {
    let world = &*USUAL;
    let rules: Vec<(String, FieldRule)> = ["terms", "lead weeks", "price"]
        .map(|name| (name.to_owned(), FieldRule::default()))
        .to_vec();
    let row = row(2000.0, 1.0, 0.9, 9.0, Some("14 days"));
    let given = advised(world, &row, &rules).unwrap();
    let to = |name: &str| {
        let found = given
            .iter()
            .find(|a| a.changes.len() == 1 && a.changes[0].column == name);
        found.map(|a| a.changes[0].to.clone())
    };
    assert_eq!(to("terms"), Some(NewValue::Text("60 days".to_owned())));
    let Some(NewValue::Number(weeks)) = to("lead weeks") else {
        panic!("{given:?}")
    };
    assert!(weeks <= 3.0 && weeks.fract() == 0.0, "{weeks}");
    let Some(NewValue::Number(price)) = to("price") else {
        panic!("{given:?}")
    };
    assert!(price < 2000.0, "only what raises the chance: {price}");
    let pair = given.last().unwrap();
    assert_eq!(pair.changes.len(), 2, "{pair:?}");
    assert!(pair.gain.value > given[0].gain.value);
}

#[test]
fn silence_has_a_reason() {
    let world = &*USUAL;
    let row = row(2000.0, 0.9, 0.9, 6.0, Some("30 days"));
    let rules = |name: &str, rule: FieldRule| vec![(name.to_owned(), rule)];
    let fixed = FieldRule {
        changeable: false,
        ..FieldRule::default()
    };
    for rules in [
        vec![],
        rules("terms", fixed.clone()),
        rules("no such column", FieldRule::default()),
    ] {
        assert_eq!(
            advised(world, &row, &rules),
            Err(NoRecommendation::NothingChangeable)
        );
    }
    let worse = FieldRule {
        allowed: vec!["14 days".to_owned()],
        ..FieldRule::default()
    };
    assert_eq!(
        advised(world, &row, &rules("terms", worse)),
        Err(NoRecommendation::NoChange)
    );
    let question = Question {
        row: &row,
        evidence: Evidence::Indicative,
        rules: &rules("terms", FieldRule::default()),
        past: Some((&world.past, &world.support)),
    };
    let thin = world
        .model
        .advise(&question, &mut |lists| changed(&row, lists));
    assert_eq!(thin, Err(NoRecommendation::ThinEvidence));
    let priced = world
        .model
        .recommend_price_within(&row, Evidence::Solid, &fixed);
    assert_eq!(priced, Err(NoRecommendation::NotAllowed));
}

#[test]
fn floor_target_and_stretch_are_where_the_truth_is_flat() {
    let row = row(2000.0, 1.0, 0.9, 6.0, Some("30 days"));
    let guide = USUAL
        .model
        .price_guide(&row, 21, &FieldRule::default())
        .unwrap();
    assert_eq!(guide.points.len(), 21);
    assert_eq!(guide.quoted.price, 2000.0);
    let guided = guide.guided.unwrap();
    // The generator's own expected margin, over a grid.
    let earns = |x: f64| {
        let z = -6.0 * (x - 0.9) - 3.0 * (x / 0.9).ln() - 0.25 * -0.5;
        (x - 0.55) * sigmoid(z)
    };
    let grid = || (700..1100).map(|k| f64::from(k) / 1000.0);
    let best = grid()
        .max_by(|a, b| earns(*a).total_cmp(&earns(*b)))
        .unwrap();
    let target = guided.target.price / 2000.0;
    assert!((target - best).abs() < 0.05, "{target} {best}");
    let kept = |price: f64| earns(price / 2000.0) / earns(best);
    assert!(kept(guided.floor.price) > 0.88 && kept(guided.stretch.price) > 0.88);
    assert!(guided.floor.price < guided.target.price && guided.target.price < guided.stretch.price);
    assert!(guided.floor.past_quotes >= 10);
}
