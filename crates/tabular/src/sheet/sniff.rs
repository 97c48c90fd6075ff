//! What kind of bytes these are, and what separates their cells, from the content alone.
//!
//! Deliberately never asks for a file's name; the encoding is found in [`super::survey`].

use super::ReadError;

/// How much of a file decides its type and delimiter, in bytes.
pub(super) const SAMPLE_BYTES: usize = 64 * 1024;

/// How many records decide the delimiter.
const SAMPLE_RECORDS: usize = 200;

/// First bytes of types that are often uploaded by mistake.
const SIGNATURES: [(&[u8], &str); 10] = [
    (b"\x89PNG", "a PNG image"),
    (b"\xFF\xD8\xFF", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xBC\xAF", "a 7-Zip archive"),
    (b"\x28\xB5\x2F\xFD", "a Zstandard archive"),
    (b"\x7FELF", "a program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"{\\rtf", "a text document (RTF)"),
];

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Gzip,
    /// A zip archive, which a workbook since 2007 is too.
    Zip,
    /// A compound file: a workbook before 2007, or another document of that time.
    Compound,
    Parquet,
}

impl Kind {
    /// What it looks like, with article.
    pub(super) fn looks_like(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Gzip => "a gzip archive",
            Self::Zip => "an Excel workbook (XLSX) or another zip archive",
            Self::Compound => "an old Excel workbook (XLS) or Word document",
            Self::Parquet => "a Parquet file",
        }
    }
}

/// The kind of a content by its first bytes; an error for kinds that hold no table.
pub(super) fn kind(start: &[u8]) -> Result<Kind, ReadError> {
    for (signature, looks_like) in SIGNATURES {
        if start.starts_with(signature) {
            return Err(ReadError::NotTable { looks_like });
        }
    }
    Ok(match start {
        [0x1F, 0x8B, ..] => Kind::Gzip,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Kind::Zip,
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Kind::Compound,
        [b'P', b'A', b'R', b'1', ..] => Kind::Parquet,
        _ => Kind::Text,
    })
}

/// Refuses what is not text; for bytes of encodings that contain ASCII.
pub(super) fn check_text(start: &[u8]) -> Result<(), ReadError> {
    let controls = start
        .iter()
        .filter(|b| **b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0C))
        .count();
    if start.contains(&0) || controls * 64 > start.len() {
        return Err(ReadError::NotTable {
            looks_like: "a binary file",
        });
    }
    let start = String::from_utf8_lossy(&start[..start.len().min(256)]).to_lowercase();
    let start = start.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Err(ReadError::NotTable {
            looks_like: "a web page",
        });
    }
    Ok(())
}

/// Finds the delimiter of a sample: the one by which most rows have as many cells as the header.
pub(super) fn delimiter(sample: &str, cut_off: bool) -> u8 {
    let mut best = (0.0, b',');
    for candidate in [b',', b';', b'\t', b'|'] {
        let score = consistency(sample, candidate, cut_off);
        if score > best.0 {
            best = (score, candidate);
        }
    }
    best.1
}

/// Agreement of the rows with the header under a delimiter, weighted by the number of columns.
fn consistency(sample: &str, delimiter: u8, cut_off: bool) -> f64 {
    let mut widths: Vec<usize> = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(sample.as_bytes())
        .byte_records()
        .take(SAMPLE_RECORDS)
        .filter_map(|record| record.ok().map(|record| record.len()))
        .collect();
    if cut_off && widths.len() > 1 && widths.len() < SAMPLE_RECORDS {
        widths.pop();
    }
    let Some(header) = widths.first().copied().filter(|width| *width > 1) else {
        return 0.0;
    };
    let same = widths.iter().filter(|width| **width == header).count();
    let share = same as f64 / widths.len() as f64;
    share * share * (header as f64).ln_1p()
}
