//! Logistic regression with an L2 penalty on sparse rows, fitted to exact convergence.
//!
//! Minimises -sum(log likelihood) + penalty / 2 * |weights|², the intercept (column 0) free, as linfa-logistic does.
//! Deliberately not a general optimiser, and without sample weights or other links.

mod newton;
mod path;
mod start;
mod unpenalised;

pub(crate) use newton::{Exactness, Fit, hessian};
pub(crate) use path::fit_path;
pub use unpenalised::fit_unpenalised;

/// Probability of log-odds.
#[must_use]
pub(crate) fn sigmoid(log_odds: f64) -> f64 {
    if log_odds >= 0.0 {
        1.0 / (1.0 + (-log_odds).exp())
    } else {
        let e = log_odds.exp();
        e / (1.0 + e)
    }
}

/// Log-odds of a probability.
pub(crate) fn logit(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

/// -log likelihood of one outcome at given log-odds: log(1 + exp(z)) - y z, without overflow.
pub(crate) fn loss(log_odds: f64, won: bool) -> f64 {
    let signed = if won { -log_odds } else { log_odds };
    signed.max(0.0) + (-signed.abs()).exp().ln_1p()
}
