//! Whether one model answers worse than another, on quotes that neither has learned from. Deliberately
//! never on quotes that one of them has seen: memory is not skill.
//!
//! The quotes are the test quotes of the newer model, without those that the older one knew. Where
//! enough of them came after the older model was trained, it is judged as it answers. Otherwise both
//! are judged as they were evaluated: by the fits that had learned from the quotes before their tests.

use std::collections::HashSet;

use ml::{Model, Table, Values, Verdict};
use proto::{
    common::Interval,
    training::{Holdout, LossComparison, LossVerdict},
};
use uuid::Uuid;

use super::holdout::table;
use crate::Error;

/// Fewest quotes, and of each outcome, on which a model is judged as it answers.
const ENOUGH_NEW: (usize, usize) = (200, 20);
/// Fewest quotes, and of each outcome, on which anything is said at all.
const ENOUGH: (usize, usize) = (30, 5);

/// A model that takes part in a comparison.
#[derive(Debug)]
pub struct Side {
    /// Its id, which tells which one is newer.
    pub id: Uuid,
    /// The dataset it learned from.
    pub dataset_id: Uuid,
    /// What it is called in sentences, such as "the champion".
    pub called: &'static str,
    /// As it answers.
    pub served: Model,
    /// What was kept of its evaluation.
    pub kept: Option<Kept>,
}

/// What was kept of an evaluation, ready to be used.
#[derive(Debug)]
pub struct Kept {
    /// As it is stored.
    pub holdout: Holdout,
    /// The fit that was evaluated.
    pub evaluated: Model,
}

/// Why two models cannot be compared, with how many quotes there were.
struct Incomparable {
    rows: usize,
    reason: String,
}

/// Compares a candidate with a champion.
///
/// # Errors
/// Where the learning core cannot read what was kept.
pub fn compare(candidate: &Side, champion: &Side) -> Result<LossComparison, Error> {
    let (newer, older) = if candidate.id > champion.id {
        (candidate, champion)
    } else {
        (champion, candidate)
    };
    let told = LossComparison {
        candidate_model_id: candidate.id.to_string(),
        champion_model_id: champion.id.to_string(),
        ..LossComparison::default()
    };
    let found = match common(newer, older) {
        // Where test quotes were drawn at random, the older one may have some that the newer one has
        // not learned from.
        Err(few) => common(older, newer).map_err(|_| few),
        found => found,
    };
    let common = match found {
        Ok(common) => common,
        Err(Incomparable { rows, reason }) => {
            return Ok(LossComparison {
                row_count: count(rows),
                verdict: LossVerdict::NotComparable as i32,
                basis: reason,
                ..told
            });
        }
    };
    let base = probabilities(common.base_fit, &common.table)?;
    let other = probabilities(common.other_fit, &common.table)?;
    let remarks = common.remarks();
    let (of_candidate, of_champion) = if common.base.id == candidate.id {
        (base, other)
    } else {
        (other, base)
    };
    let groups = Some(common.groups.as_slice()).filter(|groups| !groups.is_empty());
    match ml::not_worse(&of_candidate, &of_champion, &common.won, groups) {
        Ok((passes, found)) => Ok(LossComparison {
            row_count: count(found.rows),
            unit_count: count(found.units),
            candidate_log_loss: found.candidate.value,
            champion_log_loss: found.champion.value,
            difference: found.difference.value,
            interval: Some(Interval {
                low: found.difference.low,
                high: found.difference.high,
            }),
            verdict: verdict(found.verdict) as i32,
            basis: common.basis(),
            // Who cannot read what it relies on loses by that, and not by being worse.
            passes: passes && remarks.is_empty(),
            remarks,
            ..told
        }),
        // All quotes belong to one tender.
        Err(ml::Error::InvalidInput { reason }) => Ok(LossComparison {
            row_count: count(common.won.len()),
            verdict: LossVerdict::NotComparable as i32,
            basis: format!("{reason}: {}", common.basis()),
            ..told
        }),
        Err(error) => Err(Error::Broken(error.to_string())),
    }
}

/// A verdict as it is stored.
#[must_use]
pub fn verdict_text(verdict: LossVerdict) -> &'static str {
    match verdict {
        LossVerdict::Better => "better",
        LossVerdict::NotWorse => "not worse",
        LossVerdict::Doubtful => "doubtful",
        LossVerdict::Worse => "worse",
        LossVerdict::NotComparable | LossVerdict::Unspecified => "not comparable",
    }
}

/// Quotes on which two models can be compared.
struct Common<'s> {
    /// The model whose test quotes they are.
    base: &'s Side,
    other: &'s Side,
    base_fit: &'s Model,
    other_fit: &'s Model,
    /// Whether the other one is judged as it answers.
    as_it_answers: bool,
    table: Table,
    won: Vec<bool>,
    groups: Vec<u32>,
}

