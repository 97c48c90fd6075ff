//! What is found where the fit is wrong and where it is right.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::table::{Column, Role, Table};

const ROWS: usize = 6000;

/// Two numbers, 60 levels, and outcomes of the log-odds that `truth` gives (row, numbers, level); predictions know
/// nothing but 50 %.
fn shown(seed: u64, truth: impl Fn(usize, [f64; 2], usize) -> f64) -> Doubt {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let numbers: Vec<[f64; 2]> = (0..ROWS)
        .map(|_| [rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0)])
        .collect();
    let level: Vec<usize> = (0..ROWS).map(|_| rng.random_range(0..60)).collect();
    let won: Vec<bool> = (0..ROWS)
        .map(|r| rng.random::<f64>() < sigmoid(truth(r, numbers[r], level[r])))
        .collect();
    let names: Vec<String> = level.iter().map(|l| format!("level {l}")).collect();
    let names: Vec<Option<&str>> = names.iter().map(|n| Some(n.as_str())).collect();
    let number = |k: usize| Values::Number(numbers.iter().map(|x| x[k]).collect());
    let set = TrainingSet {
        features: Table {
            columns: vec![
                Column::new("a", Role::Feature, number(0)),
                Column::new("b", Role::Feature, number(1)),
                Column::from_texts("level", Role::Feature, &names),
            ],
        },
        outcome: won.clone(),
        date: None,
        group: None,
    };
    let rows: Vec<usize> = (0..ROWS).collect();
    let held = HeldBack {
        rows: &rows,
        probabilities: &vec![0.5; ROWS],
        won: &won,
        parts: Some(rows.iter().map(|r| r * 5 / ROWS).collect()),
    };
    doubt(&set, &rows, &held).expect("a valid set")
}

#[test]
fn right_predictions_leave_nothing() {
    let found = (0..20)
        .filter(|&seed| shown(seed, |_, _, _| 0.0) != Doubt::default())
        .count();
    assert!(found <= 1, "{found} of 20");
}

#[test]
fn a_crossing_of_two_numbers_is_left() {
    let doubt = shown(
        1,
        |_, [a, b], _| if (a > 0.0) == (b > 0.0) { 0.6 } else { -0.6 },
    );
    assert!((0.2..0.4).contains(&doubt.pairs[0].0), "{doubt:?}");
    assert!(doubt.drift == 0.0 && doubt.levels.is_empty());
}

#[test]
fn a_slope_that_differs_grows_along_its_number() {
    let doubt = shown(5, |_, [a, _], l| if l < 30 { 0.8 * a } else { -0.8 * a });
    // Numbers are uniform between -1 and 1, so that the variance is a third of 0.64.
    let (variance, along) = doubt.pairs[0];
    assert!((0.12..0.3).contains(&variance), "{doubt:?}");
    assert_eq!(along, Some(Origin::Column(0)));
}

#[test]
fn what_changes_through_time_is_left() {
    let slope = |r: usize| 2.0 * r as f64 / ROWS as f64 - 1.0;
    let doubt = shown(2, |r, [a, _], _| 1.5 * slope(r) * a);
    assert!(doubt.drift > 0.2, "{doubt:?}");
    let doubt = shown(3, |r, _, _| slope(r));
    assert!(doubt.drift > 0.5, "{doubt:?}");
}

#[test]
fn levels_that_differ_are_left() {
    // Alternating by 0.7, so that the variance is 0.49.
    let doubt = shown(4, |_, _, l| if l % 2 == 0 { 0.7 } else { -0.7 });
    assert_eq!(doubt.levels.len(), 1, "{doubt:?}");
    assert!((0.35..0.6).contains(&doubt.levels[0].kept), "{doubt:?}");
}
