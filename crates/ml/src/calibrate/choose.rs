//! Choosing a map by what it does to rows that it was not fitted on.
//!
//! A map has to lower the held-back log loss by more than one standard error of the paired difference; among those that
//! do, the simplest within one standard error of the best is taken. Deliberately conservative: a map fitted on noise
//! makes every later prediction worse, a missing map only leaves things as they were.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Calibration, bounded_logit, fit};
use crate::Error;
use crate::logistic::loss;
use crate::score::{Score, Units, check_rows};

/// Fewest rows, and fewest of either outcome, for a map at all.
const LEAST: (usize, usize) = (100, 15);
/// Fewest rows for the isotonic map.
const LEAST_ISOTONIC: usize = 1000;
/// Parts that are held back in turn.
const FOLDS: usize = 5;

/// Fits a map to log-odds and outcomes.
type Fit = fn(&[f64], &[bool]) -> Calibration;

/// The chosen map and what each did.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationChoice {
    /// The chosen map, fitted on all rows; [`Calibration::Identity`] where none helps.
    pub map: Calibration,
    /// Names of the maps tried and by how much each lowers the held-back log loss (above zero is better).
    pub tried: Vec<(&'static str, Score)>,
}

/// Chooses a map for out-of-fold probabilities `p` of rows with outcomes `won`.
///
/// Rows with the same group are held back together; `seed` decides the parts. Fewer than 100 rows, or 15 of either
/// outcome, get the identity.
///
/// # Errors
/// [`Error::InvalidInput`] for unequal lengths, no rows, or a probability outside 0 to 1.
pub fn choose_calibration(
    p: &[f64],
    won: &[bool],
    groups: Option<&[u32]>,
    seed: u64,
) -> Result<CalibrationChoice, Error> {
    check_rows(p, won, groups)?;
    let units = Units::new(p.len(), groups);
    let wins = won.iter().filter(|&&y| y).count();
    let mut choice = CalibrationChoice {
        map: Calibration::Identity,
        tried: Vec::new(),
    };
    let enough = p.len() >= LEAST.0 && wins.min(p.len() - wins) >= LEAST.1;
    if !enough || units.count() < 2 * FOLDS {
        return Ok(choice);
    }
    let z: Vec<f64> = p.iter().map(|&p| bounded_logit(p)).collect();
    let untouched: Vec<f64> = z.iter().zip(won).map(|(&z, &y)| loss(z, y)).collect();
    let part_of = parts(&units, p.len(), seed);
    let mut fits: Vec<(&'static str, Fit)> = vec![("platt", fit::platt), ("beta", fit::beta)];
    if p.len() >= LEAST_ISOTONIC {
        fits.push(("isotonic", fit::isotonic));
    }
    let held_back: Vec<Vec<f64>> = fits
        .iter()
        .map(|(_, fit)| held_back_losses(*fit, &z, won, &part_of))
        .collect();
    let gain = |from: &[f64], to: &[f64]| -> (Score, f64) {
        let gains: Vec<f64> = from.iter().zip(to).map(|(a, b)| a - b).collect();
        let score = units.mean(&gains);
        (score, units.error_of_mean(&gains, score.value))
    };
    let mut helping = Vec::new();
    for (at, losses) in held_back.iter().enumerate() {
        let (score, error) = gain(&untouched, losses);
        choice.tried.push((fits[at].0, score));
        if score.value > error {
            helping.push((at, score.value));
        }
    }
    let best = helping.iter().max_by(|a, b| a.1.total_cmp(&b.1));
    if let Some(&(best, _)) = best {
        // The maps stand in order of complexity, so the first one that is good enough is the simplest.
        let close = |&&(at, _): &&(usize, f64)| {
            let (lost, error) = gain(&held_back[at], &held_back[best]);
            at == best || lost.value <= error
        };
        let taken = helping.iter().find(close).map_or(best, |&(at, _)| at);
        choice.map = (fits[taken].1)(&z, won);
    }
    Ok(choice)
}

/// The part of every row; units are dealt at random.
fn parts(units: &Units, rows: usize, seed: u64) -> Vec<usize> {
    let mut of_unit: Vec<usize> = (0..units.count()).map(|u| u % FOLDS).collect();
    of_unit.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    (0..rows).map(|r| of_unit[units.of(r)]).collect()
}

fn held_back_losses(fit: Fit, z: &[f64], won: &[bool], part_of: &[usize]) -> Vec<f64> {
    let mut losses = vec![0.0; z.len()];
    for part in 0..FOLDS {
        let fitted = |r: &usize| part_of[*r] != part;
        let rows: Vec<usize> = (0..z.len()).filter(fitted).collect();
        let kept: Vec<f64> = rows.iter().map(|&r| z[r]).collect();
        let outcomes: Vec<bool> = rows.iter().map(|&r| won[r]).collect();
        let map = fit(&kept, &outcomes);
        for r in (0..z.len()).filter(|r| !fitted(r)) {
            losses[r] = loss(map.log_odds(z[r]), won[r]);
        }
    }
    losses
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::logistic::sigmoid;

    /// Probabilities whose log-odds are `told(z)` of the true log-odds, and outcomes.
    fn sample(rows: usize, seed: u64, told: fn(f64) -> f64) -> (Vec<f64>, Vec<bool>) {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..rows)
            .map(|_| {
                let z = rng.random_range(-3.0..3.0);
                (sigmoid(told(z)), rng.random::<f64>() < sigmoid(z))
            })
            .unzip()
    }

    #[test]
    fn calibrated_predictions_are_mostly_left_alone() {
        let mut touched = 0;
        for seed in 0..20 {
            let (p, won) = sample(600, seed, |z| z);
            let choice = choose_calibration(&p, &won, None, 1).expect("valid");
            touched += usize::from(choice.map != Calibration::Identity);
        }
        assert!(touched <= 3, "{touched} of 20");
    }

    #[test]
    fn overconfidence_is_undone() {
        let mut simple = 0;
        for seed in 0..10 {
            let (p, won) = sample(3000, seed, |z| 2.0 * z + 0.5);
            let choice = choose_calibration(&p, &won, None, 1).expect("valid");
            simple += usize::from(choice.map.name() == "platt");
            assert_eq!(choice.tried.len(), 3);
            for z in [-2.0, 0.0, 1.5] {
                let back = choice.map.log_odds(2.0 * z + 0.5);
                assert!((back - z).abs() < 0.6, "{z} came back as {back}");
            }
        }
        assert!(simple >= 7, "{simple} of 10");
    }

    #[test]
    fn a_bend_takes_a_bending_map() {
        // Low log-odds are told three times as far from zero as they are.
        let (p, won) = sample(20_000, 6, |z| if z < 0.0 { 3.0 * z } else { z });
        let choice = choose_calibration(&p, &won, None, 1).expect("valid");
        assert!(
            ["beta", "isotonic"].contains(&choice.map.name()),
            "{choice:?}"
        );
        assert!((choice.map.log_odds(-4.5) + 1.5).abs() < 0.4);
    }

    #[test]
    fn too_little_or_nonsense() {
        let (p, won) = sample(99, 1, |z| 3.0 * z);
        let choice = choose_calibration(&p, &won, None, 1).expect("valid");
        assert_eq!(choice.map, Calibration::Identity);
        let one_class = choose_calibration(&[0.4; 500], &[true; 500], None, 1).expect("valid");
        assert_eq!(one_class.map, Calibration::Identity);
        assert!(choose_calibration(&[], &[], None, 1).is_err());
        assert!(choose_calibration(&[f64::NAN], &[true], None, 1).is_err());
        let groups = vec![1; 500];
        let (p, won) = sample(500, 1, |z| 3.0 * z);
        let choice = choose_calibration(&p, &won, Some(&groups), 1).expect("valid");
        assert_eq!(choice.map, Calibration::Identity);
    }
}
