//! The records of a workbook before 2007, made harmless before calamine reads them: what they would
//! unpack to is counted, and what is of no use here (formulas, names, charts) is taken out.
//!
//! Deliberately no reading of values, which is calamine's. Rows without cells are closed up, so that
//! two cells far apart cost nothing. Source of the layout: Microsoft's \[MS-XLS\].

use std::collections::HashSet;
use std::ops::Range;

use super::super::{Limits, ReadError};

const BLANKED: u16 = 0xFFFF;
const END: u16 = 0x000A;
const BEGIN: u16 = 0x0809;
const PASSWORD: u16 = 0x002F;
const SHEET: u16 = 0x0085;
const STRINGS: u16 = 0x00FC;
const CONTINUED: u16 = 0x003C;
const FORMULA: u16 = 0x0006;
const NUMBER: u16 = 0x0203;
const TRUTH: u16 = 0x0205;
const MANY_NUMBERS: u16 = 0x00BD;
const SHARED_TEXT: u16 = 0x00FD;
/// Cells with one value: text of their own (two kinds), truths and errors, small numbers.
const SINGLE: [u16; 6] = [NUMBER, 0x0204, 0x00D6, TRUTH, 0x027E, SHARED_TEXT];
/// Records that cost much or break the reading: defined names, links, sizes that may be lies.
const USELESS: [u16; 3] = [0x0018, 0x0017, 0x0200];

/// What a cell costs in calamine, in bytes, its text left out: the cell as read and in its range,
/// and as much again for the text of its formula.
const CELL_BYTES: u64 = 128;

fn damaged(detail: &str) -> ReadError {
    super::damaged(&detail)
}

/// A sheet of a workbook whose records were made harmless.
#[derive(Debug, Default)]
pub(super) struct Tamed {
    /// Row in the sheet (from 0) of each row that has cells, ascending; the workbook has them without gaps.
    pub(super) rows: Vec<u32>,
}

/// A record in the stream.
struct Record {
    kind: u16,
    at: usize,
    data: Range<usize>,
}

/// The record at a place; `None` at the end of the stream.
fn record(stream: &[u8], at: usize) -> Option<Record> {
    let kind = u16_at(stream, at)?;
    let length = usize::from(u16_at(stream, at + 2)?);
    let data = at + 4..at + 4 + length;
    (data.end <= stream.len()).then_some(Record { kind, at, data })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let found = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*found))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let found = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*found))
}

fn put(stream: &mut [u8], at: usize, value: u16) {
    if let Some(place) = stream.get_mut(at..at + 2) {
        place.copy_from_slice(&value.to_le_bytes());
    }
}

/// Makes a workbook stream harmless, or says why it is not read; answers its sheets in their order.
pub(super) fn tame(
    stream: &mut [u8],
    limits: &Limits,
    packed: u64,
) -> Result<Vec<Tamed>, ReadError> {
    let mut places: Vec<usize> = Vec::new();
    let mut texts = Vec::new();
    let mut at = 0;
    loop {
        let found = record(stream, at).ok_or_else(|| damaged("its first part has no end"))?;
        match found.kind {
            END => break,
            PASSWORD if u16_at(stream, found.data.start) != Some(0) => {
                return Err(super::protected());
            }
            SHEET => {
                let place =
                    u32_at(stream, found.data.start).and_then(|at| usize::try_from(at).ok());
                let place = place.filter(|place| *place < stream.len());
                let is_table = stream.get(found.data.start + 5) == Some(&0);
                match place {
                    Some(place) if is_table && !places.contains(&place) => places.push(place),
                    // Charts, macros and what lies outside of the file.
                    _ => put(stream, found.at, BLANKED),
                }
            }
            STRINGS => texts = lengths(stream, &found),
            kind if USELESS.contains(&kind) => put(stream, found.at, BLANKED),
            _ => {}
        }
        at = found.data.end;
    }
    let limit = limits.expanded_bytes(packed);
    let mut budget = Budget { left: limit, limit };
    let mut sheets = Vec::with_capacity(places.len());
    for place in places {
        sheets.push(tame_sheet(stream, place, &texts, &mut budget)?);
    }
    Ok(sheets)
}

/// What the workbook may still unpack to.
struct Budget {
    left: u64,
    limit: u64,
}

impl Budget {
    fn spend(&mut self, bytes: u64) -> Result<(), ReadError> {
        let left = self.left.checked_sub(bytes);
        self.left = left.ok_or(ReadError::TooLargeExpanded { limit: self.limit })?;
        Ok(())
    }
}

