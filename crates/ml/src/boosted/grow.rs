//! Growing one tree, leaf by leaf where the gain is largest.
//!
//! Rows of a leaf are a contiguous stretch of row numbers, divided stably, so that they stay ascending and memory is read
//! forwards. Only the smaller child of a split is summed, the other one is the parent minus it. Deliberately one thread:
//! members and folds are what runs side by side.

use super::binning::Binned;
use super::histogram::{Cell, fill, subtract, total};
use super::split::{BinKind, BinSet, Bounds, Rules, Split, best, bounds_below};
use super::tree::{Node, Tree};

/// Limits of a tree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub leaves: usize,
    pub depth: usize,
    /// What leaf values are multiplied by.
    pub shrinkage: f64,
}

struct Leaf {
    node: usize,
    start: usize,
    end: usize,
    sum: Cell,
    bounds: Bounds,
    depth: usize,
    histogram: Vec<Cell>,
    best: Option<(usize, Split)>,
}

/// Reusable memory of a member's trees.
pub(super) struct Grower<'a> {
    binned: &'a Binned,
    rules: Rules,
    limits: Limits,
    /// Row numbers, leaf after leaf.
    pub rows: Vec<u32>,
    scratch: Vec<u32>,
    spare: Vec<Vec<Cell>>,
    /// Stretches of `rows` and the value of the leaf they ended in.
    pub leaves: Vec<(usize, usize, f64)>,
}

impl<'a> Grower<'a> {
    pub fn new(binned: &'a Binned, rules: Rules, limits: Limits) -> Self {
        Self {
            binned,
            rules,
            limits,
            rows: Vec::new(),
            scratch: Vec::new(),
            spare: Vec::new(),
            leaves: Vec::new(),
        }
    }

    /// A tree on the rows in `self.rows` and the features `columns`; `None` where no split gains.
    pub fn grow(&mut self, gradients: &[[f32; 2]], columns: &[usize]) -> Option<Tree> {
        self.scratch.resize(self.rows.len(), 0);
        let mut nodes = vec![Node::leaf(0.0, self.rows.len() as f64)];
        let mut root = Leaf {
            node: 0,
            start: 0,
            end: self.rows.len(),
            sum: total(gradients, &self.rows),
            bounds: Bounds::NONE,
            depth: 0,
            histogram: self.buffer(),
            best: None,
        };
        fill(&mut root.histogram, self.binned, gradients, &self.rows);
        self.search(&mut root, columns);
        let mut leaves = vec![root];
        while leaves.len() < self.limits.leaves {
            let gain = |leaf: &Leaf| leaf.best.as_ref().map_or(0.0, |(_, s)| s.gain);
            let widest = (0..leaves.len())
                .rev()
                .max_by(|&a, &b| gain(&leaves[a]).total_cmp(&gain(&leaves[b])));
            let Some((at, (feature, split))) =
                widest.and_then(|at| leaves[at].best.map(|best| (at, best)))
            else {
                break;
            };
            let parent = leaves.swap_remove(at);
            let last = leaves.len() + 2 == self.limits.leaves;
            let pair = self.divide(parent, feature, split, &mut nodes);
            leaves.extend(self.prepare(pair, gradients, columns, last));
        }
        self.finish(leaves, nodes)
    }

    fn buffer(&mut self) -> Vec<Cell> {
        self.spare
            .pop()
            .unwrap_or_else(|| vec![[0.0; 2]; self.binned.total()])
    }

    fn search(&self, leaf: &mut Leaf, columns: &[usize]) {
        leaf.best = None;
        if leaf.depth >= self.limits.depth || leaf.sum[1] < 2.0 * self.rules.leaf_hessian {
            return;
        }
        for &feature in columns {
            let cells =
                &leaf.histogram[self.binned.offsets[feature]..self.binned.offsets[feature + 1]];
            let kind = self.binned.kinds[feature];
            let found = best(cells, leaf.sum, kind, leaf.bounds, &self.rules);
            if let Some(split) = found
                && leaf.best.is_none_or(|(_, b)| split.gain > b.gain)
            {
                leaf.best = Some((feature, split));
            }
        }
    }

    /// Divides the rows of `parent`; the first child keeps the parent's histogram.
    fn divide(
        &mut self,
        parent: Leaf,
        feature: usize,
        split: Split,
        nodes: &mut Vec<Node>,
    ) -> [Leaf; 2] {
        let middle = self.partition(parent.start, parent.end, feature, &split.first);
        let kind: BinKind = self.binned.kinds[feature];
        let bounds = bounds_below(&split, kind, parent.bounds, &self.rules);
        let at = nodes.len();
        nodes[parent.node] = Node {
            feature: feature as u32,
            first: at as u32,
            second: at as u32 + 1,
            set: split.first,
            ..nodes[parent.node]
        };
        let mut histogram = Some(parent.histogram);
        [(parent.start, middle), (middle, parent.end)].map(|(start, end)| {
            let side = nodes.len() - at;
            nodes.push(Node::leaf(0.0, (end - start) as f64));
            Leaf {
                node: at + side,
                start,
                end,
                sum: split.sums[side],
                bounds: bounds[side],
                depth: parent.depth + 1,
                histogram: histogram.take().unwrap_or_default(),
                best: None,
            }
        })
    }

    /// Sums the children and finds their best splits, unless they are the `last` ones and stay leaves anyway.
    fn prepare(
        &mut self,
        [mut first, mut second]: [Leaf; 2],
        gradients: &[[f32; 2]],
        columns: &[usize],
        last: bool,
    ) -> [Leaf; 2] {
        let mut parents = std::mem::take(&mut first.histogram);
        let done = first.depth >= self.limits.depth;
        if last || done {
            self.spare.push(parents);
            return [first, second];
        }
        let mut smaller = self.buffer();
        let first_is_smaller = first.end - first.start <= second.end - second.start;
        let (start, end) = if first_is_smaller {
            (first.start, first.end)
        } else {
            (second.start, second.end)
        };
        fill(&mut smaller, self.binned, gradients, &self.rows[start..end]);
        subtract(&mut parents, &smaller);
        (first.histogram, second.histogram) = if first_is_smaller {
            (smaller, parents)
        } else {
            (parents, smaller)
        };
        self.search(&mut first, columns);
        self.search(&mut second, columns);
        [first, second]
    }

    /// Brings the rows of the first side to the front, both sides in their old order; where the second side starts.
    fn partition(&mut self, start: usize, end: usize, feature: usize, set: &BinSet) -> usize {
        let (mut front, mut back) = (start, 0);
        let width = self.binned.width;
        for at in start..end {
            let row = self.rows[at];
            let inside = set.contains(self.binned.cells[row as usize * width + feature]);
            // Written to both places and counted once: which side it is cannot be guessed by the processor.
            self.rows[front] = row;
            self.scratch[back] = row;
            front += usize::from(inside);
            back += usize::from(!inside);
        }
        self.rows[front..end].copy_from_slice(&self.scratch[..back]);
        front
    }

    fn finish(&mut self, leaves: Vec<Leaf>, mut nodes: Vec<Node>) -> Option<Tree> {
        self.leaves.clear();
        let split = leaves.len() > 1;
        for leaf in leaves {
            let value = self.limits.shrinkage * self.rules.value(leaf.sum, leaf.bounds);
            nodes[leaf.node].value = value;
            self.leaves.push((leaf.start, leaf.end, value));
            if !leaf.histogram.is_empty() {
                self.spare.push(leaf.histogram);
            }
        }
        split.then(|| Tree::new(nodes))
    }
}
