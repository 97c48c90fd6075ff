//! How far the log-odds of a row may be from the truth: sampling error, shrinkage, and what no candidate has learned.
//!
//! - The linear part was shrunk by a penalty that suits the mean of all rows: its squared error is x' E x (see `errors`), and
//!   rows of levels that are not told apart err by how far levels lie apart (see `spread`).
//! - The boosted part was stopped early, which shrinks it as well, and its members are stopped at the same point, so that
//!   they do not differ by it. After m rounds at the learning rate r their variance is multiplied by 1 + 10 / (m r).
//! - Where both parts are blended, the error is the weighted mean of both (they err on the same rows), and half of what
//!   they differ by is added as for a mixture: weight times weight times their squared difference.
//! - Where the base rate is served, its distance from the linear part counts for a quarter, beside the linear part's error.
//! - What held-back rows show to be left over is added (see `doubt`), per row by its levels.
//!
//! The numbers ten, a quarter and that of the left-over are those with which intervals of `examples/coverage.rs` hold the
//! truth about as often as they should, over kinds that differ in all else. Deliberately nothing here moves the prediction itself.

use crate::boosted::Plan;
use crate::doubt::Doubt;
use crate::encode::{Block, Coding, Encoder, Keys};
use crate::grade::WIDE;

/// Learning (rounds times rate) after which early stopping doubles the variance of the members.
const LEARNED: f64 = 10.0;

/// By what left-over variances are multiplied: sums of groups do not show what is left over inside the groups.
const INSIDE: f64 = 1.25;

/// What is added to the sampling error.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Caution {
    /// By what the variance of the boosted members is multiplied.
    pub boosted: f64,
    /// Share of the squared distance between base rate and linear part that counts where the base rate is served. None since
    /// the errors of the linear part are those around the base rate then.
    pub unserved: f64,
    /// Left-over variance that a row has by each of its encoded columns; that of the intercept every row has.
    pub left: Vec<f64>,
    /// The same that grows with the square of an encoded column: where a slope differs, most is left over far from the mean.
    pub along: Vec<f64>,
    /// Width from which an interval is wide.
    pub wide: f64,
}

/// Log-odds and standard errors of the parts for one row.
pub(crate) struct Parts {
    /// Weights of the linear and the boosted part.
    pub weights: [f64; 2],
    pub linear: (f64, f64),
    /// Without caution.
    pub boosted: (f64, f64),
    /// Of the base rate.
    pub base: f64,
}

impl Caution {
    pub fn of(encoder: &Encoder, plan: Option<&Plan>, doubt: &Doubt) -> Self {
        let mut left = vec![0.0; encoder.width];
        left[0] = doubt.drift;
        let mut along = vec![0.0; encoder.width];
        for &(variance, origin) in &doubt.pairs {
            let number =
                |b: &&Block| Some(b.origin) == origin && matches!(b.coding, Coding::Scale(_));
            match encoder.blocks.iter().find(number) {
                Some(block) => along[block.start] += variance,
                None => left[0] += variance,
            }
        }
        for block in &encoder.blocks {
            let Coding::Slots(slots) = &block.coding else {
                continue;
            };
            let name = &encoder.schema[block.origin.source()].name;
            let found = doubt.levels.iter().find(|l| l.column == *name);
            let (Some(found), Keys::Names(names)) = (found, &slots.keys) else {
                continue;
            };
            left[block.start..block.start + names.len()].fill(found.kept);
            if slots.other {
                left[block.start + names.len()] = found.other;
            }
        }
        let variances = left.iter_mut().chain(&mut along);
        variances.for_each(|variance| *variance *= INSIDE);
        let learned = plan.map_or(f64::INFINITY, |p| {
            p.rounds.first.max(1) as f64 * p.settings.clamped().learning_rate
        });
        Self {
            boosted: 1.0 + LEARNED / learned,
            unserved: 0.0,
            left,
            along,
            wide: WIDE,
        }
    }

    /// Standard error of the blended log-odds.
    pub fn error(&self, parts: &Parts) -> f64 {
        let [linear, boosted] = parts.weights;
        let together = linear + boosted;
        let ((z_linear, of_linear), (z_boosted, of_boosted)) = (parts.linear, parts.boosted);
        if together <= 0.0 {
            let away = self.unserved * (z_linear - parts.base).powi(2);
            return (of_linear * of_linear + away).sqrt();
        }
        let (a, b) = (linear / together, boosted / together);
        let both = a * of_linear + b * of_boosted * self.boosted.sqrt();
        let apart = if a > 0.0 && b > 0.0 {
            a * b * (z_linear - z_boosted).powi(2)
        } else {
            0.0
        };
        (both * both + apart).sqrt()
    }

    /// Left-over variance of an encoded row.
    pub fn left(&self, entries: &[(usize, f64)]) -> f64 {
        let left = |&(i, v): &(usize, f64)| (self.left[i] * v).max(0.0) + self.along[i] * v * v;
        entries.iter().map(left).sum()
    }
}
