//! Words for "nothing" that may be a category of their own, and words for yes and no.
//!
//! Deliberately per column: "None" under "Competitor" is an answer, under "Phone" it is none.

use crate::cell::{is_dash, is_missing, is_none_word, same_word};

/// A column with more different values than this has no word for nothing as a category.
const MAX_CATEGORIES: usize = 50;

/// The one word of a category column that usually means nothing but is one of its categories: the
/// commonest of such words, in a column of few values, where truly empty cells are rarer.
pub(super) fn present(texts: &[(&str, u32)], markers: &[String]) -> Vec<String> {
    let empty: u32 = texts
        .iter()
        .filter(|(text, _)| text.is_empty())
        .map(|(_, count)| count)
        .sum();
    let others = texts
        .iter()
        .filter(|(text, _)| !is_missing(text) && !is_none_word(text))
        .count();
    let mut spellings: Vec<(&str, u32)> = Vec::new();
    for (text, count) in texts.iter().filter(|(text, _)| may_be_category(text)) {
        match spellings
            .iter_mut()
            .find(|(known, _)| same_word(known, text))
        {
            Some((_, total)) => *total += count,
            None => spellings.push((text, *count)),
        }
    }
    let commonest = spellings
        .into_iter()
        .reduce(|a, b| if b.1 > a.1 { b } else { a });
    let fits = |(word, count): &(&str, u32)| {
        (1..=MAX_CATEGORIES).contains(&others)
            && *count > empty
            && !markers.iter().any(|marker| same_word(marker, word))
    };
    commonest
        .filter(fits)
        .map(|(word, _)| word.to_owned())
        .into_iter()
        .collect()
}

/// Words that are not in the usual list but mean nothing here: `None` where it is no category.
pub(super) fn missing(texts: &[(&str, u32)], present: &[String]) -> Vec<String> {
    let is = |text: &str| is_none_word(text) && !present.iter().any(|word| same_word(word, text));
    let found = texts.iter().find(|(text, _)| is(text));
    found
        .map(|(text, _)| (*text).to_owned())
        .into_iter()
        .collect()
}

/// Whether a word for nothing can be a category at all; `NaN` and `#N/A` never are.
fn may_be_category(text: &str) -> bool {
    const WORDS: [&str; 4] = ["none", "na", "n/a", "n.a."];
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(text)) || is_dash(text)
}

/// Whether a text is a spelling of yes (`true`) or no (`false`).
fn boolean(text: &str) -> Option<bool> {
    const YES: [&str; 17] = [
        "true", "t", "yes", "y", "1", "on", "ja", "j", "wahr", "oui", "o", "vrai", "sí", "si",
        "tak", "enabled", "x",
    ];
    const NO: [&str; 12] = [
        "false", "f", "no", "n", "0", "off", "nein", "falsch", "non", "faux", "nie", "disabled",
    ];
    let word = text.to_lowercase();
    if YES.contains(&word.as_str()) {
        Some(true)
    } else if NO.contains(&word.as_str()) || word == "fałsz" {
        Some(false)
    } else {
        None
    }
}

/// Whether the values are spellings of yes and no, and both occur.
pub(super) fn are_boolean(levels: &[(String, u32)]) -> bool {
    let read: Vec<Option<bool>> = levels.iter().map(|(text, _)| boolean(text)).collect();
    read.len() <= 6
        && read.iter().all(Option::is_some)
        && read.contains(&Some(true))
        && read.contains(&Some(false))
}
