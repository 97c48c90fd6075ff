//! The first pass over a text: is it text, in which encoding, and what separates its cells.
//!
//! Deliberately over the whole stream, since one letter in the last row may decide the encoding;
//! never the whole text in memory.

use std::io::Read;

use super::archive::Content;
use super::decode::{Decoding, TextEncoding};
use super::evidence::Evidence;
use super::records::fill;
use super::sniff::{self, SAMPLE_BYTES};
use super::{ReadError, ReadOptions};

/// What the first pass found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Survey {
    pub(super) encoding: TextEncoding,
    /// Whether no other encoding makes sense of the bytes.
    pub(super) sure: bool,
    pub(super) delimiter: u8,
}

/// Surveys a text.
pub(super) fn survey(content: &Content<'_>, options: &ReadOptions) -> Result<Survey, ReadError> {
    let (encoding, sure) = match &options.encoding {
        Some(label) => (TextEncoding::of_label(label)?, true),
        None => find_encoding(content)?,
    };
    let mut sample = Vec::new();
    let decoded = Decoding::new(content.open()?, encoding);
    decoded
        .take(SAMPLE_BYTES as u64 + 1)
        .read_to_end(&mut sample)?;
    sniff::check_text(&sample[..sample.len().min(SAMPLE_BYTES)])?;
    let cut_off = sample.len() > SAMPLE_BYTES;
    let sample = String::from_utf8_lossy(&sample);
    let delimiter = match options.delimiter {
        Some(stated) => stated_delimiter(stated)?,
        None => sniff::delimiter(&sample, cut_off),
    };
    Ok(Survey {
        encoding,
        sure,
        delimiter,
    })
}

fn stated_delimiter(delimiter: char) -> Result<u8, ReadError> {
    u8::try_from(delimiter)
        .ok()
        .filter(|byte| byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0))
        .ok_or(ReadError::BadDelimiter { delimiter })
}

/// The encoding of a text, and whether it is certain.
fn find_encoding(content: &Content<'_>) -> Result<(TextEncoding, bool), ReadError> {
    let mut reader = content.open()?;
    let mut block = vec![0; SAMPLE_BYTES];
    let mut filled = fill(&mut reader, &mut block)?;
    let start = &block[..filled];
    for (mark, encoding) in [
        (&b"\xFF\xFE"[..], encoding_rs::UTF_16LE),
        (b"\xFE\xFF", encoding_rs::UTF_16BE),
    ] {
        if start.starts_with(mark) {
            return Ok((TextEncoding::Web(encoding), true));
        }
    }
    let marked = start.starts_with(b"\xEF\xBB\xBF");
    sniff::check_text(start)?;
    let mut check = Utf8Check::default();
    let mut evidence = Evidence::default();
    while filled > 0 {
        if block[..filled].contains(&0) {
            return Err(ReadError::NotTable {
                looks_like: "a binary file",
            });
        }
        check.add(&block[..filled]);
        // What was UTF-8 so far says nothing about other encodings, and the detector is slow.
        if check.wrong > 0 {
            evidence.add(&block[..filled]);
        }
        filled = fill(&mut reader, &mut block)?;
    }
    check.finish();
    let Some(position) = check.first_wrong else {
        return Ok((TextEncoding::Web(encoding_rs::UTF_8), true));
    };
    // Letters of other encodings hardly ever look like UTF-8, so a few that do show what was meant.
    if marked || (check.letters >= 3 && check.letters >= check.wrong.saturating_mul(10)) {
        return Err(ReadError::BrokenEncoding {
            encoding: "UTF-8".to_owned(),
            position: position - if marked { 3 } else { 0 },
        });
    }
    evidence.decide()
}

/// Counts what is UTF-8 and what is not, over the blocks of a stream.
#[derive(Debug, Default)]
struct Utf8Check {
    /// The beginning of a letter that the next block continues.
    open: Vec<u8>,
    at: u64,
    letters: u64,
    wrong: u64,
    first_wrong: Option<u64>,
}

impl Utf8Check {
    fn add(&mut self, block: &[u8]) {
        if self.open.is_empty() {
            self.add_joined(block);
        } else {
            let mut joined = std::mem::take(&mut self.open);
            joined.extend_from_slice(block);
            self.add_joined(&joined);
        }
    }

    fn add_joined(&mut self, mut bytes: &[u8]) {
        loop {
            let error = match std::str::from_utf8(bytes) {
                Ok(text) => {
                    self.count(text.as_bytes());
                    return;
                }
                Err(error) => error,
            };
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            self.count(valid);
            let Some(length) = error.error_len() else {
                self.open = rest.to_vec();
                return;
            };
            self.wrong += 1;
            self.first_wrong.get_or_insert(self.at);
            self.at += length as u64;
            bytes = rest.get(length..).unwrap_or_default();
        }
    }

    fn count(&mut self, valid: &[u8]) {
        self.at += valid.len() as u64;
        if !valid.is_ascii() {
            self.letters += valid.iter().filter(|byte| **byte >= 0xC0).count() as u64;
        }
    }

    fn finish(&mut self) {
        if !self.open.is_empty() {
            self.wrong += 1;
            self.first_wrong.get_or_insert(self.at);
        }
    }
}
