//! Time of the logistic path by cross-validation, for comparison with scikit-learn on the same rows.
//!
//! `path FILE PENALTIES FOLDS`: comma-separated; `c_...` are categories, `price` is the price, the last column is the outcome
//! (1 or 0), the others are numbers. One thread. Deliberately not a test; `benches/against_scikit_learn.py` runs it.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::PathBuf;
use std::time::Instant;

use ml::{Column, Error, Role, Table, TrainingSet, Values};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|a| a.parse::<usize>().ok());
    let (Some(file), Some(count), Some(folds)) = (arguments.first(), number(1), number(2)) else {
        println!("path FILE PENALTIES FOLDS");
        return Ok(());
    };
    let set = read(PathBuf::from(file));
    let steps = (count.max(2) - 1) as f64;
    let penalties: Vec<f64> = (0..count)
        .map(|k| 10f64.powf(-2.0 + 4.0 * k as f64 / steps))
        .collect();
    let start = Instant::now();
    let curve = ml::penalty_curve(&set, &penalties, (folds, 1, 1))?;
    let seconds = start.elapsed().as_secs_f64();
    let best = curve
        .iter()
        .map(|c| c.log_loss)
        .fold(f64::INFINITY, f64::min);
    println!(
        "ours:         {} rows, {count} penalties x {folds} folds, encoding included, in {seconds:.2} s, log loss {best:.5}",
        set.outcome.len()
    );
    Ok(())
}

fn read(file: PathBuf) -> TrainingSet {
    let rows = common::read_csv(file);
    let (names, last) = (&rows[0], rows[0].len() - 1);
    let of = |name: &String| {
        let cells = common::column(&rows, name);
        if name.starts_with("c_") {
            let texts: Vec<Option<&str>> = cells.into_iter().map(Some).collect();
            return Column::from_texts(name, Role::Feature, &texts);
        }
        let role = if name == "price" {
            Role::Price
        } else {
            Role::Feature
        };
        let numbers = cells.into_iter().map(common::number).collect();
        Column::new(name, role, Values::Number(numbers))
    };
    let won = common::column(&rows, &names[last]);
    TrainingSet {
        features: Table {
            columns: names[..last].iter().map(of).collect(),
        },
        outcome: won.into_iter().map(|c| c == "1").collect(),
        date: None,
        group: None,
    }
}
