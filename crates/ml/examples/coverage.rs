//! How often 95 % intervals hold the true probability, and how wide they are, per kind of generated data and size.
//!
//! `coverage [--seeds N] [--from SEED] [--rows N,N...] [KIND...]`; without rows every kind has those that it is made for. Prints one
//! line per kind and size: share of intervals that hold the truth over all seeds, lowest and highest share of one seed,
//! mean width in percentage points, root mean square of errors over standard errors (1 where these are right), share of answers whose status is LOW_EVIDENCE, runs that serve the base rate, seconds
//! per training. Deliberately not a test: it prints and judges nothing.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use common::kinds::{KINDS, Kind};
use ml::{Error, EvidenceStatus};

/// Rows that are predicted.
const TESTED: usize = 2000;

/// What is asked for.
struct Wanted {
    seeds: u64,
    /// The first seed; what was tried while intervals were worked on began at 100.
    from: u64,
    rows: Vec<usize>,
    kinds: Vec<String>,
}

impl Wanted {
    fn read() -> Self {
        let mut wanted = Self {
            seeds: 5,
            from: 100,
            rows: Vec::new(),
            kinds: Vec::new(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--seeds" => {
                    let given = words.next().and_then(|n| n.parse().ok());
                    wanted.seeds = given.unwrap_or(wanted.seeds);
                }
                "--from" => {
                    let given = words.next().and_then(|n| n.parse().ok());
                    wanted.from = given.unwrap_or(wanted.from);
                }
                "--rows" => {
                    let given = words.next().unwrap_or_default();
                    wanted.rows = given.split(',').filter_map(|n| n.parse().ok()).collect();
                }
                kind => wanted.kinds.push(kind.to_owned()),
            }
        }
        wanted
    }
}

fn main() -> Result<(), Error> {
    let wanted = Wanted::read();
    println!(
        "{:<14}{:>7}{:>8}{:>7}{:>7}{:>7}{:>6}{:>6}{:>6}{:>7}",
        "kind", "rows", "cover", "least", "most", "width", "error", "low", "base", "s"
    );
    for kind in &KINDS {
        if !wanted.kinds.is_empty() && !wanted.kinds.iter().any(|k| kind.name.contains(k.as_str()))
        {
            continue;
        }
        let own = [kind.rows];
        let sizes: &[usize] = if wanted.rows.is_empty() {
            &own
        } else {
            &wanted.rows
        };
        for &rows in sizes {
            line(kind, rows, &wanted)?;
        }
    }
    Ok(())
}

fn log_odds(p: f64) -> f64 {
    (p / (1.0 - p)).ln()
}

fn line(kind: &Kind, rows: usize, wanted: &Wanted) -> Result<(), Error> {
    let start = Instant::now();
    let (mut inside, mut width, mut squares, mut low, mut base) = (Vec::new(), 0.0, 0.0, 0, 0);
    for seed in 0..wanted.seeds {
        let drawn = kind.draw(rows, TESTED, wanted.from + seed);
        let model = common::train(&drawn.train, seed)?.model;
        base += usize::from(model.serves_base_rate());
        let answers = model.predict(&drawn.test)?;
        let holds = answers
            .iter()
            .zip(&drawn.truth)
            .filter(|(a, t)| a.low <= **t && **t <= a.high);
        inside.push(holds.count() as f64 / TESTED as f64);
        let error = |a: &ml::Prediction, truth: f64| {
            let half = 0.5 * (log_odds(a.high) - log_odds(a.low)) / 1.96;
            ((log_odds(a.probability) - log_odds(truth)) / half).powi(2)
        };
        squares += answers
            .iter()
            .zip(&drawn.truth)
            .map(|(a, t)| error(a, *t))
            .sum::<f64>();
        width += answers.iter().map(|a| a.high - a.low).sum::<f64>();
        low += answers
            .iter()
            .filter(|a| a.status() != EvidenceStatus::Ok)
            .count();
    }
    let all = wanted.seeds as f64;
    println!(
        "{:<14}{rows:>7}{:>8.3}{:>7.3}{:>7.3}{:>7.1}{:>6.2}{:>6.2}{base:>6}{:>7.1}",
        kind.name,
        inside.iter().sum::<f64>() / all,
        inside.iter().copied().fold(f64::INFINITY, f64::min),
        inside.iter().copied().fold(0.0, f64::max),
        100.0 * width / (all * TESTED as f64),
        (squares / (all * TESTED as f64)).sqrt(),
        low as f64 / (all * TESTED as f64),
        start.elapsed().as_secs_f64() / all,
    );
    Ok(())
}
