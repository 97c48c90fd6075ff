//! Importance and partial dependence of predictors whose truth is known.
//!
//! Deliberately without trained models, whose truth nobody knows.

mod common;

use common::{quotes, sigmoid};
use ml::{
    Column, Error, Role, Shape, Table, Values, group_contributions, mean_absolute_contributions,
    partial_dependence, permutation_importance,
};

fn numbers(table: &Table, name: &str) -> Vec<f64> {
    match &table.column(name).expect("known").values {
        Values::Number(v) => v.clone(),
        _ => panic!("{name} holds numbers"),
    }
}

/// The true probabilities of [`quotes`], region left out.
fn truth(table: &Table) -> Vec<f64> {
    let (price, list, weeks) = (
        numbers(table, "price"),
        numbers(table, "list price"),
        numbers(table, "lead weeks"),
    );
    (0..table.rows())
        .map(|r| sigmoid(-8.0 * (price[r] / list[r] - 0.9) - 0.15 * (weeks[r] - 6.5)))
        .collect()
}

#[test]
fn importance_of_a_known_predictor() {
    let set = quotes(4000, 0.0, 1).set;
    let found = permutation_importance(&truth, &set.features, &set.outcome, None, 5, 7).unwrap();
    let of = |name: &str| found.iter().find(|i| i.column == name).unwrap();
    assert_eq!(found.len(), 5);
    // Whatever the predictor does not look at is worth exactly nothing.
    for name in ["cost", "region"] {
        let worth = of(name);
        assert_eq!(worth.log_loss_increase.value, 0.0);
        assert_eq!(
            (worth.log_loss_increase.high, worth.shuffle_error),
            (0.0, 0.0)
        );
    }
    assert!(of("lead weeks").log_loss_increase.low > 0.0);
    assert!(of("price").log_loss_increase.low > of("lead weeks").log_loss_increase.high);
    assert!(
        found
            .windows(2)
            .all(|w| w[0].log_loss_increase.value >= w[1].log_loss_increase.value)
    );
    let again = permutation_importance(&truth, &set.features, &set.outcome, None, 5, 7);
    assert_eq!(again, Ok(found.clone()));
    let groups: Vec<u32> = (0..4000).map(|r| r / 100).collect();
    let grouped =
        permutation_importance(&truth, &set.features, &set.outcome, Some(&groups), 5, 7).unwrap();
    assert_eq!(
        grouped[0].log_loss_increase.value,
        found[0].log_loss_increase.value
    );
    assert!(grouped[0].log_loss_increase != found[0].log_loss_increase);
}

#[test]
fn importance_matches_its_expectation() {
    // One binary column, p = 0.8 or 0.2, exactly right. Shuffled, half of the rows get the other's probability: the
    // increase is 0.5 * 0.6 * ln 4.
    let x: Vec<f64> = (0..10_000).map(|r| f64::from(r % 2)).collect();
    let won: Vec<bool> = (0..10_000)
        .map(|r| ((r / 2) % 5 == 0) != (r % 2 == 1))
        .collect();
    let table = Table {
        columns: vec![Column::new("x", Role::Feature, Values::Number(x))],
    };
    let predict = |t: &Table| -> Vec<f64> {
        numbers(t, "x")
            .iter()
            .map(|&x| if x == 1.0 { 0.8 } else { 0.2 })
            .collect()
    };
    let found = permutation_importance(&predict, &table, &won, None, 10, 3).unwrap();
    let expected = 0.5 * 0.6 * 4f64.ln();
    let score = found[0].log_loss_increase;
    assert!(
        (score.value - expected).abs() < 0.01,
        "{score:?} is not {expected}"
    );
    assert!(score.low < expected && expected < score.high);
}

