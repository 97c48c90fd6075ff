//! The content of a price report, the shape of its JSON.
//!
//! Deliberately not here: how its figures come about.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use crate::domain::{Insight, Interval, text::counted};

/// A price report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceContent {
    /// Title.
    pub title: String,
    /// When it was written.
    pub generated_at: DateTime<Utc>,
    /// Id of the dataset.
    pub dataset_id: String,
    /// Id of the model whose curves these are.
    pub model_id: String,
    /// What the figures say, most important first.
    pub insights: Vec<Insight>,
    /// Decided quotes.
    pub quotes: usize,
    /// Quotes that were won.
    pub won: usize,
    /// Whether the model was made so that a higher price never raises the chance.
    pub price_is_monotone: bool,
    /// Whether the model answers the base rate, and so knows nothing of prices.
    pub serves_base_rate: bool,
    /// All quotes first, then groups.
    pub curves: Vec<Curve>,
    /// Money that wins left on the table.
    pub left: Left,
    /// Discounts, tested by group; all quotes first.
    pub discounts: Vec<Discount>,
    /// The header of what discounts are measured by; empty where nothing tells them.
    pub discount_column: String,
}

/// The chance of winning at other prices, averaged over some quotes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Header of the column; empty for all quotes.
    pub column: String,
    /// The group; empty for all quotes.
    pub group: String,
    /// Quotes of the group with a price.
    pub quotes: usize,
    /// How many of them the curve was averaged over.
    pub averaged: usize,
    /// Points, ascending.
    pub points: Vec<Point>,
    /// Change of the chance by a price ten per cent higher, in probability.
    pub ten_per_cent: f64,
    /// The same between the lower ends of the intervals and between the upper ones: the model being off the same way for all
    /// quotes and prices. What it may be wrong about in the slope itself is not in it.
    pub ten_per_cent_interval: Interval,
}

/// A point of a curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Price as a multiple of what each quote cost.
    pub ratio: f64,
    /// Mean probability of a win.
    pub probability: f64,
    /// Mean of the ends of the 95 % intervals, all quotes being off the same way.
    pub interval: Interval,
}

/// Money that wins left on the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// Wins that were looked at.
    pub wins: usize,
    /// Whether they are the newest; where days do not tell that, they are evenly spaced in the file.
    #[serde(default = "always")]
    pub newest: bool,
    /// Sum of their prices in the currency that counts.
    pub amount: f64,
    /// The currency that counts, the most common one; empty where the dataset has none.
    #[serde(default)]
    pub currency: String,
    /// "revenue", or "margin" where costs are known.
    pub objective: String,
    /// Wins of which nothing can be said, for reasons below.
    #[serde(default)]
    pub not_judged: usize,
    /// Wins far below the price that promises most, on curves that fall there beyond their uncertainty.
    pub far_below: usize,
    /// What these left, expected.
    pub left: f64,
    /// Its 95 % interval, the model's error being the same way for all.
    pub interval: Interval,
    /// By group of the first column that there is, the most first.
    pub groups: Vec<LeftGroup>,
    /// The single wins that left most, at most 50.
    pub largest: Vec<LeftQuote>,
    /// Why the others are not counted, most common first.
    pub reasons: Vec<Reason>,
}

/// Money left in a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftGroup {
    /// Header of the column.
    pub column: String,
    /// The group.
    pub group: String,
    /// Wins that were looked at.
    pub wins: usize,
    /// Wins far below.
    pub far_below: usize,
    /// What these left.
    pub left: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// A win that left money on the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeftQuote {
    /// Its name; may be empty.
    pub name: String,
    /// Its day; absent without dates.
    pub day: Option<NaiveDate>,
    /// Its price.
    pub price: f64,
    /// The price that promised most.
    pub best_price: f64,
    /// Probability of a win at its price, and at that one.
    pub probability: (f64, f64),
    /// What it left, expected.
    pub left: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// Why some wins are not counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The reason in a sentence.
    pub text: String,
    /// Wins.
    pub wins: usize,
    /// Whether they could be judged, so that they left nothing that is clear.
    #[serde(default)]
    pub judged: bool,
}

/// What a test of discounts says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Deep discounts were won more often.
    Helped,
    /// Whatever they bought, it was less than the least effect that counts.
    BoughtNothing,
    /// It cannot be told.
    Unclear,
}

/// The deeper discounts of a group beside its smaller ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Discount {
    /// Header of the column; empty for all quotes.
    pub column: String,
    /// The group; empty for all quotes.
    pub group: String,
    /// The discount that parts them: the group's median.
    pub median: f64,
    /// Wins and quotes above it.
    pub deep: (u64, u64),
    /// Wins and quotes at or below it.
    pub shallow: (u64, u64),
    /// Win rate of the deep ones less that of the others.
    pub difference: f64,
    /// Its 95 % interval, by Newcombe.
    pub interval: Interval,
    /// Whether there is a difference: two-sided, corrected.
    pub p_helped: f64,
    /// Whether it is as large as the least effect that counts: one-sided, corrected.
    pub p_nothing: f64,
    /// What that means.
    pub verdict: Verdict,
    /// What the deep discounts of wins cost beyond the mean of the others; absent where no list price is known, and where
    /// wins are in several currencies.
    pub cost: Option<f64>,
}

/// What was so in reports that do not say it.
fn always() -> bool {
    true
}

impl Left {
    /// Which wins were looked at.
    pub(crate) fn looked_at(&self) -> String {
        let wins = counted(self.wins as u64, "win");
        match self.newest {
            true => format!("the newest {wins}"),
            false => format!("{wins} evenly spaced in the file"),
        }
    }
}
