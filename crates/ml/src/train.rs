//! The training procedure, from checked rows to a model and its figures.
//!
//! Split off the newest rows; choose candidates, settings and blend by cross-validation on the others (`choose`); fit on
//! them and evaluate once on the untouched newest; refit on all rows, with what was chosen, for the model that is handed
//! out. Deliberately no second look at the test rows: the figures stay those of the first.

use std::ops::ControlFlow;

use crate::Error;
use crate::choose::choose;
use crate::evaluate::{TestRows, by_segment, curve, evaluate_all};
use crate::importance::importance;
use crate::leak::find_leaks_in;
use crate::model::{Evidence, Model, Recipe};
use crate::parameters::parameters;
use crate::split::{Split, split};
use crate::table::TrainingSet;
use crate::trained::Trained;

/// Fewest rows that are accepted.
pub const MINIMUM_ROWS: usize = 30;

/// Threads that are used unless more are asked for; folds and members are seldom more.
const MOST_THREADS: usize = 8;

/// What a training run may be told.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOptions {
    /// Drives every draw; the same data, options and seed give the same bytes.
    pub seed: u64,
    /// L2 penalties to choose from, positive; on the scale of linfa-logistic's alpha (1 / scikit-learn's C).
    pub penalties: Vec<f64>,
    /// Cross-validation folds, 2 to 20.
    pub folds: usize,
    /// Share of rows in the final test, 0.05 to 0.5; without dates it is rounded to one part in a whole number (0.3 is a
    /// third).
    pub test_share: f64,
    /// Whether a higher price may never raise the probability; `None` decides by the columns: yes where a list price or a
    /// cost tells a dear quote from a large one.
    pub monotone_price: Option<bool>,
    /// Most threads, at least one; the result does not depend on it.
    pub threads: usize,
}

impl Default for TrainOptions {
    fn default() -> Self {
        let penalties = (0..8)
            .map(|k| 10f64.powf(-2.0 + 4.0 * f64::from(k) / 7.0))
            .collect();
        Self {
            seed: 0,
            penalties,
            folds: 5,
            test_share: 0.2,
            monotone_price: None,
            threads: std::thread::available_parallelism()
                .map_or(1, std::num::NonZero::get)
                .min(MOST_THREADS),
        }
    }
}

impl TrainOptions {
    fn validate(&self) -> Result<(), Error> {
        let invalid = |reason: &str| {
            Err(Error::InvalidOptions {
                reason: reason.to_owned(),
            })
        };
        if self.penalties.is_empty() || self.penalties.iter().any(|p| !p.is_finite() || *p <= 0.0) {
            return invalid("penalties need to be positive numbers, at least one");
        }
        if !(2..=20).contains(&self.folds) {
            return invalid("folds need to be between 2 and 20");
        }
        if !(0.05..=0.5).contains(&self.test_share) {
            return invalid("the test share needs to be between 0.05 and 0.5");
        }
        Ok(())
    }
}

/// Where a training run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Checking and splitting.
    Preparing,
    /// Cross-validating candidates.
    Folding,
    /// Fitting on the training side.
    Fitting,
    /// Scoring on the test side.
    Evaluating,
    /// Fitting on all rows.
    Refitting,
}

/// A sign of life of a training run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// The stage that is going on.
    pub stage: Stage,
    /// Done of the whole run, 0 to 1, never falling.
    pub fraction: f64,
}

/// Tells the caller and turns its wish to stop into an error.
struct Reporter<'a> {
    call: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    fraction: f64,
}

impl Reporter<'_> {
    fn tell(&mut self, stage: Stage, fraction: f64) -> Result<(), Error> {
        self.fraction = fraction.clamp(self.fraction, 1.0);
        match (self.call)(Progress {
            stage,
            fraction: self.fraction,
        }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        }
    }
}

