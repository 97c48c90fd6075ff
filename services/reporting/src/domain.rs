//! What a report is: the facts it starts from, its content, and how one becomes the other.
//!
//! [`build`], [`win_loss::analyse`], [`pipeline::forecast`], [`price::analyse`] and [`track::record`] are pure functions of
//! facts and the time that is passed in; [`crate::page`] draws their results.
//! Deliberately not here: where facts come from, where reports are kept, and who may read them.

mod build;
mod content;
mod cycle;
pub mod deals;
mod insights;
pub mod pipeline;
pub mod price;
pub mod quotes;
pub mod simulate;
mod stats;
pub(crate) mod text;
pub mod track;
pub mod win_loss;

use proto::ingestion::WinRatePeriod;
use proto::training::Model;

pub use build::build;
pub(crate) use build::month_index;
pub use content::{
    Bin, Confusion, DatasetSummary, Driver, Insight, Interval, ModelSummary, Month, ReportContent,
    Score, ScoreKey, Skill, Tone, Topic, Trend,
};

/// Columns that a report shows at most.
pub const TOP_DRIVERS: usize = 10;

/// What is known about a model when its report is written.
#[derive(Debug, Clone, Default)]
pub struct ModelFacts {
    /// The model with its scores and importances, as training announced it.
    pub model: Model,
    /// The quote history that it learned from.
    pub dataset: DatasetFacts,
    /// Quotes and wins by month, in any order; months that cannot be read are left out.
    pub win_rates: Vec<WinRatePeriod>,
    /// Predictions that the model has made so far.
    pub predictions_made: u64,
}

/// What is known about a quote history.
#[derive(Debug, Clone, Default)]
pub struct DatasetFacts {
    /// Its name; may be empty.
    pub name: String,
    /// Quotes in it.
    pub row_count: u32,
    /// Quotes that were won.
    pub won_count: u32,
}
