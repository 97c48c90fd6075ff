//! What a model says of itself beyond its scores: candidates, shapes, segments, leaks, what more data would bring.
//! Deliberately no sentences of its own: those of the learning core are handed on.

use ml::{
    BOOSTED, Candidate, ColumnSegments, Dependence, DependencePoint, Importance, LOGISTIC,
    LeakFinding, Shape, Trained,
};
use proto::training::{
    Blend, CandidateScores, EffectPoint, EffectShape, FeatureImportance, Leak, LeakKind,
    LearningCurve, LearningPoint, RowsNeeded, SegmentScores, TrialScore,
};

use super::{count, interval, scores, value};

pub(super) fn blend(trained: &Trained) -> Blend {
    let [logistic, boosted, base_rate] = trained.model.blend();
    let chosen = trained.families.iter().find(|family| family.chosen);
    Blend {
        logistic,
        boosted,
        base_rate,
        boosted_family: chosen.map_or_else(String::new, |family| family.family.clone()),
        calibration: trained.model.calibration().to_owned(),
    }
}

pub(super) fn candidate(found: &Candidate) -> CandidateScores {
    CandidateScores {
        name: found.name.to_owned(),
        weight: found.weight,
        cross_validated_log_loss: found.cross_validated_log_loss,
        scores: Some(scores(&found.evaluation)),
    }
}

pub(super) fn trials(trained: &Trained) -> Vec<TrialScore> {
    let penalties = trained.penalty_curve.iter().map(|tried| TrialScore {
        candidate: LOGISTIC.to_owned(),
        setting: format!("penalty {:.4}", tried.penalty),
        cross_validated_log_loss: tried.log_loss,
        standard_error: Some(tried.standard_error),
        chosen: tried.penalty == trained.model.penalty(),
    });
    let families = trained.families.iter().map(|tried| TrialScore {
        candidate: BOOSTED.to_owned(),
        setting: tried.family.clone(),
        cross_validated_log_loss: tried.log_loss,
        standard_error: None,
        chosen: tried.chosen,
    });
    penalties.chain(families).collect()
}

pub(super) fn importances(found: &[Importance]) -> Vec<FeatureImportance> {
    found.iter().map(importance).collect()
}

fn importance(found: &Importance) -> FeatureImportance {
    let effect = found.effect.as_ref();
    FeatureImportance {
        column: found.column.clone(),
        permutation: found.log_loss_increase.value,
        interval: Some(interval(found.log_loss_increase)),
        mean_absolute_contribution: found.mean_contribution,
        shape: effect.map_or(EffectShape::Unspecified, shape) as i32,
        range: effect.map_or(0.0, |effect| effect.range),
        points: effect.map_or_else(Vec::new, |effect| effect.points.iter().map(point).collect()),
    }
}

fn shape(effect: &Dependence) -> EffectShape {
    match effect.shape {
        Shape::Flat => EffectShape::Flat,
        Shape::Rising => EffectShape::Rising,
        Shape::Falling => EffectShape::Falling,
        Shape::Peak => EffectShape::Peak,
        Shape::Valley => EffectShape::Valley,
        Shape::Mixed => EffectShape::Mixed,
        Shape::Unordered => EffectShape::Unordered,
    }
}

fn point(found: &DependencePoint) -> EffectPoint {
    EffectPoint {
        label: found.label.clone(),
        value: found.at,
        probability: found.probability,
        spread: Some(proto::common::Interval {
            low: found.spread.0,
            high: found.spread.1,
        }),
        count: count(found.support),
    }
}

/// Nothing where no part of the data could be trained on.
pub(super) fn learning_curve(found: &ml::LearningCurve) -> Option<LearningCurve> {
    let needed = |needed: ml::RowsNeeded| RowsNeeded {
        rows: needed.rows,
        factor: needed.factor,
        guess: needed.guess,
    };
    let point = |point: &ml::CurvePoint| LearningPoint {
        rows: count(point.rows),
        log_loss: point.log_loss,
        interval_width: point.interval_width,
    };
    (!found.points.is_empty()).then(|| LearningCurve {
        points: found.points.iter().map(point).collect(),
        halved_interval: found.rows_to_halve_interval.map(needed),
        halved_avoidable_loss: found.rows_to_halve_avoidable_loss.map(needed),
        log_loss_floor: found.loss_law.map(|law| law.floor),
        statement: found.statement(),
    })
}

