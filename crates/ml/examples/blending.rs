//! What blends are worth beside their candidates, by the true probabilities of fresh quotes, per kind of generated data.
//!
//! `blending [--seeds N] [--from SEED] [--rows N] [KIND...]`. Prints a line per kind: expected log loss of the base rate, of each
//! candidate alone and of what is served, fitted on the training side, over that of the better candidate: mean over the
//! seeds, worst seed, how many are above 1.005, how many serve the base rate. The expected log loss under the truth has
//! no noise of outcomes, which on few test rows hides all differences. Deliberately not a test: it prints and judges nothing.

#[path = "../tests/common/mod.rs"]
mod common;

use common::kinds::{KINDS, Kind};
use ml::{Error, Model, Table};

/// Fresh quotes per seed.
const TESTED: usize = 3000;

fn main() -> Result<(), Error> {
    let (mut seeds, mut from, mut rows, mut kinds) = (10, 100, None, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|n| n.parse::<u64>().ok());
        match word.as_str() {
            "--seeds" => seeds = number().unwrap_or(seeds),
            "--from" => from = number().unwrap_or(from),
            "--rows" => rows = number(),
            kind => kinds.push(kind.to_owned()),
        }
    }
    println!(
        "{:<14}{:>7}{:>8}{:>9}{:>9}{:>8}{:>8}{:>8}{:>6}",
        "kind", "rows", "base", "logistic", "boosted", "served", "worst", "above", "base"
    );
    let wanted = |kind: &&Kind| kinds.is_empty() || kinds.iter().any(|k| kind.name == k);
    for kind in KINDS.iter().filter(wanted) {
        line(
            kind,
            rows.map_or(kind.rows, |r| r as usize),
            from..from + seeds,
        )?;
    }
    Ok(())
}

/// Expected log loss of what `model` says of `table`.
fn expected(model: &Model, table: &Table, truth: &[f64]) -> Result<f64, Error> {
    let told = model.probabilities(table)?;
    let loss = |(p, t): (&f64, &f64)| -(t * p.ln() + (1.0 - t) * (1.0 - p).ln());
    Ok(told.iter().zip(truth).map(loss).sum::<f64>() / truth.len() as f64)
}

fn line(kind: &Kind, rows: usize, seeds: std::ops::Range<u64>) -> Result<(), Error> {
    // Base rate, logistic, boosted, served.
    let (mut sums, mut counts, mut ratios, mut bases) = ([0.0; 4], [0.0; 4], Vec::new(), 0);
    for seed in seeds {
        let drawn = kind.draw(rows, TESTED, seed);
        let model = common::train(&drawn.train, seed)?.evaluated;
        let of = |model: &Model| expected(model, &drawn.test, &drawn.truth);
        let alone = [model.alone(0), model.alone(1)].map(|m| m.map(|m| of(&m)).transpose());
        let [logistic, boosted] = [alone[0].clone()?, alone[1].clone()?];
        let better = logistic
            .into_iter()
            .chain(boosted)
            .fold(f64::INFINITY, f64::min);
        let rate = model.base_rate();
        let base = drawn
            .truth
            .iter()
            .map(|t| -(t * rate.ln() + (1.0 - t) * (1.0 - rate).ln()));
        let base = base.sum::<f64>() / drawn.truth.len() as f64;
        let served = of(&model)?;
        for (at, loss) in [Some(base), logistic, boosted, Some(served)]
            .into_iter()
            .enumerate()
        {
            sums[at] += loss.unwrap_or(0.0) / better;
            counts[at] += f64::from(u8::from(loss.is_some()));
        }
        ratios.push(served / better);
        bases += usize::from(model.serves_base_rate());
    }
    let mean = |at: usize| sums[at] / counts[at];
    println!(
        "{:<14}{rows:>7}{:>8.4}{:>9.4}{:>9.4}{:>8.4}{:>8.4}{:>8}{bases:>6}",
        kind.name,
        mean(0),
        mean(1),
        mean(2),
        mean(3),
        ratios.iter().copied().fold(0.0, f64::max),
        ratios.iter().filter(|r| **r > 1.005).count(),
    );
    Ok(())
}
