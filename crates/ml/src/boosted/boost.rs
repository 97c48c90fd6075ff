//! The boosting loop: gradients, one step, new log-odds, until the rounds or the patience are used up.
//!
//! Every round looks at its own draw of rows and features. With held-back rows the log loss on them is followed; the
//! caller decides how many steps to keep. Deliberately one function at a time: bags and folds are made elsewhere.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::binning::Binned;
use super::grid::{Axis, small_tree};
use super::grow::{Grower, Limits};
use super::histogram::{Cell, fill, gradients};
use super::member::{Member, Pair, Step};
use super::pairs::{PAIR_LEAVES, axes, cells_of, fill_cells};
use super::settings::{Family, Settings};
use super::split::{Rules, best};
use crate::logistic::loss;

/// Rounds in a row without a gain after which there is nothing left to learn.
const BARREN: usize = 3;

/// Rows with outcomes.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub binned: Binned,
    pub won: Vec<bool>,
}

/// What the rounds of a run add.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stage<'a> {
    /// Functions of one feature, trees of so many leaves.
    Shapes(usize),
    /// Functions of these pairs.
    Pairs(&'a [Pair]),
    /// Trees.
    Trees(Limits),
}

impl Stage<'_> {
    pub fn of(settings: &Settings) -> Self {
        match settings.family {
            Family::Additive { leaves } => Self::Shapes(leaves),
            Family::Trees { leaves, depth } => Self::Trees(Limits {
                leaves,
                depth,
                shrinkage: settings.learning_rate,
            }),
        }
    }
}

/// The steps of a run, and the held-back log loss before the first and after every step (empty without held-back rows).
#[derive(Debug, Clone, Default)]
pub(super) struct Run {
    pub steps: Vec<Step>,
    pub curve: Vec<f64>,
}

/// Log-odds of all rows under `member`.
pub(super) fn log_odds(member: &Member, binned: &Binned) -> Vec<f64> {
    (0..binned.rows())
        .map(|r| member.log_odds(binned.row(r)))
        .collect()
}

fn mean_loss(log_odds: &[f64], won: &[bool]) -> f64 {
    let sum: f64 = log_odds.iter().zip(won).map(|(&z, &y)| loss(z, y)).sum();
    sum / won.len().max(1) as f64
}

/// Runs up to `settings.rounds` rounds of `stage` on `train`, starting from `start`.
pub(super) fn run(
    train: &Sample,
    held: Option<&Sample>,
    start: &Member,
    stage: Stage<'_>,
    settings: &Settings,
    seed: u64,
) -> Run {
    let mut at = log_odds(start, &train.binned);
    let mut held = held.map(|s| (s, log_odds(start, &s.binned)));
    let mut rounds = Rounds::new(train, stage, settings, seed);
    let mut found = Run::default();
    let mut slopes = Vec::new();
    if let Some((sample, z)) = &held {
        found.curve.push(mean_loss(z, &sample.won));
    }
    let (mut barren, mut best_at) = (0, 0);
    for _ in 0..settings.rounds {
        gradients(&at, &train.won, &mut slopes);
        rounds.draw();
        let Some(step) = rounds.step(&slopes) else {
            barren += 1;
            if barren >= BARREN {
                break;
            }
            continue;
        };
        barren = 0;
        rounds.apply(&step, &mut at);
        if let Some((sample, z)) = &mut held {
            apply_to(&step, rounds.pairs(), &sample.binned, z);
            found.curve.push(mean_loss(z, &sample.won));
            let last = found.curve.len() - 1;
            if found.curve[last] < found.curve[best_at] {
                best_at = last;
            }
        }
        found.steps.push(step);
        if held.is_some() && found.steps.len() >= best_at + settings.patience {
            break;
        }
    }
    found
}

/// Adds a step to the log-odds of every row.
fn apply_to(step: &Step, pairs: &[Pair], binned: &Binned, log_odds: &mut [f64]) {
    for (row, z) in log_odds.iter_mut().enumerate() {
        let bins = binned.row(row);
        *z += match step {
            Step::Shape { feature, values } => values[usize::from(bins[*feature])],
            Step::Grid { pair, values } => values[pairs[*pair].cell(bins)],
            Step::Tree(tree) => tree.value(bins),
        };
    }
}

/// What the rounds of a run share.
struct Rounds<'a> {
    train: &'a Sample,
    stage: Stage<'a>,
    settings: &'a Settings,
    rules: Rules,
    rng: ChaCha8Rng,
    grower: Grower<'a>,
    /// Rows of this round, and the others.
    rows: Vec<u32>,
    others: Vec<u32>,
    columns: Vec<usize>,
    histogram: Vec<Cell>,
    /// Cell of every row, per pair.
    cells: Vec<Vec<u16>>,
}

