//! Rows that belong together, and intervals that respect it.
//!
//! The bids of one tender share what nobody wrote down, so a figure over rows has fewer independent pieces of evidence
//! than rows. Means and shares get the cluster-robust (sandwich) variance of a ratio of totals, with the factor
//! G / (G - 1) for G units; everything else is drawn again unit by unit. Without groups every row is a unit and all
//! formulas become the ordinary ones. Deliberately no weights other than those of the bootstrap.

use std::collections::BTreeMap;

use super::{Score, Z95, wilson_of};
use crate::Error;

/// Two-sided 95 % quantiles of Student's t for 1, 2 and 3 degrees of freedom, where the expansion below is coarse.
const T95_FEW: [f64; 3] = [12.706_205, 4.302_653, 3.182_446];

/// Which unit every row belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Units {
    of_row: Vec<usize>,
    count: usize,
}

impl Units {
    /// Units of `rows` rows; rows with the same group are one unit. Groups that do not cover the rows are ignored.
    pub fn new(rows: usize, groups: Option<&[u32]>) -> Self {
        let Some(groups) = groups.filter(|g| g.len() == rows) else {
            return Self {
                of_row: (0..rows).collect(),
                count: rows,
            };
        };
        let mut known = BTreeMap::new();
        let of_row = groups
            .iter()
            .map(|&g| {
                let next = known.len();
                *known.entry(g).or_insert(next)
            })
            .collect();
        Self {
            of_row,
            count: known.len(),
        }
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// The unit of a row.
    pub fn of(&self, row: usize) -> usize {
        self.of_row[row]
    }

    pub fn grouped(&self) -> bool {
        self.count < self.of_row.len()
    }

    /// Standard error of the mean of `values` (one per row); 0 for fewer than two units.
    pub fn error_of_mean(&self, values: &[f64], mean: f64) -> f64 {
        if self.count < 2 {
            return 0.0;
        }
        let mut totals = vec![0.0; self.count];
        for (&unit, v) in self.of_row.iter().zip(values) {
            totals[unit] += v - mean;
        }
        let squares: f64 = totals.iter().map(|t| t * t).sum();
        let units = self.count as f64;
        (squares * units / (units - 1.0)).sqrt() / values.len() as f64
    }

    /// Mean of `values` with the t interval over the units.
    pub fn mean(&self, values: &[f64]) -> Score {
        let value = values.iter().sum::<f64>() / values.len().max(1) as f64;
        let half = t95(self.count.saturating_sub(1)) * self.error_of_mean(values, value);
        Score {
            value,
            low: value - half,
            high: value + half,
        }
    }

    /// Share of true among the rows that count (`Some`), with Wilson's interval at the number of independent rows that
    /// the variance between units leaves (Korn and Graubard 1998). `None` when no row counts.
    pub fn share(&self, hits: &[Option<bool>]) -> Option<Score> {
        let counted = hits.iter().flatten().count();
        if counted == 0 {
            return None;
        }
        let total = counted as f64;
        let value = hits.iter().flatten().filter(|&&h| h).count() as f64 / total;
        if !self.grouped() {
            return Some(wilson_of(value, total));
        }
        let mut sums: Vec<Option<f64>> = vec![None; self.count];
        for (&unit, hit) in self.of_row.iter().zip(hits) {
            if let Some(hit) = hit {
                *sums[unit].get_or_insert(0.0) += f64::from(u8::from(*hit)) - value;
            }
        }
        let units = sums.iter().flatten().count() as f64;
        let squares: f64 = sums.iter().flatten().map(|s| s * s).sum();
        let variance = squares * units / (units - 1.0).max(1.0) / (total * total);
        // A share of 0 or 1 shows no variance, whatever the units do: then only the units are counted.
        let independent = if variance > 0.0 {
            (value * (1.0 - value) / variance).min(total)
        } else {
            units
        };
        Some(wilson_of(value, independent.max(1.0)))
    }

    /// Values of `statistic` over `draws` bootstrap samples of units; it is given how often every row was drawn.
    pub fn bootstrap(
        &self,
        draws: usize,
        seed: u64,
        statistic: &mut dyn FnMut(&[f64]) -> Option<f64>,
    ) -> Vec<f64> {
        let mut found = Vec::with_capacity(draws);
        self.draw(draws, seed, &mut |weights| {
            found.extend(statistic(weights).filter(|v| v.is_finite()));
        });
        found
    }

    /// Calls `see` with how often every row was drawn, `draws` times.
    pub fn draw(&self, draws: usize, seed: u64, see: &mut dyn FnMut(&[f64])) {
        if self.count == 0 {
            return;
        }
        let mut numbers = Numbers(seed);
        let mut of_unit = vec![0.0; self.count];
        let mut weights = vec![0.0; self.of_row.len()];
        for _ in 0..draws {
            of_unit.fill(0.0);
            (0..self.count).for_each(|_| of_unit[numbers.below(self.count)] += 1.0);
            for (weight, &unit) in weights.iter_mut().zip(&self.of_row) {
                *weight = of_unit[unit];
            }
            see(&weights);
        }
    }

    /// Sums of `values` per unit over the rows that count.
    pub fn totals(&self, rows: impl Iterator<Item = (usize, f64)>) -> Vec<(f64, usize)> {
        let mut totals = vec![(0.0, 0); self.count];
        for (row, value) in rows {
            let (sum, count) = &mut totals[self.of_row[row]];
            *sum += value;
            *count += 1;
        }
        totals
    }
}

/// A plain stream of numbers (splitmix64, Steele et al. 2014): bootstraps need hundreds of millions of them and no
/// secrecy.
struct Numbers(u64);

impl Numbers {
    /// A number from 0 to `end` - 1, for `end` below 2^32.
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^= x >> 31;
        (((x >> 32) * end as u64) >> 32) as usize
    }
}

