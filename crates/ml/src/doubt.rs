//! What held-back rows show to be left in the quotes that no candidate has learned.
//!
//! Outcomes of a group of rows miss the sum of their predictions by a binomial error, and by whatever the predictions of
//! the group have in common that is wrong. Over many groups the first has a known size: with S the sum of y - p, V that
//! of p (1 - p) and b the common error in log-odds, S² / V is 1 + V b² on average, so that (sum of S² / V - groups) / sum
//! of V is the mean of b² (the score test of a variance component; le Cessie and van Houwelingen 1995). Groups are the
//! cells of any two features, the levels of categories, and any feature through time. Deliberately a variance and no
//! correction: how the left-over looks is for a candidate to learn.

use std::collections::BTreeMap;

use crate::Error;
use crate::boosted::{BinKind, Binned, Settings, features};
use crate::calibrate::bounded_logit;
use crate::encode::{Bound, Coding, Encoder, Keys, Origin};
use crate::logistic::sigmoid;
use crate::table::{MISSING_CODE, TrainingSet, Values};

/// Standard normal deviates from which a left-over of two features is believed at all, and wholly: among all pairs that are
/// looked at the largest deviate is often between the two by chance.
const CLEAR: (f64, f64) = (1.8, 3.2);
/// The same for what changes through time, where each part is predicted by a fit of its own that errs for all of it.
const MOVED: f64 = 3.7;
/// The same for levels that are told apart.
const KEPT: f64 = 3.2;
/// The same for levels too rare to be told apart, where a left-over is expected.
const EXPECTED: f64 = 2.0;
/// Groups of a feature.
const GROUPS: usize = 5;
/// Most features that are paired: those by which predictions differ most.
const MOST_FEATURES: usize = 16;
/// Most pairs whose left-overs are added up; further ones mostly say the same again.
const MOST_PAIRS: usize = 3;
/// Least sum of p (1 - p) of a group that is judged.
const LEAST_WEIGHT: f64 = 0.5;
/// Most rows that are looked at.
const MOST_ROWS: usize = 50_000;
/// Later quotes lie further from the training data than held-back parts of it: under a steady drift their squared error
/// is that many times as large with five parts, for half as long after the training data as these go back.
const BEYOND: f64 = 4.7;

/// Left-over variances of the log-odds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Doubt {
    /// From what two features do together; with the number along which it grows, where it does.
    pub pairs: Vec<(f64, Option<Origin>)>,
    /// From what changes through time, for quotes later than the training data.
    pub drift: f64,
    /// Per column of categories.
    pub levels: Vec<LevelDoubt>,
}

/// Left-over variances among the levels of a column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LevelDoubt {
    pub column: String,
    /// Among levels that the linear part tells apart.
    pub kept: f64,
    /// Among the others.
    pub other: f64,
}

/// Held-back predictions.
pub(crate) struct HeldBack<'a> {
    /// Rows of the training set, one per prediction.
    pub rows: &'a [usize],
    pub probabilities: &'a [f64],
    pub won: &'a [bool],
    /// Parts of time that were held back together, where folds follow time.
    pub parts: Option<Vec<usize>>,
}

/// What `held` shows; `known` are the rows that encoders may be fitted on.
pub(crate) fn doubt(
    set: &TrainingSet,
    known: &[usize],
    held: &HeldBack<'_>,
) -> Result<Doubt, Error> {
    let step = held.rows.len().div_ceil(MOST_ROWS).max(1);
    let seen: Vec<usize> = (0..held.rows.len()).step_by(step).collect();
    if seen.is_empty() {
        return Ok(Doubt::default());
    }
    let left = Left::of(held, &seen);
    let rows: Vec<usize> = seen.iter().map(|&i| held.rows[i]).collect();
    let encoder = Encoder::fit(&set.features.select(known));
    let table = set.features.select(&rows);
    let bound = Bound::new(&encoder, &table)?;
    let features = features(&encoder, &bound, &Settings::default());
    let origins: Vec<Origin> = features.iter().map(|f| f.origin).collect();
    let columns = left.telling(&Binned::of(&features, &bound), &origins);
    let together: Vec<(usize, usize)> = (0..columns.len())
        .flat_map(|a| (0..a).map(move |b| (a, b)))
        .collect();
    let cells = |a: &[usize], b: &[usize]| -> Vec<usize> {
        a.iter().zip(b).map(|(a, b)| a * GROUPS + b).collect()
    };
    // What is computed from one column says the same again.
    let mut by_source: BTreeMap<(usize, usize), (f64, Option<Origin>)> = BTreeMap::new();
    for (a, b) in together {
        let (a, b) = (&columns[a], &columns[b]);
        let found = [
            (left.clear(&cells(&a.group, &b.group), CLEAR), None),
            (left.slopes(a, b), Some(a.origin)),
            (left.slopes(b, a), Some(b.origin)),
        ];
        let (one, other) = (a.origin.source(), b.origin.source());
        let known = by_source
            .entry((one.min(other), one.max(other)))
            .or_insert((0.0, None));
        for (variance, along) in found {
            if let Some(variance) = variance.filter(|v| *v > known.0) {
                *known = (variance, along);
            }
        }
    }
    let mut pairs: Vec<(f64, Option<Origin>)> = by_source.into_values().collect();
    pairs.retain(|(variance, _)| *variance > 0.0);
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    pairs.truncate(MOST_PAIRS);
    let drift = held.parts.as_ref().map_or(0.0, |parts| {
        let parts: Vec<usize> = seen.iter().map(|&i| parts[i]).collect();
        let moved = columns.iter().map(|column| {
            let cells: Vec<usize> = parts
                .iter()
                .zip(&column.group)
                .map(|(p, c)| p * GROUPS + c)
                .collect();
            left.clear(&cells, (MOVED, MOVED))
        });
        let moved = moved.chain([left.clear(&parts, (MOVED, MOVED))]);
        BEYOND * moved.flatten().fold(0.0, f64::max)
    });
    Ok(Doubt {
        pairs,
        drift,
        levels: left.levels(&encoder, &bound),
    })
}

