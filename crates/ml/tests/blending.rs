//! Blending: signal is found, noise is left to the base rate, no blend is worse than its parts.
//!
//! Deliberately on drawn data with known truth; figures of other programs are in `references`.

mod common;

use common::{normal, sigmoid};
use ml::{Error, fit_blend};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Outcomes of rows with true log-odds, and what candidates with errors of the given sizes say.
fn sample(rows: usize, seed: u64, spread: f64, errors: &[f64]) -> (Vec<Vec<f64>>, Vec<bool>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut told = vec![Vec::new(); errors.len()];
    let mut won = Vec::new();
    for _ in 0..rows {
        let z = -0.8 + spread * normal(&mut rng);
        won.push(rng.random::<f64>() < sigmoid(z));
        for (told, error) in told.iter_mut().zip(errors) {
            told.push(sigmoid(z + error * normal(&mut rng)));
        }
    }
    (told, won)
}

fn rate(won: &[bool]) -> Vec<f64> {
    vec![won.iter().filter(|&&y| y).count() as f64 / won.len() as f64; won.len()]
}

#[test]
fn two_equal_candidates_share_the_weight() {
    let (told, won) = sample(8000, 1, 1.2, &[1.0, 1.0]);
    let choice = fit_blend(&told, &rate(&won), &won, None).unwrap();
    let [a, b] = choice.blend.weights[..] else {
        panic!("two weights")
    };
    assert!(choice.beats_base_rate);
    assert!((a - b).abs() < 0.12, "{a} {b}");
    // Both err, so the mean of the two is dampened towards the base rate: 1.44 / (1.44 + 0.5) = 0.74 by regression.
    assert!((a + b - 0.74).abs() < 0.08, "{a} {b}");
    assert!(choice.log_loss < choice.candidates[0] && choice.log_loss < choice.candidates[1]);
    assert!((a + b + choice.blend.base_weight - 1.0).abs() < 1e-12);
}

#[test]
fn the_optimum_cannot_be_moved_away_from() {
    for seed in 0..5 {
        let (told, won) = sample(1500, 10 + seed, 1.0, &[0.6, 1.1, 0.9]);
        let base = rate(&won);
        let choice = fit_blend(&told, &base, &won, None).unwrap();
        let loss = |weights: &[f64], base_weight: f64| {
            let blend = ml::Blend {
                weights: weights.to_vec(),
                base_weight,
            };
            (0..won.len())
                .map(|r| {
                    let p = blend.probability(&[told[0][r], told[1][r], told[2][r]], base[r]);
                    -(if won[r] { p } else { 1.0 - p }).ln()
                })
                .sum::<f64>()
                / won.len() as f64
        };
        let w = &choice.blend.weights;
        assert!((loss(w, choice.blend.base_weight) - choice.log_loss).abs() < 1e-9);
        // Along every member that the choice kept, no small exchange with the base rate helps.
        for at in (0..3).filter(|&k| w[k] > 0.0) {
            for step in [-0.02, 0.02] {
                let mut moved = w.clone();
                moved[at] += step;
                let base_weight = 1.0 - moved.iter().sum::<f64>();
                if moved[at] >= 0.0 && base_weight >= 0.0 {
                    assert!(loss(&moved, base_weight) >= choice.log_loss - 1e-9);
                }
            }
        }
    }
}

#[test]
fn pure_noise_goes_to_the_base_rate() {
    let mut passed = 0;
    for seed in 0..40 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let won: Vec<bool> = (0..400).map(|_| rng.random::<f64>() < 0.3).collect();
        let noise = || -> Vec<f64> { vec![0.0; 400] };
        let mut told = [noise(), noise()];
        for told in &mut told {
            told.iter_mut()
                .for_each(|p| *p = sigmoid(-0.8 + 0.5 * normal(&mut rng)));
        }
        let choice = fit_blend(&told, &rate(&won), &won, None).unwrap();
        if choice.beats_base_rate {
            passed += 1;
        } else {
            assert_eq!(choice.blend.weights, [0.0, 0.0]);
            assert_eq!(choice.blend.base_weight, 1.0);
            assert_eq!(choice.log_loss, choice.base_log_loss);
        }
    }
    assert!(passed <= 5, "noise passed for signal {passed} times of 40");
}

#[test]
fn never_far_from_the_better_candidate() {
    for seed in 0..30 {
        let errors = [0.2 + f64::from(seed as u32) / 15.0, 0.7];
        let (told, won) = sample(200 + 100 * seed as usize, 100 + seed, 0.9, &errors);
        let choice = fit_blend(&told, &rate(&won), &won, None).unwrap();
        if choice.beats_base_rate {
            let better = choice.candidates[0].min(choice.candidates[1]);
            assert!(choice.log_loss <= 1.005 * better);
        }
    }
}

#[test]
fn a_useless_companion_gets_nothing() {
    let (mut told, won) = sample(3000, 7, 1.2, &[0.0, 0.0]);
    let mut rng = ChaCha8Rng::seed_from_u64(8);
    told[1]
        .iter_mut()
        .for_each(|p| *p = sigmoid(2.0 * normal(&mut rng)));
    let choice = fit_blend(&told, &rate(&won), &won, None).unwrap();
    assert_eq!(choice.blend.weights[1], 0.0);
    // One, within three standard errors (0.034 each) and a little less for the weights that are usual.
    assert!(choice.blend.weights[0] > 0.88, "{:?}", choice.blend);
}

#[test]
fn odd_input() {
    let won = [true, false, true];
    let base = [0.5; 3];
    let none = fit_blend(&[], &base, &won, None).unwrap();
    assert_eq!((none.blend.base_weight, none.beats_base_rate), (1.0, false));
    assert!(matches!(
        fit_blend(&[vec![0.5; 2]], &base, &won, None),
        Err(Error::InvalidInput { .. })
    ));
    assert!(fit_blend(&[vec![f64::NAN; 3]], &base, &won, None).is_err());
    assert!(fit_blend(&vec![vec![0.5; 3]; 7], &base, &won, None).is_err());
    assert!(fit_blend(&[], &[], &[], None).is_err());
    // Certain probabilities, one outcome, one group: finite weights and no panic.
    let sure = fit_blend(&[vec![1.0, 0.0, 1.0]], &base, &won, None).unwrap();
    assert!(sure.log_loss.is_finite());
    assert!(fit_blend(&[vec![0.9; 3]], &[1.0; 3], &[true; 3], None).is_ok());
    let lone = fit_blend(&[vec![0.9, 0.1, 0.9]], &base, &won, Some(&[1; 3])).unwrap();
    assert!(!lone.beats_base_rate);
}
