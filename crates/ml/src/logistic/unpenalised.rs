//! Plain maximum likelihood for a handful of predictors, as in a textbook.
//!
//! Deliberately not used for predictions: without a penalty small data mislead. It answers questions such as "how does
//! winning depend on price / list price".

use super::newton::{Exactness, newton};
use super::path::base_start;
use crate::Error;
use crate::linalg::Sparse;

/// Exact maximum-likelihood logistic regression.
///
/// `x` has one row per outcome and any number of predictors (all rows alike); `y` is true for the event. Returns the
/// intercept and then one coefficient per predictor, in the units of `x`. Predictors are standardised while fitting
/// and the coefficients converted back, so their scale does not matter.
///
/// # Errors
/// [`Error::InvalidTable`] for ragged or non-finite `x`, [`Error::OneOutcome`], [`Error::Collinear`] for constant or
/// dependent predictors, [`Error::Separation`] where no finite maximum exists.
pub fn fit_unpenalised(x: &[Vec<f64>], y: &[bool]) -> Result<Vec<f64>, Error> {
    let width = x.first().map_or(0, Vec::len);
    if x.len() != y.len()
        || x.iter()
            .any(|r| r.len() != width || r.iter().any(|v| !v.is_finite()))
    {
        let reason =
            "every row needs the same number of finite predictors and one outcome".to_owned();
        return Err(Error::InvalidTable { reason });
    }
    let wins = y.iter().filter(|&&won| won).count();
    if wins == 0 || wins == y.len() {
        return Err(Error::OneOutcome {
            rows: y.len(),
            wins,
        });
    }
    let count = x.len() as f64;
    let means: Vec<f64> = (0..width)
        .map(|j| x.iter().map(|r| r[j]).sum::<f64>() / count)
        .collect();
    let deviation =
        |j: usize| (x.iter().map(|r| (r[j] - means[j]).powi(2)).sum::<f64>() / count).sqrt();
    let deviations: Vec<f64> = (0..width).map(deviation).collect();
    if deviations
        .iter()
        .zip(&means)
        .any(|(d, m)| *d <= 1e-12 * (1.0 + m.abs()))
    {
        return Err(Error::Collinear);
    }
    let mut rows = Sparse::with_width(width + 1, x.len(), width + 1);
    for row in x {
        rows.push(0, 1.0);
        (0..width).for_each(|j| rows.push(j + 1, (row[j] - means[j]) / deviations[j]));
        rows.end_row();
    }
    let start = base_start(width + 1, y);
    super::newton::factor(&rows, &start, 0.0)?;
    // A dependence would have shown at the start, so whatever fails from here on ran away to infinity.
    let fit = newton(&rows, y, 0.0, start, Exactness::Exact).map_err(|_| Error::Separation)?;
    // The gradient also vanishes on the way to infinity; there the fitted probabilities are all but certain.
    let certain = |r: usize| rows.dot(r, &fit.weights).abs() > 15.0;
    if (0..rows.rows()).filter(|&r| !certain(r)).count() <= width + 1 {
        return Err(Error::Separation);
    }
    further_step_is_short(&rows, &fit.weights, y)?;
    let mut coefficients = vec![fit.weights[0]];
    for j in 0..width {
        coefficients.push(fit.weights[j + 1] / deviations[j]);
        coefficients[0] -= fit.weights[j + 1] * means[j] / deviations[j];
    }
    Ok(coefficients)
}

/// At a finite maximum one more Newton step is tiny; under quasi-separation it stays near one.
fn further_step_is_short(rows: &Sparse, weights: &[f64], y: &[bool]) -> Result<(), Error> {
    let factor = super::newton::factor(rows, weights, 0.0).map_err(|_| Error::Separation)?;
    let mut slope = vec![0.0; rows.width];
    for (r, &won) in y.iter().enumerate() {
        let residual = super::sigmoid(rows.dot(r, weights)) - f64::from(u8::from(won));
        rows.entries(r).for_each(|(i, v)| slope[i] += residual * v);
    }
    let longest = factor
        .solve(&slope)
        .iter()
        .fold(0.0, |m: f64, s| m.max(s.abs()));
    if longest > 1e-3 {
        Err(Error::Separation)
    } else {
        Ok(())
    }
}
