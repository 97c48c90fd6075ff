//! The pure learning core of ValutAI: quotes with known outcome in, a model that predicts wins out.
//!
//! # Use
//!
//! Fill a [`Table`] (columns of numbers, categories or dates, each with a [`Role`]), add outcomes, dates and groups to a
//! [`TrainingSet`], call [`train`]. The [`Trained`] result carries the [`Model`], its figures on the newest rows, and
//! what the columns are worth. [`Model::predict`] answers new rows with interval, contributions and warnings,
//! [`Model::price_curve`] and [`Model::recommend_price`] say what price earns most, [`Model::to_bytes`] and
//! [`Model::from_bytes`] store it. [`fit_unpenalised`] is a textbook logistic regression for single questions, [`Boosted`]
//! boosting alone.
//!
//! The parts stand on their own as well, for any probabilities: [`evaluate_grouped`] and [`segments`] score them,
//! [`compare`] and [`not_worse`] decide between two predictors, [`fit_blend`] and [`choose_calibration`] combine and
//! correct them, [`permutation_importance`] and [`partial_dependence`] explain a predictor, [`learning_curve`] says what
//! more data would bring. [`find_leaks`] looks for columns that give the outcome away, [`ordered_target_means`] codes
//! categories with many levels, [`Similar`] finds past quotes, which [`PastQuotes`] keeps, [`grade()`] and
//! [`evidence_status`] put answers into words, [`Model::advise`] says what to change, [`split_difference`] why two answers
//! differ, [`drift()`] whether quotes are still what they were, [`expected_performance`] how good answers should be.
//!
//! Deliberately not here: files, network, clock, environment, tenants. Randomness comes from the seed in [`TrainOptions`]
//! alone, and the same data, options and seed give the same bytes, on any number of threads.

mod artefact;
mod blend;
mod boosted;
mod calendar;
mod calibrate;
mod candidates;
mod caution;
mod change;
mod choose;
mod crossval;
mod dependence;
mod difference;
mod doubt;
mod drift;
mod encode;
mod error;
mod errors;
mod evaluate;
mod grade;
mod history;
mod importance;
mod leak;
mod learning_curve;
mod linalg;
mod logistic;
mod model;
mod parallel;
mod parameters;
mod past;
mod permutation;
mod predict;
mod price;
mod reading;
mod recommend;
mod score;
mod signal;
mod similar;
mod split;
mod spread;
mod table;
mod train;
mod trained;
mod versions;

pub use artefact::FORMAT;
pub use blend::{Blend, BlendChoice, fit_blend};
pub use boosted::{Boosted, Family, Settings};
pub use calibrate::{Calibration, CalibrationChoice, choose_calibration};
pub use crossval::{PenaltyScore, penalty_curve};
pub use dependence::{Dependence, DependencePoint, Shape, partial_dependence};
pub use difference::{Answered, Effect, Share, split_difference};
pub use drift::{
    DRIFT_LEAST_ROWS, Expected, Shift, Worse, drift, expected_performance, holm,
    worse_than_expected,
};
pub use encode::{
    ColumnKind, LevelHistory, Order, SchemaColumn, TARGET_MEAN_STRENGTH, TargetMeans,
    ordered_target_means,
};
pub use error::Error;
pub use grade::{EvidenceStatus, Grade, Graded, Oddity, Reason, evidence_status, grade};
pub use history::{PriceBasis, PriceHistory};
pub use importance::Importance;
pub use leak::{LEAK_AUC, LeakFinding, LeakKind, find_leaks, find_leaks_in};
pub use learning_curve::{
    CurvePoint, LearningCurve, PowerLaw, RowsNeeded, Trainer, Trial, learning_curve,
};
pub use logistic::fit_unpenalised;
pub use model::{Evidence, Model};
pub use past::PastQuotes;
pub use permutation::{
    PermutationImportance, Predictor, group_contributions, mean_absolute_contributions,
    permutation_importance,
};
pub use predict::{Contribution, Prediction};
pub use price::{
    GuidedPrice, NoRecommendation, Objective, PriceGuide, PricePoint, PriceRecommendation,
};
pub use reading::Reading;
pub use recommend::{
    Advice, Advised, Amount, Change, Direction, FieldRule, NewValue, Question, Support, changed,
};
pub use score::{
    CalibrationBin, Comparison, Confusion, ConfusionShares, Decile, Decision, Evaluation, Score,
    Segment, Verdict, auc, auc_grouped, best_f1_threshold, calibration, calibration_grouped,
    calibration_noise, compare, deciles, evaluate, evaluate_grouped, not_worse, segments,
};
pub use similar::{Difference, Neighbour, Similar};
pub use table::{Column, MISSING_CODE, Role, Table, TrainingSet, Values};
pub use train::{MINIMUM_ROWS, Progress, Stage, TrainOptions, train};
pub use trained::{BASE_RATE, BOOSTED, Candidate, ColumnSegments, FamilyScore, LOGISTIC, Trained};
pub use versions::versions;
