//! The accepted rows of a quote history, column by column, ready to be learnt from.
//!
//! Deliberately not a data frame library: the columns are read once from a [`Sheet`] and never
//! changed. The raw cells stay in the sheet, reachable by [`Frame::record`].

use std::collections::HashMap;

use crate::cell::{self, CellFormat, CellValue, ColumnKind, Outcome};
use crate::mapping::Field;
use crate::sheet::{Column, Sheet};

/// The code of a missing category.
pub const MISSING_CODE: u32 = u32::MAX;

/// The accepted rows, every list being as long as there are rows.
///
/// Open quotes are among them, for prediction; only decided ones are learnt from.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// How each quote ended.
    pub outcomes: Vec<Outcome>,
    /// Date of the quote in days since 1970-01-01; `None` where dates come from the import.
    pub dates: Option<Vec<i32>>,
    /// Tender of the quote as an index from 0; a quote without one is alone in its own.
    pub groups: Option<Vec<u32>>,
    /// The quoted price in the file's currency unit; always a finite number.
    pub prices: Vec<f64>,
    /// Row in the file, as a spreadsheet numbers it; ascending.
    pub rows: Vec<u32>,
    /// Revision of the quote, higher ones being newer, 0 where none is given; `None` without such a
    /// column.
    pub revisions: Option<Vec<u32>>,
    /// Column of the sheet (from 0) that holds the identifiers; see [`Frame::quote_id`].
    pub quote_id_column: Option<usize>,
    /// Columns of the sheet (from 0) that hold personal data. They are in no [`FrameColumn`], and
    /// whoever stores a row encrypts them apart from the others.
    pub personal: Vec<usize>,
    /// What is learnt from, price and date included; outcome, identifier, revision, group,
    /// personal and ignored columns are not here.
    pub columns: Vec<FrameColumn>,
}

/// A column with its meaning and its typed values.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameColumn {
    /// Header of the column.
    pub name: String,
    /// Its place in the sheet, counted from 0.
    pub column: usize,
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

impl FrameColumn {
    /// The number at a row; `None` where missing, or where the column holds something else.
    pub fn number(&self, row: usize) -> Option<f64> {
        match &self.values {
            Values::Numbers(numbers) => numbers.get(row).copied().filter(|n| !n.is_nan()),
            _ => None,
        }
    }

    /// The category at a row; `None` where missing, or where the column holds something else.
    pub fn text(&self, row: usize) -> Option<&str> {
        match &self.values {
            Values::Codes { codes, levels } => levels
                .get(usize::try_from(*codes.get(row)?).ok()?)
                .map(String::as_str),
            _ => None,
        }
    }

    /// The day at a row, counted from 1970-01-01; `None` where missing, or for other columns.
    pub fn day(&self, row: usize) -> Option<i32> {
        match &self.values {
            Values::Days(days) => days.get(row).copied().flatten(),
            _ => None,
        }
    }

    /// Whether a row has a value.
    pub fn is_filled(&self, row: usize) -> bool {
        match &self.values {
            Values::Numbers(numbers) => numbers.get(row).is_some_and(|number| !number.is_nan()),
            Values::Codes { codes, .. } => codes.get(row).is_some_and(|code| *code != MISSING_CODE),
            Values::Days(days) => days.get(row).is_some_and(Option::is_some),
        }
    }
}

impl Frame {
    /// Number of rows, open quotes included.
    pub fn len(&self) -> usize {
        self.outcomes.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.outcomes.is_empty()
    }

    /// Rows of the frame (from 0) that are won or lost, in order: what is learnt from.
    pub fn decided(&self) -> impl Iterator<Item = usize> {
        let rows = self.outcomes.iter().enumerate();
        rows.filter(|(_, outcome)| **outcome != Outcome::Open)
            .map(|(row, _)| row)
    }

    /// Number of won quotes.
    pub fn won(&self) -> usize {
        self.count(Outcome::Won)
    }

    /// Number of lost quotes.
    pub fn lost(&self) -> usize {
        self.count(Outcome::Lost)
    }

