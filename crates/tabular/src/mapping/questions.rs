//! What the file leaves open and the user has to say.
//!
//! Deliberately few: only what changes the numbers, dates or outcomes that are learnt from.

use super::{ColumnMapping, Field, Mapping};
use crate::cell::{
    CellFormat, CellValue, ColumnKind, DateOrder, Decimal, NumberFormat, date_of, read,
};
use crate::profile::Profile;

/// Something that only the user can decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Header of the column.
    pub column: String,
    /// The rule it belongs to: `date_order`, `number_format` or `outcome_words`.
    pub rule: &'static str,
    /// The question, in a sentence.
    pub text: String,
    /// The options that answer it, as they are typed, each with an example of its effect.
    pub answers: Vec<String>,
}

/// The open questions of a file, column by column.
///
/// Dates are asked for where several orders read every cell, numbers for price, cost and list price
/// where point and comma both do, outcomes for every word without a meaning.
pub fn questions(mapping: &Mapping, profiles: &[Profile]) -> Vec<Question> {
    let mut questions = Vec::new();
    for (mapped, profile) in mapping.columns.iter().zip(profiles) {
        if mapped.field == Field::Outcome {
            questions.extend(outcome_question(mapping, mapped));
        }
        if !mapped.field.is_learnt_from() {
            continue;
        }
        let (kind, format) = mapped.reading(profile);
        if kind == ColumnKind::Date && profile.date_ambiguous && mapped.date_order.is_none() {
            questions.push(date_question(mapped, profile, &format));
        } else if kind == ColumnKind::Number && profile.number_ambiguous && mapped.field.is_money()
        {
            questions.push(number_question(mapped, profile, &format));
        }
    }
    questions
}

fn outcome_question(mapping: &Mapping, mapped: &ColumnMapping) -> Option<Question> {
    let (first, _) = mapping.unknown_outcomes.first()?;
    let words: Vec<String> = mapping
        .unknown_outcomes
        .iter()
        .map(|(word, count)| format!("\"{word}\" ({count} rows)"))
        .collect();
    let answer = |(word, _): &(String, u32)| {
        ["won", "lost", "open"].map(|outcome| format!("--outcome \"{word}={outcome}\""))
    };
    Some(Question {
        column: mapped.name.clone(),
        rule: "outcome_words",
        text: match words.as_slice() {
            [_] => format!(
                "Does \"{first}\" in column \"{}\" mean won, lost or still open?",
                mapped.name
            ),
            _ => format!(
                "What do these words of column \"{}\" mean, won, lost or still open: {}?",
                mapped.name,
                words.join(", ")
            ),
        },
        answers: mapping.unknown_outcomes.iter().flat_map(answer).collect(),
    })
}

fn date_question(mapped: &ColumnMapping, profile: &Profile, format: &CellFormat) -> Question {
    let reading = |text: &str, order: DateOrder| {
        let format = CellFormat {
            date: Some(order),
            ..format.clone()
        };
        match read(text, ColumnKind::Date, &format) {
            CellValue::Day(day) => date_of(day).map(|date| date.to_string()),
            _ => None,
        }
    };
    let differs = |text: &&str| {
        let mut read = profile
            .date_orders
            .iter()
            .map(|order| reading(text, *order));
        let first = read.next();
        read.any(|other| Some(other) != first)
    };
    let mut texts = profile.levels.iter().map(|(text, _)| text.as_str());
    let example = texts.find(differs).unwrap_or_default();
    let answers = profile.date_orders.iter().map(|order| {
        let date = reading(example, *order).unwrap_or_default();
        format!(
            "--format \"{}={}\" (\"{example}\" is {date})",
            mapped.name,
            order.as_str()
        )
    });
    Question {
        column: mapped.name.clone(),
        rule: "date_order",
        text: format!(
            "Every date of column \"{}\" can be read in more than one order: which is meant?",
            mapped.name
        ),
        answers: answers.collect(),
    }
}

pub(crate) fn number_question(
    mapped: &ColumnMapping,
    profile: &Profile,
    format: &CellFormat,
) -> Question {
    let reading = |text: &str, decimal: Decimal| {
        let format = CellFormat {
            number: NumberFormat { decimal },
            ..format.clone()
        };
        match read(text, ColumnKind::Number, &format) {
            CellValue::Number(number) => number.to_string(),
            _ => String::new(),
        }
    };
    let mut texts = profile.levels.iter().map(|(text, _)| text.as_str());
    let differs = |text: &&str| reading(text, Decimal::Point) != reading(text, Decimal::Comma);
    let example = texts.find(differs).unwrap_or_default();
    let answer = |(decimal, word)| {
        format!(
            "--format \"{}={word}\" (\"{example}\" is {})",
            mapped.name,
            reading(example, decimal)
        )
    };
    Question {
        column: mapped.name.clone(),
        rule: "number_format",
        text: format!(
            "Every number of column \"{}\" can be read with a decimal point and with a decimal comma: which is meant?",
            mapped.name
        ),
        answers: [(Decimal::Point, "point"), (Decimal::Comma, "comma")]
            .map(answer)
            .into(),
    }
}
