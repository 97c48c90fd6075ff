//! Categories with many levels as one number: how much better or worse than usual each level has done so far.
//!
//! A training row sees only the outcomes of rows before it, never its own nor those of rows in the same batch (the same
//! day, the same tender: one bid's win is the others' loss). This is the ordered target statistic of Prokhorenkova et
//! al. (2018), here as shrunken log-odds relative to the overall rate at that time, so that a level without history is
//! exactly 0 and a column of unique numbers carries no signal at all. New rows are answered from the table of all
//! training rows. Deliberately a fixed strength of shrinkage: one chosen by looking at the outcomes would let
//! every row's own outcome back in.

use std::collections::{BTreeMap, HashMap};

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::Error;
use crate::logistic::logit;
use crate::table::MISSING_CODE;

/// Quotes' worth of the overall rate that every level starts with.
pub const TARGET_MEAN_STRENGTH: f64 = 10.0;

/// In which order rows learn from each other.
#[derive(Debug, Clone, Copy)]
pub enum Order<'a> {
    /// By this number per row, such as days; equal ones form a batch.
    Time(&'a [i32]),
    /// At random from the seed.
    Seed(u64),
}

/// What training knows of one level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelHistory {
    /// The text of the level.
    pub level: String,
    /// Its training rows.
    pub rows: u32,
    /// How many of them are won.
    pub wins: u32,
}

/// The table that answers new rows.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetMeans {
    /// Levels in ascending order of their text.
    levels: Vec<LevelHistory>,
    rows: u64,
    wins: u64,
    strength: f64,
}

/// Log-odds of a rate with `strength` quotes of the overall rate mixed in, minus those of the overall rate. The overall
/// rate itself has half a quote of each outcome mixed in.
fn offset(wins: f64, rows: f64, all_wins: f64, all_rows: f64, strength: f64) -> f64 {
    let overall = (all_wins + 0.5) / (all_rows + 1.0);
    // Exactly zero without history, whatever rounding does below.
    if rows == 0.0 {
        return 0.0;
    }
    logit((wins + strength * overall) / (rows + strength)) - logit(overall)
}

impl TargetMeans {
    /// The table of all training rows; `codes` index `levels`, [`MISSING_CODE`] and codes without a level are left out.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] for unequal lengths or a strength that is not positive.
    pub fn fit(
        codes: &[u32],
        levels: &[String],
        won: &[bool],
        strength: f64,
    ) -> Result<Self, Error> {
        check(codes, won, strength)?;
        let mut histories: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
        for (&code, &y) in codes.iter().zip(won) {
            if let Some(level) = level(code, levels) {
                let (rows, wins) = histories.entry(level).or_default();
                *rows += 1;
                *wins += u32::from(y);
            }
        }
        let history = |(level, (rows, wins)): (&str, (u32, u32))| LevelHistory {
            level: level.to_owned(),
            rows,
            wins,
        };
        Ok(Self {
            levels: histories.into_iter().map(history).collect(),
            rows: won.len() as u64,
            wins: won.iter().filter(|&&y| y).count() as u64,
            strength,
        })
    }

    /// The table from stored parts.
    ///
    /// # Errors
    /// [`Error::CorruptArtefact`] when levels are not in strictly ascending order, or have more wins than rows.
    pub fn from_parts(
        levels: Vec<LevelHistory>,
        rows: u64,
        wins: u64,
        strength: f64,
    ) -> Result<Self, Error> {
        let ordered = levels.windows(2).all(|w| w[0].level < w[1].level);
        let counted = levels.iter().all(|l| l.wins <= l.rows) && wins <= rows;
        if ordered && counted && strength > 0.0 && strength.is_finite() {
            Ok(Self {
                levels,
                rows,
                wins,
                strength,
            })
        } else {
            Err(Error::CorruptArtefact {
                reason: "its table of levels contradicts itself".to_owned(),
            })
        }
    }

    /// The levels, ascending; with [`TargetMeans::totals`] all that needs to be stored.
    #[must_use]
    pub fn levels(&self) -> &[LevelHistory] {
        &self.levels
    }

    /// (rows, wins, strength) of all training rows.
    #[must_use]
    pub fn totals(&self) -> (u64, u64, f64) {
        (self.rows, self.wins, self.strength)
    }

