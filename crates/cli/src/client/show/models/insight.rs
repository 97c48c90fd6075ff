//! What a model says beyond its scores: calibration, tenths, candidates, shapes, segments, more data. Deliberately the
//! figures of the server only, the longest lists cut; `-o json` has all of them.

use std::io;

use proto::{
    common::Interval,
    training::{EffectShape, FeatureImportance, Model, RowsNeeded, Scores},
};

use super::Out;
use crate::{
    table::{PAGE_WIDTH, Table},
    text::{clean, count, interval, percent, score, shorten, sparkline, wrap},
};

const MOST_SEGMENTS: usize = 20;
/// Blocks of a drawn curve.
const CURVE_WIDTH: usize = 12;

fn percents(range: Option<&Interval>) -> String {
    range.map_or_else(
        || "-".to_owned(),
        |i| format!("{} to {}", percent(i.low), percent(i.high)),
    )
}

/// Predicted and observed rates per bin.
pub(super) fn calibration(out: Out<'_>, scores: &Scores) -> io::Result<()> {
    if scores.calibration.is_empty() {
        return Ok(());
    }
    let mut table = Table::new()
        .right("predicted")
        .right("won")
        .right("95 % interval")
        .right("quotes");
    for bin in &scores.calibration {
        table.row([
            &percent(bin.mean_predicted),
            &percent(bin.observed_rate),
            &percents(bin.interval.as_ref()),
            &count(bin.count.into()),
        ]);
    }
    writeln!(
        out,
        "\ncalibration (chance alone makes an error of {:.4})",
        scores.calibration_noise
    )?;
    table.print(out)
}

/// Lift and gain per tenth.
pub(super) fn tenths(out: Out<'_>, scores: &Scores) -> io::Result<()> {
    if scores.tenths.is_empty() {
        return Ok(());
    }
    let mut table = Table::new()
        .right("tenth")
        .right("from")
        .right("quotes")
        .right("won")
        .right("lift")
        .right("95 % interval")
        .right("wins up to here")
        .right("95 % interval");
    for tenth in &scores.tenths {
        let lift = tenth.lift_interval.as_ref();
        table.row([
            &tenth.rank.to_string(),
            &percent(tenth.from_probability),
            &format!("{:.0}", tenth.count),
            &format!("{:.0}", tenth.won),
            &format!("{:.2}", tenth.lift),
            &lift.map_or("-".to_owned(), |i| format!("{:.2} to {:.2}", i.low, i.high)),
            &percent(tenth.gain),
            &percents(tenth.gain_interval.as_ref()),
        ]);
    }
    writeln!(out, "\ntest rows by probability, highest first")?;
    table.print(out)
}

/// The blend, its parts side by side, and what cross-validation tried.
pub(super) fn candidates(out: Out<'_>, model: &Model) -> io::Result<()> {
    if model.candidates.is_empty() {
        return Ok(());
    }
    let mut table = Table::new()
        .left("candidate")
        .right("weight")
        .right("held-back log loss")
        .right("test log loss")
        .right("95 % interval")
        .right("AUC-ROC")
        .right("Brier");
    for candidate in &model.candidates {
        let scores = candidate.scores.as_ref();
        let range = scores.and_then(|s| s.intervals.as_ref()?.log_loss.as_ref());
        table.row([
            candidate.name.as_str(),
            &format!("{:.3}", candidate.weight),
            &score(candidate.cross_validated_log_loss),
            &score(scores.map(|s| s.log_loss)),
            &interval(range),
            &score(scores.and_then(|s| s.auc_roc)),
            &score(scores.map(|s| s.brier)),
        ]);
    }
    let served = model.scores.as_ref();
    let range = served.and_then(|s| s.intervals.as_ref()?.log_loss.as_ref());
    table.row([
        "what answers",
        "",
        &score(model.cross_validated_log_loss),
        &score(served.map(|s| s.log_loss)),
        &interval(range),
        &score(served.and_then(|s| s.auc_roc)),
        &score(served.map(|s| s.brier)),
    ]);
    writeln!(out)?;
    table.print(out)?;
    if let Some(blend) = &model.blend {
        let family = match blend.boosted_family.as_str() {
            "" => "none",
            family => family,
        };
        writeln!(
            out,
            "boosted family: {family}; calibration map: {}",
            blend.calibration
        )?;
    }
    Ok(())
}

/// Direction and shape of a column's effect, in words, and how far it moves.
pub(super) fn effect(importance: &FeatureImportance) -> String {
    let words = match importance.shape() {
        EffectShape::Unspecified => return "-".to_owned(),
        EffectShape::Flat => "hardly moves",
        EffectShape::Rising => "rises",
        EffectShape::Falling => "falls",
        EffectShape::Peak => "rises, then falls",
        EffectShape::Valley => "falls, then rises",
        EffectShape::Mixed => "turns",
        EffectShape::Unordered => "differs",
    };
    let points = importance.points.iter();
    let known: Vec<f64> = points
        .filter(|point| point.value.is_some())
        .map(|point| point.probability)
        .collect();
    let curve = if known.len() > 2 {
        format!(" {}", sparkline(&known, CURVE_WIDTH))
    } else {
        String::new()
    };
    format!("{words} by {}{curve}", percent(importance.range))
}