/// Test quotes of one model that another has not learned from.
fn common<'s>(base: &'s Side, other: &'s Side) -> Result<Common<'s>, Incomparable> {
    let none = |reason: String| Incomparable { rows: 0, reason };
    let kept = |side: &'s Side| {
        let kept = side.kept.as_ref();
        let kept = kept.filter(|kept| !kept.holdout.tested_keys.is_empty());
        kept.ok_or_else(|| {
            none(format!(
                "{} was trained without keeping the quotes that it was tested on, as earlier versions did: train it again",
                side.called
            ))
        })
    };
    let (kept_base, kept_other) = (kept(base)?, kept(other)?);
    let (tested, known) = (&kept_base.holdout, &kept_other.holdout);
    let learned: HashSet<u64> = known.learned_keys.iter().copied().collect();
    let all_known: HashSet<u64> = known.tested_keys.iter().copied().collect();
    let keys = tested.tested_keys.iter().enumerate();
    let unseen: Vec<usize> = keys
        .filter(|(_, key)| !learned.contains(key))
        .map(|(row, _)| row)
        .collect();
    let new: Vec<usize> = unseen
        .iter()
        .copied()
        .filter(|row| !all_known.contains(&tested.tested_keys[*row]))
        .collect();
    let enough = |rows: &[usize], (least, of_each): (usize, usize)| {
        let won = rows.iter().filter(|row| tested.outcomes[**row]).count();
        rows.len() >= least && won.min(rows.len() - won) >= of_each
    };
    let (rows, other_fit, as_it_answers) = if enough(&new, ENOUGH_NEW) {
        (new, &other.served, true)
    } else if enough(&unseen, ENOUGH) {
        (unseen, &kept_other.evaluated, false)
    } else {
        let won = unseen.iter().filter(|row| tested.outcomes[**row]).count();
        return Err(Incomparable {
            rows: unseen.len(),
            reason: format!(
                "{} of the test quotes of {} are unknown to {}, {won} of them won; it takes {} with {} of each outcome",
                unseen.len(),
                base.called,
                other.called,
                ENOUGH.0,
                ENOUGH.1
            ),
        });
    };
    let table = table(tested).select(&rows);
    if !other_fit
        .schema()
        .iter()
        .any(|column| column.used && table.column(&column.name).is_some())
    {
        return Err(none(format!(
            "the quotes that {} was tested on have none of the columns that {} reads",
            base.called, other.called
        )));
    }
    Ok(Common {
        base,
        other,
        base_fit: &kept_base.evaluated,
        other_fit,
        as_it_answers,
        won: rows.iter().map(|row| tested.outcomes[*row]).collect(),
        groups: match tested.groups.as_slice() {
            [] => Vec::new(),
            groups => rows.iter().map(|row| groups[*row]).collect(),
        },
        table,
    })
}

impl Common<'_> {
    /// What the quotes lack that the other one reads, in sentences.
    fn remarks(&self) -> Vec<String> {
        let (_, lacking) = readable(self.other_fit, &self.table);
        if lacking.is_empty() {
            return Vec::new();
        }
        vec![format!(
            "{} reads columns that these quotes do not have in the same way, which counts against it unfairly: {}",
            self.other.called,
            lacking.join(", ")
        )]
    }

    fn basis(&self) -> String {
        let (base, other, rows) = (self.base.called, self.other.called, self.won.len());
        let mut text = if self.as_it_answers {
            format!(
                "{rows} test quotes of {base} that were not known yet when {other} was trained: {base} as it was evaluated, {other} as it answers"
            )
        } else {
            format!(
                "{rows} test quotes of {base} that {other} had not learned from when it was evaluated: both as they were evaluated"
            )
        };
        if self.base.dataset_id != self.other.dataset_id {
            text.push_str(&format!(
                "; they belong to the dataset {}, and {other} learned from another one",
                self.base.dataset_id
            ));
        }
        text
    }
}

/// What a model says of quotes; columns that it cannot read count as missing.
///
/// # Errors
/// Where the learning core cannot read the quotes.
pub fn probabilities(model: &Model, table: &Table) -> Result<Vec<f64>, Error> {
    let (readable, _) = readable(model, table);
    let found = model.probabilities(&readable);
    found.map_err(|error| Error::Broken(error.to_string()))
}

/// The columns of a table that a model can read, and the names of those that it lacks.
#[must_use]
pub fn readable(model: &Model, table: &Table) -> (Table, Vec<String>) {
    let kind = |values: &Values| match values {
        Values::Number(_) => ml::ColumnKind::Number,
        Values::Category { .. } => ml::ColumnKind::Category,
        Values::Date(_) => ml::ColumnKind::Date,
    };
    let (mut columns, mut lacking) = (Vec::new(), Vec::new());
    for wanted in model.schema() {
        match table.column(&wanted.name) {
            Some(column) if kind(&column.values) == wanted.kind => columns.push(column.clone()),
            _ if wanted.used => lacking.push(wanted.name.clone()),
            _ => {}
        }
    }
    // A table without columns has no rows either; one that no model knows keeps their number.
    if columns.is_empty() {
        columns.extend(table.columns.first().map(|first| {
            let rows = vec![f64::NAN; first.values.len()];
            ml::Column::new("\u{0}", ml::Role::Feature, Values::Number(rows))
        }));
    }
    (Table { columns }, lacking)
}

fn verdict(verdict: Verdict) -> LossVerdict {
    match verdict {
        Verdict::Better => LossVerdict::Better,
        Verdict::NotWorse => LossVerdict::NotWorse,
        Verdict::Doubtful => LossVerdict::Doubtful,
        Verdict::Worse => LossVerdict::Worse,
    }
}

fn count(rows: usize) -> u32 {
    u32::try_from(rows).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "losses_tests.rs"]
mod tests;