pub(super) fn segments(found: &ColumnSegments) -> Vec<SegmentScores> {
    let segment = |segment: &ml::Segment| SegmentScores {
        column: found.column.clone(),
        value: segment.label.clone(),
        count: count(segment.rows),
        won: count(segment.wins),
        win_rate: segment.win_rate.value,
        win_rate_interval: Some(interval(segment.win_rate)),
        mean_predicted: segment.predicted,
        log_loss: segment.log_loss.value,
        log_loss_interval: Some(interval(segment.log_loss)),
        gain_over_base: segment.gain_over_base.value,
        gain_over_base_interval: Some(interval(segment.gain_over_base)),
        auc_roc: segment.auc.map(value),
        auc_roc_interval: segment.auc.map(interval),
    };
    found.segments.iter().map(segment).collect()
}

pub(super) fn leak(found: &LeakFinding) -> Leak {
    let kind = match found.kind {
        ml::LeakKind::Ranks { .. } => LeakKind::Ranks,
        ml::LeakKind::Levels { .. } => LeakKind::Levels,
        ml::LeakKind::FilledForOneOutcome { empty: false, .. } => LeakKind::FilledForOneOutcome,
        ml::LeakKind::FilledForOneOutcome { empty: true, .. } => LeakKind::EmptyForOneOutcome,
        ml::LeakKind::AfterOutcome { .. } => LeakKind::AfterOutcome,
        ml::LeakKind::Course { .. } => LeakKind::Course,
    };
    Leak {
        column: found.column.clone(),
        kind: kind as i32,
        figure: found.figure(),
        statement: found.statement(),
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use ml::{Column, Role, Table, TrainOptions, TrainingSet, Values};

    use super::super::learned_model;
    use super::*;

    /// 900 quotes, won where a level and a low number say so, with a column that tells the outcome.
    fn trained() -> Trained {
        let draw = |row: u32, salt: u32| (row * 7919 + salt).wrapping_mul(2_654_435_761) >> 16;
        let size: Vec<f64> = (0..900).map(|row| f64::from(draw(row, 1) % 1000)).collect();
        let place = |row: u32| draw(row, 2) % 3;
        let outcome: Vec<bool> = (0..900)
            .map(|row| {
                let edge = 300.0 + 250.0 * f64::from(place(row));
                (size[row as usize] < edge) != (draw(row, 3) % 5 == 0)
            })
            .collect();
        let paid = outcome.iter().map(|&won| if won { 30.0 } else { f64::NAN });
        let places: Vec<Option<String>> = (0..900)
            .map(|row| Some(format!("place {}", place(row))))
            .collect();
        let set = TrainingSet {
            features: Table {
                columns: vec![
                    Column::new("size", Role::Feature, Values::Number(size)),
                    Column::from_texts("place", Role::Feature, &places),
                    Column::new(
                        "days to payment",
                        Role::Feature,
                        Values::Number(paid.collect()),
                    ),
                ],
            },
            outcome,
            date: None,
            group: None,
        };
        ml::train(&set, &TrainOptions::default(), &mut |_| {
            ControlFlow::Continue(())
        })
        .unwrap()
    }

    #[test]
    fn everything_found_is_told() {
        let trained = trained();
        let told = learned_model(&trained, proto::training::Resources::default());
        let names: Vec<&str> = told.candidates.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["base rate", "logistic", "boosted"]);
        let weights: f64 = told.candidates.iter().map(|c| c.weight).sum();
        assert!((weights - 1.0).abs() < 1e-9);
        let scores = told.scores.unwrap();
        for candidate in &told.candidates {
            let own = candidate.scores.as_ref().unwrap();
            assert_eq!(own.base_rate_log_loss, scores.base_rate_log_loss);
        }
        assert_eq!(told.trials.iter().filter(|t| t.chosen).count(), 2);
        assert_eq!(told.leaks[0].column, "days to payment");
        assert_eq!(told.leaks[0].kind(), LeakKind::FilledForOneOutcome);
        assert_eq!(told.leaks[0].figure, 1.0);
        assert!(told.leaks[0].statement.contains("only after"));
        let curve = told.learning_curve.unwrap();
        assert!(curve.points.len() >= 3 && !curve.statement.is_empty());
        let places: u32 = told.segments.iter().map(|segment| segment.count).sum();
        assert_eq!(places, told.test_row_count);
        let place = told
            .importances
            .iter()
            .find(|i| i.column == "place")
            .unwrap();
        assert_eq!(
            (place.shape(), place.points.len()),
            (EffectShape::Unordered, 3)
        );
        let blend = told.blend.unwrap();
        assert!((blend.logistic + blend.boosted + blend.base_rate - 1.0).abs() < 1e-9);
    }
}
