//! Which pairs of features deserve a function of both.
//!
//! After an additive fit the gradients are what it leaves unexplained. Every pair is tried with one small tree on its
//! table of sums, and the pairs that gain most are kept, in the spirit of the FAST screening of Lou et al. (2013).
//! Deliberately on coarse bins: a pair has few rows per cell.

use super::binning::Binned;
use super::grid::{Axis, small_tree};
use super::histogram::Cell;
use super::member::{Member, Pair};
use super::split::{BinKind, Rules};

/// Most coarse bins of a feature, the one for missing values included.
const COARSE: usize = 24;
/// Leaves of the tree that a pair is tried with.
pub(super) const PAIR_LEAVES: usize = 4;
/// Features that pairs are made of, the ones with the largest effects.
const MOST_FEATURES: usize = 30;

/// Sums per cell of a pair, given the cell of every row.
pub(super) fn fill_cells(
    sums: &mut Vec<Cell>,
    count: usize,
    cells: &[u16],
    gradients: &[[f32; 2]],
    rows: &[u32],
) {
    sums.clear();
    sums.resize(count, [0.0; 2]);
    for &row in rows {
        let [g, h] = gradients[row as usize];
        let sum = &mut sums[usize::from(cells[row as usize])];
        sum[0] += f64::from(g);
        sum[1] += f64::from(h);
    }
}

/// The two axes of a pair.
pub(super) fn axes(pair: &Pair, binned: &Binned) -> [Axis; 2] {
    std::array::from_fn(|i| Axis {
        bins: pair.bins[i],
        kind: binned.kinds[pair.features[i] as usize],
    })
}

/// The cell of every row.
pub(super) fn cells_of(pair: &Pair, binned: &Binned) -> Vec<u16> {
    (0..binned.rows())
        .map(|r| pair.cell(binned.row(r)) as u16)
        .collect()
}

/// Up to `count` pairs with the largest gain on `gradients`, best first.
pub(super) fn strongest(
    binned: &Binned,
    gradients: &[[f32; 2]],
    additive: &Member,
    count: usize,
    rules: &Rules,
) -> Vec<Pair> {
    let features = candidates(additive);
    let maps: Vec<(Vec<u8>, usize)> = features.iter().map(|&f| coarse(binned, f)).collect();
    let rows: Vec<u32> = (0..binned.rows() as u32).collect();
    let mut found: Vec<(f64, Pair)> = Vec::new();
    let mut sums = Vec::new();
    for i in 0..features.len() {
        for j in i + 1..features.len() {
            let pair = Pair {
                features: [features[i] as u32, features[j] as u32],
                maps: [maps[i].0.clone(), maps[j].0.clone()],
                bins: [maps[i].1, maps[j].1],
            };
            let cells = cells_of(&pair, binned);
            let size = pair.bins[0] * pair.bins[1];
            fill_cells(&mut sums, size, &cells, gradients, &rows);
            if let Some((_, gain)) = small_tree(&sums, axes(&pair, binned), PAIR_LEAVES, rules) {
                found.push((gain, pair));
            }
        }
    }
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.truncate(count);
    found.into_iter().map(|(_, pair)| pair).collect()
}

/// The features with the widest functions, ascending.
fn candidates(additive: &Member) -> Vec<usize> {
    let width = |values: &[f64]| {
        let (low, high) = values
            .iter()
            .fold((0.0f64, 0.0f64), |(l, h), &v| (l.min(v), h.max(v)));
        high - low
    };
    let mut order: Vec<(f64, usize)> = additive
        .shapes
        .iter()
        .map(|s| (width(&s.values), s.feature as usize))
        .collect();
    order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    order.truncate(MOST_FEATURES);
    let mut features: Vec<usize> = order.into_iter().map(|(_, f)| f).collect();
    features.sort_unstable();
    features
}

/// Merges the bins of a feature: neighbours of a number, rare categories of a name.
fn coarse(binned: &Binned, feature: usize) -> (Vec<u8>, usize) {
    let bins = binned.count(feature);
    if bins <= COARSE {
        return ((0..bins).map(|b| b as u8).collect(), bins);
    }
    let mut counts = vec![0usize; bins];
    (0..binned.rows()).for_each(|r| counts[usize::from(binned.row(r)[feature])] += 1);
    let mut map = vec![0u8; bins];
    if binned.kinds[feature] == BinKind::Named {
        let mut order: Vec<usize> = (2..bins).collect();
        order.sort_by(|&a, &b| counts[b].cmp(&counts[a]).then(a.cmp(&b)));
        map[1..].fill(1);
        for (at, &bin) in order.iter().take(COARSE - 2).enumerate() {
            map[bin] = at as u8 + 2;
        }
        return (map, COARSE);
    }
    let known: usize = counts[1..].iter().sum();
    let mut before = 0;
    for bin in 1..bins {
        map[bin] = (1 + before * (COARSE - 1) / known.max(1)).min(COARSE - 1) as u8;
        before += counts[bin];
    }
    (map, COARSE)
}
