//! One boosted function: a constant, tables over one feature, tables over two, and trees.
//!
//! Log-odds of a row are the sum of all of them. Deliberately unaware of how they were found; see `boost`.

use super::binning::Binned;
use super::tree::Tree;

/// A function of one feature: log-odds per bin.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    pub feature: u32,
    pub values: Vec<f64>,
    /// Mean over the training rows.
    pub mean: f64,
}

/// Two features whose bins are merged to coarser ones.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pair {
    pub features: [u32; 2],
    /// Coarse bin of every bin.
    pub maps: [Vec<u8>; 2],
    /// Coarse bins.
    pub bins: [usize; 2],
}

impl Pair {
    /// Cell of a row.
    pub fn cell(&self, row: &[u8]) -> usize {
        let at = |axis: usize| {
            usize::from(self.maps[axis][usize::from(row[self.features[axis] as usize])])
        };
        at(0) * self.bins[1] + at(1)
    }
}

/// A function of two features: log-odds per cell, and what they are when only one feature, or none, is known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Grid {
    pub pair: Pair,
    pub values: Vec<f64>,
    /// Mean over the training rows with the same coarse bin of the first, and of the second feature.
    pub known: [Vec<f64>; 2],
    /// Mean over the training rows.
    pub mean: f64,
}

impl Grid {
    /// Log-odds of a row; adds the Shapley values of both features.
    ///
    /// They follow the same convention as those of trees: an unknown feature is averaged over the training rows.
    pub fn explain(&self, row: &[u8], into: &mut [f64]) -> f64 {
        let [a, b] = self.pair.features.map(|f| f as usize);
        let first = self.known[0][usize::from(self.pair.maps[0][usize::from(row[a])])];
        let second = self.known[1][usize::from(self.pair.maps[1][usize::from(row[b])])];
        let both = self.values[self.pair.cell(row)];
        into[a] += 0.5 * (first - self.mean + both - second);
        into[b] += 0.5 * (second - self.mean + both - first);
        both
    }
}

/// One round's addition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Shape { feature: usize, values: Vec<f64> },
    Grid { pair: usize, values: Vec<f64> },
    Tree(Tree),
}

/// A boosted function.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Member {
    pub base: f64,
    pub shapes: Vec<Shape>,
    pub grids: Vec<Grid>,
    pub trees: Vec<Tree>,
}

impl Member {
    /// Log-odds of a row of bins.
    pub fn log_odds(&self, row: &[u8]) -> f64 {
        let trees: f64 = self.trees.iter().map(|t| t.value(row)).sum();
        self.tables(row) + trees
    }

    /// Log-odds of a row without the trees.
    pub fn tables(&self, row: &[u8]) -> f64 {
        let shapes: f64 = self
            .shapes
            .iter()
            .map(|s| s.values[usize::from(row[s.feature as usize])])
            .sum();
        let grids: f64 = self.grids.iter().map(|g| g.values[g.pair.cell(row)]).sum();
        self.base + shapes + grids
    }

    /// Mean log-odds when nothing of a row is known.
    pub fn expected(&self) -> f64 {
        self.base
            + self.shapes.iter().map(|s| s.mean).sum::<f64>()
            + self.grids.iter().map(|g| g.mean).sum::<f64>()
            + self.trees.iter().map(Tree::mean).sum::<f64>()
    }

    /// The function that `steps` add up to on top of `self`; means are taken over `binned`.
    pub(super) fn extended(mut self, steps: &[Step], pairs: &[Pair], binned: &Binned) -> Self {
        let mut shapes: Vec<Option<Vec<f64>>> = vec![None; binned.width];
        let mut grids: Vec<Option<Vec<f64>>> = vec![None; pairs.len()];
        for step in steps {
            match step {
                Step::Shape { feature, values } => accumulate(&mut shapes[*feature], values),
                Step::Grid { pair, values } => accumulate(&mut grids[*pair], values),
                Step::Tree(tree) => self.trees.push(tree.clone()),
            }
        }
        for (feature, values) in shapes.into_iter().enumerate() {
            if let Some(values) = values {
                self.shapes.push(shape(feature, values, binned));
            }
        }
        for (pair, values) in pairs.iter().zip(grids) {
            if let Some(values) = values {
                self.grids.push(grid(pair.clone(), values, binned));
            }
        }
        self
    }
}

fn accumulate(sum: &mut Option<Vec<f64>>, values: &[f64]) {
    let sum = sum.get_or_insert_with(|| vec![0.0; values.len()]);
    sum.iter_mut().zip(values).for_each(|(s, v)| *s += v);
}

fn shape(feature: usize, values: Vec<f64>, binned: &Binned) -> Shape {
    let sum: f64 = (0..binned.rows())
        .map(|r| values[usize::from(binned.row(r)[feature])])
        .sum();
    Shape {
        feature: feature as u32,
        mean: sum / binned.rows().max(1) as f64,
        values,
    }
}

fn grid(pair: Pair, values: Vec<f64>, binned: &Binned) -> Grid {
    let rows = binned.rows();
    let mut counts = vec![0.0; values.len()];
    (0..rows).for_each(|r| counts[pair.cell(binned.row(r))] += 1.0);
    let [wide, deep] = pair.bins;
    let mean_over = |cells: &mut dyn Iterator<Item = usize>, otherwise: f64| {
        let (mut sum, mut count) = (0.0, 0.0);
        for cell in cells {
            sum += counts[cell] * values[cell];
            count += counts[cell];
        }
        if count > 0.0 { sum / count } else { otherwise }
    };
    let mean = mean_over(&mut (0..values.len()), 0.0);
    let first = (0..wide).map(|a| mean_over(&mut (a * deep..(a + 1) * deep), mean));
    let second = (0..deep).map(|b| mean_over(&mut (b..values.len()).step_by(deep), mean));
    Grid {
        known: [first.collect(), second.collect()],
        pair,
        values,
        mean,
    }
}
