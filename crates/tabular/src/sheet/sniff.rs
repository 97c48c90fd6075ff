//! What kind of bytes these are: type, encoding and delimiter, from the content alone.
//!
//! Deliberately not a decoder for many encodings: UTF-8 or windows-1252, the two that spreadsheets
//! write as CSV in Europe and America.

use std::borrow::Cow;

use super::{Encoding, ReadError};

/// How much of a file decides its type and delimiter, in bytes.
const SAMPLE_BYTES: usize = 64 * 1024;

/// How many records decide the delimiter.
const SAMPLE_RECORDS: usize = 200;

/// First bytes of types that are often uploaded by mistake.
const SIGNATURES: [(&[u8], &str); 14] = [
    (b"\x89PNG", "a PNG image"),
    (b"\xFF\xD8\xFF", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"%PDF", "a PDF document"),
    (
        b"PK\x03\x04",
        "an Excel workbook (XLSX) or another zip archive",
    ),
    (b"PK\x05\x06", "an empty zip archive"),
    (
        b"\xD0\xCF\x11\xE0",
        "an old Excel workbook (XLS) or Word document",
    ),
    (b"\x1F\x8B", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"7z\xBC\xAF", "a 7-Zip archive"),
    (b"\x28\xB5\x2F\xFD", "a Zstandard archive"),
    (b"\x7FELF", "a program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"PAR1", "a Parquet file"),
];

/// Refuses what is not text.
pub(super) fn check_type(bytes: &[u8]) -> Result<(), ReadError> {
    if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") {
        return Err(ReadError::Utf16);
    }
    for (signature, looks_like) in SIGNATURES {
        if bytes.starts_with(signature) {
            return Err(ReadError::NotText { looks_like });
        }
    }
    let sample = &bytes[..bytes.len().min(SAMPLE_BYTES)];
    let controls = sample
        .iter()
        .filter(|b| **b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0C))
        .count();
    if bytes.contains(&0) || controls * 64 > sample.len() {
        return Err(ReadError::NotText {
            looks_like: "a binary file",
        });
    }
    let start = String::from_utf8_lossy(&sample[..sample.len().min(256)]).to_lowercase();
    let start = start.trim_start_matches('\u{feff}').trim_start();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return Err(ReadError::NotText {
            looks_like: "a web page",
        });
    }
    Ok(())
}

/// Turns the bytes into text.
pub(super) fn decode(bytes: &[u8]) -> Result<(Cow<'_, str>, Encoding), ReadError> {
    if let Some(rest) = bytes.strip_prefix(b"\xEF\xBB\xBF") {
        let text = std::str::from_utf8(rest).map_err(|error| ReadError::BrokenUtf8 {
            position: error.valid_up_to(),
        })?;
        return Ok((Cow::Borrowed(text), Encoding::Utf8Bom));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok((Cow::Borrowed(text), Encoding::Utf8)),
        Err(_) => Ok((
            Cow::Owned(bytes.iter().map(|byte| windows_1252(*byte)).collect()),
            Encoding::Windows1252,
        )),
    }
}

/// One character of windows-1252; the five bytes without a meaning stay control characters.
fn windows_1252(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž',
        '\u{8f}', '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}',
        'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9F => HIGH[usize::from(byte - 0x80)],
        _ => char::from(byte),
    }
}

/// Finds the delimiter: the one by which most rows have as many cells as the header.
pub(super) fn delimiter(text: &str) -> u8 {
    let mut end = text.len().min(SAMPLE_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let sample = &text[..end];
    let cut_off = end < text.len();
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