/// Two-sided 95 % quantile of Student's t: the expansion in 1 / degrees of freedom (Abramowitz and Stegun 26.7.5),
/// exact to about 0.001 from 4 degrees on. Normal for 0, where no spread can be estimated.
pub(super) fn t95(degrees: usize) -> f64 {
    let z = Z95;
    match degrees {
        0 => z,
        1..=3 => T95_FEW[degrees - 1],
        _ => {
            let n = degrees as f64;
            let terms = [
                (z.powi(3) + z) / 4.0,
                (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
                (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
                (79.0 * z.powi(9) + 776.0 * z.powi(7) + 1482.0 * z.powi(5)
                    - 1920.0 * z.powi(3)
                    - 945.0 * z)
                    / 92_160.0,
            ];
            z + terms
                .iter()
                .enumerate()
                .map(|(k, t)| t / n.powi(k as i32 + 1))
                .sum::<f64>()
        }
    }
}

/// Checks what every figure over rows needs: equal lengths, at least one row, probabilities between 0 and 1.
pub(crate) fn check_rows(p: &[f64], won: &[bool], groups: Option<&[u32]>) -> Result<(), Error> {
    let reason = if p.len() != won.len() {
        format!("{} probabilities for {} outcomes", p.len(), won.len())
    } else if p.is_empty() {
        "there are no rows".to_owned()
    } else if let Some(groups) = groups.filter(|g| g.len() != p.len()) {
        format!("{} groups for {} rows", groups.len(), p.len())
    } else if let Some(row) = p.iter().position(|p| !(0.0..=1.0).contains(p)) {
        format!("row {row} has {} as probability", p[row])
    } else {
        return Ok(());
    };
    Err(Error::InvalidInput { reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t_quantiles_match_the_tables() {
        for (degrees, expected) in [
            (1, 12.706),
            (4, 2.776),
            (10, 2.228),
            (30, 2.042),
            (120, 1.980),
        ] {
            assert!((t95(degrees) - expected).abs() < 2e-3, "{degrees}");
        }
    }

    #[test]
    fn single_rows_give_the_ordinary_error_and_copies_give_that_of_the_originals() {
        let values = [0.3, 1.2, 0.7, 2.1, 0.2];
        let rows = Units::new(5, None);
        let mean = values.iter().sum::<f64>() / 5.0;
        let ordinary = super::super::standard_error(&values, mean);
        assert!((rows.error_of_mean(&values, mean) - ordinary).abs() < 1e-12);
        // Every row three times in its group carries no more evidence than once.
        let copied: Vec<f64> = values.iter().flat_map(|&v| [v; 3]).collect();
        let groups: Vec<u32> = (0..5).flat_map(|g| [g * 7; 3]).collect();
        let units = Units::new(15, Some(&groups));
        assert_eq!(units.count(), 5);
        assert!((units.error_of_mean(&copied, mean) - ordinary).abs() < 1e-12);
        let hits = [true, false, true, true, false];
        let tripled: Vec<Option<bool>> = hits.iter().flat_map(|&h| [Some(h); 3]).collect();
        let wide = units.share(&tripled).expect("rows");
        let narrow = Units::new(15, None).share(&tripled).expect("rows");
        assert!(wide.high - wide.low > 1.3 * (narrow.high - narrow.low));
    }

    #[test]
    fn numbers_are_spread_evenly() {
        let (mut numbers, mut counts) = (Numbers(7), [0f64; 10]);
        (0..100_000).for_each(|_| counts[numbers.below(10)] += 1.0);
        // Chi-squared with nine degrees of freedom stays below 27.9 in 99.9 % of cases.
        let chi2: f64 = counts.iter().map(|c| (c - 1e4).powi(2) / 1e4).sum();
        assert!(chi2 < 27.9, "{chi2}");
    }

    #[test]
    fn bootstrap_draws_whole_units() {
        let groups = [1, 1, 2, 2, 2, 9];
        let units = Units::new(6, Some(&groups));
        let mut draws = 0;
        units.draw(50, 3, &mut |w| {
            draws += 1;
            assert!(w[0] == w[1] && w[2] == w[3] && w[3] == w[4]);
            assert_eq!(w[0] + w[2] + w[5], 3.0);
        });
        assert_eq!(draws, 50);
    }
}
