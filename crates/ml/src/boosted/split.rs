//! The best division of one feature's bins in two.
//!
//! With G and H the sums of gradient and Hessian of a side, its value is v = -G / (H + l2), kept within bounds, and it
//! lowers the loss by -(G v + (H + l2) v^2 / 2). Numbers are cut at a threshold, missing values (bin 0) on the side that
//! gains more. Categories are ordered by gradient over smoothed Hessian and the order is cut, which finds the best of all
//! subsets for a convex loss (Fisher 1958, Breiman et al. 1984). Deliberately unaware of rows.

use super::histogram::{Cell, add, minus};
use super::settings::Settings;

/// A set of bins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct BinSet(pub [u64; 4]);

impl BinSet {
    /// Every bin.
    pub const ALL: Self = Self([u64::MAX; 4]);

    #[inline]
    pub fn contains(&self, bin: u8) -> bool {
        self.0[usize::from(bin >> 6)] >> (bin & 63) & 1 == 1
    }

    pub fn insert(&mut self, bin: u8) {
        self.0[usize::from(bin >> 6)] |= 1 << (bin & 63);
    }

    /// The bins 1 to `last`, and bin 0 where `missing`.
    pub fn up_to(last: u8, missing: bool) -> Self {
        let mut set = Self::default();
        (1..=last).for_each(|b| set.insert(b));
        if missing {
            set.insert(0);
        }
        set
    }

    /// The last bin and whether bin 0 is inside, where the set is one of [`BinSet::up_to`] with at least bin 1.
    pub fn as_cut(&self) -> Option<(u8, bool)> {
        let size: u32 = self.0.iter().map(|w| w.count_ones()).sum();
        let missing = self.contains(0);
        let last = u8::try_from(size.checked_sub(u32::from(missing))?).ok()?;
        (last > 0 && Self::up_to(last, missing) == *self).then_some((last, missing))
    }

    pub fn and(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & other.0[i]))
    }

    pub fn without(self, other: Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] & !other.0[i]))
    }
}

/// How the bins of a feature hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BinKind {
    /// Bin 0 is missing, the others ascend.
    Ordered,
    /// As [`BinKind::Ordered`], and values may not rise with the bin.
    Falling,
    /// Bins without order; bin 0 is missing.
    Named,
}

/// Between which values a leaf has to stay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub low: f64,
    pub high: f64,
}

impl Bounds {
    pub const NONE: Self = Self {
        low: f64::NEG_INFINITY,
        high: f64::INFINITY,
    };
}

/// What a split is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub l2: f64,
    pub leaf_hessian: f64,
    pub category_l2: f64,
    pub category_smoothing: f64,
}

impl Rules {
    pub fn of(settings: &Settings) -> Self {
        Self {
            l2: settings.l2,
            leaf_hessian: settings.leaf_hessian,
            category_l2: settings.category_l2,
            category_smoothing: settings.category_smoothing,
        }
    }

    /// Value of a leaf.
    pub fn value(&self, sum: Cell, bounds: Bounds) -> f64 {
        let free = -sum[0] / (sum[1] + self.l2).max(f64::MIN_POSITIVE);
        free.clamp(bounds.low, bounds.high)
    }
}

/// How much the loss falls when a leaf with sums `sum` gets `value`.
fn worth(sum: Cell, l2: f64, value: f64) -> f64 {
    -(sum[0] * value + 0.5 * (sum[1] + l2) * value * value)
}

/// A division of bins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    /// By how much it lowers the penalised loss.
    pub gain: f64,
    /// The bins of the first side; a bin without rows is on the side with the larger Hessian.
    pub first: BinSet,
    /// Sums of both sides.
    pub sums: [Cell; 2],
}

/// Gains below this are rounding.
const LEAST_GAIN: f64 = 1e-7;
/// Up to this many categories no extra penalty is needed.
const FEW_CATEGORIES: usize = 4;

/// The best division of `cells`, whose sum is `total`; `None` where nothing gains.
pub(super) fn best(
    cells: &[Cell],
    total: Cell,
    kind: BinKind,
    bounds: Bounds,
    rules: &Rules,
) -> Option<Split> {
    match kind {
        BinKind::Named => best_named(cells, total, bounds, rules),
        _ => best_ordered(cells, total, kind == BinKind::Falling, bounds, rules),
    }
}

