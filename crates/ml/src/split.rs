//! Which rows are tested on and which fold a training row belongs to.
//!
//! Rows move in units: a group, or a single row. With dates the newest units are the test set and folds are contiguous
//! in time; without dates both are drawn at random, stratified by outcome, from the seed. Deliberately ignorant of
//! features.

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::table::TrainingSet;

/// The two sides of the final test; row numbers ascending.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Split {
    pub train: Vec<usize>,
    pub test: Vec<usize>,
    /// Whether the test rows are the newest ones.
    pub by_time: bool,
}

/// Rows that stay together.
struct Unit<'r> {
    rows: &'r [usize],
    /// Newest day of its rows; 0 without dates.
    day: i32,
    won: bool,
}

/// What rows stay together by: their group, or a key of their own behind all groups.
fn key(set: &TrainingSet, row: usize) -> u64 {
    let group = set.group.as_ref().map(|groups| u64::from(groups[row]));
    group.unwrap_or((1 << 32) + row as u64)
}

/// Rows with those that stay together side by side.
fn side_by_side(set: &TrainingSet, rows: &[usize]) -> Vec<usize> {
    let mut ordered = rows.to_vec();
    ordered.sort_by_key(|&row| key(set, row));
    ordered
}

/// The units of rows that are [`side_by_side`]. They lend their rows, since most are a single one.
fn units<'r>(set: &TrainingSet, ordered: &'r [usize]) -> Vec<Unit<'r>> {
    let day = |rows: &[usize]| {
        set.date
            .as_ref()
            .and_then(|d| rows.iter().map(|&r| d[r]).max())
            .unwrap_or(0)
    };
    let unit = |rows: &'r [usize]| Unit {
        day: day(rows),
        won: rows.iter().any(|&r| set.outcome[r]),
        rows,
    };
    let together = ordered.chunk_by(|&a, &b| key(set, a) == key(set, b));
    together.map(unit).collect()
}

fn both_outcomes(set: &TrainingSet, rows: &[usize]) -> bool {
    rows.iter().any(|&r| set.outcome[r]) && rows.iter().any(|&r| !set.outcome[r])
}

/// Splits off `share` of the rows for the final test.
///
/// By time where dates exist and allow it: a day is never divided (a group that spans days counts with its newest).
/// Falls back to the stratified draw when time order would leave one side nearly empty or the training side with one
/// outcome only.
pub(crate) fn split(set: &TrainingSet, share: f64, seed: u64) -> Split {
    let all: Vec<usize> = (0..set.outcome.len()).collect();
    let ordered = side_by_side(set, &all);
    if set.date.is_some() {
        let test = newest(units(set, &ordered), share, all.len());
        let split = assemble(&all, &test, true);
        let tested = split.test.len() as f64 / all.len() as f64;
        if tested >= share / 4.0
            && tested <= share.max(0.25) * 2.0
            && both_outcomes(set, &split.train)
        {
            return split;
        }
    }
    let parts = deal(
        units(set, &ordered),
        (1.0 / share).round().max(2.0) as usize,
        seed,
        all.len(),
    );
    let test = (0..all.len()).map(|r| parts[r] == 0).collect::<Vec<_>>();
    assemble(&all, &test, false)
}

fn assemble(all: &[usize], test: &[bool], by_time: bool) -> Split {
    let (test, train) = all.iter().partition(|&&r| test[r]);
    Split {
        train,
        test,
        by_time,
    }
}

/// Marks the newest days until `share` of the rows is reached, a last day only when that comes closer to the share.
fn newest(units: Vec<Unit<'_>>, share: f64, rows: usize) -> Vec<bool> {
    let wanted = share * rows as f64;
    let mut of_day: BTreeMap<i32, Vec<usize>> = BTreeMap::new();
    units
        .into_iter()
        .for_each(|u| of_day.entry(u.day).or_default().extend(u.rows));
    let mut test = vec![false; rows];
    let mut taken = 0;
    for rows in of_day.into_values().rev() {
        let with = (taken + rows.len()) as f64;
        if taken > 0 && with - wanted > wanted - taken as f64 {
            break;
        }
        taken += rows.len();
        rows.into_iter().for_each(|r| test[r] = true);
    }
    test
}