#[test]
fn dependence_of_a_known_predictor() {
    let set = quotes(3000, 0.0, 2).set;
    let price = partial_dependence(&truth, &set.features, "price").unwrap();
    assert_eq!((price.shape, price.points.len()), (Shape::Falling, 20));
    assert_eq!(price.points.iter().map(|p| p.support).sum::<usize>(), 3000);
    assert!(price.points.iter().all(|p| p.spread.0 <= p.spread.1));
    assert!(price.points.windows(2).all(|w| w[0].at < w[1].at));
    let region = partial_dependence(&truth, &set.features, "region").unwrap();
    assert_eq!((region.shape, region.points.len()), (Shape::Unordered, 4));
    assert!(region.range < 1e-12);
    let cost = partial_dependence(&truth, &set.features, "cost").unwrap();
    assert_eq!(cost.shape, Shape::Flat);
    // By hand at one point: the mean over all rows with that number of weeks.
    let weeks = partial_dependence(&truth, &set.features, "lead weeks").unwrap();
    let mut table = set
        .features
        .select(&(0..2000).map(|i| i * 3000 / 2000).collect::<Vec<_>>());
    let at = weeks.points[4].at.unwrap();
    table.columns[3].values = Values::Number(vec![at; 2000]);
    let expected = truth(&table).iter().sum::<f64>() / 2000.0;
    assert!((weeks.points[4].probability - expected).abs() < 1e-12);
}

#[test]
fn peaks_dates_and_missing_values() {
    let x: Vec<f64> = (0..500)
        .map(|r| if r % 10 == 0 { f64::NAN } else { f64::from(r) })
        .collect();
    let days = (0..500)
        .map(|r| (r % 7 != 0).then_some(18_000 + r))
        .collect();
    let table = Table {
        columns: vec![
            Column::new("x", Role::Feature, Values::Number(x)),
            Column::new("day", Role::Date, Values::Date(days)),
        ],
    };
    let predict = |t: &Table| -> Vec<f64> {
        let day = match &t.column("day").unwrap().values {
            Values::Date(v) => v.clone(),
            _ => panic!("days"),
        };
        let bend = |x: f64| {
            if x.is_nan() {
                0.9
            } else {
                0.5 - ((x - 250.0) / 600.0).powi(2)
            }
        };
        let late = |d: Option<i32>| d.map_or(0.0, |d| f64::from(d - 18_000) / 5000.0);
        numbers(t, "x")
            .iter()
            .zip(day)
            .map(|(&x, d)| (bend(x) + late(d)).min(1.0))
            .collect()
    };
    let x = partial_dependence(&predict, &table, "x").unwrap();
    assert_eq!(x.shape, Shape::Peak);
    let last = x.points.last().unwrap();
    assert_eq!(
        (last.label.as_str(), last.at, last.support),
        ("missing", None, 50)
    );
    // The missing value does not count towards the range.
    assert!(x.range < 0.25);
    let day = partial_dependence(&predict, &table, "day").unwrap();
    assert_eq!(day.shape, Shape::Rising);
}

#[test]
fn contributions_are_grouped() {
    let sources = [None, Some(0), Some(1), Some(0), Some(9)];
    assert_eq!(
        group_contributions(&[5.0, 1.0, 2.0, -3.0, 4.0], &sources, 2),
        [-2.0, 2.0]
    );
    let rows = [vec![1.0, -2.0], vec![-3.0, 0.0]];
    assert_eq!(mean_absolute_contributions(&rows), [2.0, 1.0]);
    assert!(mean_absolute_contributions(&[]).is_empty());
}

#[test]
fn odd_input() {
    let set = quotes(50, 0.0, 3).set;
    let (table, won) = (&set.features, &set.outcome);
    let silent = |_: &Table| Vec::new();
    let nonsense = |t: &Table| vec![f64::NAN; t.rows()];
    for bad in [
        permutation_importance(&silent, table, won, None, 2, 1),
        permutation_importance(&nonsense, table, won, None, 2, 1),
        permutation_importance(&truth, table, won, None, 0, 1),
        permutation_importance(&truth, table, &won[1..], None, 2, 1),
        permutation_importance(&truth, table, won, Some(&[1]), 2, 1),
        permutation_importance(&silent, &Table::default(), &[], None, 2, 1),
    ] {
        assert!(matches!(bad, Err(Error::InvalidInput { .. })));
    }
    for bad in [
        partial_dependence(&silent, table, "price"),
        partial_dependence(&truth, table, "colour"),
        partial_dependence(&nonsense, table, "region"),
        partial_dependence(&truth, &table.select(&[]), "price"),
    ] {
        assert!(matches!(bad, Err(Error::InvalidInput { .. })));
    }
    assert!(permutation_importance(&truth, &table.select(&[3]), &won[..1], None, 2, 1).is_ok());
}
