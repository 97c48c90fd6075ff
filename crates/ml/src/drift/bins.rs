//! Two samples of one column, counted over the same bins.
//!
//! Numbers fall into ten parts of about equal count of the reference, or into one for each value where there are twenty values
//! at most; categories into the twenty most common of the reference and all others together; missing cells into a bin of
//! their own. Bins in which chi-square would not hold (fewer than five
//! expected in either sample; Cochran 1954) are put together. Deliberately set by the reference alone, so that a new
//! category counts as one of the others.

use std::collections::HashMap;

use crate::table::{MISSING_CODE, Values};

/// Parts of numbers.
const PARTS: usize = 10;
/// Categories with a bin of their own.
const CATEGORIES: usize = 20;
/// Fewest expected in a bin.
const LEAST_EXPECTED: f64 = 5.0;

/// One bin: how many of the reference and of the recent quotes are in it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bin {
    label: String,
    reference: f64,
    current: f64,
}

/// A column of both samples.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Counts {
    pub bins: Vec<Bin>,
}

impl Counts {
    /// Counts both samples; `None` for dates, for columns of different kinds, and where fewer than two bins are left.
    pub fn of(reference: &Values, current: &Values) -> Option<Self> {
        let bins = match (reference, current) {
            (Values::Number(reference), Values::Number(current)) => numbers(reference, current),
            (
                Values::Category { codes, levels },
                Values::Category {
                    codes: current,
                    levels: current_levels,
                },
            ) => categories((codes, levels), (current, current_levels)),
            _ => return None,
        };
        let bins = merged(bins);
        (bins.len() > 1).then_some(Self { bins })
    }

    /// Quotes of the reference and recent ones.
    pub fn totals(&self) -> (f64, f64) {
        totals(&self.bins)
    }

    /// Pearson's statistic for homogeneity of the two samples.
    pub fn statistic(&self) -> f64 {
        let (m, n) = self.totals();
        let part = |bin: &Bin| {
            let share = (bin.reference + bin.current) / (m + n);
            let (of_m, of_n) = (share * m, share * n);
            (bin.reference - of_m).powi(2) / of_m + (bin.current - of_n).powi(2) / of_n
        };
        self.bins.iter().map(part).sum()
    }

    /// Population stability index; half a quote stands in for none.
    pub fn psi(&self) -> f64 {
        let (m, n) = self.totals();
        let part = |bin: &Bin| {
            let (a, b) = (bin.reference.max(0.5) / m, bin.current.max(0.5) / n);
            (b - a) * (b / a).ln()
        };
        self.bins.iter().map(part).sum()
    }

    /// The bin whose share changed most, in a sentence.
    pub fn statement(&self) -> String {
        let (m, n) = self.totals();
        let change = |bin: &Bin| (bin.current / n - bin.reference / m).abs();
        let largest = self
            .bins
            .iter()
            .max_by(|a, b| change(a).total_cmp(&change(b)));
        largest.map_or_else(String::new, |bin| {
            format!(
                "{}: {:.1} % of recent quotes, {:.1} % of those that were learned from",
                bin.label,
                100.0 * bin.current / n,
                100.0 * bin.reference / m
            )
        })
    }
}

fn totals(bins: &[Bin]) -> (f64, f64) {
    bins.iter().fold((0.0, 0.0), |(m, n), bin| {
        (m + bin.reference, n + bin.current)
    })
}

