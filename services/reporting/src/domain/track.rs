//! The track record: how good predictions were once outcomes were known, by period, beside what they had said of themselves,
//! and where models drifted.
//!
//! Deliberately of the last prediction before each decision alone, as it was told with the outcome.

use chrono::{DateTime, Datelike as _, Utc};
use ml::{Evaluation, evaluate, expected_performance, holm, worse_than_expected};
use serde::{Deserialize, Serialize};

use super::{Bin, Insight, Interval, insights};

/// Decided quotes that a period needs to be told apart; those with fewer are left to the whole.
pub const LEAST_QUOTES: usize = 30;
/// Decided quotes of which outcomes are known and that are scored, the newest.
pub const MOST_QUOTES: usize = 100_000;
/// Seed of the bootstrap.
const SEED: u64 = 20_250_101;
/// Level at which a period is worse than expected, after Holm's correction.
pub const WORSE: f64 = 0.05;

/// A track record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackContent {
    /// Title.
    pub title: String,
    /// When it was written.
    pub generated_at: DateTime<Utc>,
    /// Id of the model whose predictions count; empty for those of all models.
    pub model_id: String,
    /// What the figures say, most important first.
    pub insights: Vec<Insight>,
    /// Outcomes without a prediction before them.
    pub unjoined: usize,
    /// All decided quotes; absent without any.
    pub all: Option<Scores>,
    /// By quarter of the decision, oldest first, those with enough quotes.
    pub periods: Vec<Period>,
    /// What was said and what came, ascending.
    pub reliability: Vec<Bin>,
    /// Where models drifted, newest first.
    pub drift: Vec<DriftFinding>,
    /// What was predicted, by month, oldest first: of all predictions, whether decided or not.
    pub predicted: Vec<Predicted>,
}

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// Its interval.
    pub interval: Interval,
}

/// Scores of decided quotes, as they came and as they had been to be expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Decided quotes.
    pub quotes: usize,
    /// How many were won.
    pub won: usize,
    /// Mean predicted probability.
    pub mean_predicted: f64,
    /// Mean squared error of the probability.
    pub brier: Figure,
    /// The same by what the answers said of themselves.
    pub expected_brier: Figure,
    /// Mean negative log-likelihood.
    pub log_loss: Figure,
    /// The same by what the answers said of themselves.
    pub expected_log_loss: Figure,
    /// Log loss of the base rate of these very quotes less that of the predictions.
    pub gain_over_base: Figure,
    /// Area under the ROC curve; absent with one outcome only.
    pub auc: Option<Figure>,
    /// The same by what the answers said of themselves.
    pub expected_auc: Option<f64>,
    /// Mean distance of said and observed shares.
    pub calibration_error: Figure,
    /// What chance alone makes of it.
    pub calibration_noise: f64,
    /// Probability of as high a log loss where the answers are exact; absent for fewer than 30 quotes.
    pub worse_p_value: Option<f64>,
}

/// Scores of a quarter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Period {
    /// Year and quarter, such as 2026-Q3.
    pub name: String,
    /// Its scores; `worse_p_value` is corrected for the number of periods.
    pub scores: Scores,
}

/// A drift that was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DriftFinding {
    /// Id of the model.
    pub model_id: String,
    /// When it was found.
    pub found_at: DateTime<Utc>,
    /// When it was over; absent where it is not.
    pub ended_at: Option<DateTime<Utc>>,
    /// Columns that differ from the quotes that the model learned from.
    pub columns: Vec<String>,
    /// Whether the answers have shifted.
    pub answers_shifted: bool,
    /// Whether answers turned out worse than they should have.
    pub worse_than_expected: bool,
    /// Quotes that were compared.
    pub recent_quotes: u32,
}

/// Predictions of a month.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Predicted {
    /// Month as YYYY-MM.
    pub month: String,
    /// Predictions.
    pub predictions: u64,
    /// Mean probability.
    pub mean: f64,
    /// Brier score to be expected of them.
    pub expected_brier: f64,
}

/// A decided quote.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judged {
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
    /// Whether it was won.
    pub won: bool,
    /// What had been said, 0 to 1; `None` where nothing had.
    pub said: Option<f64>,
}

