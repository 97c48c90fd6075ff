//! Meanings found from names and values where the caller said nothing.
//!
//! Deliberately careful: an outcome is guessed only where the values are outcomes, identifiers
//! never become features, and what stays open is left to the caller with the candidates listed.

use std::collections::HashMap;

use super::given::Draft;
use super::{Field, Stated, names, outcomes, shared, values};
use crate::cell::{
    ColumnKind, Outcome, is_missing, is_open_outcome, is_telling_outcome, parse_outcome, same_word,
};
use crate::profile::{MAX_LEVELS, Profile};
use crate::sheet::Sheet;

/// A guess below this is not made.
const SURE_ENOUGH: f64 = 0.5;

/// From this share of different values on, a column names its rows.
pub(super) const NEAR_UNIQUE: f64 = 0.95;

/// Fields found by name and kind alone, in the order they are given out.
const BY_NAME: [Field; 13] = [
    Field::Price,
    Field::ListPrice,
    Field::Cost,
    Field::Discount,
    Field::Quantity,
    Field::Date,
    Field::ValidUntil,
    Field::Revision,
    Field::Customer,
    Field::Product,
    Field::Region,
    Field::Owner,
    Field::Segment,
];

/// Gives meanings to the columns that have none yet.
pub(super) fn complete(sheet: &Sheet, profiles: &[Profile], stated: &Stated, draft: &mut Draft) {
    let normal: Vec<String> = profiles.iter().map(|p| names::normal(&p.name)).collect();
    values::personal(profiles, &normal, draft);
    outcome(profiles, &normal, stated, draft);
    values::currency(profiles, &normal, draft);
    by_name(profiles, &normal, draft);
    only_date(profiles, draft);
    group(sheet, profiles, &normal, stated, draft);
    identifiers(sheet, profiles, &normal, draft);
}

/// How many won, lost, open and unknown words the values are; the same word in upper and lower case
/// counts once.
fn outcome_words(profile: &Profile, stated: &Stated) -> [usize; 4] {
    let mut counts = [0; 4];
    let mut seen: Vec<String> = Vec::new();
    for (text, _) in &profile.levels {
        let word = text.to_lowercase();
        if seen.contains(&word) {
            continue;
        }
        let said = stated
            .outcome_words
            .iter()
            .find(|(known, _)| same_word(known, text));
        let place = match (said, parse_outcome(text)) {
            (Some((_, Outcome::Won)), _) | (None, Some(true)) => 0,
            (Some((_, Outcome::Lost)), _) | (None, Some(false)) => 1,
            (Some((_, Outcome::Open)), _) => 2,
            (None, None) if is_open_outcome(text) => 2,
            (None, None) => 3,
        };
        counts[place] += 1;
        seen.push(word);
    }
    counts
}

/// How surely a column is the outcome, and why; `None` where it is none.
fn outcome_fit(profile: &Profile, name: &str, stated: &Stated) -> Option<(f64, String)> {
    // A full list may go on, so it says nothing.
    if profile.levels.len() >= MAX_LEVELS || profile.levels.len() < 2 {
        return None;
    }
    let words: Vec<&str> = profile
        .levels
        .iter()
        .map(|(text, _)| text.as_str())
        .collect();
    let telling = words.iter().any(|text| is_telling_outcome(text));
    let by_name = names::score(Field::Outcome, name);
    let reason = format!("its values are {}", words.join(" and "));
    match outcome_words(profile, stated) {
        // Words beat a bare yes and no, which says no of open quotes too.
        [won, lost, _, 0] if won.min(lost) > 0 && telling && by_name > SURE_ENOUGH => {
            Some((0.98, reason))
        }
        [won, lost, _, 0] if won.min(lost) > 0 && telling => Some((0.8, reason)),
        [1, 1, _, 0] if by_name > SURE_ENOUGH => Some((by_name, reason)),
        // The rules say then that the other kind is missing.
        [won, lost, _, 0] if won + lost > 0 && telling && by_name >= 0.85 => Some((0.75, reason)),
        [won, lost, _, unknown]
            if unknown > 0 && won + lost > 0 && telling && by_name > SURE_ENOUGH =>
        {
            Some((
                0.75,
                format!("{reason}, and some are words of winning or losing"),
            ))
        }
        [_, _, _, unknown]
            if (2..=12).contains(&unknown)
                && by_name >= 0.9
                && profile.kind == ColumnKind::Category =>
        {
            Some((
                0.55,
                format!(
                    "named like an outcome; what its words mean has to be said: {}",
                    words.join(", ")
                ),
            ))
        }
        _ => None,
    }
}

