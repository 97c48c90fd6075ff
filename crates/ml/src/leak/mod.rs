//! Columns that give the outcome away, found before they can flatter a model. Deliberately one column at a time, and only
//! where it orders quotes better than what is known when quoting ever did in the sets that this was tried on, or where its
//! name tells as well (see `course`): what merely predicts well is what a model is for. Categories and bent numbers are
//! judged on rows that their rates were not taken from, so that a unique number, which separates everything it has seen, is
//! no finding.

use std::collections::BTreeMap;

use crate::Error;
use crate::score::auc;
use crate::table::{Column, MISSING_CODE, Table, TrainingSet, Values};

use course::tells_of_the_course;
pub use finding::{LeakFinding, LeakKind};

mod course;
mod finding;

/// From this AUC on a column alone is too good to be true, whatever its interval.
pub const LEAK_AUC: f64 = 0.98;
/// The same where the lower end of its 95 % interval lies above the second number.
const SUSPICIOUS: (f64, f64) = (0.9, 0.88);
/// Characters of a level that tell its make, without digits: `W-017` and `W-300` are alike.
const MAKE: usize = 12;
/// Fewest rows of either outcome, and fewest filled cells, to say anything.
const LEAST: usize = 10;
/// Chance below which "filled for one outcome only" is no coincidence.
const CHANCE: f64 = 1e-6;
/// Share of filled cells with one outcome that counts as one outcome only, so that a few slips do not hide a leak.
const ONE_OUTCOME: f64 = 0.99;
/// Share of dates after the outcome that is more than slips of the pen.
const AFTER: f64 = 0.01;
/// Bins of equal count for numbers whose effect bends.
const BINS: usize = 20;

/// Findings over all columns, in their order, at most one of filling and one of values per column.
///
/// `outcome_date` is the day on which each outcome was known, where it is. Fewer than ten rows of either outcome give no
/// finding.
///
/// # Errors
/// [`Error::InvalidTable`]; [`Error::InvalidInput`] when outcomes or dates do not cover the rows.
pub fn find_leaks(
    table: &Table,
    won: &[bool],
    outcome_date: Option<&[Option<i32>]>,
) -> Result<Vec<LeakFinding>, Error> {
    table.validate()?;
    let dated = outcome_date.is_none_or(|d| d.len() == won.len());
    if (table.rows() != won.len() && !table.columns.is_empty()) || !dated {
        return Err(Error::InvalidInput {
            reason: "outcomes or their dates do not cover the rows".to_owned(),
        });
    }
    let wins = won.iter().filter(|&&y| y).count();
    let mut findings = Vec::new();
    if wins < LEAST || won.len() - wins < LEAST {
        return Ok(findings);
    }
    for column in &table.columns {
        let filling = filled_for_one(&column.values, won, wins);
        let values = separates(column, won);
        let late = outcome_date.and_then(|d| after(&column.values, d));
        findings.extend(
            [late, filling, values]
                .into_iter()
                .flatten()
                .map(|kind| LeakFinding {
                    column: column.name.clone(),
                    kind,
                }),
        );
    }
    Ok(findings)
}

/// [`find_leaks`] over a training set, and its days as days since the quote's own: a date of an order says little by itself
/// and everything by how soon it came.
///
/// # Errors
/// As [`find_leaks`].
pub fn find_leaks_in(set: &TrainingSet) -> Result<Vec<LeakFinding>, Error> {
    let mut findings = find_leaks(&set.features, &set.outcome, None)?;
    let Some(quoted) = &set.date else {
        return Ok(findings);
    };
    let since = |column: &Column| {
        let Values::Date(days) = &column.values else {
            return None;
        };
        let known = findings.iter().any(|f| f.column == column.name);
        let since = days.iter().zip(quoted);
        let since = since.map(|(d, q)| d.map(|d| d.saturating_sub(*q)));
        (!known).then(|| Column::new(&column.name, column.role, Values::Date(since.collect())))
    };
    let columns: Vec<Column> = set.features.columns.iter().filter_map(since).collect();
    if !columns.is_empty() {
        let late = find_leaks(&Table { columns }, &set.outcome, None)?;
        findings.extend(
            late.into_iter()
                .filter(|f| !matches!(f.kind, LeakKind::FilledForOneOutcome { .. })),
        );
    }
    Ok(findings)
}

