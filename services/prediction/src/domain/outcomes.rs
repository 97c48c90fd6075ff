//! What an outcome or an estimate must say before it is recorded, and what recording it means for what is known.
//! Deliberately no SQL, and no scores: `track_record` has those.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use platform::wire::datetime;
use proto::prediction::{
    Estimate, FieldValue, OutcomeInput, QuoteOutcome, RecordEffect, field_value::Value,
};

use super::QUOTE_REF_MAX;
use crate::Error;

/// Most outcomes or estimates of one request.
pub const RECORDS_MAX: usize = 500;
/// Most fields of a decided quote.
const FINAL_FIELDS_MAX: usize = 500;
/// What a person may estimate: 0 and 1 would cost infinitely much where they are wrong.
const ESTIMATES: std::ops::RangeInclusive<f64> = 0.01..=0.99;

/// An outcome to record.
#[derive(Debug, Clone, PartialEq)]
pub struct NewOutcome {
    /// Name of the quote.
    pub quote_ref: String,
    /// How it ended.
    pub state: QuoteOutcome,
    /// When it was decided, where that was said.
    pub decided_at: Option<DateTime<Utc>>,
    /// When that it was decided became known, which counts where nothing else was said.
    pub known_at: DateTime<Utc>,
    /// What the quote was like then, as far as that was said.
    pub final_fields: HashMap<String, FieldValue>,
}

/// The word under which a state is kept and told.
#[must_use]
pub fn state_word(state: QuoteOutcome) -> &'static str {
    match state {
        QuoteOutcome::Won => "won",
        QuoteOutcome::Lost => "lost",
        QuoteOutcome::Withdrawn | QuoteOutcome::Unspecified => "withdrawn",
    }
}

/// The state that a word means.
#[must_use]
pub fn state_of(word: &str) -> QuoteOutcome {
    match word {
        "won" => QuoteOutcome::Won,
        "lost" => QuoteOutcome::Lost,
        _ => QuoteOutcome::Withdrawn,
    }
}

/// What the cell of an outcome column says: won, lost, or nothing yet (`None`).
///
/// # Errors
/// Where the word means none of it.
pub fn read_outcome(text: &str) -> Result<Option<bool>, Error> {
    if tabular::cell::is_missing(text) || tabular::is_open_outcome(text) {
        return Ok(None);
    }
    tabular::parse_outcome(text).map(Some).ok_or_else(|| {
        let shown: String = text.chars().take(80).collect();
        Error::Outcome(format!(
            "\"{shown}\" is neither won nor lost: write \"won\", \"lost\", or leave the cell empty"
        ))
    })
}

/// Checks outcomes, each of another quote.
///
/// # Errors
/// With the number of the first that cannot be recorded.
pub fn check_outcomes(
    told: Vec<OutcomeInput>,
    now: DateTime<Utc>,
) -> Result<Vec<NewOutcome>, Error> {
    check_count(told.len())?;
    let mut seen = HashSet::new();
    let mut checked = Vec::with_capacity(told.len());
    for (index, input) in told.into_iter().enumerate() {
        let outcome = check_outcome(input, now).map_err(|problem| Error::InRecord {
            number: index + 1,
            problem: Box::new(problem),
        })?;
        if !seen.insert(outcome.quote_ref.clone()) {
            return Err(Error::Outcome(format!(
                "the quote \"{}\" is in the request twice: send one outcome of each",
                outcome.quote_ref
            )));
        }
        checked.push(outcome);
    }
    Ok(checked)
}

fn check_count(count: usize) -> Result<(), Error> {
    if (1..=RECORDS_MAX).contains(&count) {
        Ok(())
    } else {
        Err(Error::RecordCount(count))
    }
}

/// Checks the outcome of one quote.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn check_outcome(input: OutcomeInput, now: DateTime<Utc>) -> Result<NewOutcome, Error> {
    check_quote_ref(&input.quote_ref)?;
    let state = input.outcome();
    if state == QuoteOutcome::Unspecified {
        return Err(Error::Outcome(
            "it does not say how the quote ended: send won, lost or withdrawn".to_owned(),
        ));
    }
    let decided_at = match &input.decided_at {
        None => None,
        Some(at) => Some(datetime(at).ok_or_else(|| {
            Error::Outcome("decided_at is no time: send seconds since 1970".to_owned())
        })?),
    };
    if decided_at.is_some_and(|at| at > now) {
        return Err(Error::Outcome(
            "decided_at is in the future: send when the quote was decided, or leave it out"
                .to_owned(),
        ));
    }
    if input.final_fields.len() > FINAL_FIELDS_MAX {
        return Err(Error::Outcome(format!(
            "final_fields has {} fields: send at most {FINAL_FIELDS_MAX}",
            input.final_fields.len()
        )));
    }
    let text = |text: String| FieldValue {
        value: Some(Value::Text(text)),
    };
    Ok(NewOutcome {
        quote_ref: input.quote_ref,
        state,
        decided_at,
        known_at: now,
        final_fields: input
            .final_fields
            .into_iter()
            .map(|(name, value)| (name, text(value)))
            .collect(),
    })
}

/// Refuses names by which a quote cannot be found.
///
/// # Errors
/// What to do instead, in a sentence.
pub fn check_quote_ref(quote_ref: &str) -> Result<(), Error> {
    if quote_ref.is_empty() {
        return Err(Error::NoQuoteRef);
    }
    let characters = quote_ref.chars().count();
    if characters > QUOTE_REF_MAX {
        return Err(Error::QuoteRef(characters));
    }
    if quote_ref.contains('\0') {
        return Err(Error::NullCharacter("quote_ref".to_owned()));
    }
    Ok(())
}

