//! Versions of one row that differ in some features alone.
//!
//! What the other features say is summed up once; a version asks the tables and the masks that ask a varying feature.
//! Deliberately without explanations.

use super::binning::Binned;
use super::lookup::{Asked, Lookup};
use super::masks::MovingMasks;

/// A row, some features of which vary.
pub(crate) struct Moving<'a> {
    lookup: &'a Lookup,
    /// The features that vary.
    varying: Vec<usize>,
    vary: Vec<&'a Asked>,
    /// For each of them: places of its tables among those that move.
    places: Vec<Vec<u32>>,
    /// The cells of the tables that move, without the steps of the varying features.
    cells: Vec<u32>,
    /// What all else adds to each member.
    still: Vec<f64>,
    masks: MovingMasks<'a>,
}

impl<'a> Moving<'a> {
    /// `row` where the `varying` features vary.
    pub(super) fn new(lookup: &'a Lookup, row: &[u8], varying: Vec<bool>) -> Self {
        let (mut vary, same): (Vec<&Asked>, Vec<&Asked>) =
            lookup.asked.iter().partition(|a| varying[a.feature]);
        // The places of the first one's tables follow each other.
        vary.sort_by_key(|asked| std::cmp::Reverse(asked.tables.len()));
        let mut cells = lookup.starts.clone();
        for asked in same {
            let steps = asked.steps(row[asked.feature]);
            for (&table, step) in asked.tables.iter().zip(steps) {
                cells[table as usize] += step;
            }
        }
        let mut place_of = vec![u32::MAX; cells.len()];
        let mut moved = Vec::new();
        let mut places = Vec::with_capacity(vary.len());
        for asked in &vary {
            let place = |&table: &u32| {
                let place = &mut place_of[table as usize];
                if *place == u32::MAX {
                    *place = moved.len() as u32;
                    moved.push(cells[table as usize]);
                }
                *place
            };
            places.push(asked.tables.iter().map(place).collect());
        }
        let mut still = lookup.bases.clone();
        for (&cell, &place) in cells.iter().zip(&place_of) {
            if place == u32::MAX {
                lookup.add_cell(cell, &mut still);
            }
        }
        Self {
            lookup,
            varying: (0..varying.len()).filter(|&f| varying[f]).collect(),
            vary,
            places,
            cells: moved,
            masks: MovingMasks::new(&lookup.masks, row, varying, &mut still),
            still,
        }
    }

    /// Whether no varying feature differs between two versions.
    fn stands(&self, before: &[u8], now: &[u8]) -> bool {
        self.varying.iter().all(|&f| before[f] == now[f])
    }

    /// In which cells of the moving tables a version is.
    fn cells(&self, version: &[u8], cells: &mut Vec<u32>) {
        cells.clone_from(&self.cells);
        for (at, (asked, places)) in self.vary.iter().zip(&self.places).enumerate() {
            let steps = asked.steps(version[asked.feature]);
            if at == 0 {
                cells.iter_mut().zip(steps).for_each(|(c, step)| *c += step);
                continue;
            }
            for (&place, step) in places.iter().zip(steps) {
                cells[place as usize] += step;
            }
        }
    }

    /// Log-odds of a version under each member.
    pub fn answers(&self, version: &[u8]) -> Vec<f64> {
        let (mut answers, mut cells) = (self.still.clone(), Vec::new());
        self.cells(version, &mut cells);
        let cells = cells.into_iter();
        cells.for_each(|cell| self.lookup.add_cell(cell, &mut answers));
        let add = |member: usize, value: f64| answers[member] += value;
        self.each_left(version, &mut Vec::new(), add);
        answers
    }

    /// Tells the member of every tree outside of the tables that may move and what it adds; `masks` is overwritten.
    fn each_left(&self, version: &[u8], masks: &mut Vec<u16>, mut tell: impl FnMut(usize, f64)) {
        self.masks.each(version, masks, &mut tell);
        for (member, tree) in &self.lookup.walked {
            tell(*member, tree.value(version));
        }
    }

    /// Mean log-odds of every version.
    pub fn log_odds(&self, versions: &Binned) -> Vec<f64> {
        let still: f64 = self.still.iter().sum();
        let (mut cells, mut masks) = (Vec::new(), Vec::new());
        let mut sums: Vec<f64> = Vec::with_capacity(versions.rows());
        for row in 0..versions.rows() {
            let version = versions.row(row);
            let known = sums.last().copied();
            let known = known.filter(|_| self.stands(versions.row(row - 1), version));
            sums.push(known.unwrap_or_else(|| {
                self.cells(version, &mut cells);
                let mut sum = still + self.lookup.sum(&cells);
                self.each_left(version, &mut masks, |_, value| sum += value);
                sum
            }));
        }
        let count = self.still.len().max(1) as f64;
        sums.iter_mut().for_each(|sum| *sum /= count);
        sums
    }
}
