//! Columns that give the outcome away because they are filled in after it.
//!
//! Deliberately one column at a time: near-perfect separation is suspected of a leak, a strong hold
//! on the outcome only mentioned. Subtler leaks show in training, where they stand out as importance
//! no honest column has.

use crate::cell::Outcome;
use crate::frame::{FrameColumn, MISSING_CODE, Values};
use crate::mapping::Field;
use crate::problem::Problem;

use super::collect::Collector;
use super::course;

/// From this AUC on (or from its mirror image down) a single column is too good to be true.
const MAX_AUC: f64 = 0.98;

/// Fewest filled cells, and fewest rows of a class, to say anything.
const MIN_CELLS: usize = 10;

/// Categories with fewer rows prove nothing.
const MIN_LEVEL_ROWS: usize = 5;

/// Chance below which "filled only for one class" is no coincidence.
const MAX_CHANCE: f64 = 1e-6;

/// From this share of the outcome's variance on a single column deserves a look.
const MAX_EXPLAINED: f64 = 0.3;

/// The same where the name tells of the course of the sale.
const MIN_COURSE_EXPLAINED: f64 = 0.02;

/// Ranges that numbers are put into to see how much they explain, whatever the shape.
const BINS: usize = 20;

/// Warns of columns that are filled in after the outcome, by what the decided rows say.
///
/// `outcomes` and `dates` are of all rows of the columns.
pub(super) fn check(
    columns: &[FrameColumn],
    outcomes: &[Outcome],
    dates: Option<&[i32]>,
    problems: &mut Collector<'_>,
) {
    let decided = Decided::new(outcomes);
    if decided.won < MIN_CELLS || decided.lost < MIN_CELLS {
        return;
    }
    for column in columns.iter().filter(|column| column.field != Field::Date) {
        let (rule, message) = if let Some(evidence) = proof(column, &decided, dates) {
            let message = format!("this column may be known only after the outcome: {evidence}");
            ("leak_suspected", message)
        } else if let Some(evidence) = hint(column, &decided, dates) {
            let message = format!("this column says much about the outcome: {evidence}");
            ("leak_possible", message)
        } else {
            continue;
        };
        let advice = format!(
            "leave it out unless it is known when quoting: --ignore \"{}\"",
            column.name
        );
        problems.add(Problem::warning(rule, message, advice).at(0, &column.name));
    }
}

/// The rows that are won or lost.
struct Decided {
    rows: Vec<(usize, bool)>,
    won: usize,
    lost: usize,
}

impl Decided {
    fn new(outcomes: &[Outcome]) -> Self {
        let rows: Vec<(usize, bool)> = outcomes
            .iter()
            .enumerate()
            .filter(|(_, outcome)| **outcome != Outcome::Open)
            .map(|(row, outcome)| (row, *outcome == Outcome::Won))
            .collect();
        let won = rows.iter().filter(|(_, won)| *won).count();
        Self {
            lost: rows.len() - won,
            won,
            rows,
        }
    }
}

/// What shows a leak beyond doubt.
fn proof(column: &FrameColumn, decided: &Decided, dates: Option<&[i32]>) -> Option<String> {
    filled_for_one(column, decided)
        .or_else(|| match &column.values {
            Values::Codes { codes, levels } => purity(codes, levels.len(), decided),
            _ => separation(&numbers(column, decided))
                .map(|auc| format!("alone it tells won from lost with an AUC of {auc:.3}")),
        })
        .or_else(|| late(column, decided, dates?))
}

/// The values of the decided rows as numbers, days too; NaN where missing.
fn numbers(column: &FrameColumn, decided: &Decided) -> Vec<(f64, bool)> {
    let value = |row| {
        column
            .number(row)
            .or_else(|| column.day(row).map(f64::from))
    };
    let rows = decided.rows.iter();
    rows.map(|(row, won)| (value(*row).unwrap_or(f64::NAN), *won))
        .collect()
}

/// Days from the quote's date to the column's, where it holds dates.
fn lags(column: &FrameColumn, decided: &Decided, dates: &[i32]) -> Vec<(f64, bool)> {
    let lag = |row: usize| Some(f64::from(column.day(row)?) - f64::from(*dates.get(row)?));
    let rows = decided.rows.iter();
    rows.filter_map(|(row, won)| Some((lag(*row)?, *won)))
        .collect()
}

/// Dates that lie after the quote in another way for one class than for the other.
fn late(column: &FrameColumn, decided: &Decided, dates: &[i32]) -> Option<String> {
    let lags = lags(column, decided, dates);
    let auc = separation(&lags)?;
    let median = |wanted: bool| {
        let mut days: Vec<f64> = lags.iter().filter(|l| l.1 == wanted).map(|l| l.0).collect();
        days.sort_by(f64::total_cmp);
        days.get(days.len() / 2).copied().unwrap_or(0.0)
    };
    Some(format!(
        "it lies {} days after the date of the quote where won and {} where lost (medians), which tells them apart with an AUC of {auc:.3}",
        median(true),
        median(false)
    ))
}

