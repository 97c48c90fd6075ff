//! What each of the user's columns is worth to any predictor, on rows that it was not fitted on.
//!
//! A column is shuffled in the table itself, before anything is derived from it, so that a ratio of price and list price
//! moves with the price, and every predictor, blended or not, is measured alike. Deliberately not the worth of a column to
//! the business: a predictor can lean on one of two twins and leave the other at zero.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::parallel;
use crate::score::{Score, Units, check_rows, losses};
use crate::table::{Column, Table};

/// Most rows used; more are thinned evenly.
const MOST_ROWS: usize = 20_000;

/// What a column is worth to a predictor.
#[derive(Debug, Clone, PartialEq)]
pub struct PermutationImportance {
    /// Name of the column.
    pub column: String,
    /// Increase of the log loss when the column is shuffled, mean over rows and shuffles; t interval over rows or groups,
    /// which covers the noise of the shuffles too.
    pub log_loss_increase: Score,
    /// Standard error over the shuffles alone; 0 for fewer than two.
    pub shuffle_error: f64,
}

/// A predictor: probabilities of the rows of a table.
pub type Predictor<'a> = dyn Fn(&Table) -> Vec<f64> + Sync + 'a;

/// Permutation importance (Breiman 2001) of every column of `table`, largest first, equal ones in the order of the table.
///
/// `repeats` shuffles per column, at least one; `seed` decides them. Shuffles move whole cells between rows regardless of
/// groups; groups only widen the intervals.
///
/// # Errors
/// [`Error::InvalidTable`]; [`Error::InvalidInput`] for unequal lengths, no rows, no repeats, or a predictor that does not
/// answer a probability per row.
pub fn permutation_importance(
    predict: &Predictor<'_>,
    table: &Table,
    won: &[bool],
    groups: Option<&[u32]>,
    repeats: usize,
    seed: u64,
) -> Result<Vec<PermutationImportance>, Error> {
    let rows = Rows { table, won, groups };
    let all: Vec<usize> = (0..table.columns.len()).collect();
    permuted(predict, &rows, &all, repeats, (seed, 1))
}

/// Rows to measure on.
pub(crate) struct Rows<'a> {
    pub table: &'a Table,
    pub won: &'a [bool],
    pub groups: Option<&'a [u32]>,
}

/// As [`permutation_importance`] for the columns at the positions `columns`; every column has a seed of its own, so the
/// answer does not depend on the number of threads.
pub(crate) fn permuted(
    predict: &Predictor<'_>,
    rows: &Rows<'_>,
    columns: &[usize],
    repeats: usize,
    (seed, threads): (u64, usize),
) -> Result<Vec<PermutationImportance>, Error> {
    rows.table.validate()?;
    if rows.won.is_empty() || rows.table.rows() != rows.won.len() || repeats == 0 {
        return Err(Error::InvalidInput {
            reason: "there are no rows, outcomes do not cover them, or there is nothing to repeat"
                .to_owned(),
        });
    }
    if rows.groups.is_some_and(|g| g.len() != rows.won.len()) {
        return Err(Error::InvalidInput {
            reason: "groups do not cover the rows".to_owned(),
        });
    }
    let count = rows.won.len().min(MOST_ROWS);
    let picked: Vec<usize> = (0..count).map(|i| i * rows.won.len() / count).collect();
    let table = rows.table.select(&picked);
    let won: Vec<bool> = picked.iter().map(|&r| rows.won[r]).collect();
    let groups: Option<Vec<u32>> = rows.groups.map(|g| picked.iter().map(|&r| g[r]).collect());
    let units = Units::new(count, groups.as_deref());
    let loss_of = |table: &Table| {
        let p = predict(table);
        check_rows(&p, &won, None)?;
        Ok::<_, Error>(losses(&p, &won))
    };
    let undisturbed = loss_of(&table)?;
    let worth = |at: usize| {
        let own = seed ^ (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mut rng = ChaCha8Rng::seed_from_u64(own);
        let mut order: Vec<usize> = (0..count).collect();
        let mut disturbed = table.clone();
        let mut increase = vec![0.0; count];
        let mut of_shuffle = Vec::with_capacity(repeats);
        for _ in 0..repeats {
            order.shuffle(&mut rng);
            disturbed.columns[at] = shuffled(&table.columns[at], &order);
            let mut total = 0.0;
            for ((sum, after), before) in increase
                .iter_mut()
                .zip(loss_of(&disturbed)?)
                .zip(&undisturbed)
            {
                *sum += (after - before) / repeats as f64;
                total += after - before;
            }
            of_shuffle.push(total / count as f64);
        }
        Ok(PermutationImportance {
            column: table.columns[at].name.clone(),
            log_loss_increase: units.mean(&increase),
            shuffle_error: shuffle_error(&of_shuffle),
        })
    };
    let mut found = parallel::map(columns.len(), threads, |at| worth(columns[at]))
        .into_iter()
        .collect::<Result<Vec<_>, Error>>()?;
    found.sort_by(|a, b| {
        let value = |i: &PermutationImportance| i.log_loss_increase.value;
        value(b).total_cmp(&value(a))
    });
    Ok(found)
}

fn shuffled(column: &Column, order: &[usize]) -> Column {
    Column::new(
        column.name.clone(),
        column.role,
        column.values.select(order),
    )
}

fn shuffle_error(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    if values.len() < 2 {
        0.0
    } else {
        crate::score::standard_error(values, mean)
    }
}

/// Contributions of encoded columns added up to source columns: `sources[j]` is the source of encoded column j, `None`
/// for what belongs to no column, such as an intercept. The answer has one sum per source column.
#[must_use]
pub fn group_contributions(
    contributions: &[f64],
    sources: &[Option<usize>],
    columns: usize,
) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    for (contribution, source) in contributions.iter().zip(sources) {
        if let Some(sum) = source.and_then(|s| sums.get_mut(s)) {
            *sum += contribution;
        }
    }
    sums
}

/// Mean absolute contribution per column over rows; a row's missing ends count as 0. Empty without rows.
#[must_use]
pub fn mean_absolute_contributions(rows: &[Vec<f64>]) -> Vec<f64> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut sums = vec![0.0; columns];
    for row in rows {
        for (sum, contribution) in sums.iter_mut().zip(row) {
            *sum += contribution.abs();
        }
    }
    sums.iter().map(|s| s / rows.len() as f64).collect()
}
