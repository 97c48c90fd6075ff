//! When a dataset is trained on again without being asked. Deliberately decided only as news of it
//! arrive: a training that waits for days alone waits for the next import.

use chrono::{DateTime, TimeDelta, Utc};
use platform::wire::timestamp;
use proto::training::RetrainingPolicy;

use crate::{
    Error,
    domain::State,
    store::{LastTraining, PolicyRow},
};

/// Most outcomes and days that can be asked for.
const MOST: u32 = 1_000_000;

/// Lets only policies pass that make sense.
///
/// # Errors
/// `Policy`, with what to change.
pub fn check(policy: &RetrainingPolicy) -> Result<(), Error> {
    if !(1..=MOST).contains(&policy.least_new_outcomes) {
        return Err(Error::Policy(
            "least_new_outcomes has to be between 1 and 1000000",
        ));
    }
    // Fits an i32, as it is stored.
    if policy.least_days_between > MOST {
        return Err(Error::Policy("least_days_between has to be 0 to 1000000"));
    }
    Ok(())
}

/// Outcomes that are new since a training.
#[must_use]
pub(crate) fn new_outcomes(row_count: i64, last: Option<&LastTraining>) -> i64 {
    let known = last.and_then(|last| last.row_count).unwrap_or(0);
    (row_count - known).max(0)
}

/// Why a dataset is to be trained on again, in words; `None` where it is not time.
#[must_use]
pub(crate) fn due(
    policy: &PolicyRow,
    row_count: i64,
    last: Option<&LastTraining>,
    now: DateTime<Utc>,
) -> Option<String> {
    let new = new_outcomes(row_count, last);
    if !policy.enabled || new < policy.least_new_outcomes {
        return None;
    }
    if let Some(last) = last {
        let running = matches!(State::of(&last.state), State::Queued | State::Training);
        let rest = TimeDelta::days(policy.least_days_between.into());
        if running || now - last.asked_at < rest {
            return None;
        }
    }
    let plural = if new == 1 { "" } else { "s" };
    Some(format!("{new} new outcome{plural}"))
}

/// A policy as it is told, with how far its dataset is.
#[must_use]
pub(crate) fn message(
    policy: &PolicyRow,
    row_count: i64,
    last: Option<&LastTraining>,
) -> RetrainingPolicy {
    let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
    RetrainingPolicy {
        dataset_id: policy.dataset_id.to_string(),
        enabled: policy.enabled,
        least_new_outcomes: count(policy.least_new_outcomes),
        least_days_between: policy.least_days_between.cast_unsigned(),
        promote_automatically: policy.promote_automatically,
        set_at: Some(timestamp(policy.set_at)),
        set_by: policy.set_by.to_string(),
        new_outcomes: count(new_outcomes(row_count, last)),
        last_trained_at: last.map(|last| timestamp(last.asked_at)),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn policy() -> PolicyRow {
        PolicyRow {
            dataset_id: Uuid::nil(),
            enabled: true,
            least_new_outcomes: 50,
            least_days_between: 7,
            promote_automatically: false,
            set_at: DateTime::UNIX_EPOCH,
            set_by: Uuid::nil(),
        }
    }

    fn last(state: State, row_count: Option<i64>) -> LastTraining {
        LastTraining {
            asked_at: DateTime::UNIX_EPOCH,
            state: state.text().to_owned(),
            row_count,
        }
    }

    #[test]
    fn outcomes_and_days_have_to_be_enough() {
        let later = |days| DateTime::UNIX_EPOCH + TimeDelta::days(days);
        let ready = last(State::Ready, Some(100));
        let due = |rows, last: &LastTraining, days| due(&policy(), rows, Some(last), later(days));
        assert_eq!(due(150, &ready, 7).as_deref(), Some("50 new outcomes"));
        assert_eq!(due(149, &ready, 7), None);
        assert_eq!(due(150, &ready, 6), None);
        assert_eq!(due(20, &ready, 7), None, "an import was taken back");
        assert!(due(150, &last(State::Failed, Some(100)), 7).is_some());
        assert_eq!(due(150, &last(State::Training, Some(100)), 7), None);
        assert_eq!(due(150, &last(State::Queued, None), 7), None);
    }

    #[test]
    fn who_is_off_waits_and_who_never_trained_does_not() {
        let now = DateTime::UNIX_EPOCH;
        assert!(due(&policy(), 50, None, now).is_some());
        let off = PolicyRow {
            enabled: false,
            ..policy()
        };
        assert_eq!(due(&off, 50, None, now), None);
    }

    #[test]
    fn nonsense_is_refused() {
        let policy = |outcomes, days| RetrainingPolicy {
            least_new_outcomes: outcomes,
            least_days_between: days,
            ..RetrainingPolicy::default()
        };
        assert!(check(&policy(1, 0)).is_ok());
        assert!(check(&policy(0, 0)).is_err());
        assert!(check(&policy(1, u32::MAX)).is_err());
    }
}
