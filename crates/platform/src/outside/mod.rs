//! Events for programs outside: an account of NATS in which they can reach nothing but consumers that were made for them, and
//! those consumers. Deliberately no reading of events, and no word of who they are: whoever keeps their credentials knows.

mod callout;
mod token;

use async_nats::jetstream::{
    ErrorCode,
    consumer::{AckPolicy, DeliverPolicy, pull},
    stream::{ConsumerError, ConsumerErrorKind},
};
use futures::TryStreamExt as _;
use uuid::Uuid;

pub use self::callout::{Login, Pass, serve};
use crate::{
    bus::{Bus, bus_error},
    config::Key,
    error::{Error, Result},
    tail::Start,
};

/// The account of those outside. In the services' own account the reply subject of a permitted request would lead anywhere:
/// the server does not ask whether a client may publish there.
pub const ACCOUNT: &str = "OUTSIDE";

/// Deliveries that may be unacknowledged at once.
const UNACKNOWLEDGED_MAX: i64 = 1000;
/// Requests for messages that may wait at once.
const WAITING_MAX: i64 = 64;

/// The public key of whoever answers for users that are not in nats-server's configuration.
#[must_use]
pub fn issuer(key: &Key) -> String {
    token::signer(key).public_key()
}

/// A request that leaves the account for that of the services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Subject in the services' account.
    pub inside: String,
    /// Subject in the account of those outside.
    pub outside: String,
}

/// All requests that there are; `consumer` is one of the stream, or `*`. They carry a domain of JetStream, since the account has
/// no JetStream of its own and the server says so to whoever names none.
#[must_use]
pub fn requests(domain: &str, stream: &str, consumer: &str) -> [Request; 3] {
    let of = |request: &str| Request {
        inside: format!("$JS.API.CONSUMER.{request}.{stream}.{consumer}"),
        outside: format!("$JS.{domain}.API.CONSUMER.{request}.{stream}.{consumer}"),
    };
    // Messages come with the subject of their acknowledgement, which is the services'.
    let acknowledgement = format!("$JS.ACK.{stream}.{consumer}.>");
    let acknowledgement = Request {
        inside: acknowledgement.clone(),
        outside: acknowledgement,
    };
    [of("INFO"), of("MSG.NEXT"), acknowledgement]
}

/// What the inboxes of a reader begin with.
#[must_use]
pub fn inbox_prefix(reader: &str) -> String {
    format!("_INBOX_{reader}")
}

/// A durable consumer for somebody outside.
#[derive(Debug)]
pub struct Reader<'a> {
    /// Domain whose stream is read.
    pub domain: &'a str,
    /// Name of the consumer.
    pub name: &'a str,
    /// Whose events are read.
    pub tenant: Uuid,
    /// Full names of their messages.
    pub events: Vec<String>,
    /// Where reading begins.
    pub start: Start,
}

impl Bus {
    /// Makes the consumer of a reader.
    ///
    /// # Errors
    /// Where NATS refuses, also because there is one of this name that begins elsewhere.
    pub async fn create_reader(&self, reader: &Reader<'_>) -> Result<()> {
        let tenant = reader.tenant.to_string();
        let subject = |name: &String| self.subjects().event(&tenant, name);
        let deliver_policy = match reader.start {
            Start::Now => DeliverPolicy::New,
            Start::After(position) => reader.start.policy(Some(position))?,
            Start::At(_) => reader.start.policy(None)?,
        };
        self.context()
            .get_stream(self.subjects().stream(reader.domain))
            .await
            .map_err(bus_error)?
            .create_consumer(pull::Config {
                durable_name: Some(reader.name.to_owned()),
                filter_subjects: reader.events.iter().map(subject).collect(),
                deliver_policy,
                ack_policy: AckPolicy::Explicit,
                ack_wait: self.ack_wait(),
                max_ack_pending: UNACKNOWLEDGED_MAX,
                max_waiting: WAITING_MAX,
                ..pull::Config::default()
            })
            .await
            .map_err(bus_error)?;
        Ok(())
    }

    /// Deletes the consumer of a reader, who is given nothing more from then on; it is no error where there is none.
    ///
    /// # Errors
    /// Where NATS refuses.
    pub async fn delete_reader(&self, domain: &str, name: &str) -> Result<()> {
        let stream = self.subjects().stream(domain);
        let deleted = self
            .context()
            .delete_consumer_from_stream(name, &stream)
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(error) if is_missing(&error) => Ok(()),
            Err(error) => Err(bus_error(error)),
        }
    }

    /// The names of all consumers of a domain's stream that begin with a word.
    ///
    /// # Errors
    /// Where NATS refuses.
    pub async fn list_readers(&self, domain: &str, prefix: &str) -> Result<Vec<String>> {
        let stream = self
            .context()
            .get_stream(self.subjects().stream(domain))
            .await
            .map_err(bus_error)?;
        let mut names: Vec<String> = stream
            .consumer_names()
            .try_collect()
            .await
            .map_err(bus_error)?;
        names.retain(|name| name.starts_with(prefix));
        Ok(names)
    }
}

fn is_missing(error: &ConsumerError) -> bool {
    match error.kind() {
        ConsumerErrorKind::JetStream(error) => error.error_code() == ErrorCode::CONSUMER_NOT_FOUND,
        _ => false,
    }
}

/// A key that cannot sign, which no 32 bytes are.
fn cannot_sign(error: impl std::fmt::Display) -> Error {
    Error::Bus(format!("what admits users cannot be signed: {error}"))
}
