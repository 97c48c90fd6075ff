//! Trees as masks of leaves: what a row gets of a tree is found without walking.
//!
//! For every bin of a feature, a mask tells which leaves of a tree are behind tests that the bin passes; over all features of
//! a row, one leaf passes (the bit vectors of Lucchese et al. 2015, "QuickScorer", read by bin). Masks lie feature by feature and
//! bin by bin, so that a row reads them in a stretch. Deliberately for trees of up to 16 leaves: larger ones are walked.

use super::binning::Feature;
use super::shap::Leaves;

/// Most leaves of a tree.
const MOST_LEAVES: usize = 16;
/// Most masks of a model: 4 MB.
const MOST_MASKS: usize = 2 * 1024 * 1024;

/// A feature and the trees that ask it.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    feature: usize,
    trees: Vec<u32>,
    /// Of every bin one after the other: the mask in each of the trees.
    masks: Vec<u16>,
}

/// Trees of members.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Masks {
    asked: Vec<Asked>,
    members: Vec<u32>,
    /// Of every tree: values of its leaves, and behind them 0 for rows of which it has none.
    values: Vec<f64>,
}

impl Masks {
    /// Trees of members; tells which of them had room.
    pub fn of(features: &[Feature], trees: &[(usize, &Leaves)]) -> (Self, Vec<bool>) {
        let mut masks = Self::default();
        let mut columns: Vec<Vec<(u32, Vec<u16>)>> = vec![Vec::new(); features.len()];
        let mut room = MOST_MASKS;
        let mut fits = Vec::with_capacity(trees.len());
        for &(member, leaves) in trees {
            let of_tree = of_tree(features, leaves);
            let size: usize = of_tree.iter().map(|(_, masks)| masks.len()).sum();
            fits.push(leaves.count() <= MOST_LEAVES && size <= room);
            if fits[fits.len() - 1] {
                room -= size;
                let tree = masks.members.len() as u32;
                masks.members.push(member as u32);
                let from = masks.values.len();
                masks
                    .values
                    .extend(leaves.each().map(|(_, value, _)| value));
                masks.values.resize(from + MOST_LEAVES + 1, 0.0);
                for (feature, bins) in of_tree {
                    columns[feature].push((tree, bins));
                }
            }
        }
        for (feature, columns) in columns.into_iter().enumerate() {
            let bins = 0..features[feature].count();
            let of_bin = |bin: usize| columns.iter().map(move |(_, masks)| masks[bin]);
            if !columns.is_empty() {
                masks.asked.push(Asked {
                    feature,
                    masks: bins.flat_map(of_bin).collect(),
                    trees: columns.iter().map(|(tree, _)| *tree).collect(),
                });
            }
        }
        (masks, fits)
    }

    /// Leaves out what features that are not `taken` say.
    fn pass(&self, row: &[u8], taken: impl Fn(usize) -> bool, left: &mut [u16]) {
        for asked in self.asked.iter().filter(|asked| taken(asked.feature)) {
            let from = usize::from(row[asked.feature]) * asked.trees.len();
            let masks = &asked.masks[from..][..asked.trees.len()];
            for (&tree, mask) in asked.trees.iter().zip(masks) {
                left[tree as usize] &= mask;
            }
        }
    }

    fn value(&self, tree: usize, left: u16) -> f64 {
        self.values[tree * (MOST_LEAVES + 1) + left.trailing_zeros() as usize]
    }

    /// Tells the member of every tree and what the tree adds to a row; `left` is overwritten.
    pub fn each(&self, row: &[u8], left: &mut Vec<u16>, mut tell: impl FnMut(usize, f64)) {
        left.clear();
        left.resize(self.members.len(), u16::MAX);
        self.pass(row, |_| true, left);
        for (tree, (&member, &left)) in self.members.iter().zip(&*left).enumerate() {
            tell(member as usize, self.value(tree, left));
        }
    }
}

/// The masks of a tree: of each feature that it asks, one for every bin.
fn of_tree(features: &[Feature], leaves: &Leaves) -> Vec<(usize, Vec<u16>)> {
    let mut found: Vec<(usize, Vec<u16>)> = Vec::new();
    for (place, (_, _, tests)) in leaves.each().take(MOST_LEAVES).enumerate() {
        for test in tests {
            let feature = test.feature as usize;
            let known = found.iter().position(|(f, _)| *f == feature);
            let at = known.unwrap_or_else(|| {
                found.push((feature, vec![u16::MAX; features[feature].count()]));
                found.len() - 1
            });
            for (bin, mask) in found[at].1.iter_mut().enumerate() {
                *mask &= !(u16::from(!test.set.contains(bin as u8)) << place);
            }
        }
    }
    found
}

/// The trees of a row, some features of which vary.
pub(super) struct MovingMasks<'a> {
    masks: &'a Masks,
    varying: Vec<bool>,
    /// Trees that ask a varying feature.
    trees: Vec<u32>,
    /// What the other features leave.
    left: Vec<u16>,
}

impl<'a> MovingMasks<'a> {
    /// Adds to `still` what the trees that do not vary add to each member.
    pub fn new(masks: &'a Masks, row: &[u8], varying: Vec<bool>, still: &mut [f64]) -> Self {
        let mut left = vec![u16::MAX; masks.members.len()];
        masks.pass(row, |feature| !varying[feature], &mut left);
        let mut moves = vec![false; left.len()];
        for asked in masks.asked.iter().filter(|asked| varying[asked.feature]) {
            asked
                .trees
                .iter()
                .for_each(|&tree| moves[tree as usize] = true);
        }
        let mut trees = Vec::new();
        for (tree, moves) in moves.into_iter().enumerate() {
            if moves {
                trees.push(tree as u32);
            } else {
                still[masks.members[tree] as usize] += masks.value(tree, left[tree]);
            }
        }
        Self {
            masks,
            varying,
            trees,
            left,
        }
    }

    /// Tells the member of every tree that moves and what the tree adds to a version of the row; `left` is overwritten.
    pub fn each(&self, version: &[u8], left: &mut Vec<u16>, mut tell: impl FnMut(usize, f64)) {
        if self.trees.is_empty() {
            return;
        }
        left.clone_from(&self.left);
        self.masks
            .pass(version, |feature| self.varying[feature], left);
        for &tree in &self.trees {
            let tree = tree as usize;
            let member = self.masks.members[tree] as usize;
            tell(member, self.masks.value(tree, left[tree]));
        }
    }
}