fn tame_sheet(
    stream: &mut [u8],
    start: usize,
    texts: &[u32],
    budget: &mut Budget,
) -> Result<Tamed, ReadError> {
    let mut rows: HashSet<u16> = HashSet::new();
    let mut cells = Vec::new();
    let (mut at, mut depth, mut begun) = (start, 0_usize, false);
    let (mut first, mut last) = (u16::MAX, 0);
    while let Some(found) = record(stream, at) {
        at = found.data.end;
        match found.kind {
            BEGIN if begun => depth += 1,
            BEGIN => begun = true,
            END if depth > 0 => depth -= 1,
            END => break,
            // Embedded charts have cells too, which are none of the sheet's.
            _ if depth > 0 => {}
            FORMULA => tame_formula(stream, &found),
            MANY_NUMBERS => tame_numbers(stream, &found),
            kind if USELESS.contains(&kind) || kind == 0x00E5 => put(stream, found.at, BLANKED),
            _ => {}
        }
        let kind = u16_at(stream, found.at).unwrap_or(BLANKED);
        let is_cell = SINGLE.contains(&kind) || kind == MANY_NUMBERS || kind == FORMULA;
        if depth > 0 || !is_cell {
            // Text of a formula, or of a cell of its own.
            budget.spend(if kind == 0x0207 {
                3 * found.data.len() as u64
            } else {
                0
            })?;
            continue;
        }
        let here = (
            u16_at(stream, found.data.start),
            u16_at(stream, found.data.start + 2),
        );
        let (Some(row), Some(column)) = here else {
            return Err(damaged("a cell has no place"));
        };
        let wide = if kind == MANY_NUMBERS {
            found.data.len().saturating_sub(6) / 6
        } else {
            1
        };
        let wide = u16::try_from(wide).unwrap_or(u16::MAX);
        first = first.min(column);
        last = last.max(column.saturating_add(wide.max(1) - 1));
        rows.insert(row);
        cells.push((found.data.start, row));
        let shared = (kind == SHARED_TEXT)
            .then(|| u32_at(stream, found.data.start + 6))
            .flatten();
        let text = shared.and_then(|text| texts.get(usize::try_from(text).ok()?));
        // Text of its own takes at most three bytes of UTF-8 for one of its bytes.
        let text = text.map_or(3 * found.data.len() as u64, |bytes| u64::from(*bytes));
        budget.spend(text)?;
    }
    let mut rows: Vec<u16> = rows.into_iter().collect();
    rows.sort_unstable();
    let width = u64::from(last.saturating_sub(first)) + 1;
    budget.spend((rows.len() as u64 * width + cells.len() as u64) * CELL_BYTES)?;
    for (place, row) in cells {
        let number = rows.binary_search(&row).unwrap_or(0);
        put(stream, place, u16::try_from(number).unwrap_or(u16::MAX));
    }
    let rows = rows.into_iter().map(u32::from).collect();
    Ok(Tamed { rows })
}

/// Takes out a row of numbers that is not as long as its columns say.
fn tame_numbers(stream: &mut [u8], found: &Record) {
    let first = u16_at(stream, found.data.start + 2);
    let last = u16_at(stream, found.data.end.saturating_sub(2));
    let cells = first
        .zip(last)
        .and_then(|(first, last)| last.checked_sub(first));
    let length = cells.map(|cells| 6 + 6 * (usize::from(cells) + 1));
    if length != Some(found.data.len()) {
        put(stream, found.at, BLANKED);
    }
}

/// Turns a formula into the cell of its value, where that is a number or a truth, and takes its text
/// out elsewhere.
fn tame_formula(stream: &mut [u8], found: &Record) {
    let start = found.data.start;
    if found.data.len() < 22 {
        return put(stream, found.at, BLANKED);
    }
    let value = stream[start + 6];
    match (u16_at(stream, start + 12), value) {
        (Some(0xFFFF), 1 | 2) => {
            stream[start + 6] = stream[start + 8];
            stream[start + 7] = u8::from(value == 2);
            put(stream, found.at, TRUTH);
        }
        // Text follows in a record of its own, and empty text is none.
        (Some(0xFFFF), 0) => put(stream, start + 20, 0),
        (Some(0xFFFF), _) => put(stream, found.at, BLANKED),
        _ => put(stream, found.at, NUMBER),
    }
}

/// Longest length in bytes of UTF-8 of each shared text; as many as can be followed.
fn lengths(stream: &[u8], first: &Record) -> Vec<u32> {
    let mut parts = vec![first.data.clone()];
    let mut at = first.data.end;
    while let Some(next) = record(stream, at).filter(|next| next.kind == CONTINUED) {
        at = next.data.end;
        parts.push(next.data);
    }
    let mut walk = Walk {
        stream,
        parts: parts.into_iter(),
        here: 0..0,
    };
    walk.here = walk.parts.next().unwrap_or(0..0);
    walk.skip(8);
    let mut lengths = Vec::new();
    while let Some(length) = walk.text() {
        lengths.push(length);
    }
    lengths
}

/// A walk over a record and those that continue it.
struct Walk<'a> {
    stream: &'a [u8],
    parts: std::vec::IntoIter<Range<usize>>,
    here: Range<usize>,
}

impl Walk<'_> {
    fn byte(&mut self) -> Option<u8> {
        while self.here.is_empty() {
            self.here = self.parts.next()?;
        }
        let found = self.stream.get(self.here.start).copied();
        self.here.start += 1;
        found
    }

    fn number(&mut self, bytes: u32) -> Option<u32> {
        (0..bytes).try_fold(0, |sum, place| {
            Some(sum | u32::from(self.byte()?) << (8 * place))
        })
    }

    fn skip(&mut self, mut bytes: usize) {
        while bytes > 0 {
            if self.here.is_empty() {
                match self.parts.next() {
                    Some(next) => self.here = next,
                    None => return,
                }
            }
            let step = bytes.min(self.here.len());
            self.here.start += step;
            bytes -= step;
        }
    }

    /// Passes a text; its longest length.
    fn text(&mut self) -> Option<u32> {
        let letters = self.number(2)?;
        let flags = self.byte()?;
        let runs = if flags & 8 == 0 { 0 } else { self.number(2)? };
        let more = if flags & 4 == 0 { 0 } else { self.number(4)? };
        let mut left = usize::try_from(letters).ok()?;
        let mut width = 1 + usize::from(flags & 1);
        while left > 0 {
            if self.here.is_empty() {
                // Behind a break the width is said anew.
                width = 1 + usize::from(self.byte()? & 1);
            }
            let step = left.min((self.here.len() / width).max(1));
            self.skip(step * width);
            left -= step;
        }
        self.skip(usize::try_from(runs * 4).ok()?);
        self.skip(usize::try_from(more).ok()?);
        Some(letters * 3)
    }
}
