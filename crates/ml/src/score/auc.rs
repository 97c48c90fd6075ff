//! Area under the ROC curve with DeLong's variance.
//!
//! Deliberately the fast form by midranks (Sun and Xu 2014), which is O(n log n) where the definition is O(wins x losses).

use super::{Score, Units, on_logit};

/// Probability that a won row scores above a lost one, ties counted half; interval by DeLong et al. (1988), symmetric in
/// log-odds. `None` when the rows have one outcome only.
#[must_use]
pub fn auc(p: &[f64], won: &[bool]) -> Option<Score> {
    auc_in(p, won, &Units::new(p.len(), None))
}

/// As [`auc`] for rows that hang together: Obuchowski's (1997) variance over groups, which is DeLong's where every row
/// is a group of its own.
#[must_use]
pub fn auc_grouped(p: &[f64], won: &[bool], groups: Option<&[u32]>) -> Option<Score> {
    auc_in(p, won, &Units::new(p.len(), groups))
}

pub(super) fn auc_in(p: &[f64], won: &[bool], units: &Units) -> Option<Score> {
    if p.len() != won.len() || p.iter().any(|p| p.is_nan()) {
        return None;
    }
    let of = |side: bool| -> Vec<usize> { (0..p.len()).filter(|&r| won[r] == side).collect() };
    let (winners, losers) = (of(true), of(false));
    if winners.is_empty() || losers.is_empty() {
        return None;
    }
    let all: Vec<usize> = (0..p.len()).collect();
    let among_all = midranks(p, &all);
    let (m, n) = (winners.len() as f64, losers.len() as f64);
    let placement = |side: &[usize], others: f64| -> Vec<f64> {
        let own = midranks(p, side);
        side.iter()
            .map(|&r| (among_all[r] - own[r]) / others)
            .collect()
    };
    // A lost row's placement is the share of won rows below it, so the one above is its complement.
    let of_winners = placement(&winners, n);
    let of_losers: Vec<f64> = placement(&losers, m).iter().map(|v| 1.0 - v).collect();
    let value = of_winners.iter().sum::<f64>() / m;
    let excess = |side: &[usize], placed: &[f64]| {
        let rows = side.iter().zip(placed).map(|(&r, v)| (r, v - value));
        units.totals(rows)
    };
    let (won_sums, lost_sums) = (excess(&winners, &of_winners), excess(&losers, &of_losers));
    let spread = |sums: &[(f64, usize)]| {
        let units = sums.iter().filter(|(_, rows)| *rows > 0).count() as f64;
        let squares: f64 = sums.iter().map(|(s, _)| s * s).sum();
        squares * units / (units - 1.0).max(1.0)
    };
    let shared: f64 = won_sums
        .iter()
        .zip(&lost_sums)
        .map(|((w, _), (l, _))| w * l)
        .sum();
    let all_units = units.count() as f64;
    let variance = spread(&won_sums) / (m * m)
        + spread(&lost_sums) / (n * n)
        + 2.0 * shared * all_units / (all_units - 1.0).max(1.0) / (m * n);
    Some(on_logit(value, variance.max(0.0).sqrt()))
}

/// Ranks of the rows `rows` by `p`, ties sharing their mean rank, at the rows' positions.
fn midranks(p: &[f64], rows: &[usize]) -> Vec<f64> {
    let mut order = rows.to_vec();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut ranks = vec![0.0; p.len()];
    let mut before = 0;
    for tied in order.chunk_by(|&a, &b| p[a] == p[b]) {
        let rank = before as f64 + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|&r| ranks[r] = rank);
        before += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variance(values: &[f64]) -> f64 {
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0)
    }

    fn sample() -> (Vec<f64>, Vec<bool>) {
        let p = (0..60).map(|r| f64::from((r * 37) % 23) / 23.0).collect();
        let won = (0..60)
            .map(|r| (r * 37) % 23 + (r * 11) % 13 > 17)
            .collect();
        (p, won)
    }

    #[test]
    fn agrees_with_the_definition() {
        let (p, won) = sample();
        let above = |a: usize, b: usize| {
            if p[a] > p[b] {
                1.0
            } else if p[a] == p[b] {
                0.5
            } else {
                0.0
            }
        };
        let of = |side: bool| (0..60).filter(|&r| won[r] == side).collect::<Vec<_>>();
        let (winners, losers) = (of(true), of(false));
        let (m, n) = (winners.len() as f64, losers.len() as f64);
        let v10: Vec<f64> = winners
            .iter()
            .map(|&a| losers.iter().map(|&b| above(a, b)).sum::<f64>() / n)
            .collect();
        let v01: Vec<f64> = losers
            .iter()
            .map(|&b| winners.iter().map(|&a| above(a, b)).sum::<f64>() / m)
            .collect();
        let value = v10.iter().sum::<f64>() / m;
        let expected = on_logit(value, (variance(&v10) / m + variance(&v01) / n).sqrt());
        let found = auc(&p, &won).expect("both outcomes");
        assert!((found.value - expected.value).abs() < 1e-12);
        assert!(
            (found.low - expected.low).abs() < 1e-12 && (found.high - expected.high).abs() < 1e-12
        );
        assert_eq!(
            auc(&[0.3; 4], &[true, false, true, false]).map(|a| a.value),
            Some(0.5)
        );
    }

    #[test]
    fn copies_of_a_row_in_its_group_add_no_evidence() {
        let (p, won) = sample();
        let twice: Vec<f64> = p.iter().flat_map(|&p| [p; 4]).collect();
        let outcomes: Vec<bool> = won.iter().flat_map(|&y| [y; 4]).collect();
        let groups: Vec<u32> = (0..60).flat_map(|g| [g; 4]).collect();
        let once = auc(&p, &won).expect("both outcomes");
        let grouped = auc_grouped(&twice, &outcomes, Some(&groups)).expect("both outcomes");
        let naive = auc(&twice, &outcomes).expect("both outcomes");
        assert!((once.value - grouped.value).abs() < 1e-12);
        assert!((once.low - grouped.low).abs() < 1e-12);
        assert!(naive.high - naive.low < 0.6 * (grouped.high - grouped.low));
    }

    #[test]
    fn nonsense_has_no_area() {
        assert!(auc(&[], &[]).is_none());
        assert!(auc(&[f64::NAN, 0.2], &[true, false]).is_none());
        assert!(auc(&[0.1], &[true, false]).is_none());
    }
}
