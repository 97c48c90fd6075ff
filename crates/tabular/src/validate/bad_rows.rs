//! The rows that break a rule, each once with everything that is wrong with it.
//!
//! Deliberately without copies of the cells: they stay in the sheet, and sentences that many cells
//! share are kept once, so that a file of nothing but bad rows costs little.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::problem::Problem;
use crate::sheet::Sheet;

/// How many bad rows are kept with their problems; the others are only counted.
pub const MAX_BAD_ROWS: usize = 100_000;

/// What a rule says of a cell or row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentence {
    /// Stable name of the rule.
    pub rule: &'static str,
    /// What is wrong, in a sentence.
    pub message: Cow<'static, str>,
    /// What to do about it.
    pub suggestion: Cow<'static, str>,
}

impl Sentence {
    pub(super) fn new(
        rule: &'static str,
        message: impl Into<Cow<'static, str>>,
        suggestion: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            rule,
            message: message.into(),
            suggestion: suggestion.into(),
        }
    }

    pub(super) fn error(&self) -> Problem {
        let (message, suggestion) = (self.message.to_string(), self.suggestion.to_string());
        Problem::error(self.rule, message, suggestion)
    }

    pub(super) fn warning(&self) -> Problem {
        let (message, suggestion) = (self.message.to_string(), self.suggestion.to_string());
        Problem::warning(self.rule, message, suggestion)
    }
}

/// One thing that is wrong in a bad row.
#[derive(Debug, Clone, PartialEq, Eq)]
struct BadCell {
    row: u32,
    column: Option<u32>,
    sentence: u32,
    fix: Option<Box<str>>,
}

/// A bad row, with places in the sheet it comes from.
#[derive(Debug, Clone, Copy)]
pub struct BadRow<'a> {
    /// Data row of the sheet, counted from 0.
    pub index: usize,
    cells: &'a [BadCell],
    sentences: &'a [Sentence],
}

impl<'a> BadRow<'a> {
    /// What is wrong: column of the sheet (from 0; `None` for the row as a whole), what the rule
    /// says, and the cell as it should probably read.
    pub fn findings(&self) -> impl Iterator<Item = (Option<usize>, &'a Sentence, Option<&'a str>)> {
        let sentences = self.sentences;
        self.cells.iter().filter_map(move |cell| {
            let column = cell.column.and_then(|column| usize::try_from(column).ok());
            let sentence = sentences.get(usize::try_from(cell.sentence).ok()?)?;
            Some((column, sentence, cell.fix.as_deref()))
        })
    }

    /// The same as problems of a report.
    pub fn problems(&self, sheet: &Sheet) -> Vec<Problem> {
        let file_row = sheet.row_numbers.get(self.index).copied().unwrap_or(0);
        let one = |(column, sentence, fix): (Option<usize>, &Sentence, Option<&str>)| {
            let header = column.and_then(|column| sheet.headers.get(column));
            let value = column.map_or("", |column| sheet.cell(self.index, column));
            let problem = sentence.error().at(file_row, header.map_or("", |h| h));
            problem.with_value(value).with_fix(fix.map(str::to_owned))
        };
        self.findings().map(one).collect()
    }
}

/// Every row that breaks a rule: counted all, kept up to [`MAX_BAD_ROWS`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BadRows {
    total: u64,
    kept: usize,
    cells: Vec<BadCell>,
    sentences: Vec<Sentence>,
}

impl BadRows {
    /// Number of bad rows, kept or not.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Number of rows that [`BadRows::iter`] gives.
    pub fn kept(&self) -> usize {
        self.kept
    }

    /// The kept rows in the order of the file, each once.
    pub fn iter(&self) -> impl Iterator<Item = BadRow<'_>> {
        self.cells
            .chunk_by(|a, b| a.row == b.row)
            .map(|cells| BadRow {
                index: cells.first().map_or(0, |cell| cell.row as usize),
                cells,
                sentences: &self.sentences,
            })
    }
}

/// Bad rows while the rules are being checked.
pub(super) struct Quarantine {
    bad: Vec<bool>,
    kept: Vec<bool>,
    kept_rows: usize,
    cells: Vec<BadCell>,
    sentences: Vec<Sentence>,
    places: HashMap<(&'static str, Cow<'static, str>), u32>,
}

impl Quarantine {
    pub(super) fn new(rows: usize) -> Self {
        Self {
            bad: vec![false; rows],
            kept: vec![false; rows],
            kept_rows: 0,
            cells: Vec::new(),
            sentences: Vec::new(),
            places: HashMap::new(),
        }
    }

    /// Whether a row breaks a rule.
    pub(super) fn is_bad(&self, row: usize) -> bool {
        self.bad.get(row).copied().unwrap_or(true)
    }

    /// Marks a row as bad; whether its problems are kept.
    pub(super) fn mark(&mut self, row: usize) -> bool {
        let (Some(bad), Some(kept)) = (self.bad.get_mut(row), self.kept.get_mut(row)) else {
            return false;
        };
        *bad = true;
        if !*kept && self.kept_rows < MAX_BAD_ROWS {
            *kept = true;
            self.kept_rows += 1;
        }
        *kept
    }

    /// Keeps what is wrong with a row that [`Quarantine::mark`] keeps.
    pub(super) fn keep(
        &mut self,
        row: usize,
        column: Option<usize>,
        sentence: Sentence,
        fix: Option<String>,
    ) {
        let narrow = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let key = (sentence.rule, sentence.message.clone());
        let next = narrow(self.sentences.len());
        let place = *self.places.entry(key).or_insert(next);
        if place == next {
            self.sentences.push(sentence);
        }
        self.cells.push(BadCell {
            row: narrow(row),
            column: column.map(narrow),
            sentence: place,
            fix: fix.map(String::into_boxed_str),
        });
    }

    pub(super) fn finish(mut self) -> BadRows {
        // Stable, so that the problems of a row stay in the order of the rules.
        self.cells.sort_by_key(|cell| cell.row);
        BadRows {
            total: self.bad.iter().filter(|bad| **bad).count() as u64,
            kept: self.kept_rows,
            cells: self.cells,
            sentences: self.sentences,
        }
    }
}
