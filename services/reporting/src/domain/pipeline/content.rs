//! The content of a pipeline forecast, the shape of its JSON.
//!
//! Deliberately not here: how its figures come about.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{Insight, Interval, simulate::Spread};

/// A pipeline forecast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PipelineContent {
    /// Title.
    pub title: String,
    /// When it was written; months and ages are counted from that day.
    pub generated_at: DateTime<Utc>,
    /// Id of the dataset.
    pub dataset_id: String,
    /// Id of the model that answered.
    pub model_id: String,
    /// What the figures say, most important first.
    pub insights: Vec<Insight>,
    /// Open quotes that count.
    pub quotes: usize,
    /// Quotes that the dataset calls open and that have a recorded outcome by now, which do not count.
    #[serde(default)]
    pub recorded: usize,
    /// Open quotes without a price, which do not count.
    pub without_amount: usize,
    /// The currency that counts; empty where the dataset has none.
    pub currency: String,
    /// Open quotes in other currencies, which do not count.
    pub other_currencies: usize,
    /// Sum of their amounts.
    pub amount: f64,
    /// Sum of their probabilities.
    pub expected_wins: f64,
    /// Draws, and their seed.
    pub draws: usize,
    /// Seed of the draws.
    pub seed: u64,
    /// Where the sum of what is won falls.
    pub total: Spread,
    /// The same were all quotes independent and all probabilities exact.
    pub independent: Spread,
    /// Standard deviation by which months move all quotes, in log-odds; absent where there are too few months to tell.
    pub month_shock: Option<f64>,
    /// How often the sum fell where.
    pub histogram: Vec<Bar>,
    /// By owner, the most expected first.
    pub owners: Vec<Share>,
    /// Header of the owners' column; empty without one.
    pub owner_column: String,
    /// By month of the decision; empty where it is not known how long quotes take.
    pub months: Vec<Share>,
    /// How long quotes take; absent where too few decisions have a day.
    pub cycle: Option<CycleSummary>,
    /// How earlier forecasts turned out, newest first.
    pub earlier: Vec<Earlier>,
    /// The quotes that promise most, at most 1,000.
    pub largest: Vec<Listed>,
}

/// A bar of the histogram.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bar {
    /// Lower end.
    pub from: f64,
    /// Upper end.
    pub to: f64,
    /// Share of the draws.
    pub share: f64,
}

/// A part of the pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// Owner or month; "later or never" for what is not decided in the months before it.
    pub name: String,
    /// Open quotes; of a month the number that is expected to be decided in it.
    pub quotes: f64,
    /// Sum of their amounts; of a month that of what is expected to be decided in it.
    pub amount: f64,
    /// What of it is won.
    pub won: Spread,
}

/// How long quotes take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CycleSummary {
    /// Decided quotes with a known day of their decision.
    pub decided: usize,
    /// Open quotes with a day.
    pub open: usize,
    /// Days until half of the quotes are decided.
    pub median_days: Option<i32>,
    /// Days until 95 % of them are.
    pub slow_days: Option<i32>,
    /// Open quotes that have waited longer than that.
    pub overdue: usize,
    /// What is expected to be won of these.
    pub overdue_expected: f64,
}

/// How an earlier forecast turned out, over the quotes of it that are decided by now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Earlier {
    /// Id of the report.
    pub report_id: String,
    /// When it was made.
    pub made_at: DateTime<Utc>,
    /// Quotes of it that have a name.
    pub quotes: usize,
    /// How many of them are decided.
    pub decided: usize,
    /// Where it expected the sum of these.
    pub forecast: Spread,
    /// What was won of them.
    pub realised: f64,
    /// Wins among them, as expected and as they were.
    pub expected_wins: f64,
    /// Quotes won.
    pub wins: usize,
    /// Whether the sum is between the forecast's 10 % and 90 % quantiles.
    pub inside: bool,
    /// Probability of a sum as far from the forecast's, if that was right; from its draws, two-sided.
    pub p_value: f64,
}

/// An open quote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// Its name; may be empty.
    pub name: String,
    /// Its owner; may be empty.
    pub owner: String,
    /// What is won with it.
    pub amount: f64,
    /// Probability of a win.
    pub probability: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}
