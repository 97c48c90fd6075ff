//! The rules about outcomes: what each word says, and that both kinds are there.
//!
//! Deliberately without guesses: an unknown word makes its row bad.

use super::bad_rows::Sentence;
use super::collect::Collector;
use super::{Context, MIN_ROWS, fix};
use crate::cell::{Outcome, is_missing, is_open_outcome, parse_outcome, same_word};
use crate::mapping::{Field, OutcomeWords};
use crate::problem::Problem;

/// From this share of unknown rows on it is the column that is not understood, not some rows.
const MAX_UNKNOWN_SHARE: f64 = 0.2;

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Says(Outcome),
    Missing,
    Unknown,
}

fn word(text: &str, words: &OutcomeWords) -> Word {
    let text = text.trim();
    if words.words.is_empty() {
        return match parse_outcome(text) {
            Some(true) => Word::Says(Outcome::Won),
            Some(false) => Word::Says(Outcome::Lost),
            None if is_open_outcome(text) => Word::Says(Outcome::Open),
            None if is_missing(text) => Word::Missing,
            None => Word::Unknown,
        };
    }
    let lower = text.to_lowercase();
    let mut stated = words.words.iter();
    match stated.find(|(known, _)| known.trim().to_lowercase() == lower) {
        Some((_, outcome)) => Word::Says(*outcome),
        None if is_missing(text) => Word::Missing,
        None => Word::Unknown,
    }
}

/// Reads the outcomes; what stands at bad rows means nothing.
pub(super) fn read(context: &Context<'_>, problems: &mut Collector<'_>) -> Vec<Outcome> {
    let sheet = context.sheet;
    let words = &context.mapping.outcomes;
    let place = context.mapping.column_of(Field::Outcome);
    let Some((place, column)) = place.and_then(|at| Some((at, sheet.columns.get(at)?))) else {
        let message = "no column holds the outcome".to_owned();
        let advice = "say which: --map outcome=COLUMN".to_owned();
        problems.add(Problem::error("outcome_mapped", message, advice));
        return vec![Outcome::Open; sheet.row_count()];
    };
    let read: Vec<Word> = column.map(|text| word(text, words));
    let unknown = read.iter().filter(|word| **word == Word::Unknown).count();
    let list = if unknown > 0 {
        found(context, place)
    } else {
        String::new()
    };
    let lower: Vec<String> = words
        .words
        .iter()
        .map(|(known, _)| known.trim().to_lowercase())
        .collect();
    let known: Vec<&str> = lower.iter().map(String::as_str).collect();
    let mut outcomes = Vec::with_capacity(read.len());
    for (row, word) in read.iter().enumerate() {
        let text = column.get(row);
        let sentence = match word {
            Word::Says(outcome) => {
                outcomes.push(*outcome);
                continue;
            }
            Word::Missing => Sentence::new(
                "outcome_known",
                "the outcome is missing",
                "write won, lost or open, or leave the row out",
            ),
            Word::Unknown => unknown_word(context, text, &list),
        };
        outcomes.push(Outcome::Open);
        let missing = *word == Word::Missing;
        let fix = || {
            if missing {
                None
            } else {
                fix::outcome(text, &known)
            }
        };
        problems.row_error(row, Some(place), sentence, fix);
    }
    if unknown as f64 > MAX_UNKNOWN_SHARE * read.len() as f64 {
        let problem = context.mapping.outcome_problem().unwrap_or_else(|| {
            let message = format!("the outcome must say won, lost or open; found are {list}");
            Problem::error("outcome_words", message, String::new())
        });
        let other = "choose another column: --map outcome=COLUMN";
        let advice = match problem.suggestion.as_str() {
            "" => format!("say what each word means: --outcome \"WORD=won\"; or {other}"),
            said => format!("{said}; or {other}"),
        };
        let message = format!("{unknown} of {} rows: {}", read.len(), problem.message);
        let value = problem.value;
        let problem = Problem::error("outcome_words", message, advice).with_value(&value);
        problems.add_counted(problem.at(0, context.header(place)), 0);
    }
    outcomes
}

/// What is said of a row whose outcome is a word without a meaning.
fn unknown_word(context: &Context<'_>, text: &str, list: &str) -> Sentence {
    let mut unknown = context.mapping.unknown_outcomes.iter();
    let word = unknown.find(|(word, _)| same_word(word, text));
    match word {
        Some((word, count)) => Sentence::new(
            "outcome_words",
            format!(
                "it is not known what \"{word}\" ({count} rows) means; the words of this column are {list}"
            ),
            format!(
                "say what it means: --outcome \"{word}=won\" (or =lost, =open); or write won, lost or open"
            ),
        ),
        None => Sentence::new(
            "outcome_words",
            format!("the outcome must say won, lost or open; found are {list}"),
            "say what the word means: --outcome \"WORD=won\" (or =lost, =open); or write won, lost or open",
        ),
    }
}

/// The words of the column with their counts, the first ten.
fn found(context: &Context<'_>, column: usize) -> String {
    let Some(column) = context.sheet.columns.get(column) else {
        return String::new();
    };
    let counts = column.counts();
    let filled = counts.iter().filter(|(text, _)| !is_missing(text));
    let shown: Vec<String> = filled
        .take(10)
        .map(|(text, count)| {
            let text: String = text.trim().chars().take(40).collect();
            format!("\"{text}\" ({count})")
        })
        .collect();
    shown.join(", ")
}

/// Enough decided rows, and both kinds, among the rows without a problem (won, lost, open).
pub(super) fn check_classes(
    context: &Context<'_>,
    all: &[Outcome],
    [won, lost, open]: [usize; 3],
    problems: &mut Collector<'_>,
) {
    let place = context.mapping.column_of(Field::Outcome);
    let header = place.map_or("", |column| context.header(column));
    let decided = won + lost;
    let joins = context.rules.joins_history;
    if decided < MIN_ROWS && !joins {
        let message = format!(
            "{decided} of {} rows can be learnt from, and at least {MIN_ROWS} are needed",
            context.sheet.row_count()
        );
        let advice = "add older quotes, or correct the rows that cannot be used".to_owned();
        problems.add(Problem::error("rows_minimum", message, advice));
    }
    let lacks = |outcome| !all.contains(&outcome);
    let never = lacks(Outcome::Won) || lacks(Outcome::Lost);
    if (won == 0 || lost == 0) && (never || decided >= MIN_ROWS) && !joins {
        let message = format!("{won} quotes are won and {lost} lost; both kinds are needed");
        let advice =
            "add the quotes of the other kind, or choose another column: --map outcome=COLUMN"
                .to_owned();
        problems.add(Problem::error("both_classes", message, advice).at(0, header));
    }
    if open > 0 {
        let message = format!(
            "{open} rows are not decided yet: they are kept, but nothing is learnt from them"
        );
        let advice = "import the file again once they are decided".to_owned();
        let problem = Problem::warning("outcome_open", message, advice).at(0, header);
        problems.add_counted(problem, open as u64);
    }
}
