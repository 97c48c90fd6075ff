//! Scores of predicted probabilities against outcomes, each with a 95 % interval.
//!
//! Deliberately independent of models: probabilities and outcomes in, figures out. Where rows belong together (the bids
//! of one tender), groups say so and every interval widens accordingly; without groups rows count as independent.

mod auc;
mod bins;
mod compare;
mod decide;
mod gain;
mod segment;
mod units;

use crate::logistic::logit;

pub use auc::{auc, auc_grouped};
pub use bins::{CalibrationBin, calibration, calibration_grouped, calibration_noise};
pub use compare::{Comparison, Verdict, compare, not_worse};
pub use decide::{Confusion, ConfusionShares, Decision, best_f1_threshold};
pub use gain::{Decile, deciles};
pub use segment::{Segment, segments};
pub(crate) use units::{Units, check_rows};

/// The two-sided 95 % quantile of the normal distribution.
pub(crate) const Z95: f64 = 1.959_963_984_540_054;

/// A figure and its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    /// The estimate.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// All figures of one predictor on one set of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Rows evaluated.
    pub rows: usize,
    /// How many of them are won.
    pub wins: usize,
    /// Area under the ROC curve, DeLong interval; `None` when the rows have one outcome only.
    pub auc: Option<Score>,
    /// Mean of -log(probability given to what happened), natural logarithm.
    pub log_loss: Score,
    /// Mean squared difference between probability and outcome.
    pub brier: Score,
    /// The same log loss for always answering the win rate of the training rows.
    pub base_log_loss: Score,
    /// The same Brier score for always answering the win rate of the training rows.
    pub base_brier: Score,
    /// Log loss of the base rate minus that of the predictor, paired by row; above zero is better than the base rate,
    /// clearly so when the whole interval is.
    pub gain_over_base: Score,
    /// Calling a win from probability 0.5.
    pub at_half: Decision,
    /// Calling a win from the threshold with the best F1 on held-back training rows.
    pub at_best_f1: Decision,
    /// Up to ten bins of equal count.
    pub calibration: Vec<CalibrationBin>,
    /// Mean absolute difference of predicted and observed rate over the bins, weighted by count; bootstrap interval,
    /// which sampling noise shifts upwards.
    pub calibration_error: Score,
    /// The calibration error that chance alone makes on these rows when every probability is exact.
    pub calibration_noise: f64,
    /// Win rate among the tenth with the highest probabilities divided by the overall win rate; `None` without wins.
    pub lift_top_tenth: Option<Score>,
    /// Lift and cumulative gain of each tenth, highest probabilities first; empty without wins or below ten rows.
    pub deciles: Vec<Decile>,
}

/// Evaluates probabilities `p` of rows with outcomes `won` (equal, positive length), rows taken as independent.
///
/// `base` is the training win rate, `threshold` the best-F1 threshold, `seed` drives the bootstraps.
#[must_use]
pub fn evaluate(p: &[f64], won: &[bool], base: f64, threshold: f64, seed: u64) -> Evaluation {
    evaluate_grouped(p, won, None, base, threshold, seed)
}

/// As [`evaluate`], with one group number per row where rows belong together: means get cluster-robust intervals, shares
/// Wilson's at the number of independent rows, the rest a bootstrap of whole groups. Groups of another length than the
/// rows are ignored.
#[must_use]
pub fn evaluate_grouped(
    p: &[f64],
    won: &[bool],
    groups: Option<&[u32]>,
    base: f64,
    threshold: f64,
    seed: u64,
) -> Evaluation {
    let units = Units::new(won.len(), groups);
    let losses = losses(p, won);
    let base_losses: Vec<f64> = won.iter().map(|&y| log_loss(base, y)).collect();
    let square = |p: f64, y: bool| (p - f64::from(u8::from(y))).powi(2);
    let squares: Vec<f64> = p.iter().zip(won).map(|(&p, &y)| square(p, y)).collect();
    let base_squares: Vec<f64> = won.iter().map(|&y| square(base, y)).collect();
    let gains: Vec<f64> = base_losses
        .iter()
        .zip(&losses)
        .map(|(b, l)| b - l)
        .collect();
    Evaluation {
        rows: won.len(),
        wins: won.iter().filter(|&&y| y).count(),
        auc: auc::auc_in(p, won, &units),
        log_loss: at_least_zero(units.mean(&losses)),
        brier: at_least_zero(units.mean(&squares)),
        base_log_loss: at_least_zero(units.mean(&base_losses)),
        base_brier: at_least_zero(units.mean(&base_squares)),
        gain_over_base: units.mean(&gains),
        at_half: Decision::at(p, won, &units, 0.5, seed),
        at_best_f1: Decision::at(p, won, &units, threshold, seed),
        calibration: bins::calibration_in(p, won, &units),
        calibration_error: bins::calibration_error(p, won, &units, seed),
        calibration_noise: calibration_noise(p),
        lift_top_tenth: bins::lift_top_tenth(p, won, &units),
        deciles: gain::deciles_in(p, won, &units, seed),
    }
}

