//! How far the levels of a category lie apart, and what that makes of the errors of their weights.
//!
//! Levels are taken as draws from a normal distribution whose standard deviation t is unknown (random intercepts: Stiratelli,
//! Laird and Ware 1984). What t is follows from all levels together, the rare ones included: its likelihood is the product
//! over levels of the binomial likelihood averaged over the distribution, its prior a half-normal of scale 1, and t² the
//! mean under the posterior. A level that is not told apart errs by t² then, and the weights of the others have t² as their
//! prior variance (see `errors`). Deliberately blind to what a level is: no order, no names.

use std::collections::BTreeMap;

use crate::encode::{Block, Bound, Coding, Encoder, Keys, Origin};
use crate::linalg::Sparse;
use crate::logistic::{logit, sigmoid};
use crate::table::{MISSING_CODE, Values};

/// Fewer levels say too little about how far levels lie apart.
const LEAST_LEVELS: usize = 20;
/// Most levels that are looked at.
const MOST_LEVELS: usize = 5000;
/// Effects at which likelihoods are worked out: this far to either side, in steps of that.
const REACH: (f64, f64) = (6.0, 0.2);
/// Standard deviations that are tried: up to this, in steps of that.
const DEVIATIONS: (f64, f64) = (3.0, 0.05);

/// How far the levels of a block lie apart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spread {
    /// First encoded column of the block.
    pub start: usize,
    /// Levels with a column of their own.
    pub kept: usize,
    /// Whether the others have one together.
    pub other: bool,
    /// Variance of the levels' log-odds.
    pub variance: f64,
}

/// One level: rows, wins, log-odds without it.
struct Level {
    rows: f64,
    wins: f64,
    log_odds: f64,
}

/// The spreads of all blocks with enough levels, under `weights` fitted to `rows`, which are those of `bound`.
pub(crate) fn spreads(
    encoder: &Encoder,
    bound: &Bound<'_>,
    rows: &Sparse,
    weights: &[f64],
    won: &[bool],
) -> Vec<Spread> {
    let of = |block: &Block| spread(block, bound, rows, weights, won);
    encoder.blocks.iter().filter_map(of).collect()
}

fn spread(
    block: &Block,
    bound: &Bound<'_>,
    rows: &Sparse,
    weights: &[f64],
    won: &[bool],
) -> Option<Spread> {
    let (Coding::Slots(slots), Origin::Column(at)) = (&block.coding, block.origin) else {
        return None;
    };
    let (Keys::Names(names), Some(Values::Category { codes, .. })) =
        (&slots.keys, bound.columns[at])
    else {
        return None;
    };
    let own = block.start..block.start + block.width();
    let mut cells: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    let mut without = Vec::with_capacity(won.len());
    for (row, &code) in codes.iter().enumerate() {
        let rest = rows.entries(row).filter(|(i, _)| !own.contains(i));
        without.push(rest.map(|(i, v)| v * weights[i]).sum());
        if code != MISSING_CODE {
            cells.entry(code).or_default().push(row);
        }
    }
    if cells.len() < LEAST_LEVELS {
        return None;
    }
    let step = cells.len().div_ceil(MOST_LEVELS);
    let levels: Vec<Level> = cells
        .into_values()
        .step_by(step)
        .map(|rows| level(&rows, &without, won))
        .collect();
    Some(Spread {
        start: block.start,
        kept: names.len(),
        other: slots.other,
        variance: variance(&levels),
    })
}

fn level(rows: &[usize], without: &[f64], won: &[bool]) -> Level {
    let count = rows.len() as f64;
    let mean = rows.iter().map(|&r| sigmoid(without[r])).sum::<f64>() / count;
    Level {
        rows: count,
        wins: rows.iter().filter(|&&r| won[r]).count() as f64,
        log_odds: logit(mean.clamp(1e-9, 1.0 - 1e-9)),
    }
}

