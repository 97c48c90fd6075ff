//! Squared errors of the linear weights, the penalty's share included.
//!
//! A penalty shrinks all weights by one strength that suits the mean of all rows; for the rows of one level or number it is
//! too strong or too weak. What it hides is worked out with a strength of its own for every kind of columns: weights of a
//! kind are draws from a normal distribution of variance t², and t² is what the data make of it (empirical Bayes; MacKay
//! 1992). With F the information, D the diagonal of the 1 / t², C the inverse of F + D and
//! m the weights that fit best under these, the served weights w err by C + 2 (m - w) (m - w)': twice, because m is shrunk as
//! well and the same way. Kinds are: each category by
//! itself, what comes from the price, and the other numbers together. Deliberately no change of the served weights: the one
//! penalty predicts as well, and its path is cheap.

use std::collections::BTreeMap;

use crate::Error;
use crate::encode::{Coding, Encoder, Origin};
use crate::linalg::{Factor, Sparse, Symmetric};
use crate::logistic::{hessian, sigmoid};
use crate::spread::Spread;
use crate::table::Role;

/// Newton steps, and with them rounds of the search for the variances.
const ROUNDS: usize = 6;
/// The same where a round is expensive, and from how many encoded columns on it is.
const FEW_ROUNDS: (usize, usize) = (3, 400);
/// Longest step of a weight.
const LONGEST: f64 = 2.0;
/// First variances, times the penalty.
const FIRST: f64 = 5.0;
/// By what the squared way from the served weights to the best ones is multiplied: those are shrunk as well, the same way, so
/// that the truth lies further.
const STOPS_SHORT: f64 = 2.0;
/// Smallest and largest variance of a kind.
const BOUNDS: (f64, f64) = (1e-4, 25.0);

/// Columns whose weights are drawn from one distribution.
struct Group {
    columns: Vec<usize>,
    variance: f64,
    /// Whether the variance is known already.
    known: bool,
}

/// Squared errors of `weights`, which were fitted to `rows` and `won` under `penalty`; of the base rate where all but the
/// intercept are zero.
///
/// # Errors
/// [`Error::Collinear`].
pub(crate) fn linear_errors(
    encoder: &Encoder,
    (rows, won): (&Sparse, &[bool]),
    (weights, penalty): (&[f64], f64),
    spreads: &[Spread],
) -> Result<Symmetric, Error> {
    let mut groups = groups(encoder, spreads, penalty);
    let rounds = if rows.width < FEW_ROUNDS.1 {
        ROUNDS
    } else {
        FEW_ROUNDS.0
    };
    let mut mean = weights.to_vec();
    let mut covariance = Symmetric::zeros(0);
    for round in 0..rounds {
        let (information, slope) = slopes(rows, won, &mean);
        let factor = factor(&information, &groups)?;
        let mut slope = slope;
        for group in &groups {
            let columns = group.columns.iter();
            columns.for_each(|&j| slope[j] -= mean[j] / group.variance);
        }
        let step = factor.solve(&slope);
        let longest = step.iter().fold(0.0, |a: f64, s| a.max(s.abs()));
        let length = (LONGEST / longest.max(LONGEST)).min(1.0);
        mean.iter_mut()
            .zip(step)
            .for_each(|(m, s)| *m += length * s);
        covariance = factor.inverse();
        for group in groups.iter_mut().filter(|g| !g.known) {
            let second = |&j: &usize| mean[j].powi(2) + covariance.get(j, j);
            let squares: f64 = group.columns.iter().map(second).sum();
            let count = group.columns.len() as f64;
            // Few weights say little about the variance, which makes what may be expected of it larger, at last.
            let certain = if round + 2 < rounds {
                count
            } else {
                (count - 2.0).max(0.5 * count)
            };
            group.variance = (squares / certain).clamp(BOUNDS.0, BOUNDS.1);
        }
    }
    let index: Vec<u32> = (0..weights.len() as u32).collect();
    let away: Vec<f64> = mean.iter().zip(weights).map(|(m, w)| m - w).collect();
    let served = weights[1..].iter().any(|w| *w != 0.0);
    let times = if served { STOPS_SHORT } else { 1.0 };
    covariance.add_outer(&index, &away, times);
    Ok(covariance)
}

