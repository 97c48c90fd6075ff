//! Generated quotes and small readers shared by the tests of this crate.
//!
//! Deliberately no fixtures on disk: data are drawn from a seed, real files are read only when they are pointed at.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::allow_attributes,
    reason = "a helper of several test programs, none of which uses all of it"
)]

pub mod kinds;

use std::ops::ControlFlow;
use std::path::PathBuf;

use ml::{Column, Error, Role, Table, TrainOptions, Trained, TrainingSet, Values};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Trains with default options and the given seed.
pub fn train(set: &TrainingSet, seed: u64) -> Result<Trained, Error> {
    let options = TrainOptions {
        seed,
        ..TrainOptions::default()
    };
    ml::train(set, &options, &mut |_| ControlFlow::Continue(()))
}

pub fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + (-z).exp())
}

/// A standard normal draw (Box and Muller).
pub fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (u, v): (f64, f64) = (rng.random_range(1e-12..1.0), rng.random());
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// Generated quotes and the probability that each truly had.
pub struct Quotes {
    pub set: TrainingSet,
    pub truth: Vec<f64>,
}

/// `rows` quotes with list price, price, cost, lead time, region and date; the higher the price relative to the list
/// price, the rarer the win. `shift` moves the win rate (about 50 % at 0).
pub fn quotes(rows: usize, shift: f64, seed: u64) -> Quotes {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut list, mut price, mut cost, mut lead, mut region, mut day) =
        (vec![], vec![], vec![], vec![], vec![], vec![]);
    let (mut truth, mut outcome) = (vec![], vec![]);
    for row in 0..rows {
        let l = (8.0 + 0.5 * normal(&mut rng)).exp();
        let ratio = rng.random_range(0.7..1.1);
        let weeks = rng.random_range(1.0..12.5);
        let place = rng.random_range(0..4usize);
        let z = shift - 8.0 * (ratio - 0.9) - 0.15 * (weeks - 6.5) + [0.6, 0.0, -0.2, -0.4][place];
        truth.push(sigmoid(z));
        outcome.push(rng.random::<f64>() < sigmoid(z));
        list.push(l);
        price.push(l * ratio);
        cost.push(l * 0.55);
        lead.push(weeks);
        region.push(Some(["north", "east", "south", "west"][place]));
        day.push(18_000 + (row * 900 / rows) as i32);
    }
    let columns = vec![
        Column::new("list price", Role::ListPrice, Values::Number(list)),
        Column::new("price", Role::Price, Values::Number(price)),
        Column::new("cost", Role::Cost, Values::Number(cost)),
        Column::new("lead weeks", Role::Feature, Values::Number(lead)),
        Column::from_texts("region", Role::Feature, &region),
    ];
    Quotes {
        set: TrainingSet {
            features: Table { columns },
            outcome,
            date: Some(day),
            group: None,
        },
        truth,
    }
}

/// The folder of real data, when `VALUTAI_REAL_DATA` points at it; says so when it does not.
pub fn real_data() -> Option<PathBuf> {
    let folder = std::env::var_os("VALUTAI_REAL_DATA").map(PathBuf::from);
    if folder.is_none() {
        println!("skipped: VALUTAI_REAL_DATA is not set");
    }
    folder
}

/// Rows of a comma-separated file with quoted fields, the header first.
pub fn read_csv(path: PathBuf) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let row = |line: &str| {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for c in line.trim_start_matches('\u{feff}').chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().unwrap().push(c),
            }
        }
        fields
    };
    text.lines()
        .filter(|l| !l.trim().is_empty())
        .map(row)
        .collect()
}

/// The fields under `name`.
pub fn column<'a>(rows: &'a [Vec<String>], name: &str) -> Vec<&'a str> {
    let at = rows[0].iter().position(|h| h.trim() == name).unwrap();
    rows[1..].iter().map(|r| r[at].trim()).collect()
}

/// A number written with currency sign and thousands commas; NaN when it is none.
pub fn number(text: &str) -> f64 {
    text.replace(['$', ','], "")
        .trim()
        .parse()
        .unwrap_or(f64::NAN)
}
