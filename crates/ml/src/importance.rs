//! How much each source column matters, on rows that the model was not fitted on.
//!
//! A column is shuffled by swapping its contributions between rows, so that whatever is derived from it moves along and
//! nothing else does: a ratio of price and list price moves with the price. Deliberately not by single encoded columns.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::encode::Bound;
use crate::logistic::loss;
use crate::model::Model;
use crate::score::{Score, standard_error};
use crate::table::Table;

/// Shuffles per column.
const REPEATS: usize = 5;
/// Two-sided 95 % quantile of Student's t with four degrees of freedom.
const T95: f64 = 2.776_445;
/// Most rows used.
const MOST_ROWS: usize = 20_000;

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

/// Importance of every used column, largest first; rows are thinned evenly to at most 20,000.
pub(crate) fn importance(
    model: &Model,
    table: &Table,
    won: &[bool],
    seed: u64,
) -> Result<Vec<Importance>, Error> {
    let rows = won.len().min(MOST_ROWS);
    let picked: Vec<usize> = (0..rows).map(|i| i * won.len() / rows).collect();
    let table = table.select(&picked);
    let bound = Bound::new(&model.encoder, &table)?;
    let prepared = model.prepare(&bound);
    let sources = model.encoder.sources();
    let parts: Vec<Vec<f64>> = (0..rows)
        .map(|r| model.parts(&prepared, &sources, r))
        .collect();
    let log_odds: Vec<f64> = (0..rows)
        .map(|r| model.log_odds_alone(&prepared, r))
        .collect();
    let mean_loss = |z: &dyn Fn(usize) -> f64| {
        picked
            .iter()
            .enumerate()
            .map(|(r, &at)| loss(z(r), won[at]))
            .sum::<f64>()
            / rows as f64
    };
    let undisturbed = mean_loss(&|r| log_odds[r]);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut order: Vec<usize> = (0..rows).collect();
    let mut found = Vec::new();
    for (c, column) in model.schema().iter().enumerate().filter(|(_, c)| c.used) {
        let mut increases = [0.0; REPEATS];
        for increase in &mut increases {
            order.shuffle(&mut rng);
            *increase =
                mean_loss(&|r| log_odds[r] - parts[r][c] + parts[order[r]][c]) - undisturbed;
        }
        found.push(Importance {
            column: column.name.clone(),
            log_loss_increase: spread(&increases),
            mean_contribution: parts.iter().map(|p| p[c].abs()).sum::<f64>() / rows as f64,
        });
    }
    found.sort_by(|a, b| {
        b.log_loss_increase
            .value
            .total_cmp(&a.log_loss_increase.value)
    });
    Ok(found)
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
