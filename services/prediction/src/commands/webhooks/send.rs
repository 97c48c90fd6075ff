//! One call to an endpoint, with bounds: where to, how long, how much. Deliberately without redirects and without a proxy, and
//! judged by the address that is connected to, so that a name that leads elsewhere the second time gains nothing.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use platform::{config::Networks, error::chain};
use reqwest::{
    Client, Response, Url,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{CONTENT_TYPE, RETRY_AFTER},
    redirect,
};
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::{
    reach::Reach,
    webhooks::{Attempt, retry_after, signatures},
};

/// Longest wait for a connection, and for a whole answer.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);
/// Bytes of an answer that are read.
const ANSWER_BYTES: usize = 1024;
/// The JSON format of a CloudEvent.
const CONTENT: &str = "application/cloudevents+json; charset=utf-8";

/// Calls endpoints.
#[derive(Debug, Clone)]
pub struct Sender {
    secure: Gate,
    plain: Gate,
}

/// A client with what it may reach.
#[derive(Debug, Clone)]
struct Gate {
    client: Client,
    reach: Reach,
}

/// An event on its way.
#[derive(Debug, Clone, Copy)]
pub struct Parcel<'e> {
    pub event_id: Uuid,
    pub body: &'e str,
    pub url: &'e str,
    /// Those that the event is signed by.
    pub secrets: &'e [Vec<u8>],
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
enum CallError {
    #[error("its URL cannot be read")]
    Url,
    #[error("{0} is no address that webhooks may be sent to")]
    NotThere(String),
    #[error("it did not answer within {} seconds", ANSWERED_WITHIN.as_secs())]
    Late,
    #[error("it cannot be reached")]
    Transport(#[source] reqwest::Error),
}

/// Names, as far as they lead to where may be gone.
#[derive(Debug)]
struct Names(Reach);

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let may: Vec<SocketAddr> = found.filter(|at| reach.holds(at.ip())).collect();
            if may.is_empty() {
                return Err(CallError::NotThere(name.as_str().to_owned()).into());
            }
            Ok(Box::new(may.into_iter()) as Addrs)
        })
    }
}

impl Gate {
    fn new(networks: &Networks, is_secure: bool) -> reqwest::Result<Self> {
        let reach = Reach {
            networks: networks.clone(),
            internet: is_secure,
        };
        let client = Client::builder()
            .dns_resolver(Arc::new(Names(reach.clone())))
            .https_only(is_secure)
            .redirect(redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECTED_WITHIN)
            .timeout(ANSWERED_WITHIN)
            .pool_max_idle_per_host(8)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("ValutAI/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client, reach })
    }
}

impl Sender {
    /// Reaches the internet with TLS, and the networks that the operator names with or without.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub fn new(networks: &Networks) -> platform::Result<Self> {
        let failed = |error: reqwest::Error| platform::Error::Setting(chain(&error));
        Ok(Self {
            secure: Gate::new(networks, true).map_err(failed)?,
            plain: Gate::new(networks, false).map_err(failed)?,
        })
    }

    /// Sends an event once.
    pub async fn send(&self, parcel: Parcel<'_>, now: DateTime<Utc>) -> Attempt {
        let begun = Instant::now();
        let mut attempt = Attempt {
            at: now,
            status: None,
            duration_ms: 0,
            answer: String::new(),
            problem: String::new(),
            retry_after: None,
        };
        match self.call(parcel, now).await {
            Ok(response) => read(response, &mut attempt).await,
            Err(error) => attempt.problem = short(&chain(&error)),
        }
        attempt.duration_ms = u32::try_from(begun.elapsed().as_millis()).unwrap_or(u32::MAX);
        attempt
    }

    async fn call(&self, parcel: Parcel<'_>, now: DateTime<Utc>) -> Result<Response, CallError> {
        let url = Url::parse(parcel.url).map_err(|_| CallError::Url)?;
        let gate = match url.scheme() {
            "https" => &self.secure,
            _ => &self.plain,
        };
        // A host that is an address is not resolved.
        let host = url.host_str().unwrap_or_default();
        if let Ok(address) = host.trim_matches(['[', ']']).parse()
            && !gate.reach.holds(address)
        {
            return Err(CallError::NotThere(host.to_owned()));
        }
        let timestamp = now.timestamp();
        let signature = signatures(parcel.secrets, parcel.event_id, timestamp, parcel.body);
        gate.client
            .post(url)
            .header(CONTENT_TYPE, CONTENT)
            .header("webhook-id", parcel.event_id.to_string())
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature)
            .body(parcel.body.to_owned())
            .send()
            .await
            .map_err(|error| match error.is_timeout() {
                true => CallError::Late,
                // The URL may hold what only its owner should know.
                false => CallError::Transport(error.without_url()),
            })
    }
}

/// Takes what an attempt keeps out of an answer, and leaves the rest of it unread.
async fn read(mut response: Response, attempt: &mut Attempt) {
    let status = response.status();
    attempt.status = Some(status.as_u16());
    let header = response.headers().get(RETRY_AFTER);
    let text = header.and_then(|value| value.to_str().ok());
    attempt.retry_after = text.and_then(|text| retry_after(text, attempt.at));
    if !status.is_success() {
        attempt.problem = match status.is_redirection() {
            true => format!("it answered {status}, and redirects are not followed: change its URL"),
            false => format!("it answered {status}"),
        };
    }
    let mut answer = Vec::new();
    while answer.len() < ANSWER_BYTES {
        match response.chunk().await {
            Ok(Some(part)) => answer.extend_from_slice(&part),
            Ok(None) => break,
            // The status has come, which alone counts.
            Err(error) => {
                tracing::debug!(error = %chain(&error.without_url()), "an answer to a webhook broke off");
                break;
            }
        }
    }
    answer.truncate(ANSWER_BYTES);
    attempt.answer = short(&String::from_utf8_lossy(&answer));
}

/// A text that can be kept and shown.
fn short(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\n' { ' ' } else { c };
    text.chars().map(shown).take(ANSWER_BYTES).collect()
}
