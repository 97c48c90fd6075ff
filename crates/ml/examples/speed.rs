//! Time and accuracy of one boosted fit, or of whole training runs, for comparison with other programs.
//!
//! `speed fit FILE TREES LEAVES` fits on the first 80 % of the rows of a comma-separated file and scores the rest: columns
//! named `c_...` are categories, `price` is the price, the last column is the outcome (1 or 0), the others are numbers.
//! `speed train ROWS...` trains on generated quotes of that many rows, `speed file FILE` on a file. Deliberately not a test: it prints and judges
//! nothing. `benches/against_lightgbm.py` runs it.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::PathBuf;
use std::time::Instant;

use ml::{Boosted, Column, Error, Family, Role, Settings, Table, Values};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| arguments.get(at).and_then(|a| a.parse().ok());
    match arguments.first().map(String::as_str) {
        Some("fit") => fit(
            PathBuf::from(arguments.get(1).map_or("", String::as_str)),
            number(2).unwrap_or(400),
            number(3).unwrap_or(15),
        ),
        Some("train") => (1..arguments.len()).filter_map(number).try_for_each(train),
        Some("file") => {
            let (table, won) = read(PathBuf::from(arguments.get(1).map_or("", String::as_str)));
            run(
                "file",
                &ml::TrainingSet {
                    features: table,
                    outcome: won,
                    date: None,
                    group: None,
                },
            )
        }
        _ => {
            println!("speed fit FILE TREES LEAVES | speed train ROWS... | speed file FILE");
            Ok(())
        }
    }
}

/// Features and outcomes of a file.
fn read(file: PathBuf) -> (Table, Vec<bool>) {
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
    let won = won.into_iter().map(|c| c == "1").collect();
    (
        Table {
            columns: names[..last].iter().map(of).collect(),
        },
        won,
    )
}

fn fit(file: PathBuf, trees: usize, leaves: usize) -> Result<(), Error> {
    let (table, won) = read(file);
    let cut = won.len() * 4 / 5;
    let side = |rows: std::ops::Range<usize>| table.select(&rows.collect::<Vec<_>>());
    let (train, test) = (side(0..cut), side(cut..won.len()));
    let settings = Settings {
        family: Family::Trees { leaves, depth: 30 },
        rounds: trees,
        learning_rate: 0.1,
        row_share: 1.0,
        ..Settings::default()
    };
    let start = Instant::now();
    let model = Boosted::fit(&train, &won[..cut], &settings, 0.0)?;
    let seconds = start.elapsed().as_secs_f64();
    let p = model.predict(&test)?;
    let loss: f64 = p
        .iter()
        .zip(&won[cut..])
        .map(|(&p, &y)| -(if y { p } else { 1.0 - p }).ln())
        .sum();
    println!(
        "ours:     {} trees of {leaves} leaves in {seconds:.2} s, log loss {:.5}",
        model.trees(),
        loss / p.len() as f64
    );
    Ok(())
}

/// Peak memory of this process in MB, where the system tells.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |l| l.trim().to_owned())
}

/// Processor seconds of this process, where the system tells in hundredths.
fn processor() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = |at: usize| {
        let field = stat.rsplit(')').next()?.split_whitespace().nth(at)?;
        field.parse::<f64>().ok()
    };
    // User and system time are fields 14 and 15; what stands before the bracket are the first two.
    (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0
}

fn train(rows: usize) -> Result<(), Error> {
    let set = common::quotes(rows, -1.0, 1).set;
    run(&format!("{rows} rows"), &set)
}

fn run(name: &str, set: &ml::TrainingSet) -> Result<(), Error> {
    let before = peak();
    let (start, begun) = (Instant::now(), processor());
    let options = ml::TrainOptions {
        seed: 1,
        ..ml::TrainOptions::default()
    };
    let mut last = (ml::Stage::Preparing, begun);
    let mut stages = Vec::new();
    let trained = ml::train(set, &options, &mut |p| {
        if p.stage != last.0 {
            stages.push(format!("{:?} {:.2}", last.0, processor() - last.1));
            last = (p.stage, processor());
        }
        std::ops::ControlFlow::Continue(())
    })?;
    stages.push(format!("{:?} {:.2}", last.0, processor() - last.1));
    println!("processor seconds by stage: {}", stages.join(", "));
    println!(
        "{name}: {:.2} s, {:.2} s of processor, peak memory {} (before {before}), log loss {:.5}, weights {:?}",
        start.elapsed().as_secs_f64(),
        processor() - begun,
        peak(),
        trained.evaluation.log_loss.value,
        trained.model.blend()
    );
    Ok(())
}
