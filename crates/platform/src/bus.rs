//! NATS: the connection, the names of subjects and streams, and publishing with acknowledgement.
//! Deliberately no handling of events: see [`crate::consumer`].

mod subjects;

use std::{path::Path, time::Duration};

use async_nats::{
    Client, ConnectOptions, Event, HeaderMap,
    jetstream::{
        self, ErrorCode,
        publish::PublishAck,
        response::Response,
        stream::{DiscardPolicy, RetentionPolicy, StorageType},
    },
};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use tokio::sync::watch;
use uuid::Uuid;

pub use self::subjects::Subjects;
use crate::{
    address, batch,
    config::{ACK_WAIT, Config, Secret},
    error::{Error, Result},
    patience::waiting_for,
};

/// Messages that are not worth an atomic batch, for which the server makes a folder with files of its own and syncs them,
/// at about the cost of so many messages.
const FEW: usize = 6;
/// Longest wait for an acknowledgement of JetStream: longer than a disk that is busy takes, and about as long as a cluster
/// takes to elect a leader, which never answers what its predecessor was asked.
const ACK_TIMEOUT: Duration = Duration::from_secs(5);

/// A message ready to be published: bytes are moved, never re-encoded.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Subject.
    pub subject: String,
    /// Headers, `Nats-Msg-Id` among them.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// The connection of a process to NATS.
#[derive(Debug, Clone)]
pub struct Bus {
    client: Client,
    context: jetstream::Context,
    subjects: Subjects,
    replicas: usize,
    ack_wait: Duration,
    /// How often the connection was lost.
    losses: watch::Receiver<u64>,
}

impl Bus {
    /// Connects; keeps trying while NATS is away.
    ///
    /// # Errors
    /// Where the address or credentials are refused.
    pub async fn connect(config: &Config, name: &str) -> Result<Self> {
        let authorities = config.nats_ca.as_deref();
        let bus = Self::open(&config.nats_url, authorities, &config.subject_prefix, name).await?;
        Ok(Self {
            replicas: config.stream_replicas,
            ack_wait: config.ack_wait,
            ..bus
        })
    }

    /// Connects without the settings of a service, for an operator; keeps trying while NATS is away.
    ///
    /// # Errors
    /// Where the address or credentials are refused.
    pub async fn open(
        url: &Secret,
        authorities: Option<&Path>,
        subject_prefix: &str,
        name: &str,
    ) -> Result<Self> {
        let addresses = address::nats(url.expose(), authorities)?;
        let address = &addresses[0];
        // The client takes credentials out of an address only where told to.
        let options = match (address.username(), address.password()) {
            (Some(user), password) => ConnectOptions::with_user_and_password(
                decoded(user),
                decoded(password.unwrap_or_default()),
            ),
            (None, _) => ConnectOptions::new(),
        };
        // Said of every server, or those that the first one names would be believed without.
        let options = options.require_tls(address.tls_required());
        let options = match authorities {
            Some(file) => options.add_root_certificates(file.to_owned()),
            None => options,
        };
        let (lost, losses) = watch::channel(0);
        let client = options
            .name(format!("valutai-{name}"))
            // Below the service's own word, which its user alone may hear.
            .custom_inbox_prefix(format!("_INBOX_{name}.{}", Uuid::now_v7().simple()))
            .ping_interval(Duration::from_secs(15))
            .retry_on_initial_connect()
            .max_reconnects(None)
            .reconnect_delay_callback(|attempt| {
                Duration::from_millis(50 << attempt.min(6)).min(Duration::from_secs(3))
            })
            .event_callback(move |event| {
                if matches!(event, Event::Disconnected) {
                    lost.send_modify(|losses| *losses += 1);
                }
                log_connection_event(event)
            })
            .connect(addresses)
            .await
            .map_err(|error| Error::Bus(format!("cannot connect to NATS: {error}")))?;
        // Only a connected client knows the server's limits.
        waiting_for("NATS", client.flush())
            .await
            .map_err(bus_error)?;
        let mut context = jetstream::new(client.clone());
        context.set_timeout(ACK_TIMEOUT);
        Ok(Self {
            client,
            context,
            subjects: Subjects::new(subject_prefix),
            replicas: 1,
            ack_wait: ACK_WAIT,
            losses,
        })
    }

