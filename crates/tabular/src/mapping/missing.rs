//! What to say of a required field that no column was found for.
//!
//! Deliberately only candidates, the likeliest first: which it is, the user says.

use super::{Field, IMPORT_DATE, Question, names};
use crate::cell::DateOrder;
use crate::problem::Problem;
use crate::profile::Profile;

/// Candidates that are told.
const MAX_TOLD: usize = 12;

/// Values that are told of a candidate.
const VALUES_TOLD: usize = 4;

/// Longest value that is told, in characters.
const VALUE_CHARS: usize = 24;

/// Most different values of a column that may be the outcome.
const MAX_WORDS: u32 = 20;

/// The columns that could be the field, the likeliest first.
fn candidates(field: Field, profiles: &[Profile]) -> Vec<&Profile> {
    let could_be = |profile: &&Profile| match field {
        Field::Outcome => (2..=MAX_WORDS).contains(&profile.distinct),
        Field::Date => profile
            .date_order
            .is_some_and(|order| order != DateOrder::Serial),
        _ => profile.kind == crate::cell::ColumnKind::Number,
    };
    let mut found: Vec<&Profile> = profiles.iter().filter(could_be).collect();
    let score = |profile: &&Profile| -names::score(field, &names::normal(&profile.name));
    // Stable, so that the order of the file decides between equals.
    found.sort_by(|a, b| {
        score(a)
            .total_cmp(&score(b))
            .then(a.distinct.cmp(&b.distinct))
    });
    found.truncate(MAX_TOLD);
    found
}

fn rule(field: Field) -> (&'static str, &'static str) {
    match field {
        Field::Outcome => ("outcome_mapped", "tells which quotes were won"),
        Field::Date => ("date_mapped", "holds the date of the quote"),
        _ => ("price_mapped", "holds the quoted price"),
    }
}

/// Says that a required field has no column, which columns could be it, and what to type.
pub(super) fn problem(field: Field, profiles: &[Profile]) -> Problem {
    let names: Vec<String> = candidates(field, profiles)
        .iter()
        .map(|profile| format!("\"{}\"", profile.name))
        .collect();
    let (rule, what) = rule(field);
    let mut suggestion = format!("say which one: --map {}=COLUMN", field.as_str());
    if !names.is_empty() {
        suggestion.push_str(&format!(", for example one of {}", names.join(", ")));
    }
    if field == Field::Date {
        suggestion.push_str(&format!(
            "; where the file has no dates: --map date={IMPORT_DATE}"
        ));
    }
    Problem::error(rule, format!("no column was found that {what}"), suggestion)
}

/// The same as questions, with the columns that could be meant as answers.
pub fn missing_questions(problems: &[Problem], profiles: &[Profile]) -> Vec<Question> {
    let fields = [Field::Outcome, Field::Price, Field::Date];
    let asked = fields.into_iter().filter(|field| {
        problems
            .iter()
            .any(|problem| problem.rule == rule(*field).0)
    });
    asked.map(|field| question(field, profiles)).collect()
}

fn question(field: Field, profiles: &[Profile]) -> Question {
    let (rule, what) = rule(field);
    let mut answers: Vec<String> = candidates(field, profiles)
        .iter()
        .map(|profile| {
            let option = format!("--map {}=\"{}\"", field.as_str(), profile.name);
            format!("{option} (it holds {})", values(profile))
        })
        .collect();
    if field == Field::Date {
        answers.push(format!(
            "--map date={IMPORT_DATE} (the file has no dates, and today is taken)"
        ));
    }
    Question {
        column: String::new(),
        rule,
        text: format!("Which column {what}?"),
        answers,
    }
}

/// The first values of a column.
fn values(profile: &Profile) -> String {
    let shown = profile.levels.iter().take(VALUES_TOLD).map(|(text, _)| {
        let short: String = text.chars().take(VALUE_CHARS).collect();
        format!("\"{short}\"")
    });
    let shown: Vec<String> = shown.collect();
    if shown.is_empty() {
        return "nothing".to_owned();
    }
    shown.join(", ")
}
