//! The rules of predictions: their ids and times, and what a request may hold. Deliberately no I/O,
//! and no learning: what is below only translates for the learning core.

pub mod advice;
pub mod answer;
pub mod changes;
pub mod comparison;
pub mod contributions;
pub mod difference;
pub mod drift;
pub mod fields;
pub mod messages;
pub mod once;
pub mod outcomes;
pub mod policy;
pub mod portable;
pub mod reach;
pub mod track_record;
pub mod webhooks;

use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};
use proto::prediction::QuoteInput;
use uuid::{ContextV7, Timestamp, Uuid, Version};

use crate::Error;

/// Most quotes of one request.
pub const QUOTES_MAX: usize = 500;
/// Longest name of a quote, in characters.
pub const QUOTE_REF_MAX: usize = 200;

/// Makes the ids of predictions: version 7, so that their order is that of their making.
#[derive(Debug, Clone)]
pub struct Ids(Arc<Mutex<ContextV7>>);

impl Default for Ids {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(ContextV7::new())))
    }
}

impl Ids {
    /// The next id at a time.
    #[must_use]
    pub fn next(&self, now: DateTime<Utc>) -> Uuid {
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        let nanos = now.timestamp_subsec_nanos().min(999_999_999);
        Uuid::new_v7(Timestamp::from_unix(&*self.0, seconds, nanos))
    }
}

/// The millisecond inside an id, which is when the prediction was made; `None` where the id is of
/// another kind, and so not of a prediction.
#[must_use]
pub fn created_at(id: Uuid) -> Option<DateTime<Utc>> {
    if id.get_version() != Some(Version::SortRand) {
        return None;
    }
    let (seconds, nanos) = id.get_timestamp()?.to_unix();
    DateTime::from_timestamp(i64::try_from(seconds).ok()?, nanos)
}

/// Checks how many quotes a request holds, and their names.
///
/// # Errors
/// `QuoteCount`, `QuoteRef` or `NullCharacter`.
pub fn check_quotes(quotes: &[QuoteInput]) -> Result<(), Error> {
    if quotes.is_empty() || quotes.len() > QUOTES_MAX {
        return Err(Error::QuoteCount(quotes.len()));
    }
    let check = |quote: &QuoteInput| {
        let length = quote.quote_ref.chars().count();
        if length > QUOTE_REF_MAX {
            return Err(Error::QuoteRef(length));
        }
        if quote.quote_ref.contains('\0') {
            return Err(Error::NullCharacter("quote_ref".to_owned()));
        }
        Ok(())
    };
    each(quotes, check).map(|_| ())
}

/// Does the same to every quote; where one of several is refused, says which.
///
/// # Errors
/// The first refusal, as `InQuote` where there are several quotes.
pub fn each<T>(
    quotes: &[QuoteInput],
    work: impl Fn(&QuoteInput) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let alone = quotes.len() == 1;
    quotes
        .iter()
        .enumerate()
        .map(|(at, quote)| {
            work(quote).map_err(|problem| match alone {
                true => problem,
                false => Error::InQuote {
                    number: at + 1,
                    problem: Box::new(problem),
                },
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_time_to_the_millisecond() {
        let now = DateTime::from_timestamp(1_790_000_000, 123_456_789).unwrap();
        let id = Ids::default().next(now);
        let told = created_at(id).unwrap();
        assert_eq!(told.timestamp_millis(), now.timestamp_millis());
        assert_eq!(told.timestamp_subsec_nanos(), 123_000_000);
        assert_eq!(created_at(Uuid::nil()), None);
        assert_eq!(created_at(Uuid::new_v4()), None);
    }

    #[test]
    fn ids_of_one_moment_keep_their_order() {
        let now = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let ids = Ids::default();
        let made: Vec<Uuid> = (0..1000).map(|_| ids.next(now)).collect();
        assert!(made.is_sorted());
        assert!(made.iter().all(|id| created_at(*id) == Some(now)));
    }

    #[test]
    fn requests_have_bounds() {
        let quote = |quote_ref: &str| QuoteInput {
            quote_ref: quote_ref.to_owned(),
            ..QuoteInput::default()
        };
        assert!(check_quotes(&[quote("Q-1")]).is_ok());
        assert!(check_quotes(&[]).is_err());
        assert!(check_quotes(&vec![quote(""); QUOTES_MAX + 1]).is_err());
        assert!(check_quotes(&[quote(&"ä".repeat(QUOTE_REF_MAX))]).is_ok());
        let refused = check_quotes(&[quote("a"), quote("b\0")]).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "quote 2: quote_ref holds a null character: remove it"
        );
    }
}
