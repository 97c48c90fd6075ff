//! Calling wins from a threshold: confusion counts, precision, recall, F1.
//!
//! Deliberately secondary to the scores of probabilities: a constant guess can have a fine F1.

use super::{Score, Units, percentile, wilson};

/// Bootstrap repetitions.
pub(super) const DRAWS: usize = 200;

/// Counts of calls and outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Confusion {
    /// Called won, was won.
    pub true_won: usize,
    /// Called won, was lost.
    pub false_won: usize,
    /// Called lost, was lost.
    pub true_lost: usize,
    /// Called lost, was won.
    pub false_lost: usize,
}

impl Confusion {
    fn add(&mut self, called: bool, won: bool) {
        match (called, won) {
            (true, true) => self.true_won += 1,
            (true, false) => self.false_won += 1,
            (false, false) => self.true_lost += 1,
            (false, true) => self.false_lost += 1,
        }
    }

    /// The four counts as shares of all rows, each with its 95 % interval; `None` without rows.
    /// Deliberately from the counts alone, so rows are taken as independent.
    #[must_use]
    pub fn shares(&self) -> Option<ConfusionShares> {
        let rows = self.true_won + self.false_won + self.true_lost + self.false_lost;
        (rows > 0).then(|| ConfusionShares {
            true_won: wilson(self.true_won, rows),
            false_won: wilson(self.false_won, rows),
            true_lost: wilson(self.true_lost, rows),
            false_lost: wilson(self.false_lost, rows),
        })
    }

    /// Harmonic mean of precision and recall; `None` when nothing is won nor called won.
    fn f1(&self) -> Option<f64> {
        let of = 2 * self.true_won + self.false_won + self.false_lost;
        (of > 0).then(|| 2.0 * self.true_won as f64 / of as f64)
    }
}

/// Shares of all rows per cell of a [`Confusion`], Wilson intervals.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfusionShares {
    /// Called won, was won.
    pub true_won: Score,
    /// Called won, was lost.
    pub false_won: Score,
    /// Called lost, was lost.
    pub true_lost: Score,
    /// Called lost, was won.
    pub false_lost: Score,
}

/// What calling a win from `threshold` achieves.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// A win is called from this probability on.
    pub threshold: f64,
    /// The counts.
    pub confusion: Confusion,
    /// Share of called wins that were won (Wilson); `None` when none was called.
    pub precision: Option<Score>,
    /// Share of wins that were called (Wilson); `None` when nothing was won.
    pub recall: Option<Score>,
    /// Harmonic mean of both (bootstrap); `None` when nothing is won nor called won.
    pub f1: Option<Score>,
}

impl Decision {
    pub(super) fn at(p: &[f64], won: &[bool], units: &Units, threshold: f64, seed: u64) -> Self {
        let mut confusion = Confusion::default();
        let cells: Vec<(bool, bool)> = p
            .iter()
            .zip(won)
            .map(|(&p, &y)| (p >= threshold, y))
            .collect();
        cells
            .iter()
            .for_each(|&(called, y)| confusion.add(called, y));
        let share = |of: &dyn Fn(&(bool, bool)) -> Option<bool>| {
            units.share(&cells.iter().map(of).collect::<Vec<_>>())
        };
        let f1 = confusion.f1().map(|value| {
            let drawn = units.bootstrap(DRAWS, seed, &mut |weights| {
                let (mut hits, mut either) = (0.0, 0.0);
                for (&(called, y), w) in cells.iter().zip(weights) {
                    hits += w * f64::from(u8::from(called && y));
                    either += w * (f64::from(u8::from(called)) + f64::from(u8::from(y)));
                }
                (either > 0.0).then(|| 2.0 * hits / either)
            });
            percentile(value, drawn)
        });
        Self {
            threshold,
            confusion,
            precision: share(&|&(called, y)| called.then_some(y)),
            recall: share(&|&(called, y)| y.then_some(called)),
            f1,
        }
    }
}

/// The threshold with the best F1 (the highest of equal ones); 0.5 when nothing is won.
#[must_use]
pub fn best_f1_threshold(p: &[f64], won: &[bool]) -> f64 {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let wins = won.iter().filter(|&&y| y).count();
    let (mut called, mut hits) = (0, 0);
    let (mut best, mut threshold) = (0.0, 0.5);
    for tied in order.chunk_by(|&a, &b| p[a] == p[b]) {
        called += tied.len();
        hits += tied.iter().filter(|&&r| won[r]).count();
        let f1 = 2.0 * hits as f64 / (called + wins) as f64;
        if f1 > best {
            (best, threshold) = (f1, p[tied[0]]);
        }
    }
    threshold
}
