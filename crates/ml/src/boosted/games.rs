//! Leaves outside of the tables, explained together.
//!
//! Leaves with about as many features on their way are computed in the same unrolled steps (see `quadrature`), as if all of them had
//! the same number: a feature more that every row passes changes nothing. What a row passes is found once for each
//! different test, of which trees share many, and Shapley values are added up by test before they are by feature, so that
//! a leaf takes little room and a row reads all of them in a stretch. Deliberately no values of rows: `masks` has them.

use std::collections::HashMap;

use super::quadrature::{EIGHT, FOUR, MANY, MOST, Nodes, THREE, TWO};
use super::shap::{Leaves, Test};
use super::split::BinSet;

/// A leaf, with room for `K` tests.
#[derive(Debug, Clone, PartialEq)]
struct Game<const K: usize> {
    value: f64,
    /// Share of training rows that pass each test.
    shares: [f64; K],
    /// Places among [`Games::tests`].
    tests: [u32; K],
}

/// Leaves of all members.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Games {
    /// Different tests, the first of which every row passes: a feature, and the bins that pass.
    tests: Vec<(u32, BinSet)>,
    four: Vec<Game<4>>,
    six: Vec<Game<6>>,
    eight: Vec<Game<8>>,
    sixteen: Vec<Game<16>>,
    many: Vec<Game<MOST>>,
}

impl Games {
    pub fn of<'a>(trees: impl Iterator<Item = &'a Leaves>) -> Self {
        let mut games = Self {
            tests: vec![(0, BinSet::ALL)],
            ..Self::default()
        };
        let mut known = HashMap::new();
        for (_, value, tests) in trees.flat_map(Leaves::each) {
            let all = &mut games.tests;
            let mut place = |test: &Test| {
                *known.entry((test.feature, test.set)).or_insert_with(|| {
                    all.push((test.feature, test.set));
                    all.len() as u32 - 1
                })
            };
            match tests.len() {
                0 => {}
                1..=4 => games.four.push(Game::of(value, tests, &mut place)),
                5..=6 => games.six.push(Game::of(value, tests, &mut place)),
                7..=8 => games.eight.push(Game::of(value, tests, &mut place)),
                9..=16 => games.sixteen.push(Game::of(value, tests, &mut place)),
                _ => games.many.push(Game::of(value, tests, &mut place)),
            }
        }
        games
    }

    /// Adds the Shapley value of every feature for `row` to `into` (one per feature), each times `scale`.
    pub fn add_shapley(&self, row: &[u8], scale: f64, into: &mut [f64]) {
        if self.tests.len() < 2 {
            return;
        }
        let passes = |&(feature, set): &(u32, BinSet)| set.contains(row[feature as usize]);
        let passed = self
            .tests
            .iter()
            .map(|test| f64::from(u8::from(passes(test))));
        let passed: Vec<f64> = passed.collect();
        let mut sums = vec![0.0; passed.len()];
        play(&self.four, &TWO, &passed, &mut sums);
        play(&self.six, &THREE, &passed, &mut sums);
        play(&self.eight, &FOUR, &passed, &mut sums);
        play(&self.sixteen, &EIGHT, &passed, &mut sums);
        play(&self.many, &MANY, &passed, &mut sums);
        for ((feature, _), sum) in self.tests.iter().zip(sums).skip(1) {
            into[*feature as usize] += scale * sum;
        }
    }
}

impl<const K: usize> Game<K> {
    fn of(value: f64, tests: &[Test], place: impl FnMut(&Test) -> u32) -> Self {
        let mut game = Self {
            value,
            shares: [1.0; K],
            tests: [0; K],
        };
        for (share, test) in game.shares.iter_mut().zip(tests) {
            *share = test.share;
        }
        for (at, found) in game.tests.iter_mut().zip(tests.iter().map(place)) {
            *at = found;
        }
        game
    }
}

/// Adds the Shapley values of leaves to `sums` by test.
fn play<const K: usize, const N: usize>(
    games: &[Game<K>],
    nodes: &Nodes<N>,
    passed: &[f64],
    sums: &mut [f64],
) {
    for game in games {
        let passed = game.tests.map(|test| passed[test as usize]);
        let shapley = nodes.shapley(game.value, &game.shares, &passed);
        for (test, value) in game.tests.iter().zip(shapley) {
            sums[*test as usize] += value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boosted::{Node, Tree};

    /// A tree whose leaves have 1 to `splits` features on their way, of which rows pass bin 1.
    fn chain(splits: u32) -> Tree {
        let mut nodes = Vec::new();
        for feature in 0..splits {
            nodes.push(Node {
                feature,
                first: 2 * feature + 1,
                second: 2 * feature + 2,
                set: BinSet::up_to(1, false),
                ..Node::leaf(0.0, f64::from(splits - feature + 1))
            });
            nodes.push(Node::leaf(f64::from(feature) - 3.5, 1.0));
        }
        nodes.push(Node::leaf(4.0, 1.0));
        Tree::new(nodes)
    }

    #[test]
    fn leaves_of_every_length_add_up_to_what_each_says_alone() {
        let trees = [chain(40), chain(3), chain(12)];
        let games = Games::of(trees.iter().map(Tree::leaves));
        let lengths = [
            games.four.len(),
            games.six.len(),
            games.eight.len(),
            games.sixteen.len(),
            games.many.len(),
        ];
        assert!(lengths.iter().all(|count| *count > 0), "{lengths:?}");
        // Both sides of each split, which all trees share, and the one that every row passes.
        assert!(games.tests.len() <= 81, "{}", games.tests.len());
        for passed in [0, 1, 5, 11, 40] {
            let row: Vec<u8> = (0..40).map(|at| if at < passed { 2 } else { 1 }).collect();
            let (mut found, mut expected) = (vec![0.0; 40], vec![0.0; 40]);
            games.add_shapley(&row, 0.5, &mut found);
            for tree in &trees {
                tree.add_shapley(&row, 0.5, &mut expected);
            }
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-12, "{found} {expected}");
            }
            let change: f64 = trees
                .iter()
                .map(|tree| tree.value(&row) - tree.mean())
                .sum();
            assert!((found.iter().sum::<f64>() - 0.5 * change).abs() < 1e-12);
        }
        let mut nothing = [0.0];
        Games::default().add_shapley(&[1], 1.0, &mut nothing);
        assert_eq!(nothing, [0.0]);
    }
}
