//! Time that one answer takes on a table of thirty columns: alone, and in batches of 100.
//!
//! Deliberately not a test: it prints and judges nothing. Run it before and after a change, one after the other.

#[path = "../tests/common/mod.rs"]
mod common;

use std::time::Instant;

use ml::{Column, Error, Role, Table, Values};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The generated quotes with 25 more columns: numbers and categories in turn.
fn wide(rows: usize, seed: u64) -> ml::TrainingSet {
    let mut set = common::quotes(rows, 0.0, seed).set;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    for at in 0..25 {
        let name = format!("column {at}");
        let column = if at % 2 == 0 {
            let numbers = (0..rows).map(|_| rng.random::<f64>()).collect();
            Column::new(name, Role::Feature, Values::Number(numbers))
        } else {
            let codes = (0..rows).map(|_| rng.random_range(0..8)).collect();
            let levels = (0..8).map(|l| format!("level {l}")).collect();
            Column::new(name, Role::Feature, Values::Category { codes, levels })
        };
        set.features.columns.push(column);
    }
    set
}

fn main() -> Result<(), Error> {
    let set = wide(3000, 1);
    let model = common::train(&set, 1)?.model;
    let asked = wide(1000, 2).features;
    let alone: Vec<Table> = (0..1000).map(|row| asked.select(&[row])).collect();
    let batches: Vec<Table> = (0..10)
        .map(|b| asked.select(&(b * 100..b * 100 + 100).collect::<Vec<_>>()))
        .collect();
    println!(
        "weights {:?}, {} columns",
        model.blend(),
        model.schema().len()
    );
    for round in 0..5 {
        let start = Instant::now();
        for table in &alone {
            model.predict(table)?;
        }
        let one = start.elapsed().as_secs_f64() * 1e3;
        let start = Instant::now();
        for table in &batches {
            model.predict(table)?;
        }
        let many = start.elapsed().as_secs_f64() * 1e3;
        let start = Instant::now();
        let given = alone.iter().filter(|t| model.recommend_price(t).is_ok());
        let given = given.count();
        let priced = start.elapsed().as_secs_f64() * 1e3;
        println!(
            "round {round}: {one:.1} us alone, {many:.1} us in a batch, {priced:.1} us for a price ({given} given)"
        );
    }
    Ok(())
}
