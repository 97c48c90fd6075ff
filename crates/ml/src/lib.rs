//! The pure learning core of ValutAI: quotes with known outcome in, a model that predicts wins out.
//!
//! # Use
//!
//! Fill a [`Table`] (columns of numbers, categories or dates, each with a [`Role`]), add outcomes, dates and groups to a
//! [`TrainingSet`], call [`train`]. The [`Trained`] result carries the [`Model`], its figures on the newest rows, and
//! what the columns are worth. [`Model::predict`] answers new rows with interval, contributions and warnings,
//! [`Model::price_curve`] and [`Model::recommend_price`] say what price earns most, [`Model::to_bytes`] and
//! [`Model::from_bytes`] store it. [`fit_unpenalised`] is a textbook logistic regression for single questions.
//!
//! Deliberately not here: files, network, clock, environment, threads, tenants. Randomness comes from the seed in
//! [`TrainOptions`] alone, and the same data, options and seed give the same bytes.

mod artefact;
mod calendar;
mod crossval;
mod encode;
mod error;
mod history;
mod importance;
mod linalg;
mod logistic;
mod model;
mod predict;
mod price;
mod score;
mod split;
mod table;
mod train;

pub use artefact::FORMAT;
pub use crossval::PenaltyScore;
pub use encode::{ColumnKind, SchemaColumn};
pub use error::Error;
pub use history::{PriceBasis, PriceHistory};
pub use importance::Importance;
pub use logistic::fit_unpenalised;
pub use model::{Evidence, Model};
pub use predict::{Contribution, Prediction};
pub use price::{NoRecommendation, Objective, PricePoint, PriceRecommendation};
pub use score::{
    CalibrationBin, Confusion, Decision, Evaluation, Score, auc, best_f1_threshold, calibration,
    evaluate,
};
pub use table::{Column, MISSING_CODE, Role, Table, TrainingSet, Values};
pub use train::{MINIMUM_ROWS, Progress, Stage, TrainOptions, Trained, train};
