//! From the cells of a file to what can be said of it, and to its rows where it is accepted.
//! Deliberately no rule of its own: those are `tabular`'s.

use chrono::NaiveDate;
use tabular::{
    Field, Mapping, Problem, Profile, Question, ReadError, Rules, Sheet, Stated, Validated,
};

use super::{content::FileContent, reading::Reading};

/// Everything that was found in a file.
#[derive(Debug)]
pub struct Inspection {
    /// The cells.
    pub sheet: Sheet,
    /// What the columns hold.
    pub profiles: Vec<Profile>,
    /// What they stand for and which rows can be used; or why that cannot be told.
    pub found: Result<Found, Vec<Problem>>,
}

/// What the columns of a file stand for, and which of its rows can be used.
#[derive(Debug)]
pub struct Found {
    /// What every column stands for.
    pub mapping: Mapping,
    /// Which rows can be used.
    pub validated: Validated,
    /// What only the caller can answer.
    pub questions: Vec<Question>,
}

/// A problem that stops the reading of a file altogether.
#[must_use]
pub fn unreadable(error: &ReadError) -> Problem {
    // The errors of reading say what is wrong and, behind a colon, what to do.
    let text = error.to_string();
    let (message, suggestion) = text.split_once(": ").unwrap_or((&text, ""));
    Problem::error(error.rule(), message.to_owned(), suggestion.to_owned())
}

/// Finds out what the columns stand for, as far as that can be told.
///
/// # Errors
/// What has to be stated before.
pub fn map(sheet: &Sheet, stated: &Stated) -> (Vec<Profile>, Result<Mapping, Vec<Problem>>) {
    let profiles = tabular::profile_stated(sheet, &stated.formats);
    let mapping = tabular::map(sheet, &profiles, stated);
    (profiles, mapping)
}

/// Looks at every cell. Takes seconds for large files: run it off the async threads.
#[must_use]
pub fn inspect(
    sheet: Sheet,
    stated: &Stated,
    reading: &Reading,
    joins_history: bool,
    today: NaiveDate,
) -> Inspection {
    let (profiles, mapping) = map(&sheet, stated);
    let rules = Rules {
        today,
        leave_bad_rows_aside: reading.leave_bad_rows_aside,
        allow_any_price: reading.allow_any_price,
        joins_history,
    };
    let found = mapping.map(|mapping| Found {
        validated: tabular::validate(&sheet, &mapping, &profiles, &rules),
        questions: tabular::questions(&mapping, &profiles),
        mapping,
    });
    Inspection {
        sheet,
        profiles,
        found,
    }
}

impl Inspection {
    /// Whether the file is accepted.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        let found = self.found.as_ref();
        found.is_ok_and(|found| found.validated.frame.is_some())
    }

    /// The rows of an accepted file.
    #[must_use]
    pub fn into_content(self) -> Option<(FileContent, tabular::BadRows)> {
        let found = self.found.ok()?;
        let content = FileContent {
            frame: found.validated.frame?,
            sheet: self.sheet,
            mapping: found.mapping,
        };
        Some((content, found.validated.bad_rows))
    }
}

/// The data rows of a sheet whose quote has an identifier and that leave cells blank, with those
/// identifiers: what an update of known quotes has to look up.
#[must_use]
pub fn blanks(sheet: &Sheet, mapping: &Mapping) -> Vec<(usize, String)> {
    let Some(column) = mapping.column_of(Field::QuoteId) else {
        return Vec::new();
    };
    let blank = |row: usize| {
        (0..sheet.headers.len()).any(|column| sheet.cell(row, column).trim().is_empty())
    };
    (0..sheet.row_count())
        .filter(|row| blank(*row))
        .map(|row| (row, sheet.cell(row, column).trim().to_owned()))
        .filter(|(_, quote_ref)| !tabular::is_missing(quote_ref))
        .collect()
}
