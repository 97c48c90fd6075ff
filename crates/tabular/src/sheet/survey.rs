//! The first pass over a text: is it text, in which encoding, what separates its cells, and where
//! its table begins.
//!
//! Deliberately over the whole stream, since one letter in the last row may decide the encoding;
//! never the whole text in memory.

use std::io::Read;

use super::archive::Content;
use super::decode::{Decoding, TextEncoding};
use super::evidence::Evidence;
use super::layout::{Layout, SAMPLE_ROWS};
use super::records::fill;
use super::sniff::{self, SAMPLE_BYTES};
use super::{ReadError, ReadOptions};

/// Broken letters that are put up with in text that is plainly UTF-8: one among so many letters
/// above ASCII.
const LETTERS_PER_BROKEN: u64 = 10;

/// Share of bytes that may be zero or other controls, as one in so many.
const BYTES_PER_CONTROL: usize = 64;

/// What the first pass found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Survey {
    pub(super) encoding: TextEncoding,
    /// Whether no other encoding makes sense of the bytes.
    pub(super) sure: bool,
    /// Places where bytes are none of the encoding, which are put up with.
    pub(super) broken: u64,
    pub(super) delimiter: u8,
    /// Whether the first line says the delimiter and nothing else.
    pub(super) states_delimiter: bool,
    pub(super) layout: Layout,
}

/// An encoding with what is known of it.
struct Found {
    encoding: TextEncoding,
    sure: bool,
    broken: u64,
}

impl Found {
    fn whole(encoding: TextEncoding, sure: bool) -> Self {
        Self {
            encoding,
            sure,
            broken: 0,
        }
    }
}

/// Surveys a text.
pub(super) fn survey(content: &Content<'_>, options: &ReadOptions) -> Result<Survey, ReadError> {
    let stated = options.encoding.as_deref().map(TextEncoding::of_label);
    let found = match stated.transpose()? {
        // UTF-8 may be broken in places, whether it was found or stated.
        Some(encoding) if encoding == TextEncoding::Web(encoding_rs::UTF_8) => {
            find_encoding(content, true)?
        }
        Some(encoding) => Found::whole(encoding, true),
        None => find_encoding(content, false)?,
    };
    let mut sample = Vec::new();
    let mut decoded = Decoding::new(content.open()?, found.encoding);
    if found.broken > 0 {
        decoded = decoded.replacing_what_is_broken();
    }
    decoded
        .take(SAMPLE_BYTES as u64 + 1)
        .read_to_end(&mut sample)?;
    sniff::check_text(&sample[..sample.len().min(SAMPLE_BYTES)])?;
    let cut_off = sample.len() > SAMPLE_BYTES;
    let sample = String::from_utf8_lossy(&sample);
    let (said, sample) = sniff::said_delimiter(&sample);
    let delimiter = match (options.delimiter, said) {
        (Some(stated), _) => stated_delimiter(stated)?,
        (None, Some(said)) => stated_delimiter(said)?,
        (None, None) => sniff::delimiter(sample, cut_off),
    };
    let lines = sniff::lines(sample, delimiter, cut_off, SAMPLE_ROWS);
    Ok(Survey {
        encoding: found.encoding,
        sure: found.sure,
        broken: found.broken,
        delimiter,
        states_delimiter: said.is_some(),
        layout: Layout::of(&lines, options.header_row),
    })
}

fn stated_delimiter(delimiter: char) -> Result<u8, ReadError> {
    u8::try_from(delimiter)
        .ok()
        .filter(|byte| byte.is_ascii() && !matches!(byte, b'"' | b'\n' | b'\r' | 0))
        .ok_or(ReadError::BadDelimiter { delimiter })
}

/// The encoding of a text, and whether it is certain; `is_utf8` where only that is in question.
fn find_encoding(content: &Content<'_>, is_utf8: bool) -> Result<Found, ReadError> {
    let mut reader = content.open()?;
    let mut block = vec![0; SAMPLE_BYTES];
    let mut filled = fill(&mut reader, &mut block)?;
    let start = &block[..filled];
    let utf16 = |encoding| Ok(Found::whole(TextEncoding::Web(encoding), true));
    match (is_utf8, start) {
        (false, [0xFF, 0xFE, ..]) => return utf16(encoding_rs::UTF_16LE),
        (false, [0xFE, 0xFF, ..]) => return utf16(encoding_rs::UTF_16BE),
        (false, _) => {
            if let Some(encoding) = sniff::bare_utf16(start) {
                return utf16(encoding);
            }
        }
        _ => {}
    }
    let marked = start.starts_with(b"\xEF\xBB\xBF");
    sniff::check_text(start)?;
    let mut check = Utf8Check::default();
    let mut evidence = Evidence::default();
    while filled > 0 {
        let zeros = block[..filled].iter().filter(|byte| **byte == 0).count();
        if zeros * BYTES_PER_CONTROL > filled {
            return Err(ReadError::NotTable {
                looks_like: "a binary file",
            });
        }
        check.add(&block[..filled]);
        // What was UTF-8 so far says nothing about other encodings, and the detector is slow.
        if check.wrong > 0 && !is_utf8 {
            evidence.add(&block[..filled]);
        }
        filled = fill(&mut reader, &mut block)?;
    }
    let is_cut_off = check.finish();
    let utf8 = TextEncoding::Web(encoding_rs::UTF_8);
    let Some(position) = check.first_wrong else {
        return Ok(Found::whole(utf8, true));
    };
    // Letters of other encodings hardly ever look like UTF-8, so a few that do show what was meant.
    let few = check.letters >= check.wrong.saturating_mul(LETTERS_PER_BROKEN);
    if check.letters >= 3 && few && !is_cut_off {
        return Ok(Found {
            encoding: utf8,
            sure: true,
            broken: check.wrong,
        });
    }
    if marked || is_utf8 || (check.letters >= 3 && few) {
        return Err(ReadError::BrokenEncoding {
            encoding: "UTF-8".to_owned(),
            position: position - if marked { 3 } else { 0 },
        });
    }
    let (encoding, sure) = evidence.decide()?;
    Ok(Found::whole(encoding, sure))
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

    /// Ends the stream; whether it ends within a letter.
    fn finish(&mut self) -> bool {
        let is_cut_off = !self.open.is_empty();
        if is_cut_off {
            self.wrong += 1;
            self.first_wrong.get_or_insert(self.at);
        }
        is_cut_off
    }
}
