//! The rules of credentials for NATS: what they read, what they are called, how long a connection lasts. Deliberately no word of
//! where they are kept.

use chrono::{DateTime, TimeDelta, Utc};
use prost::Name as _;
use proto::{
    auth::StreamEvent,
    prediction::{
        DriftDetected, DriftEnded, ModelPromoted, OutcomeRecorded, PredictionChanged,
        PredictionMade,
    },
};

use crate::Error;

/// Domain whose stream is read.
pub const DOMAIN: &str = "prediction";
/// Begins every login, so that their consumers are told from those of services.
pub const LOGIN_PREFIX: &str = "outside-";
/// Marks secrets of these credentials.
pub const SECRET_PREFIX: &str = "vns_";
/// Characters of a secret: the mark, and 32 bytes in base64.
const SECRET_LENGTH: usize = SECRET_PREFIX.len() + 43;
/// Most credentials of an organisation that have not ended: each is a consumer, which every event is compared with.
pub const OPEN_MAX: usize = 20;
/// Longest that a connection lasts. What ends it is no revocation, which deletes the consumer, but that the server keeps none
/// for somebody who could read nothing by it. Not minutes, since some clients take the end for a refusal and give up.
const CONNECTION_MAX: TimeDelta = TimeDelta::hours(1);
/// Subscriptions of a connection: an inbox for replies, and one for each request that waits.
pub const SUBSCRIPTIONS_MAX: u32 = 64;

const ALL: [StreamEvent; 5] = [
    StreamEvent::Made,
    StreamEvent::Changed,
    StreamEvent::Outcome,
    StreamEvent::Drift,
    StreamEvent::Promoted,
];

/// What is to be read, each once and in one order; everything where nothing is named.
#[must_use]
pub fn wanted(named: impl Iterator<Item = StreamEvent>) -> Vec<StreamEvent> {
    let named: Vec<StreamEvent> = named.collect();
    let is_wanted = |event: &StreamEvent| named.contains(event);
    let wanted: Vec<StreamEvent> = ALL.into_iter().filter(is_wanted).collect();
    match wanted.is_empty() {
        true => ALL.to_vec(),
        false => wanted,
    }
}

/// Full names of the messages.
#[must_use]
pub fn messages(events: &[StreamEvent]) -> Vec<String> {
    let of = |event: &StreamEvent| match event {
        StreamEvent::Unspecified => vec![],
        StreamEvent::Made => vec![PredictionMade::full_name()],
        StreamEvent::Changed => vec![PredictionChanged::full_name()],
        StreamEvent::Outcome => vec![OutcomeRecorded::full_name()],
        StreamEvent::Drift => vec![DriftDetected::full_name(), DriftEnded::full_name()],
        StreamEvent::Promoted => vec![ModelPromoted::full_name()],
    };
    events.iter().flat_map(of).collect()
}

/// A login that nobody can guess.
#[must_use]
pub fn new_login() -> String {
    format!("{LOGIN_PREFIX}{:032x}", rand::random::<u128>())
}

/// Whether a secret could be one of ours, so that what cannot costs no look into the database.
#[must_use]
pub fn is_plausible(login: &str, secret: &str) -> bool {
    login.starts_with(LOGIN_PREFIX)
        && secret.starts_with(SECRET_PREFIX)
        && secret.len() == SECRET_LENGTH
}

/// When a connection ends that is made now.
#[must_use]
pub fn connection_end(now: DateTime<Utc>, expires_at: DateTime<Utc>) -> DateTime<Utc> {
    expires_at.min(now + CONNECTION_MAX)
}

/// A time to begin at.
///
/// # Errors
/// `StreamStart` where it is still to come: JetStream would begin at once.
pub fn start_time(at: DateTime<Utc>, now: DateTime<Utc>) -> Result<DateTime<Utc>, Error> {
    match at <= now {
        true => Ok(at),
        false => Err(Error::StreamStart),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_read_unless_something_is_named() {
        assert_eq!(wanted([].into_iter()), ALL);
        let named = [StreamEvent::Drift, StreamEvent::Made, StreamEvent::Drift];
        let some = wanted(named.into_iter());
        assert_eq!(some, [StreamEvent::Made, StreamEvent::Drift]);
        assert_eq!(messages(&some).len(), 3);
        assert!(
            messages(&ALL)
                .iter()
                .all(|name| name.starts_with("valutai.prediction.v1."))
        );
    }

    #[test]
    fn what_cannot_be_a_secret_is_known_as_such() {
        let (login, secret) = (new_login(), crate::domain::new_token(SECRET_PREFIX));
        assert!(is_plausible(&login, &secret));
        assert_ne!(login, new_login());
        for (login, secret) in [
            ("auth", secret.as_str()),
            (&login, ""),
            (&login, &secret[1..]),
            (&login, &crate::domain::new_token("vlt_")),
        ] {
            assert!(!is_plausible(login, secret), "{login} {secret}");
        }
    }

    #[test]
    fn a_connection_ends_with_its_credential_at_the_latest() {
        let now = DateTime::<Utc>::UNIX_EPOCH;
        let soon = now + TimeDelta::minutes(5);
        assert_eq!(connection_end(now, soon), soon);
        assert_eq!(
            connection_end(now, now + TimeDelta::days(9)),
            now + CONNECTION_MAX
        );
        assert!(start_time(soon, now).is_err() && start_time(now, now).is_ok());
    }
}