/// Mean of the squared standard deviation under its posterior.
fn variance(levels: &[Level]) -> f64 {
    let centre = centre(levels);
    let (reach, step) = REACH;
    let effects: Vec<f64> = (0..=(2.0 * reach / step) as usize)
        .map(|k| k as f64 * step - reach)
        .collect();
    let likelihoods: Vec<Vec<f64>> = levels
        .iter()
        .map(|l| likelihood(l, centre, &effects))
        .collect();
    let tried = (1..=(DEVIATIONS.0 / DEVIATIONS.1) as usize).map(|k| k as f64 * DEVIATIONS.1);
    let found: Vec<(f64, f64)> = tried
        .map(|t| {
            let weights = normal(&effects, t);
            let mean = |of: &Vec<f64>| of.iter().zip(&weights).map(|(l, w)| l * w).sum::<f64>();
            let log: f64 = likelihoods.iter().map(|l| mean(l).max(1e-300).ln()).sum();
            (t, log - 0.5 * t * t)
        })
        .collect();
    let best = found.iter().map(|f| f.1).fold(f64::NEG_INFINITY, f64::max);
    let (mut sum, mut total) = (0.0, 0.0);
    for (t, log) in found {
        let weight = (log - best).exp();
        sum += weight * t * t;
        total += weight;
    }
    sum / total
}

/// The shift of all log-odds with which wins come out as counted.
fn centre(levels: &[Level]) -> f64 {
    let mut shift = 0.0;
    for _ in 0..20 {
        let (mut residual, mut weight) = (0.0, 1e-9);
        for l in levels {
            let p = sigmoid(l.log_odds + shift);
            residual += l.wins - l.rows * p;
            weight += l.rows * p * (1.0 - p);
        }
        shift += (residual / weight).clamp(-1.0, 1.0);
    }
    shift
}

/// Likelihood of a level at every effect, 1 at the best.
fn likelihood(level: &Level, centre: f64, effects: &[f64]) -> Vec<f64> {
    let log = |effect: &f64| {
        let z = level.log_odds + centre + effect;
        level.wins * z - level.rows * (z.max(0.0) + (-z.abs()).exp().ln_1p())
    };
    let logs: Vec<f64> = effects.iter().map(log).collect();
    let best = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    logs.into_iter().map(|l| (l - best).exp()).collect()
}

/// Weights of a normal distribution with the standard deviation `t` over `effects`, adding up to 1.
fn normal(effects: &[f64], t: f64) -> Vec<f64> {
    let weights: Vec<f64> = effects
        .iter()
        .map(|e| (-0.5 * (e / t).powi(2)).exp())
        .collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / total).collect()
}

impl Spread {
    /// Adds what the levels that are not told apart err by to `left`.
    pub fn widen(&self, left: &mut [f64]) {
        if self.other {
            let at = self.start + self.kept;
            left[at] = left[at].max(self.variance);
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Levels of 1 to 20 rows with effects of the standard deviation `t`.
    fn drawn(t: f64, count: usize, seed: u64) -> Vec<Level> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..count)
            .map(|_| {
                let sum: f64 = (0..12).map(|_| rng.random::<f64>()).sum();
                let p = sigmoid(-0.5 + t * (sum - 6.0));
                let rows = rng.random_range(1..=20);
                let wins = (0..rows).filter(|_| rng.random::<f64>() < p).count();
                Level {
                    rows: f64::from(rows),
                    wins: wins as f64,
                    log_odds: -0.5,
                }
            })
            .collect()
    }

    #[test]
    fn the_spread_that_was_drawn_is_found() {
        for (t, low, high) in [(0.0, 0.0, 0.05), (0.5, 0.17, 0.34), (1.2, 1.2, 1.75)] {
            let mean = (0..5).map(|s| variance(&drawn(t, 400, s))).sum::<f64>() / 5.0;
            assert!((low..high).contains(&mean), "{t}: {mean}");
        }
    }

    #[test]
    fn few_rows_say_little() {
        assert!(variance(&drawn(0.0, 20, 1)) > variance(&drawn(0.0, 1000, 1)));
    }

    #[test]
    fn others_err_by_the_spread() {
        let spread = Spread {
            start: 1,
            kept: 2,
            other: true,
            variance: 0.5,
        };
        let mut left = vec![0.0; 5];
        spread.widen(&mut left);
        assert_eq!(left, [0.0, 0.0, 0.0, 0.5, 0.0]);
    }
}
