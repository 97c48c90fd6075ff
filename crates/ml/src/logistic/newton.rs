//! Newton steps with step halving.
//!
//! Deliberately second order: with the Hessian summed over the filled entries only, a few exact steps are cheaper than
//! many gradient steps, and the Hessian is needed for the intervals anyway.

use super::{loss, sigmoid};
use crate::Error;
use crate::linalg::{Factor, Sparse, Symmetric};

/// Newton steps after which a fit is given up.
const MOST_STEPS: usize = 60;

/// When a fit is finished.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Exactness {
    /// Norm of the gradient per row below 1e-11, which costs at most one step more than 1e-8.
    Exact,
    /// Gain expected of the last step below 1e-5 per row; what is left after it is far smaller, so penalties compare.
    Comparison,
}

/// A fitted regression.
#[derive(Debug, Clone)]
pub(crate) struct Fit {
    /// The intercept first.
    pub weights: Vec<f64>,
    /// Newton steps taken.
    pub steps: usize,
    /// Euclidean norm of the penalised gradient divided by the number of rows.
    pub gradient: f64,
}

/// Log-odds of every row.
fn log_odds(rows: &Sparse, weights: &[f64]) -> Vec<f64> {
    (0..rows.rows()).map(|r| rows.dot(r, weights)).collect()
}

/// Sum of losses plus penalty at the log-odds `z`.
fn objective(z: &[f64], won: &[bool], weights: &[f64], penalty: f64) -> f64 {
    let losses: f64 = z.iter().zip(won).map(|(&z, &y)| loss(z, y)).sum();
    losses + 0.5 * penalty * weights[1..].iter().map(|w| w * w).sum::<f64>()
}

/// Gradient of the objective at probabilities `p`.
fn gradient(rows: &Sparse, p: &[f64], won: &[bool], weights: &[f64], penalty: f64) -> Vec<f64> {
    let mut gradient: Vec<f64> = weights.iter().map(|w| penalty * w).collect();
    gradient[0] = 0.0;
    for (row, (&p, &y)) in p.iter().zip(won).enumerate() {
        let residual = p - f64::from(u8::from(y));
        for (i, v) in rows.entries(row) {
            gradient[i] += residual * v;
        }
    }
    gradient
}

/// Hessian of the objective at probabilities `p`.
pub(crate) fn hessian(rows: &Sparse, p: &[f64], penalty: f64) -> Symmetric {
    let mut hessian = Symmetric::zeros(rows.width);
    for (row, &p) in p.iter().enumerate() {
        let (index, value) = rows.row(row);
        hessian.add_outer(index, value, p * (1.0 - p));
    }
    (1..rows.width).for_each(|i| hessian.add_diagonal(i, penalty));
    hessian
}

/// Factor of the penalised Hessian at `weights`.
///
/// # Errors
/// [`Error::Collinear`] when it is not positive definite.
pub(crate) fn factor(rows: &Sparse, weights: &[f64], penalty: f64) -> Result<Factor, Error> {
    let p: Vec<f64> = log_odds(rows, weights).into_iter().map(sigmoid).collect();
    hessian(rows, &p, penalty)
        .cholesky()
        .ok_or(Error::Collinear)
}

/// What a full Newton step promises to gain.
fn half_product(step: &[f64], slope: &[f64]) -> f64 {
    0.5 * step.iter().zip(slope).map(|(s, g)| s * g).sum::<f64>()
}

