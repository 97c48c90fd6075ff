//! What each of the user's columns is worth to any predictor, on rows that it was not fitted on.
//!
//! A column is shuffled in the table itself, before anything is derived from it, so that a ratio of price and list price
//! moves with the price, and every predictor, blended or not, is measured alike. `importance` measures the same for the
//! linear model alone, and faster. Deliberately not the worth of a column to the business: a predictor can lean on one of
//! two twins and leave the other at zero.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::Error;
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
pub type Predictor<'a> = dyn Fn(&Table) -> Vec<f64> + 'a;

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
    table.validate()?;
    if won.is_empty() || table.rows() != won.len() || repeats == 0 {
        return Err(Error::InvalidInput {
            reason: "there are no rows, outcomes do not cover them, or there is nothing to repeat"
                .to_owned(),
        });
    }
    let rows = won.len().min(MOST_ROWS);
    let picked: Vec<usize> = (0..rows).map(|i| i * won.len() / rows).collect();
    if groups.is_some_and(|g| g.len() != won.len()) {
        return Err(Error::InvalidInput {
            reason: "groups do not cover the rows".to_owned(),
        });
    }
    let mut table = table.select(&picked);
    let won: Vec<bool> = picked.iter().map(|&r| won[r]).collect();
    let groups: Option<Vec<u32>> = groups.map(|g| picked.iter().map(|&r| g[r]).collect());
    let units = Units::new(rows, groups.as_deref());
    let loss_of = |table: &Table| {
        let p = predict(table);
        check_rows(&p, &won, None)?;
        Ok::<_, Error>(losses(&p, &won))
    };
    let undisturbed = loss_of(&table)?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..rows).collect();
    let mut found = Vec::new();
    for at in 0..table.columns.len() {
        let column = table.columns[at].clone();
        let mut increase = vec![0.0; rows];
        let mut of_shuffle = Vec::with_capacity(repeats);
        for _ in 0..repeats {
            order.shuffle(&mut rng);
            table.columns[at] = shuffled(&column, &order);
            let losses = loss_of(&table)?;
            let mut total = 0.0;
            for ((sum, disturbed), before) in increase.iter_mut().zip(&losses).zip(&undisturbed) {
                *sum += (disturbed - before) / repeats as f64;
                total += disturbed - before;
            }
            of_shuffle.push(total / rows as f64);
        }
        found.push(PermutationImportance {
            column: column.name.clone(),
            log_loss_increase: units.mean(&increase),
            shuffle_error: shuffle_error(&of_shuffle),
        });
        table.columns[at] = column;
    }
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