fn groups(encoder: &Encoder, spreads: &[Spread], penalty: f64) -> Vec<Group> {
    let mut kinds: BTreeMap<usize, Group> = BTreeMap::new();
    for block in &encoder.blocks {
        let known = spreads.iter().find(|s| s.start == block.start);
        let of_price = match block.origin {
            Origin::Column(at) => encoder.schema[at].role == Role::Price,
            _ => true,
        };
        let kind = match &block.coding {
            Coding::Slots(_) => block.start + 2,
            Coding::Scale(_) => usize::from(of_price),
        };
        let group = kinds.entry(kind).or_insert_with(|| Group {
            columns: Vec::new(),
            variance: known
                .map_or(FIRST / penalty, |s| s.variance)
                .clamp(BOUNDS.0, BOUNDS.1),
            known: known.is_some(),
        });
        group
            .columns
            .extend(block.start..block.start + block.width());
    }
    kinds.into_values().collect()
}

/// Factor of the information and the variances together.
fn factor(information: &Symmetric, groups: &[Group]) -> Result<Factor, Error> {
    let mut precision = information.clone();
    for group in groups {
        let columns = group.columns.iter();
        columns.for_each(|&j| precision.add_diagonal(j, 1.0 / group.variance));
    }
    precision.cholesky().ok_or(Error::Collinear)
}

/// Information and slope of the likelihood at `weights`.
fn slopes(rows: &Sparse, won: &[bool], weights: &[f64]) -> (Symmetric, Vec<f64>) {
    let p: Vec<f64> = (0..rows.rows())
        .map(|r| sigmoid(rows.dot(r, weights)))
        .collect();
    let mut slope = vec![0.0; rows.width];
    for (row, (&p, &y)) in p.iter().zip(won).enumerate() {
        let residual = f64::from(u8::from(y)) - p;
        rows.entries(row)
            .for_each(|(i, v)| slope[i] += residual * v);
    }
    (hessian(rows, &p, 0.0), slope)
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::encode::Bound;
    use crate::logistic::{Exactness, fit_path};
    use crate::table::{Column, Table, Values};

    /// Mean squared error of log-odds that were fitted under `penalty`, and what is expected of it, over `seeds` draws.
    fn errors(penalty: f64, seeds: u64) -> (f64, f64) {
        let truth = |x: f64, level: usize| 1.5 * x + [0.8, -0.6, 0.3, -0.5][level];
        let (mut found, mut expected) = (0.0, 0.0);
        for seed in 0..seeds {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let x: Vec<f64> = (0..400).map(|_| rng.random_range(-1.0..1.0)).collect();
            let level: Vec<usize> = (0..400).map(|_| rng.random_range(0..4)).collect();
            let z: Vec<f64> = x.iter().zip(&level).map(|(&x, &l)| truth(x, l)).collect();
            let won: Vec<bool> = z
                .iter()
                .map(|&z| rng.random::<f64>() < sigmoid(z))
                .collect();
            let names: Vec<Option<&str>> = level
                .iter()
                .map(|&l| Some(["a", "b", "c", "d"][l]))
                .collect();
            let table = Table {
                columns: vec![
                    Column::new("x", Role::Feature, Values::Number(x)),
                    Column::from_texts("level", Role::Feature, &names),
                ],
            };
            let encoder = Encoder::fit(&table);
            let bound = Bound::new(&encoder, &table).expect("a valid table");
            let rows = encoder.apply(&bound).rows;
            let fits = fit_path(&rows, &won, &[penalty], &[], Exactness::Exact, &mut || {
                Ok(())
            });
            let weights = &fits.expect("fits")[0].weights;
            let matrix = linear_errors(&encoder, (&rows, &won), (weights, penalty), &[])
                .expect("positive definite");
            for (row, z) in z.iter().enumerate() {
                found += (rows.dot(row, weights) - z).powi(2) / 400.0 / seeds as f64;
                let entries: Vec<(usize, f64)> = rows.entries(row).collect();
                expected += matrix.quadratic(&entries) / 400.0 / seeds as f64;
            }
        }
        (found, expected)
    }

    #[test]
    fn what_the_penalty_hides_is_expected() {
        for penalty in [0.1, 5.0, 60.0] {
            let (found, expected) = errors(penalty, 10);
            let ratio = expected / found;
            assert!(
                (0.8..3.0).contains(&ratio),
                "{penalty}: {found} and {expected}"
            );
        }
    }
}
