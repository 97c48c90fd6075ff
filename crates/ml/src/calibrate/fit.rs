//! Fitting one map: a tiny Newton method for Platt and beta, pooled neighbours for the isotonic one.
//!
//! Each fit is drawn towards the identity with the weight of one quote, so that separated data give a finite answer.
//! Deliberately without any choice between maps.

use super::{Calibration, beta_features};
use crate::linalg::Symmetric;
use crate::logistic::{logit, loss, sigmoid};

/// Strength of the pull towards the identity.
const RIDGE: f64 = 1.0;
/// Fewest rows that a step of the isotonic map rests on, and most steps.
const STEP_ROWS: usize = 50;
const MOST_STEPS: usize = 40;

/// Platt's map for log-odds `z` and outcomes `won`.
pub(super) fn platt(z: &[f64], won: &[bool]) -> Calibration {
    let features: Vec<Vec<f64>> = z.iter().map(|&z| vec![z, 1.0]).collect();
    let [slope, intercept] = *newton(&features, won, &[1.0, 0.0], &[true, false]) else {
        return Calibration::Identity;
    };
    Calibration::Platt { slope, intercept }
}

/// The beta map.
pub(super) fn beta(z: &[f64], won: &[bool]) -> Calibration {
    let feature = |&z: &f64| {
        let [a, b] = beta_features(z);
        vec![a, b, 1.0]
    };
    let features: Vec<Vec<f64>> = z.iter().map(feature).collect();
    let positive = [true, true, false];
    let [w, l, intercept] = *newton(&features, won, &[1.0, 1.0, 0.0], &positive) else {
        return Calibration::Identity;
    };
    Calibration::Beta {
        won: w,
        lost: l,
        intercept,
    }
}

/// Weights that minimise the log loss of `features` plus the pull towards `towards`; those marked `positive` are set to
/// zero where they would be negative. Empty when no step is possible.
fn newton(features: &[Vec<f64>], won: &[bool], towards: &[f64], positive: &[bool]) -> Box<[f64]> {
    let mut free = vec![true; towards.len()];
    loop {
        let Some(weights) = descend(features, won, towards, &free) else {
            return Box::default();
        };
        let worst = (0..weights.len())
            .filter(|&k| positive[k] && weights[k] < 0.0)
            .min_by(|&a, &b| weights[a].total_cmp(&weights[b]));
        match worst {
            Some(k) => free[k] = false,
            None => return weights.into_boxed_slice(),
        }
    }
}

fn descend(
    features: &[Vec<f64>],
    won: &[bool],
    towards: &[f64],
    free: &[bool],
) -> Option<Vec<f64>> {
    let size = towards.len();
    let dot = |w: &[f64], x: &[f64]| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    let objective = |w: &[f64]| {
        let losses: f64 = features
            .iter()
            .zip(won)
            .map(|(x, &y)| loss(dot(w, x), y))
            .sum();
        let pull: f64 = w.iter().zip(towards).map(|(w, t)| (w - t).powi(2)).sum();
        losses + 0.5 * RIDGE * pull
    };
    let mut weights: Vec<f64> = (0..size)
        .map(|k| if free[k] { towards[k] } else { 0.0 })
        .collect();
    let mut reached = objective(&weights);
    let index: Vec<u32> = (0..size as u32).collect();
    for _ in 0..50 {
        let mut gradient: Vec<f64> = (0..size)
            .map(|k| RIDGE * (weights[k] - towards[k]))
            .collect();
        let mut hessian = Symmetric::zeros(size);
        (0..size).for_each(|k| hessian.add_diagonal(k, RIDGE));
        for (x, &y) in features.iter().zip(won) {
            let p = sigmoid(dot(&weights, x));
            // Held weights drop out of gradient and curvature alike.
            let x: Vec<f64> = (0..size)
                .map(|k| if free[k] { x[k] } else { 0.0 })
                .collect();
            let error = p - f64::from(u8::from(y));
            gradient
                .iter_mut()
                .zip(&x)
                .for_each(|(g, x)| *g += error * x);
            hessian.add_outer(&index, &x, p * (1.0 - p));
        }
        (0..size)
            .filter(|&k| !free[k])
            .for_each(|k| gradient[k] = 0.0);
        let step = hessian.cholesky()?.solve(&gradient);
        let mut scale = 1.0;
        let better = loop {
            let next: Vec<f64> = weights
                .iter()
                .zip(&step)
                .map(|(w, s)| w - scale * s)
                .collect();
            let value = objective(&next);
            if value <= reached {
                break Some((next, value));
            }
            scale /= 2.0;
            if scale < 1e-6 {
                break None;
            }
        };
        let Some((next, value)) = better else { break };
        let gained = reached - value;
        (weights, reached) = (next, value);
        if gained <= 1e-12 * (1.0 + reached) {
            break;
        }
    }
    Some(weights)
}

