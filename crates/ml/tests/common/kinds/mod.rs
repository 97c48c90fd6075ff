//! Kinds of generated quotes whose true probabilities are known: small, noisy, drifting, bent, wide, rare, with gaps.
//!
//! The truths are those of `benches/many_sets.py`, and one like that of `valutai sample`. Deliberately nothing is drawn
//! from real data, and no claim is made that a market looks like any of them.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a helper of several programs, none of which uses all of it"
)]

use ml::{Column, Role, Table, TrainingSet, Values};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{normal, sigmoid};
use truths::*;

mod truths;

/// A kind of data.
pub struct Kind {
    pub name: &'static str,
    /// Rows that it is made for.
    pub rows: usize,
    make: fn(&mut Draw),
}

/// Rows to learn from, rows to predict, and the true probabilities of the latter.
pub struct Known {
    pub train: TrainingSet,
    pub test: Table,
    pub truth: Vec<f64>,
}

/// All kinds, from few rows to many.
pub const KINDS: [Kind; 21] = [
    Kind::new("tiny", 80, small_linear),
    Kind::new("small linear", 300, small_linear),
    Kind::new("wide", 800, wide),
    Kind::new("noisy", 1500, noisy),
    Kind::new("sampler", 2000, sampler),
    Kind::new("products", 2500, products),
    Kind::new("levels", 2500, levels),
    Kind::new("slopes", 3000, slopes),
    Kind::new("missing", 3000, missing),
    Kind::new("steps", 3000, steps),
    Kind::new("heavy", 3000, heavy),
    Kind::new("drifting", 4000, drifting),
    Kind::new("interactions", 5000, interactions),
    Kind::new("rare", 6000, rare),
    Kind::new("customers", 6000, customers),
    Kind::new("curved", 2000, curved),
    Kind::new("crossed", 1000, crossed),
    Kind::new("no signal", 800, no_signal),
    Kind::new("friedman", 2500, friedman),
    Kind::new("seldom lost", 1200, seldom_lost),
    Kind::new("gaps", 1500, gaps),
];

impl Kind {
    const fn new(name: &'static str, rows: usize, make: fn(&mut Draw)) -> Self {
        Self { name, rows, make }
    }

    /// `rows` to learn from and `tested` more to predict; where the kind has days, these are the newest.
    pub fn draw(&self, rows: usize, tested: usize, seed: u64) -> Known {
        let mut draw = Draw {
            rng: ChaCha8Rng::seed_from_u64(seed),
            rows: rows + tested,
            columns: Vec::new(),
            log_odds: Vec::new(),
            dated: true,
        };
        (self.make)(&mut draw);
        draw.known(rows)
    }
}

/// A set that is being drawn.
struct Draw {
    rng: ChaCha8Rng,
    rows: usize,
    columns: Vec<Column>,
    log_odds: Vec<f64>,
    dated: bool,
}

/// The columns that most kinds have.
struct Usual {
    /// Price over list price.
    ratio: Vec<f64>,
    list: Vec<f64>,
    weeks: Vec<f64>,
    region: Vec<usize>,
}

const REGIONS: [&str; 4] = ["north", "east", "south", "west"];

impl Draw {
    fn numbers(&mut self, name: &str, role: Role, values: &[f64]) {
        let values = Values::Number(values.to_vec());
        self.columns.push(Column::new(name, role, values));
    }

    fn texts(&mut self, name: &str, codes: &[usize], text: impl Fn(usize) -> String) {
        let cells: Vec<String> = codes.iter().map(|&c| text(c)).collect();
        let cells: Vec<Option<&str>> = cells.iter().map(|c| Some(c.as_str())).collect();
        let column = Column::from_texts(name, Role::Feature, &cells);
        self.columns.push(column);
    }

    fn each(&mut self, mut one: impl FnMut(&mut ChaCha8Rng) -> f64) -> Vec<f64> {
        (0..self.rows).map(|_| one(&mut self.rng)).collect()
    }

    fn normals(&mut self) -> Vec<f64> {
        self.each(normal)
    }

    fn codes(&mut self, levels: usize) -> Vec<usize> {
        (0..self.rows)
            .map(|_| self.rng.random_range(0..levels))
            .collect()
    }

    fn usual(&mut self) -> Usual {
        let list = self.each(|r| (8.0 + 0.5 * normal(r)).exp());
        let ratio = self.each(|r| r.random_range(0.7..1.1));
        let share = self.each(|r| r.random_range(0.45..0.65));
        let weeks = self.each(|r| r.random_range(1.0..12.0));
        let region = self.codes(4);
        let times =
            |a: &[f64], b: &[f64]| -> Vec<f64> { a.iter().zip(b).map(|(a, b)| a * b).collect() };
        self.numbers("list", Role::ListPrice, &list);
        self.numbers("price", Role::Price, &times(&list, &ratio));
        self.numbers("cost", Role::Cost, &times(&list, &share));
        self.numbers("weeks", Role::Feature, &weeks);
        self.texts("region", &region, |c| REGIONS[c].to_owned());
        Usual {
            ratio,
            list,
            weeks,
            region,
        }
    }

    fn truth(&mut self, of: impl Fn(usize) -> f64) {
        self.log_odds = (0..self.rows).map(of).collect();
    }

    fn known(mut self, rows: usize) -> Known {
        let truth: Vec<f64> = self.log_odds.iter().map(|&z| sigmoid(z)).collect();
        let won: Vec<bool> = truth
            .iter()
            .map(|&p| self.rng.random::<f64>() < p)
            .collect();
        let days: Vec<i32> = (0..self.rows)
            .map(|r| 18_000 + (r * 1200 / self.rows) as i32)
            .collect();
        let table = Table {
            columns: self.columns,
        };
        let (first, last): (Vec<usize>, Vec<usize>) = (0..self.rows).partition(|&r| r < rows);
        Known {
            train: TrainingSet {
                features: table.select(&first),
                outcome: won[..rows].to_vec(),
                date: self.dated.then(|| days[..rows].to_vec()),
                group: None,
            },
            test: table.select(&last),
            truth: truth[rows..].to_vec(),
        }
    }
}
