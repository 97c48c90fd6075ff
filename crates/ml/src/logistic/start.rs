//! The first guess, by linfa-logistic on a subsample of the rows.
//!
//! Deliberately only a guess: linfa reports success without having converged, so nothing here is taken as a result. Its
//! positive class is the majority class of whatever it was given, hence the orientation by its labels.

use linfa::prelude::*;
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};

use crate::linalg::Sparse;

/// Most rows and most cells of the dense subsample.
const MOST_ROWS: usize = 2_000;
const MOST_CELLS: usize = 150_000;

/// Weights (intercept first) that point towards winning; `None` when linfa cannot say.
pub(crate) fn linfa_start(rows: &Sparse, won: &[bool], penalty: f64) -> Option<Vec<f64>> {
    let features = rows.width - 1;
    let wanted = MOST_ROWS.min(MOST_CELLS / features.max(1)).min(rows.rows());
    if features == 0 || wanted < 10 {
        return None;
    }
    // Evenly spaced rows: no randomness, and all times are represented.
    let picked: Vec<usize> = (0..wanted).map(|i| i * rows.rows() / wanted).collect();
    let mut dense = Array2::<f64>::zeros((wanted, features));
    for (at, &row) in picked.iter().enumerate() {
        for (i, v) in rows.entries(row).filter(|&(i, _)| i > 0) {
            dense[[at, i - 1]] = v;
        }
    }
    let labels: Array1<bool> = picked.iter().map(|&r| won[r]).collect();
    let share = wanted as f64 / rows.rows() as f64;
    let model = LogisticRegression::default()
        .alpha(penalty * share)
        .max_iterations(15)
        .gradient_tolerance(1e-3 * wanted as f64)
        .fit(&Dataset::new(dense, labels))
        .ok()?;
    let sign = if model.labels().pos.class { 1.0 } else { -1.0 };
    let mut weights = vec![sign * model.intercept()];
    weights.extend(model.params().iter().map(|w| sign * w));
    weights.iter().all(|w| w.is_finite()).then_some(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_towards_winning_whichever_outcome_is_the_larger() {
        for wins_of_ten in [1, 2, 5, 8, 9] {
            for reversed in [false, true] {
                let mut rows = Sparse::with_width(2, 500, 2);
                let mut won = Vec::new();
                for step in 0..500 {
                    // Reversed, the first label that linfa meets is the other one.
                    let at = if reversed { 499 - step } else { step };
                    rows.push(0, 1.0);
                    rows.push(1, f64::from(at) / 250.0 - 1.0);
                    rows.end_row();
                    let noise = (at * 7) % 10;
                    won.push(at / 50 + noise >= 2 * (10 - wins_of_ten));
                }
                let weights = linfa_start(&rows, &won, 1.0).expect("a guess");
                assert!(weights[1] > 0.0, "{wins_of_ten} {reversed}: {weights:?}");
            }
        }
    }
}