/// Deals units to `parts` parts of about equal size and win rate; the part of every row.
fn deal(mut units: Vec<Unit<'_>>, parts: usize, seed: u64, rows: usize) -> Vec<usize> {
    units.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
    let mut part_of = vec![usize::MAX; rows];
    for won in [true, false] {
        let mut sizes = vec![0usize; parts];
        for unit in units.iter().filter(|u| u.won == won) {
            // Winners are dealt from the last part down, so that the first part never holds the only one.
            let smallest = if won {
                (0..parts).rev().min_by_key(|&p| sizes[p])
            } else {
                (0..parts).min_by_key(|&p| sizes[p])
            };
            let part = smallest.unwrap_or(0);
            sizes[part] += unit.rows.len();
            unit.rows.iter().for_each(|&r| part_of[r] = part);
        }
    }
    part_of
}

/// Cross-validation folds over the rows `rows`: (fitted on, held back) pairs of row numbers.
///
/// Contiguous in time when `by_time`. Folds whose fitting side lacks an outcome are left out.
pub(crate) fn folds(
    set: &TrainingSet,
    rows: &[usize],
    count: usize,
    by_time: bool,
    seed: u64,
) -> Vec<(Vec<usize>, Vec<usize>)> {
    let total = set.outcome.len();
    let ordered = side_by_side(set, rows);
    let units = units(set, &ordered);
    let part_of = if by_time {
        blocks(units, count, rows.len(), total)
    } else {
        deal(units, count, seed, total)
    };
    let pair = |fold: usize| {
        let (held, fitted): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|&&r| part_of[r] == fold);
        (!held.is_empty() && both_outcomes(set, &fitted)).then_some((fitted, held))
    };
    (0..count).filter_map(pair).collect()
}

/// Cuts the units, ordered by day, into `count` blocks of about equal size without dividing a day.
fn blocks(mut units: Vec<Unit<'_>>, count: usize, rows: usize, total: usize) -> Vec<usize> {
    units.sort_by_key(|u| (u.day, u.rows[0]));
    let mut block_of = vec![usize::MAX; total];
    let (mut done, mut block, mut day) = (0, 0, None);
    for unit in units {
        if day != Some(unit.day) {
            block = (done * count / rows.max(1)).min(count - 1);
        }
        day = Some(unit.day);
        done += unit.rows.len();
        unit.rows.iter().for_each(|&r| block_of[r] = block);
    }
    block_of
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, Role, Table, Values};

    fn set(rows: usize, date: Option<Vec<i32>>, group: Option<Vec<u32>>) -> TrainingSet {
        let column = Column::new("x", Role::Feature, Values::Number(vec![0.0; rows]));
        let outcome = (0..rows).map(|r| r % 3 == 0).collect();
        TrainingSet {
            features: Table {
                columns: vec![column],
            },
            outcome,
            date,
            group,
        }
    }

    #[test]
    fn newest_rows_are_tested_and_days_stay_whole() {
        let days: Vec<i32> = (0..200).map(|r| (r * 7) % 50).collect();
        let set = set(200, Some(days.clone()), None);
        let split = split(&set, 0.2, 1);
        assert!(split.by_time);
        let oldest_test = split.test.iter().map(|&r| days[r]).min();
        let newest_train = split.train.iter().map(|&r| days[r]).max();
        assert!(newest_train < oldest_test);
        assert_eq!(split.test.len(), 40);
        let folds = folds(&set, &split.train, 5, true, 1);
        assert_eq!(folds.len(), 5);
        for (fitted, held) in folds {
            let (low, high) = (
                held.iter().map(|&r| days[r]).min(),
                held.iter().map(|&r| days[r]).max(),
            );
            assert!(
                fitted
                    .iter()
                    .all(|&r| Some(days[r]) < low || Some(days[r]) > high)
            );
        }
    }

    #[test]
    fn groups_stay_together() {
        for date in [None, Some((0..300).collect::<Vec<i32>>())] {
            let group: Vec<u32> = (0..300).map(|r| (r / 4) as u32).collect();
            let set = set(300, date, Some(group.clone()));
            let split = split(&set, 0.2, 3);
            let sides = |a: &[usize], b: &[usize]| {
                a.iter().all(|&x| b.iter().all(|&y| group[x] != group[y]))
            };
            assert!(sides(&split.train, &split.test));
            assert!((50..=70).contains(&split.test.len()));
            for (fitted, held) in folds(&set, &split.train, 5, split.by_time, 3) {
                assert!(sides(&fitted, &held));
            }
        }
    }

    #[test]
    fn one_day_falls_back_to_the_draw() {
        let set = set(100, Some(vec![5; 100]), None);
        let split = split(&set, 0.2, 1);
        assert!(!split.by_time);
        assert_eq!(split.test.len(), 20);
        let wins = split.test.iter().filter(|&&r| set.outcome[r]).count();
        assert!((6..=7).contains(&wins));
    }
}
