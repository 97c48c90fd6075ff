//! Target means: no row's own outcome, nor its batch's, can be read off its value.
//!
//! Deliberately proven by flipping outcomes, not by the score of some model.

mod common;

use common::{normal, sigmoid};
use ml::{
    Error, LevelHistory, MISSING_CODE, Order, TARGET_MEAN_STRENGTH, TargetMeans, auc,
    ordered_target_means,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn names(count: usize) -> Vec<String> {
    (0..count).map(|l| format!("level {l:05}")).collect()
}

#[test]
fn by_hand() {
    // Level 0 in order: won, lost, won; level 1: lost. Overall before row 3: 2 rows seen, (1 + 0.5) / 3.
    let codes = [0, 0, 1, 0];
    let won = [true, false, false, true];
    let days = [1, 2, 2, 3];
    let found = ordered_target_means(&codes, &won, None, Order::Time(&days), 2.0).unwrap();
    assert_eq!((found[0], found[2]), (0.0, 0.0));
    let logit = |p: f64| (p / (1.0 - p)).ln();
    // Row 1 sees row 0: overall (1 + 0.5) / 2 = 0.75, level (1 + 2 * 0.75) / 3.
    assert!((found[1] - (logit(2.5 / 3.0) - logit(0.75))).abs() < 1e-12);
    // Row 3 sees rows 0 to 2: overall 1.5 / 4, level (1 + 2 * 0.375) / 4.
    assert!((found[3] - (logit(1.75 / 4.0) - logit(0.375))).abs() < 1e-12);
    // The full table: overall 2.5 / 5, level 0 with 2 of 3.
    let table = TargetMeans::fit(&codes, &names(2), &won, 2.0).unwrap();
    assert!((table.value(Some("level 00000")) - logit(3.0 / 5.0)).abs() < 1e-12);
    assert_eq!(table.value(Some("never met")), 0.0);
    assert_eq!(table.value(None), 0.0);
}

#[test]
fn unique_numbers_carry_nothing() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let won: Vec<bool> = (0..2000).map(|_| rng.random::<f64>() < 0.3).collect();
    let codes: Vec<u32> = (0..2000).collect();
    for order in [Order::Seed(1), Order::Time(&[5; 2000])] {
        let found = ordered_target_means(&codes, &won, None, order, TARGET_MEAN_STRENGTH).unwrap();
        assert!(found.iter().all(|&v| v == 0.0));
    }
}

#[test]
fn flipping_an_outcome_changes_nothing_at_its_own_batch_or_before() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let codes: Vec<u32> = (0..300).map(|_| rng.random_range(0..20)).collect();
    let won: Vec<bool> = (0..300).map(|_| rng.random::<f64>() < 0.4).collect();
    let days: Vec<i32> = (0..300).map(|r| r / 7).collect();
    let groups: Vec<u32> = (0..300).map(|r| r / 3).collect();
    let newest = |g: u32| (0..300).filter(|&r| groups[r] == g).map(|r| days[r]).max();
    let run = |won: &[bool], order: Order<'_>| {
        ordered_target_means(&codes, won, Some(&groups), order, 10.0).unwrap()
    };
    let (by_time, by_seed) = (run(&won, Order::Time(&days)), run(&won, Order::Seed(9)));
    let mut later_moves = 0;
    for flipped in 0..300 {
        let mut other = won.clone();
        other[flipped] = !other[flipped];
        let seeded = run(&other, Order::Seed(9));
        let timed = run(&other, Order::Time(&days));
        for r in 0..300 {
            if groups[r] == groups[flipped] {
                assert_eq!(by_seed[r], seeded[r]);
            }
            if newest(groups[r]) <= newest(groups[flipped]) {
                assert_eq!(by_time[r], timed[r]);
            } else {
                later_moves += usize::from(by_time[r] != timed[r]);
            }
        }
    }
    assert!(later_moves > 0);
}

#[test]
fn noise_levels_do_not_separate_and_true_ones_do() {
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    let effects: Vec<f64> = (0..300).map(|_| normal(&mut rng)).collect();
    let codes: Vec<u32> = (0..6000).map(|_| rng.random_range(0..300)).collect();
    let noise: Vec<bool> = (0..6000).map(|_| rng.random::<f64>() < 0.3).collect();
    let real: Vec<bool> = codes
        .iter()
        .map(|&c| rng.random::<f64>() < sigmoid(effects[c as usize] - 0.8))
        .collect();
    let ordered = |won: &[bool]| {
        let v = ordered_target_means(&codes, won, None, Order::Seed(2), 10.0).unwrap();
        auc(&v, won).unwrap()
    };
    let (by_noise, by_real) = (ordered(&noise), ordered(&real));
    assert!(by_noise.low < 0.5 && by_noise.high > 0.5, "{by_noise:?}");
    assert!(by_real.low > 0.6, "{by_real:?}");
    // The plain mean that looks at all rows, for comparison, separates even noise.
    let table = TargetMeans::fit(&codes, &names(300), &noise, 10.0).unwrap();
    let plain = auc(&table.values(&codes, &names(300)), &noise).unwrap();
    assert!(plain.low > 0.55, "{plain:?}");
}

#[test]
fn rare_levels_are_shrunken_and_tables_survive_storage() {
    let codes: Vec<u32> = (0..200).map(|r| u32::from(r > 0)).collect();
    let won: Vec<bool> = (0..200).map(|r| r == 0 || r % 2 == 0).collect();
    let table = TargetMeans::fit(&codes, &names(2), &won, 10.0).unwrap();
    // One win out of one moves little.
    assert!(table.value(Some("level 00000")) < 0.25);
    let (rows, wins, strength) = table.totals();
    let copy = TargetMeans::from_parts(table.levels().to_vec(), rows, wins, strength);
    assert_eq!(copy, Ok(table.clone()));
    assert_eq!(table.history("level 00001").map(|l| l.rows), Some(199));
    let level = |name: &str, rows, wins| LevelHistory {
        level: name.to_owned(),
        rows,
        wins,
    };
    for bad in [
        vec![level("b", 2, 1), level("a", 2, 1)],
        vec![level("a", 1, 2)],
    ] {
        assert!(TargetMeans::from_parts(bad, 9, 3, 10.0).is_err());
    }
    assert!(TargetMeans::from_parts(Vec::new(), 9, 3, f64::NAN).is_err());
}

#[test]
fn odd_input() {
    let empty = ordered_target_means(&[], &[], None, Order::Seed(1), 10.0);
    assert_eq!(empty, Ok(Vec::new()));
    let missing = ordered_target_means(&[MISSING_CODE; 9], &[true; 9], None, Order::Seed(1), 10.0);
    assert_eq!(missing, Ok(vec![0.0; 9]));
    let one_class = ordered_target_means(&[3; 9], &[true; 9], None, Order::Seed(1), 10.0);
    assert!(one_class.is_ok_and(|v| v.iter().all(|x| x.is_finite())));
    for bad in [
        ordered_target_means(&[1], &[], None, Order::Seed(1), 10.0),
        ordered_target_means(&[1], &[true], None, Order::Seed(1), 0.0),
        ordered_target_means(&[1], &[true], Some(&[]), Order::Seed(1), 10.0),
        ordered_target_means(&[1], &[true], None, Order::Time(&[]), 10.0),
    ] {
        assert!(matches!(bad, Err(Error::InvalidInput { .. })));
    }
    assert!(TargetMeans::fit(&[7], &names(1), &[true], 10.0).is_ok());
}
