//! `valutai sample`. Deliberately needs no server.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use chrono::NaiveDate;
use clap::Args;

use super::{SampleQuote, csv::write_history, csv::write_truth, default_until, generate_until};
use crate::{
    error::{Error, Result},
    files::NewFile,
    text::count,
};

/// Options of `valutai sample`.
#[derive(Debug, Clone, Args)]
pub struct SampleArgs {
    /// Quotes to generate
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    pub rows: u32,
    /// Seed; the same seed gives the same file
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Write the history to this CSV file
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Write quote_id and true_probability to this CSV file
    #[arg(long, value_name = "FILE")]
    pub truth: Option<PathBuf>,
    /// Last day of the three years that the quotes are spread over
    #[arg(long, value_name = "YYYY-MM-DD", default_value_t = default_until())]
    pub until: NaiveDate,
}

/// Runs `valutai sample`.
///
/// # Errors
/// Where a file cannot be written.
pub fn run(args: &SampleArgs) -> Result<()> {
    let quotes = generate_until(args.rows as usize, args.seed, args.until);
    write_file(&args.out, |file| write_history(file, &quotes))?;
    if let Some(path) = &args.truth {
        write_file(path, |file| write_truth(file, &quotes))?;
    }
    tell(&quotes, &args.out);
    Ok(())
}

/// Writes a file whole or not at all.
///
/// # Errors
/// Where it cannot be written.
pub fn write_file(
    path: &Path,
    write: impl FnOnce(&mut NewFile) -> ::csv::Result<()>,
) -> Result<()> {
    let mut file = NewFile::create(path)?;
    write(&mut file).map_err(|error| Error::file(path)(io::Error::other(error)))?;
    file.finish()
}

fn tell(quotes: &[SampleQuote], out: &Path) {
    let won = quotes.iter().filter(|quote| quote.won).count() as u64;
    let all = count(quotes.len() as u64);
    let _ = writeln!(
        io::stderr(),
        "{all} quotes, {} of them won, written to {}",
        count(won),
        out.display()
    );
}
