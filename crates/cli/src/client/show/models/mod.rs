//! Models: scores beside what always answering the base rate would score. Deliberately every score
//! with its interval: a figure without one says too much.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use proto::training::{Confusion, FeatureImportance, Model, Resources, ScoreIntervals, Scores};

use crate::{
    table::{PAGE_WIDTH, Table, print_facts},
    text::{
        bytes, clean, count, enum_word, interval, moment, percent, score, seconds, shorten, wrap,
    },
};

mod insight;

const MOST_IMPORTANCES: usize = 12;

type Out<'a> = &'a mut dyn Write;

/// Models in one line each.
#[must_use]
pub fn models(models: &[Model]) -> Table {
    let mut table = Table::new()
        .left("id")
        .left("state")
        .left("default")
        .right("AUC-ROC")
        .right("log loss")
        .right("rows")
        .left("asked for");
    for model in models {
        let scores = model.scores.as_ref();
        table.row([
            model.id.as_str(),
            &if model.stale_reason.is_empty() {
                state(model)
            } else {
                "stale".to_owned()
            },
            if model.champion { "yes" } else { "" },
            &score(scores.and_then(|s| s.auc_roc)),
            &score(scores.map(|s| s.log_loss)),
            &count(model.row_count.into()),
            &moment(model.created_at.as_ref()),
        ]);
    }
    table
}

/// A model in full.
///
/// # Errors
/// Where the writer fails.
pub fn model(out: Out<'_>, model: &Model) -> io::Result<()> {
    print_facts(out, &facts(model))?;
    for leak in &model.leaks {
        let text = format!("may give the outcome away: {}", leak.statement);
        for line in wrap(&clean(&text), PAGE_WIDTH) {
            writeln!(out, "{line}")?;
        }
    }
    if let Some(found) = &model.scores {
        writeln!(out)?;
        scores(found).print(out)?;
        confusion(out, found.confusion.as_ref(), 0.5)?;
        let best = found.confusion_at_best_threshold.as_ref();
        confusion(out, best, found.best_threshold)?;
        insight::calibration(out, found)?;
        insight::tenths(out, found)?;
    }
    insight::candidates(out, model)?;
    if !model.importances.is_empty() {
        writeln!(out)?;
        importances(&model.importances).print(out)?;
        let more = model.importances.len().saturating_sub(MOST_IMPORTANCES);
        if more > 0 {
            writeln!(out, "and {more} more")?;
        }
    }
    insight::segments(out, model)?;
    insight::learning_curve(out, model)?;
    if !model.parameters.is_empty() {
        writeln!(out, "\nparameters")?;
        let sorted: BTreeMap<_, _> = model.parameters.iter().collect();
        let facts: Vec<(&str, String)> = sorted
            .into_iter()
            .map(|(name, value)| (name.as_str(), value.clone()))
            .collect();
        print_facts(out, &facts)?;
    }
    if !model.notes.is_empty() {
        writeln!(out, "\nnotes")?;
    }
    for note in &model.notes {
        for (index, line) in wrap(&clean(note), PAGE_WIDTH - 2).iter().enumerate() {
            writeln!(out, "{}{line}", if index == 0 { "- " } else { "  " })?;
        }
    }
    Ok(())
}

fn facts(model: &Model) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("model", model.id.clone()),
        ("dataset", model.dataset_id.clone()),
        ("state", state(model)),
    ];
    if !model.stage.is_empty() {
        let stage = format!("{}, {}", model.stage, percent(model.progress));
        facts.push(("stage", stage));
    }
    if !model.problem.is_empty() {
        facts.push(("problem", model.problem.clone()));
    }
    if !model.stale_reason.is_empty() {
        facts.push(("stale", model.stale_reason.clone()));
    }
    let yes_no = |yes| if yes { "yes" } else { "no" }.to_owned();
    facts.push(("answers by default", yes_no(model.champion)));
    if model.scores.is_some() {
        facts.push(("beats the base rate", yes_no(model.beats_base_rate)));
        let (kind, rest) = if model.tested_on_newest {
            ("newest", "before")
        } else {
            ("drawn at random", "others")
        };
        facts.push((
            "rows",
            format!(
                "{} learned from; scored by {} {kind}, learned from the {} {rest}",
                count(model.row_count.into()),
                count(model.test_row_count.into()),
                count(model.train_row_count.into())
            ),
        ));
    }
    if !model.import_ids.is_empty() {
        facts.push(("imports", model.import_ids.join(", ")));
    }
    facts.push(("asked for", moment(model.created_at.as_ref())));
    if model.finished_at.is_some() {
        facts.push(("finished", moment(model.finished_at.as_ref())));
    }
    if let Some(cost) = &model.resources {
        facts.push(("cost", resources(cost)));
    }
    facts
}

fn state(model: &Model) -> String {
    enum_word(model.state().as_str_name(), "MODEL_STATE_")
}

