//! What the columns of a file say about each other.
//!
//! Deliberately only decimal separators and words for nothing; dates are settled by companion
//! columns, in `dates`.

use super::numbers::{DecimalChoice, count_decided};
use super::{Hint, Profile, count_texts, profile_column};
use crate::cell::{ColumnKind, Decimal, same_word};
use crate::sheet::{Native, Sheet};

/// Lets the decided columns of the file decide the undecided ones.
pub(super) fn decimals(
    sheet: &Sheet,
    choices: &[DecimalChoice],
    hints: &mut [Hint<'_>],
    profiles: &mut [Profile],
) {
    let commas = count_decided(choices, Decimal::Comma);
    let points = count_decided(choices, Decimal::Point);
    let columns = choices.iter().zip(&sheet.columns).zip(hints);
    for (profile, ((choice, column), hint)) in profiles.iter_mut().zip(columns) {
        if hint.native != Native::Text {
            continue;
        }
        match choice {
            DecimalChoice::Either { matters: false, .. } if commas > points => {
                hint.decimal = Decimal::Comma;
                profile.format.number.decimal = Decimal::Comma;
            }
            DecimalChoice::Either { .. } if commas > points => {
                hint.decimal = Decimal::Comma;
                *profile = profile_column(&profile.name, &count_texts(column), hint);
            }
            DecimalChoice::Either { differ: true, .. } if commas == points => {
                profile.number_ambiguous = profile.kind == ColumnKind::Number;
            }
            _ => {}
        }
    }
}

/// A word for nothing in columns of numbers and dates is none of the categories elsewhere.
pub(super) fn words(sheet: &Sheet, hints: &[Hint<'_>], profiles: &mut [Profile]) {
    let typed = profiles
        .iter()
        .filter(|profile| profile.kind != ColumnKind::Category);
    let markers: Vec<String> = typed
        .flat_map(|profile| profile.missing_words.clone())
        .collect();
    let is_marker = |word: &String| markers.iter().any(|marker| same_word(marker, word));
    for (profile, (column, hint)) in profiles.iter_mut().zip(sheet.columns.iter().zip(hints)) {
        if profile.kind == ColumnKind::Category && profile.format.present.iter().any(is_marker) {
            let hint = Hint {
                markers: &markers,
                ..hint.clone()
            };
            *profile = profile_column(&profile.name, &count_texts(column), &hint);
        }
    }
}