fn filled_for_one(values: &Values, won: &[bool], wins: usize) -> Option<LeakKind> {
    let filled = |r: usize| match values {
        Values::Number(v) => !v[r].is_nan(),
        Values::Category { codes, .. } => codes[r] != MISSING_CODE,
        Values::Date(v) => v[r].is_some(),
    };
    let base = wins as f64 / won.len() as f64;
    let side = |empty: bool| {
        let cells: Vec<bool> = (0..won.len())
            .filter(|&r| filled(r) != empty)
            .map(|r| won[r])
            .collect();
        let hits = cells.iter().filter(|&&y| y).count();
        let (n, share) = (cells.len(), hits as f64 / cells.len().max(1) as f64);
        let (is_won, share, usual) = if share >= 0.5 {
            (true, share, base)
        } else {
            (false, 1.0 - share, 1.0 - base)
        };
        (n >= LEAST
            && n < won.len()
            && share >= ONE_OUTCOME
            && excess(share, usual) * n as f64 > -CHANCE.ln())
        .then_some(LeakKind::FilledForOneOutcome {
            won: is_won,
            empty,
            cells: n,
            share,
        })
    };
    side(false).or_else(|| side(true))
}

/// Chernoff's bound per cell, as -log: how unlikely a share this high is where `usual` is the rule.
fn excess(share: f64, usual: f64) -> f64 {
    if share <= usual {
        return 0.0;
    }
    let term = |a: f64, b: f64| if a > 0.0 { a * (a / b).ln() } else { 0.0 };
    term(share, usual) + term(1.0 - share, 1.0 - usual)
}

/// A way in which the values of a column tell the outcome: the area under the curve, and the lower end of its 95 % interval.
struct Way {
    kind: LeakKind,
    auc: f64,
    low: f64,
}

impl Way {
    fn too_good(&self) -> bool {
        self.auc > LEAK_AUC || (self.auc > SUSPICIOUS.0 && self.low > SUSPICIOUS.1)
    }
}

fn ways(values: &Values, won: &[bool]) -> [Option<Way>; 2] {
    let numbers = |v: &[f64]| [ranks(v, won), levels(&bins(v), won)];
    match values {
        Values::Number(v) => numbers(v),
        Values::Date(v) => {
            let day = |d: &Option<i32>| d.map_or(f64::NAN, f64::from);
            numbers(&v.iter().map(day).collect::<Vec<_>>())
        }
        Values::Category {
            codes,
            levels: names,
        } => [levels(codes, won), levels(&makes(codes, names), won)],
    }
}

fn separates(column: &Column, won: &[bool]) -> Option<LeakKind> {
    let found: Vec<Way> = ways(&column.values, won).into_iter().flatten().collect();
    if let Some(way) = found.iter().find(|way| way.too_good()) {
        return Some(way.kind);
    }
    let by_name = tells_of_the_course(column);
    let telling = found.iter().filter(|way| by_name && way.low > 0.5);
    let best = telling.max_by(|a, b| a.auc.total_cmp(&b.auc))?;
    Some(LeakKind::Course { auc: best.auc })
}

fn ranks(v: &[f64], won: &[bool]) -> Option<Way> {
    let (x, y): (Vec<f64>, Vec<bool>) = v
        .iter()
        .zip(won)
        .filter(|(x, _)| !x.is_nan())
        .map(|(&x, &y)| (x, y))
        .unzip();
    let wins = y.iter().filter(|&&y| y).count();
    if wins < LEAST || y.len() - wins < LEAST {
        return None;
    }
    let area = auc(&x, &y)?;
    let (rising, auc) = (area.value >= 0.5, area.value.max(1.0 - area.value));
    Some(Way {
        kind: LeakKind::Ranks { auc, rising },
        auc,
        low: if rising { area.low } else { 1.0 - area.high },
    })
}

