//! From numbers, categories and dates to small bin numbers.
//!
//! Every feature has at most 256 bins. Bin 0 is always "missing". Numbers are cut at quantiles of the training rows,
//! so only their order matters. Categories get a bin each, the frequent ones first; bin 1 holds the rare ones and those
//! that training never saw. Deliberately blind to outcomes.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::settings::Settings;
use super::split::BinKind;
use crate::calendar;
use crate::encode::{Bound, Coding, Encoder, Keys, Origin};
use crate::table::{MISSING_CODE, Role, Values};

/// Most features; beyond it the offsets of bins would outgrow memory before they help.
const MOST_FEATURES: usize = 20_000;
/// Most categories with a bin of their own.
const MOST_LEVELS: usize = 250;
/// Rows that a level needs at most for a bin of its own. Rarer ones are for the linear part, which shrinks each by itself.
const LEVEL_ROWS: usize = 20;
/// Training rows for every bin of a number feature.
const ROWS_PER_BIN: usize = 4;

/// How cells become bins.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bins {
    /// Bin 1 is up to and including the first edge, the last bin above the last edge; ascending.
    Edges(Vec<f64>),
    /// Levels from bin 2 on; sorted by name.
    Names(Vec<String>),
    /// Months from bin 2 on.
    Month,
    /// Weekdays from bin 2 on.
    Weekday,
}

/// A feature: where its cells come from and how they are binned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Feature {
    pub origin: Origin,
    pub bins: Bins,
    /// Whether values may not rise with it.
    pub falling: bool,
}

impl Feature {
    /// Number of bins.
    pub fn count(&self) -> usize {
        match &self.bins {
            Bins::Edges(edges) => edges.len() + 2,
            Bins::Names(names) => names.len() + 2,
            Bins::Month => 14,
            Bins::Weekday => 9,
        }
    }

    /// How its bins hang together.
    pub fn kind(&self) -> BinKind {
        match self.bins {
            Bins::Edges(_) if self.falling => BinKind::Falling,
            Bins::Edges(_) => BinKind::Ordered,
            _ => BinKind::Named,
        }
    }

    /// Writes the bins of all rows of `bound` to `cells[at]`, `cells[at + width]`, ...
    fn write(&self, bound: &Bound<'_>, cells: &mut [u8], at: usize, width: usize) {
        let mut put = |row: usize, bin: usize| cells[row * width + at] = bin as u8;
        let values = match self.origin {
            Origin::Column(column) => bound.columns[column],
            _ => None,
        };
        match (&self.bins, values) {
            (Bins::Edges(edges), _) => {
                for (row, x) in bound.numbers(self.origin).into_iter().enumerate() {
                    put(row, bin_of(edges, x));
                }
            }
            (Bins::Names(names), Some(Values::Category { codes, levels })) => {
                let of_level = |l: &String| names.binary_search(l).map_or(1, |i| i + 2);
                let of_code: Vec<usize> = levels.iter().map(of_level).collect();
                for (row, &c) in codes
                    .iter()
                    .enumerate()
                    .filter(|(_, c)| **c != MISSING_CODE)
                {
                    put(row, of_code[c as usize]);
                }
            }
            (Bins::Month | Bins::Weekday, Some(Values::Date(days))) => {
                for (row, day) in days.iter().enumerate() {
                    if let Some(day) = *day {
                        let part = if self.bins == Bins::Month {
                            calendar::month(day)
                        } else {
                            calendar::weekday(day)
                        };
                        put(row, part as usize + 1);
                    }
                }
            }
            _ => {}
        }
    }
}

/// The bin of a number among `edges`; 0 where it is missing.
fn bin_of(edges: &[f64], x: f64) -> usize {
    if x.is_nan() {
        0
    } else {
        1 + edges.partition_point(|&e| e < x)
    }
}

/// The features that `encoder` finds usable, binned by the rows of `bound` (its training rows).
pub(crate) fn features(encoder: &Encoder, bound: &Bound<'_>, settings: &Settings) -> Vec<Feature> {
    let most = (bound.rows / ROWS_PER_BIN).clamp(3, settings.bins);
    let mut features = Vec::new();
    for block in encoder.blocks.iter().take(MOST_FEATURES) {
        let bins = match &block.coding {
            // Of the price ratio and its logarithm one is enough: trees only see the order.
            _ if matches!(block.origin, Origin::LogPriceOverList { .. }) => continue,
            coding => match coding {
                Coding::Slots(s) => match (&s.keys, block.origin) {
                    (Keys::Months(_), _) => Bins::Month,
                    (Keys::Weekdays(_), _) => Bins::Weekday,
                    (Keys::Names(_), Origin::Column(at)) => names(bound.columns[at]),
                    _ => Bins::Edges(edges(bound.numbers(block.origin), most)),
                },
                Coding::Scale(_) => Bins::Edges(edges(bound.numbers(block.origin), most)),
            },
        };
        let of_price = match block.origin {
            Origin::Column(at) => encoder.schema[at].role == Role::Price,
            _ => true,
        };
        features.push(Feature {
            origin: block.origin,
            falling: of_price && settings.monotone_price && matches!(bins, Bins::Edges(_)),
            bins,
        });
    }
    features
}

