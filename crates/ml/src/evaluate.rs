//! What is told of the model that was fitted on the training rows, and of its candidates, by the untouched test rows.
//!
//! Deliberately no choice is made here: figures of the test rows decide nothing.

use crate::Error;
use crate::choose::Chosen;
use crate::importance::{Importance, thinned};
use crate::learning_curve::{LearningCurve, learning_curve};
use crate::logistic::loss;
use crate::model::{Model, Recipe};
use crate::permutation::Rows;
use crate::score::{Evaluation, best_f1_threshold, evaluate_grouped, segments};
use crate::split::Split;
use crate::table::{Table, TrainingSet, Values};
use crate::trained::{BASE_RATE, BOOSTED, Candidate, ColumnSegments, LOGISTIC};

/// Parts of the training rows that the learning curve is drawn through, for up to so many rows, and beyond.
const FULL_CURVE: usize = 20_000;
const SHARES: [f64; 4] = [0.125, 0.25, 0.5, 1.0];
const SHARES_WHEN_LARGE: [f64; 4] = [0.0625, 0.125, 0.25, 1.0];
/// Fewest rows of a point of the learning curve, and fewest of either outcome.
const LEAST_POINT: (usize, usize) = (20, 3);
/// Test rows over which the width of intervals is averaged.
const WIDTH_ROWS: usize = 1000;
/// Columns that scores are told by.
const MOST_SEGMENTED: usize = 6;

/// The test rows.
pub(crate) struct TestRows {
    pub table: Table,
    pub won: Vec<bool>,
    pub groups: Option<Vec<u32>>,
}

impl TestRows {
    pub fn of(set: &TrainingSet, sides: &Split) -> Self {
        let (table, won) = set.select(&sides.test);
        let groups = set.group.as_ref();
        Self {
            table,
            won,
            groups: groups.map(|g| sides.test.iter().map(|&r| g[r]).collect()),
        }
    }

    pub fn rows(&self) -> Rows<'_> {
        Rows {
            table: &self.table,
            won: &self.won,
            groups: self.groups.as_deref(),
        }
    }
}

/// Figures of what is served, and of every candidate.
pub(crate) fn evaluate_all(
    test: &TestRows,
    fitted: &Model,
    chosen: &Chosen,
    seed: u64,
) -> Result<(Evaluation, Vec<Candidate>), Error> {
    let base = fitted.base_rate();
    let threshold = best_f1_threshold(&chosen.probabilities, &chosen.outcomes);
    let groups = test.groups.as_deref();
    let figures =
        |p: &[f64], threshold| evaluate_grouped(p, &test.won, groups, base, threshold, seed);
    // A constant has one threshold that differs from calling nothing: calling everything.
    let constant = figures(&vec![base; test.won.len()], base);
    let alone = |model: &Model| -> Result<Evaluation, Error> {
        Ok(figures(&model.probabilities(&test.table)?, threshold))
    };
    let weights = fitted.blend();
    let candidate = |name, weight: f64, at: usize, evaluation| Candidate {
        name,
        weight,
        cross_validated_log_loss: chosen.log_losses[at],
        evaluation,
    };
    let served = if fitted.serves_base_rate {
        constant.clone()
    } else {
        figures(&fitted.probabilities(&test.table)?, threshold)
    };
    let mut candidates = vec![candidate(BASE_RATE, weights[2], 0, constant)];
    for (at, name) in [LOGISTIC, BOOSTED].into_iter().enumerate() {
        if let Some(model) = fitted.alone(at) {
            candidates.push(candidate(name, weights[at], at + 1, alone(&model)?));
        }
    }
    Ok((served, candidates))
}

/// Scores by the levels of the most important category columns that have more than one level worth telling.
pub(crate) fn by_segment(
    test: &TestRows,
    model: &Model,
    importance: &[Importance],
) -> Result<Vec<ColumnSegments>, Error> {
    let p = model.probabilities(&test.table)?;
    let mut found = Vec::new();
    let named = importance
        .iter()
        .filter_map(|i| test.table.column(&i.column))
        .filter(|c| matches!(c.values, Values::Category { .. }));
    for column in named {
        let groups = test.groups.as_deref();
        let segments = segments(&column.values, &p, &test.won, groups, model.base_rate())?;
        if segments.len() > 1 {
            found.push(ColumnSegments {
                column: column.name.clone(),
                segments,
            });
        }
        if found.len() == MOST_SEGMENTED {
            break;
        }
    }
    Ok(found)
}

/// Trains with `recipe` on nested parts of the training rows and tries the results on the test rows; `fitted` is what
/// all training rows gave. `tick` is told before every training and may stop.
pub(crate) fn curve(
    set: &TrainingSet,
    sides: &Split,
    test: &TestRows,
    (fitted, recipe): (&Model, &Recipe),
    seed: u64,
    tick: &mut dyn FnMut() -> Result<(), Error>,
) -> Result<LearningCurve, Error> {
    let rows = &sides.train;
    let groups: Option<Vec<u32>> = set
        .group
        .as_ref()
        .map(|g| rows.iter().map(|&r| g[r]).collect());
    let shares = if rows.len() > FULL_CURVE {
        SHARES_WHEN_LARGE
    } else {
        SHARES
    };
    let mut train = |part: &[usize]| {
        if part.len() == rows.len() {
            return trial(fitted, test).map(Some);
        }
        let part: Vec<usize> = part.iter().map(|&at| rows[at]).collect();
        let wins = part.iter().filter(|&&r| set.outcome[r]).count();
        if part.len() < LEAST_POINT.0 || wins.min(part.len() - wins) < LEAST_POINT.1 {
            return Ok(None);
        }
        tick()?;
        let (table, won) = set.select(&part);
        match Model::build(&table, &won, recipe) {
            Ok(built) => trial(&built.model, test).map(Some),
            // A part on which nothing varies, or not enough to fit on, is a point less.
            Err(Error::NoUsableColumn { .. } | Error::Collinear | Error::NotConverged { .. }) => {
                Ok(None)
            }
            Err(other) => Err(other),
        }
    };
    learning_curve(rows.len(), groups.as_deref(), &shares, seed, &mut train)
}

/// Log loss on the test rows, and the mean width of intervals on some of them.
fn trial(model: &Model, test: &TestRows) -> Result<(f64, Option<f64>), Error> {
    let p = model.probabilities(&test.table)?;
    let total: f64 = p
        .iter()
        .zip(&test.won)
        .map(|(&p, &y)| loss(crate::calibrate::bounded_logit(p), y))
        .sum();
    let some = test.table.select(&thinned(p.len(), WIDTH_ROWS));
    let ends = model.intervals(&some)?;
    let width = ends.iter().map(|e| e[2] - e[1]).sum::<f64>() / ends.len().max(1) as f64;
    Ok((total / p.len().max(1) as f64, Some(width)))
}