/// What levels look like: codes of their letters and signs, so that numbers behind a prefix that tells the outcome are
/// found, though none comes twice.
fn makes(codes: &[u32], levels: &[String]) -> Vec<u32> {
    let mut known: BTreeMap<String, u32> = BTreeMap::new();
    let of_level: Vec<u32> = levels
        .iter()
        .map(|level| {
            let letters = level.chars().filter(|c| !c.is_ascii_digit());
            let make: String = letters.take(MAKE).collect();
            let next = known.len() as u32;
            *known.entry(make).or_insert(next)
        })
        .collect();
    let of_code = |&c: &u32| of_level.get(c as usize).copied().unwrap_or(MISSING_CODE);
    codes.iter().map(of_code).collect()
}

/// The bin of every number; [`MISSING_CODE`] for missing ones.
fn bins(v: &[f64]) -> Vec<u32> {
    let mut known: Vec<f64> = v.iter().copied().filter(|x| !x.is_nan()).collect();
    known.sort_by(f64::total_cmp);
    let mut edges: Vec<f64> = (1..BINS)
        .filter_map(|b| known.get(b * known.len() / BINS).copied())
        .collect();
    edges.dedup();
    v.iter()
        .map(|x| {
            if x.is_nan() {
                MISSING_CODE
            } else {
                edges.partition_point(|e| e <= x) as u32
            }
        })
        .collect()
}

/// Judges levels by rates from the other half of the rows. Missing cells are left to [`filled_for_one`].
fn levels(codes: &[u32], won: &[bool]) -> Option<Way> {
    let rows: Vec<usize> = (0..won.len())
        .filter(|&r| codes[r] != MISSING_CODE)
        .collect();
    let wins = rows.iter().filter(|&&r| won[r]).count();
    if wins < LEAST || rows.len() - wins < LEAST {
        return None;
    }
    let overall = wins as f64 / rows.len() as f64;
    let half = |r: usize| split_bit(r);
    let mut counts: BTreeMap<(u32, bool), (f64, f64)> = BTreeMap::new();
    for &r in &rows {
        let (rows, wins) = counts.entry((codes[r], half(r))).or_default();
        *rows += 1.0;
        *wins += f64::from(u8::from(won[r]));
    }
    let rate = |code: u32, half: bool| {
        let (rows, wins) = counts.get(&(code, half)).copied().unwrap_or_default();
        (wins + overall) / (rows + 1.0)
    };
    let p: Vec<f64> = rows.iter().map(|&r| rate(codes[r], !half(r))).collect();
    let y: Vec<bool> = rows.iter().map(|&r| won[r]).collect();
    let area = auc(&p, &y)?;
    Some(Way {
        kind: LeakKind::Levels {
            auc: area.value,
            purity: purity(codes, won, &rows),
        },
        auc: area.value,
        low: area.low,
    })
}

fn purity(codes: &[u32], won: &[bool], rows: &[usize]) -> f64 {
    let mut counts: BTreeMap<u32, (usize, usize)> = BTreeMap::new();
    for &r in rows {
        let (lost, wins) = counts.entry(codes[r]).or_default();
        *(if won[r] { wins } else { lost }) += 1;
    }
    let agreeing: usize = counts.values().map(|&(lost, wins)| lost.max(wins)).sum();
    agreeing as f64 / rows.len().max(1) as f64
}

/// Which half a row belongs to; scattered, because files are often sorted by outcome or alternate (splitmix64).
fn split_bit(row: usize) -> bool {
    let mut x = (row as u64).wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (x ^ (x >> 31)) & 1 == 1
}

fn after(values: &Values, outcome_date: &[Option<i32>]) -> Option<LeakKind> {
    let Values::Date(days) = values else {
        return None;
    };
    let both = days.iter().zip(outcome_date);
    let known: Vec<(i32, i32)> = both.filter_map(|(d, o)| Some(((*d)?, (*o)?))).collect();
    let rows = known.iter().filter(|(day, outcome)| day > outcome).count();
    let enough = rows > 0 && rows as f64 >= AFTER * known.len() as f64;
    enough.then_some(LeakKind::AfterOutcome {
        rows,
        of: known.len(),
    })
}
