//! The auth callout of nats-server: it asks here whom to let in that its configuration does not name. Deliberately bounded: whoever
//! comes while enough are being judged is refused at once, and tries again.

use async_nats::Message;
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, stream::FuturesUnordered};

use super::{cannot_sign, token};
use crate::{
    Clock,
    bus::{Bus, bus_error},
    config::{Key, Secret},
    error::{Result, chain},
    shutdown::Shutdown,
};

const SUBJECT: &str = "$SYS.REQ.USER.AUTH";
/// Replicas share the questions.
const QUEUE: &str = "callout";
/// Questions that are answered at once.
const AT_ONCE: usize = 32;

/// Somebody who wants to be let in.
#[derive(Debug)]
pub struct Login {
    /// Name of the user.
    pub user: String,
    /// What it gave for a password.
    pub password: Secret,
    /// Where it comes from, as the server sees it.
    pub address: String,
}

/// What somebody is let in with.
#[derive(Debug)]
pub struct Pass {
    /// Subjects that it may publish to.
    pub publish: Vec<String>,
    /// Subjects that it may subscribe to.
    pub subscribe: Vec<String>,
    /// Subscriptions at once.
    pub subscriptions_max: u32,
    /// When the server ends the connection, so that it has to ask again.
    pub expires_at: DateTime<Utc>,
}

/// Answers the server's questions until told to stop. What is refused is told to the server's log and not to the client.
///
/// # Errors
/// Where NATS refuses the subscription.
pub async fn serve<D, F>(
    bus: Bus,
    key: &Key,
    clock: Clock,
    decide: D,
    shutdown: Shutdown,
) -> Result<impl Future<Output = ()> + Send + use<D, F>>
where
    D: Fn(Login) -> F + Send + Sync + 'static,
    F: Future<Output = Result<Pass, String>> + Send + 'static,
{
    let subscribed = bus
        .client()
        .queue_subscribe(SUBJECT, QUEUE.to_owned())
        .await;
    let mut questions = subscribed.map_err(bus_error)?;
    let signer = token::signer(key);
    Ok(async move {
        let judge = |message: Message, is_full: bool| {
            let (bus, signer, clock, decide) = (&bus, &signer, &clock, &decide);
            async move {
                let Some(request) = token::read(&message.payload) else {
                    tracing::warn!("a question of nats-server's was not understood");
                    return;
                };
                let outcome = match is_full {
                    true => Err("too many connect at once: try again".to_owned()),
                    false => decide(login(&request)).await,
                };
                let answer = token::answer(signer, &request, &outcome, clock.now());
                let sent = match (answer, message.reply) {
                    (Ok(answer), Some(reply)) => bus
                        .client()
                        .publish(reply, answer.into())
                        .await
                        .map_err(bus_error),
                    (Err(error), _) => Err(error),
                    (Ok(_), None) => Err(cannot_sign("nobody waits for the answer")),
                };
                if let Err(error) = sent {
                    tracing::warn!(error = %chain(&error), "nats-server was not answered");
                }
            }
        };
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                question = questions.next() => match question {
                    Some(message) => {
                        let is_full = running.len() >= AT_ONCE;
                        match is_full {
                            true => judge(message, true).await,
                            false => running.push(judge(message, false)),
                        }
                    }
                    None => break,
                },
                Some(()) = running.next(), if !running.is_empty() => {}
                () = shutdown.cancelled() => break,
            }
        }
        while running.next().await.is_some() {}
    })
}

fn login(request: &token::Request) -> Login {
    Login {
        user: request.connect_opts.user.clone(),
        password: Secret::new(request.connect_opts.pass.as_str()),
        address: request.client_info.host.clone(),
    }
}