/// Residuals, their variances and log-odds of the rows that are looked at.
struct Left {
    residual: Vec<f64>,
    weight: Vec<f64>,
    log_odds: Vec<f64>,
}

impl Left {
    fn of(held: &HeldBack<'_>, seen: &[usize]) -> Self {
        let log_odds: Vec<f64> = seen
            .iter()
            .map(|&i| bounded_logit(held.probabilities[i]))
            .collect();
        let p: Vec<f64> = log_odds.iter().map(|&z| sigmoid(z)).collect();
        let won = seen.iter().map(|&i| f64::from(u8::from(held.won[i])));
        Self {
            residual: won.zip(&p).map(|(y, p)| y - p).collect(),
            weight: p.iter().map(|p| p * (1.0 - p)).collect(),
            log_odds,
        }
    }

    /// The left-over variance between groups, as far as it is clear.
    fn clear(&self, group: &[usize], errors: (f64, f64)) -> Option<f64> {
        self.along(group, &|_| 1.0, errors)
    }

    /// The same of what rises along a number differently in the groups of another feature. Few figures have to explain it,
    /// so that it stands out where cells do not.
    fn slopes(&self, number: &Looked, groups: &Looked) -> Option<f64> {
        let along = number.along.as_ref()?;
        self.along(&groups.group, &|r| along[r], CLEAR)
    }

    fn along(&self, group: &[usize], x: &dyn Fn(usize) -> f64, errors: (f64, f64)) -> Option<f64> {
        let count = group.iter().max().map_or(0, |g| g + 1);
        let (mut sum, mut weight) = (vec![0.0; count], vec![0.0; count]);
        for (r, &g) in group.iter().enumerate() {
            sum[g] += self.residual[r] * x(r);
            weight[g] += self.weight[r] * x(r) * x(r);
        }
        self.variance(&sum, &weight, LEAST_WEIGHT, errors)
    }

    fn variance(
        &self,
        sum: &[f64],
        weight: &[f64],
        least: f64,
        (from, whole): (f64, f64),
    ) -> Option<f64> {
        let (mut chi, mut groups, mut total) = (0.0f64, 0.0, 0.0);
        for (s, &v) in sum.iter().zip(weight).filter(|(_, v)| **v > least) {
            chi += s * s / v;
            groups += 1.0;
            total += v;
        }
        // Wilson and Hilferty 1931: the cube root of chi squared over its degrees of freedom is nearly normal.
        let spread: f64 = 2.0 / (9.0 * groups);
        let deviate = ((chi / groups).cbrt() - 1.0 + spread) / spread.sqrt();
        let believed = ((deviate - from) / (whole - from).max(1e-9)).min(1.0);
        (groups > 1.0 && deviate > from).then(|| believed * (chi - groups) / total)
    }

    /// Features in groups of about equal size, those by which predictions differ most.
    fn telling(&self, binned: &Binned, origins: &[Origin]) -> Vec<Looked> {
        let mut found: Vec<(f64, Looked)> = (0..binned.width)
            .map(|at| {
                let column = grouped(binned, at, origins[at]);
                (self.spread(&column.group), column)
            })
            .collect();
        if found.len() > MOST_FEATURES {
            found.sort_by(|a, b| b.0.total_cmp(&a.0));
            found.truncate(MOST_FEATURES);
        }
        found.into_iter().map(|f| f.1).collect()
    }

