//! From facts to content: picks, orders and computes what a report shows.
//!
//! Numbers that are not finite count as absent, so that the JSON always reads back. Deliberately not here: wording.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use proto::ingestion::WinRatePeriod;
use proto::training::{CalibrationBin, FeatureImportance, Model, ScoreIntervals, Scores};

use super::{
    Bin, Confusion, DatasetFacts, DatasetSummary, Driver, Interval, ModelFacts, ModelSummary,
    Month, ReportContent, Score, ScoreKey, Skill, TOP_DRIVERS, Trend, insights, stats,
};

/// Builds the report about a model.
#[must_use]
pub fn build(facts: &ModelFacts, generated_at: DateTime<Utc>) -> ReportContent {
    let model = &facts.model;
    let scores = model.scores.as_ref();
    let all_drivers = drivers(&model.importances);
    let win_rates = months(&facts.win_rates);
    let mut content = ReportContent {
        title: title(&facts.dataset.name),
        generated_at,
        model: summary(model),
        dataset: dataset(&facts.dataset),
        insights: Vec::new(),
        scores: scores.map(score_list).unwrap_or_default(),
        skill: scores.and_then(skill),
        confusion: scores.and_then(confusion),
        calibration_error: scores.and_then(|s| finite(s.calibration_error)),
        calibration: scores.map(|s| bins(&s.calibration)).unwrap_or_default(),
        drivers: all_drivers.iter().take(TOP_DRIVERS).cloned().collect(),
        driver_count: all_drivers.len(),
        trend: trend(&win_rates),
        win_rates,
        predictions_made: facts.predictions_made,
        notes: model.notes.clone(),
    };
    content.insights = insights::all(&content, &all_drivers);
    content
}

fn title(dataset: &str) -> String {
    let name = dataset.trim();
    if name.is_empty() {
        "Model report".to_owned()
    } else {
        format!("Model report: {name}")
    }
}

fn summary(model: &Model) -> ModelSummary {
    ModelSummary {
        id: model.id.clone(),
        dataset_id: model.dataset_id.clone(),
        champion: model.champion,
        beats_base_rate: model.beats_base_rate,
        tested_on_newest: model.tested_on_newest,
        trained_at: model.finished_at.as_ref().and_then(|at| {
            let nanos = u32::try_from(at.nanos).ok()?;
            DateTime::from_timestamp(at.seconds, nanos)
        }),
        train_row_count: model.train_row_count,
        test_row_count: model.test_row_count,
        row_count: model.row_count,
        training_seconds: model
            .resources
            .as_ref()
            .and_then(|r| finite(r.wall_seconds)),
        parameters: model
            .parameters
            .iter()
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    }
}

pub(super) fn dataset(facts: &DatasetFacts) -> DatasetSummary {
    let won_count = facts.won_count.min(facts.row_count);
    DatasetSummary {
        name: facts.name.trim().to_owned(),
        row_count: facts.row_count,
        won_count,
        win_rate: (facts.row_count > 0).then(|| f64::from(won_count) / f64::from(facts.row_count)),
        win_rate_interval: stats::wilson(u64::from(won_count), u64::from(facts.row_count)),
    }
}

fn score_list(scores: &Scores) -> Vec<Score> {
    let none = ScoreIntervals::default();
    let ends = scores.intervals.as_ref().unwrap_or(&none);
    let share = confusion(scores).and_then(Confusion::win_rate);
    let score = |key, value: Option<f64>, ends: Option<&proto::common::Interval>, without| {
        let value = value.and_then(finite);
        Score {
            key,
            value,
            interval: value.and_then(|_| interval(ends)),
            without_model: without,
        }
    };
    vec![
        score(
            ScoreKey::AucRoc,
            scores.auc_roc,
            ends.auc_roc.as_ref(),
            Some(0.5),
        ),
        score(
            ScoreKey::LogLoss,
            Some(scores.log_loss),
            ends.log_loss.as_ref(),
            finite(scores.base_rate_log_loss),
        ),
        score(
            ScoreKey::Brier,
            Some(scores.brier),
            ends.brier.as_ref(),
            finite(scores.base_rate_brier),
        ),
        score(
            ScoreKey::Precision,
            scores.precision,
            ends.precision.as_ref(),
            share,
        ),
        score(
            ScoreKey::Recall,
            scores.recall,
            ends.recall.as_ref(),
            share.filter(|p| *p > 0.0).map(|_| 1.0),
        ),
        score(
            ScoreKey::F1,
            scores.f1,
            ends.f1.as_ref(),
            share.map(|p| 2.0 * p / (1.0 + p)),
        ),
    ]
}

