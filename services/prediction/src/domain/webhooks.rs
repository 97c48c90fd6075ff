//! Rules of webhooks: what an endpoint may be, what it is sent and signed by, and when again. In the manner of Standard
//! Webhooks 1.0. Deliberately no sending: see the commands.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac as _};
use platform::{consumer::Told, wire};
use prost::{Message as _, Name as _};
use proto::{
    prediction::{
        DriftDetected, DriftEnded, OutcomeRecorded, PredictionChanged, PredictionMade,
        WebhookDisabled, WebhookTested,
    },
    training::ModelPromoted,
};
use reqwest::Url;
use serde_json::{Value, json};
use sha2::Sha256;
use uuid::{Builder, Uuid};

use crate::Error;

/// Endpoints of a tenant.
pub const MOST_ENDPOINTS: i64 = 20;
/// Longest description and URL, in characters.
const DESCRIPTION_MAX: usize = 200;
const URL_MAX: usize = 2000;
/// Longest time for which two secrets hold, in hours, and the usual one.
const GRACE_MAX: u32 = 168;
const GRACE_USUAL: u32 = 24;
/// What secrets begin with.
const SECRET_PREFIX: &str = "whsec_";
/// An endpoint of which every attempt failed for so long is disabled.
pub const FAILING_FOR: TimeDelta = TimeDelta::days(5);
/// Deliveries are kept for so long, as streams keep events.
pub const KEPT_FOR: TimeDelta = TimeDelta::days(30);
/// Longest wait that an endpoint can ask for.
const LONGEST_HOLD: TimeDelta = TimeDelta::hours(24);

/// Waits after the first attempt, the second, and so on; after the last of them a delivery has failed.
const SCHEDULE: [TimeDelta; 9] = [
    TimeDelta::seconds(5),
    TimeDelta::minutes(5),
    TimeDelta::minutes(30),
    TimeDelta::hours(2),
    TimeDelta::hours(5),
    TimeDelta::hours(10),
    TimeDelta::hours(14),
    TimeDelta::hours(20),
    TimeDelta::hours(24),
];

/// Full names of the types that an endpoint may ask for.
#[must_use]
pub fn offered() -> [String; 7] {
    [
        PredictionMade::full_name(),
        PredictionChanged::full_name(),
        OutcomeRecorded::full_name(),
        ModelPromoted::full_name(),
        DriftDetected::full_name(),
        DriftEnded::full_name(),
        WebhookDisabled::full_name(),
    ]
}

/// Full names of the types that were asked for, each once and in order.
///
/// # Errors
/// Where there is none, or one that is not offered.
pub fn event_types(asked: &[String]) -> Result<Vec<String>, Error> {
    let offered = offered();
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let known = |asked: &String| {
        let found = offered
            .iter()
            .find(|name| *name == asked || last(name) == *asked);
        found.cloned().ok_or_else(|| {
            let names: Vec<String> = offered.iter().map(|name| last(name)).collect();
            Error::Webhook(format!(
                "{:?} is no type of event that can be sent: choose among {}",
                asked.chars().take(100).collect::<String>(),
                names.join(", ")
            ))
        })
    };
    let mut types = asked.iter().map(known).collect::<Result<Vec<_>, _>>()?;
    types.sort();
    types.dedup();
    if types.is_empty() {
        return Err(Error::Webhook(
            "it names no types of events: name at least one, such as PredictionMade".to_owned(),
        ));
    }
    Ok(types)
}

