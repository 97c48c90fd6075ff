//! The content of a report, the shape of its JSON.
//!
//! Every number is a plain fraction or count, absent where it is not known. Deliberately not here: rounding, wording
//! and colours, which belong to sentences and page.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A report about a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportContent {
    /// Title.
    pub title: String,
    /// When the report was written.
    pub generated_at: DateTime<Utc>,
    /// The model.
    pub model: ModelSummary,
    /// The quote history it learned from.
    pub dataset: DatasetSummary,
    /// What the figures say, most important first.
    pub insights: Vec<Insight>,
    /// Scores on the test set; empty where the model was not scored.
    pub scores: Vec<Score>,
    /// Gain over the base rate.
    pub skill: Option<Skill>,
    /// Test quotes by prediction and truth at the threshold 0.5.
    pub confusion: Option<Confusion>,
    /// Mean distance of predicted and observed win rate.
    pub calibration_error: Option<f64>,
    /// Predicted and observed win rates, lowest prediction first.
    pub calibration: Vec<Bin>,
    /// The most important columns, most important first.
    pub drivers: Vec<Driver>,
    /// Columns that the model reads.
    pub driver_count: usize,
    /// Win rate by month, oldest first.
    pub win_rates: Vec<Month>,
    /// Change of the win rate; absent where the history is too short.
    pub trend: Option<Trend>,
    /// Predictions made with the model so far.
    pub predictions_made: u64,
    /// What training noted.
    pub notes: Vec<String>,
}

impl ReportContent {
    /// The score of a kind, where there is one.
    #[must_use]
    pub fn score(&self, key: ScoreKey) -> Option<&Score> {
        self.scores.iter().find(|score| score.key == key)
    }

    /// The insights as bare sentences.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        self.insights.iter().map(|i| i.text.clone()).collect()
    }
}

/// What a report says about the model itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// Id.
    pub id: String,
    /// Id of its dataset.
    pub dataset_id: String,
    /// Whether it answered by default when the report was written.
    pub champion: bool,
    /// Whether it beats the base rate; if not, it answers the base rate.
    pub beats_base_rate: bool,
    /// Whether the test quotes are the newest ones; otherwise they were drawn at random.
    pub tested_on_newest: bool,
    /// When it became ready.
    pub trained_at: Option<DateTime<Utc>>,
    /// Quotes that the evaluated model learned from.
    pub train_row_count: u32,
    /// Quotes that it was tested on.
    pub test_row_count: u32,
    /// Quotes that the served model learned from.
    pub row_count: u32,
    /// Seconds that training took.
    pub training_seconds: Option<f64>,
    /// Parameters and hyperparameters by name.
    pub parameters: BTreeMap<String, String>,
}

/// What a report says about the quote history.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DatasetSummary {
    /// Name; may be empty.
    pub name: String,
    /// Quotes.
    pub row_count: u32,
    /// Quotes that were won.
    pub won_count: u32,
    /// Share that was won.
    pub win_rate: Option<f64>,
    /// Its 95 % interval, by Wilson.
    pub win_rate_interval: Option<Interval>,
}

/// A 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether a value lies inside, ends included.
    #[must_use]
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// Kinds of scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreKey {
    /// Area under the receiver operating characteristic.
    AucRoc,
    /// Mean negative log-likelihood, natural logarithm.
    LogLoss,
    /// Mean squared error of the probability.
    Brier,
    /// Share of predicted wins that were wins.
    Precision,
    /// Share of wins that were predicted.
    Recall,
    /// Harmonic mean of precision and recall.
    F1,
}

/// A score on the test set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Its kind.
    pub key: ScoreKey,
    /// Its value.
    pub value: Option<f64>,
    /// Its 95 % interval.
    pub interval: Option<Interval>,
    /// The score without a model: every quote gets the training win rate, and for precision, recall and F1 every
    /// quote is called a win.
    pub without_model: Option<f64>,
}

/// How much of the base rate's log loss the model removes: 1 - log loss / log loss of the base rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Skill {
    /// The share.
    pub value: f64,
    /// Its 95 % interval, the log loss of the base rate being taken as fixed.
    pub interval: Option<Interval>,
}