    /// Variance of the mean log-odds between groups.
    fn spread(&self, group: &[usize]) -> f64 {
        let (mut sums, mut counts) = ([0.0; GROUPS], [0.0; GROUPS]);
        for (r, &g) in group.iter().enumerate() {
            sums[g] += self.log_odds[r];
            counts[g] += 1.0;
        }
        let all: f64 = counts.iter().sum();
        let mean = sums.iter().sum::<f64>() / all;
        (0..GROUPS)
            .filter(|&g| counts[g] > 0.0)
            .map(|g| counts[g] / all * (sums[g] / counts[g] - mean).powi(2))
            .sum()
    }

    /// Left-overs among the levels of every column of categories.
    fn levels(&self, encoder: &Encoder, bound: &Bound<'_>) -> Vec<LevelDoubt> {
        let mut found = Vec::new();
        for block in &encoder.blocks {
            let (Coding::Slots(slots), Origin::Column(at)) = (&block.coding, block.origin) else {
                continue;
            };
            let (Keys::Names(names), Some(Values::Category { codes, levels })) =
                (&slots.keys, bound.columns[at])
            else {
                continue;
            };
            let mut sides: [BTreeMap<u32, (f64, f64)>; 2] = Default::default();
            let kept: Vec<bool> = levels
                .iter()
                .map(|l| names.binary_search(l).is_ok())
                .collect();
            for (r, &code) in codes
                .iter()
                .enumerate()
                .filter(|(_, c)| **c != MISSING_CODE)
            {
                let side = &mut sides[usize::from(!kept[code as usize])];
                let cell = side.entry(code).or_default();
                cell.0 += self.residual[r];
                cell.1 += self.weight[r];
            }
            let [kept, other] =
                sides.map(|side| side.into_values().unzip::<f64, f64, Vec<_>, Vec<_>>());
            let doubt = LevelDoubt {
                column: encoder.schema[at].name.clone(),
                kept: self
                    .variance(&kept.0, &kept.1, 0.0, (KEPT, KEPT))
                    .unwrap_or(0.0),
                other: self
                    .variance(&other.0, &other.1, 0.0, (EXPECTED, EXPECTED))
                    .unwrap_or(0.0),
            };
            if doubt.kept > 0.0 || doubt.other > 0.0 {
                found.push(doubt);
            }
        }
        found
    }
}

/// A feature of the rows that are looked at.
struct Looked {
    origin: Origin,
    /// Its bins in at most [`GROUPS`] groups of about equal size.
    group: Vec<usize>,
    /// Where it is a number: its rank, with mean 0 and variance 1; 0 where it is missing.
    along: Option<Vec<f64>>,
}

/// Feature `at` of `binned`, which comes from `origin`.
fn grouped(binned: &Binned, at: usize, origin: Origin) -> Looked {
    let bins: Vec<usize> = (0..binned.rows())
        .map(|r| usize::from(binned.row(r)[at]))
        .collect();
    let mut counts = vec![0usize; binned.count(at)];
    bins.iter().for_each(|&b| counts[b] += 1);
    let used = counts.iter().filter(|c| **c > 0).count();
    let (mut before, mut place) = (0, 0);
    let mut of_bin = vec![0; counts.len()];
    let mut rank = vec![0.0; counts.len()];
    for (bin, &count) in counts.iter().enumerate().filter(|(_, c)| **c > 0) {
        rank[bin] = before as f64 + 0.5 * count as f64;
        of_bin[bin] = if used <= GROUPS {
            place
        } else {
            (2 * before + count) * GROUPS / (2 * bins.len())
        };
        before += count;
        place += 1;
    }
    let numbers = !matches!(binned.kinds[at], BinKind::Named);
    Looked {
        origin,
        along: numbers.then(|| standard(&bins, &rank)),
        group: bins.iter().map(|&b| of_bin[b].min(GROUPS - 1)).collect(),
    }
}

/// Ranks of rows by that of their bins, with mean 0 and variance 1; 0 in bin 0, which is missing.
fn standard(bins: &[usize], rank: &[f64]) -> Vec<f64> {
    let known = || bins.iter().filter(|b| **b > 0).map(|&b| rank[b]);
    let count = known().count().max(1) as f64;
    let mean = known().sum::<f64>() / count;
    let deviation = (known().map(|r| (r - mean).powi(2)).sum::<f64>() / count).sqrt();
    let of = |&b: &usize| {
        if b == 0 || deviation == 0.0 {
            0.0
        } else {
            (rank[b] - mean) / deviation
        }
    };
    bins.iter().map(of).collect()
}

#[cfg(test)]
#[path = "doubt_tests.rs"]
mod tests;