/// Where deliveries are sent, as it is kept. Whether its address may be reached is judged when it is.
///
/// # Errors
/// Where it is no URL that can be sent to.
pub fn endpoint_url(text: &str, may_be_plain: bool) -> Result<String, Error> {
    let refused = |problem: &str| Err(Error::Webhook(problem.to_owned()));
    if text.chars().count() > URL_MAX {
        return refused("its URL has more than 2000 characters: shorten it");
    }
    let Ok(url) = Url::parse(text.trim()) else {
        return refused("its URL cannot be read: write it like https://hooks.example.com/valutai");
    };
    match url.scheme() {
        "https" => {}
        "http" if may_be_plain => {}
        "http" => {
            return refused(
                "its URL begins with http://: use https://, so that nobody on the way reads or changes what is sent",
            );
        }
        _ => return refused("its URL does not begin with https://: use one that does"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused(
            "its URL holds a user or password: leave them out, and verify the signature instead",
        );
    }
    if url.fragment().is_some() {
        return refused("its URL holds a part behind #, which is never sent: leave it out");
    }
    Ok(url.to_string())
}

/// What an endpoint is called.
///
/// # Errors
/// Where it is too long.
pub fn description(text: &str) -> Result<String, Error> {
    if text.chars().count() > DESCRIPTION_MAX || text.contains('\0') {
        return Err(Error::Webhook(
            "its description has more than 200 characters, or a null character: shorten it"
                .to_owned(),
        ));
    }
    Ok(text.to_owned())
}

/// A threshold for changes; `None` for every change that is told.
///
/// # Errors
/// Where it is no difference of probabilities.
pub fn minimum_change(asked: Option<f64>) -> Result<Option<f64>, Error> {
    match asked {
        None => Ok(None),
        Some(0.0) => Ok(None),
        Some(change) if change > 0.0 && change <= 1.0 => Ok(Some(change)),
        Some(change) => Err(Error::Webhook(format!(
            "a minimum change of {change} is none: send more than 0 up to 1, such as 0.1 for ten points"
        ))),
    }
}

/// For how long two secrets hold.
///
/// # Errors
/// Where it is too long.
pub fn grace(hours: Option<u32>) -> Result<Option<TimeDelta>, Error> {
    match hours.unwrap_or(GRACE_USUAL) {
        0 => Ok(None),
        hours @ 1..=GRACE_MAX => Ok(Some(TimeDelta::hours(hours.into()))),
        hours => Err(Error::Webhook(format!(
            "the secret before cannot hold for {hours} hours more: ask for at most {GRACE_MAX}"
        ))),
    }
}

/// A secret as it is told: what receivers verify by.
#[must_use]
pub fn secret_text(secret: &[u8]) -> String {
    format!("{SECRET_PREFIX}{}", BASE64_STANDARD.encode(secret))
}

/// The header `webhook-signature`: a signature by each secret, as Standard Webhooks 1.0 has it, HMAC-SHA-256 over
/// `id.timestamp.body`.
#[must_use]
pub fn signatures(secrets: &[Vec<u8>], event_id: Uuid, timestamp: i64, body: &str) -> String {
    let by = |secret: &Vec<u8>| {
        let mut mac =
            <Hmac<Sha256>>::new_from_slice(secret).expect("HMAC takes keys of any length");
        mac.update(format!("{event_id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    };
    secrets.iter().map(by).collect::<Vec<_>>().join(" ")
}

/// Whether an endpoint wants an event of a type that it gets.
///
/// # Errors
/// Where the event cannot be read.
pub fn wants(told: &Told, minimum_change: Option<f64>) -> Result<bool, Error> {
    let Some(least) = minimum_change.filter(|_| told.event_type == PredictionChanged::full_name())
    else {
        return Ok(true);
    };
    let event = PredictionChanged::decode(told.body.clone())?;
    let moved = (event.win_probability - event.previous_win_probability).abs();
    // What was asked for as ten points is reached by 0.3 - 0.2.
    Ok(event.grade_crossed || moved >= least - 1e-9)
}

/// What is sent of an event: the JSON format of CloudEvents 1.0, with the event in the canonical JSON of protobuf.
///
/// # Errors
/// Where the event cannot be read.
pub fn body(tenant: Uuid, told: &Told, now: DateTime<Utc>) -> Result<String, Error> {
    let data: Value = wire::to_json(&told.event_type, &told.body)?;
    let domain = told.event_type.split('.').nth(1).unwrap_or_default();
    let time = told.made_at().unwrap_or(now);
    Ok(json!({
        "specversion": "1.0",
        "type": told.event_type,
        "source": format!("valutai/{domain}"),
        "id": told.id,
        "time": time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "subject": tenant,
        "datacontenttype": "application/json",
        "data": data,
    })
    .to_string())
}

/// An event for the test of an endpoint.
#[must_use]
pub fn test_event(webhook_id: Uuid, now: DateTime<Utc>) -> Told {
    let event = WebhookTested {
        webhook_id: webhook_id.to_string(),
        tested_at: Some(wire::timestamp(now)),
    };
    Told {
        id: Uuid::now_v7(),
        event_type: WebhookTested::full_name(),
        body: event.encode_to_vec().into(),
    }
}

/// The id below which events were made before a time.
#[must_use]
pub fn first_id_at(at: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
}

/// One try to deliver.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// When it began.
    pub at: DateTime<Utc>,
    /// `None` where nobody answered.
    pub status: Option<u16>,
    /// Until the answer, or until it was given up.
    pub duration_ms: u32,
    /// The first bytes of the answer.
    pub answer: String,
    /// Why it does not count.
    pub problem: String,
    /// How long the endpoint wants to be left alone.
    pub retry_after: Option<TimeDelta>,
}

impl Attempt {
    /// Whether the event was taken.
    #[must_use]
    pub fn is_delivered(&self) -> bool {
        self.status
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the endpoint wants no event any more.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.status == Some(410)
    }

    /// Until when the endpoint wants no call at all, which it says with 429 or 503.
    #[must_use]
    pub fn held_until(&self) -> Option<DateTime<Utc>> {
        let holds = matches!(self.status, Some(429 | 503));
        let wait = self.retry_after.filter(|_| holds)?;
        Some(self.at + wait.min(LONGEST_HOLD))
    }

    /// As it is kept with the delivery.
    #[must_use]
    pub fn to_value(&self) -> Value {
        json!({
            "at": self.at.timestamp_micros(),
            "status": self.status.unwrap_or(0),
            "duration_ms": self.duration_ms,
            "answer": self.answer,
            "problem": self.problem,
        })
    }
}

/// When a delivery is tried again after so many attempts, the last of which failed now: by the schedule and up to a fifth
/// later, which `jitter` from 0 to 1 chooses, so that what failed together does not come back together; and not before the
/// endpoint wants it. `None` where it was the last.
#[must_use]
pub fn next_attempt(tries: i32, attempt: &Attempt, jitter: f64) -> Option<DateTime<Utc>> {
    let done = usize::try_from(tries).unwrap_or(0).checked_sub(1)?;
    let wait = *SCHEDULE.get(done)?;
    let later = TimeDelta::milliseconds((wait.num_milliseconds() as f64 * jitter / 5.0) as i64);
    let asked = attempt.retry_after.unwrap_or_default().min(LONGEST_HOLD);
    Some(attempt.at + (wait + later).max(asked))
}

/// Reads `Retry-After`: seconds, or a date of HTTP.
#[must_use]
pub fn retry_after(text: &str, now: DateTime<Utc>) -> Option<TimeDelta> {
    let text = text.trim();
    let wait = match text.parse::<u32>() {
        Ok(seconds) => TimeDelta::seconds(seconds.into()),
        Err(_) => DateTime::parse_from_rfc2822(text).ok()?.to_utc() - now,
    };
    Some(wait.max(TimeDelta::zero()))
}

#[cfg(test)]
#[path = "webhooks_tests.rs"]
mod tests;
