//! Passwords: which are taken, how they are hashed, when a hash is out of date. Deliberately no rules
//! about kinds of characters: length and not being guessable are what counts.

use std::{collections::HashSet, sync::LazyLock};

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{SaltString, rand_core::OsRng},
};
use platform::config::Argon2Cost;

use crate::Error;

/// Fewest characters of a password.
pub const MIN: usize = 12;
/// Most characters of a password; more is an attack on the hash.
pub const MAX: usize = 200;
/// Fewer different characters than this are a pattern.
const FEWEST_DIFFERENT: usize = 5;

/// Words that common passwords are made of, one or two of them with digits and signs around.
static COMMON: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    include_str!("common_passwords.txt")
        .split_whitespace()
        .collect()
});

/// Rows of keys and of counting; a password that only walks along them is none.
const WALKS: [&str; 7] = [
    "qwertyuiop",
    "qwertzuiop",
    "asdfghjkl",
    "zxcvbnm",
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm",
];

/// Judges a new password of somebody with this address.
///
/// # Errors
/// `Password` where it is too short or too long, `GuessablePassword` where guessers try it early.
pub fn check(password: &str, email: &str) -> Result<(), Error> {
    let length = password.chars().count();
    if !(MIN..=MAX).contains(&length) {
        return Err(Error::Password { min: MIN, max: MAX });
    }
    let lower = password.to_lowercase();
    if is_pattern(&lower) || is_common(&lower) || is_personal(&lower, email) {
        return Err(Error::GuessablePassword);
    }
    Ok(())
}

fn is_pattern(lower: &str) -> bool {
    let different: HashSet<char> = lower.chars().collect();
    different.len() < FEWEST_DIFFERENT || is_repeated(lower) || is_walk(lower)
}

/// Whether it is one short piece again and again.
fn is_repeated(text: &str) -> bool {
    let characters: Vec<char> = text.chars().collect();
    (1..=characters.len() / 3).any(|unit| {
        characters
            .iter()
            .zip(&characters[unit..])
            .all(|(a, b)| a == b)
    })
}

/// Whether it is nothing but steps along rows of keys, three characters or more at a time.
fn is_walk(text: &str) -> bool {
    let forwards = WALKS.iter().map(|row| (*row).to_owned());
    let backwards = WALKS.iter().map(|row| row.chars().rev().collect());
    let rows: Vec<String> = forwards.chain(backwards).collect();
    let mut rest = text;
    while !rest.is_empty() {
        let ends = rest.char_indices().map(|(at, c)| at + c.len_utf8());
        let longest = ends
            .filter(|end| rows.iter().any(|row| row.contains(&rest[..*end])))
            .last();
        match longest {
            Some(end) if end >= 3 || end == rest.len() => rest = &rest[end..],
            _ => return false,
        }
    }
    true
}

/// Whether a common word, or two, are all that is left without digits, signs and disguises.
fn is_common(lower: &str) -> bool {
    let core = lower.trim_matches(|c: char| !c.is_alphabetic());
    [lower, core]
        .iter()
        .flat_map(|text| [undisguised(text, 'i'), undisguised(text, 'l')])
        .chain([letters(lower)])
        .any(|word| {
            let is_word = |part: &str| part.is_empty() || COMMON.contains(part);
            let mut cuts = word.char_indices().map(|(at, _)| at);
            !word.is_empty() && cuts.any(|at| is_word(&word[..at]) && is_word(&word[at..]))
        })
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic()).collect()
}

/// Letters that were written as digits and signs, written as letters.
fn undisguised(text: &str, one: char) -> String {
    let plain = text.chars().map(|c| match c {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        other => other,
    });
    letters(&plain.collect::<String>())
}

/// Whether little is left without the name in the address.
fn is_personal(lower: &str, email: &str) -> bool {
    let name = email.split('@').next().unwrap_or_default();
    name.chars().count() >= 4
        && lower
            .replacen(email, "", 1)
            .replace(name, "")
            .chars()
            .count()
            < 8
}

fn hasher(cost: Argon2Cost) -> Result<Argon2<'static>, Error> {
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None)
        .map_err(|error| Error::Hashing(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Hashes a password by argon2id. Slow on purpose: run it off the async threads.
///
/// # Errors
/// Where argon2 does not take the cost.
pub fn hash(cost: Argon2Cost, password: &str) -> Result<String, Error> {
    let salt = SaltString::generate(&mut OsRng);
    hasher(cost)?
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| Error::Hashing(error.to_string()))
}

/// Compares a password with a hash, at the cost that the hash names.
#[must_use]
pub fn matches(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|stored| {
        Argon2::default()
            .verify_password(password.as_bytes(), &stored)
            .is_ok()
    })
}

/// Whether a hash was made at another cost than this.
#[must_use]
pub fn is_stale(cost: Argon2Cost, hash: &str) -> bool {
    let stored = PasswordHash::new(hash).ok();
    let params = stored.and_then(|stored| Params::try_from(&stored).ok());
    params.is_none_or(|params| {
        (params.m_cost(), params.t_cost(), params.p_cost())
            != (cost.memory_kib, cost.passes, cost.lanes)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Argon2Cost = Argon2Cost {
        memory_kib: 64,
        passes: 1,
        lanes: 1,
    };

    #[test]
    fn passwords_match_only_their_own_hash() {
        let hashed = hash(CHEAP, "correct horse 8 battery").unwrap();
        assert!(matches("correct horse 8 battery", &hashed));
        assert!(!matches("correct horse 8 batterz", &hashed));
        assert!(!matches("correct horse 8 battery", "nonsense"));
        assert_ne!(hashed, hash(CHEAP, "correct horse 8 battery").unwrap());
    }

    #[test]
    fn a_hash_of_another_cost_is_stale() {
        let hashed = hash(CHEAP, "correct horse 8 battery").unwrap();
        assert!(!is_stale(CHEAP, &hashed));
        assert!(is_stale(Argon2Cost { passes: 2, ..CHEAP }, &hashed));
        assert!(is_stale(CHEAP, "nonsense"));
    }

    #[test]
    fn the_list_is_long_and_written_as_it_is_compared() {
        assert!(COMMON.len() > 700, "{}", COMMON.len());
        for word in COMMON.iter() {
            assert_eq!(*word, word.to_lowercase());
        }
    }

    #[test]
    fn refuses_what_guessers_try_first() {
        for bad in [
            "short",
            "password1234",
            "Password2024!",
            "P@ssw0rd2024",
            "passwordpassword",
            "Welcome123456",
            "qwertyuiop12345",
            "123456789012",
            "098765432109",
            "1qaz2wsx3edc",
            "aaaaaaaaaaaa",
            "abcabcabcabc",
            "abababababab",
            "!!iloveyou!!2025",
            "dragonmonkey99",
            "Summer2025!!",
            "ada.lovelace99",
            "ada.lovelace@example.com1",
        ] {
            assert!(check(bad, "ada.lovelace@example.com").is_err(), "{bad}");
        }
        assert!(check(&"long ".repeat(50), "a@b.c").is_err());
    }

    #[test]
    fn takes_what_nobody_guesses() {
        for good in [
            "a password of the test",
            "a long enough password",
            "vK9#tq2LmZp4",
            "four tall giraffes dancing",
            "ein pferd frisst keinen gurkensalat",
            "köln-ünter-brücke",
            "0190c0de-4bad-7000-8000-f00dcafe1234",
        ] {
            assert!(check(good, "ada.lovelace@example.com").is_ok(), "{good}");
        }
    }
}
