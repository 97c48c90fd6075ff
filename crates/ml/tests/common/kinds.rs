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
pub const KINDS: [Kind; 17] = [
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

fn small_linear(d: &mut Draw) {
    let u = d.usual();
    let place = [0.6, 0.0, -0.3, -0.4];
    d.truth(|r| -6.0 * (u.ratio[r] - 0.9) - 0.1 * (u.weeks[r] - 6.0) + place[u.region[r]]);
}

fn noisy(d: &mut Draw) {
    let u = d.usual();
    let noise: Vec<Vec<f64>> = (0..6).map(|_| d.normals()).collect();
    for (k, values) in noise.iter().enumerate() {
        d.numbers(&format!("n{k}"), Role::Feature, values);
    }
    d.truth(|r| -0.8 - 1.5 * (u.ratio[r] - 0.9) + 0.15 * noise[0][r] - 0.1 * noise[1][r]);
}

fn drifting(d: &mut Draw) {
    let u = d.usual();
    let rows = d.rows as f64;
    d.truth(|r| {
        let t = r as f64 / rows;
        -1.0 + 0.8 * t - (4.0 + 6.0 * t) * (u.ratio[r] - 0.9) - 0.2 * (u.weeks[r] - 6.0) * (1.0 - t)
    });
}

fn interactions(d: &mut Draw) {
    let u = d.usual();
    let size = d.each(|r| r.random_range(-2.0..2.0));
    d.numbers("size", Role::Feature, &size);
    d.dated = false;
    d.truth(|r| {
        let steep = if u.region[r] == 0 { -14.0 } else { -2.0 };
        let late = u.weeks[r] > 8.0 && size[r] > 0.0;
        0.8 + steep * (u.ratio[r] - 0.9) - 1.1 * size[r].powi(2) + if late { 0.3 } else { 0.0 }
    });
}

fn slopes(d: &mut Draw) {
    let u = d.usual();
    d.dated = false;
    let steep = [-16.0, -8.0, -4.0, -1.0];
    d.truth(|r| -0.2 + steep[u.region[r]] * (u.ratio[r] - 0.9));
}

/// Many levels of unequal frequency with an effect each.
fn of_levels(d: &mut Draw, count: usize, spread: f64) {
    let u = d.usual();
    let effect: Vec<f64> = (0..count).map(|_| spread * normal(&mut d.rng)).collect();
    let mut sums = Vec::with_capacity(count);
    let mut sum = 0.0;
    for _ in 0..count {
        let x: f64 = d.rng.random_range(1e-9..1.0);
        sum += x.powf(-1.0 / 1.5) - 1.0 + 0.3;
        sums.push(sum);
    }
    let who: Vec<usize> = (0..d.rows)
        .map(|_| {
            let at = d.rng.random_range(0.0..sum);
            sums.partition_point(|&s| s <= at).min(count - 1)
        })
        .collect();
    d.texts("customer", &who, |w| format!("k{w}"));
    d.truth(|r| -0.5 - 5.0 * (u.ratio[r] - 0.9) + effect[who[r]]);
}

fn customers(d: &mut Draw) {
    of_levels(d, 1500, 1.2);
}

fn products(d: &mut Draw) {
    of_levels(d, 300, 0.8);
}

fn missing(d: &mut Draw) {
    let u = d.usual();
    let x = d.normals();
    let gone: Vec<bool> = x
        .iter()
        .map(|&x| d.rng.random::<f64>() < sigmoid(x - 1.0))
        .collect();
    let known = |(x, gone): (&f64, &bool)| if *gone { f64::NAN } else { *x };
    let rating: Vec<f64> = x.iter().zip(&gone).map(known).collect();
    d.numbers("rating", Role::Feature, &rating);
    let kept = d.each(|r| {
        if r.random::<f64>() > 0.3 {
            0.0
        } else {
            f64::NAN
        }
    });
    let weeks: Vec<f64> = u.weeks.iter().zip(&kept).map(|(w, k)| w + k).collect();
    let at = d.columns.iter().position(|c| c.name == "weeks").unwrap();
    d.columns[at].values = Values::Number(weeks);
    d.dated = false;
    d.truth(|r| -0.3 - 4.0 * (u.ratio[r] - 0.9) + if gone[r] { -1.5 } else { 0.8 * x[r] });
}

fn rare(d: &mut Draw) {
    let u = d.usual();
    d.truth(|r| {
        let north = if u.region[r] == 0 { 0.8 } else { 0.0 };
        -4.2 - 8.0 * (u.ratio[r] - 0.9) + north - 0.2 * (u.weeks[r] - 6.0)
    });
}

fn wide(d: &mut Draw) {
    let x: Vec<Vec<f64>> = (0..200).map(|_| d.normals()).collect();
    for (k, values) in x.iter().enumerate() {
        d.numbers(&format!("n{k}"), Role::Feature, values);
    }
    d.dated = false;
    d.truth(|r| {
        0.9 * x[0][r] - 0.7 * x[1][r] + 0.5 * x[2][r] - 0.5 * x[3][r] + 0.4 * x[4][r].abs()
    });
}

fn steps(d: &mut Draw) {
    let u = d.usual();
    let rival = d.each(|r| 0.92 + 0.04 * normal(r));
    let quoted: Vec<f64> = u.list.iter().zip(&rival).map(|(l, r)| l * r).collect();
    d.numbers("rival", Role::Feature, &quoted);
    let quantity = d.each(|r| (3.0 + normal(r)).exp().round() + 1.0);
    d.numbers("quantity", Role::Feature, &quantity);
    d.dated = false;
    d.truth(|r| {
        let cheaper = if u.ratio[r] < rival[r] { 1.2 } else { -1.4 };
        cheaper + if quantity[r] > 50.0 { 0.8 } else { 0.0 }
    });
}

fn levels(d: &mut Draw) {
    let mut sums = vec![-0.6; d.rows];
    for k in 0..8 {
        let effect: Vec<f64> = (0..10).map(|_| 0.45 * normal(&mut d.rng)).collect();
        let at = d.codes(10);
        d.texts(&format!("c{k}"), &at, |a| format!("v{a}"));
        sums.iter_mut().zip(&at).for_each(|(s, &a)| *s += effect[a]);
    }
    d.dated = false;
    d.truth(|r| sums[r]);
}

fn heavy(d: &mut Draw) {
    let x: Vec<Vec<f64>> = (0..6)
        .map(|_| d.each(|r| (2.0 * normal(r)).exp()))
        .collect();
    for (k, values) in x.iter().enumerate() {
        d.numbers(&format!("n{k}"), Role::Feature, values);
    }
    d.dated = false;
    d.truth(|r| 0.5 * x[0][r].ln() - 0.4 * x[1][r].ln() + 0.5 * x[2][r].ln().sin());
}

/// Bends that no straight line follows, none of them sharp.
fn curved(d: &mut Draw) {
    let x: Vec<Vec<f64>> = (0..8).map(|_| d.normals()).collect();
    for (k, values) in x.iter().enumerate() {
        d.numbers(&format!("n{k}"), Role::Feature, values);
    }
    d.dated = false;
    d.truth(|r| 0.2 - 0.6 * x[0][r].powi(2) + (2.0 * x[1][r]).sin() + 0.5 * x[2][r]);
}

/// Two categories whose levels act together only, and a straight number.
fn crossed(d: &mut Draw) {
    let u = d.usual();
    let segment = d.codes(3);
    d.texts("segment", &segment, |s| format!("s{s}"));
    d.truth(|r| {
        let same = (u.region[r] + segment[r]).is_multiple_of(2);
        -0.4 - 4.0 * (u.ratio[r] - 0.9) + if same { 0.5 } else { -0.5 }
    });
}

/// As `valutai sample` draws: two effects depend on another column, three columns have none.
fn sampler(d: &mut Draw) {
    let people = (d.rows / 15).clamp(12, 192);
    let home: Vec<(usize, usize)> = (0..people)
        .map(|_| (d.rng.random_range(0..4), d.rng.random_range(0..4)))
        .collect();
    let who = d.codes(people);
    let product = d.codes(6);
    let quantity = d.each(|r| [1.0, 2.0, 5.0, 10.0, 50.0, 100.0][r.random_range(0..6)]);
    let unit = [1180.0, 2640.0, 145.0, 410.0, 890.0, 3900.0];
    let list: Vec<f64> = product
        .iter()
        .map(|&p| unit[p] * (1.0 + 0.04 * normal(&mut d.rng)))
        .collect();
    let rivals =
        d.each(|r| [0.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 4.0, 5.0][r.random_range(0..10)]);
    let days = d.each(|r| f64::from(r.random_range(5..38)));
    let ratio: Vec<f64> = rivals
        .iter()
        .map(|k| (0.89 + 0.085 * normal(&mut d.rng) - 0.01 * (k - 2.0)).clamp(0.66, 1.0))
        .collect();
    let price: Vec<f64> = list.iter().zip(&ratio).map(|(l, r)| l * r).collect();
    let cost: Vec<f64> = list
        .iter()
        .map(|l| l * 0.57 * (1.0 + 0.05 * normal(&mut d.rng)))
        .collect();
    d.texts("customer", &who, |w| format!("customer {w}"));
    let region: Vec<usize> = who.iter().map(|&w| home[w].0).collect();
    let segment: Vec<usize> = who.iter().map(|&w| home[w].1).collect();
    d.texts("region", &region, |c| REGIONS[c].to_owned());
    d.texts("segment", &segment, |c| format!("segment {c}"));
    d.texts("product", &product, |c| format!("product {c}"));
    d.numbers("quantity", Role::Quantity, &quantity);
    d.numbers("list", Role::ListPrice, &list);
    d.numbers("price", Role::Price, &price);
    d.numbers("cost", Role::Cost, &cost);
    d.numbers("rivals", Role::Feature, &rivals);
    d.numbers("days", Role::Feature, &days);
    d.truth(|r| {
        let steep = if segment[r] == 3 { -22.0 } else { -11.0 };
        let (k, late) = (rivals[r] - 2.0, days[r] - 21.0);
        -0.5 + steep * (ratio[r] - 0.89)
            + [0.10, -0.20, -0.55, 0.65][region[r]]
            + [-0.45, 0.15, 0.35, -0.25][segment[r]]
            - 0.4 * k
            - 0.035 * late
            - 0.015 * late * k
    });
}