/// Trains a model; see the module for the procedure.
///
/// `on_progress` is called between the steps (a few dozen times) and may cancel.
///
/// # Errors
/// [`Error::InvalidTable`], [`Error::InvalidOptions`], [`Error::TooFewRows`] below 30 rows, [`Error::OneOutcome`],
/// [`Error::NoUsableColumn`], [`Error::Cancelled`], and, for numerically hopeless data, [`Error::Collinear`] or
/// [`Error::NotConverged`].
pub fn train(
    set: &TrainingSet,
    options: &TrainOptions,
    on_progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Trained, Error> {
    let mut reporter = Reporter {
        call: on_progress,
        fraction: 0.0,
    };
    reporter.tell(Stage::Preparing, 0.0)?;
    options.validate()?;
    let (rows_total, wins_total) = gate(set)?;
    let leaks = find_leaks_in(set)?;
    let sides = split(set, options.test_share, options.seed);
    let chosen = choose(set, options, &sides, &mut |share| {
        reporter.tell(Stage::Folding, 0.03 + 0.57 * share)
    })?;
    reporter.tell(Stage::Fitting, 0.6)?;
    let (table, won) = set.select(&sides.train);
    let mut fitted = Model::build(&table, &won, &chosen.recipe)?.model;
    drop((table, won));
    reporter.tell(Stage::Evaluating, 0.72)?;
    let test = TestRows::of(set, &sides);
    let (evaluation, candidates) = evaluate_all(&test, &fitted, &chosen, options.seed)?;
    let recipe = served(&chosen.recipe);
    fitted.boosted = fitted.boosted.filter(|_| recipe.plan.is_some());
    let importance = importance(&fitted, &test.rows(), options.seed, options.threads)?;
    let segments = by_segment(&test, &fitted, &importance)?;
    let mut told = 0.78;
    let learning_curve = curve(
        set,
        &sides,
        &test,
        (&fitted, &recipe),
        options.seed,
        &mut || {
            told += 0.02;
            reporter.tell(Stage::Evaluating, told)
        },
    )?;
    drop(test);
    reporter.tell(Stage::Refitting, 0.86)?;
    let built = Model::build(&set.features, &set.outcome, &recipe)?;
    let parameters = parameters(options, &sides, &chosen, &built);
    let mut trained = Trained {
        evaluation,
        candidates,
        cross_validated_log_loss: chosen.served_log_loss,
        families: chosen.boosted.map(|b| b.tried).unwrap_or_default(),
        leaks,
        importance,
        segments,
        learning_curve,
        beats_base_rate: !chosen.recipe.serves_base_rate,
        tested_on_newest: sides.by_time,
        evidence: built.model.evidence(),
        parameters,
        rows_train: sides.train.len(),
        rows_test: sides.test.len(),
        rows_total,
        wins_total,
        notes: built.model.notes().to_vec(),
        penalty_curve: chosen.logistic.curve,
        model: built.model,
        evaluated: fitted,
        test_rows: sides.test.clone(),
    };
    trained.notes.extend(remarks(set, &sides, &trained));
    reporter.tell(Stage::Refitting, 1.0)?;
    Ok(trained)
}

/// Rows and wins of a set that is large and mixed enough.
fn gate(set: &TrainingSet) -> Result<(usize, usize), Error> {
    set.validate()?;
    let rows_total = set.outcome.len();
    if rows_total < MINIMUM_ROWS {
        return Err(Error::TooFewRows {
            rows: rows_total,
            minimum: MINIMUM_ROWS,
        });
    }
    let wins_total = set.outcome.iter().filter(|&&y| y).count();
    if wins_total == 0 || wins_total == rows_total {
        return Err(Error::OneOutcome {
            rows: rows_total,
            wins: wins_total,
        });
    }
    Ok((rows_total, wins_total))
}

/// The recipe without a part that has no weight.
fn served(recipe: &Recipe) -> Recipe {
    let weighs = !recipe.serves_base_rate && recipe.blend.weights[1] > 0.0;
    Recipe {
        plan: recipe.plan.clone().filter(|_| weighs),
        ..recipe.clone()
    }
}

fn remarks(set: &TrainingSet, sides: &Split, trained: &Trained) -> Vec<String> {
    let mut remarks = vec![format!(
        "The scores are those of a model fitted on {} rows and tested on {} that it has never seen. The model that answers was then fitted on all {} rows with the same settings, and is not scored again.",
        sides.train.len(),
        sides.test.len(),
        trained.rows_total
    )];
    if set.date.is_some() && !sides.by_time {
        remarks.push("The dates do not allow a test on the newest rows (too few different days, or one outcome only before them), so test rows were drawn at random.".to_owned());
    }
    remarks.extend(trained.leaks.iter().map(|leak| leak.statement()));
    if !trained.beats_base_rate {
        remarks.push(
            "Cross-validation does not beat the base rate clearly, so the base rate is served."
                .to_owned(),
        );
    }
    if trained.evidence == Evidence::Indicative {
        remarks.push("Fewer than 80 rows or 15 of either outcome: results are indicative and give no recommendations.".to_owned());
    }
    if trained.evaluation.auc.is_none() {
        remarks.push("All test rows have the same outcome, so there is no AUC.".to_owned());
    }
    remarks
}