    /// What training knows of a level; `None` when it never met it.
    #[must_use]
    pub fn history(&self, level: &str) -> Option<&LevelHistory> {
        let at = self
            .levels
            .binary_search_by(|l| l.level.as_str().cmp(level));
        at.ok().and_then(|at| self.levels.get(at))
    }

    /// The log-odds offset of a level; 0 for missing and unseen ones.
    #[must_use]
    pub fn value(&self, level: Option<&str>) -> f64 {
        level
            .and_then(|l| self.history(l))
            .map_or(0.0, |l| self.offset_of(l))
    }

    /// The offsets of a column, whose codes index its own `levels`.
    #[must_use]
    pub fn values(&self, codes: &[u32], levels: &[String]) -> Vec<f64> {
        let of_code: Vec<f64> = levels.iter().map(|l| self.value(Some(l))).collect();
        codes
            .iter()
            .map(|&c| of_code.get(c as usize).copied().unwrap_or(0.0))
            .collect()
    }

    fn offset_of(&self, level: &LevelHistory) -> f64 {
        offset(
            f64::from(level.wins),
            f64::from(level.rows),
            self.wins as f64,
            self.rows as f64,
            self.strength,
        )
    }
}

/// The offsets of training rows, each from the rows before it only.
///
/// Rows of the same batch see none of each other: batches are the days of [`Order::Time`] and the groups (a group counts
/// with its newest day). Missing cells are 0.
///
/// # Errors
/// [`Error::InvalidInput`] for unequal lengths or a strength that is not positive.
pub fn ordered_target_means(
    codes: &[u32],
    won: &[bool],
    groups: Option<&[u32]>,
    order: Order<'_>,
    strength: f64,
) -> Result<Vec<f64>, Error> {
    check(codes, won, strength)?;
    let lengths = [
        groups.map_or(won.len(), <[u32]>::len),
        match order {
            Order::Time(days) => days.len(),
            Order::Seed(_) => won.len(),
        },
    ];
    if lengths.iter().any(|&l| l != won.len()) {
        return Err(invalid("groups or days do not cover the rows"));
    }
    let mut values = vec![0.0; won.len()];
    // Only looked up, never walked through, so its order cannot reach the answer.
    let mut known: HashMap<u32, (f64, f64)> = HashMap::new();
    let (mut all_rows, mut all_wins) = (0.0, 0.0);
    for batch in batches(won.len(), groups, order) {
        for &r in batch.iter().filter(|&&r| codes[r] != MISSING_CODE) {
            let (rows, wins) = known.get(&codes[r]).copied().unwrap_or_default();
            values[r] = offset(wins, rows, all_wins, all_rows, strength);
        }
        for &r in &batch {
            let win = f64::from(u8::from(won[r]));
            all_rows += 1.0;
            all_wins += win;
            if codes[r] != MISSING_CODE {
                let (rows, wins) = known.entry(codes[r]).or_default();
                *rows += 1.0;
                *wins += win;
            }
        }
    }
    Ok(values)
}

/// Rows in the order in which they are learned, batch by batch.
fn batches(rows: usize, groups: Option<&[u32]>, order: Order<'_>) -> Vec<Vec<usize>> {
    let mut units: Vec<Vec<usize>> = if let Some(groups) = groups {
        let mut of_group: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for (row, &group) in groups.iter().enumerate() {
            of_group.entry(group).or_default().push(row);
        }
        of_group.into_values().collect()
    } else {
        (0..rows).map(|row| vec![row]).collect()
    };
    match order {
        Order::Seed(seed) => {
            units.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
            units
        }
        Order::Time(days) => {
            let mut of_day: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
            for unit in units {
                let newest = unit.iter().map(|&r| days[r]).max().unwrap_or_default();
                of_day.entry(newest).or_default().extend(unit);
            }
            of_day.into_values().collect()
        }
    }
}

fn level(code: u32, levels: &[String]) -> Option<&str> {
    (code != MISSING_CODE)
        .then(|| levels.get(code as usize).map(String::as_str))
        .flatten()
}

fn check(codes: &[u32], won: &[bool], strength: f64) -> Result<(), Error> {
    if codes.len() != won.len() {
        return Err(invalid("categories and outcomes differ in length"));
    }
    if !(strength > 0.0 && strength.is_finite()) {
        return Err(invalid(
            "the strength of shrinkage is not a positive number",
        ));
    }
    Ok(())
}

fn invalid(reason: &str) -> Error {
    Error::InvalidInput {
        reason: reason.to_owned(),
    }
}