fn outcome(profiles: &[Profile], normal: &[String], stated: &Stated, draft: &mut Draft) {
    if !draft.wants(Field::Outcome) {
        return;
    }
    let mut best: Option<(f64, usize, String)> = None;
    for (column, (profile, name)) in profiles.iter().zip(normal).enumerate() {
        if !draft.is_free(column) {
            continue;
        }
        if let Some((confidence, reason)) = outcome_fit(profile, name, stated)
            && confidence > best.as_ref().map_or(SURE_ENOUGH, |(top, _, _)| *top)
        {
            best = Some((confidence, column, reason));
        }
    }
    if let Some((confidence, column, reason)) = best {
        draft.set(column, Field::Outcome, confidence, reason);
    }
}

/// Each column goes for the field its name fits best; each field takes the column that fits best.
fn by_name(profiles: &[Profile], normal: &[String], draft: &mut Draft) {
    let mut best: HashMap<Field, (f64, usize)> = HashMap::new();
    for (column, (profile, name)) in profiles.iter().zip(normal).enumerate() {
        if !draft.is_free(column) {
            continue;
        }
        let mut favourite = (SURE_ENOUGH, None);
        let fits = |field: &Field| values::fit(profile, name, *field);
        for field in BY_NAME.into_iter().filter(fits) {
            let score = names::score(field, name);
            if score > favourite.0 {
                favourite = (score, Some(field));
            }
        }
        if let (score, Some(field)) = favourite {
            let top = best.entry(field).or_insert((score, column));
            if score > top.0 {
                *top = (score, column);
            }
        }
    }
    for field in BY_NAME {
        if let (true, Some((score, column))) = (draft.wants(field), best.get(&field)) {
            let (profile, name) = (profiles.get(*column), normal.get(*column));
            let reason = match (profile, name) {
                (Some(profile), Some(name)) => values::reason(profile, name, field),
                _ => String::new(),
            };
            draft.set(*column, field, *score, reason);
        }
    }
}

fn only_date(profiles: &[Profile], draft: &mut Draft) {
    let mut dates = profiles
        .iter()
        .enumerate()
        .filter(|(column, p)| p.kind == ColumnKind::Date && draft.is_free(*column));
    if let (Some((column, _)), None, true) = (dates.next(), dates.next(), draft.wants(Field::Date))
    {
        let reason = "the only column that holds dates".to_owned();
        draft.set(column, Field::Date, 0.6, reason);
    }
}

