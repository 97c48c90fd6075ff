//! What the learning core found, in the words of the contract. Deliberately no figures of its own.

mod insight;

use ml::{Decision, Evaluation, Score, Stage, Trained};
use prost::Message as _;
use proto::{
    common::Interval,
    training::{
        CalibrationBin, Confusion, ConfusionShares, GainTenth, Model, Resources, ScoreIntervals,
        Scores,
    },
};

use crate::store::Learned;

/// What a training found, as a model without its identity and state.
#[must_use]
pub fn learned_model(trained: &Trained, resources: Resources) -> Model {
    Model {
        scores: Some(scores(&trained.evaluation)),
        importances: insight::importances(&trained.importance),
        parameters: trained.parameters.iter().cloned().collect(),
        train_row_count: count(trained.rows_train),
        test_row_count: count(trained.rows_test),
        row_count: count(trained.rows_total),
        notes: trained.notes.clone(),
        resources: Some(resources),
        beats_base_rate: trained.beats_base_rate,
        tested_on_newest: trained.tested_on_newest,
        blend: Some(insight::blend(trained)),
        candidates: trained.candidates.iter().map(insight::candidate).collect(),
        trials: insight::trials(trained),
        learning_curve: insight::learning_curve(&trained.learning_curve),
        segments: trained
            .segments
            .iter()
            .flat_map(insight::segments)
            .collect(),
        leaks: trained.leaks.iter().map(insight::leak).collect(),
        cross_validated_log_loss: trained.cross_validated_log_loss,
        ..Model::default()
    }
}

/// The model without what only its own page tells, for lists of many and for events.
#[must_use]
pub fn in_brief(mut model: Model) -> Model {
    for importance in &mut model.importances {
        importance.points.clear();
    }
    Model {
        candidates: Vec::new(),
        trials: Vec::new(),
        learning_curve: None,
        segments: Vec::new(),
        ..model
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
            calibration_error: Some(interval(found.calibration_error)),
            base_rate_log_loss: Some(interval(found.base_log_loss)),
            base_rate_brier: Some(interval(found.base_brier)),
            f1_at_best_threshold: best.f1.map(interval),
            precision_at_best_threshold: best.precision.map(interval),
            recall_at_best_threshold: best.recall.map(interval),
            gain_over_base: Some(interval(found.gain_over_base)),
            lift_top_tenth: found.lift_top_tenth.map(interval),
        }),
        calibration: found.calibration.iter().map(calibration_bin).collect(),
        confusion: Some(confusion(half)),
        precision_at_best_threshold: best.precision.map(value),
        recall_at_best_threshold: best.recall.map(value),
        confusion_at_best_threshold: Some(confusion(best)),
        gain_over_base: found.gain_over_base.value,
        calibration_noise: found.calibration_noise,
        lift_top_tenth: found.lift_top_tenth.map(value),
        tenths: found.deciles.iter().map(tenth).collect(),
    }
}

fn confusion(decision: &Decision) -> Confusion {
    let counts = &decision.confusion;
    Confusion {
        true_positives: count(counts.true_won),
        false_positives: count(counts.false_won),
        true_negatives: count(counts.true_lost),
        false_negatives: count(counts.false_lost),
        shares: counts.shares().map(|shares| ConfusionShares {
            true_positives: Some(interval(shares.true_won)),
            false_positives: Some(interval(shares.false_won)),
            true_negatives: Some(interval(shares.true_lost)),
            false_negatives: Some(interval(shares.false_lost)),
        }),
    }
}

fn tenth(found: &ml::Decile) -> GainTenth {
    GainTenth {
        rank: count(found.rank),
        from_probability: found.from,
        count: found.rows,
        won: found.wins,
        lift: found.lift.value,
        lift_interval: Some(interval(found.lift)),
        gain: found.gain.value,
        gain_interval: Some(interval(found.gain)),
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
        assert_eq!(told.precision_at_best_threshold, Some(1.0));
        assert_eq!(told.confusion_at_best_threshold.unwrap().true_positives, 2);
        let shares = confusion.shares.unwrap();
        let called = shares.true_positives.unwrap();
        assert!(called.low < 0.4 && 0.4 < called.high);
        // Three of five are lost, so the base rate of 0.4 is given to them with ln(0.6).
        let base = -(2.0 * 0.4f64.ln() + 3.0 * 0.6f64.ln()) / 5.0;
        assert!((told.gain_over_base - (base - told.log_loss)).abs() < 1e-12);
    }

    #[test]
    fn tenths_add_up() {
        let p: Vec<f64> = (0..100).map(|r| f64::from(r) / 100.0).collect();
        let won: Vec<bool> = (0..100).map(|r| r % 4 == 0 || r > 80).collect();
        let told = scores(&ml::evaluate(&p, &won, 0.4, 0.5, 1));
        let ranks: Vec<u32> = told.tenths.iter().map(|tenth| tenth.rank).collect();
        assert_eq!(ranks, (1..=10).collect::<Vec<u32>>());
        assert!((told.tenths[9].gain - 1.0).abs() < 1e-12);
        assert!(told.tenths[0].lift > told.tenths[9].lift);
        let wins: f64 = told.tenths.iter().map(|tenth| tenth.won).sum();
        assert!((wins - 40.0).abs() < 1e-9, "{wins}");
    }

    #[test]
    fn lists_leave_the_long_parts_out() {
        let model = Model {
            candidates: vec![proto::training::CandidateScores::default()],
            importances: vec![proto::training::FeatureImportance {
                column: "price".to_owned(),
                points: vec![proto::training::EffectPoint::default()],
                ..Default::default()
            }],
            beats_base_rate: true,
            ..Model::default()
        };
        let brief = in_brief(model);
        assert!(brief.candidates.is_empty() && brief.importances[0].points.is_empty());
        assert!(brief.beats_base_rate && brief.importances[0].column == "price");
    }

    #[test]
    fn scores_that_do_not_exist_stay_absent() {
        let told = scores(&ml::evaluate(&[0.2, 0.3], &[true, true], 0.5, 0.5, 1));
        assert_eq!(told.auc_roc, None);
        assert_eq!(told.precision, None);
        assert_eq!(told.intervals.unwrap().auc_roc, None);
    }
}