/// Checks estimates.
///
/// # Errors
/// With the number of the first that cannot be stored.
pub fn check_estimates(told: &[Estimate]) -> Result<(), Error> {
    check_count(told.len())?;
    for (index, estimate) in told.iter().enumerate() {
        let problem = match check_quote_ref(&estimate.quote_ref) {
            Err(problem) => problem,
            Ok(()) if !ESTIMATES.contains(&estimate.win_probability) => {
                Error::Estimate(estimate.win_probability)
            }
            Ok(()) => continue,
        };
        return Err(Error::InRecord {
            number: index + 1,
            problem: Box::new(problem),
        });
    }
    Ok(())
}

/// What is known of a quote's end.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// How it ended.
    pub state: QuoteOutcome,
    /// When it was decided.
    pub decided_at: DateTime<Utc>,
    /// How often something was recorded.
    pub version: i32,
}

/// What recording an outcome makes of what is known, and which effect that is. A correction that says no time keeps the time
/// of before, so that no prediction of after the decision is counted.
#[must_use]
pub fn recorded(known: Option<&Standing>, new: &NewOutcome) -> (RecordEffect, Standing) {
    let Some(known) = known else {
        let standing = Standing {
            state: new.state,
            decided_at: new.decided_at.unwrap_or(new.known_at),
            version: 1,
        };
        return (RecordEffect::Recorded, standing);
    };
    // A quote that was open again is decided anew.
    let reopened = known.state == QuoteOutcome::Withdrawn && new.state != QuoteOutcome::Withdrawn;
    let usual = if reopened {
        new.known_at
    } else {
        known.decided_at
    };
    let standing = Standing {
        state: new.state,
        decided_at: new.decided_at.unwrap_or(usual),
        version: known.version + 1,
    };
    if standing.state == known.state && standing.decided_at == known.decided_at {
        return (RecordEffect::Unchanged, known.clone());
    }
    (RecordEffect::Corrected, standing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap_or_default()
    }

    fn input(quote_ref: &str, outcome: QuoteOutcome) -> OutcomeInput {
        OutcomeInput {
            quote_ref: quote_ref.to_owned(),
            outcome: outcome as i32,
            ..OutcomeInput::default()
        }
    }

    fn refusal(told: Vec<OutcomeInput>) -> String {
        check_outcomes(told, at(100)).unwrap_err().to_string()
    }

    #[test]
    fn what_cannot_be_recorded_is_refused_with_what_to_do() {
        let won = QuoteOutcome::Won;
        assert!(refusal(vec![]).contains("send 1 to 500"));
        assert!(refusal(vec![input("", won)]).contains("name the quote"));
        assert!(refusal(vec![input(&"x".repeat(201), won)]).contains("201 characters"));
        let none = input("a", QuoteOutcome::Unspecified);
        assert!(refusal(vec![input("b", won), none]).starts_with("number 2: "));
        assert!(refusal(vec![input("a", won), input("a", won)]).contains("twice"));
        let mut future = input("a", won);
        future.decided_at = Some(platform::wire::timestamp(at(101)));
        assert!(refusal(vec![future]).contains("future"));
        let estimate = |quote_ref: &str, win_probability| Estimate {
            quote_ref: quote_ref.to_owned(),
            win_probability,
            ..Estimate::default()
        };
        assert!(check_estimates(&[estimate("a", 0.5)]).is_ok());
        for bad in [0.0, 1.0, f64::NAN] {
            let refusal = check_estimates(&[estimate("a", bad)]).unwrap_err();
            assert!(refusal.to_string().contains("0.01 to 0.99"), "{refusal}");
        }
        assert!(check_estimates(&[estimate("", 0.5)]).is_err());
    }

    #[test]
    fn cells_are_read_as_at_import() {
        assert_eq!(read_outcome("Closed Won").ok(), Some(Some(true)));
        assert_eq!(read_outcome("verloren").ok(), Some(Some(false)));
        assert_eq!(read_outcome("").ok(), Some(None));
        assert_eq!(read_outcome("open").ok(), Some(None));
        assert!(read_outcome("perhaps").is_err());
    }

    #[test]
    fn a_correction_keeps_the_time_and_a_repetition_counts_for_nothing() {
        let new = |state, decided_at, known_at| NewOutcome {
            quote_ref: "a".to_owned(),
            state,
            decided_at,
            known_at: at(known_at),
            final_fields: HashMap::new(),
        };
        let (effect, first) = recorded(None, &new(QuoteOutcome::Won, None, 10));
        assert_eq!((effect, first.decided_at), (RecordEffect::Recorded, at(10)));
        let known = Some(&first);
        let (effect, same) = recorded(known, &new(QuoteOutcome::Won, None, 20));
        assert_eq!((effect, &same), (RecordEffect::Unchanged, &first));
        let (effect, lost) = recorded(known, &new(QuoteOutcome::Lost, None, 20));
        assert_eq!((effect, lost.decided_at), (RecordEffect::Corrected, at(10)));
        assert_eq!(lost.version, 2);
        let (_, gone) = recorded(Some(&lost), &new(QuoteOutcome::Withdrawn, None, 30));
        let (effect, again) = recorded(Some(&gone), &new(QuoteOutcome::Won, None, 40));
        assert_eq!(
            (effect, again.decided_at),
            (RecordEffect::Corrected, at(40))
        );
        let (effect, moved) = recorded(known, &new(QuoteOutcome::Won, Some(at(5)), 50));
        assert_eq!((effect, moved.decided_at), (RecordEffect::Corrected, at(5)));
    }
}
