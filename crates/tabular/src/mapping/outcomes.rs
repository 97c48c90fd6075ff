//! What the words of the outcome column mean.
//!
//! Deliberately never a guess: words are stated by the caller or stand in the closed lists; the
//! others are listed and asked.

use super::{Mapping, OutcomeWords, Stated, names};
use crate::cell::{
    Outcome, flips, is_missing, is_open_outcome, is_plain_outcome, parse_outcome, same_word,
};
use crate::problem::Problem;
use crate::sheet::Sheet;

/// Most words that are listed as unknown; a column with more is no outcome.
const MAX_UNKNOWN: usize = 50;

impl Outcome {
    /// `won`, `lost` or `open`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Open => "open",
        }
    }

    /// The outcome of a name, ignoring case; `None` for anything else.
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Won, Self::Lost, Self::Open];
        all.into_iter()
            .find(|outcome| same_word(outcome.as_str(), name))
    }
}

impl OutcomeWords {
    /// What a cell of the outcome column means; `None` where it is missing or unknown.
    pub fn read(&self, text: &str) -> Option<Outcome> {
        let found = self.words.iter().find(|(word, _)| same_word(word, text));
        found.map(|(_, outcome)| *outcome)
    }
}

impl Mapping {
    /// The problem with the rule `outcome_words`, where words of the outcome column have no meaning.
    pub fn outcome_problem(&self) -> Option<Problem> {
        let (first, _) = self.unknown_outcomes.first()?;
        let column = self
            .column_of(super::Field::Outcome)
            .and_then(|index| self.columns.get(index));
        let list: Vec<String> = self
            .unknown_outcomes
            .iter()
            .take(10)
            .map(|(word, count)| format!("\"{word}\" ({count})"))
            .collect();
        let more = match self.unknown_outcomes.len() {
            all @ 11.. => format!(" and {} more", all - 10),
            _ => String::new(),
        };
        let message = format!(
            "the outcome must say won, lost or open; it is not known what {}{more} means",
            list.join(", ")
        );
        let advice = format!("say what each means: --outcome \"{first}=won\" (or =lost, =open)");
        let problem = Problem::error("outcome_words", message, advice);
        Some(
            problem
                .at(0, column.map_or("", |column| column.name.as_str()))
                .with_value(first),
        )
    }
}

/// The meaning of one word under a column of the given (normal) name.
fn meaning(word: &str, flipped: bool) -> Option<Outcome> {
    if is_open_outcome(word) {
        return Some(Outcome::Open);
    }
    let won = parse_outcome(word)?;
    Some(if won != (flipped && is_plain_outcome(word)) {
        Outcome::Won
    } else {
        Outcome::Lost
    })
}

/// Every different word of the outcome column with its meaning, and those without one.
pub(super) fn read_words(
    sheet: &Sheet,
    column: Option<usize>,
    stated: &Stated,
) -> (OutcomeWords, Vec<(String, u32)>) {
    let (mut words, mut unknown) = (OutcomeWords::default(), Vec::<(String, u32)>::new());
    let cells = column.and_then(|column| sheet.columns.get(column));
    let header = column.and_then(|column| sheet.headers.get(column));
    let flipped = header.is_some_and(|header| flips(&names::normal(header)));
    let Some(cells) = cells else {
        return (words, unknown);
    };
    for (text, count) in cells.counts() {
        let word = text.trim();
        // The last statement wins, as an answer comes after what was remembered.
        let said = stated
            .outcome_words
            .iter()
            .rev()
            .find(|(known, _)| same_word(known, word));
        let meant = said.map(|(_, outcome)| *outcome);
        if words.read(word).is_some() {
            continue;
        }
        if let Some(outcome) = meant.or_else(|| meaning(word, flipped)) {
            words.words.push((word.to_owned(), outcome));
        } else if let Some((_, total)) =
            unknown.iter_mut().find(|(known, _)| same_word(known, word))
        {
            *total += count;
        } else if !is_missing(word) && unknown.len() < MAX_UNKNOWN {
            unknown.push((word.to_owned(), count));
        }
    }
    (words, unknown)
}
