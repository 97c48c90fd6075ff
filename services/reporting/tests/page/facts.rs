//! Constructed figures of a realistic model, and ways to change them. Deliberately no assertions.

use chrono::{DateTime, Utc};
use proto::common::Interval;
use proto::ingestion::WinRatePeriod;
use proto::training::{
    CalibrationBin, Confusion, FeatureImportance, Model, ScoreIntervals, Scores,
};
use reporting::domain::{DatasetFacts, ModelFacts, ReportContent, build};

pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).expect("a time")
}

pub(crate) fn range(low: f64, high: f64) -> Option<Interval> {
    Some(Interval { low, high })
}

fn scores() -> Scores {
    let bins = [
        (0.08, 0.06, 0.02, 0.16, 50),
        (0.17, 0.20, 0.11, 0.33, 50),
        (0.26, 0.24, 0.14, 0.37, 50),
        (0.34, 0.38, 0.26, 0.52, 50),
        (0.43, 0.40, 0.28, 0.54, 50),
        (0.55, 0.60, 0.46, 0.72, 50),
        (0.68, 0.64, 0.50, 0.76, 50),
        (0.86, 0.90, 0.79, 0.96, 50),
    ];
    Scores {
        auc_roc: Some(0.791),
        precision: Some(0.713),
        recall: Some(0.622),
        f1: Some(0.664),
        log_loss: 0.512,
        brier: 0.171,
        calibration_error: 0.031,
        base_rate_log_loss: 0.671,
        base_rate_brier: 0.239,
        intervals: Some(ScoreIntervals {
            auc_roc: range(0.748, 0.834),
            precision: range(0.635, 0.780),
            recall: range(0.548, 0.692),
            f1: range(0.604, 0.719),
            log_loss: range(0.471, 0.553),
            brier: range(0.155, 0.187),
            ..ScoreIntervals::default()
        }),
        calibration: bins
            .iter()
            .map(
                |&(mean_predicted, observed_rate, low, high, count)| CalibrationBin {
                    mean_predicted,
                    observed_rate,
                    interval: range(low, high),
                    count,
                },
            )
            .collect(),
        confusion: Some(Confusion {
            true_positives: 107,
            false_positives: 43,
            true_negatives: 185,
            false_negatives: 65,
            ..Confusion::default()
        }),
        ..Scores::default()
    }
}

pub(crate) fn importance(column: &str, permutation: f64, half: f64) -> FeatureImportance {
    FeatureImportance {
        column: column.to_owned(),
        permutation,
        interval: range(permutation - half, permutation + half),
        mean_absolute_contribution: permutation * 6.0,
        ..FeatureImportance::default()
    }
}

/// Months from January 2023, the first of 12 with `first` wins of 80 quotes, the others with `last`.
pub(crate) fn months(count: u32, first: u32, last: u32) -> Vec<WinRatePeriod> {
    (0..count)
        .map(|i| WinRatePeriod {
            month: format!("{}-{:02}", 2023 + i / 12, i % 12 + 1),
            quote_count: 80,
            won_count: if i < count / 2 { first } else { last } + (i * 7) % 5,
        })
        .collect()
}

pub(crate) fn facts() -> ModelFacts {
    let importances = [
        ("Discount %", 0.081, 0.016),
        ("Customer segment", 0.052, 0.013),
        ("Net price (EUR)", 0.031, 0.011),
        ("Days until delivery", 0.017, 0.008),
        ("Sales representative", 0.009, 0.006),
        ("Region", 0.004, 0.005),
        ("Product family", 0.002, 0.004),
        ("Quantity", -0.001, 0.003),
    ];
    ModelFacts {
        model: Model {
            id: "0190b6b2-7c5e-7d0a-9a7e-3f1f4f0d2a11".to_owned(),
            dataset_id: "0190b6b2-0000-7d0a-9a7e-3f1f4f0d2a11".to_owned(),
            champion: true,
            scores: Some(scores()),
            importances: importances.map(|(c, p, h)| importance(c, p, h)).to_vec(),
            parameters: [("penalty", "0.03"), ("seed", "7"), ("family", "logistic")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into_iter()
                .collect(),
            train_row_count: 1600,
            test_row_count: 400,
            row_count: 2000,
            notes: vec!["Column \"Closing note\" was left out: it gives the outcome away.".into()],
            beats_base_rate: true,
            tested_on_newest: true,
            finished_at: Some(prost_types::Timestamp {
                seconds: 1_789_990_000,
                nanos: 0,
            }),
            ..Model::default()
        },
        dataset: DatasetFacts {
            name: "Quotes 2023 to 2025".to_owned(),
            row_count: 2000,
            won_count: 812,
        },
        win_rates: months(24, 36, 28),
        predictions_made: 1284,
    }
}

pub(crate) fn with_scores(change: impl FnOnce(&mut Scores)) -> ReportContent {
    let mut facts = facts();
    change(facts.model.scores.as_mut().expect("scores"));
    build(&facts, now())
}
