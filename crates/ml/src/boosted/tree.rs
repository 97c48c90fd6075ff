//! A grown tree over binned rows.
//!
//! Deliberately only reads: trees are made in `grow` and explained in `shap`.

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

    /// The leaves that add anything.
    pub(super) fn leaves(&self) -> &Leaves {
        &self.leaves
    }

    /// The same without what some of its leaves, which are places among the nodes, add; `None` where nothing is left.
    pub fn without(&self, tabled: &[usize]) -> Option<Self> {
        let leaves = self.leaves.without(tabled);
        let mut nodes = self.nodes.clone();
        tabled.iter().for_each(|&leaf| nodes[leaf].value = 0.0);
        (leaves.count() > 0).then_some(Self { nodes, leaves })
    }

    /// Adds the Shapley value of every feature for a row, times `scale`; see `shap`.
    #[cfg(test)]
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
