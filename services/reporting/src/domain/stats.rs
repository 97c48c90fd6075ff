//! The few tests that insights rest on: intervals and comparisons of shares.
//!
//! Textbook formulas at the 95 % level. Deliberately not here: anything about models, which `ml` has scored already.

use super::Interval;

/// Two-sided 95 % quantile of the normal distribution.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// A sum that is 0 where there is nothing to add: that of no numbers is -0 otherwise, and is shown like that.
pub(super) fn total(numbers: impl IntoIterator<Item = f64>) -> f64 {
    numbers.into_iter().fold(0.0, |sum, x| sum + x)
}

/// Wilson's interval of a share; `None` without trials.
pub(super) fn wilson(successes: u64, trials: u64) -> Option<Interval> {
    if trials == 0 {
        return None;
    }
    let n = trials as f64;
    let p = (successes.min(trials)) as f64 / n;
    let scale = 1.0 + Z * Z / n;
    let centre = (p + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some(Interval {
        low: (centre - half).max(0.0),
        high: (centre + half).min(1.0),
    })
}

/// Two shares compared.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Comparison {
    /// Second share minus first.
    pub(super) difference: f64,
    /// 95 % interval of the difference, by Newcombe's hybrid of Wilson intervals.
    pub(super) interval: Interval,
    /// Pooled z statistic.
    pub(super) z: f64,
    /// Two-sided p-value.
    pub(super) p_value: f64,
    /// Whether the normal approximation holds: five expected successes and failures on either side.
    pub(super) testable: bool,
}

/// Compares two shares, each given as successes and trials; `None` where one has no trials.
pub(super) fn compare(first: (u64, u64), second: (u64, u64)) -> Option<Comparison> {
    let (a, b) = (wilson(first.0, first.1)?, wilson(second.0, second.1)?);
    let (n1, n2) = (first.1 as f64, second.1 as f64);
    let (p1, p2) = (first.0 as f64 / n1, second.0 as f64 / n2);
    let pooled = (first.0 + second.0) as f64 / (n1 + n2);
    let spread = (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)).sqrt();
    let difference = p2 - p1;
    let z = if spread > 0.0 {
        difference / spread
    } else {
        0.0
    };
    Some(Comparison {
        difference,
        interval: Interval {
            low: difference - (p2 - b.low).hypot(a.high - p1),
            high: difference + (b.high - p2).hypot(p1 - a.low),
        },
        z,
        p_value: two_sided(z),
        testable: n1.min(n2) * pooled.min(1.0 - pooled) >= 5.0,
    })
}

/// Whether the second share is less than `most` above the first: the one-sided p-value of its being that much above, or more.
/// One success and one failure are added to either, which makes the normal approximation hold with few trials, too (Agresti
/// and Caffo 2000).
pub(super) fn less_than(first: (u64, u64), second: (u64, u64), most: f64) -> f64 {
    let (n1, n2) = (first.1 as f64 + 2.0, second.1 as f64 + 2.0);
    let (p1, p2) = ((first.0 as f64 + 1.0) / n1, (second.0 as f64 + 1.0) / n2);
    let error = (p1 * (1.0 - p1) / n1 + p2 * (1.0 - p2) / n2).sqrt();
    below((p2 - p1 - most) / error)
}

/// Probability of a standard normal number below `z`.
pub(super) fn below(z: f64) -> f64 {
    let tail = two_sided(z) / 2.0;
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// Probability of `successes` or more in `trials`, each succeeding with probability `p` strictly inside 0 and 1.
pub(super) fn binomial_tail(trials: usize, successes: usize, p: f64) -> f64 {
    let mut term = (1.0 - p).powf(trials as f64);
    let mut tail = 0.0;
    for k in 0..=trials {
        if k >= successes {
            tail += term;
        }
        term *= (trials - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
    }
    tail.min(1.0)
}

/// P-values corrected for their number so that, calling significant what lies below a level, no greater share than the
/// level is wrong on average: Benjamini and Hochberg (1995), step-up.
pub(super) fn false_discovery(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*b].total_cmp(&p_values[*a]));
    let tests = p_values.len() as f64;
    let mut adjusted = p_values.to_vec();
    let mut least = 1.0_f64;
    for (place, at) in order.into_iter().enumerate() {
        let rank = tests - place as f64;
        least = least.min(p_values[at] * tests / rank);
        adjusted[at] = least;
    }
    adjusted
}

/// Two-sided p-value of a z statistic, by Abramowitz and Stegun 7.1.26 (error below 2e-7).
fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ]
    .iter()
    .fold(0.0, |sum, c| sum * t + c)
        * t;
    (poly * (-x * x).exp()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::{binomial_tail, compare, false_discovery, less_than, two_sided, wilson};

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-4
    }

    #[test]
    fn wilson_matches_published_values() {
        let interval = wilson(10, 100).expect("trials");
        assert!(near(interval.low, 0.05523) && near(interval.high, 0.17437));
        assert_eq!(wilson(0, 0), None);
        assert_eq!(wilson(0, 5).expect("trials").low, 0.0);
    }

    #[test]
    fn p_values_match_tables() {
        assert!(near(two_sided(0.0), 1.0));
        assert!(near(two_sided(1.959_964), 0.05));
        assert!(near(two_sided(-2.575_829), 0.01));
    }

    #[test]
    fn comparison_of_newcombe_1998() {
        // Newcombe (1998), example 56/70 - 48/80: 0.0524 to 0.3339.
        let c = compare((48, 80), (56, 70)).expect("trials");
        assert!(near(c.interval.low, 0.0524) && near(c.interval.high, 0.3339));
        assert!(c.testable && c.p_value < 0.01);
        assert_eq!(compare((0, 4), (0, 9)).expect("trials").z, 0.0);
    }

    #[test]
    fn corrected_p_values_match_those_computed_by_hand() {
        let adjusted = false_discovery(&[0.01, 0.04, 0.03, 0.005, 0.9]);
        let expected = [0.025, 0.05, 0.05, 0.025, 0.9];
        assert!(
            adjusted.iter().zip(expected).all(|(a, b)| near(*a, b)),
            "{adjusted:?}"
        );
        assert_eq!(false_discovery(&[]), Vec::<f64>::new());
    }

    #[test]
    fn what_is_far_below_the_least_effect_is_told() {
        // By hand: shares 51/102 and 51/102 after the adjustment, error 0.07001, z = -0.05 / 0.07001 = -0.7142.
        assert!(near(less_than((50, 100), (50, 100), 0.05), 0.23756));
        assert!(less_than((500, 1000), (400, 1000), 0.05) < 1e-6);
        assert!(less_than((500, 1000), (600, 1000), 0.05) > 0.95);
    }

    #[test]
    fn binomial_tail_adds_up() {
        assert!(near(binomial_tail(10, 0, 0.05), 1.0));
        assert!(near(binomial_tail(10, 1, 0.05), 0.40126));
        assert!(near(binomial_tail(10, 10, 0.5), 1.0 / 1024.0));
    }
}