/// Looks for the column whose values bundle several rows with one winner each.
fn group(
    sheet: &Sheet,
    profiles: &[Profile],
    normal: &[String],
    stated: &Stated,
    draft: &mut Draft,
) {
    let (true, Some(outcome)) = (draft.wants(Field::Group), draft.column_of(Field::Outcome)) else {
        return;
    };
    let rows = sheet.row_count() as f64;
    let (words, _) = outcomes::read_words(sheet, Some(outcome), stated);
    let mut known: HashMap<&str, bool> = HashMap::new();
    let won: Vec<bool> = (0..sheet.row_count())
        .map(|row| {
            let text = sheet.cell(row, outcome);
            *known
                .entry(text)
                .or_insert_with(|| words.read(text) == Some(Outcome::Won))
        })
        .collect();
    let mut best: Option<(f64, usize, String)> = None;
    for (column, (profile, name)) in profiles.iter().zip(normal).enumerate() {
        let whole = profile.kind == ColumnKind::Category || profile.integers;
        let several = f64::from(profile.distinct) * 1.5 <= rows && profile.distinct >= 5;
        if !draft.is_free(column) || !whole || !several {
            continue;
        }
        let (groups, one_winner, more_winners) = winners(sheet, column, &won);
        let share = one_winner as f64 / groups.max(1) as f64;
        let named = names::score(Field::Group, name) > SURE_ENOUGH;
        let fits = if named {
            share >= 0.8 && more_winners * 20 <= groups
        } else {
            share >= 0.95 && more_winners * 100 <= groups && groups >= 30
        };
        let confidence = if named { 0.9 } else { 0.7 };
        if fits && best.as_ref().is_none_or(|(top, _, _)| confidence > *top) {
            let reason =
                format!("{groups} values with several rows each, and one winner per value");
            best = Some((confidence, column, reason));
        }
    }
    if let Some((confidence, column, reason)) = best {
        draft.set(column, Field::Group, confidence, reason);
    }
}

/// Values of a column, those with exactly one winner, and those with more.
///
/// Stops early, with too many of the last, where the column is plainly no group.
fn winners(sheet: &Sheet, column: usize, won: &[bool]) -> (usize, usize, usize) {
    let mut winners: HashMap<&str, usize> = HashMap::new();
    let mut more = 0;
    for (row, won) in won.iter().enumerate() {
        let key = sheet.cell(row, column).trim();
        if is_missing(key) {
            continue;
        }
        let count = winners.entry(key).or_default();
        *count += usize::from(*won);
        more += usize::from(*won && *count == 2);
        if row > 1000 && more * 4 > winners.len() {
            return (winners.len(), 0, more);
        }
    }
    let one = winners.values().filter(|count| **count == 1).count();
    (winners.len(), one, more)
}

/// Takes out the columns that name their row and say nothing else.
fn identifiers(sheet: &Sheet, profiles: &[Profile], normal: &[String], draft: &mut Draft) {
    for (column, (profile, name)) in profiles.iter().zip(normal).enumerate() {
        if !draft.is_free(column) {
            continue;
        }
        let by_name = names::score(Field::QuoteId, name);
        let unique = f64::from(profile.distinct) >= NEAR_UNIQUE * f64::from(profile.filled)
            && profile.filled >= 10;
        let names_rows = match profile.kind {
            ColumnKind::Category => unique,
            ColumnKind::Number => {
                profile.integers && unique && (names::is_identifier(name) || is_sequence(profile))
            }
            ColumnKind::Date => false,
        };
        if draft.wants(Field::QuoteId) && (by_name > 0.95 || (names_rows && by_name > SURE_ENOUGH))
        {
            let shared = shared::rows(sheet, column, draft.column_of(Field::Revision));
            // A column that is surely the identifier keeps its name, and its doubles are mistakes.
            if shared > 0 && by_name <= 0.95 {
                let reason = shared::reason(&profile.name, shared);
                draft.set(column, Field::Ignored, 0.8, reason);
                continue;
            }
            let reason = "named like the identifier of a quote".to_owned();
            draft.set(column, Field::QuoteId, by_name, reason);
        } else if names_rows {
            let reason = "identifier, different in almost every row".to_owned();
            draft.set(column, Field::Ignored, 0.8, reason);
        }
    }
}

/// Whether whole numbers run on without gaps, as row numbers do.
fn is_sequence(profile: &Profile) -> bool {
    let ends = (profile.min.parse::<f64>(), profile.max.parse::<f64>());
    matches!(ends, (Ok(low), Ok(high)) if high - low + 1.0 == f64::from(profile.distinct))
}