fn skill(scores: &Scores) -> Option<Skill> {
    let base = finite(scores.base_rate_log_loss).filter(|base| *base > 0.0)?;
    let value = 1.0 - finite(scores.log_loss)? / base;
    let ends = interval(scores.intervals.as_ref().and_then(|i| i.log_loss.as_ref()));
    Some(Skill {
        value,
        interval: ends.map(|i| Interval {
            low: 1.0 - i.high / base,
            high: 1.0 - i.low / base,
        }),
    })
}

fn confusion(scores: &Scores) -> Option<Confusion> {
    scores.confusion.as_ref().map(|c| Confusion {
        true_positives: c.true_positives,
        false_positives: c.false_positives,
        true_negatives: c.true_negatives,
        false_negatives: c.false_negatives,
    })
}

fn bins(bins: &[CalibrationBin]) -> Vec<Bin> {
    let mut kept: Vec<Bin> = bins
        .iter()
        .filter(|bin| bin.count > 0)
        .filter_map(|bin| {
            let observed_rate = finite(bin.observed_rate)?.clamp(0.0, 1.0);
            let won = (observed_rate * f64::from(bin.count)).round() as u64;
            Some(Bin {
                mean_predicted: finite(bin.mean_predicted)?.clamp(0.0, 1.0),
                observed_rate,
                interval: interval(bin.interval.as_ref())
                    .or_else(|| stats::wilson(won, u64::from(bin.count)))?,
                count: bin.count,
            })
        })
        .collect();
    kept.sort_by(|a, b| a.mean_predicted.total_cmp(&b.mean_predicted));
    kept
}

fn drivers(importances: &[FeatureImportance]) -> Vec<Driver> {
    let mut kept: Vec<Driver> = importances
        .iter()
        .filter_map(|importance| {
            let interval = interval(importance.interval.as_ref());
            Some(Driver {
                column: importance.column.clone(),
                permutation: finite(importance.permutation)?,
                interval,
                mean_absolute_contribution: finite(importance.mean_absolute_contribution),
                clear: interval.is_some_and(|i| i.low > 0.0),
            })
        })
        .collect();
    kept.sort_by(|a, b| {
        b.permutation
            .total_cmp(&a.permutation)
            .then_with(|| a.column.cmp(&b.column))
    });
    kept
}

/// Months in order, each once; what cannot be a month or has no quotes is left out.
pub(super) fn months(periods: &[WinRatePeriod]) -> Vec<Month> {
    let mut sums: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for period in periods {
        if month_index(&period.month).is_some() && period.quote_count > 0 {
            let (quotes, won) = sums.entry(&period.month).or_default();
            *quotes += u64::from(period.quote_count);
            *won += u64::from(period.won_count.min(period.quote_count));
        }
    }
    sums.into_iter()
        .filter_map(|(month, (quote_count, won_count))| {
            Some(Month {
                month: month.to_owned(),
                quote_count,
                won_count,
                win_rate: won_count as f64 / quote_count as f64,
                interval: stats::wilson(won_count, quote_count)?,
            })
        })
        .collect()
}

/// Months since year 0 of a month written as YYYY-MM.
pub(crate) fn month_index(month: &str) -> Option<i32> {
    let (year, number) = month.split_once('-')?;
    let digits = |text: &str, len: usize| {
        (text.len() == len && text.bytes().all(|b| b.is_ascii_digit()))
            .then(|| text.parse::<i32>().ok())
            .flatten()
    };
    let (year, number) = (digits(year, 4)?, digits(number, 2)?);
    (1..=12).contains(&number).then_some(year * 12 + number - 1)
}

fn trend(months: &[Month]) -> Option<Trend> {
    let third = months.len() / 3;
    let sum = |part: &[Month]| {
        part.iter().fold((0, 0), |(won, quotes), month| {
            (won + month.won_count, quotes + month.quote_count)
        })
    };
    let first = sum(&months[..third]);
    let last = sum(&months[months.len() - third..]);
    let comparison = stats::compare(first, last)?;
    Some(Trend {
        months: third,
        first_quotes: first.1,
        first_won: first.0,
        last_quotes: last.1,
        last_won: last.0,
        difference: comparison.difference,
        interval: comparison.interval,
        z: comparison.z,
        p_value: comparison.p_value,
        testable: comparison.testable,
    })
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

fn interval(ends: Option<&proto::common::Interval>) -> Option<Interval> {
    let ends = ends?;
    Some(Interval {
        low: finite(ends.low)?,
        high: finite(ends.high)?,
    })
}
