//! The members of an ensemble as tables: what a row gets of them is looked up instead of walked to.
//!
//! Whatever members are made of tells few bins of few features apart (see `terms`), so that rows fall into few cells. A table
//! holds for each cell what many terms add up to (see `merge`): for all members together, for each of them, and the Shapley
//! values of its features. Which cell a row is in is a sum of one step per feature, and steps lie feature by feature and
//! bin by bin, so that a row reads them in a stretch. Deliberately not for leaves that would take too much room: these are
//! found by masks (see `masks`), or by walking where a tree is large, and explained leaf by leaf (see `games`).

use std::collections::BTreeMap;

use super::binning::{Binned, Feature};
use super::games::Games;
use super::masks::Masks;
use super::member::Member;
use super::merge::{Group, groups};
use super::terms::{Kind, Scratch, terms};
use super::tree::Tree;

/// A feature and the tables that ask it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub feature: usize,
    /// Places among the tables, ascending.
    pub tables: Vec<u32>,
    /// Of every bin one after the other: the step in each of the tables.
    steps: Vec<u32>,
}

impl Asked {
    /// The step in each of the tables.
    pub fn steps(&self, bin: u8) -> &[u32] {
        let (bin, count) = (usize::from(bin), self.tables.len());
        &self.steps[bin * count..(bin + 1) * count]
    }
}

/// Where a table is.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Table {
    /// Where its features begin and end in [`Lookup::features`].
    features: [u32; 2],
    /// Where the Shapley values of its first cell begin.
    shapley: u32,
}

/// All members.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Lookup {
    pub asked: Vec<Asked>,
    tables: Vec<Table>,
    /// First cell of each table.
    pub starts: Vec<u32>,
    features: Vec<u32>,
    /// Of every cell: what all members add up to.
    sums: Vec<f64>,
    /// Of every cell: what each member adds.
    answers: Vec<f64>,
    /// Of every cell: the Shapley value that each feature of the table has in all members together.
    shapley: Vec<f64>,
    /// Trees whose leaves are not all in tables.
    trees_left: usize,
    /// Their other leaves, for explanations.
    games: Games,
    /// What these add to the members.
    pub masks: Masks,
    /// The trees among them that have no masks, each with its member.
    pub walked: Vec<(usize, Tree)>,
    /// What each member says of every row.
    pub bases: Vec<f64>,
}

impl Lookup {
    pub fn of(features: &[Feature], members: &[Member]) -> Self {
        let groups = groups(features, terms(members), members.len());
        let mut asked: Vec<Asked> = (0..features.len())
            .map(|feature| Asked {
                feature,
                tables: Vec::new(),
                steps: Vec::new(),
            })
            .collect();
        let mut steps: Vec<Vec<Vec<u32>>> = vec![Vec::new(); features.len()];
        let mut lookup = Self {
            bases: members.iter().map(|member| member.base).collect(),
            ..Self::default()
        };
        let mut scratch = Scratch::new(features.len());
        for (at, group) in groups.iter().enumerate() {
            let mut stride = 1;
            for axis in &group.axes {
                asked[axis.feature].tables.push(at as u32);
                let step = |&class: &u8| u32::from(class) * stride;
                steps[axis.feature].push(axis.of.iter().map(step).collect());
                stride *= axis.count as u32;
            }
            lookup.push(features, group, &mut scratch);
        }
        for (asked, steps) in asked.iter_mut().zip(steps) {
            let bins = features[asked.feature].count();
            let of_bin = |bin: usize| steps.iter().map(move |s| s[bin]);
            asked.steps = (0..bins).flat_map(of_bin).collect();
        }
        asked.retain(|asked| !asked.tables.is_empty());
        lookup.asked = asked;
        lookup.push_rest(features, rest(members, &groups));
        lookup
    }

    /// Adds what is left of trees, each with its member.
    fn push_rest(&mut self, features: &[Feature], rest: Vec<(usize, Tree)>) {
        let trees = rest.iter().map(|(member, tree)| (*member, tree.leaves()));
        let (masks, fits) = Masks::of(features, &trees.collect::<Vec<_>>());
        self.masks = masks;
        self.trees_left = rest.len();
        self.games = Games::of(rest.iter().map(|(_, tree)| tree.leaves()));
        let walked = rest.into_iter().zip(fits).filter(|(_, fits)| !fits);
        self.walked = walked.map(|(tree, _)| tree).collect();
    }