fn resources(cost: &Resources) -> String {
    let mut parts = vec![seconds(cost.wall_seconds)];
    if let Some(cpu) = cost.cpu_seconds {
        parts.push(format!("{} of processor", seconds(cpu)));
    }
    if let Some(memory) = cost.peak_memory_bytes {
        parts.push(format!("{} of memory at most", bytes(memory)));
    }
    parts.join(", ")
}

fn scores(scores: &Scores) -> Table {
    let none = ScoreIntervals::default();
    let of = scores.intervals.as_ref().unwrap_or(&none);
    let best = format!("F1 at {:.2}, its best", scores.best_threshold);
    let base_log_loss = Some(scores.base_rate_log_loss);
    let base_brier = Some(scores.base_rate_brier);
    #[rustfmt::skip]
    let rows = [
        ("AUC-ROC", scores.auc_roc, of.auc_roc.as_ref(), Some(0.5), "higher"),
        ("log loss", Some(scores.log_loss), of.log_loss.as_ref(), base_log_loss, "lower"),
        ("Brier", Some(scores.brier), of.brier.as_ref(), base_brier, "lower"),
        ("gain over the base rate", Some(scores.gain_over_base), of.gain_over_base.as_ref(), None, "higher"),
        ("calibration error", Some(scores.calibration_error), of.calibration_error.as_ref(), None, "lower"),
        ("precision at 0.5", scores.precision, of.precision.as_ref(), None, "higher"),
        ("recall at 0.5", scores.recall, of.recall.as_ref(), None, "higher"),
        ("F1 at 0.5", scores.f1, of.f1.as_ref(), None, "higher"),
        (&best, scores.f1_at_best_threshold, of.f1_at_best_threshold.as_ref(), None, "higher"),
        ("lift of the best tenth", scores.lift_top_tenth, of.lift_top_tenth.as_ref(), Some(1.0), "higher"),
    ];
    let mut table = Table::new()
        .left("score on the test set")
        .right("model")
        .right("95 % interval")
        .right("base rate")
        .left("better is");
    for (name, value, range, base, better) in rows {
        let (value, range, base) = (score(value), interval(range), score(base));
        table.row([name, &value, &range, &base, better]);
    }
    table
}

fn confusion(out: Out<'_>, counts: Option<&Confusion>, threshold: f64) -> io::Result<()> {
    let Some(c) = counts else {
        return Ok(());
    };
    writeln!(
        out,
        "at {threshold:.2}: {} of {} predicted wins were won, {} of {} predicted losses were lost",
        c.true_positives,
        c.true_positives + c.false_positives,
        c.true_negatives,
        c.true_negatives + c.false_negatives
    )
}

fn importances(importances: &[FeatureImportance]) -> Table {
    let mut table = Table::new()
        .left("column")
        .right("log loss without")
        .right("95 % interval")
        .right("mean effect")
        .left("the chance of a win");
    for importance in importances.iter().take(MOST_IMPORTANCES) {
        let range = importance.interval.as_ref();
        table.row([
            shorten(&importance.column, 28).as_str(),
            &format!("{:+.4}", importance.permutation),
            &range.map_or("-".to_owned(), |i| {
                format!("{:+.4} to {:+.4}", i.low, i.high)
            }),
            &format!("{:.3}", importance.mean_absolute_contribution),
            &insight::effect(importance),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use proto::common::Interval;

    use super::*;
    use crate::text::width;

    #[test]
    fn a_model_is_shown_beside_the_base_rate() {
        let found = Model {
            id: "m".into(),
            state: 3,
            scores: Some(Scores {
                auc_roc: Some(0.81234),
                log_loss: 0.5,
                base_rate_log_loss: 0.67,
                intervals: Some(ScoreIntervals {
                    auc_roc: Some(Interval {
                        low: 0.79,
                        high: 0.83,
                    }),
                    ..ScoreIntervals::default()
                }),
                ..Scores::default()
            }),
            parameters: [("seed".to_owned(), "7".to_owned())].into(),
            notes: vec!["note ".repeat(40)],
            stale_reason: "learned from an import that was taken back on 2026-11-25: train again"
                .to_owned(),
            import_ids: vec!["i".repeat(36); 3],
            ..Model::default()
        };
        let mut text = Vec::new();
        model(&mut text, &found).expect("prints");
        let text = String::from_utf8(text).expect("is text");
        for part in [
            "0.8123",
            "0.7900 to 0.8300",
            "0.6700",
            "seed",
            "ready",
            "taken back on 2026-11-25",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.lines().all(|line| width(line) <= PAGE_WIDTH), "{text}");
        let mut list = Vec::new();
        models(&[found]).print(&mut list).expect("prints");
        let list = String::from_utf8(list).expect("is text");
        assert!(list.contains("stale") && !list.contains("ready"), "{list}");
    }
}
