//! Small trees on one feature or on two, kept as tables of values per bin.
//!
//! A sum of such trees is again one table, so an additive model is as large as its bins and not as its rounds. The tree
//! is grown on sums per cell and never sees rows. Deliberately no randomness.

use super::histogram::{Cell, add};
use super::split::{BinKind, BinSet, Bounds, Rules, Split, best, bounds_below};

/// One or two axes of bins; the cell of bins (a, b) is `a * axes[1].bins + b`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Axis {
    pub bins: usize,
    pub kind: BinKind,
}

impl Axis {
    /// The second axis of a table over one feature.
    pub const NONE: Self = Self {
        bins: 1,
        kind: BinKind::Ordered,
    };
}

struct Region {
    sets: [BinSet; 2],
    sum: Cell,
    bounds: Bounds,
    best: Option<(usize, Split)>,
}

/// Value of every cell under a tree of up to `leaves` leaves, and the gain of the tree; `None` where no split gains.
pub(super) fn small_tree(
    cells: &[Cell],
    axes: [Axis; 2],
    leaves: usize,
    rules: &Rules,
) -> Option<(Vec<f64>, f64)> {
    let sum = cells.iter().fold([0.0; 2], |s, &c| add(s, c));
    let mut root = Region {
        sets: [BinSet::ALL; 2],
        sum,
        bounds: Bounds::NONE,
        best: None,
    };
    search(&mut root, cells, axes, rules);
    let mut regions = vec![root];
    let mut gained = 0.0;
    while regions.len() < leaves {
        let gain = |r: &Region| r.best.as_ref().map_or(0.0, |(_, s)| s.gain);
        let widest = (0..regions.len())
            .rev()
            .max_by(|&a, &b| gain(&regions[a]).total_cmp(&gain(&regions[b])));
        let Some((at, (axis, split))) =
            widest.and_then(|at| regions[at].best.map(|best| (at, best)))
        else {
            break;
        };
        let parent = regions.swap_remove(at);
        gained += split.gain;
        let bounds = bounds_below(&split, axes[axis].kind, parent.bounds, rules);
        for (side, &bounds) in bounds.iter().enumerate() {
            let mut sets = parent.sets;
            sets[axis] = if side == 0 {
                sets[axis].and(split.first)
            } else {
                sets[axis].without(split.first)
            };
            let mut child = Region {
                sets,
                sum: split.sums[side],
                bounds,
                best: None,
            };
            if regions.len() + 2 <= leaves {
                search(&mut child, cells, axes, rules);
            }
            regions.push(child);
        }
    }
    (regions.len() > 1).then(|| (paint(&regions, axes, rules), gained))
}

fn search(region: &mut Region, cells: &[Cell], axes: [Axis; 2], rules: &Rules) {
    for axis in 0..2 {
        if axes[axis].bins < 2 {
            continue;
        }
        let marginal = marginal(region, cells, axes, axis);
        let found = best(&marginal, region.sum, axes[axis].kind, region.bounds, rules);
        if let Some(split) = found
            && region.best.is_none_or(|(_, b)| split.gain > b.gain)
        {
            region.best = Some((axis, split));
        }
    }
}

/// Sums of a region's cells along one axis.
fn marginal(region: &Region, cells: &[Cell], axes: [Axis; 2], axis: usize) -> Vec<Cell> {
    let mut sums = vec![[0.0; 2]; axes[axis].bins];
    for a in (0..axes[0].bins).filter(|&a| region.sets[0].contains(a as u8)) {
        for b in (0..axes[1].bins).filter(|&b| region.sets[1].contains(b as u8)) {
            let at = if axis == 0 { a } else { b };
            sums[at] = add(sums[at], cells[a * axes[1].bins + b]);
        }
    }
    sums
}

fn paint(regions: &[Region], axes: [Axis; 2], rules: &Rules) -> Vec<f64> {
    let mut values = vec![0.0; axes[0].bins * axes[1].bins];
    for region in regions {
        let value = rules.value(region.sum, region.bounds);
        for a in (0..axes[0].bins).filter(|&a| region.sets[0].contains(a as u8)) {
            for b in (0..axes[1].bins).filter(|&b| region.sets[1].contains(b as u8)) {
                values[a * axes[1].bins + b] = value;
            }
        }
    }
    values
}