/// Test quotes by prediction and truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// Predicted and won.
    pub true_positives: u32,
    /// Predicted and lost.
    pub false_positives: u32,
    /// Not predicted and lost.
    pub true_negatives: u32,
    /// Not predicted and won.
    pub false_negatives: u32,
}

impl Confusion {
    /// Test quotes that were won.
    #[must_use]
    pub fn won(self) -> u64 {
        u64::from(self.true_positives) + u64::from(self.false_negatives)
    }

    /// Test quotes that were lost.
    #[must_use]
    pub fn lost(self) -> u64 {
        u64::from(self.true_negatives) + u64::from(self.false_positives)
    }

    /// Test quotes that were called a win.
    #[must_use]
    pub fn called(self) -> u64 {
        u64::from(self.true_positives) + u64::from(self.false_positives)
    }

    /// Share of test quotes that were won.
    #[must_use]
    pub fn win_rate(self) -> Option<f64> {
        let all = self.won() + self.lost();
        (all > 0).then(|| self.won() as f64 / all as f64)
    }
}

/// Test quotes with similar predictions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Mean predicted probability.
    pub mean_predicted: f64,
    /// Share that was won.
    pub observed_rate: f64,
    /// 95 % interval of the share.
    pub interval: Interval,
    /// Quotes.
    pub count: u32,
}

/// A column that the model reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Driver {
    /// Header of the column.
    pub column: String,
    /// Rise of the test log loss when the column is shuffled.
    pub permutation: f64,
    /// 95 % interval of the rise.
    pub interval: Option<Interval>,
    /// Mean absolute contribution in log-odds.
    pub mean_absolute_contribution: Option<f64>,
    /// Whether the whole interval lies above zero.
    pub clear: bool,
}

/// Quotes and wins of a calendar month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Month {
    /// Month as YYYY-MM.
    pub month: String,
    /// Quotes.
    pub quote_count: u64,
    /// Quotes that were won.
    pub won_count: u64,
    /// Share that was won.
    pub win_rate: f64,
    /// Its 95 % interval, by Wilson.
    pub interval: Interval,
}

/// The win rate of the last third of the months against that of the first third.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// Months in each third.
    pub months: usize,
    /// Quotes of the first third.
    pub first_quotes: u64,
    /// Wins of the first third.
    pub first_won: u64,
    /// Quotes of the last third.
    pub last_quotes: u64,
    /// Wins of the last third.
    pub last_won: u64,
    /// Win rate of the last third minus that of the first.
    pub difference: f64,
    /// 95 % interval of the difference, by Newcombe.
    pub interval: Interval,
    /// Statistic of the two-proportion z-test, pooled.
    pub z: f64,
    /// Its two-sided p-value.
    pub p_value: f64,
    /// Whether counts suffice for the test: at least five wins and losses expected in each third.
    pub testable: bool,
}

/// A sentence that rests on a test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Insight {
    /// What it is about.
    pub topic: Topic,
    /// How to take it.
    pub tone: Tone,
    /// The sentence with its numbers.
    pub text: String,
}

/// What an insight is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Model against base rate.
    Skill,
    /// Whether won quotes get the higher probabilities.
    Ordering,
    /// What predicted wins are worth.
    Decision,
    /// Whether probabilities agree with what happened.
    Calibration,
    /// What the predictions rest on.
    Drivers,
    /// Change of the win rate.
    Trend,
    /// How much the test set can show.
    TestSet,
    /// The win rate of all quotes.
    Overall,
    /// Groups that win more or less than the others.
    Groups,
    /// What changed since the period before.
    Change,
    /// What open quotes may bring.
    Pipeline,
    /// How far quotes hang together.
    Dependence,
    /// How long quotes take.
    Cycle,
    /// How earlier forecasts turned out.
    Earlier,
    /// What a higher price does.
    Price,
    /// Money that wins left.
    MoneyLeft,
    /// What discounts bought.
    Discounts,
    /// Whether predictions were as good as they said.
    Promise,
    /// Whether models drift.
    Drift,
}

/// How to take an insight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tone {
    /// Speaks for the model.
    Good,
    /// Neither for nor against.
    Neutral,
    /// Calls for care.
    Caution,
}