    /// The plain client, for request/reply.
    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    /// The JetStream context, for consumers.
    pub(crate) fn context(&self) -> &jetstream::Context {
        &self.context
    }

    /// How long an event may stay unanswered before it is delivered again.
    pub(crate) fn ack_wait(&self) -> Duration {
        self.ack_wait
    }

    /// Ends when the connection is lost from now on: what was asked before will not be answered.
    pub async fn lost(&self) {
        let mut losses = self.losses.clone();
        losses.mark_unchanged();
        if losses.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The names on this bus.
    #[must_use]
    pub fn subjects(&self) -> &Subjects {
        &self.subjects
    }

    /// Makes a domain's stream where it is missing.
    ///
    /// # Errors
    /// Where NATS refuses.
    pub async fn ensure_stream(&self, domain: &str) -> Result<()> {
        let (name, subject) = (
            self.subjects.stream(domain),
            self.subjects.stream_subjects(domain),
        );
        self.ensure(name, subject).await
    }

    /// Makes the stream of dead letters where it is missing.
    ///
    /// # Errors
    /// Where NATS refuses.
    pub async fn ensure_dead_stream(&self) -> Result<()> {
        let name = self.subjects.dead_stream();
        let subject = format!("{name}.>");
        self.ensure(name, subject).await
    }

    async fn ensure(&self, name: String, subject: String) -> Result<()> {
        let config = jetstream::stream::Config {
            name,
            subjects: vec![subject],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            // Publishers hear a refusal and keep their events; nothing is dropped to make room.
            discard: DiscardPolicy::New,
            max_age: Duration::from_secs(30 * 24 * 3600),
            duplicate_window: Duration::from_secs(5 * 60),
            max_consumers: 10_000,
            num_replicas: self.replicas,
            allow_atomic_publish: true,
            allow_direct: true,
            ..jetstream::stream::Config::default()
        };
        self.context
            .get_or_create_stream(config)
            .await
            .map_err(|error| Error::Bus(format!("the stream cannot be made: {error}")))?;
        Ok(())
    }

    /// Publishes messages of one stream, all or none; falls back to one by one where the server
    /// has seen one of them before.
    ///
    /// # Errors
    /// Where an acknowledgement is missing; messages may or may not have been stored.
    pub async fn publish_all(&self, messages: &[Outgoing]) -> Result<()> {
        if messages.len() <= FEW {
            return self.publish_each(messages).await;
        }
        match self.unless_lost(self.publish_batch(messages)).await? {
            BatchOutcome::Stored => Ok(()),
            BatchOutcome::HasDuplicate => self.publish_each(messages).await,
        }
    }

    /// In order, since later messages may supersede earlier ones.
    async fn publish_each(&self, messages: &[Outgoing]) -> Result<()> {
        for message in messages {
            self.publish(message.clone()).await?;
        }
        Ok(())
    }

    /// Publishes one message and awaits its acknowledgement.
    ///
    /// # Errors
    /// Where it does not come; the message may or may not have been stored.
    pub async fn publish(&self, message: Outgoing) -> Result<()> {
        let acknowledged = async {
            self.context
                .publish_with_headers(message.subject, message.headers, message.body)
                .await
                .map_err(bus_error)?
                .await
                .map_err(bus_error)
        };
        self.unless_lost(acknowledged).await?;
        Ok(())
    }

    /// Gives up at once when the connection is lost, instead of waiting for an answer to its end.
    async fn unless_lost<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            done = work => done,
            () = self.lost() => Err(Error::Bus("the connection to NATS was lost".to_owned())),
        }
    }

    /// ADR-50: every message carries the batch's id and its own number, the last one commits, and
    /// only its reply counts.
    async fn publish_batch(&self, messages: &[Outgoing]) -> Result<BatchOutcome> {
        let batch = Uuid::now_v7().simple().to_string();
        let numbered = |number: usize, message: &Outgoing| {
            let mut headers = message.headers.clone();
            headers.insert("Nats-Batch-Id", batch.as_str());
            headers.insert("Nats-Batch-Sequence", (number + 1).to_string());
            headers
        };
        let (last, first) = messages
            .split_last()
            .ok_or_else(|| Error::Bus("an empty batch cannot be published".to_owned()))?;
        // One after the other: the server refuses a batch whose numbers come out of order.
        for (number, message) in first.iter().enumerate() {
            let headers = numbered(number, message);
            self.client
                .publish_with_headers(message.subject.clone(), headers, message.body.clone())
                .await
                .map_err(bus_error)?;
        }
        let mut headers = numbered(first.len(), last);
        headers.insert("Nats-Batch-Commit", "1");
        let reply = tokio::time::timeout(
            ACK_TIMEOUT,
            self.client
                .request_with_headers(last.subject.clone(), headers, last.body.clone()),
        )
        .await
        .map_err(|_| Error::Bus("JetStream did not acknowledge in time".to_owned()))?
        .map_err(bus_error)?;
        let answer: Response<PublishAck> =
            serde_json::from_slice(&reply.payload).map_err(|error| {
                Error::Bus(format!("JetStream's answer is not understood: {error}"))
            })?;
        match answer {
            Response::Ok(ack) if ack.batch_size == Some(messages.len() as u64) => {
                Ok(BatchOutcome::Stored)
            }
            Response::Ok(ack) => Err(Error::Bus(format!(
                "JetStream stored {:?} of {} messages",
                ack.batch_size,
                messages.len()
            ))),
            Response::Err { error }
                if error.error_code() == ErrorCode::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE =>
            {
                Ok(BatchOutcome::HasDuplicate)
            }
            Response::Err { error } => Err(bus_error(error)),
        }
    }

    /// Hears events of a type from now on, in every process that listens and without memory: for
    /// caches, never for effects.
    ///
    /// # Errors
    /// Where NATS refuses the subscription.
    pub async fn hear<E: prost::Message + prost::Name + Default>(
        &self,
    ) -> Result<impl Stream<Item = (Uuid, E)> + Send + use<E>> {
        let messages = self
            .client
            .subscribe(self.subjects.event_of_all(&E::full_name()))
            .await
            .map_err(bus_error)?;
        let subjects = self.subjects.clone();
        Ok(messages.flat_map(move |message| {
            let carried = batch::unpack(message.headers.as_ref(), &message.payload);
            let tenant = subjects.tenant_of(&message.subject);
            let heard = carried.unwrap_or_default().into_iter();
            stream::iter(heard.filter_map(move |event| tenant.zip(E::decode(event.body).ok())))
        }))
    }

    /// Waits until the server has taken in what this connection subscribed to, which sending alone does not say: it
    /// handles what a connection sends in order, so that any answer, a refusal too, comes after that.
    pub(crate) async fn settle(&self, domain: &str) {
        if let Err(error) = self.context.get_stream(self.subjects.stream(domain)).await {
            tracing::debug!(%error, "asked a domain without a stream");
        }
    }

    /// Sends what is buffered.
    pub async fn flush(&self) {
        if let Err(error) = self.client.flush().await {
            tracing::warn!(%error, "the last messages may not have reached NATS");
        }
    }
}

fn decoded(part: &str) -> String {
    percent_encoding::percent_decode_str(part)
        .decode_utf8_lossy()
        .into_owned()
}

enum BatchOutcome {
    Stored,
    HasDuplicate,
}

pub(crate) fn bus_error(error: impl std::error::Error) -> Error {
    Error::Bus(crate::error::chain(&error))
}

async fn log_connection_event(event: Event) {
    match event {
        Event::Connected => tracing::debug!("connected to NATS"),
        Event::Closed | Event::Draining => tracing::debug!("leaving NATS"),
        Event::Disconnected => tracing::warn!("NATS is away, reconnecting"),
        other => tracing::warn!(event = %other, "NATS"),
    }
}
