//! Which terms of a model are added up in one table.
//!
//! Terms of the same features share a table, whose cells are those of all classes of bins that any of them tells apart. A
//! table may take in another where that makes it larger by little: each table less is a look-up less in every answer. What
//! needs more room than a model may take stays outside. Deliberately greedy and blind to values.

use std::collections::BTreeMap;

use super::binning::Feature;
use super::terms::{Classes, Term};

/// Most numbers that the tables of a model may hold: 4 MB.
pub(super) const MOST_ENTRIES: usize = 512 * 1024;
/// Most cells that terms may be added to when a model is made ready: some tens of milliseconds.
const MOST_WORK: usize = 3_000_000;
/// Numbers that one table less is worth.
const WORTH: usize = 1024;
/// Tables that may take in another, the last ones made: comparing all would take long where there are thousands.
const MOST_COMPARED: usize = 256;
/// Most features of a table.
const MOST_FEATURES: usize = 6;

/// Terms that share a table.
#[derive(Debug)]
pub(super) struct Group<'a> {
    /// Ascending features.
    pub axes: Vec<Classes>,
    pub terms: Vec<Term<'a>>,
}

impl<'a> Group<'a> {
    pub fn cells(&self) -> usize {
        let sides = self.axes.iter().map(|axis| axis.count);
        sides.fold(1, usize::saturating_mul)
    }

    /// Numbers in its table, where there are so many members.
    fn entries(&self, members: usize) -> usize {
        entries(self.cells(), self.axes.len(), members)
    }

    fn has(&self, feature: usize) -> Option<&Classes> {
        self.axes.iter().find(|axis| axis.feature == feature)
    }

    /// Numbers in the table that takes in another; `None` where that is more than `most`.
    fn together(&self, other: &Self, members: usize, most: usize) -> Option<usize> {
        let new = other.axes.iter().filter(|a| self.has(a.feature).is_none());
        let features = self.axes.len() + new.count();
        let sides = |least: bool| {
            let of_self = self.axes.iter().map(move |a| match other.has(a.feature) {
                Some(b) if least => a.count.max(b.count),
                Some(b) => a.joined(b),
                None => a.count,
            });
            let of_other = other.axes.iter().filter(|a| self.has(a.feature).is_none());
            let of_other = of_other.map(|a| a.count);
            of_self.chain(of_other).fold(1, usize::saturating_mul)
        };
        let fits = |cells: usize| Some(entries(cells, features, members)).filter(|e| *e <= most);
        if features > MOST_FEATURES {
            return None;
        }
        // What it takes at least is cheap to tell.
        fits(sides(true)).and_then(|_| fits(sides(false)))
    }

    /// For every cell of the table, where the cell of a term with these axes begins.
    pub fn cells_of(&self, axes: &[Classes]) -> Vec<usize> {
        let mut cells = Vec::with_capacity(self.cells());
        cells.push(0);
        let mut stride = axes.len() + 1;
        for axis in &self.axes {
            let own = axes.iter().find(|a| a.feature == axis.feature);
            let step = |bin: u8| own.map_or(0, |a| usize::from(a.of[usize::from(bin)]) * stride);
            let steps: Vec<usize> = axis.bins().into_iter().map(step).collect();
            let known = cells.len();
            // The first class is that of bin 0, which may take a step itself.
            for &step in &steps[1..] {
                for cell in 0..known {
                    cells.push(cells[cell] + step);
                }
            }
            cells[..known].iter_mut().for_each(|cell| *cell += steps[0]);
            stride *= own.map_or(1, |a| a.count);
        }
        cells
    }

    fn take_in(&mut self, other: Self) {
        for axis in other.axes {
            match self.axes.binary_search_by_key(&axis.feature, |a| a.feature) {
                Ok(at) => self.axes[at].join(&axis),
                Err(at) => self.axes.insert(at, axis),
            }
        }
        self.terms.extend(other.terms);
    }
}

/// A sum of all members, that of each, and a Shapley value of each feature, in every cell.
fn entries(cells: usize, features: usize, members: usize) -> usize {
    cells.saturating_mul(1 + members + features)
}

/// The terms in groups; those that are in none stay outside, which only leaves do.
pub(super) fn groups<'a>(
    features: &[Feature],
    terms: Vec<Term<'a>>,
    members: usize,
) -> Vec<Group<'a>> {
    let mut left = MOST_ENTRIES;
    let mut groups = admitted(features, terms, members, &mut left);
    groups.sort_by_key(|group| std::cmp::Reverse((group.axes.len(), group.cells())));
    let mut merged: Vec<Group<'a>> = Vec::new();
    for group in groups {
        let own = group.entries(members);
        let last = merged.iter().enumerate().rev().take(MOST_COMPARED);
        let best = last.filter_map(|(at, into)| {
            let before = into.entries(members) + own;
            let most = before + WORTH.min(left);
            let together = into.together(&group, members, most)?;
            Some((together as isize - before as isize, at))
        });
        match best.min() {
            Some((more, at)) => {
                left = left.saturating_add_signed(-more);
                merged[at].take_in(group);
            }
            None => merged.push(group),
        }
    }
    merged
}

/// Terms by their features, those that need least room for each term first, as far as there is room.
fn admitted<'a>(
    features: &[Feature],
    terms: Vec<Term<'a>>,
    members: usize,
    left: &mut usize,
) -> Vec<Group<'a>> {
    let mut by_features: BTreeMap<Vec<usize>, Group<'a>> = BTreeMap::new();
    for term in terms {
        let alone = Group {
            axes: term.axes(features),
            terms: vec![term],
        };
        let asked = alone.axes.iter().map(|axis| axis.feature).collect();
        match by_features.get_mut(&asked) {
            Some(group) => group.take_in(alone),
            None => {
                by_features.insert(asked, alone);
            }
        }
    }
    let mut groups: Vec<Group<'a>> = by_features.into_values().collect();
    groups.sort_by_cached_key(|group| group.entries(members) / group.terms.len());
    let mut work = MOST_WORK;
    let fits = |group: &Group<'a>| {
        let entries = group.entries(members);
        let effort = group.cells().saturating_mul(group.terms.len());
        let needed = group.terms.iter().any(|term| !term.is_leaf());
        let fits = needed || (entries <= *left && effort <= work);
        if fits {
            *left = left.saturating_sub(entries);
            work = work.saturating_sub(effort);
        }
        fits
    };
    groups.into_iter().filter(fits).collect()
}
