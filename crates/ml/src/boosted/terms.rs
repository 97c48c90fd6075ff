//! What members are made of, taken apart: shapes, grids, and single leaves of trees.
//!
//! Each is a function of few features, and tells few classes of bins of a feature apart. Members are sums of them, and so are
//! Shapley values, so that any of them may be added up in tables (see `merge`). A leaf has the features on the way to it
//! alone, which are fewer than those of its tree. Deliberately unaware of what becomes of them.

use super::binning::Feature;
use super::member::{Grid, Member, Shape};
use super::shap::{Test, add_leaf};

/// Most features of a term. A leaf with more on its way has too many cells to be worth a place in a table.
const MOST_FEATURES: usize = 5;

/// Bins of a feature, as classes of bins that are not told apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Classes {
    pub feature: usize,
    /// Class of every bin.
    pub of: Vec<u8>,
    /// Classes.
    pub count: usize,
}

impl Classes {
    fn new(feature: usize, of: Vec<u8>) -> Self {
        let count = of.iter().max().map_or(1, |&most| usize::from(most) + 1);
        Self { feature, of, count }
    }

    /// One class for each run of bins with the same value.
    fn of_values(feature: usize, values: &[f64]) -> Self {
        let mut class = 0u8;
        let of = (0..values.len()).map(|bin| {
            class += u8::from(bin > 0 && values[bin] != values[bin - 1]);
            class
        });
        Self::new(feature, of.collect())
    }

    /// Tells apart what `other` does as well.
    pub fn join(&mut self, other: &Self) {
        if self.tells(other) {
            return;
        }
        let mut known = vec![None; self.count * other.count];
        self.count = 0;
        for (a, &b) in self.of.iter_mut().zip(&other.of) {
            let class = &mut known[usize::from(*a) * other.count + usize::from(b)];
            *a = *class.get_or_insert_with(|| {
                self.count += 1;
                (self.count - 1) as u8
            });
        }
    }

    /// Whether it tells apart whatever `other` does.
    fn tells(&self, other: &Self) -> bool {
        let mut of_class = [None; 256];
        let mut bins = self.of.iter().zip(&other.of);
        bins.all(|(&a, b)| of_class[usize::from(a)].get_or_insert(b) == &b)
    }

    /// How many classes [`Classes::join`] would make.
    pub fn joined(&self, other: &Self) -> usize {
        let mut joined = self.clone();
        joined.join(other);
        joined.count
    }

    /// A bin of every class.
    pub fn bins(&self) -> Vec<u8> {
        let mut bins = vec![0; self.count];
        let classes = self.of.iter().enumerate().rev();
        classes.for_each(|(bin, &class)| bins[usize::from(class)] = bin as u8);
        bins
    }
}

/// What a term is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind<'a> {
    Shape(&'a Shape),
    Grid(&'a Grid),
    Leaf(Leaf<'a>),
}

/// A leaf of a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'a> {
    /// Place of the tree among those of the member.
    pub tree: usize,
    /// Place among the nodes.
    pub node: usize,
    value: f64,
    tests: &'a [Test],
}

/// A function of few features.
#[derive(Debug, Clone, Copy)]
pub(super) struct Term<'a> {
    pub member: usize,
    pub kind: Kind<'a>,
}

/// A row to try and the Shapley values that it has, of all features.
pub(super) struct Scratch {
    row: Vec<u8>,
    shapley: Vec<f64>,
}

impl Scratch {
    pub fn new(features: usize) -> Self {
        Self {
            row: vec![0; features],
            shapley: vec![0.0; features],
        }
    }
}

impl Term<'_> {
    /// Its features, ascending, and what it tells apart: made when asked for, since that of all leaves takes much memory.
    pub fn axes(&self, features: &[Feature]) -> Vec<Classes> {
        let mut axes = match self.kind {
            Kind::Shape(shape) => {
                vec![Classes::of_values(shape.feature as usize, &shape.values)]
            }
            Kind::Grid(grid) => {
                let of = |a: usize| grid.pair.maps[a].clone();
                let axis = |a: usize| Classes::new(grid.pair.features[a] as usize, of(a));
                vec![axis(0), axis(1)]
            }
            Kind::Leaf(leaf) => {
                let classes = |test: &Test| {
                    let feature = test.feature as usize;
                    let bins = 0..features[feature].count();
                    let passes = |bin| test.set.contains(bin as u8);
                    let first = passes(0);
                    // The class of bin 0 is the first one, so that there is none without a bin.
                    let of = bins.map(|bin| u8::from(passes(bin) != first)).collect();
                    Classes::new(feature, of)
                };
                leaf.tests.iter().map(classes).collect()
            }
        };
        axes.sort_by_key(|axis| axis.feature);
        axes
    }

    /// Whether it can be walked to as well.
    pub fn is_leaf(&self) -> bool {
        matches!(self.kind, Kind::Leaf(_))
    }

    /// Cell after cell of its axes, the class of the first feature changing first: the value, then the Shapley value of each
    /// feature.
    pub fn cells(&self, axes: &[Classes], scratch: &mut Scratch) -> Vec<f64> {
        let bins: Vec<Vec<u8>> = axes.iter().map(Classes::bins).collect();
        let count: usize = axes.iter().map(|axis| axis.count).product();
        let mut cells = Vec::with_capacity(count * (axes.len() + 1));
        for cell in 0..count {
            let mut rest = cell;
            for (axis, bins) in axes.iter().zip(&bins) {
                scratch.row[axis.feature] = bins[rest % axis.count];
                scratch.shapley[axis.feature] = 0.0;
                rest /= axis.count;
            }
            cells.push(self.kind.explain(&scratch.row, &mut scratch.shapley));
            cells.extend(axes.iter().map(|axis| scratch.shapley[axis.feature]));
        }
        cells
    }
}

impl Kind<'_> {
    /// The value of a row; adds its Shapley values.
    fn explain(&self, row: &[u8], into: &mut [f64]) -> f64 {
        match self {
            Self::Shape(shape) => {
                let feature = shape.feature as usize;
                let value = shape.values[usize::from(row[feature])];
                into[feature] += value - shape.mean;
                value
            }
            Self::Grid(grid) => grid.explain(row, into),
            Self::Leaf(leaf) => {
                add_leaf(leaf.tests, leaf.value, row, into);
                let passes = |test: &Test| test.set.contains(row[test.feature as usize]);
                let passed = leaf.tests.iter().all(passes);
                if passed { leaf.value } else { 0.0 }
            }
        }
    }
}

/// The terms of all members; not the leaves behind many features.
pub(super) fn terms(members: &[Member]) -> Vec<Term<'_>> {
    let mut terms = Vec::new();
    for (member, of) in members.iter().enumerate() {
        let mut kinds: Vec<Kind<'_>> = of.shapes.iter().map(Kind::Shape).collect();
        kinds.extend(of.grids.iter().map(Kind::Grid));
        for (tree, of_tree) in of.trees.iter().enumerate() {
            let leaves = of_tree.leaves().each();
            let few = leaves.filter(|(_, _, tests)| tests.len() <= MOST_FEATURES);
            kinds.extend(few.map(|(node, value, tests)| {
                Kind::Leaf(Leaf {
                    tree,
                    node,
                    value,
                    tests,
                })
            }));
        }
        terms.extend(kinds.into_iter().map(|kind| Term { member, kind }));
    }
    terms
}
