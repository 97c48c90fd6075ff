//! The usable rows of a quote history, column by column, ready to be learnt from.
//!
//! Deliberately not a data frame library: the columns are read once from a [`Sheet`] and never
//! changed. The raw cells stay in the sheet, reachable by [`Frame::record`].

use std::collections::HashMap;

use crate::cell::{self, CellFormat, CellValue, ColumnKind};
use crate::mapping::Field;
use crate::sheet::Sheet;

/// The code of a missing category.
pub const MISSING_CODE: u32 = u32::MAX;

/// The usable rows, every list being as long as there are rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Whether the quote was won.
    pub outcomes: Vec<bool>,
    /// Date of the quote in days since 1970-01-01; `None` where dates come from the import.
    pub dates: Option<Vec<i32>>,
    /// Tender of the quote as an index from 0; a quote without one is alone in its own.
    pub groups: Option<Vec<u32>>,
    /// Identifier of the quote; empty where missing.
    pub quote_ids: Option<Vec<String>>,
    /// The quoted price in the file's currency unit.
    pub prices: Vec<f64>,
    /// Row in the file, the header being row 1.
    pub rows: Vec<u32>,
    /// What is learnt from: price and date included; outcome, identifier, group and ignored not.
    pub columns: Vec<FrameColumn>,
}

/// A column with its meaning and its typed values.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameColumn {
    /// Header of the column.
    pub name: String,
    /// What it stands for.
    pub field: Field,
    /// What it holds.
    pub kind: ColumnKind,
    /// How its text was read, and how later text must be.
    pub format: CellFormat,
    /// The values, by kind.
    pub values: Values,
}

/// The values of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Numbers; NaN where missing.
    Numbers(Vec<f64>),
    /// Categories.
    Codes {
        /// Indices into the levels; [`MISSING_CODE`] where missing.
        codes: Vec<u32>,
        /// The categories, in order of appearance.
        levels: Vec<String>,
    },
    /// Days since 1970-01-01.
    Days(Vec<Option<i32>>),
}

impl Frame {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Header and raw cell of every column of a row (from 0) of the frame, as they stood in the
    /// sheet it was made from, ignored columns included; empty for a row it does not have.
    pub fn record<'a>(
        &self,
        sheet: &'a Sheet,
        index: usize,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let row = self.rows.get(index).and_then(|row| sheet.index_of(*row));
        row.into_iter().flat_map(|row| sheet.record(row))
    }
}

/// Reads the given rows of a column; `unreadable` hears of each cell that the kind does not read.
pub(crate) fn values(
    sheet: &Sheet,
    column: usize,
    rows: &[usize],
    kind: ColumnKind,
    format: &CellFormat,
    mut unreadable: impl FnMut(usize, &str),
) -> Values {
    let cells = rows.iter().map(|row| {
        let value = cell::read(sheet.cell(*row, column), kind, format);
        if let CellValue::Unreadable(text) = value {
            unreadable(*row, text);
        }
        value
    });
    match kind {
        ColumnKind::Number => {
            let number = |value| match value {
                CellValue::Number(number) => number,
                _ => f64::NAN,
            };
            Values::Numbers(cells.map(number).collect())
        }
        ColumnKind::Date => {
            let day = |value| match value {
                CellValue::Day(day) => Some(day),
                _ => None,
            };
            Values::Days(cells.map(day).collect())
        }
        ColumnKind::Category => {
            let word = |value| match value {
                CellValue::Category(word) => Some(word),
                _ => None,
            };
            let (codes, levels) = encode(cells.map(word));
            Values::Codes { codes, levels }
        }
    }
}

/// Numbers the groups of rows; a missing group is one of its own.
pub(crate) fn groups(sheet: &Sheet, column: usize, rows: &[usize]) -> Vec<u32> {
    let texts = rows.iter().map(|row| {
        let text = sheet.cell(*row, column).trim();
        (!cell::is_missing(text)).then_some(text)
    });
    let (mut codes, levels) = encode(texts);
    let mut next = u32::try_from(levels.len()).unwrap_or(MISSING_CODE);
    for code in codes.iter_mut().filter(|code| **code == MISSING_CODE) {
        *code = next;
        next = next.saturating_add(1);
    }
    codes
}

/// Texts as indices into the different ones, in order of appearance.
fn encode<'a>(texts: impl Iterator<Item = Option<&'a str>>) -> (Vec<u32>, Vec<String>) {
    let mut places: HashMap<&str, u32> = HashMap::new();
    let mut levels = Vec::new();
    let codes = texts
        .map(|text| {
            let Some(text) = text else {
                return MISSING_CODE;
            };
            *places.entry(text).or_insert_with(|| {
                levels.push(text.to_owned());
                // The sheet has fewer than u32::MAX rows, so the place of the level fits.
                u32::try_from(levels.len() - 1).unwrap_or(MISSING_CODE)
            })
        })
        .collect();
    (codes, levels)
}