/// The isotonic map: bins of equal count, neighbours that fall are pooled (Barlow et al. 1972), rates shrunken by half a
/// quote of each outcome so that they stay off 0 and 1.
pub(super) fn isotonic(z: &[f64], won: &[bool]) -> Calibration {
    let mut order: Vec<usize> = (0..z.len()).collect();
    order.sort_by(|&a, &b| z[a].total_cmp(&z[b]));
    let steps = (z.len() / STEP_ROWS).clamp(1, MOST_STEPS);
    // (sum of log-odds, wins, rows) per block.
    let mut blocks: Vec<(f64, f64, f64)> = Vec::new();
    let rate = |b: &(f64, f64, f64)| (b.1 + 0.5) / (b.2 + 1.0);
    for chunk in order.chunks(z.len().div_ceil(steps).max(1)) {
        let sum = chunk.iter().map(|&r| z[r]).sum();
        let wins = chunk.iter().filter(|&&r| won[r]).count() as f64;
        let mut block = (sum, wins, chunk.len() as f64);
        while let Some(below) = blocks.pop_if(|below| rate(below) >= rate(&block)) {
            block = (block.0 + below.0, block.1 + below.1, block.2 + below.2);
        }
        blocks.push(block);
    }
    let mut knots: Vec<(f64, f64)> = blocks.iter().map(|b| (b.0 / b.2, logit(rate(b)))).collect();
    // Equal log-odds on both sides of an edge would make two knots of one place.
    knots.dedup_by(|next, kept| next.0 <= kept.0);
    if knots.is_empty() {
        return Calibration::Identity;
    }
    Calibration::Isotonic { knots }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platt_solves_its_equations() {
        let z: Vec<f64> = (0..300).map(|r| f64::from(r % 41) / 10.0 - 2.0).collect();
        let won: Vec<bool> = (0..300).map(|r| (r * 7) % 41 + (r % 13) > 30).collect();
        let Calibration::Platt { slope, intercept } = platt(&z, &won) else {
            panic!("a fit exists")
        };
        let (mut by_slope, mut by_intercept) = (slope - 1.0, intercept);
        for (&z, &y) in z.iter().zip(&won) {
            let error = sigmoid(slope * z + intercept) - f64::from(u8::from(y));
            by_slope += error * z;
            by_intercept += error;
        }
        assert!(by_slope.abs() < 1e-5 && by_intercept.abs() < 1e-5);
    }

    #[test]
    fn platt_agrees_with_a_general_optimiser() {
        // SciPy's BFGS on the same objective gives 0.38559812 and -0.15513114.
        let level = |r: u32| (r * 37) % 101;
        let z: Vec<f64> = (0..300)
            .map(|r| logit(f64::from(level(r) + 1) / 103.0))
            .collect();
        let won: Vec<bool> = (0..300)
            .map(|r| (r * 53) % 97 < (level(r) * 6) / 10 + 15)
            .collect();
        let Calibration::Platt { slope, intercept } = platt(&z, &won) else {
            panic!("a fit exists")
        };
        assert!((slope - 0.385_598_12).abs() < 1e-6, "{slope}");
        assert!((intercept + 0.155_131_14).abs() < 1e-6, "{intercept}");
    }

    #[test]
    fn a_predictor_that_is_upside_down_becomes_a_constant() {
        let z: Vec<f64> = (0..200).map(|r| f64::from(r % 20) / 5.0 - 2.0).collect();
        let won: Vec<bool> = (0..200).map(|r| r % 20 < 6).collect();
        let Calibration::Platt { slope, intercept } = platt(&z, &won) else {
            panic!("a fit exists")
        };
        assert_eq!(slope, 0.0);
        assert!((sigmoid(intercept) - 0.3).abs() < 0.01);
        assert!(
            matches!(beta(&z, &won), Calibration::Beta { won, lost, .. } if won >= 0.0 && lost >= 0.0)
        );
        let Calibration::Isotonic { knots } = isotonic(&z, &won) else {
            panic!("knots exist")
        };
        assert_eq!(knots.len(), 1);
    }

    #[test]
    fn separated_and_constant_predictions_stay_finite() {
        let z: Vec<f64> = (0..100).map(|r| if r < 50 { -9.0 } else { 9.0 }).collect();
        let won: Vec<bool> = (0..100).map(|r| r >= 50).collect();
        for map in [platt(&z, &won), beta(&z, &won), isotonic(&z, &won)] {
            assert!(map.log_odds(0.3).is_finite(), "{map:?}");
        }
        for map in [
            platt(&[0.0; 50], &won[..50]),
            beta(&[0.0; 50], &won[..50]),
            isotonic(&[0.0; 60], &won[40..]),
        ] {
            assert!(map.log_odds(0.3).is_finite(), "{map:?}");
        }
    }
}