/// Log loss of every row.
pub(crate) fn losses(p: &[f64], won: &[bool]) -> Vec<f64> {
    p.iter().zip(won).map(|(&p, &y)| log_loss(p, y)).collect()
}

fn at_least_zero(score: Score) -> Score {
    Score {
        low: score.low.max(0.0),
        ..score
    }
}

/// Log loss of one row; probabilities are kept 1e-15 away from 0 and 1.
pub(crate) fn log_loss(p: f64, won: bool) -> f64 {
    let given = if won { p } else { 1.0 - p };
    -given.clamp(1e-15, 1.0).ln()
}

/// Standard error of the mean of `values`.
pub(crate) fn standard_error(values: &[f64], mean: f64) -> f64 {
    let count = values.len() as f64;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (squares / (count - 1.0).max(1.0) / count.max(1.0)).sqrt()
}

/// Share `hits` / `of` with Wilson's 95 % score interval (Wilson 1927); 0..1 when `of` is 0.
pub(crate) fn wilson(hits: usize, of: usize) -> Score {
    if of == 0 {
        return Score {
            value: 0.0,
            low: 0.0,
            high: 1.0,
        };
    }
    wilson_of(hits as f64 / of as f64, of as f64)
}

/// Wilson's interval of a share among `n` independent rows, which need not be whole.
pub(crate) fn wilson_of(value: f64, n: f64) -> Score {
    let z2 = Z95 * Z95;
    let centre = (value + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (value * (1.0 - value) / n + z2 / (4.0 * n * n)).sqrt();
    Score {
        value,
        low: (centre - half).max(0.0).min(value),
        high: (centre + half).min(1.0).max(value),
    }
}

/// Interval of a probability-like figure from its standard error, symmetric in log-odds.
pub(crate) fn on_logit(value: f64, error: f64) -> Score {
    if value <= 0.0 || value >= 1.0 {
        return Score {
            value,
            low: value,
            high: value,
        };
    }
    let half = Z95 * error / (value * (1.0 - value));
    let at = |shift: f64| crate::logistic::sigmoid(logit(value) + shift);
    Score {
        value,
        low: at(-half),
        high: at(half),
    }
}

/// 2.5 % and 97.5 % quantiles of bootstrap values around an estimate.
pub(crate) fn percentile(value: f64, mut drawn: Vec<f64>) -> Score {
    drawn.sort_by(f64::total_cmp);
    let at = |q: f64| {
        drawn
            .get((q * drawn.len().saturating_sub(1) as f64).round() as usize)
            .copied()
            .unwrap_or(value)
    };
    Score {
        value,
        low: at(0.025).min(value),
        high: at(0.975).max(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_matches_the_textbook() {
        // 8 of 10: 0.4902 to 0.9433 (Newcombe 1998, method 3).
        let score = wilson(8, 10);
        assert!((score.low - 0.4902).abs() < 5e-5 && (score.high - 0.9433).abs() < 5e-5);
        assert_eq!(wilson(0, 5).low, 0.0);
    }

    #[test]
    fn figures_of_a_small_set() {
        let p = [0.9, 0.8, 0.3, 0.6, 0.1];
        let won = [true, true, false, false, false];
        let scores = evaluate(&p, &won, 0.4, 0.7, 1);
        assert_eq!(scores.auc.map(|a| a.value), Some(1.0));
        assert!((scores.brier.value - (0.01 + 0.04 + 0.09 + 0.36 + 0.01) / 5.0).abs() < 1e-12);
        assert_eq!(
            scores.at_half.confusion,
            Confusion {
                true_won: 2,
                false_won: 1,
                true_lost: 2,
                false_lost: 0
            }
        );
        assert_eq!(scores.at_best_f1.f1.map(|f| f.value), Some(1.0));
        assert!(evaluate(&p, &[true; 5], 0.4, 0.5, 1).auc.is_none());
    }
}
