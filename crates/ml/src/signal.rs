//! Whether the columns tell anything at all about the outcome.
//!
//! The sum of squared scores of all encoded columns (the slope of the log-likelihood where no column has an effect) is large
//! where some of them have one, whichever it is: the global test of Goeman, van de Geer, de Kort and van Houwelingen
//! (2004). How large it is by chance is seen by dealing the outcomes out anew. All rows take part in it at once, so that it
//! finds on few rows what held-back rows, each predicted by fewer still, do not show clearly. Deliberately no measure of
//! how well anything predicts: that is for held-back rows.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::encode::{Bound, Encoder};
use crate::linalg::Sparse;
use crate::table::TrainingSet;

/// How often outcomes are dealt out anew.
const DRAWS: usize = 1999;
/// From so many rows on held-back rows are enough.
const MOST_ROWS: usize = 5000;

/// Whether `rows` show a signal that chance would show in at most the share `chance` (from 0.001 on) of sets without any.
/// Not where rows belong together, which dealing out would tear apart, nor where they are many.
pub(crate) fn clear_signal(
    set: &TrainingSet,
    rows: &[usize],
    chance: f64,
    seed: u64,
) -> Result<bool, Error> {
    if rows.len() > MOST_ROWS || set.group.is_some() {
        return Ok(false);
    }
    let (table, won) = set.select(rows);
    let encoder = Encoder::fit(&table);
    let encoded = encoder.apply(&Bound::new(&encoder, &table)?).rows;
    let rate = won.iter().filter(|&&y| y).count() as f64 / won.len().max(1) as f64;
    let residual = won.iter().map(|&y| f64::from(u8::from(y)) - rate);
    Ok(is_clear(&encoded, residual.collect(), chance, seed))
}

fn is_clear(rows: &Sparse, mut residual: Vec<f64>, chance: f64, seed: u64) -> bool {
    // The true order is one of the draws.
    let most = (chance * (DRAWS + 1) as f64) as usize;
    let found = sum_of_squares(rows, &residual);
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut above = 0;
    for _ in 0..DRAWS {
        residual.shuffle(&mut rng);
        // Sums of the same numbers in another order differ in their last digits.
        above += usize::from(sum_of_squares(rows, &residual) >= found * (1.0 - 1e-9));
        if above >= most {
            return false;
        }
    }
    true
}

/// The intercept's score is zero whatever the order.
fn sum_of_squares(rows: &Sparse, residual: &[f64]) -> f64 {
    let mut scores = vec![0.0; rows.width];
    for (row, r) in residual.iter().enumerate() {
        rows.entries(row).for_each(|(j, v)| scores[j] += v * r);
    }
    scores[1..].iter().map(|s| s * s).sum()
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;
    use crate::logistic::sigmoid;
    use crate::table::{Column, Role, Table, Values};

    /// Rows with five numbers, the first of which has so much of an effect.
    fn set(rows: usize, effect: f64, seed: u64) -> TrainingSet {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let numbers: Vec<Vec<f64>> = (0..5)
            .map(|_| (0..rows).map(|_| rng.random_range(-1.7..1.7)).collect())
            .collect();
        let outcome = (0..rows)
            .map(|r| rng.random::<f64>() < sigmoid(-0.5 + effect * numbers[0][r]))
            .collect();
        let column = |(k, v): (usize, Vec<f64>)| {
            Column::new(format!("n{k}"), Role::Feature, Values::Number(v))
        };
        TrainingSet {
            features: Table {
                columns: numbers.into_iter().enumerate().map(column).collect(),
            },
            outcome,
            date: None,
            group: None,
        }
    }

    fn found(rows: usize, effect: f64, sets: u64) -> usize {
        found_by(0.001, rows, effect, sets)
    }

    fn found_by(chance: f64, rows: usize, effect: f64, sets: u64) -> usize {
        let all: Vec<usize> = (0..rows).collect();
        let clear = |seed: &u64| {
            clear_signal(&set(rows, effect, *seed), &all, chance, 1).expect("a valid set")
        };
        (0..sets).filter(clear).count()
    }

    #[test]
    fn a_signal_is_found_and_noise_is_not() {
        assert!(found(100, 0.0, 100) <= 2);
        assert!(found(1000, 0.0, 30) <= 1);
        assert!(found(100, 1.5, 20) >= 15);
        assert!(found(1000, 0.5, 20) >= 15);
    }

    #[test]
    fn the_more_chance_is_allowed_the_weaker_signals_are_found() {
        let (strict, lenient) = (found(80, 0.8, 40), found_by(0.02, 80, 0.8, 40));
        assert!(lenient >= strict + 5, "{strict} and {lenient} of 40");
        assert!(found_by(0.02, 80, 0.0, 100) <= 6);
    }

    #[test]
    fn rows_that_belong_together_are_left_to_held_back_rows() {
        let mut grouped = set(200, 2.0, 1);
        let all: Vec<usize> = (0..200).collect();
        assert_eq!(clear_signal(&grouped, &all, 0.001, 1), Ok(true));
        grouped.group = Some((0..200).map(|r| r / 4).collect());
        assert_eq!(clear_signal(&grouped, &all, 0.001, 1), Ok(false));
    }
}
