//! Calibration curve, calibration error and lift.
//!
//! Deliberately bins of equal count: bins of equal width are empty where few quotes are.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::decide::DRAWS;
use super::{Score, percentile, wilson};

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
    let (bin_of, bins) = bin_rows(p);
    let mut sums = vec![(0.0, 0usize, 0usize); bins];
    for (r, &bin) in bin_of.iter().enumerate() {
        let (predicted, wins, rows) = &mut sums[bin];
        *predicted += p[r];
        *wins += usize::from(won[r]);
        *rows += 1;
    }
    let bin = |(predicted, wins, rows): (f64, usize, usize)| CalibrationBin {
        predicted: predicted / rows as f64,
        observed: wilson(wins, rows),
        rows,
    };
    sums.into_iter().map(bin).collect()
}

/// Expected calibration error over the bins of [`calibration`], with bootstrap interval.
pub(super) fn calibration_error(p: &[f64], won: &[bool], seed: u64) -> Score {
    let (bin_of, bins) = bin_rows(p);
    let excess: Vec<f64> = p
        .iter()
        .zip(won)
        .map(|(p, &y)| p - f64::from(u8::from(y)))
        .collect();
    let error = |rows: &mut dyn Iterator<Item = usize>| {
        let mut sums = vec![0.0; bins];
        rows.for_each(|r| sums[bin_of[r]] += excess[r]);
        sums.iter().map(|s: &f64| s.abs()).sum::<f64>() / p.len() as f64
    };
    let value = error(&mut (0..p.len()));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let drawn = (0..DRAWS).map(|_| error(&mut (0..p.len()).map(|_| rng.random_range(0..p.len()))));
    percentile(value, drawn.collect())
}

/// Win rate among the tenth with the highest predictions over the overall win rate; Wilson interval of the former.
pub(super) fn lift_top_tenth(p: &[f64], won: &[bool]) -> Option<Score> {
    let wins = won.iter().filter(|&&y| y).count();
    if wins == 0 {
        return None;
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    // Predictions equal to the last of the tenth come along, so that the order of ties decides nothing.
    let edge = p[order[p.len().div_ceil(10) - 1]];
    let top: Vec<usize> = order.into_iter().take_while(|&r| p[r] >= edge).collect();
    let rate = wilson(top.iter().filter(|&&r| won[r]).count(), top.len());
    let overall = wins as f64 / p.len() as f64;
    Some(Score {
        value: rate.value / overall,
        low: rate.low / overall,
        high: rate.high / overall,
    })
}
