//! What the learning core found, in the words of the contract. Deliberately no figures of its own.

use ml::{Evaluation, Importance, Score, Stage, Trained};
use prost::Message as _;
use proto::{
    common::Interval,
    training::{
        CalibrationBin, Confusion, FeatureImportance, Model, Resources, ScoreIntervals, Scores,
    },
};

use crate::store::Learned;

/// What a training found, as a model without its identity and state.
#[must_use]
pub fn learned_model(trained: &Trained, resources: Resources) -> Model {
    Model {
        scores: Some(scores(&trained.evaluation)),
        importances: trained.importance.iter().map(importance).collect(),
        parameters: trained.parameters.iter().cloned().collect(),
        train_row_count: count(trained.rows_train),
        test_row_count: count(trained.rows_test),
        row_count: count(trained.rows_total),
        notes: trained.notes.clone(),
        resources: Some(resources),
        beats_base_rate: trained.beats_base_rate,
        tested_on_newest: trained.tested_on_newest,
        ..Model::default()
    }
}

/// What a training found, as it is stored.
pub(crate) fn stored(model: &Model) -> Learned {
    let scores = model.scores.clone().unwrap_or_default();
    let resources = model.resources.unwrap_or_default();
    let parameters: std::collections::BTreeMap<_, _> = model.parameters.iter().collect();
    Learned {
        auc_roc: scores.auc_roc,
        precision: scores.precision,
        recall: scores.recall,
        f1: scores.f1,
        log_loss: scores.log_loss,
        brier: scores.brier,
        parameters: serde_json::json!(parameters),
        wall_seconds: resources.wall_seconds,
        cpu_seconds: resources.cpu_seconds,
        peak_memory_bytes: resources.peak_memory_bytes,
        message: model.encode_to_vec(),
    }
}

/// A stage in words.
#[must_use]
pub fn stage_text(stage: Stage) -> &'static str {
    match stage {
        Stage::Preparing => "preparing the data",
        Stage::Folding => "cross-validating",
        Stage::Fitting => "fitting",
        Stage::Evaluating => "evaluating on the test set",
        Stage::Refitting => "fitting on all quotes",
    }
}

fn scores(found: &Evaluation) -> Scores {
    let (half, best) = (&found.at_half, &found.at_best_f1);
    Scores {
        auc_roc: found.auc.map(value),
        precision: half.precision.map(value),
        recall: half.recall.map(value),
        f1: half.f1.map(value),
        log_loss: found.log_loss.value,
        brier: found.brier.value,
        calibration_error: found.calibration_error.value,
        base_rate_log_loss: found.base_log_loss.value,
        base_rate_brier: found.base_brier.value,
        best_threshold: best.threshold,
        f1_at_best_threshold: best.f1.map(value),
        intervals: Some(ScoreIntervals {
            auc_roc: found.auc.map(interval),
            precision: half.precision.map(interval),
            recall: half.recall.map(interval),
            f1: half.f1.map(interval),
            log_loss: Some(interval(found.log_loss)),
            brier: Some(interval(found.brier)),
        }),
        calibration: found.calibration.iter().map(calibration_bin).collect(),
        confusion: Some(Confusion {
            true_positives: count(half.confusion.true_won),
            false_positives: count(half.confusion.false_won),
            true_negatives: count(half.confusion.true_lost),
            false_negatives: count(half.confusion.false_lost),
        }),
    }
}

fn calibration_bin(bin: &ml::CalibrationBin) -> CalibrationBin {
    CalibrationBin {
        mean_predicted: bin.predicted,
        observed_rate: bin.observed.value,
        interval: Some(interval(bin.observed)),
        count: count(bin.rows),
    }
}

fn importance(found: &Importance) -> FeatureImportance {
    FeatureImportance {
        column: found.column.clone(),
        permutation: found.log_loss_increase.value,
        interval: Some(interval(found.log_loss_increase)),
        mean_absolute_contribution: found.mean_contribution,
    }
}

fn value(score: Score) -> f64 {
    score.value
}

fn interval(score: Score) -> Interval {
    Interval {
        low: score.low,
        high: score.high,
    }
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_keep_their_places() {
        let p = [0.9, 0.8, 0.3, 0.6, 0.1];
        let won = [true, true, false, false, false];
        let found = ml::evaluate(&p, &won, 0.4, 0.7, 1);
        let told = scores(&found);
        assert_eq!(told.auc_roc, Some(1.0));
        assert_eq!(told.best_threshold, 0.7);
        assert_eq!(told.f1_at_best_threshold, Some(1.0));
        let confusion = told.confusion.unwrap();
        assert_eq!(
            (confusion.true_positives, confusion.false_positives),
            (2, 1)
        );
        assert_eq!(
            (confusion.true_negatives, confusion.false_negatives),
            (2, 0)
        );
        let log_loss = told.intervals.unwrap().log_loss.unwrap();
        assert!(log_loss.low <= told.log_loss && told.log_loss <= log_loss.high);
        let in_bins: u32 = told.calibration.iter().map(|bin| bin.count).sum();
        assert_eq!(in_bins, 5);
    }

    #[test]
    fn scores_that_do_not_exist_stay_absent() {
        let told = scores(&ml::evaluate(&[0.2, 0.3], &[true, true], 0.5, 0.5, 1));
        assert_eq!(told.auc_roc, None);
        assert_eq!(told.precision, None);
        assert_eq!(told.intervals.unwrap().auc_roc, None);
    }
}