fn short(number: f64) -> String {
    let text = format!("{number:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn numbers(reference: &[f64], current: &[f64]) -> Vec<Bin> {
    let mut sorted: Vec<f64> = reference.iter().copied().filter(|n| !n.is_nan()).collect();
    sorted.sort_by(f64::total_cmp);
    let mut distinct = sorted.clone();
    distinct.dedup();
    let mut edges: Vec<f64> = if distinct.len() <= CATEGORIES {
        distinct.into_iter().skip(1).collect()
    } else {
        (1..PARTS)
            .filter_map(|part| sorted.get(part * sorted.len() / PARTS).copied())
            .collect()
    };
    edges.dedup();
    // The last bin is for missing cells.
    let place = |number: f64| {
        if number.is_nan() {
            edges.len() + 1
        } else {
            edges.partition_point(|edge| *edge <= number)
        }
    };
    let label = |bin: usize| match (
        bin.checked_sub(1).and_then(|b| edges.get(b)),
        edges.get(bin),
    ) {
        (None, Some(to)) => format!("below {}", short(*to)),
        (Some(from), Some(to)) => format!("{} to {}", short(*from), short(*to)),
        (Some(from), None) if bin == edges.len() => format!("from {}", short(*from)),
        _ => "missing".to_owned(),
    };
    let mut bins: Vec<Bin> = (0..edges.len() + 2)
        .map(|bin| Bin {
            label: label(bin),
            reference: 0.0,
            current: 0.0,
        })
        .collect();
    for number in reference {
        bins[place(*number)].reference += 1.0;
    }
    for number in current {
        bins[place(*number)].current += 1.0;
    }
    bins
}

fn categories(reference: (&[u32], &[String]), current: (&[u32], &[String])) -> Vec<Bin> {
    let level = |code: u32, levels: &[String]| -> Option<usize> {
        (code != MISSING_CODE && (code as usize) < levels.len()).then_some(code as usize)
    };
    let mut counts = vec![0_usize; reference.1.len()];
    for code in reference.0 {
        if let Some(at) = level(*code, reference.1) {
            counts[at] += 1;
        }
    }
    let mut order: Vec<usize> = (0..counts.len()).filter(|&at| counts[at] > 0).collect();
    order.sort_by_key(|&at| (std::cmp::Reverse(counts[at]), at));
    order.truncate(CATEGORIES);
    let places: HashMap<&str, usize> = order
        .iter()
        .enumerate()
        .map(|(place, &at)| (reference.1[at].as_str(), place))
        .collect();
    let mut bins: Vec<Bin> = order
        .iter()
        .map(|&at| reference.1[at].clone())
        .chain(["others".to_owned(), "missing".to_owned()])
        .map(|label| Bin {
            label,
            reference: 0.0,
            current: 0.0,
        })
        .collect();
    let place = |code: u32, levels: &[String]| match level(code, levels) {
        Some(at) => places
            .get(levels[at].as_str())
            .copied()
            .unwrap_or(order.len()),
        None => order.len() + 1,
    };
    for code in reference.0 {
        bins[place(*code, reference.1)].reference += 1.0;
    }
    for code in current.0 {
        bins[place(*code, current.1)].current += 1.0;
    }
    bins
}

/// Puts the smallest bins together with their smaller neighbour until chi-square holds in each.
fn merged(bins: Vec<Bin>) -> Vec<Bin> {
    let mut bins: Vec<Bin> = bins
        .into_iter()
        .filter(|bin| bin.reference + bin.current > 0.0)
        .collect();
    let (m, n) = totals(&bins);
    let least = |bin: &Bin| (bin.reference + bin.current) / (m + n) * m.min(n);
    while bins.len() > 1 {
        let smallest = (0..bins.len()).min_by(|&a, &b| least(&bins[a]).total_cmp(&least(&bins[b])));
        let Some(at) = smallest.filter(|&at| least(&bins[at]) < LEAST_EXPECTED) else {
            break;
        };
        let before = at.checked_sub(1);
        let after = Some(at + 1).filter(|&after| after < bins.len());
        let neighbour = match (before, after) {
            (Some(before), Some(after)) if least(&bins[after]) < least(&bins[before]) => after,
            (Some(before), _) => before,
            (None, Some(after)) => after,
            (None, None) => break,
        };
        let gone = bins.remove(at);
        let into = &mut bins[if neighbour > at {
            neighbour - 1
        } else {
            neighbour
        }];
        into.label = format!("{} or {}", into.label, gone.label);
        into.reference += gone.reference;
        into.current += gone.current;
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;

    fn category(texts: &[&str]) -> Values {
        let mut levels: Vec<String> = Vec::new();
        let codes = texts
            .iter()
            .map(|text| {
                if text.is_empty() {
                    return MISSING_CODE;
                }
                let at = levels.iter().position(|level| level == text);
                let at = at.unwrap_or_else(|| {
                    levels.push((*text).to_owned());
                    levels.len() - 1
                });
                u32::try_from(at).unwrap_or(MISSING_CODE)
            })
            .collect();
        Values::Category { codes, levels }
    }

    #[test]
    fn categories_are_matched_by_text_and_new_ones_are_others() {
        let reference = category(&[["a"; 60], ["b"; 60]].concat());
        let current = category(&[["b"; 50], ["c"; 50]].concat());
        let counts = Counts::of(&reference, &current).expect("two bins");
        let told: Vec<_> = counts
            .bins
            .iter()
            .map(|bin| (bin.label.as_str(), bin.reference, bin.current))
            .collect();
        assert_eq!(
            told,
            [("a", 60.0, 0.0), ("b", 60.0, 50.0), ("others", 0.0, 50.0)]
        );
        // By hand: expected 720/22 and 600/22 of a, 60 and 50 of b, 600/22 and 500/22 of the others.
        let expected = (60.0_f64 - 720.0 / 22.0).powi(2) / (720.0 / 22.0)
            + 600.0 / 22.0
            + 600.0 / 22.0
            + (50.0_f64 - 500.0 / 22.0).powi(2) / (500.0 / 22.0);
        assert!((counts.statistic() - expected).abs() < 1e-9);
    }

    #[test]
    fn a_rare_flag_is_seen() {
        let flags = |ones: usize| {
            Values::Number((0..1000).map(|n| f64::from(u8::from(n < ones))).collect())
        };
        let counts = Counts::of(&flags(20), &flags(60)).expect("two bins");
        let told: Vec<_> = counts
            .bins
            .iter()
            .map(|bin| (bin.reference, bin.current))
            .collect();
        assert_eq!(told, [(980.0, 940.0), (20.0, 60.0)]);
    }

    #[test]
    fn small_bins_are_put_together_and_missing_is_one_of_its_own() {
        let numbers: Vec<f64> = (0..100).map(f64::from).collect();
        let mut current = vec![f64::NAN; 20];
        current.extend((0..80).map(f64::from));
        let counts = Counts::of(&Values::Number(numbers), &Values::Number(current));
        let counts = counts.expect("bins");
        assert!(
            counts
                .bins
                .iter()
                .any(|bin| bin.label == "missing" && bin.current == 20.0)
        );
        let rare = Counts::of(
            &category(&["a"; 200]),
            &category([["a"; 99], ["b"; 99]].concat()[..101].as_ref()),
        );
        assert!(rare.is_none(), "two quotes of another category are no bin");
        let dates = Values::Date(vec![Some(1); 100]);
        assert!(Counts::of(&dates, &dates).is_none());
    }
}