/// Newton steps from `start` until `exactness` is reached.
///
/// # Errors
/// [`Error::Collinear`] for a singular Hessian, [`Error::NotConverged`] after 60 steps.
pub(crate) fn newton(
    rows: &Sparse,
    won: &[bool],
    penalty: f64,
    start: Vec<f64>,
    exactness: Exactness,
) -> Result<Fit, Error> {
    let count = rows.rows() as f64;
    let mut at = Point::of(rows, won, penalty, start);
    let mut gradient_norm = f64::INFINITY;
    for steps in 0..MOST_STEPS {
        let p: Vec<f64> = at.log_odds.iter().map(|&z| sigmoid(z)).collect();
        let slope = gradient(rows, &p, won, &at.weights, penalty);
        gradient_norm = slope.iter().map(|g| g * g).sum::<f64>().sqrt() / count;
        let fit = |weights, steps| Fit {
            weights,
            steps,
            gradient: gradient_norm,
        };
        if gradient_norm < 1e-11 {
            return Ok(fit(at.weights, steps));
        }
        let factor = hessian(rows, &p, penalty)
            .cholesky()
            .ok_or(Error::Collinear)?;
        let step = factor.solve(&slope);
        let gain = half_product(&step, &slope);
        let Some((next, length)) = at.search(rows, won, penalty, &step, gain) else {
            return Err(Error::NotConverged {
                iterations: steps,
                gradient: gradient_norm,
            });
        };
        at = next;
        if exactness == Exactness::Comparison && length == 1.0 && gain < 1e-5 * count {
            return Ok(fit(at.weights, steps + 1));
        }
    }
    Err(Error::NotConverged {
        iterations: MOST_STEPS,
        gradient: gradient_norm,
    })
}

/// Weights, the log-odds they give to every row, and the objective there.
struct Point {
    weights: Vec<f64>,
    log_odds: Vec<f64>,
    value: f64,
}

impl Point {
    fn of(rows: &Sparse, won: &[bool], penalty: f64, weights: Vec<f64>) -> Self {
        let log_odds = log_odds(rows, &weights);
        let value = objective(&log_odds, won, &weights, penalty);
        Self {
            weights,
            log_odds,
            value,
        }
    }

    /// The first of the points a full, a half, a quarter step away that keeps its promise, and the length of the step.
    fn search(
        &self,
        rows: &Sparse,
        won: &[bool],
        penalty: f64,
        step: &[f64],
        gain: f64,
    ) -> Option<(Self, f64)> {
        let mut length = 1.0;
        while length > 1e-10 {
            let weights = self
                .weights
                .iter()
                .zip(step)
                .map(|(w, s)| w - length * s)
                .collect();
            let next = Self::of(rows, won, penalty, weights);
            // At the bottom rounding hides the gain: a full step is then taken on the gradient's word alone.
            if next.value <= self.value - 1e-4 * length * gain || gain < 1e-10 * (1.0 + self.value)
            {
                return Some((next, length));
            }
            length *= 0.5;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three columns beside the intercept, some entries empty.
    fn rows() -> (Sparse, Vec<bool>) {
        let mut rows = Sparse::with_width(4, 40, 4);
        for r in 0..40 {
            rows.push(0, 1.0);
            rows.push(1, (f64::from(r) * 0.7).sin());
            if r % 3 > 0 {
                rows.push(2, (f64::from(r) * 1.3).cos());
            }
            rows.push(3, f64::from(r % 5) - 2.0);
            rows.end_row();
        }
        (rows, (0..40).map(|r| r % 7 < 3).collect())
    }

    #[test]
    fn slopes_are_those_of_finite_differences() {
        let (rows, won) = rows();
        let (weights, penalty, step) = (vec![0.3, -0.8, 0.5, 0.2], 0.7, 1e-5);
        let moved = |at: usize, by: f64| -> Vec<f64> {
            let mut weights = weights.clone();
            weights[at] += by;
            weights
        };
        let value = |w: &[f64]| objective(&log_odds(&rows, w), &won, w, penalty);
        let probabilities =
            |w: &[f64]| -> Vec<f64> { log_odds(&rows, w).into_iter().map(sigmoid).collect() };
        let slope = |w: &[f64]| gradient(&rows, &probabilities(w), &won, w, penalty);
        let (found, curved) = (
            slope(&weights),
            hessian(&rows, &probabilities(&weights), penalty),
        );
        for (a, found) in found.into_iter().enumerate() {
            let (up, down) = (moved(a, step), moved(a, -step));
            let expected = (value(&up) - value(&down)) / (2.0 * step);
            assert!((found - expected).abs() < 1e-6, "{a}: {expected}");
            for (b, (high, low)) in slope(&up).iter().zip(slope(&down)).enumerate() {
                let expected = (high - low) / (2.0 * step);
                assert!((curved.get(a, b) - expected).abs() < 1e-6, "{a} {b}");
            }
        }
    }
}
