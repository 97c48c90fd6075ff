//! Time that one answer takes: alone, and in batches of 100 that are predicted and priced.
//!
//! `answer_speed` asks a model of generated quotes of thirty columns, `answer_speed FILE [ROUNDS]` one of a comma-separated file as
//! `speed` reads it, where `list_price`, `unit_cost` and `usual_price` are what they say. Deliberately not a test: it prints
//! and judges nothing. Run it before and after a change, one after the other.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::PathBuf;
use std::time::Instant;

use ml::{Column, Error, FieldRule, Model, Role, Table, TrainingSet, Values};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// How often a model is made ready; the fastest time counts.
const LOADS: usize = 10;
/// Rows of a batch.
const BATCH: usize = 100;
/// Rows that are asked about, and rows of a file that a model is made of.
const MOST_ROWS: (usize, usize) = (1000, 5000);

/// Name of the column of a file that tells the day of a quote, in days since 1970-01-01.
const DAY: &str = "day";

/// The generated quotes with 25 more columns: numbers and categories in turn.
fn wide(rows: usize, seed: u64) -> TrainingSet {
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

/// Quotes of a file.
fn read(file: PathBuf) -> TrainingSet {
    let mut rows = common::read_csv(file);
    rows.truncate(MOST_ROWS.1 + 1);
    let (names, last) = (&rows[0], rows[0].len() - 1);
    let of = |name: &String| {
        let cells = common::column(&rows, name);
        let role = match name.as_str() {
            "price" => Role::Price,
            "list_price" => Role::ListPrice,
            "unit_cost" => Role::Cost,
            "usual_price" => Role::ReferencePrice,
            _ => Role::Feature,
        };
        if name.starts_with("c_") {
            let texts: Vec<Option<&str>> = cells.into_iter().map(Some).collect();
            return Column::from_texts(name, role, &texts);
        }
        let numbers = cells.into_iter().map(common::number).collect();
        Column::new(name, role, Values::Number(numbers))
    };
    let won = common::column(&rows, &names[last]);
    let features = names[..last].iter().filter(|name| *name != DAY);
    TrainingSet {
        features: Table {
            columns: features.map(of).collect(),
        },
        outcome: won.into_iter().map(|c| c == "1").collect(),
        date: names.iter().any(|n| n == DAY).then(|| {
            let days = common::column(&rows, DAY).into_iter();
            days.map(|day| common::number(day) as i32).collect()
        }),
        group: None,
    }
}

/// Rows as they are asked about together: levels of categories are those of a part alone.
fn in_parts(table: &Table, rows: usize) -> Vec<Table> {
    let all: Vec<usize> = (0..table.rows()).collect();
    let part = |part: &[usize]| {
        let mut part = table.select(part);
        for column in &mut part.columns {
            if let Values::Category { codes, levels } = &column.values {
                let level = |&code: &u32| levels.get(code as usize).map(String::as_str);
                let texts: Vec<Option<&str>> = codes.iter().map(level).collect();
                *column = Column::from_texts(&column.name, column.role, &texts);
            }
        }
        part
    };
    all.chunks(rows).map(part).collect()
}

/// How many prices are recommended.
fn answer(model: &Model, tables: &[Table]) -> Result<usize, Error> {
    let rule = FieldRule::default();
    let mut given = 0;
    for table in tables {
        let reading = model.read(table)?;
        let predictions = reading.predict().into_iter().enumerate();
        let priced = predictions.filter(|(row, p)| {
            let found = reading.recommend_price(*row, p.evidence, &rule);
            std::hint::black_box(found).is_ok()
        });
        given += priced.count();
    }
    Ok(given)
}

fn main() -> Result<(), Error> {
    let (set, asked) = match std::env::args().nth(1) {
        Some(file) => {
            let set = read(file.into());
            let rows: Vec<usize> = (0..set.outcome.len().min(MOST_ROWS.0)).collect();
            let asked = set.features.select(&rows);
            (set, asked)
        }
        None => (wide(3000, 1), wide(MOST_ROWS.0, 2).features),
    };
    let trained = common::train(&set, 1)?.model;
    let bytes = trained.to_bytes();
    let (mut model, mut ready) = (trained, f64::INFINITY);
    for _ in 0..LOADS {
        let start = Instant::now();
        model = Model::from_bytes(&bytes)?;
        ready = ready.min(start.elapsed().as_secs_f64() * 1e3);
    }
    println!(
        "weights {:?}, {} columns, {} bytes, ready in {:.1} ms",
        model.blend(),
        model.schema().len(),
        bytes.len(),
        ready
    );
    let [tables, numbers, walked] = model.lookups();
    println!("{tables} tables of {numbers} numbers, {walked} trees with leaves outside");
    let (alone, batches) = (in_parts(&asked, 1), in_parts(&asked, BATCH));
    let per_row = |start: Instant| start.elapsed().as_secs_f64() * 1e6 / asked.rows() as f64;
    let rounds = std::env::args().nth(2).and_then(|a| a.parse().ok());
    for round in 0..rounds.unwrap_or(5) {
        let mut times = Vec::new();
        for tables in [&alone, &batches] {
            let start = Instant::now();
            for table in tables {
                std::hint::black_box(model.predict(table)?);
            }
            times.push(per_row(start));
            let start = Instant::now();
            let given = answer(&model, tables)?;
            times.push(per_row(start));
            if round == 0 {
                println!("{given} prices given");
            }
        }
        println!(
            "round {round}: us per row: alone {:.1}, {:.1} with a price; in a batch {:.1}, {:.1} with a price",
            times[0], times[1], times[2], times[3]
        );
    }
    Ok(())
}
