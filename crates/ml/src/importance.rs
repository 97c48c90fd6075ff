//! What every source column is worth to a model, how much it moves answers, and in which direction and shape.
//!
//! Worth is measured by permutation on rows that the model was not fitted on, movement by contributions, shape by partial
//! dependence. Deliberately thinned where trees make every answer dear: intervals say how far the figures carry.

use crate::Error;
use crate::dependence::{Dependence, partial_dependence};
use crate::encode::Bound;
use crate::model::Model;
use crate::parallel;
use crate::permutation::{Rows, mean_absolute_contributions, permuted};
use crate::score::Score;
use crate::table::Table;

/// Shuffles per column.
const REPEATS: usize = 5;
/// Visits of a row to a tree that all shuffles, and all curves, may cost.
const MOST_VISITS: usize = 100_000_000;
/// Fewest and most rows that are shuffled.
const SHUFFLED: (usize, usize) = (300, 20_000);
/// Fewest and most rows that a curve is averaged over.
const CURVED: (usize, usize) = (100, 2000);
/// Answers per row and curve.
const POINTS: usize = 20;
/// Columns that get a curve, the most important ones.
const MOST_CURVES: usize = 30;
/// Most rows over which contributions are averaged when there are trees, and without.
const EXPLAINED: (usize, usize) = (500, 20_000);

/// What a column is worth to the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// Name of the column.
    pub column: String,
    /// Increase of the test log loss when the column is shuffled: mean over five shuffles, t interval over rows or groups.
    pub log_loss_increase: Score,
    /// Mean absolute contribution to the log-odds over the test rows.
    pub mean_contribution: f64,
    /// How the probability moves with it on the test rows; `None` beyond the first thirty columns and for columns without
    /// a value there.
    pub effect: Option<Dependence>,
}

/// Evenly spaced positions: `count` of `of`.
pub(crate) fn thinned(of: usize, count: usize) -> Vec<usize> {
    let count = count.min(of);
    (0..count).map(|i| i * of / count).collect()
}

/// Importance of every used column on `rows`, largest first.
pub(crate) fn importance(
    model: &Model,
    rows: &Rows<'_>,
    seed: u64,
    threads: usize,
) -> Result<Vec<Importance>, Error> {
    let of_schema: Vec<usize> = (0..model.schema().len())
        .filter(|&c| model.schema()[c].used)
        .collect();
    let columns: Vec<usize> = of_schema
        .iter()
        .filter_map(|&c| {
            let name = &model.schema()[c].name;
            rows.table.columns.iter().position(|t| t.name == *name)
        })
        .collect();
    let visits = model.boosted.as_ref().map_or(1, |b| b.trees()).max(1);
    let affordable = |answers: usize| MOST_VISITS / (visits * answers).max(1);
    let shuffled = affordable(columns.len() * REPEATS).clamp(SHUFFLED.0, SHUFFLED.1);
    let picked = thinned(rows.won.len(), shuffled);
    let won: Vec<bool> = picked.iter().map(|&r| rows.won[r]).collect();
    let groups: Option<Vec<u32>> = rows.groups.map(|g| picked.iter().map(|&r| g[r]).collect());
    let thin = rows.table.select(&picked);
    let predict = |table: &Table| model.probabilities(table).unwrap_or_default();
    let worth = permuted(
        &predict,
        &Rows {
            table: &thin,
            won: &won,
            groups: groups.as_deref(),
        },
        &columns,
        REPEATS,
        (seed, threads),
    )?;
    let moved = contributions(model, rows.table)?;
    let curves = MOST_CURVES.min(worth.len());
    let curved = affordable(curves * POINTS).clamp(CURVED.0, CURVED.1);
    let few = rows.table.select(&thinned(rows.won.len(), curved));
    let effects = parallel::map(curves, threads, |at| {
        // A column without a value on these rows has no curve.
        partial_dependence(&predict, &few, &worth[at].column).ok()
    });
    let mut effects = effects.into_iter();
    let found = worth.into_iter().map(|w| {
        let at = model.schema().iter().position(|c| c.name == w.column);
        Importance {
            mean_contribution: at.and_then(|at| moved.get(at)).copied().unwrap_or(0.0),
            column: w.column,
            log_loss_increase: w.log_loss_increase,
            effect: effects.next().flatten(),
        }
    });
    Ok(found.collect())
}

/// Mean absolute contribution of every schema column.
fn contributions(model: &Model, table: &Table) -> Result<Vec<f64>, Error> {
    let most = if model.boosted.is_some() {
        EXPLAINED.0
    } else {
        EXPLAINED.1
    };
    let table = table.select(&thinned(table.rows(), most));
    let bound = Bound::new(&model.encoder, &table)?;
    let prepared = model.prepare(&bound);
    let shared = model.shared();
    let rows: Vec<Vec<f64>> = (0..table.rows())
        .map(|r| model.parts(&prepared, &shared, r))
        .collect();
    Ok(mean_absolute_contributions(&rows))
}
