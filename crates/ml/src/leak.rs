//! Columns that give the outcome away, found before they can flatter a model. Deliberately one column at a time, and only
//! where it orders quotes better than what is known when quoting ever did in the sets that this was tried on: what merely
//! predicts well is what a model is for. Categories and bent numbers are judged on rows that their rates were not taken from,
//! so that a unique number, which separates everything it has seen, is no finding.

use std::collections::BTreeMap;

use crate::Error;
use crate::score::auc;
use crate::table::{Column, MISSING_CODE, Table, TrainingSet, Values};

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

/// What gives a column away.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LeakKind {
    /// The numbers or days alone rank won above lost rows, or below them.
    Ranks {
        /// Area under the ROC curve of the better direction.
        auc: f64,
        /// Whether high values are won.
        rising: bool,
    },
    /// Win rates per level, or per bin of numbers, taken from half of the rows rank the other half.
    Levels {
        /// Area under the ROC curve over both halves.
        auc: f64,
        /// Share of rows that have the more frequent outcome of their level.
        purity: f64,
    },
    /// Filled (or empty) for one outcome only.
    FilledForOneOutcome {
        /// Whether that outcome is won.
        won: bool,
        /// Whether it is the empty cells that have one outcome, rather than the filled ones.
        empty: bool,
        /// Such cells.
        cells: usize,
        /// Share of them with that outcome.
        share: f64,
    },
    /// Days after the day of the outcome.
    AfterOutcome {
        /// Rows with a later day.
        rows: usize,
        /// Rows with both days.
        of: usize,
    },
}

/// A column that gives the outcome away.
#[derive(Debug, Clone, PartialEq)]
pub struct LeakFinding {
    /// Name of the column.
    pub column: String,
    /// What gives it away.
    pub kind: LeakKind,
}

impl LeakFinding {
    /// The figure of the kind: area under the curve, or a share; 0 to 1.
    #[must_use]
    pub fn figure(&self) -> f64 {
        match self.kind {
            LeakKind::Ranks { auc, .. } | LeakKind::Levels { auc, .. } => auc,
            LeakKind::FilledForOneOutcome { share, .. } => share,
            LeakKind::AfterOutcome { rows, of } => rows as f64 / of.max(1) as f64,
        }
    }

    /// The finding and what to do about it, in sentences.
    #[must_use]
    pub fn statement(&self) -> String {
        format!(
            "{} It may be known only after the outcome; if so, train without it.",
            self.text()
        )
    }

    /// The finding in a sentence.
    #[must_use]
    pub fn text(&self) -> String {
        let column = &self.column;
        match self.kind {
            LeakKind::Ranks { auc, .. } => {
                format!("Column {column:?} alone separates won from lost quotes (AUC {auc:.3}).")
            }
            LeakKind::Levels { auc, purity } => format!(
                "The values of {column:?} alone tell the outcome (AUC {auc:.3}, {:.1} % of quotes follow their value).",
                100.0 * purity
            ),
            LeakKind::FilledForOneOutcome {
                won,
                empty,
                cells,
                share,
            } => format!(
                "Column {column:?} is {} almost only for {} quotes ({:.1} % of {cells} such cells).",
                if empty { "empty" } else { "filled in" },
                if won { "won" } else { "lost" },
                100.0 * share
            ),
            LeakKind::AfterOutcome { rows, of } => {
                format!("Column {column:?} holds days after the outcome in {rows} of {of} quotes.")
            }
        }
    }
}

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
        let values = separates(&column.values, won);
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
        let since = since.map(|(d, q)| d.map_or(f64::NAN, |d| f64::from(d) - f64::from(*q)));
        (!known).then(|| Column::new(&column.name, column.role, Values::Number(since.collect())))
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

/// Words for an amount, and for the course of a deal: a name with one of each tells how a deal went on.
const AMOUNTS: [&str; 6] = ["days", "count", "elapsed", "duration", "hours", "weeks"];
const COURSE: [&str; 10] = [
    "stage",
    "stages",
    "closing",
    "closed",
    "close",
    "identified",
    "qualified",
    "validated",
    "cycle",
    "pipeline",
];

/// Columns whose names say that they count how long or how often something took place in the course of the deal, such as
/// `Elapsed Days In Sales Stage`. Such numbers go on changing until the deal is decided, and separate won from lost too little
/// to be found by their values. A name proves nothing, so these are no findings of [`find_leaks`].
#[must_use]
pub fn named_after_the_deal(table: &Table) -> Vec<&str> {
    let told = |name: &str| {
        let name = name.to_lowercase();
        let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
        let any = |of: &[&str]| words.iter().any(|w| of.contains(w));
        any(&AMOUNTS) && any(&COURSE)
    };
    let names = table.columns.iter().map(|c| c.name.as_str());
    names.filter(|name| told(name)).collect()
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

fn separates(values: &Values, won: &[bool]) -> Option<LeakKind> {
    match values {
        Values::Number(v) => ranks(v, won).or_else(|| levels(&bins(v), won)),
        Values::Date(v) => {
            let day = |d: &Option<i32>| d.map_or(f64::NAN, f64::from);
            let days: Vec<f64> = v.iter().map(day).collect();
            ranks(&days, won).or_else(|| levels(&bins(&days), won))
        }
        Values::Category {
            codes,
            levels: names,
        } => levels(codes, won).or_else(|| levels(&makes(codes, names), won)),
    }
}

fn ranks(v: &[f64], won: &[bool]) -> Option<LeakKind> {
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
    let low = if rising { area.low } else { 1.0 - area.high };
    too_good(auc, low).then_some(LeakKind::Ranks { auc, rising })
}

fn too_good(auc: f64, low: f64) -> bool {
    auc > LEAK_AUC || (auc > SUSPICIOUS.0 && low > SUSPICIOUS.1)
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
fn levels(codes: &[u32], won: &[bool]) -> Option<LeakKind> {
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
    too_good(area.value, area.low).then(|| LeakKind::Levels {
        auc: area.value,
        purity: purity(codes, won, &rows),
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
