//! Collects what the rules find: keeps the first of each severity, counts every one.
//!
//! Deliberately no rule itself.

use std::collections::BTreeMap;

use super::bad_rows::{BadRows, Quarantine, Sentence};
use crate::problem::{MAX_PROBLEMS, Problem, Severity};
use crate::sheet::Sheet;

/// What solves every error of a row, said where it was not chosen yet.
const CONSENT: &str = "; or import the other rows without it: --leave-bad-rows-aside";

/// Everything found so far.
pub(super) struct Collector<'a> {
    sheet: &'a Sheet,
    consented: bool,
    wide: Vec<Problem>,
    errors: Vec<Problem>,
    warnings: Vec<Problem>,
    totals: BTreeMap<&'static str, u64>,
    wide_error: bool,
    quarantine: Quarantine,
}

/// What is left when all rules have been checked.
pub(super) struct Found {
    pub(super) errors: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    pub(super) totals: Vec<(&'static str, u64)>,
    pub(super) bad_rows: BadRows,
}

impl<'a> Collector<'a> {
    /// `consented`: whether the caller has bad rows left aside.
    pub(super) fn new(sheet: &'a Sheet, consented: bool) -> Self {
        Self {
            sheet,
            consented,
            wide: Vec::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
            totals: BTreeMap::new(),
            wide_error: false,
            quarantine: Quarantine::new(sheet.row_count()),
        }
    }

    /// Adds what concerns the file or a column.
    pub(super) fn add(&mut self, problem: Problem) {
        self.add_counted(problem, 1);
    }

    /// Adds what concerns the file or a column and stands for `count` cells.
    pub(super) fn add_counted(&mut self, problem: Problem, count: u64) {
        *self.totals.entry(problem.rule).or_default() += count;
        self.wide_error |= problem.severity == Severity::Error;
        if self.wide.len() < MAX_PROBLEMS {
            self.wide.push(problem);
        }
    }

    /// Adds an error of a row: it is bad. `fix` is asked only where the answer is kept.
    pub(super) fn row_error(
        &mut self,
        row: usize,
        column: Option<usize>,
        sentence: Sentence,
        fix: impl FnOnce() -> Option<String>,
    ) {
        *self.totals.entry(sentence.rule).or_default() += 1;
        let kept = self.quarantine.mark(row);
        let shown = self.errors.len() < MAX_PROBLEMS;
        if !kept && !shown {
            return;
        }
        let fix = fix();
        if shown {
            let mut problem = self.place(sentence.error(), row, column);
            if !self.consented {
                problem.suggestion.push_str(CONSENT);
            }
            self.errors.push(problem.with_fix(fix.clone()));
        }
        if kept {
            self.quarantine.keep(row, column, sentence, fix);
        }
    }

    /// Adds a warning of a row, which stays good.
    pub(super) fn row_warning(
        &mut self,
        row: usize,
        column: Option<usize>,
        sentence: &Sentence,
        fix: impl FnOnce() -> Option<String>,
    ) {
        *self.totals.entry(sentence.rule).or_default() += 1;
        if self.warnings.len() < MAX_PROBLEMS {
            let problem = self.place(sentence.warning(), row, column);
            self.warnings.push(problem.with_fix(fix()));
        }
    }

    fn place(&self, problem: Problem, row: usize, column: Option<usize>) -> Problem {
        let file_row = self.sheet.row_numbers.get(row).copied().unwrap_or(0);
        let header = column.and_then(|column| self.sheet.headers.get(column));
        let value = column.map_or("", |column| self.sheet.cell(row, column));
        problem
            .at(file_row, header.map_or("", |header| header))
            .with_value(value)
    }

    /// Whether a row broke a rule so far.
    pub(super) fn is_bad(&self, row: usize) -> bool {
        self.quarantine.is_bad(row)
    }

    /// Whether the file as a whole is refused, whatever its rows say.
    pub(super) fn has_wide_error(&self) -> bool {
        self.wide_error
    }

    /// Whether anything at all blocks.
    pub(super) fn has_errors(&self) -> bool {
        self.wide_error || !self.errors.is_empty()
    }

    pub(super) fn finish(self) -> Found {
        let is_error = |problem: &Problem| problem.severity == Severity::Error;
        let (mut errors, mut warnings): (Vec<_>, Vec<_>) =
            self.wide.into_iter().partition(is_error);
        errors.extend(self.errors);
        warnings.extend(self.warnings);
        errors.truncate(MAX_PROBLEMS);
        warnings.truncate(MAX_PROBLEMS);
        Found {
            errors,
            warnings,
            totals: self.totals.into_iter().collect(),
            bad_rows: self.quarantine.finish(),
        }
    }
}
