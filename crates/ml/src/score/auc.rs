//! Area under the ROC curve with DeLong's variance.
//!
//! Deliberately the fast form by midranks (Sun and Xu 2014), which is O(n log n) where the definition is O(wins x losses).

use super::{Score, on_logit};

/// Probability that a won row scores above a lost one, ties counted half; interval by DeLong et al. (1988), symmetric in
/// log-odds. `None` when the rows have one outcome only.
#[must_use]
pub fn auc(p: &[f64], won: &[bool]) -> Option<Score> {
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
    let of_winners = placement(&winners, n);
    let of_losers = placement(&losers, m);
    let value = of_winners.iter().sum::<f64>() / m;
    let variance = variance(&of_winners) / m + variance(&of_losers) / n;
    Some(on_logit(value, variance.sqrt()))
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

fn variance(values: &[f64]) -> f64 {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_definition() {
        let p: Vec<f64> = (0..60).map(|r| f64::from((r * 37) % 23) / 23.0).collect();
        let won: Vec<bool> = (0..60)
            .map(|r| (r * 37) % 23 + (r * 11) % 13 > 17)
            .collect();
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
}
