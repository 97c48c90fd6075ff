//! The names that models are asked by. Deliberately any name, two of which mean something: the champion
//! answers by default, and the challenger answers in its shadow.

use platform::page::parse_id;
use uuid::Uuid;

use crate::Error;

/// The model that answers by default.
pub const CHAMPION: &str = "champion";
/// The model that answers in the shadow of the champion.
pub const CHALLENGER: &str = "challenger";

/// Longest name, in characters; an id has 32 at least.
const NAME_MAX: usize = 31;
/// Longest reason, in characters.
const REASON_MAX: usize = 500;

/// What a caller names a model by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// Its id.
    Id(Uuid),
    /// An alias.
    Alias(String),
}

impl Named {
    /// Reads an id or an alias.
    ///
    /// # Errors
    /// Where it can be neither.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Error> {
        if is_alias(text) {
            return Ok(Self::Alias(text.to_owned()));
        }
        Ok(Self::Id(parse_id(field, text)?))
    }
}

/// Whether a text can be an alias; no id can.
#[must_use]
pub fn is_alias(text: &str) -> bool {
    text.len() <= NAME_MAX
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Lets only names pass that may be given to a model.
///
/// # Errors
/// `Alias` for what is no name, `ChampionAlias` for the champion's.
pub fn require_free(name: &str) -> Result<(), Error> {
    if name == CHAMPION {
        return Err(Error::ChampionAlias);
    }
    if !is_alias(name) {
        return Err(Error::Alias(name.chars().take(80).collect()));
    }
    Ok(())
}

/// Lets only reasons pass that can be kept.
///
/// # Errors
/// `Reason`, with its length.
pub fn require_short(reason: &str) -> Result<(), Error> {
    let length = reason.chars().count();
    if length > REASON_MAX {
        return Err(Error::Reason(length));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_are_told_apart() {
        let id = Uuid::now_v7();
        assert_eq!(
            Named::parse("model", &id.to_string()).unwrap(),
            Named::Id(id)
        );
        let alias = Named::Alias("challenger".to_owned());
        assert_eq!(Named::parse("model", "challenger").unwrap(), alias);
        for bad in ["", "Champion", "a b", "7days", "-a", "ä", &"x".repeat(32)] {
            assert!(Named::parse("model", bad).is_err(), "{bad}");
            assert!(matches!(require_free(bad), Err(Error::Alias(_))), "{bad}");
        }
        let simple = "abcdef01234567890123456789012345";
        assert!(matches!(Named::parse("model", simple), Ok(Named::Id(_))));
    }

    #[test]
    fn the_name_of_the_champion_is_not_given_away() {
        assert!(matches!(require_free(CHAMPION), Err(Error::ChampionAlias)));
        assert!(require_free("last-year").is_ok());
    }

    #[test]
    fn long_reasons_are_refused() {
        assert!(require_short(&"ä".repeat(REASON_MAX)).is_ok());
        assert!(matches!(
            require_short(&"a".repeat(501)),
            Err(Error::Reason(501))
        ));
    }
}
