//! What kind of bytes these are, and what separates their cells, from the content alone.
//!
//! Deliberately never asks for a file's name; the encoding is found in [`super::survey`].

use encoding_rs::Encoding;

use super::ReadError;
use super::aside::is_drawn;
use super::layout::{Header, Layout, SAMPLE_ROWS};
use super::line::Line;

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
    if controls * 64 > start.len() {
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
    if start.starts_with("<?xml") || start.starts_with("<workbook") {
        return Err(ReadError::NotTable {
            looks_like: "an XML document",
        });
    }
    // A row of values does not begin so, nor do names of columns.
    if start.starts_with("[{")
        || start.starts_with("{\"")
        || start.starts_with("{\n")
        || start.starts_with("[\n")
    {
        return Err(ReadError::NotTable {
            looks_like: "a JSON document",
        });
    }
    Ok(())
}

/// UTF-16 without its mark: of text in Latin letters every second byte is zero.
pub(super) fn bare_utf16(start: &[u8]) -> Option<&'static Encoding> {
    let start = &start[..start.len() & !1];
    let zeros = |parity: usize| {
        start
            .iter()
            .skip(parity)
            .step_by(2)
            .filter(|b| **b == 0)
            .count()
    };
    let (even, odd) = (zeros(0), zeros(1));
    let half = start.len() / 2;
    // Three of four, as names may be in other letters.
    let most = |zeros: usize| half >= 4 && zeros * 4 >= half * 3;
    match (most(even), most(odd)) {
        (true, false) if odd == 0 => Some(encoding_rs::UTF_16BE),
        (false, true) if even == 0 => Some(encoding_rs::UTF_16LE),
        _ => None,
    }
}

/// The delimiter that the first line says for Excel (`sep=;`), and the text behind that line.
pub(super) fn said_delimiter(sample: &str) -> (Option<char>, &str) {
    let (line, rest) = sample.split_once(['\n', '\r']).unwrap_or((sample, ""));
    let said = line.trim_start_matches('\u{feff}').trim_matches([' ', '"']);
    let prefix = said
        .get(..4)
        .filter(|prefix| prefix.eq_ignore_ascii_case("sep="));
    let mut letters = prefix.and(said.get(4..)).unwrap_or_default().chars();
    match (letters.next(), letters.as_str()) {
        // An export may fill the line up with separators.
        (Some(found), more) if more.chars().all(|c| c == found) => (Some(found), rest),
        _ => (None, sample),
    }
}

/// The first filled rows of a sample.
pub(super) fn lines(sample: &str, delimiter: u8, cut_off: bool, most: usize) -> Vec<Line> {
    let mut lines: Vec<Line> = records(sample, delimiter)
        .filter_map(|record| Some(Line::of_text(record.ok()?.iter())))
        .filter(|line| line.filled().0 > 0 && !is_drawn(line.cells()))
        .take(most)
        .collect();
    if cut_off && lines.len() > 1 && lines.len() < most {
        lines.pop();
    }
    lines
}

fn records(sample: &str, delimiter: u8) -> impl Iterator<Item = csv::Result<csv::StringRecord>> {
    csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .from_reader(sample.as_bytes())
        .into_records()
        .take(SAMPLE_RECORDS)
}

/// Finds the delimiter of a sample: the one by which most rows have as many cells as the row that
/// names the columns.
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

/// Agreement of the rows under a delimiter, weighted by the number of columns.
fn consistency(sample: &str, delimiter: u8, cut_off: bool) -> f64 {
    let lines = lines(sample, delimiter, cut_off, SAMPLE_RECORDS);
    let layout = Layout::of(
        lines
            .get(..lines.len().min(SAMPLE_ROWS))
            .unwrap_or_default(),
        None,
    );
    // A row of values in the place of the header may be a row cut in the wrong places.
    let (above, trust) = match layout.header {
        Header::Behind(0) => (0, 1.0),
        Header::Behind(above) => (above, 0.7),
        _ => (0, 0.9),
    };
    let widths: Vec<usize> = lines
        .iter()
        .skip(above)
        .map(|line| line.cells().len())
        .collect();
    let Some(header) = widths.first().copied().filter(|width| *width > 1) else {
        return 0.0;
    };
    let same = widths.iter().filter(|width| **width == header).count();
    let share = same as f64 / widths.len() as f64;
    // Few rows, or rows that differ much, under a supposed title are no table.
    if above > 0 && (share < 0.8 || widths.len() < 2 * above + 2) {
        return 0.0;
    }
    share * share * (header as f64).ln_1p() * trust
}
