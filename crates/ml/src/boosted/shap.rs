//! Exact Shapley values of a tree, path-dependent.
//!
//! A feature outside the coalition sends a row down both children in proportion to the training rows that went there,
//! as in Lundberg et al. (2018), "Consistent individualized feature attribution for tree ensembles". A leaf is then a
//! product game: with z_j the share of rows that pass the tests of feature j, and U those whose tests the row passes, a
//! coalition S gives value * prod of z_j over j outside S if S lies in U, else 0. What each feature gets of that is computed
//! in `quadrature`, so no subset is ever listed. Deliberately for single trees; sums over trees are the caller's.

use std::sync::Arc;

use super::quadrature::{FOUR, MANY, MOST, Nodes, TWO};
use super::split::BinSet;
use super::tree::Node;

/// One feature on the way to a leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Test {
    pub feature: u32,
    /// Bins that pass all tests of the feature.
    pub set: BinSet,
    /// Share of training rows that pass them.
    pub share: f64,
}

/// The leaves of a tree that add anything, each with the features on the way to it.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Leaves {
    /// Of one leaf after the other; shared with whoever keeps some of the leaves.
    tests: Arc<[Test]>,
    ends: Vec<End>,
}

/// A leaf.
#[derive(Debug, Clone, Copy, PartialEq)]
struct End {
    /// Place among the nodes.
    node: usize,
    value: f64,
    /// Where its tests begin and end.
    tests: [u32; 2],
}

impl Leaves {
    /// The leaves of the tree with these nodes.
    pub fn of(nodes: &[Node]) -> Self {
        let (mut leaves, mut tests) = (Self::default(), Vec::new());
        if !nodes.is_empty() {
            leaves.walk(nodes, 0, &mut Vec::new(), &mut tests);
        }
        leaves.tests = tests.into();
        leaves
    }

    fn walk(&mut self, nodes: &[Node], at: usize, way: &mut Vec<Test>, tests: &mut Vec<Test>) {
        let node = nodes[at];
        if node.is_leaf() {
            if node.value != 0.0 {
                let from = tests.len() as u32;
                tests.extend_from_slice(way);
                self.ends.push(End {
                    node: at,
                    value: node.value,
                    tests: [from, tests.len() as u32],
                });
            }
            return;
        }
        for (child, set) in [
            (node.first, node.set),
            (node.second, BinSet::ALL.without(node.set)),
        ] {
            let share = nodes[child as usize].cover / node.cover.max(f64::MIN_POSITIVE);
            let seen = way.iter().position(|t| t.feature == node.feature);
            let before = seen.map(|i| way[i]);
            match seen {
                Some(i) => {
                    way[i].set = way[i].set.and(set);
                    way[i].share *= share;
                }
                None => way.push(Test {
                    feature: node.feature,
                    set,
                    share,
                }),
            }
            self.walk(nodes, child as usize, way, tests);
            match (seen, before) {
                (Some(i), Some(test)) => way[i] = test,
                _ => {
                    way.pop();
                }
            }
        }
    }

    /// Adds the Shapley value of every feature for `row` to `into` (one per feature), each times `scale`.
    ///
    /// They add up to the tree's value for the row minus its mean over the training rows.
    #[cfg(test)]
    pub fn add_shapley(&self, row: &[u8], scale: f64, into: &mut [f64]) {
        for (_, value, tests) in self.each() {
            add_leaf(tests, value * scale, row, into);
        }
    }

    /// The same without some leaves, which are places among the nodes.
    pub fn without(&self, nodes: &[usize]) -> Self {
        let mut left = self.clone();
        left.ends.retain(|end| !nodes.contains(&end.node));
        left
    }

    /// How many leaves there are.
    pub fn count(&self) -> usize {
        self.ends.len()
    }

    /// Of every leaf: its place among the nodes, its value, and the features on the way to it.
    pub fn each(&self) -> impl Iterator<Item = (usize, f64, &[Test])> {
        self.ends.iter().map(move |end| {
            let [from, to] = end.tests.map(|at| at as usize);
            (end.node, end.value, &self.tests[from..to])
        })
    }
}

