//! Lift and cumulative gain by tenths of the ranked rows.
//!
//! Deliberately blind to the order of ties: rows with equal predictions that straddle the edge of a tenth are counted in
//! both by their share, so a constant predictor has lift 1 everywhere.

use super::decide::DRAWS;
use super::{Score, Units, check_rows, percentile};
use crate::Error;

/// Number of parts.
const PARTS: usize = 10;

/// One tenth of the rows, ranked by prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Decile {
    /// 1 holds the highest predictions, 10 the lowest.
    pub rank: usize,
    /// Lowest prediction in it.
    pub from: f64,
    /// Rows in it; not whole where ties straddle an edge or the rows do not divide by ten.
    pub rows: f64,
    /// Won rows in it, likewise.
    pub wins: f64,
    /// Its win rate over the overall win rate; bootstrap interval with the edges kept.
    pub lift: Score,
    /// Share of all wins in this tenth and those above it; bootstrap interval with the edges kept.
    pub gain: Score,
}

/// Lift and gain of the tenths of rows with predictions `p` and outcomes `won`; empty below ten rows or without wins.
///
/// # Errors
/// [`Error::InvalidInput`] for unequal lengths, no rows, or a prediction outside 0 to 1.
pub fn deciles(
    p: &[f64],
    won: &[bool],
    groups: Option<&[u32]>,
    seed: u64,
) -> Result<Vec<Decile>, Error> {
    check_rows(p, won, groups)?;
    Ok(deciles_in(p, won, &Units::new(p.len(), groups), seed))
}

/// Rows with one prediction and the parts that they fall into: (part, share of them).
struct Tied {
    rows: Vec<usize>,
    parts: Vec<(usize, f64)>,
}

fn tied(p: &[f64]) -> Vec<Tied> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[b].total_cmp(&p[a]));
    let edge = |part: usize| part as f64 * p.len() as f64 / PARTS as f64;
    let mut done = 0.0;
    let block = |rows: &[usize]| {
        let (from, to) = (done, done + rows.len() as f64);
        done = to;
        let share = |part: usize| {
            let inside = edge(part + 1).min(to) - edge(part).max(from);
            (inside > 1e-9).then(|| (part, inside / rows.len() as f64))
        };
        Tied {
            rows: rows.to_vec(),
            parts: (0..PARTS).filter_map(share).collect(),
        }
    };
    order.chunk_by(|&a, &b| p[a] == p[b]).map(block).collect()
}

/// (rows, wins) per part when row r counts `weight(r)` times.
fn sums(blocks: &[Tied], won: &[bool], weight: &dyn Fn(usize) -> f64) -> [(f64, f64); PARTS] {
    let mut sums = [(0.0, 0.0); PARTS];
    for block in blocks {
        let rows: f64 = block.rows.iter().map(|&r| weight(r)).sum();
        let wins: f64 = block
            .rows
            .iter()
            .filter(|&&r| won[r])
            .map(|&r| weight(r))
            .sum();
        for &(part, share) in &block.parts {
            sums[part].0 += share * rows;
            sums[part].1 += share * wins;
        }
    }
    sums
}

/// (lift, gain) per part; `None` without wins, NaN lift for a part without rows.
fn figures(sums: &[(f64, f64); PARTS]) -> Option<[(f64, f64); PARTS]> {
    let (rows, wins) = sums
        .iter()
        .fold((0.0, 0.0), |(r, w), (rows, wins)| (r + rows, w + wins));
    if wins <= 0.0 {
        return None;
    }
    let mut above = 0.0;
    Some(sums.map(|(r, w)| {
        above += w;
        (w / r * rows / wins, above / wins)
    }))
}

pub(super) fn deciles_in(p: &[f64], won: &[bool], units: &Units, seed: u64) -> Vec<Decile> {
    if p.len() < PARTS || p.len() != won.len() {
        return Vec::new();
    }
    let blocks = tied(p);
    let observed = sums(&blocks, won, &|_| 1.0);
    let Some(values) = figures(&observed) else {
        return Vec::new();
    };
    let (mut lifts, mut gains) = (vec![Vec::new(); PARTS], vec![Vec::new(); PARTS]);
    units.draw(DRAWS, seed, &mut |weights| {
        let Some(drawn) = figures(&sums(&blocks, won, &|r| weights[r])) else {
            return;
        };
        for (part, (lift, gain)) in drawn.into_iter().enumerate() {
            lifts[part].extend(Some(lift).filter(|l| l.is_finite()));
            gains[part].push(gain);
        }
    });
    let lowest = |part: usize| {
        let inside = blocks
            .iter()
            .filter(|b| b.parts.iter().any(|(q, _)| *q == part));
        inside.map(|b| p[b.rows[0]]).fold(f64::INFINITY, f64::min)
    };
    let decile = |part: usize| Decile {
        rank: part + 1,
        from: lowest(part),
        rows: observed[part].0,
        wins: observed[part].1,
        lift: percentile(values[part].0, std::mem::take(&mut lifts[part])),
        gain: percentile(values[part].1, std::mem::take(&mut gains[part])),
    };
    (0..PARTS).map(decile).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counted_by_hand() {
        // 20 rows, ranked; 8 wins: both of the first tenth, one each of the next six.
        let p: Vec<f64> = (0..20).map(|r| 1.0 - f64::from(r) / 20.0).collect();
        let won: Vec<bool> = (0..20).map(|r| r < 2 || (r % 2 == 0 && r < 14)).collect();
        let found = deciles(&p, &won, None, 1).expect("valid");
        assert_eq!(found.len(), 10);
        assert!((found[0].lift.value - 1.0 / 0.4).abs() < 1e-12);
        assert!((found[0].gain.value - 0.25).abs() < 1e-12);
        assert!((found[1].lift.value - 0.5 / 0.4).abs() < 1e-12);
        assert!((found[6].gain.value - 1.0).abs() < 1e-12);
        assert_eq!(found[9].lift.value, 0.0);
        assert!(found.iter().all(|d| d.rows == 2.0));
        assert!((found[0].from - 0.95).abs() < 1e-12);
        assert!(
            found
                .iter()
                .all(|d| d.lift.low <= d.lift.value && d.lift.value <= d.lift.high)
        );
    }

    #[test]
    fn a_constant_has_no_lift() {
        let won: Vec<bool> = (0..25).map(|r| r % 4 == 0).collect();
        for d in deciles(&[0.3; 25], &won, None, 1).expect("valid") {
            assert!((d.lift.value - 1.0).abs() < 1e-12);
            assert!((d.gain.value - d.rank as f64 / 10.0).abs() < 1e-12);
            assert!((d.rows - 2.5).abs() < 1e-12);
        }
        assert!(deciles(&[0.3; 25], &[false; 25], None, 1).is_ok_and(|d| d.is_empty()));
        assert!(deciles(&[0.3; 5], &[true; 5], None, 1).is_ok_and(|d| d.is_empty()));
        assert!(deciles(&[f64::NAN], &[true], None, 1).is_err());
    }
}
