//! Columns of workbooks in which some numbers are numbers and some are text, typed in by hand.
//!
//! Deliberately only their decimal separator: what the workbook holds as a number is written as the
//! texts of its column write numbers, so that one reading fits them all.

use crate::cell::{Decimal, NumberFormat, is_missing, parse_number};

use super::Column;

/// Which cells of a column the file itself says are numbers.
#[derive(Debug, Default)]
pub(super) struct Marks {
    words: Vec<u64>,
}

impl Marks {
    pub(super) fn set(&mut self, row: usize) {
        let word = row / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= 1 << (row % 64);
        }
    }

    fn has(&self, row: usize) -> bool {
        let word = self.words.get(row / 64).copied().unwrap_or(0);
        word >> (row % 64) & 1 == 1
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }
}

/// The column with its numbers written as its texts write them.
pub(super) fn alike(column: Column, numbers: &Marks) -> Column {
    let read = |text: &str, decimal| parse_number(text, &NumberFormat { decimal });
    let (mut points, mut commas, mut differ) = (0_u32, 0_u32, false);
    for (row, text) in column.iter().enumerate() {
        if numbers.has(row) || is_missing(text) {
            continue;
        }
        let (point, comma) = (read(text, Decimal::Point), read(text, Decimal::Comma));
        points += u32::from(point.is_some());
        commas += u32::from(comma.is_some());
        differ |= point.is_some() && comma.is_some() && point != comma;
    }
    // Where the texts can be read either way, the numbers must not decide for them.
    let write: fn(&str) -> Option<String> = match commas.cmp(&points) {
        std::cmp::Ordering::Greater => |text| Some(text.replace('.', ",")),
        std::cmp::Ordering::Equal if differ => without_separator,
        _ => return column,
    };
    let rows = column.iter().enumerate();
    let cells: Vec<(usize, String)> = rows
        .filter(|(row, text)| numbers.has(*row) && text.contains('.'))
        .filter_map(|(row, text)| Some((row, write(text)?)))
        .collect();
    column.with_cells(&cells)
}

/// A number without a separator, which reads alike everywhere: `12.5` as `125e-1`.
fn without_separator(text: &str) -> Option<String> {
    let (whole, fraction) = text.split_once('.')?;
    let plain = fraction.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| format!("{whole}{fraction}e-{}", fraction.len()))
}
