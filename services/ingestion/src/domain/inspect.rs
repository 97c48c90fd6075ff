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
    /// What every column stands for, as far as that is known.
    pub mapping: Mapping,
    /// What has to be stated before the columns are understood; nothing else is judged then.
    pub missing: Vec<Problem>,
    /// Which rows can be used.
    pub validated: Validated,
    /// What only the caller can answer.
    pub questions: Vec<Question>,
}

/// Why a file cannot be read at all.
#[derive(Debug)]
pub struct Unreadable {
    /// What is wrong.
    pub problem: Problem,
    /// The question that would solve it.
    pub question: Option<Question>,
}

/// A problem that stops the reading of a file altogether.
#[must_use]
pub fn unreadable(error: &ReadError) -> Unreadable {
    // The errors of reading say what is wrong and, behind a colon, what to do.
    let text = error.to_string();
    let (message, suggestion) = text.split_once(": ").unwrap_or((&text, ""));
    let problem = Problem::error(error.rule(), message.to_owned(), suggestion.to_owned());
    let question = question(error).map(|(text, answers)| Question {
        column: String::new(),
        rule: error.rule(),
        text,
        answers,
    });
    Unreadable { problem, question }
}

/// What can be answered, with the answers.
fn question(error: &ReadError) -> Option<(String, Vec<String>)> {
    match error {
        ReadError::AmbiguousEncoding { candidates } => {
            let answer = |candidate: &tabular::EncodingCandidate| {
                format!(
                    "--encoding {} (\"{}\")",
                    candidate.encoding, candidate.example
                )
            };
            let text = "The letters of the file can be read in several ways: which is right?";
            Some((text.to_owned(), candidates.iter().map(answer).collect()))
        }
        ReadError::NoHeader { row, cells } => Some((
            format!(
                "Row {row} holds values ({}): which row names the columns?",
                cells.join(", ")
            ),
            vec![
                "--header-row 0 (none: the columns are called column 1, column 2 and so on)"
                    .to_owned(),
                format!("--header-row {row} (these are names)"),
            ],
        )),
        _ => None,
    }
}

/// Finds out what the columns stand for, as far as that can be told, and what has to be stated.
#[must_use]
pub fn map(sheet: &Sheet, stated: &Stated) -> (Vec<Profile>, Mapping, Vec<Problem>) {
    let profiles = tabular::profile_stated(sheet, &stated.formats);
    let (mapping, missing) = tabular::suggest(sheet, &profiles, stated);
    (profiles, mapping, missing)
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
    let (profiles, mapping, missing) = map(&sheet, stated);
    let rules = Rules {
        today,
        leave_bad_rows_aside: reading.leave_bad_rows_aside,
        allow_any_price: reading.allow_any_price,
        joins_history,
    };
    let validated = tabular::validate(&sheet, &mapping, &profiles, &rules);
    let mut questions = tabular::missing_questions(&missing, &profiles);
    questions.extend(tabular::questions(&mapping, &profiles));
    Inspection {
        sheet,
        profiles,
        mapping,
        missing,
        validated,
        questions,
    }
}

impl Inspection {
    /// Whether the file is accepted.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.missing.is_empty() && self.validated.frame.is_some()
    }

    /// The rows of an accepted file.
    #[must_use]
    pub fn into_content(self) -> Option<(FileContent, tabular::BadRows)> {
        let frame = self.validated.frame.filter(|_| self.missing.is_empty())?;
        let content = FileContent {
            frame,
            sheet: self.sheet,
            mapping: self.mapping,
        };
        Some((content, self.validated.bad_rows))
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
