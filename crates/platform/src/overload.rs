//! Refusals of those who ask too much: RESOURCE_EXHAUSTED with a `google.rpc.RetryInfo`, and the rates
//! that tenants are held to. Deliberately no queue: see [`crate::fair`].

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prost::Message as _;
use tokio::time::Instant;
use tonic::{Code, Status};
use uuid::Uuid;

/// Tenants remembered before those that have been quiet are forgotten.
const MANY: usize = 10_000;

/// `google.rpc.Status`, as far as it is needed.
#[derive(Clone, PartialEq, prost::Message)]
struct RichStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// The refusal of a call that would come too soon.
#[must_use]
pub fn exhausted(message: &str, retry_after: Duration) -> Status {
    let info = RetryInfo {
        retry_delay: prost_types::Duration::try_from(retry_after).ok(),
    };
    let rich = RichStatus {
        code: Code::ResourceExhausted as i32,
        message: message.to_owned(),
        details: vec![prost_types::Any {
            type_url: RETRY_INFO.to_owned(),
            value: info.encode_to_vec(),
        }],
    };
    let details = rich.encode_to_vec().into();
    Status::with_details(Code::ResourceExhausted, message, details)
}

/// How long to wait before asking again; `None` where the status does not say.
#[must_use]
pub fn retry_delay(status: &Status) -> Option<Duration> {
    let rich = RichStatus::decode(status.details()).ok()?;
    let info = rich.details.iter().find(|any| any.type_url == RETRY_INFO)?;
    let info = RetryInfo::decode(info.value.as_slice()).ok()?;
    info.retry_delay?.try_into().ok()
}

/// What each tenant may call, whatever the others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallRate {
    /// Calls a second in the long run; 0 for as many as there are.
    pub per_second: u32,
    /// Calls at once after a pause.
    pub burst: u32,
}

impl Default for CallRate {
    fn default() -> Self {
        Self {
            per_second: 1000,
            burst: 2000,
        }
    }
}

impl CallRate {
    /// No limit.
    pub const NONE: Self = Self {
        per_second: 0,
        burst: 0,
    };
}

/// Holds tenants to a rate, by the generic cell rate algorithm (ITU-T I.371): for each tenant one
/// time, at which it would have had the calls it made if they had come evenly.
#[derive(Debug)]
pub struct RateLimiter {
    rate: CallRate,
    due: Mutex<HashMap<Uuid, Instant>>,
}

impl RateLimiter {
    /// Holds to a rate.
    #[must_use]
    pub fn new(rate: CallRate) -> Self {
        Self {
            rate,
            due: Mutex::default(),
        }
    }

    /// Counts a call of a tenant.
    ///
    /// # Errors
    /// RESOURCE_EXHAUSTED with the time after which it may be made again.
    pub fn check(&self, tenant: Uuid) -> Result<(), Status> {
        if self.rate.per_second == 0 {
            return Ok(());
        }
        self.check_at(tenant, Instant::now()).map_err(|wait| {
            exhausted(
                &format!(
                    "your organisation makes more than {} calls a second: wait {} ms, and send many quotes through one stream instead",
                    self.rate.per_second,
                    wait.as_millis() + 1
                ),
                wait,
            )
        })
    }

    fn check_at(&self, tenant: Uuid, now: Instant) -> Result<(), Duration> {
        let between = Duration::from_secs(1) / self.rate.per_second;
        let ahead = between * self.rate.burst.max(1).saturating_sub(1);
        let mut known = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.retain(|_, due| *due > now);
        }
        let due = known.entry(tenant).or_insert(now);
        let wait = due.saturating_duration_since(now).saturating_sub(ahead);
        if !wait.is_zero() {
            return Err(wait);
        }
        *due = (*due).max(now) + between;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_when_to_come_again() {
        let status = exhausted("too much", Duration::from_millis(1500));
        assert_eq!(status.code(), Code::ResourceExhausted);
        assert_eq!(retry_delay(&status), Some(Duration::from_millis(1500)));
        assert_eq!(retry_delay(&Status::resource_exhausted("")), None);
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_rate() {
        let limiter = RateLimiter::new(CallRate {
            per_second: 10,
            burst: 3,
        });
        let (one, other, start) = (Uuid::nil(), Uuid::max(), Instant::now());
        for _ in 0..3 {
            assert_eq!(limiter.check_at(one, start), Ok(()));
        }
        let wait = Duration::from_millis(100);
        assert_eq!(limiter.check_at(one, start), Err(wait));
        assert_eq!(limiter.check_at(other, start), Ok(()));
        assert_eq!(limiter.check_at(one, start + wait), Ok(()));
        assert_eq!(limiter.check_at(one, start + wait), Err(wait));
        // What was not used in a long pause does not add up beyond the burst.
        let later = start + Duration::from_secs(60);
        for _ in 0..3 {
            assert_eq!(limiter.check_at(one, later), Ok(()));
        }
        assert_eq!(limiter.check_at(one, later), Err(wait));
    }
}
