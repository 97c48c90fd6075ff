//! The Shapley values of one leaf, by exact quadrature.
//!
//! A leaf is a product game (see `shap`): with z_j the share of training rows that pass the tests of feature j, a coalition is
//! worth value * prod of z_j over the features outside of it if it passes, else 0. The weight s! (k - s - 1)! / k! of a coalition
//! of s among k features is the integral of x^s (1 - x)^(k - 1 - s) from 0 to 1, so that with f_j = x + z_j (1 - x) where the row
//! passes and z_j (1 - x) where it does not, a feature that passes gets value * (1 - z_i) times the integral of the product of all
//! other f_j, and one that does not gets -value times that of the product of all f_j over 1 - x. Both are polynomials of degree
//! k - 1, whose integrals k / 2 nodes of Gauss and Legendre give exactly. It takes k^2 steps like sums over coefficients, but
//! they are the same for every row and leaf, so that nothing is asked in between. Deliberately unaware of trees.

use std::f64::consts::PI;
use std::sync::LazyLock;

/// Most features of a leaf: a tree has at most 64 leaves.
pub(super) const MOST: usize = 64;

/// Nodes of Gauss and Legendre between 0 and 1.
#[derive(Debug)]
pub(super) struct Nodes<const N: usize> {
    /// Where they are.
    at: [f64; N],
    /// How far that is from 1.
    rest: [f64; N],
    weights: [f64; N],
    /// The weight, where something is divided by `rest`.
    over: [f64; N],
}

pub(super) static TWO: LazyLock<Nodes<2>> = LazyLock::new(Nodes::new);
pub(super) static THREE: LazyLock<Nodes<3>> = LazyLock::new(Nodes::new);
pub(super) static FOUR: LazyLock<Nodes<4>> = LazyLock::new(Nodes::new);
pub(super) static EIGHT: LazyLock<Nodes<8>> = LazyLock::new(Nodes::new);
pub(super) static MANY: LazyLock<Nodes<{ MOST / 2 }>> = LazyLock::new(Nodes::new);

impl<const N: usize> Nodes<N> {
    /// Roots of the Legendre polynomial of degree N by Newton's method, and the weights that belong to them
    /// (Abramowitz and Stegun 25.4.29).
    fn new() -> Self {
        let mut nodes = Self {
            at: [0.0; N],
            rest: [0.0; N],
            weights: [0.0; N],
            over: [0.0; N],
        };
        for i in 0..N {
            let mut x = (PI * (i as f64 + 0.75) / (N as f64 + 0.5)).cos();
            let mut slope = 0.0;
            for _ in 0..8 {
                let (mut before, mut value) = (1.0, x);
                for n in 2..=N {
                    let n = n as f64;
                    let next = ((2.0 * n - 1.0) * x * value - (n - 1.0) * before) / n;
                    (before, value) = (value, next);
                }
                slope = N as f64 * (x * value - before) / (x * x - 1.0);
                x -= value / slope;
            }
            nodes.at[i] = 0.5 * (1.0 + x);
            nodes.rest[i] = 0.5 * (1.0 - x);
            nodes.weights[i] = 1.0 / ((1.0 - x * x) * slope * slope);
            nodes.over[i] = 1.0 / nodes.rest[i];
        }
        nodes
    }

    /// The Shapley value of every feature, of which there are at most 2 N: `shares` are the z_j, `passed` is 1 where the row
    /// passes and 0 where it does not. A feature with a share of 1 that is passed changes nothing and gets 0.
    #[inline]
    pub fn shapley<const K: usize>(
        &self,
        value: f64,
        shares: &[f64; K],
        passed: &[f64; K],
    ) -> [f64; K] {
        let mut before = [[0.0; N]; K];
        let mut product = [0.0; N];
        for (product, weight) in product.iter_mut().zip(&self.weights) {
            *product = weight * value;
        }
        for j in 0..K {
            before[j] = product;
            self.times(&mut product, shares[j], passed[j]);
        }
        let mut outside = 0.0;
        for (product, over) in product.iter().zip(&self.over) {
            outside -= product * over;
        }
        let mut shapley = [0.0; K];
        let mut behind = [1.0; N];
        for j in (0..K).rev() {
            let mut others = 0.0;
            for (before, behind) in before[j].iter().zip(&behind) {
                others += before * behind;
            }
            let inside = (1.0 - shares[j]) * others;
            shapley[j] = passed[j] * inside + (1.0 - passed[j]) * outside;
            self.times(&mut behind, shares[j], passed[j]);
        }
        shapley
    }

    /// Multiplies by f_j.
    #[inline]
    fn times(&self, product: &mut [f64; N], share: f64, passed: f64) {
        for ((product, at), rest) in product.iter_mut().zip(&self.at).zip(&self.rest) {
            *product *= share * rest + passed * at;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The integral of x^degree from 0 to 1.
    fn power<const N: usize>(nodes: &Nodes<N>, degree: i32) -> f64 {
        let each = nodes.at.iter().zip(&nodes.weights);
        each.map(|(x, weight)| weight * x.powi(degree)).sum()
    }

    #[test]
    fn integrals_are_exact_up_to_their_degree_and_not_beyond() {
        fn exact<const N: usize>(nodes: &Nodes<N>) {
            for degree in 0..2 * N as i32 {
                let error = power(nodes, degree) - 1.0 / f64::from(degree + 1);
                assert!(error.abs() < 1e-15, "{N} nodes, degree {degree}: {error}");
            }
            let at = nodes.at.iter().zip(&nodes.rest);
            assert!(at.clone().all(|(at, rest)| *at > 0.0 && *rest > 0.0));
        }
        exact(&TWO);
        exact(&THREE);
        exact(&FOUR);
        exact(&EIGHT);
        exact(&MANY);
        assert!((power(&TWO, 4) - 0.2).abs() > 1e-3);
    }

    /// `count` features with the same share, of a leaf of value 2.
    fn alike<const K: usize, const N: usize>(nodes: &Nodes<N>, count: usize, passed: f64) {
        let mut all = ([1.0; K], [1.0; K]);
        all.0[..count].fill(0.6);
        all.1[..count].fill(passed);
        let found = nodes.shapley(2.0, &all.0, &all.1);
        let whole = 2.0 * (passed - 0.6_f64.powi(count as i32));
        for (at, found) in found.into_iter().enumerate() {
            let expected = if at < count {
                whole / count as f64
            } else {
                0.0
            };
            assert!((found - expected).abs() < 1e-14, "{count} of {K}: {found}");
        }
    }

    #[test]
    fn features_that_do_the_same_share_equally_and_those_that_do_nothing_get_nothing() {
        for passed in [0.0, 1.0] {
            (1..=4).for_each(|count| alike::<4, 2>(&TWO, count, passed));
            (1..=6).for_each(|count| alike::<6, 3>(&THREE, count, passed));
            (1..=8).for_each(|count| alike::<8, 4>(&FOUR, count, passed));
            (1..=16).for_each(|count| alike::<16, 8>(&EIGHT, count, passed));
            (1..=MOST).for_each(|count| alike::<MOST, { MOST / 2 }>(&MANY, count, passed));
        }
    }
}