/// At most `most - 2` edges that divide the known numbers into parts of about equal count.
///
/// A value that fills a part by itself gets one of its own: round amounts are often quoted for a reason.
fn edges(mut numbers: Vec<f64>, most: usize) -> Vec<f64> {
    numbers.retain(|x| x.is_finite());
    numbers.sort_by(f64::total_cmp);
    let runs: Vec<&[f64]> = numbers.chunk_by(|a, b| a == b).collect();
    let parts = most - 1;
    if runs.len() <= parts {
        return runs
            .windows(2)
            .map(|w| midpoint(w[0][0], w[1][0]))
            .collect();
    }
    let share = numbers.len().div_ceil(parts);
    let frequent = |run: &[f64]| run.len() >= share;
    let alone = runs.iter().filter(|r| frequent(r)).count();
    let mut rows: usize = runs.iter().filter(|r| !frequent(r)).map(|r| r.len()).sum();
    let mut left = parts - alone;
    let mut edges: Vec<f64> = Vec::new();
    let mut filled = 0;
    for pair in runs.windows(2) {
        let (run, next) = (pair[0], pair[1]);
        let mut close = frequent(run);
        if !close {
            filled += run.len();
            // What is left is shared among the parts that are left; without any, a frequent value takes the rest in.
            close = left > 0 && (frequent(next) || filled >= rows.div_ceil(left));
            if close {
                rows -= filled;
                left -= 1;
                filled = 0;
            }
        }
        if close && edges.len() + 1 < parts {
            edges.push(midpoint(run[0], next[0]));
        }
    }
    edges
}

/// A number between two, not below the first and below the second.
fn midpoint(low: f64, high: f64) -> f64 {
    let middle = low + 0.5 * (high - low);
    if middle < high { middle.max(low) } else { low }
}

/// The most frequent levels with at least a few rows each, more of them where there are many levels: splits sort levels by
/// how they fared, and among many rare ones some always fared well.
fn names(values: Option<&Values>) -> Bins {
    let Some(Values::Category { codes, levels }) = values else {
        return Bins::Names(Vec::new());
    };
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for &code in codes.iter().filter(|c| **c != MISSING_CODE) {
        *counts.entry(levels[code as usize].as_str()).or_default() += 1;
    }
    let few = if codes.len() >= 500 { 5 } else { 3 };
    let least = counts.len().clamp(few, LEVEL_ROWS);
    let mut frequent: Vec<(usize, &str)> = counts
        .into_iter()
        .filter(|(_, n)| *n >= least)
        .map(|(name, n)| (n, name))
        .collect();
    frequent.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    frequent.truncate(MOST_LEVELS);
    let mut names: Vec<String> = frequent.into_iter().map(|(_, n)| n.to_owned()).collect();
    names.sort();
    Bins::Names(names)
}

/// Bins of many rows, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Binned {
    /// Features.
    pub width: usize,
    /// `width` bins per row.
    pub cells: Vec<u8>,
    /// Where each feature's bins start when all bins stand in a line; one more than features.
    pub offsets: Arc<[usize]>,
    pub kinds: Arc<[BinKind]>,
}

impl Binned {
    /// Bins of all rows of `bound`.
    pub fn of(features: &[Feature], bound: &Bound<'_>) -> Self {
        let width = features.len();
        let mut cells = vec![0; width * bound.rows];
        for (at, feature) in features.iter().enumerate() {
            feature.write(bound, &mut cells, at, width);
        }
        let mut offsets = vec![0];
        for feature in features {
            offsets.push(offsets[offsets.len() - 1] + feature.count());
        }
        Self {
            width,
            cells,
            offsets: offsets.into(),
            kinds: features.iter().map(Feature::kind).collect(),
        }
    }

    /// Row `row`, which is one of `bound`, once for each of `numbers` in place of what `column` holds.
    pub fn with(
        &self,
        features: &[Feature],
        bound: &Bound<'_>,
        row: usize,
        (column, numbers): (usize, &[f64]),
    ) -> Self {
        let mut with = Self {
            cells: self.row(row).repeat(numbers.len()),
            ..self.select(&[])
        };
        for (at, feature) in features.iter().enumerate() {
            let Bins::Edges(edges) = &feature.bins else {
                continue;
            };
            if !feature.origin.reads(column) {
                continue;
            }
            for (version, &number) in numbers.iter().enumerate() {
                let x = bound.number_with(feature.origin, row, (column, number));
                with.cells[version * self.width + at] = bin_of(edges, x) as u8;
            }
        }
        with
    }

    pub fn rows(&self) -> usize {
        self.cells.len().checked_div(self.width).unwrap_or(0)
    }

    #[inline]
    pub fn row(&self, row: usize) -> &[u8] {
        &self.cells[row * self.width..(row + 1) * self.width]
    }

    /// Bins of feature `at`.
    pub fn count(&self, at: usize) -> usize {
        self.offsets[at + 1] - self.offsets[at]
    }

    /// Bins of all features together.
    pub fn total(&self) -> usize {
        self.offsets[self.width]
    }

    /// The rows `rows`, in that order.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut cells = Vec::with_capacity(rows.len() * self.width);
        rows.iter()
            .for_each(|&r| cells.extend_from_slice(self.row(r)));
        Self {
            width: self.width,
            cells,
            offsets: Arc::clone(&self.offsets),
            kinds: Arc::clone(&self.kinds),
        }
    }
}
