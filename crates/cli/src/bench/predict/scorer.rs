//! The scorer by itself: probabilities of a logistic model on 30 columns, on one thread. Deliberately
//! without intervals and reasons, which each prediction has besides.

use std::ops::ControlFlow;

use ml::{Column, Role, Table, TrainOptions, TrainingSet, Values};
use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use crate::error::{Error, Result};

/// Columns of numbers; the others are categories.
const NUMBERS: usize = 20;
const CATEGORIES: usize = 10;
const LEVELS: u32 = 8;
const TRAINING_ROWS: usize = 2_000;
/// Rows of a table, about as many as a bulk request has at once in a busy service.
const TABLE_ROWS: usize = 10_000;
const ROUNDS: usize = 20;

/// What the scorer reached.
#[derive(Debug, Serialize)]
pub struct Scorer {
    /// Columns that the model reads.
    pub columns: usize,
    /// Weights of the logistic part, the boosted part and the base rate.
    pub weights: [f64; 3],
    /// Rows scored.
    pub rows: usize,
    /// Processor time of the one thread, in seconds.
    pub seconds: f64,
    /// Rows a second.
    pub rows_per_second: f64,
}

/// Trains a model on data whose truth is logistic, and scores a large table with it.
///
/// # Errors
/// Where the model cannot be trained.
pub fn measure() -> Result<Scorer> {
    let mut rng = ChaCha20Rng::seed_from_u64(1);
    let (features, outcome) = table(&mut rng, TRAINING_ROWS);
    let set = TrainingSet {
        outcome,
        features,
        date: None,
        group: None,
    };
    let trained = ml::train(&set, &TrainOptions::default(), &mut |_| {
        ControlFlow::Continue(())
    });
    let model = trained.map_err(failed)?.model;
    let (asked, _) = table(&mut rng, TABLE_ROWS);
    let mut sum = model
        .probabilities(&asked)
        .map_err(failed)?
        .iter()
        .sum::<f64>();
    let start = thread_seconds();
    for _ in 0..ROUNDS {
        sum += model
            .probabilities(&asked)
            .map_err(failed)?
            .iter()
            .sum::<f64>();
    }
    let seconds = thread_seconds() - start;
    if !sum.is_finite() {
        return Err(Error::Failed("a probability is not a number".to_owned()));
    }
    let rows = TABLE_ROWS * ROUNDS;
    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    let rows_per_second = rows as f64 / seconds;
    Ok(Scorer {
        columns: NUMBERS + CATEGORIES,
        weights: model.blend(),
        rows,
        seconds,
        rows_per_second,
    })
}

/// Rows, and outcomes drawn from a logistic truth.
fn table(rng: &mut ChaCha20Rng, rows: usize) -> (Table, Vec<bool>) {
    let mut log_odds = vec![0.0; rows];
    let mut columns = Vec::new();
    for at in 0..NUMBERS {
        let numbers: Vec<f64> = (0..rows).map(|_| rng.random_range(-1.0..1.0)).collect();
        let weight = if at % 2 == 0 { 0.6 } else { -0.4 };
        for (total, number) in log_odds.iter_mut().zip(&numbers) {
            *total += weight * number;
        }
        let name = format!("number {at}");
        columns.push(Column::new(&name, Role::Feature, Values::Number(numbers)));
    }
    for at in 0..CATEGORIES {
        let codes: Vec<u32> = (0..rows).map(|_| rng.random_range(0..LEVELS)).collect();
        for (total, code) in log_odds.iter_mut().zip(&codes) {
            *total += 0.15 * (f64::from(*code) - 3.5);
        }
        let levels = (0..LEVELS).map(|level| format!("level {level}")).collect();
        let name = format!("category {at}");
        let values = Values::Category { codes, levels };
        columns.push(Column::new(&name, Role::Feature, values));
    }
    let outcome = log_odds
        .iter()
        .map(|z| rng.random_range(0.0..1.0) < 1.0 / (1.0 + (-z).exp()))
        .collect();
    (Table { columns }, outcome)
}

/// Processor time of this thread: what others do meanwhile is no matter of the scorer's.
fn thread_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "seconds of one run")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}

fn failed(error: ml::Error) -> Error {
    Error::Failed(error.to_string())
}