/// Gain of two sides over their parent, whose worth is `before`; `None` when the order of values is violated.
struct Judge<'a> {
    rules: &'a Rules,
    bounds: Bounds,
    l2: f64,
    before: f64,
    falling: bool,
}

impl Judge<'_> {
    fn gain(&self, first: Cell, second: Cell) -> Option<f64> {
        let least = self.rules.leaf_hessian;
        if first[1] < least || second[1] < least {
            return None;
        }
        let value =
            |sum: Cell| (-sum[0] / (sum[1] + self.l2)).clamp(self.bounds.low, self.bounds.high);
        let (v, w) = (value(first), value(second));
        if self.falling && v < w {
            return None;
        }
        Some(worth(first, self.l2, v) + worth(second, self.l2, w) - self.before)
    }
}

fn best_ordered(
    cells: &[Cell],
    total: Cell,
    falling: bool,
    bounds: Bounds,
    rules: &Rules,
) -> Option<Split> {
    let judge = Judge {
        rules,
        bounds,
        l2: rules.l2,
        before: worth(total, rules.l2, rules.value(total, bounds)),
        falling,
    };
    let missing = *cells.first()?;
    let sides: &[bool] = if missing[1] > 0.0 {
        &[false, true]
    } else {
        &[false]
    };
    let mut found: Option<(f64, u8, bool, Cell)> = None;
    for &missing_first in sides {
        let mut first = if missing_first { missing } else { [0.0; 2] };
        for (bin, cell) in cells.iter().enumerate().skip(1) {
            if cell[1] == 0.0 {
                continue;
            }
            first = add(first, *cell);
            let second = minus(total, first);
            if second[1] < rules.leaf_hessian {
                break;
            }
            if let Some(gain) = judge.gain(first, second)
                && gain > found.map_or(LEAST_GAIN, |f| f.0)
            {
                found = Some((gain, bin as u8, missing_first, first));
            }
        }
    }
    let (gain, last, missing_first, first) = found?;
    let second = minus(total, first);
    // Where no row lacks the value here, later ones go with the majority.
    let missing_first = if missing[1] > 0.0 {
        missing_first
    } else {
        first[1] >= second[1]
    };
    Some(Split {
        gain,
        first: BinSet::up_to(last, missing_first),
        sums: [first, second],
    })
}

fn best_named(cells: &[Cell], total: Cell, bounds: Bounds, rules: &Rules) -> Option<Split> {
    let mut order: Vec<(f64, u8)> = cells
        .iter()
        .enumerate()
        .filter(|(_, c)| c[1] > 0.0)
        .map(|(bin, c)| (c[0] / (c[1] + rules.category_smoothing), bin as u8))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let extra = if order.len() > FEW_CATEGORIES {
        rules.category_l2
    } else {
        0.0
    };
    let judge = Judge {
        rules,
        bounds,
        l2: rules.l2 + extra,
        before: worth(total, rules.l2, rules.value(total, bounds)),
        falling: false,
    };
    let mut first = [0.0; 2];
    let mut found: Option<(f64, usize, Cell)> = None;
    for (at, &(_, bin)) in order.iter().enumerate() {
        first = add(first, cells[usize::from(bin)]);
        if let Some(gain) = judge.gain(first, minus(total, first))
            && gain > found.map_or(LEAST_GAIN, |f| f.0)
        {
            found = Some((gain, at, first));
        }
    }
    let (gain, last, first) = found?;
    let second = minus(total, first);
    let mut set = BinSet::default();
    order[..=last].iter().for_each(|&(_, bin)| set.insert(bin));
    if first[1] >= second[1] {
        let mut others = BinSet::default();
        order[last + 1..]
            .iter()
            .for_each(|&(_, bin)| others.insert(bin));
        set = BinSet::ALL.without(others);
    }
    Some(Split {
        gain,
        first: set,
        sums: [first, second],
    })
}

/// Bounds of the two sides of a division of a feature of `kind`.
///
/// Both sides of a falling feature stay on their side of the middle of their values, so that nothing grown below can turn
/// the order.
pub(super) fn bounds_below(
    split: &Split,
    kind: BinKind,
    bounds: Bounds,
    rules: &Rules,
) -> [Bounds; 2] {
    if kind != BinKind::Falling {
        return [bounds; 2];
    }
    let middle = 0.5 * (rules.value(split.sums[0], bounds) + rules.value(split.sums[1], bounds));
    [
        Bounds {
            low: middle,
            ..bounds
        },
        Bounds {
            high: middle,
            ..bounds
        },
    ]
}
