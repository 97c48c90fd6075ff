//! What the past supports: how often each value of a column was quoted, and how often that won.
//!
//! A number is supported between the 5 % and 95 % quantiles of its column where at least ten past quotes lie in its bin of
//! a histogram of equal counts, a category from ten past quotes on. Deliberately without the model: only counts.

use std::collections::BTreeMap;

use crate::history::{FEWEST_SIMILAR, PriceBasis, PriceHistory};
use crate::past::PastQuotes;
use crate::price::Near;
use crate::table::{Role, Values};

/// Most categories of a column that are considered, the most frequent ones first.
const MOST_LEVELS: usize = 50;

/// Counts over past quotes.
#[derive(Debug, Clone, PartialEq)]
pub struct Support {
    columns: BTreeMap<String, Known>,
}

#[derive(Debug, Clone, PartialEq)]
enum Known {
    /// A histogram, and whether all numbers are whole.
    Numbers(PriceHistory, bool),
    /// Quotes and wins of each category, the most frequent one first.
    Levels(Vec<(String, u32, u32)>),
}

/// A part of the past: the quotes with one value, or with one about it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Alike {
    /// A column's numbers between two ends, the upper one excluded unless it is the last bin's.
    Between(String, f64, f64, bool),
    /// A column's category.
    Level(String, String),
    /// Prices over a yardstick between two ends.
    PriceBetween(PriceBasis, f64, f64, bool),
}

impl Support {
    /// Counts the columns of past quotes, dates left aside.
    #[must_use]
    pub fn new(past: &PastQuotes) -> Self {
        let known = past.table.columns.iter().filter_map(|column| {
            let known = match &column.values {
                Values::Number(v) => numbers(v, &past.won)?,
                Values::Category { codes, levels } => self::levels(codes, levels, &past.won),
                Values::Date(_) => return None,
            };
            Some((column.name.clone(), known))
        });
        Self {
            columns: known.collect(),
        }
    }

    /// The histogram of a column of numbers, and whether all of them are whole.
    pub(super) fn numbers(&self, column: &str) -> Option<(&PriceHistory, bool)> {
        match self.columns.get(column)? {
            Known::Numbers(history, whole) => Some((history, *whole)),
            Known::Levels(_) => None,
        }
    }

    /// The supported categories of a column.
    pub(super) fn levels(&self, column: &str) -> impl Iterator<Item = &str> {
        let levels = match self.columns.get(column) {
            Some(Known::Levels(levels)) => levels.as_slice(),
            _ => &[],
        };
        let supported = levels.iter().filter(|(_, n, _)| *n >= FEWEST_SIMILAR);
        supported
            .take(MOST_LEVELS)
            .map(|(level, _, _)| level.as_str())
    }

    /// Whether the past supports a number.
    #[must_use]
    pub fn supports_number(&self, column: &str, value: f64) -> bool {
        self.numbers(column)
            .is_some_and(|(history, _)| history.supports(value))
    }

    /// Whether the past supports a category.
    #[must_use]
    pub fn supports_level(&self, column: &str, level: &str) -> bool {
        self.levels(column).any(|known| known == level)
    }

    /// The past quotes that have about this number.
    pub(super) fn about(&self, column: &str, value: f64) -> Option<Alike> {
        let (history, _) = self.numbers(column)?;
        let (from, to, last) = bin(history, value)?;
        Some(Alike::Between(column.to_owned(), from, to, last))
    }
}

/// The past quotes at about a price.
pub(super) fn about_price(near: &Near<'_>, price: f64) -> Option<Alike> {
    let (from, to, last) = bin(near.history, price / near.yardstick)?;
    Some(Alike::PriceBetween(near.history.basis, from, to, last))
}

fn bin(history: &PriceHistory, value: f64) -> Option<(f64, f64, bool)> {
    let bin = history.bin(value)?;
    let (from, to) = (history.edges[bin], history.edges[bin + 1]);
    Some((from, to, bin + 2 == history.edges.len()))
}

/// How many past quotes are alike in every one of these respects, and how many of them were won.
pub(super) fn count(past: &PastQuotes, alike: &[&Alike]) -> (u32, u32) {
    let mut found = vec![true; past.won.len()];
    for one in alike {
        keep(past, one, &mut found);
    }
    let counted = found.iter().zip(&past.won).filter(|(found, _)| **found);
    counted.fold((0, 0), |(quotes, won), (_, &w)| {
        (quotes + 1, won + u32::from(w))
    })
}

fn keep(past: &PastQuotes, alike: &Alike, found: &mut [bool]) {
    let numbers = |role: Role| {
        let column = past.table.columns.iter().find(|c| c.role == role)?;
        match &column.values {
            Values::Number(v) => Some(v.as_slice()),
            _ => None,
        }
    };
    let within = |x: f64, from: f64, to: f64, last: bool| x >= from && (x < to || last && x <= to);
    match alike {
        Alike::Between(column, from, to, last) => {
            let values = past.table.column(column).map(|c| &c.values);
            if let Some(Values::Number(v)) = values {
                let cells = found.iter_mut().zip(v);
                cells.for_each(|(found, &x)| *found &= within(x, *from, *to, *last));
            }
        }
        Alike::Level(column, level) => {
            let values = past.table.column(column).map(|c| &c.values);
            if let Some(Values::Category { codes, levels }) = values {
                let code = levels.iter().position(|l| l == level).map(|at| at as u32);
                let cells = found.iter_mut().zip(codes);
                cells.for_each(|(found, c)| *found &= Some(*c) == code);
            }
        }
        Alike::PriceBetween(basis, from, to, last) => {
            let yardstick = match basis {
                PriceBasis::ListPrice => numbers(Role::ListPrice),
                PriceBasis::Cost => numbers(Role::Cost),
                PriceBasis::Price => None,
            };
            let Some(prices) = numbers(Role::Price) else {
                return found.fill(false);
            };
            for (row, (found, &price)) in found.iter_mut().zip(prices).enumerate() {
                let by = yardstick.map_or(1.0, |y| y[row]);
                *found &= price > 0.0 && by > 0.0 && within(price / by, *from, *to, *last);
            }
        }
    }
}

fn numbers(v: &[f64], won: &[bool]) -> Option<Known> {
    let known: Vec<(f64, bool)> = v
        .iter()
        .copied()
        .zip(won.iter().copied())
        .filter(|(x, _)| x.is_finite())
        .collect();
    let whole = known.iter().all(|(x, _)| x.fract() == 0.0);
    let history = PriceHistory::of_numbers(known, PriceBasis::Price)?;
    Some(Known::Numbers(history, whole))
}

fn levels(codes: &[u32], levels: &[String], won: &[bool]) -> Known {
    let mut counts = vec![(0u32, 0u32); levels.len()];
    for (&code, &won) in codes.iter().zip(won) {
        if let Some((quotes, wins)) = counts.get_mut(code as usize) {
            *quotes += 1;
            *wins += u32::from(won);
        }
    }
    let mut counted: Vec<(String, u32, u32)> = levels
        .iter()
        .cloned()
        .zip(counts)
        .map(|(level, (quotes, wins))| (level, quotes, wins))
        .collect();
    counted.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Known::Levels(counted)
}
