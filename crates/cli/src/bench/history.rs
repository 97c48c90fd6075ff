//! Generated histories in the size of real exports: those of `sample` with a seller and a remark,
//! about 240 bytes a row, the newest two in a hundred still open. Deliberately with remarks that are
//! all different, which cost a reader most.

use std::{
    fs::File,
    io::{BufWriter, Write as _},
    path::Path,
};

use rand::{Rng as _, SeedableRng as _};
use rand_chacha::ChaCha20Rng;

use crate::{
    error::{Error, Result},
    sample,
};

const SEED: u64 = 1;
const SELLERS: u32 = 40;
const REMARK_WORDS: u32 = 19;
const WORDS: [&str; 24] = [
    "after", "annual", "asked", "budget", "call", "compared", "delivery", "design", "early",
    "engineer", "finance", "follow", "frame", "later", "offer", "pending", "quarter", "repeat",
    "sample", "spare", "terms", "upgrade", "visit", "wants",
];

/// Writes a history of so many quotes; answers its bytes.
///
/// # Errors
/// Where the file cannot be written.
pub fn write(path: &Path, rows: u32) -> Result<u64> {
    let quotes = sample::generate(rows as usize, SEED);
    let mut plain = Vec::new();
    sample::csv::write_history(&mut plain, &quotes)
        .map_err(|error| Error::Failed(error.to_string()))?;
    drop(quotes);
    let lines = plain
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let open_from = rows as usize - rows as usize / 50;
    let mut file = BufWriter::new(File::create(path).map_err(Error::file(path))?);
    let mut rng = ChaCha20Rng::seed_from_u64(SEED);
    // The sample has no quoted cells, so a line is a row.
    for (number, line) in lines.enumerate() {
        // The outcome is the last cell.
        let end = line.iter().rposition(|byte| *byte == b',').unwrap_or(0);
        let (line, outcome) = if number > open_from {
            (&line[..end], ",open")
        } else {
            (line, "")
        };
        let more = if number == 0 {
            "seller,remark".to_owned()
        } else {
            format!(
                "Seller {},{}",
                rng.random_range(0..SELLERS),
                remark(&mut rng)
            )
        };
        file.write_all(line)
            .and_then(|()| writeln!(file, "{outcome},{more}"))
            .map_err(Error::file(path))?;
    }
    file.flush().map_err(Error::file(path))?;
    Ok(std::fs::metadata(path).map_err(Error::file(path))?.len())
}

fn remark(rng: &mut ChaCha20Rng) -> String {
    let count = rng.random_range(REMARK_WORDS - 4..=REMARK_WORDS + 4);
    let words: Vec<&str> = (0..count)
        .map(|_| {
            let count = u32::try_from(WORDS.len()).unwrap_or(u32::MAX);
            WORDS[rng.random_range(0..count) as usize]
        })
        .collect();
    words.join(" ")
}