/// Adds what one leaf adds, which has the features of `tests` on its way.
pub(super) fn add_leaf(tests: &[Test], value: f64, row: &[u8], into: &mut [f64]) {
    // Most ways are short, and a long one costs more than they do.
    match tests.len() {
        0..=4 => add::<4, 2>(&TWO, tests, value, row, into),
        5..=8 => add::<8, 4>(&FOUR, tests, value, row, into),
        _ => add::<MOST, { MOST / 2 }>(&MANY, tests, value, row, into),
    }
}

fn add<const K: usize, const N: usize>(
    nodes: &Nodes<N>,
    tests: &[Test],
    value: f64,
    row: &[u8],
    into: &mut [f64],
) {
    // Features that every row passes change nothing.
    let (mut shares, mut passed) = ([1.0; K], [1.0; K]);
    for ((test, share), passed) in tests.iter().zip(&mut shares).zip(&mut passed) {
        *share = test.share;
        *passed = f64::from(u8::from(test.set.contains(row[test.feature as usize])));
    }
    let shapley = nodes.shapley(value, &shares, &passed);
    for (test, value) in tests.iter().zip(shapley) {
        into[test.feature as usize] += value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boosted::tree::{Node, Tree};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// A random tree over `features` features of 8 bins.
    fn random(rng: &mut ChaCha8Rng, features: u32, splits: usize) -> Tree {
        let mut nodes = vec![Node::leaf(0.3, 1000.0)];
        for _ in 0..splits {
            let leaves: Vec<usize> = (0..nodes.len()).filter(|&i| nodes[i].is_leaf()).collect();
            let at = leaves[rng.random_range(0..leaves.len())];
            let share = rng.random_range(0.05..0.95);
            let (cover, next) = (nodes[at].cover, nodes.len() as u32);
            let mut set = BinSet::default();
            (0..8).filter(|_| rng.random()).for_each(|b| set.insert(b));
            nodes[at] = Node {
                feature: rng.random_range(0..features),
                first: next,
                second: next + 1,
                set,
                value: 0.0,
                cover,
            };
            nodes.push(Node::leaf(rng.random_range(-1.0..1.0), cover * share));
            nodes.push(Node::leaf(
                rng.random_range(-1.0..1.0),
                cover * (1.0 - share),
            ));
        }
        Tree::new(nodes)
    }

    /// Expected value when only the features in `known` (a bit set) are known.
    fn expected(tree: &Tree, at: usize, row: &[u8], known: u32) -> f64 {
        let node = tree.nodes[at];
        if node.is_leaf() {
            return node.value;
        }
        let child = |c: u32| expected(tree, c as usize, row, known);
        if known >> node.feature & 1 == 1 {
            return child(if node.set.contains(row[node.feature as usize]) {
                node.first
            } else {
                node.second
            });
        }
        let weight = |c: u32| tree.nodes[c as usize].cover / node.cover;
        weight(node.first) * child(node.first) + weight(node.second) * child(node.second)
    }

    #[test]
    fn agrees_with_all_subsets() {
        let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for round in 0..60 {
            let features = 1 + round % 6;
            let tree = random(&mut rng, features, 1 + (round as usize * 7) % 14);
            let row: Vec<u8> = (0..features).map(|_| rng.random_range(0..8)).collect();
            let mut found = vec![0.0; features as usize];
            tree.add_shapley(&row, 1.0, &mut found);
            for f in 0..features {
                let mut exact = 0.0;
                for subset in (0u32..1 << features).filter(|s| s >> f & 1 == 0) {
                    let size = subset.count_ones();
                    let weight =
                        factorial(size) * factorial(features - size - 1) / factorial(features);
                    exact += weight
                        * (expected(&tree, 0, &row, subset | 1 << f)
                            - expected(&tree, 0, &row, subset));
                }
                assert!(
                    (found[f as usize] - exact).abs() < 1e-12,
                    "{found:?} {exact}"
                );
            }
            let sum: f64 = found.iter().sum();
            assert!((sum - (tree.value(&row) - tree.mean())).abs() < 1e-12);
        }
    }
}
