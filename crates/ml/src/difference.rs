//! Why two answers differ, split exactly over causes that changed together.
//!
//! Each cause gets its Shapley value: the mean, over all orders in which the causes could have changed one after the other,
//! of what changing it did at its turn. So no cause is favoured by coming first, the shares add up to the whole difference,
//! and they turn their signs when the answers are swapped. A step's change in probability is shared over the columns as
//! their log-odds changed, like the points of a single prediction. Deliberately no words: what the causes are called is the
//! caller's.

use std::collections::BTreeMap;

use crate::predict::points_per_log_odds;

/// What a model answers in one state of affairs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answered {
    /// Log-odds of the average training row.
    pub base_log_odds: f64,
    /// Log-odds that each column adds, by name.
    pub columns: BTreeMap<String, f64>,
}

impl Answered {
    /// Log-odds of a win.
    #[must_use]
    pub fn log_odds(&self) -> f64 {
        self.base_log_odds + self.columns.values().sum::<f64>()
    }
}

/// Effect in log-odds and in probability.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Effect {
    /// In log-odds.
    pub log_odds: f64,
    /// In probability; 0.05 is five points.
    pub points: f64,
}

/// The part of a difference that one cause has.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Share {
    /// All of it.
    pub total: Effect,
    /// Through the average training row, that is, through the model.
    pub base: Effect,
    /// Through each column that had any effect, by name.
    pub columns: BTreeMap<String, Effect>,
}

impl Effect {
    fn add(&mut self, log_odds: f64, slope: f64) {
        self.log_odds += log_odds;
        self.points += log_odds * slope;
    }
}

/// Shares of three causes in the difference between `states[0]`, where none has changed yet, and `states[7]`, where all
/// have; bit k of a place says that cause k has changed. They add up to the difference, in log-odds and in probability.
#[must_use]
pub fn split_difference(states: &[Answered; 8]) -> [Share; 3] {
    [0, 1, 2].map(|cause| {
        let mut share = Share::default();
        let bit = 1usize << cause;
        for before in (0..8usize).filter(|before| before & bit == 0) {
            // With three causes, one comes first or last in a third of the orders each, and between the others in a third.
            let weight = if before.count_ones() == 1 {
                1.0 / 6.0
            } else {
                1.0 / 3.0
            };
            step(&states[before], &states[before | bit], weight, &mut share);
        }
        share
    })
}

fn step(from: &Answered, to: &Answered, weight: f64, share: &mut Share) {
    let slope = points_per_log_odds(from.log_odds(), to.log_odds());
    let moved = to.base_log_odds - from.base_log_odds;
    share.base.add(weight * moved, slope);
    share.total.add(weight * moved, slope);
    let of = |state: &Answered, name: &String| state.columns.get(name).copied().unwrap_or(0.0);
    let mut names: Vec<&String> = from.columns.keys().chain(to.columns.keys()).collect();
    names.sort();
    names.dedup();
    for name in names {
        let moved = of(to, name) - of(from, name);
        if moved != 0.0 {
            let column = share.columns.entry(name.clone()).or_default();
            column.add(weight * moved, slope);
            share.total.add(weight * moved, slope);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::logistic::sigmoid;

    fn states(parts: &[[f64; 3]]) -> [Answered; 8] {
        std::array::from_fn(|at| Answered {
            base_log_odds: parts[at][0],
            columns: [
                ("a".to_owned(), parts[at][1]),
                ("b".to_owned(), parts[at][2]),
            ]
            .into(),
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn shares_add_up_and_turn_with_the_question(
            parts in proptest::collection::vec([-3.0..3.0f64, -3.0..3.0, -3.0..3.0], 8),
        ) {
            let there = states(&parts);
            let shares = split_difference(&there);
            let (from, to) = (there[0].log_odds(), there[7].log_odds());
            let sum = |of: &dyn Fn(&Share) -> f64| shares.iter().map(of).sum::<f64>();
            prop_assert!((sum(&|s| s.total.log_odds) - (to - from)).abs() < 1e-9);
            let moved = sigmoid(to) - sigmoid(from);
            prop_assert!((sum(&|s| s.total.points) - moved).abs() < 1e-9);
            for share in &shares {
                let columns: f64 = share.columns.values().map(|e| e.points).sum();
                prop_assert!((columns + share.base.points - share.total.points).abs() < 1e-9);
            }
            let mut back = there.clone();
            back.reverse();
            for (share, other) in shares.iter().zip(split_difference(&back)) {
                prop_assert!((share.total.points + other.total.points).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn what_did_not_change_has_no_share() {
        let one = Answered {
            base_log_odds: 0.2,
            columns: [("a".to_owned(), 1.0)].into(),
        };
        let other = Answered {
            columns: [("a".to_owned(), -1.0)].into(),
            ..one.clone()
        };
        // Only the second cause does anything.
        let states = std::array::from_fn(|at| {
            if at & 2 == 0 {
                one.clone()
            } else {
                other.clone()
            }
        });
        let [first, second, third] = split_difference(&states);
        assert_eq!((first.total, third.total), Default::default());
        assert!(first.columns.is_empty() && second.base == Effect::default());
        assert!((second.total.log_odds + 2.0).abs() < 1e-12);
        assert!((second.columns["a"].points - second.total.points).abs() < 1e-12);
    }
}
