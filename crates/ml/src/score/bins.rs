//! Calibration curve, calibration error and lift.
//!
//! Deliberately bins of equal count: bins of equal width are empty where few quotes are.

use super::decide::DRAWS;
use super::{Score, Units, percentile};

/// Rows with similar predictions.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationBin {
    /// Mean predicted probability.
    pub predicted: f64,
    /// Observed win rate with Wilson interval.
    pub observed: Score,
    /// Rows in the bin.
    pub rows: usize,
}

/// The bin of every row and the number of bins: up to ten bins of about equal count, equal predictions together.
fn bin_rows(p: &[f64]) -> (Vec<usize>, usize) {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let bins = (p.len() / 5).clamp(1, 10);
    let (mut bin_of, mut done, mut last, mut used) = (vec![0; p.len()], 0, usize::MAX, 0);
    for tied in order.chunk_by(|&a, &b| p[a] == p[b]) {
        let bin = done * bins / p.len();
        if bin != last {
            (last, used) = (bin, used + 1);
        }
        tied.iter().for_each(|&r| bin_of[r] = used - 1);
        done += tied.len();
    }
    (bin_of, used)
}

/// Predicted and observed rates in up to ten bins of equal count.
#[must_use]
pub fn calibration(p: &[f64], won: &[bool]) -> Vec<CalibrationBin> {
    calibration_grouped(p, won, None)
}

/// As [`calibration`], with wider intervals where rows belong together.
#[must_use]
pub fn calibration_grouped(p: &[f64], won: &[bool], groups: Option<&[u32]>) -> Vec<CalibrationBin> {
    calibration_in(p, won, &Units::new(p.len(), groups))
}

pub(super) fn calibration_in(p: &[f64], won: &[bool], units: &Units) -> Vec<CalibrationBin> {
    let (bin_of, bins) = bin_rows(p);
    let bin = |bin: usize| {
        let inside = |r: usize| bin_of[r] == bin;
        let predicted: Vec<f64> = (0..p.len()).filter(|&r| inside(r)).map(|r| p[r]).collect();
        let hits: Vec<Option<bool>> = (0..p.len()).map(|r| inside(r).then(|| won[r])).collect();
        units.share(&hits).map(|observed| CalibrationBin {
            predicted: predicted.iter().sum::<f64>() / predicted.len() as f64,
            observed,
            rows: predicted.len(),
        })
    };
    (0..bins).filter_map(bin).collect()
}

/// Expected calibration error over the bins of [`calibration`], with bootstrap interval; 0 without rows.
pub(super) fn calibration_error(p: &[f64], won: &[bool], units: &Units, seed: u64) -> Score {
    let (bin_of, bins) = bin_rows(p);
    let excess: Vec<f64> = p
        .iter()
        .zip(won)
        .map(|(p, &y)| p - f64::from(u8::from(y)))
        .collect();
    let error = |weight: &dyn Fn(usize) -> f64| {
        let (mut sums, mut total) = (vec![0.0; bins], 0.0);
        for r in 0..p.len() {
            sums[bin_of[r]] += weight(r) * excess[r];
            total += weight(r);
        }
        (total > 0.0).then(|| sums.iter().map(|s: &f64| s.abs()).sum::<f64>() / total)
    };
    let value = error(&|_| 1.0).unwrap_or(0.0);
    let drawn = units.bootstrap(DRAWS, seed, &mut |w| error(&|r| w[r]));
    percentile(value, drawn)
}

/// The calibration error to expect from chance when every probability is exact: over the bins the mean absolute value
/// of a normal with the variance of the bin's wins, sqrt(2 / pi * sum of p (1 - p)), per row. 0 without rows.
#[must_use]
pub fn calibration_noise(p: &[f64]) -> f64 {
    let (bin_of, bins) = bin_rows(p);
    let mut variances = vec![0.0; bins];
    for (p, &bin) in p.iter().zip(&bin_of) {
        variances[bin] += p * (1.0 - p);
    }
    let expected = |v: &f64| (std::f64::consts::FRAC_2_PI * v).sqrt();
    variances.iter().map(expected).sum::<f64>() / p.len().max(1) as f64
}

/// Win rate among the tenth with the highest predictions over the overall win rate; interval of the former.
pub(super) fn lift_top_tenth(p: &[f64], won: &[bool], units: &Units) -> Option<Score> {
    let wins = won.iter().filter(|&&y| y).count();
    if wins == 0 {
        return None;
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    // Predictions equal to the last of the tenth come along, so that the order of ties decides nothing.
    let edge = p[order[p.len().div_ceil(10) - 1]];
    let hits: Vec<Option<bool>> = p
        .iter()
        .zip(won)
        .map(|(&p, &y)| (p >= edge).then_some(y))
        .collect();
    let rate = units.share(&hits)?;
    let overall = wins as f64 / p.len() as f64;
    Some(Score {
        value: rate.value / overall,
        low: rate.low / overall,
        high: rate.high / overall,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_probabilities_err_by_chance_alone() {
        // One bin of 4 rows at 0.5: sqrt(2 / pi * 4 * 0.25) / 4.
        assert!((calibration_noise(&[0.5; 4]) - 0.199_471_14).abs() < 1e-8);
        assert_eq!(calibration_noise(&[]), 0.0);
        assert!(calibration(&[], &[]).is_empty());
        let none = Units::new(0, None);
        assert_eq!(calibration_error(&[], &[], &none, 1).value, 0.0);
    }
}
