//! What `bench predict` found, as JSON and as text. Deliberately no verdicts.

use std::{
    fs,
    io::{self, Write},
};

use serde::Serialize;

use super::scorer::Scorer;
use crate::{
    bench::figures::{Machine, print},
    error::Result,
    output::Format,
};

/// Calls of one kind.
#[derive(Debug, Serialize)]
pub struct Calls {
    /// Callers at once.
    pub callers: usize,
    /// Calls answered.
    pub calls: usize,
    /// Answers a second.
    pub per_second: f64,
    /// Median, in milliseconds.
    pub p50_ms: f64,
    /// 99th percentile, in milliseconds.
    pub p99_ms: f64,
}

/// Predictions through streams.
#[derive(Debug, Serialize)]
pub struct Bulk {
    /// Predictions asked for, answered and found stored.
    pub predictions: u64,
    /// Streams at once.
    pub streams: u64,
    /// From the first quote sent to the last answer.
    pub seconds: f64,
    /// Stored predictions a second.
    pub rows_per_second: f64,
    /// From the last answer until every event had left the outbox.
    pub published_after_seconds: f64,
    /// Memory of this process (client, gateway and all services but ingestion) before, after each
    /// tenth, and at the end, in MiB; empty where the system does not tell.
    pub resident_mib: Vec<f64>,
}

/// The first answer of a model that was promoted.
#[derive(Debug, Serialize)]
pub struct FirstAfterPromotion {
    /// Its time.
    pub milliseconds: f64,
    /// Answers that the model before gave while the news was on its way.
    pub answers_of_the_model_before: u64,
}

/// What `bench predict` found.
#[derive(Debug, Serialize)]
pub struct PredictFigures {
    /// Where.
    pub machine: Machine,
    /// Rate of predictions over that of the echo, with many callers.
    pub unary_to_echo_ratio: f64,
    /// 99th percentile of predictions over that of the echo, with many callers.
    pub unary_to_echo_p99_ratio: f64,
    /// Stored predictions a second through streams.
    pub bulk_rows_per_second: f64,
    /// Rows a second of the scorer alone, on one core.
    pub scorer_rows_per_second_per_core: f64,
    /// First call after a promotion over the 99th percentile of a single caller.
    pub first_after_promotion_to_p99_ratio: f64,
    /// The echo with one and with many callers.
    pub echo: Vec<Calls>,
    /// Predictions with one and with many callers, without similar quotes and changes.
    pub unary: Vec<Calls>,
    /// Predictions with similar quotes and recommended changes, one caller.
    pub unary_with_advice: Calls,
    /// Predictions through streams.
    pub bulk: Bulk,
    /// The scorer alone.
    pub scorer: Scorer,
    /// The first answer after a promotion.
    pub first_after_promotion: FirstAfterPromotion,
    /// Predictions in the ledger at the end.
    pub stored_predictions: u64,
}

impl PredictFigures {
    /// Prints the figures.
    ///
    /// # Errors
    /// Where the standard output does not take them.
    pub fn print(&self, format: Format) -> Result<()> {
        print(format, self, |out| self.write(out))
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.machine.write(out)?;
        writeln!(
            out,
            "\n{:32} {:>7} {:>9} {:>10} {:>9} {:>9}",
            "", "callers", "calls", "a second", "p50 ms", "p99 ms"
        )?;
        let advised = std::slice::from_ref(&self.unary_with_advice);
        for (name, calls) in [
            ("bare echo", self.echo.as_slice()),
            ("prediction, stored", &self.unary),
            ("the same with advice", advised),
        ] {
            for calls in calls {
                writeln!(
                    out,
                    "{name:32} {:>7} {:>9} {:>10.0} {:>9.2} {:>9.2}",
                    calls.callers, calls.calls, calls.per_second, calls.p50_ms, calls.p99_ms
                )?;
            }
        }
        let bulk = &self.bulk;
        writeln!(
            out,
            "\npredictions over echo, many callers: rate {:.3} x, p99 {:.1} x",
            self.unary_to_echo_ratio, self.unary_to_echo_p99_ratio
        )?;
        writeln!(
            out,
            "bulk: {} predictions through {} streams in {:.2} s: {:.0} a second, events out {:.2} s later",
            bulk.predictions,
            bulk.streams,
            bulk.seconds,
            bulk.rows_per_second,
            bulk.published_after_seconds
        )?;
        let resident: Vec<String> = bulk
            .resident_mib
            .iter()
            .map(|mib| format!("{mib:.0}"))
            .collect();
        writeln!(out, "memory along the bulk, MiB: {}", resident.join(" "))?;
        writeln!(
            out,
            "scorer alone: {:.0} rows a second on one core ({} columns, weights {:?})",
            self.scorer.rows_per_second, self.scorer.columns, self.scorer.weights
        )?;
        writeln!(
            out,
            "first answer after a promotion: {:.2} ms, {:.2} x the p99 of one caller",
            self.first_after_promotion.milliseconds, self.first_after_promotion_to_p99_ratio
        )
    }
}

/// Memory that this process holds, in MiB; `None` where the system does not tell.
#[must_use]
pub fn resident_mib() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
