//! How much each source column matters, on rows that the model was not fitted on.
//!
//! A column is shuffled by swapping everything encoded from it between rows, so that whatever is derived from it moves
//! along and nothing else does: a ratio of price and list price moves with the price. Deliberately not by single encoded
//! columns.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::encode::Bound;
use crate::logistic::loss;
use crate::model::Model;
use crate::predict::Prepared;
use crate::score::{Score, standard_error};
use crate::table::Table;

/// Shuffles per column.
const REPEATS: usize = 5;
/// Two-sided 95 % quantile of Student's t with four degrees of freedom.
const T95: f64 = 2.776_445;
/// Most rows used, fewer where trees make every answer dear.
const MOST_ROWS: usize = 20_000;
/// Most visits of a row to a tree.
const MOST_VISITS: usize = 60_000_000;
/// Most rows over which contributions are averaged when there are trees.
const MOST_EXPLAINED: usize = 500;

/// What a column is worth to the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    /// Name of the column.
    pub column: String,
    /// Increase of the test log loss when the column is shuffled: mean of five shuffles, t interval over them.
    pub log_loss_increase: Score,
    /// Mean absolute contribution to the log-odds over the test rows.
    pub mean_contribution: f64,
}

/// Importance of every used column, largest first; rows are thinned evenly.
pub(crate) fn importance(
    model: &Model,
    table: &Table,
    won: &[bool],
    seed: u64,
) -> Result<Vec<Importance>, Error> {
    let trees = model.boosted.as_ref().map_or(0, |b| b.trees());
    let columns = model.schema().iter().filter(|c| c.used).count();
    let affordable = MOST_VISITS / (trees * columns * REPEATS).max(1);
    let rows = won.len().min(MOST_ROWS).min(affordable.max(300));
    let picked: Vec<usize> = (0..rows).map(|i| i * won.len() / rows).collect();
    let table = table.select(&picked);
    let bound = Bound::new(&model.encoder, &table)?;
    let prepared = model.prepare(&bound);
    let sources = model.encoder.sources();
    let parts: Vec<Vec<f64>> = (0..rows)
        .map(|r| model.linear_parts(&prepared, &sources, r))
        .collect();
    let explained = if trees > 0 {
        rows.min(MOST_EXPLAINED)
    } else {
        rows
    };
    let contributions: Vec<Vec<f64>> = (0..explained)
        .map(|i| model.parts(&prepared, &sources, i * rows / explained))
        .collect();
    let mean_loss = |z: &mut dyn FnMut(usize) -> f64| {
        let sum: f64 = (0..rows).map(|r| loss(z(r), won[picked[r]])).sum();
        sum / rows as f64
    };
    let undisturbed = mean_loss(&mut |r| model.log_odds_alone(&prepared, r));
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..rows).collect();
    let mut found = Vec::new();
    for (c, column) in model.schema().iter().enumerate().filter(|(_, c)| c.used) {
        let mut swap = Swap::new(model, &prepared, c);
        let mut increases = [0.0; REPEATS];
        for increase in &mut increases {
            order.shuffle(&mut rng);
            *increase = mean_loss(&mut |r| {
                let linear = prepared.rows.dot(r, &model.weights);
                swap.log_odds(r, order[r], linear - parts[r][c] + parts[order[r]][c])
            }) - undisturbed;
        }
        let total: f64 = contributions.iter().map(|p| p[c].abs()).sum();
        found.push(Importance {
            column: column.name.clone(),
            log_loss_increase: spread(&increases),
            mean_contribution: total / explained.max(1) as f64,
        });
    }
    found.sort_by(|a, b| {
        b.log_loss_increase
            .value
            .total_cmp(&a.log_loss_increase.value)
    });
    Ok(found)
}

/// Rows that take everything derived from one column from another row.
struct Swap<'a> {
    model: &'a Model,
    prepared: &'a Prepared,
    /// Boosted features that are derived from the column.
    features: Vec<usize>,
    bins: Vec<u8>,
}

impl<'a> Swap<'a> {
    fn new(model: &'a Model, prepared: &'a Prepared, column: usize) -> Self {
        let features = model
            .boosted
            .iter()
            .flat_map(|b| b.features.iter().enumerate());
        let own = features.filter(|(_, f)| f.origin.source() == column);
        Self {
            features: own.map(|(at, _)| at).collect(),
            bins: Vec::new(),
            model,
            prepared,
        }
    }

    /// Log-odds of `row` with the column of `other`, given the log-odds of the linear part.
    fn log_odds(&mut self, row: usize, other: usize, linear: f64) -> f64 {
        if self.model.serves_base_rate {
            return self.model.log_odds_alone(self.prepared, row);
        }
        let bins = self.prepared.binned.as_ref().map(|binned| {
            self.bins.clear();
            self.bins.extend_from_slice(binned.row(row));
            for &feature in &self.features {
                self.bins[feature] = binned.row(other)[feature];
            }
            self.bins.as_slice()
        });
        self.model
            .calibration
            .log_odds(self.model.blended(linear, bins))
    }
}

fn spread(values: &[f64; REPEATS]) -> Score {
    let value = values.iter().sum::<f64>() / REPEATS as f64;
    let half = T95 * standard_error(values, value);
    Score {
        value,
        low: value - half,
        high: value + half,
    }
}
