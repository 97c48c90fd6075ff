//! How time and memory of a whole training grow with the rows, on one thread each.
//!
//! `growth [ROWS LARGER]` (50,000 and 500,000 unless told otherwise): trains on generated quotes of both sizes, each in a
//! process of its own, and prints the times, their ratio, and the peak memory over that of the encoded matrix (rows times
//! encoded columns in double precision). Deliberately not a test: times depend on the machine.

#[path = "../tests/common/mod.rs"]
mod common;

use std::ops::ControlFlow;
use std::process::Command;
use std::time::Instant;

use ml::{Error, TrainOptions};

fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let sizes: Vec<usize> = arguments.iter().filter_map(|a| a.parse().ok()).collect();
    if let (Some("one"), [rows]) = (arguments.first().map(String::as_str), sizes.as_slice()) {
        return one(*rows);
    }
    let sizes = if sizes.len() == 2 {
        sizes
    } else {
        vec![50_000, 500_000]
    };
    let mut seconds = Vec::new();
    for rows in &sizes {
        let told = itself(*rows);
        print!("{told}");
        seconds.push(
            told.split_whitespace()
                .nth(2)
                .and_then(|s| s.parse::<f64>().ok()),
        );
    }
    if let [Some(first), Some(second)] = seconds[..] {
        let rows = sizes[1] as f64 / sizes[0] as f64;
        println!("{rows:.1} x the rows take {:.1} x the time", second / first);
    }
    Ok(())
}

/// What a process of its own prints for one size.
fn itself(rows: usize) -> String {
    let program = std::env::current_exe().map(Command::new);
    let run = program.and_then(|mut p| p.args(["one", &rows.to_string()]).output());
    match run {
        Ok(done) => String::from_utf8_lossy(&done.stdout).into_owned(),
        Err(reason) => format!("{rows} rows: {reason}\n"),
    }
}

/// Peak memory of this process in bytes, where the system tells.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|l| l.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.map_or(f64::NAN, |k| 1024.0 * k)
}

fn one(rows: usize) -> Result<(), Error> {
    let set = common::quotes(rows, -1.0, 1).set;
    let before = peak();
    let options = TrainOptions {
        seed: 1,
        threads: 1,
        ..TrainOptions::default()
    };
    let start = Instant::now();
    let trained = ml::train(&set, &options, &mut |_| ControlFlow::Continue(()))?;
    let seconds = start.elapsed().as_secs_f64();
    let columns = trained
        .parameters
        .iter()
        .find(|(name, _)| name == "encoded columns")
        .and_then(|(_, n)| n.parse::<f64>().ok())
        .unwrap_or(f64::NAN);
    let matrix = 8.0 * rows as f64 * (columns + 1.0);
    let megabytes = |bytes: f64| bytes / 1e6;
    println!(
        "{rows} rows: {seconds:.1} s, peak {:.0} MB, of which {:.0} MB before training; encoded matrix {:.0} MB, training added {:.1} x",
        megabytes(peak()),
        megabytes(before),
        megabytes(matrix),
        (peak() - before) / matrix
    );
    Ok(())
}
