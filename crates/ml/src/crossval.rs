//! Choosing the penalty by cross-validation on log loss.
//!
//! The encoder is fitted anew on the fitting side of every fold, so nothing of the held-back rows leaks. Deliberately
//! the minimum of the curve, without the one-standard-error rule: the ridge path is flat enough.

use crate::Error;
use crate::encode::{Bound, Encoder};
use crate::logistic::{Exactness, fit_path, sigmoid};
use crate::parallel;
use crate::score::{log_loss, standard_error};
use crate::split::folds;
use crate::table::TrainingSet;

/// Cross-validated log loss of one penalty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PenaltyScore {
    /// The penalty.
    pub penalty: f64,
    /// Mean log loss of the rows when they were held back.
    pub log_loss: f64,
    /// Standard error of that mean.
    pub standard_error: f64,
}

/// What cross-validation found.
pub(crate) struct CrossValidation {
    pub curve: Vec<PenaltyScore>,
    pub penalty: f64,
    /// Held-back probabilities, each fold under the penalty that suits the others (its own rows would be flattered), those of the base rate, and the outcomes of those rows.
    pub probabilities: Vec<f64>,
    pub base: Vec<f64>,
    pub outcomes: Vec<bool>,
    /// The held-back rows, fold after fold.
    pub rows: Vec<usize>,
}

/// Probabilities of held-back rows, one vector per penalty, the base rate's last.
type HeldBack = Vec<Vec<f64>>;

/// Cross-validates `penalties` over `folds`, the effect of the price held at falling where `falling`, on at most `threads`
/// threads; `tick` is told once per penalty and fold, after every few folds, and may stop.
pub(crate) fn cross_validate(
    set: &TrainingSet,
    folds: &[(Vec<usize>, Vec<usize>)],
    penalties: &[f64],
    (falling, threads): (bool, usize),
    tick: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<CrossValidation, Error> {
    let mut pooled: HeldBack = vec![Vec::new(); penalties.len() + 1];
    let mut outcomes = Vec::new();
    for some in folds.chunks(threads.max(1)) {
        let done = parallel::map(some.len(), threads, |at| {
            held_back(set, &some[at], penalties, falling)
        });
        for (found, (_, held)) in done.into_iter().zip(some) {
            for (pool, found) in pooled.iter_mut().zip(found?) {
                pool.extend(found);
            }
            outcomes.extend(held.iter().map(|&r| set.outcome[r]));
            penalties.iter().try_for_each(|_| tick())?;
        }
    }
    let sizes: Vec<usize> = folds.iter().map(|(_, held)| held.len()).collect();
    let rows = folds.iter().flat_map(|(_, held)| held.iter().copied());
    Ok(CrossValidation {
        rows: rows.collect(),
        ..judge(pooled, outcomes, penalties, &sizes)
    })
}

/// Probabilities of the held-back rows of one fold.
fn held_back(
    set: &TrainingSet,
    (fitted, held): &(Vec<usize>, Vec<usize>),
    penalties: &[f64],
    falling: bool,
) -> Result<HeldBack, Error> {
    let (table, won) = set.select(fitted);
    let held_table = set.features.select(held);
    let encoder = Encoder::fit(&table);
    let rows = encoder.apply(&Bound::new(&encoder, &table)?).rows;
    let held_rows = encoder.apply(&Bound::new(&encoder, &held_table)?).rows;
    let held_down = if falling {
        encoder.rising_with_price()
    } else {
        Vec::new()
    };
    let fits = fit_path(
        &rows,
        &won,
        penalties,
        &held_down,
        Exactness::Comparison,
        &mut || Ok(()),
    )?;
    let answer = |weights: &[f64]| -> Vec<f64> {
        (0..held.len())
            .map(|r| sigmoid(held_rows.dot(r, weights)))
            .collect()
    };
    let mut found: HeldBack = fits.iter().map(|fit| answer(&fit.weights)).collect();
    let base = won.iter().filter(|&&y| y).count() as f64 / won.len() as f64;
    found.push(vec![base; held.len()]);
    Ok(found)
}

/// Cross-validated log loss of every penalty of a path for the linear part alone, over the folds that [`crate::train`]
/// would make of all rows.
///
/// # Errors
/// As [`crate::train`].
pub fn penalty_curve(
    set: &TrainingSet,
    penalties: &[f64],
    (count, seed, threads): (usize, u64, usize),
) -> Result<Vec<PenaltyScore>, Error> {
    set.validate()?;
    let rows: Vec<usize> = (0..set.outcome.len()).collect();
    let folds = folds(set, &rows, count, set.date.is_some(), seed);
    let found = cross_validate(set, &folds, penalties, (false, threads), &mut || Ok(()))?;
    Ok(found.curve)
}

/// Everything but the rows; folds have so many held-back rows each.
fn judge(
    mut pooled: HeldBack,
    outcomes: Vec<bool>,
    penalties: &[f64],
    sizes: &[usize],
) -> CrossValidation {
    let losses = |p: &Vec<f64>| -> Vec<f64> {
        p.iter()
            .zip(&outcomes)
            .map(|(&p, &y)| log_loss(p, y))
            .collect()
    };
    let losses: Vec<Vec<f64>> = pooled[..penalties.len()].iter().map(losses).collect();
    let average = |v: &[f64]| v.iter().sum::<f64>() / v.len().max(1) as f64;
    let scored = |(&penalty, losses): (&f64, &Vec<f64>)| {
        let log_loss = average(losses);
        PenaltyScore {
            penalty,
            log_loss,
            standard_error: standard_error(losses, log_loss),
        }
    };
    let curve: Vec<PenaltyScore> = penalties.iter().zip(&losses).map(scored).collect();
    let best = lowest(curve.iter().map(|score| score.log_loss));
    let mut probabilities = Vec::with_capacity(outcomes.len());
    let mut start = 0;
    for &size in sizes {
        let fold = start..start + size;
        let others = |l: &Vec<f64>| l.iter().sum::<f64>() - l[fold.clone()].iter().sum::<f64>();
        let chosen = if sizes.len() > 1 {
            lowest(losses.iter().map(others))
        } else {
            best
        };
        probabilities.extend_from_slice(&pooled[chosen][fold.clone()]);
        start = fold.end;
    }
    CrossValidation {
        penalty: penalties[best],
        base: std::mem::take(&mut pooled[penalties.len()]),
        probabilities,
        rows: Vec::new(),
        curve,
        outcomes,
    }
}

/// The place of the lowest figure.
fn lowest(figures: impl Iterator<Item = f64>) -> usize {
    let numbered = figures.enumerate();
    numbered
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(0, |(at, _)| at)
}
