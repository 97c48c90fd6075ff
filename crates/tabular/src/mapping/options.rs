//! The texts of the options that answer a question, such as `Date=DMY` and `P.O. received=won`.
//!
//! Deliberately here and not in the command line, so that what is asked and what is understood
//! stay the same.

use super::StatedFormat;
use crate::cell::{DateOrder, Decimal, Outcome};

/// Reads `HEADER=FORMAT`: `DMY`, `MDY`, `YMD` or `SERIAL` for dates, `point` or `comma` for the
/// decimal separator, `missing:WORD` or `present:WORD` for a word that means nothing or something.
/// `None` for anything else.
pub fn parse_format(option: &str) -> Option<(String, StatedFormat)> {
    // A header may hold an equals sign, a word may too; formats cannot.
    let known = |at: usize| {
        let header = option.get(..at)?.trim();
        let format = format_of(option.get(at + 1..)?.trim())?;
        (!header.is_empty()).then(|| (header.to_owned(), format))
    };
    option
        .match_indices('=')
        .rev()
        .find_map(|(at, _)| known(at))
}

fn format_of(text: &str) -> Option<StatedFormat> {
    let mut format = StatedFormat::default();
    if let Some((key, word)) = text.split_once(':') {
        let words = match key.trim().to_lowercase().as_str() {
            "missing" => &mut format.missing,
            "present" => &mut format.present,
            _ => return None,
        };
        words.push(word.trim().to_owned());
        return (!word.trim().is_empty()).then_some(format);
    }
    match text.to_lowercase().as_str() {
        "point" | "." => format.decimal = Some(Decimal::Point),
        "comma" | "," => format.decimal = Some(Decimal::Comma),
        order => format.date = Some(DateOrder::parse(order)?),
    }
    Some(format)
}

/// Reads `WORD=won`, `WORD=lost` or `WORD=open`; `None` for anything else.
pub fn parse_outcome_word(option: &str) -> Option<(String, Outcome)> {
    let (word, outcome) = option.rsplit_once('=')?;
    let outcome = Outcome::parse(outcome)?;
    let word = word.trim();
    (!word.is_empty()).then(|| (word.to_owned(), outcome))
}