/// What may be a leak or may be honest: a share of the outcome's variance that is rarely honest.
fn hint(column: &FrameColumn, decided: &Decided, dates: Option<&[i32]>) -> Option<String> {
    // What the seller sets or knows when quoting may say as much as it likes.
    if matches!(
        column.field,
        Field::Price | Field::ListPrice | Field::Cost | Field::Discount | Field::Quantity
    ) {
        return None;
    }
    let filled = decided.rows.iter();
    let filled: Vec<(usize, bool)> = filled
        .map(|(row, won)| (usize::from(column.is_filled(*row)), *won))
        .collect();
    let share = explained(&filled, 2);
    if share > MAX_EXPLAINED {
        return Some(format!(
            "whether it is filled explains {:.0} % of it",
            share * 100.0
        ));
    }
    let share = match &column.values {
        Values::Codes { codes, levels } => {
            let rows = decided.rows.iter();
            let cells: Vec<(usize, bool)> = rows
                .filter_map(|(row, won)| {
                    let code = codes.get(*row).filter(|code| **code != MISSING_CODE)?;
                    Some((usize::try_from(*code).ok()?, *won))
                })
                .collect();
            explained(&cells, levels.len())
        }
        _ => {
            let binned = |values: &[(f64, bool)]| explained(&bins(values), BINS);
            let bare = binned(&numbers(column, decided));
            let lag = dates.map_or(0.0, |dates| binned(&lags(column, decided, dates)));
            bare.max(lag)
        }
    };
    let percent = share * 100.0;
    if share > MAX_EXPLAINED {
        return Some(format!("alone it explains {percent:.0} % of it (R²)"));
    }
    let word = course::word(&column.name).filter(|_| share > MIN_COURSE_EXPLAINED)?;
    Some(format!(
        "its name (\"{word}\") tells of the course of the sale, and alone it explains {percent:.1} % of it (R²)"
    ))
}

/// Numbers as ranges of about equally many cells; equal numbers share one.
fn bins(values: &[(f64, bool)]) -> Vec<(usize, bool)> {
    let mut sorted: Vec<(f64, bool)> = values.iter().filter(|v| !v.0.is_nan()).copied().collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total = sorted.len().max(1);
    let mut binned = Vec::with_capacity(sorted.len());
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let bin = binned.len() * BINS / total;
        binned.extend(tied.iter().map(|(_, won)| (bin, *won)));
    }
    binned
}

/// Share of the outcome's variance between the groups, adjusted for their number; 0 where there is
/// too little to say.
fn explained(cells: &[(usize, bool)], groups: usize) -> f64 {
    let mut counts = vec![[0f64; 2]; groups];
    for (group, won) in cells {
        if let Some(count) = counts.get_mut(*group) {
            count[usize::from(*won)] += 1.0;
        }
    }
    counts.retain(|[lost, won]| lost + won > 0.0);
    let rows = cells.len() as f64;
    let won: f64 = counts.iter().map(|[_, won]| won).sum();
    let enough = MIN_CELLS as f64;
    let freedom = rows - counts.len() as f64;
    if won < enough || rows - won < enough || freedom < enough {
        return 0.0;
    }
    let within: f64 = counts.iter().map(|[l, w]| l * w / (l + w)).sum();
    let all = won * (rows - won) / rows;
    1.0 - (within / freedom) / (all / (rows - 1.0))
}

/// Values present only for one class, by more than chance.
fn filled_for_one(column: &FrameColumn, decided: &Decided) -> Option<String> {
    let mut counts = [0usize; 2];
    for (row, won) in &decided.rows {
        counts[usize::from(*won)] += usize::from(column.is_filled(*row));
    }
    let share_won = decided.won as f64 / decided.rows.len() as f64;
    let (cells, share, class) = match counts {
        [0, cells] => (cells, share_won, "won"),
        [cells, 0] => (cells, 1.0 - share_won, "lost"),
        _ => return None,
    };
    let chance = share.powf(cells as f64);
    (cells >= MIN_CELLS && chance < MAX_CHANCE)
        .then(|| format!("its {cells} values all belong to quotes that were {class}"))
}

/// Area under the ROC curve of the bare number, ties counted half, where it is too good to be true.
fn separation(numbers: &[(f64, bool)]) -> Option<f64> {
    let mut pairs: Vec<(f64, bool)> = numbers.iter().filter(|n| !n.0.is_nan()).copied().collect();
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
    (strength > MAX_AUC).then_some(strength)
}

/// Share of rows that the more frequent class of each category gets right.
fn purity(codes: &[u32], levels: usize, decided: &Decided) -> Option<String> {
    let mut counts = vec![[0usize; 2]; levels];
    for (row, won) in &decided.rows {
        let code = codes.get(*row).copied().unwrap_or(MISSING_CODE);
        if let Some(count) = counts.get_mut(code as usize) {
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