/// What a track record is made of.
#[derive(Debug, Clone, Default)]
pub struct TrackFacts {
    /// Id of the model whose predictions count; empty for all.
    pub model_id: String,
    /// Decided quotes, in a settled order.
    pub judged: Vec<Judged>,
    /// Where models drifted, newest first.
    pub drift: Vec<DriftFinding>,
    /// What was predicted, by month, oldest first.
    pub predicted: Vec<Predicted>,
}

/// Writes the track record.
///
/// # Errors
/// Where a probability is none.
pub fn record(facts: &TrackFacts, now: DateTime<Utc>) -> Result<TrackContent, ml::Error> {
    let joined: Vec<(DateTime<Utc>, f64, bool)> = facts
        .judged
        .iter()
        .filter_map(|of| Some((of.decided_at, of.said?, of.won)))
        .collect();
    let (all, reliability) = match scored(&joined)? {
        Some((scores, found)) => (Some(scores), bins(&found)),
        None => (None, Vec::new()),
    };
    let mut content = TrackContent {
        title: "Track record and drift".to_owned(),
        generated_at: now,
        model_id: facts.model_id.clone(),
        insights: Vec::new(),
        unjoined: facts.judged.len() - joined.len(),
        all,
        periods: periods(&joined)?,
        reliability,
        drift: facts.drift.clone(),
        predicted: facts.predicted.clone(),
    };
    content.insights = insights::track::all(&content);
    Ok(content)
}

fn scored(
    quotes: &[(DateTime<Utc>, f64, bool)],
) -> Result<Option<(Scores, Evaluation)>, ml::Error> {
    let said: Vec<f64> = quotes.iter().map(|(_, said, _)| *said).collect();
    let won: Vec<bool> = quotes.iter().map(|(.., won)| *won).collect();
    let Some(expected) = expected_performance(&said)? else {
        return Ok(None);
    };
    let wins = won.iter().filter(|won| **won).count();
    let base = wins as f64 / won.len() as f64;
    let found = evaluate(&said, &won, base, 0.5, SEED);
    let scores = Scores {
        quotes: won.len(),
        won: wins,
        mean_predicted: said.iter().sum::<f64>() / said.len() as f64,
        brier: figure(found.brier),
        expected_brier: figure(expected.brier),
        log_loss: figure(found.log_loss),
        expected_log_loss: figure(expected.log_loss),
        gain_over_base: figure(found.gain_over_base),
        auc: found.auc.map(figure),
        expected_auc: expected.auc,
        calibration_error: figure(found.calibration_error),
        calibration_noise: found.calibration_noise,
        worse_p_value: worse_than_expected(&said, &won)?.map(|worse| worse.p_value),
    };
    Ok(Some((scores, found)))
}

fn figure(score: ml::Score) -> Figure {
    // A single quote has no interval, and JSON no word for that.
    let end = |end: f64| if end.is_finite() { end } else { score.value };
    Figure {
        value: score.value,
        interval: Interval {
            low: end(score.low),
            high: end(score.high),
        },
    }
}

fn bins(found: &Evaluation) -> Vec<Bin> {
    let bins = found.calibration.iter();
    bins.map(|bin| Bin {
        mean_predicted: bin.predicted,
        observed_rate: bin.observed.value,
        interval: figure(bin.observed).interval,
        count: u32::try_from(bin.rows).unwrap_or(u32::MAX),
    })
    .collect()
}

fn periods(quotes: &[(DateTime<Utc>, f64, bool)]) -> Result<Vec<Period>, ml::Error> {
    let quarter = |at: &DateTime<Utc>| format!("{}-Q{}", at.year(), at.month0() / 3 + 1);
    let mut sorted = quotes.to_vec();
    sorted.sort_by_key(|(at, ..)| *at);
    let mut periods = Vec::new();
    for same in sorted.chunk_by(|a, b| quarter(&a.0) == quarter(&b.0)) {
        if same.len() < LEAST_QUOTES {
            continue;
        }
        if let Some((scores, _)) = scored(same)? {
            periods.push(Period {
                name: quarter(&same[0].0),
                scores,
            });
        }
    }
    let tested = periods.iter().filter_map(|p| p.scores.worse_p_value);
    let mut corrected = holm(&tested.collect::<Vec<f64>>()).into_iter();
    for period in &mut periods {
        if period.scores.worse_p_value.is_some() {
            period.scores.worse_p_value = corrected.next();
        }
    }
    Ok(periods)
}
