//! Whole training runs on files, one line of figures each, for comparison with other programs on the same splits.
//!
//! `judge FILE...`: comma-separated; `c_...` are categories, `t_...` days since 1970-01-01, `price`, `list`, `cost` and
//! `quantity` what they say, `day` the day of the quote, `group` what belongs together, `part` says test for rows to
//! predict, `truth` the true probability where it is known, `y` the outcome (1 or 0), the others are numbers. Deliberately
//! not a test: it prints and judges nothing. `benches/against_many_sets.py` runs it.

#[path = "../tests/common/mod.rs"]
mod common;

use std::path::PathBuf;
use std::time::Instant;

use common::{column, number, read_csv};
use ml::{Column, Error, Role, Table, TrainingSet, Values};

/// A file's rows: what to learn from, and what to predict.
struct Sides {
    train: TrainingSet,
    test: TrainingSet,
    /// True probabilities of the rows to predict.
    truth: Option<Vec<f64>>,
}

fn main() -> Result<(), Error> {
    for file in std::env::args().skip(1).map(PathBuf::from) {
        let name = file.file_stem().map(|n| n.to_string_lossy().into_owned());
        judge(&name.unwrap_or_default(), &read(file))?;
    }
    Ok(())
}

fn read(file: PathBuf) -> Sides {
    let rows = read_csv(file);
    let names = &rows[0];
    let has = |name: &str| names.iter().any(|n| n == name);
    let numbers =
        |name: &str| -> Vec<f64> { column(&rows, name).into_iter().map(number).collect() };
    let feature = |name: &String| {
        if name.starts_with("c_") {
            let texts: Vec<Option<&str>> = column(&rows, name).into_iter().map(Some).collect();
            return Column::from_texts(name, Role::Feature, &texts);
        }
        let values = numbers(name);
        if name.starts_with("t_") {
            let day = |x: f64| (!x.is_nan()).then_some(x as i32);
            let days = values.into_iter().map(day).collect();
            return Column::new(name, Role::Feature, Values::Date(days));
        }
        let role = match name.as_str() {
            "price" => Role::Price,
            "list" => Role::ListPrice,
            "cost" => Role::Cost,
            "quantity" => Role::Quantity,
            _ => Role::Feature,
        };
        Column::new(name, role, Values::Number(values))
    };
    let kept = |name: &&String| !["day", "group", "part", "truth", "y"].contains(&name.as_str());
    let table = Table {
        columns: names.iter().filter(kept).map(feature).collect(),
    };
    let whole = |name: &str| -> Option<Vec<f64>> { has(name).then(|| numbers(name)) };
    let (day, group, truth) = (whole("day"), whole("group"), whole("truth"));
    let won: Vec<bool> = numbers("y").into_iter().map(|y| y == 1.0).collect();
    let parts = column(&rows, "part");
    let side = |part: &str| -> (TrainingSet, Vec<usize>) {
        let picked: Vec<usize> = (0..won.len())
            .filter(|&r| (parts[r] == "test") == (part == "test"))
            .collect();
        let of = |v: &Vec<f64>| -> Vec<f64> { picked.iter().map(|&r| v[r]).collect() };
        let set = TrainingSet {
            features: table.select(&picked),
            outcome: picked.iter().map(|&r| won[r]).collect(),
            date: day
                .as_ref()
                .map(|v| of(v).iter().map(|&x| x as i32).collect()),
            group: group
                .as_ref()
                .map(|v| of(v).iter().map(|&x| x as u32).collect()),
        };
        (set, picked)
    };
    let (test, rows) = side("test");
    Sides {
        train: side("train").0,
        truth: truth.map(|t| rows.iter().map(|&r| t[r]).collect()),
        test,
    }
}

fn log_loss(p: &[f64], won: &[bool]) -> f64 {
    let loss = |(&p, &y): (&f64, &bool)| -(if y { p } else { 1.0 - p }).max(1e-15).ln();
    p.iter().zip(won).map(loss).sum::<f64>() / won.len() as f64
}

fn judge(name: &str, sides: &Sides) -> Result<(), Error> {
    let start = Instant::now();
    let trained = common::train(&sides.train, 1)?;
    let seconds = start.elapsed().as_secs_f64();
    let answers = trained.model.predict(&sides.test.features)?;
    let told: Vec<f64> = answers.iter().map(|a| a.probability).collect();
    let inside = sides.truth.as_ref().map(|truth| {
        let covered = answers
            .iter()
            .zip(truth)
            .filter(|(a, t)| a.low <= **t && **t <= a.high);
        covered.count() as f64 / truth.len() as f64
    });
    let own = |name: &str| trained.candidate(name).map(|c| c.evaluation.log_loss.value);
    let mut leaks: Vec<&str> = trained.leaks.iter().map(|l| l.column.as_str()).collect();
    leaks.dedup();
    println!(
        "{{\"name\": {name:?}, \"seconds\": {seconds:.2}, \"rows\": {}, \"log_loss\": {:.5}, \"beats\": {}, \"weights\": {:.3?}, \"own\": {:.5}, \"own_logistic\": {:.5}, \"own_boosted\": {:.5}, \"own_base\": {:.5}, \"coverage\": {:.4}, \"calibration\": {:?}, \"family\": {:?}, \"leaks\": {leaks:?}}}",
        trained.rows_total,
        log_loss(&told, &sides.test.outcome),
        trained.beats_base_rate,
        trained.model.blend(),
        trained.evaluation.log_loss.value,
        own(ml::LOGISTIC).unwrap_or(-1.0),
        own(ml::BOOSTED).unwrap_or(-1.0),
        own(ml::BASE_RATE).unwrap_or(-1.0),
        inside.unwrap_or(-1.0),
        trained.model.calibration(),
        trained
            .families
            .iter()
            .find(|f| f.chosen)
            .map_or("", |f| &f.family),
    );
    Ok(())
}