impl<'a> Rounds<'a> {
    fn new(train: &'a Sample, stage: Stage<'a>, settings: &'a Settings, seed: u64) -> Self {
        let limits = match stage {
            Stage::Trees(limits) => limits,
            _ => Limits {
                leaves: 2,
                depth: 1,
                shrinkage: 1.0,
            },
        };
        let rules = Rules::of(settings);
        let mut rounds = Self {
            train,
            stage,
            settings,
            rules,
            rng: ChaCha8Rng::seed_from_u64(seed),
            grower: Grower::new(&train.binned, rules, limits),
            rows: (0..train.won.len() as u32).collect(),
            others: Vec::new(),
            columns: (0..train.binned.width).collect(),
            histogram: vec![[0.0; 2]; train.binned.total()],
            cells: Vec::new(),
        };
        rounds.cells = rounds
            .pairs()
            .iter()
            .map(|p| cells_of(p, &train.binned))
            .collect();
        rounds
    }

    fn pairs(&self) -> &'a [Pair] {
        match self.stage {
            Stage::Pairs(pairs) => pairs,
            _ => &[],
        }
    }

    /// Draws the rows and features of a round.
    fn draw(&mut self) {
        let (count, width) = (self.train.won.len() as u32, self.train.binned.width);
        if self.settings.row_share < 1.0 {
            let below = (self.settings.row_share * f64::from(u32::MAX)) as u32;
            self.rows.clear();
            self.others.clear();
            for row in 0..count {
                if self.rng.next_u32() <= below {
                    self.rows.push(row);
                } else {
                    self.others.push(row);
                }
            }
        }
        if self.settings.column_share < 1.0 && width > 1 {
            let share = self.settings.column_share;
            self.columns.clear();
            self.columns
                .extend((0..width).filter(|_| self.rng.random::<f64>() < share));
            if self.columns.is_empty() {
                self.columns.push(self.rng.random_range(0..width));
            }
        }
    }

    fn step(&mut self, slopes: &[[f32; 2]]) -> Option<Step> {
        match self.stage {
            Stage::Shapes(leaves) => self.shape(slopes, leaves),
            Stage::Pairs(pairs) => self.grid(slopes, pairs),
            Stage::Trees(_) => {
                self.grower.rows.clone_from(&self.rows);
                self.grower.grow(slopes, &self.columns).map(Step::Tree)
            }
        }
    }

    /// A small tree on the feature whose best split gains most.
    fn shape(&mut self, slopes: &[[f32; 2]], leaves: usize) -> Option<Step> {
        let binned = &self.train.binned;
        fill(&mut self.histogram, binned, slopes, &self.rows);
        let mut found: Option<(f64, usize)> = None;
        for &feature in &self.columns {
            let cells = &self.histogram[binned.offsets[feature]..binned.offsets[feature + 1]];
            let total = cells
                .iter()
                .fold([0.0; 2], |s: Cell, c| [s[0] + c[0], s[1] + c[1]]);
            let kind = binned.kinds[feature];
            let split = best(cells, total, kind, super::split::Bounds::NONE, &self.rules);
            let gain = split.map_or(0.0, |s| s.gain);
            if gain > found.map_or(0.0, |f| f.0) {
                found = Some((gain, feature));
            }
        }
        let (_, feature) = found?;
        let cells = &self.histogram[binned.offsets[feature]..binned.offsets[feature + 1]];
        let axis = Axis {
            bins: cells.len(),
            kind: binned.kinds[feature],
        };
        let (values, _) = small_tree(cells, [axis, Axis::NONE], leaves, &self.rules)?;
        Some(Step::Shape {
            feature,
            values: self.shrunk(values),
        })
    }

    /// A small tree on the pair that gains most.
    fn grid(&mut self, slopes: &[[f32; 2]], pairs: &[Pair]) -> Option<Step> {
        let mut found: Option<(f64, usize, Vec<f64>)> = None;
        for (at, pair) in pairs.iter().enumerate() {
            let size = pair.bins[0] * pair.bins[1];
            fill_cells(
                &mut self.histogram,
                size,
                &self.cells[at],
                slopes,
                &self.rows,
            );
            let axes = axes(pair, &self.train.binned);
            let tree = small_tree(&self.histogram, axes, PAIR_LEAVES, &self.rules);
            if let Some((values, gain)) = tree
                && gain > found.as_ref().map_or(0.0, |f| f.0)
            {
                found = Some((gain, at, values));
            }
        }
        let (_, pair, values) = found?;
        Some(Step::Grid {
            pair,
            values: self.shrunk(values),
        })
    }

    fn shrunk(&self, mut values: Vec<f64>) -> Vec<f64> {
        values
            .iter_mut()
            .for_each(|v| *v *= self.settings.learning_rate);
        values
    }

    /// Adds a step of this round to the log-odds of the training rows.
    fn apply(&self, step: &Step, log_odds: &mut [f64]) {
        match step {
            Step::Grid { pair, values } => {
                for (z, &cell) in log_odds.iter_mut().zip(&self.cells[*pair]) {
                    *z += values[usize::from(cell)];
                }
            }
            Step::Tree(tree) => {
                // The grown tree has already sorted the rows that it looked at into its leaves.
                for &(start, end, value) in &self.grower.leaves {
                    for &row in &self.grower.rows[start..end] {
                        log_odds[row as usize] += value;
                    }
                }
                for &row in &self.others {
                    log_odds[row as usize] += tree.value(self.train.binned.row(row as usize));
                }
            }
            Step::Shape { .. } => apply_to(step, &[], &self.train.binned, log_odds),
        }
    }
}