    /// How many tables there are, how many numbers they hold, and how many trees have leaves outside of them.
    pub fn sizes(&self) -> [usize; 3] {
        let entries = self.sums.len() + self.answers.len() + self.shapley.len();
        [self.tables.len(), entries, self.trees_left]
    }

    /// Adds the table of a group.
    fn push(&mut self, features: &[Feature], group: &Group<'_>, scratch: &mut Scratch) {
        let from = self.features.len() as u32;
        let of = group.axes.iter().map(|axis| axis.feature as u32);
        self.features.extend(of);
        self.tables.push(Table {
            features: [from, self.features.len() as u32],
            shapley: self.shapley.len() as u32,
        });
        let (first, cells) = (self.sums.len(), group.cells());
        let (members, width) = (self.bases.len(), group.axes.len());
        self.starts.push(first as u32);
        self.answers.resize((first + cells) * members, 0.0);
        let shapley = self.shapley.len();
        self.shapley.resize(shapley + cells * width, 0.0);
        let (answers, shapley) = (
            &mut self.answers[first * members..],
            &mut self.shapley[shapley..],
        );
        for term in &group.terms {
            let axes = term.axes(features);
            let asks = |at: &usize| axes.iter().any(|a| a.feature == group.axes[*at].feature);
            let places: Vec<usize> = (0..width).filter(asks).collect();
            let of_term = term.cells(&axes, scratch);
            for (cell, entry) in group.cells_of(&axes).into_iter().enumerate() {
                let entry = &of_term[entry..];
                answers[cell * members + term.member] += entry[0];
                for (place, value) in places.iter().zip(&entry[1..]) {
                    shapley[cell * width + place] += value;
                }
            }
        }
        let sums = answers.chunks_exact(members.max(1));
        self.sums
            .extend(sums.map(|of_cell| of_cell.iter().sum::<f64>()));
    }

    /// In which cell of every table a row is.
    fn cells(&self, row: &[u8], cells: &mut Vec<u32>) {
        cells.clone_from(&self.starts);
        for asked in &self.asked {
            let steps = asked.steps(row[asked.feature]);
            for (&table, step) in asked.tables.iter().zip(steps) {
                cells[table as usize] += step;
            }
        }
    }

    /// Adds what a cell says to the log-odds of each member.
    #[inline]
    pub fn add_cell(&self, cell: u32, answers: &mut [f64]) {
        let members = answers.len();
        let of_cell = &self.answers[cell as usize * members..][..members];
        answers.iter_mut().zip(of_cell).for_each(|(a, x)| *a += x);
    }

    /// What all members add up to in some cells, in four running sums, so that additions need not wait for each other.
    pub fn sum(&self, cells: &[u32]) -> f64 {
        let of = |cell: u32| self.sums[cell as usize];
        let fours = cells.chunks_exact(4);
        let rest: f64 = fours.remainder().iter().map(|&cell| of(cell)).sum();
        let mut sums = [0.0; 4];
        for four in fours {
            for (sum, &cell) in sums.iter_mut().zip(four) {
                *sum += of(cell);
            }
        }
        sums.iter().sum::<f64>() + rest
    }

    /// The log-odds of a row under each member.
    pub fn answers(&self, row: &[u8]) -> Vec<f64> {
        let (mut answers, mut cells) = (self.bases.clone(), Vec::new());
        self.cells(row, &mut cells);
        cells
            .iter()
            .for_each(|&cell| self.add_cell(cell, &mut answers));
        self.add_walked(row, &mut answers);
        answers
    }

    fn add_walked(&self, row: &[u8], answers: &mut [f64]) {
        let add = |member: usize, value: f64| answers[member] += value;
        self.each_left(row, &mut Vec::new(), add);
    }

    /// Tells the member of every tree with leaves outside of the tables and what these add; `masks` is overwritten.
    fn each_left(&self, row: &[u8], masks: &mut Vec<u16>, mut tell: impl FnMut(usize, f64)) {
        self.masks.each(row, masks, &mut tell);
        for (member, tree) in &self.walked {
            tell(*member, tree.value(row));
        }
    }

