//! The records of separated text, read as a stream and numbered as a spreadsheet would number them.
//!
//! Deliberately driven by `csv-core` and not by `csv`: a quotation mark that is never closed must
//! not pull the whole file into memory, and empty lines must be counted.

use std::io::Read;

use csv_core::ReadRecordResult;

use super::table::Cells;
use super::{Limits, ReadError};

/// A record put behind the text. Where it does not come out again as a record, a quotation mark
/// was never closed; the parser would not tell.
const TAIL: &str = "\n\u{2}end of file\u{3}\n";

/// How much is read at once, in bytes.
const BLOCK_BYTES: usize = 64 * 1024;

/// Longest record whatever the limits say.
const MAX_RECORD_BYTES: usize = 64 * 1024 * 1024;

/// Most cells of a record: a row of separators costs a machine word for each.
const MAX_RECORD_CELLS: usize = 1024 * 1024;

/// A row with its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    /// Row in the file, the first being row 1.
    pub(super) number: u32,
    pub(super) cells: Cells<'a>,
}

/// The records of a text in UTF-8.
pub(super) struct Records<R> {
    reader: R,
    parser: csv_core::Reader,
    block: Vec<u8>,
    at: usize,
    filled: usize,
    /// Whether what is in the block stands behind the text.
    in_tail: bool,
    /// The byte before `at`.
    before: u8,
    text: Vec<u8>,
    ends: Vec<usize>,
    number: u32,
    max_record_bytes: usize,
    max_cell_bytes: usize,
    max_columns: usize,
}

impl<R: Read> Records<R> {
    pub(super) fn new(reader: R, delimiter: u8, limits: &Limits) -> Self {
        let row = limits.max_cell_bytes.saturating_mul(limits.max_columns);
        Self {
            reader,
            parser: csv_core::ReaderBuilder::new().delimiter(delimiter).build(),
            block: vec![0; BLOCK_BYTES],
            at: 0,
            filled: 0,
            in_tail: false,
            before: 0,
            text: vec![0; 1024],
            ends: vec![0; 64],
            number: 0,
            max_record_bytes: row.clamp(BLOCK_BYTES, MAX_RECORD_BYTES),
            max_cell_bytes: limits.max_cell_bytes,
            max_columns: limits.max_columns,
        }
    }

    /// The next record; `None` after the last.
    pub(super) fn next_row(&mut self) -> Result<Option<Row<'_>>, ReadError> {
        let empty_lines = self.skip_empty_lines()?;
        let number = self.number.saturating_add(empty_lines).saturating_add(1);
        let Some((text_len, cells)) = self.parse(number)? else {
            return Err(ReadError::UnclosedQuote { row: self.number });
        };
        let text = self.text.get(..text_len).unwrap_or_default();
        let text = std::str::from_utf8(text).map_err(|error| ReadError::Broken {
            row: number,
            detail: error.to_string(),
        })?;
        if self.in_tail && cells == 1 && text == TAIL.trim() {
            return Ok(None);
        }
        self.number = number;
        Ok(Some(Row {
            number,
            cells: Cells {
                text,
                ends: self.ends.get(..cells).unwrap_or_default(),
            },
        }))
    }

    /// Skips the first line, which is none of the rows.
    pub(super) fn skip_line(&mut self) -> Result<(), ReadError> {
        while self.at < self.filled || self.fill()? {
            let byte = self.block[self.at];
            if matches!(byte, b'\n' | b'\r') {
                self.before = byte;
                self.at += 1;
                // Both bytes of a line end on Windows.
                if byte == b'\r'
                    && (self.at < self.filled || self.fill()?)
                    && self.block[self.at] == b'\n'
                {
                    self.before = b'\n';
                    self.at += 1;
                }
                return Ok(());
            }
            self.at += 1;
        }
        Ok(())
    }

    /// Skips and counts the empty lines before a record, which the parser would skip silently.
    fn skip_empty_lines(&mut self) -> Result<u32, ReadError> {
        let mut count: u32 = 0;
        loop {
            if self.at == self.filled && !self.fill()? {
                return Ok(count);
            }
            match self.block[self.at] {
                b'\n' if self.before == b'\r' => {}
                b'\n' | b'\r' => count = count.saturating_add(1),
                _ => return Ok(count),
            }
            self.before = self.block[self.at];
            self.at += 1;
        }
    }

    /// Reads the next block; false at the very end.
    fn fill(&mut self) -> Result<bool, ReadError> {
        if self.in_tail {
            return Ok(false);
        }
        self.at = 0;
        self.filled = fill(&mut self.reader, &mut self.block)?;
        if self.filled == 0 {
            self.in_tail = true;
            self.filled = TAIL.len();
            self.block[..TAIL.len()].copy_from_slice(TAIL.as_bytes());
        }
        Ok(true)
    }

    /// Parses one record into `text` and `ends`: bytes and cells; `None` at the very end.
    fn parse(&mut self, number: u32) -> Result<Option<(usize, usize)>, ReadError> {
        let (mut text_len, mut cells) = (0, 0);
        loop {
            let more = self.at < self.filled || self.fill()?;
            let input = if more {
                &self.block[self.at..self.filled]
            } else {
                &[]
            };
            let (result, read, written, ended) =
                self.parser
                    .read_record(input, &mut self.text[text_len..], &mut self.ends[cells..]);
            if read > 0 {
                self.before = input[read - 1];
                self.at += read;
            }
            text_len += written;
            cells += ended;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record => return Ok(Some((text_len, cells))),
                ReadRecordResult::End => return Ok(None),
                ReadRecordResult::OutputFull => {
                    if self.text.len() >= self.max_record_bytes {
                        return Err(ReadError::CellTooLong {
                            row: number,
                            limit: self.max_cell_bytes,
                        });
                    }
                    self.text.resize(self.text.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull => {
                    if self.ends.len() >= MAX_RECORD_CELLS {
                        return Err(ReadError::TooManyColumns {
                            found: self.ends.len(),
                            limit: self.max_columns,
                        });
                    }
                    self.ends.resize(self.ends.len() * 2, 0);
                }
            }
        }
    }
}

/// Fills a block as far as the stream goes; 0 at its end.
pub(super) fn fill(reader: &mut impl Read, block: &mut [u8]) -> Result<usize, ReadError> {
    let mut filled = 0;
    while filled < block.len() {
        match reader.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read.min(block.len() - filled),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(filled)
}