/// Scores by value of the categories that matter most.
pub(super) fn segments(out: Out<'_>, model: &Model) -> io::Result<()> {
    if model.segments.is_empty() {
        return Ok(());
    }
    let mut table = Table::new()
        .left("column")
        .left("value")
        .right("quotes")
        .right("won")
        .right("predicted")
        .right("log loss")
        .right("gain over base")
        .right("AUC-ROC");
    for segment in model.segments.iter().take(MOST_SEGMENTS) {
        table.row([
            shorten(&segment.column, 24).as_str(),
            &shorten(&segment.value, 20),
            &count(segment.count.into()),
            &percent(segment.win_rate),
            &percent(segment.mean_predicted),
            &score(Some(segment.log_loss)),
            &format!("{:+.4}", segment.gain_over_base),
            &score(segment.auc_roc),
        ]);
    }
    writeln!(out)?;
    table.print(out)?;
    let more = model.segments.len().saturating_sub(MOST_SEGMENTS);
    if more > 0 {
        writeln!(out, "and {more} more")?;
    }
    Ok(())
}

/// What more data would bring.
pub(super) fn learning_curve(out: Out<'_>, model: &Model) -> io::Result<()> {
    let Some(curve) = &model.learning_curve else {
        return Ok(());
    };
    let mut table = Table::new()
        .right("learned from")
        .right("test log loss")
        .right("interval width");
    for point in &curve.points {
        table.row([
            &count(point.rows.into()),
            &score(Some(point.log_loss)),
            &point.interval_width.map_or("-".to_owned(), percent),
        ]);
    }
    writeln!(out)?;
    table.print(out)?;
    let loss = |needed: &RowsNeeded| {
        let guess = if needed.guess { ", a guess" } else { "" };
        format!(
            "Half of the log loss that more data could remove would take {:.1} times as many rows{guess}.",
            needed.factor
        )
    };
    let sentences = [
        Some(curve.statement.clone()),
        curve.halved_avoidable_loss.as_ref().map(loss),
    ];
    for sentence in sentences.into_iter().flatten() {
        for line in wrap(&clean(&sentence), PAGE_WIDTH) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proto::training::{
        Blend, CalibrationBin, CandidateScores, EffectPoint, GainTenth, Leak, LearningCurve,
        LearningPoint, SegmentScores,
    };

    use super::super::model;
    use super::*;
    use crate::text::width;

    fn range() -> Option<Interval> {
        Some(Interval {
            low: 0.41,
            high: 0.523_456,
        })
    }

    #[test]
    fn everything_that_is_told_is_shown_on_a_page() {
        let scores = Scores {
            log_loss: 0.4321,
            calibration_noise: 0.0123,
            calibration: vec![CalibrationBin {
                mean_predicted: 0.25,
                observed_rate: 0.31,
                interval: range(),
                count: 40,
            }],
            tenths: vec![GainTenth {
                rank: 1,
                from_probability: 0.8,
                count: 40.0,
                won: 33.0,
                lift: 2.25,
                lift_interval: range(),
                gain: 0.22,
                gain_interval: range(),
            }],
            ..Scores::default()
        };
        let found = Model {
            blend: Some(Blend {
                boosted_family: "additive with pairs".to_owned(),
                calibration: "platt".to_owned(),
                ..Blend::default()
            }),
            candidates: vec![CandidateScores {
                name: "logistic".to_owned(),
                weight: 0.625,
                cross_validated_log_loss: Some(0.4567),
                scores: Some(scores.clone()),
            }],
            importances: vec![FeatureImportance {
                column: "price against this customer's usual price".to_owned(),
                permutation: 0.0123,
                interval: range(),
                shape: EffectShape::Falling as i32,
                range: 0.345,
                points: (0..20)
                    .map(|at| EffectPoint {
                        value: Some(f64::from(at)),
                        probability: 1.0 - f64::from(at) / 30.0,
                        ..EffectPoint::default()
                    })
                    .collect(),
                ..FeatureImportance::default()
            }],
            segments: (0..30)
                .map(|at| SegmentScores {
                    column: "region".to_owned(),
                    value: format!("a place with a rather long name, number {at}"),
                    count: 12,
                    ..SegmentScores::default()
                })
                .collect(),
            learning_curve: Some(LearningCurve {
                points: vec![LearningPoint {
                    rows: 1234,
                    log_loss: 0.5,
                    interval_width: Some(0.21),
                }],
                statement: "Intervals half as wide would take four times as many rows.".to_owned(),
                ..LearningCurve::default()
            }),
            leaks: vec![Leak {
                column: "paid".to_owned(),
                statement: "Column \"paid\" is filled in for won quotes only. ".repeat(3),
                ..Leak::default()
            }],
            scores: Some(scores),
            ..Model::default()
        };
        let mut text = Vec::new();
        model(&mut text, &found).expect("prints");
        let text = String::from_utf8(text).expect("is text");
        for part in [
            "error of 0.0123",
            "31.0 %",
            "2.25",
            "0.4567",
            "additive with pairs",
            "falls by 34.5 %",
            "and 10 more",
            "1,234",
            "four times as many rows",
            "may give the outcome away",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.lines().all(|line| width(line) <= PAGE_WIDTH), "{text}");
    }
}
