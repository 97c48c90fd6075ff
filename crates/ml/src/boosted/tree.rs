//! A grown tree over binned rows.
//!
//! Deliberately only reads: trees are made in `grow` and explained in `shap`.

use super::binning::Binned;
use super::shap::Leaves;
use super::split::BinSet;

/// A node; a leaf has no children (`first` is 0, which as the root is nobody's child).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Node {
    pub feature: u32,
    /// Child of rows whose bin is in `set`.
    pub first: u32,
    /// Child of the other rows.
    pub second: u32,
    pub set: BinSet,
    /// Log-odds that a leaf adds; 0 elsewhere.
    pub value: f64,
    /// Training rows that came here.
    pub cover: f64,
}

impl Node {
    pub fn leaf(value: f64, cover: f64) -> Self {
        Self {
            feature: 0,
            first: 0,
            second: 0,
            set: BinSet::default(),
            value,
            cover,
        }
    }

    pub fn is_leaf(&self) -> bool {
        self.first == 0
    }
}

/// Rows that differ in some features alone.
struct Varied<'a> {
    rows: &'a Binned,
    varying: &'a [bool],
}

/// Nodes, the root first, children behind their parents.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Tree {
    pub nodes: Vec<Node>,
    /// The same, leaf by leaf, for explanations.
    leaves: Leaves,
}

impl Tree {
    /// A tree from at least one node.
    pub fn new(nodes: Vec<Node>) -> Self {
        Self {
            leaves: Leaves::of(&nodes),
            nodes,
        }
    }

    /// Adds the Shapley value of every feature for a row, times `scale`; see `shap`.
    pub fn add_shapley(&self, row: &[u8], scale: f64, into: &mut [f64]) {
        self.leaves.add_shapley(row, scale, into);
    }

    /// Log-odds that the tree adds to a row.
    pub fn value(&self, row: &[u8]) -> f64 {
        let mut node = &self.nodes[0];
        while !node.is_leaf() {
            let next = if node.set.contains(row[node.feature as usize]) {
                node.first
            } else {
                node.second
            };
            node = &self.nodes[next as usize];
        }
        node.value
    }

    /// Adds to `sums` what the tree adds to each of `rows`, which differ in the `varying` features alone, so that all of them
    /// go the same way wherever another feature is asked. `order` holds the places of the rows, and is reordered.
    pub fn add_values(
        &self,
        rows: &Binned,
        varying: &[bool],
        order: &mut [usize],
        sums: &mut [f64],
    ) {
        self.walk(0, &Varied { rows, varying }, order, sums);
    }

    fn walk(&self, at: usize, varied: &Varied<'_>, order: &mut [usize], sums: &mut [f64]) {
        let Some(&first) = order.first() else { return };
        let (mut node, row) = (&self.nodes[at], varied.rows.row(first));
        while !node.is_leaf() {
            let feature = node.feature as usize;
            let inside = |row: &[u8]| node.set.contains(row[feature]);
            if !varied.varying[feature] {
                let next = if inside(row) { node.first } else { node.second };
                node = &self.nodes[next as usize];
                continue;
            }
            let mut split = 0;
            for i in 0..order.len() {
                if inside(varied.rows.row(order[i])) {
                    order.swap(i, split);
                    split += 1;
                }
            }
            let (ones, others) = order.split_at_mut(split);
            self.walk(node.first as usize, varied, ones, sums);
            return self.walk(node.second as usize, varied, others, sums);
        }
        order.iter().for_each(|&row| sums[row] += node.value);
    }

    /// Mean over the training rows of what the tree adds.
    pub fn mean(&self) -> f64 {
        let all = self.nodes[0].cover.max(f64::MIN_POSITIVE);
        self.nodes
            .iter()
            .filter(|n| n.is_leaf())
            .map(|n| n.value * n.cover)
            .sum::<f64>()
            / all
    }
}
