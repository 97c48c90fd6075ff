//! What the benchmarks found, as JSON and as text. Deliberately no verdicts.

use std::io::{self, Write};

use serde::Serialize;

use crate::{
    error::{Error, Result},
    output::{self, Format},
    text::count,
};

/// The machine that figures are of.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Processors.
    pub processors: usize,
    /// Load over the last minute before and after; empty where the system does not tell.
    pub load: Vec<f64>,
}

impl Machine {
    /// As it is now.
    #[must_use]
    pub fn look() -> Self {
        Self {
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            load: load().into_iter().collect(),
        }
    }

    /// Adds the load at the end.
    #[must_use]
    pub fn until_now(mut self) -> Self {
        self.load.extend(load());
        self
    }

    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let load: Vec<String> = self.load.iter().map(|load| format!("{load:.2}")).collect();
        writeln!(
            out,
            "{} processors, load before and after: {}",
            self.processors,
            load.join(" and ")
        )
    }
}

fn load() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

/// One import and one copy of the same rows.
#[derive(Debug, Serialize)]
pub struct Round {
    /// From the first byte sent until the file was accepted.
    pub accepted_seconds: f64,
    /// From the first byte sent until `DatasetImported` was heard.
    pub import_seconds: f64,
    /// The same rows by copy.
    pub copy_seconds: f64,
    /// Import over copy.
    pub ratio: f64,
}

/// The rounds of one file.
#[derive(Debug, Serialize)]
pub struct ImportOfFile {
    /// Its name.
    pub file: String,
    /// Rows stored.
    pub rows: u64,
    /// Bytes of the file.
    pub file_bytes: u64,
    /// In the order of time.
    pub rounds: Vec<Round>,
    /// Median of the rounds.
    pub import_seconds: f64,
    /// Median of the rounds.
    pub copy_seconds: f64,
    /// Median of the rounds.
    pub ratio: f64,
    /// Most memory that the process of ingestion held; `null` where the system does not tell.
    pub ingestion_peak_mib: Option<f64>,
}

impl ImportOfFile {
    /// Sums up.
    #[must_use]
    pub fn new(file: String, rows: u64, file_bytes: u64, rounds: Vec<Round>) -> Self {
        let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value).collect());
        Self {
            import_seconds: of(|round| round.import_seconds),
            copy_seconds: of(|round| round.copy_seconds),
            ratio: of(|round| round.ratio),
            ingestion_peak_mib: None,
            file,
            rows,
            file_bytes,
            rounds,
        }
    }
}

/// What `bench import` found.
#[derive(Debug, Serialize)]
pub struct ImportFigures {
    /// Where.
    pub machine: Machine,
    /// What imports are compared with.
    pub copied_by: &'static str,
    /// One for each file, in the order asked for.
    pub files: Vec<ImportOfFile>,
    /// Import time of the last file over that of the first; `null` for a single one.
    pub growth: Option<f64>,
}

/// What copying leaves out, so that nobody reads more into the ratio.
const NOT_DONE_BY_COPY: &str = "\\copy is given rows as they are stored. It reads no file format, maps and \
validates nothing, derives no features, decrypts and encrypts nothing, keeps no file and no snapshot, \
tells nobody, and runs as an administrator, because COPY FROM is refused under row level security.";

impl ImportFigures {
    /// Prints the figures.
    ///
    /// # Errors
    /// Where the standard output does not take them.
    pub fn print(&self, format: Format) -> Result<()> {
        print(format, self, |out| {
            self.machine.write(out)?;
            for file in &self.files {
                writeln!(
                    out,
                    "\n{}: {} rows, {:.1} MB",
                    file.file,
                    count(file.rows),
                    megabytes(file.file_bytes)
                )?;
                for round in &file.rounds {
                    writeln!(
                        out,
                        "  import {:6.2} s (accepted after {:.2} s)   copy {:6.2} s   ratio {:.2}",
                        round.import_seconds,
                        round.accepted_seconds,
                        round.copy_seconds,
                        round.ratio
                    )?;
                }
                writeln!(
                    out,
                    "  median {:6.2} s                           {:6.2} s   ratio {:.2}",
                    file.import_seconds, file.copy_seconds, file.ratio
                )?;
                if let Some(peak) = file.ingestion_peak_mib {
                    writeln!(out, "  most memory of ingestion: {peak:.0} MiB")?;
                }
            }
            if let Some(growth) = self.growth {
                writeln!(
                    out,
                    "\nimport of the last file over that of the first: {growth:.2} x"
                )?;
            }
            writeln!(out, "\ncompared with: {}", self.copied_by)?;
            writeln!(out, "{NOT_DONE_BY_COPY}")
        })
    }
}

/// One page, asked for again and again.
#[derive(Debug, Serialize)]
pub struct PageTimes {
    /// The filter.
    pub filter: String,
    /// The order.
    pub order: &'static str,
    /// Which page: `first`, or one far behind it.
    pub page: &'static str,
    /// Quotes on it.
    pub quotes: usize,
    /// Milliseconds.
    pub p50_ms: f64,
    /// Milliseconds.
    pub p99_ms: f64,
}

/// What `bench quotes` found.
#[derive(Debug, Serialize)]
pub struct QuotesFigures {
    /// Where.
    pub machine: Machine,
    /// Quotes in the dataset.
    pub rows: u64,
    /// How often each page was asked for.
    pub repetitions: usize,
    /// One for each page.
    pub pages: Vec<PageTimes>,
    /// Largest of the pages.
    pub worst_p99_ms: f64,
}

impl QuotesFigures {
    /// Prints the figures.
    ///
    /// # Errors
    /// Where the standard output does not take them.
    pub fn print(&self, format: Format) -> Result<()> {
        print(format, self, |out| {
            self.machine.write(out)?;
            writeln!(
                out,
                "pages of {} quotes, each {} times, from the request at the gateway to its answer\n",
                count(self.rows),
                self.repetitions
            )?;
            writeln!(
                out,
                "{:36} {:9} {:6} {:>6} {:>9} {:>9}",
                "filter", "order", "page", "quotes", "p50 ms", "p99 ms"
            )?;
            for page in &self.pages {
                writeln!(
                    out,
                    "{:36} {:9} {:6} {:>6} {:>9.2} {:>9.2}",
                    page.filter, page.order, page.page, page.quotes, page.p50_ms, page.p99_ms
                )?;
            }
            writeln!(out, "\nworst p99: {:.2} ms", self.worst_p99_ms)
        })
    }
}

/// Prints figures in the wanted format.
pub(super) fn print<F: Serialize>(
    format: Format,
    figures: &F,
    text: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<()> {
    match format {
        Format::Json => {
            let json = serde_json::to_string_pretty(figures);
            output::line(&json.map_err(|error| Error::Failed(error.to_string()))?)
        }
        Format::Table => output::print(text),
    }
}

/// The middle one; of an even number the lower of the two.
#[must_use]
pub fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value that this share of the values does not exceed.
#[must_use]
pub fn quantile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a place among a few thousand values"
    )]
    let rank = (share * values.len() as f64).ceil() as usize;
    values
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or(f64::NAN)
}

#[expect(clippy::cast_precision_loss, reason = "for showing")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(
            quantile(values.clone(), 0.99).total_cmp(&99.0),
            std::cmp::Ordering::Equal
        );
        assert_eq!(median(values).total_cmp(&50.0), std::cmp::Ordering::Equal);
        assert!(median(Vec::new()).is_nan());
    }
}