    /// The same as [`Lookup::answers`]; adds the Shapley values of all features, each times `scale`.
    pub fn explain(&self, row: &[u8], scale: f64, into: &mut [f64]) -> Vec<f64> {
        let (mut answers, mut cells) = (self.bases.clone(), Vec::new());
        self.cells(row, &mut cells);
        for ((table, &cell), &start) in self.tables.iter().zip(&cells).zip(&self.starts) {
            self.add_cell(cell, &mut answers);
            let [from, to] = table.features.map(|at| at as usize);
            let place = table.shapley as usize + (cell - start) as usize * (to - from);
            let values = &self.shapley[place..][..to - from];
            for (&feature, value) in self.features[from..to].iter().zip(values) {
                into[feature as usize] += scale * value;
            }
        }
        self.games.add_shapley(row, scale, into);
        self.add_walked(row, &mut answers);
        answers
    }

    /// What all members add up to for each of `rows`.
    pub fn sums(&self, rows: &Binned) -> Vec<f64> {
        let base: f64 = self.bases.iter().sum();
        let (mut cells, mut masks) = (Vec::new(), Vec::new());
        let sum = |row: usize| {
            let row = rows.row(row);
            self.cells(row, &mut cells);
            let mut sum = base + self.sum(&cells);
            self.each_left(row, &mut masks, |_, value| sum += value);
            sum
        };
        (0..rows.rows()).map(sum).collect()
    }
}

/// What is left of the trees without the leaves in tables.
fn rest(members: &[Member], groups: &[Group<'_>]) -> Vec<(usize, Tree)> {
    let mut tabled: BTreeMap<(usize, usize), Vec<usize>> = BTreeMap::new();
    let terms = groups.iter().flat_map(|group| &group.terms);
    for term in terms {
        if let Kind::Leaf(leaf) = term.kind {
            let leaves = tabled.entry((term.member, leaf.tree)).or_default();
            leaves.push(leaf.node);
        }
    }
    let mut rest = Vec::new();
    for (member, of) in members.iter().enumerate() {
        for (at, tree) in of.trees.iter().enumerate() {
            let tabled = tabled.remove(&(member, at)).unwrap_or_default();
            let left = tree.without(&tabled);
            rest.extend(left.map(|tree| (member, tree)));
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boosted::{BinSet, Bins, Node};
    use crate::encode::Origin;

    #[test]
    fn leaves_behind_more_features_than_can_be_counted_are_walked_to() {
        let splits: usize = 62;
        let features: Vec<Feature> = (0..splits)
            .map(|column| Feature {
                origin: Origin::Column(column),
                bins: Bins::Edges(vec![0.5]),
                falling: false,
            })
            .collect();
        let mut nodes = Vec::new();
        for feature in 0..splits as u32 {
            nodes.push(Node {
                feature,
                first: 2 * feature + 1,
                second: 2 * feature + 2,
                set: BinSet::up_to(1, false),
                ..Node::leaf(0.0, 2.0)
            });
            nodes.push(Node::leaf(f64::from(feature) + 0.25, 1.0));
        }
        nodes.push(Node::leaf(-1.0, 1.0));
        let tree = Tree::new(nodes);
        let member = Member {
            base: 0.5,
            trees: vec![tree.clone()],
            ..Member::default()
        };
        let lookup = Lookup::of(&features, &[member]);
        let [tables, _, walked] = lookup.sizes();
        assert!(tables > 0 && walked == 1, "{tables} {walked}");
        for first in [0, 1, 4, 5, 20, splits] {
            // Bin 2 goes on to the next split, bin 1 to a leaf.
            let row: Vec<u8> = (0..splits).map(|f| if f < first { 2 } else { 1 }).collect();
            let (mut found, mut expected) = (vec![0.0; splits], vec![0.0; splits]);
            let answers = lookup.explain(&row, 2.0, &mut found);
            tree.add_shapley(&row, 2.0, &mut expected);
            assert!((answers[0] - 0.5 - tree.value(&row)).abs() < 1e-12);
            let differences = found.iter().zip(expected).map(|(f, e)| (f - e).abs());
            assert!(differences.fold(0.0, f64::max) < 1e-9);
        }
    }
}