    /// Number of quotes that are not decided yet.
    pub fn open(&self) -> usize {
        self.count(Outcome::Open)
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.outcomes.iter().filter(|o| **o == outcome).count()
    }

    /// The first column of a meaning; price and date are here too, the others that are never
    /// learnt from are not.
    pub fn column_of(&self, field: Field) -> Option<&FrameColumn> {
        self.columns.iter().find(|column| column.field == field)
    }

    /// The number of a field at a row (from 0) of the frame.
    pub fn number(&self, row: usize, field: Field) -> Option<f64> {
        self.column_of(field)?.number(row)
    }

    /// The text of a field at a row (from 0) of the frame; `None` where missing or no category.
    pub fn text(&self, row: usize, field: Field) -> Option<&str> {
        self.column_of(field)?.text(row)
    }

    /// The day of a field at a row (from 0) of the frame, counted from 1970-01-01.
    pub fn day(&self, row: usize, field: Field) -> Option<i32> {
        self.column_of(field)?.day(row)
    }

    /// The identifier of a row (from 0) of the frame, read from the sheet it was made from, so that
    /// no text is kept twice; `None` where missing.
    pub fn quote_id<'a>(&self, sheet: &'a Sheet, row: usize) -> Option<&'a str> {
        let id = sheet.cell(self.sheet_row(sheet, row)?, self.quote_id_column?);
        let id = id.trim();
        (!cell::is_missing(id)).then_some(id)
    }

    /// The revision of a row (from 0) of the frame; 0 where there is none.
    pub fn revision(&self, row: usize) -> u32 {
        let revisions = self.revisions.as_ref();
        revisions
            .and_then(|revisions| revisions.get(row))
            .copied()
            .unwrap_or(0)
    }

    /// Data row (from 0) of the sheet that a row (from 0) of the frame came from.
    pub fn sheet_row(&self, sheet: &Sheet, row: usize) -> Option<usize> {
        sheet.index_of(*self.rows.get(row)?)
    }

    /// Header and raw cell of every column of a row (from 0) of the frame, as they stood in the
    /// sheet it was made from: ignored columns included, personal ones not; empty for a row it does
    /// not have.
    pub fn record<'a>(
        &'a self,
        sheet: &'a Sheet,
        index: usize,
    ) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let row = self.sheet_row(sheet, index);
        row.into_iter().flat_map(|row| {
            let cells = sheet.record(row).enumerate();
            cells
                .filter(|(column, _)| !self.personal.contains(column))
                .map(|(_, cell)| cell)
        })
    }
}

/// Takes the rows of a column that were kept.
pub(crate) fn pick<T: Copy>(all: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter()
        .filter_map(|row| all.get(*row).copied())
        .collect()
}

/// Reads the given rows of a column.
pub(crate) fn values(
    column: &Column,
    rows: &[usize],
    kind: ColumnKind,
    format: &CellFormat,
) -> Values {
    match kind {
        ColumnKind::Number => {
            let numbers = column.map(|text| match cell::read(text, kind, format) {
                CellValue::Number(number) => number,
                _ => f64::NAN,
            });
            Values::Numbers(pick(&numbers, rows))
        }
        ColumnKind::Date => {
            let days = column.map(|text| match cell::read(text, kind, format) {
                CellValue::Day(day) => Some(day),
                _ => None,
            });
            Values::Days(pick(&days, rows))
        }
        ColumnKind::Category => {
            let words = column.map(|text| match cell::read(text, kind, format) {
                CellValue::Category(word) => Some(word),
                _ => None,
            });
            let (codes, levels) = encode(rows.iter().map(|row| words.get(*row).copied().flatten()));
            Values::Codes { codes, levels }
        }
    }
}

/// Numbers the groups of rows; a missing group is one of its own.
pub(crate) fn groups(column: &Column, rows: &[usize]) -> Vec<u32> {
    let texts = rows.iter().map(|row| {
        let text = column.get(*row).trim();
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
