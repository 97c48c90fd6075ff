//! Columns that give the outcome away because they are filled in after it.
//!
//! Deliberately one column at a time and only near-perfect separation; subtler leaks show in
//! training, where they stand out as importance no honest column has.

use crate::frame::{FrameColumn, MISSING_CODE, Values};
use crate::mapping::Field;
use crate::problem::{Collector, Problem};

/// From this AUC on (or from its mirror image down) a single column is too good to be true.
const MAX_AUC: f64 = 0.98;

/// Fewest filled cells, and fewest rows of a class, to say anything.
const MIN_CELLS: usize = 10;

/// Categories with fewer rows prove nothing.
const MIN_LEVEL_ROWS: usize = 5;

/// Chance below which "filled only for one class" is no coincidence.
const MAX_CHANCE: f64 = 1e-6;

/// Warns of columns that separate won from lost almost perfectly.
pub(super) fn check(columns: &[FrameColumn], outcomes: &[bool], problems: &mut Collector) {
    let won = outcomes.iter().filter(|won| **won).count();
    if won < MIN_CELLS || outcomes.len() - won < MIN_CELLS {
        return;
    }
    for column in columns.iter().filter(|column| column.field != Field::Date) {
        let evidence = filled_for_one(column, outcomes, won).or_else(|| match &column.values {
            Values::Numbers(numbers) => separation(numbers.iter().copied(), outcomes),
            Values::Days(days) => {
                let number = |day: &Option<i32>| day.map_or(f64::NAN, f64::from);
                separation(days.iter().map(number), outcomes)
            }
            Values::Codes { codes, levels } => purity(codes, levels.len(), outcomes),
        });
        if let Some(evidence) = evidence {
            let message = format!("this column may be known only after the outcome: {evidence}");
            let advice = format!(
                "leave it out unless it is known when quoting: --ignore \"{}\"",
                column.name
            );
            problems.add(Problem::warning("leak_suspected", message, advice).at(0, &column.name));
        }
    }
}

/// Values present only for one class, by more than chance.
fn filled_for_one(column: &FrameColumn, outcomes: &[bool], won: usize) -> Option<String> {
    let filled = |index: usize| match &column.values {
        Values::Numbers(numbers) => numbers.get(index).is_some_and(|number| !number.is_nan()),
        Values::Codes { codes, .. } => codes.get(index).is_some_and(|code| *code != MISSING_CODE),
        Values::Days(days) => days.get(index).is_some_and(Option::is_some),
    };
    let mut counts = [0usize; 2];
    for (index, outcome) in outcomes.iter().enumerate() {
        counts[usize::from(*outcome)] += usize::from(filled(index));
    }
    let share_won = won as f64 / outcomes.len() as f64;
    let (cells, share, class) = match counts {
        [0, cells] => (cells, share_won, "won"),
        [cells, 0] => (cells, 1.0 - share_won, "lost"),
        _ => return None,
    };
    let chance = share.powf(cells as f64);
    (cells >= MIN_CELLS && chance < MAX_CHANCE)
        .then(|| format!("its {cells} values all belong to quotes that were {class}"))
}

/// Area under the ROC curve of the bare number, ties counted half.
fn separation(numbers: impl Iterator<Item = f64>, outcomes: &[bool]) -> Option<String> {
    let mut pairs: Vec<(f64, bool)> = numbers
        .zip(outcomes.iter().copied())
        .filter(|(number, _)| !number.is_nan())
        .collect();
    let won = pairs.iter().filter(|(_, won)| *won).count();
    let lost = pairs.len() - won;
    if won < MIN_CELLS || lost < MIN_CELLS {
        return None;
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut area, mut lost_below) = (0.0, 0usize);
    for tied in pairs.chunk_by(|a, b| a.0 == b.0) {
        let won_here = tied.iter().filter(|(_, won)| *won).count();
        let lost_here = tied.len() - won_here;
        area += won_here as f64 * (lost_below as f64 + lost_here as f64 / 2.0);
        lost_below += lost_here;
    }
    let auc = area / (won as f64 * lost as f64);
    let strength = auc.max(1.0 - auc);
    (strength > MAX_AUC)
        .then(|| format!("alone it tells won from lost with an AUC of {strength:.3}"))
}

/// Share of rows that the more frequent class of each category gets right.
fn purity(codes: &[u32], levels: usize, outcomes: &[bool]) -> Option<String> {
    let mut counts = vec![[0usize; 2]; levels];
    for (code, won) in codes.iter().zip(outcomes) {
        if let Some(count) = counts.get_mut(*code as usize) {
            count[usize::from(*won)] += 1;
        }
    }
    let filled: usize = counts.iter().flatten().sum();
    counts.retain(|[lost, won]| lost + won >= MIN_LEVEL_ROWS);
    let lost: usize = counts.iter().map(|[lost, _]| lost).sum();
    let won: usize = counts.iter().map(|[_, won]| won).sum();
    let covered = lost + won;
    if won < MIN_CELLS || lost < MIN_CELLS || (covered as f64) < 0.9 * filled as f64 {
        return None;
    }
    let wrong: usize = counts.iter().map(|[lost, won]| lost.min(won)).sum();
    let purity = 1.0 - wrong as f64 / covered as f64;
    let far_below_chance = (wrong as f64) < 0.1 * lost.min(won) as f64;
    (purity > MAX_AUC && far_below_chance).then(|| {
        format!(
            "its categories alone get {:.1} % of the outcomes right",
            purity * 100.0
        )
    })
}
