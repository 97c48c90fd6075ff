//! Calling wins from a threshold: confusion counts, precision, recall, F1.
//!
//! Deliberately secondary to the scores of probabilities: a constant guess can have a fine F1.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Score, percentile, wilson};

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

    /// Harmonic mean of precision and recall; `None` when nothing is won nor called won.
    fn f1(&self) -> Option<f64> {
        let of = 2 * self.true_won + self.false_won + self.false_lost;
        (of > 0).then(|| 2.0 * self.true_won as f64 / of as f64)
    }
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
    pub(super) fn at(p: &[f64], won: &[bool], threshold: f64, seed: u64) -> Self {
        let mut confusion = Confusion::default();
        let cells: Vec<(bool, bool)> = p
            .iter()
            .zip(won)
            .map(|(&p, &y)| (p >= threshold, y))
            .collect();
        cells
            .iter()
            .for_each(|&(called, y)| confusion.add(called, y));
        let called = confusion.true_won + confusion.false_won;
        let wins = confusion.true_won + confusion.false_lost;
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let f1 = confusion.f1().map(|value| {
            let drawn = (0..DRAWS).filter_map(|_| {
                let mut counts = Confusion::default();
                for _ in 0..cells.len() {
                    let (called, y) = cells[rng.random_range(0..cells.len())];
                    counts.add(called, y);
                }
                counts.f1()
            });
            percentile(value, drawn.collect())
        });
        Self {
            threshold,
            confusion,
            precision: (called > 0).then(|| wilson(confusion.true_won, called)),
            recall: (wins > 0).then(|| wilson(confusion.true_won, wins)),
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
