//! Who is calling: tokens resolved by auth and remembered for seconds, and where the call comes
//! from. Deliberately no judgement: the contract says who may call what.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue};
use platform::{Kit, Result, config::Networks, rpc::NatsTransport, shutdown::Shutdown, wire};
use proto::{
    auth::{
        AccessChanged, AuthenticateRequest, AuthenticateResponse, SessionRevoked, auth_nats::Client,
    },
    rpc::{Caller, Context},
};
use sha2::{Digest as _, Sha256};
use tokio::{sync::broadcast, time::Instant};
use tonic::{Status, metadata::MetadataMap};
use uuid::Uuid;

/// More than this and the old ones are swept out.
const MANY: usize = 10_000;
/// Longest a call may take, whatever the client asks for.
const LONGEST_CALL: Duration = Duration::from_secs(300);

/// Most characters kept of what a client says that it is.
const USER_AGENT_MAX: usize = 200;
/// Where the client's address waits for [`Callers::context`]; what a client sends under this name is
/// thrown away.
const CLIENT_ADDRESS: &str = "valutai-client-address";

/// Endings that wait for a watcher; one that falls further behind is judged again.
const ENDINGS_KEPT: usize = 64;

type TokenHash = Vec<u8>;

/// What ended, or may have.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ending {
    Session(TokenHash),
    /// Somebody's role or membership.
    Access,
    /// Nobody would have told.
    Unknown,
}

/// Tells a watcher when its caller should be judged again.
#[derive(Debug)]
pub struct Endings {
    token_hash: TokenHash,
    heard: broadcast::Receiver<Ending>,
}

impl Endings {
    /// Waits until the caller's session ended, somebody's access changed, or that may have been missed.
    pub async fn next(&mut self) {
        loop {
            match self.heard.recv().await {
                Ok(Ending::Session(hash)) if hash != self.token_hash => {}
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => return,
                // The gateway ends.
                Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

/// Resolves callers.
#[derive(Debug, Clone)]
pub struct Callers {
    auth: Client<NatsTransport>,
    known: Arc<Mutex<Cache>>,
    endings: broadcast::Sender<Ending>,
    /// How long a resolved token is believed; a revocation is heard long before.
    memory: Duration,
    proxies: Networks,
    shutdown: Shutdown,
}

#[derive(Debug, Default)]
struct Cache {
    callers: HashMap<TokenHash, Known>,
    /// Counts what was forgotten, so that an answer from before is not remembered after it.
    forgotten: u64,
}

#[derive(Debug, Clone)]
struct Known {
    caller: Caller,
    until: Instant,
}

impl Callers {
    pub fn new(kit: &Kit) -> Self {
        Self {
            auth: Client(kit.transport.clone()),
            known: Arc::default(),
            endings: broadcast::Sender::new(ENDINGS_KEPT),
            memory: kit.config.token_memory,
            proxies: kit.config.trusted_proxies.clone(),
            shutdown: kit.shutdown.clone(),
        }
    }

    /// Forgets callers as soon as auth tells that a session ended or a role changed, and all of them
    /// when the connection over which it would tell is lost.
    pub async fn forget_revoked(self, kit: &Kit) -> Result<impl Future<Output = ()> + use<>> {
        let mut revoked = Box::pin(kit.bus.hear::<SessionRevoked>().await?);
        let mut changed = Box::pin(kit.bus.hear::<AccessChanged>().await?);
        let bus = kit.bus.clone();
        Ok(async move {
            let mut lost = Box::pin(bus.lost());
            loop {
                tokio::select! {
                    heard = revoked.next() => match heard {
                        Some((_, event)) => {
                            self.forget(|hash, _| *hash == event.token_hash);
                            self.tell(Ending::Session(event.token_hash));
                        }
                        None => return,
                    },
                    heard = changed.next() => match heard {
                        Some((tenant, event)) => {
                            let user = Uuid::try_parse(&event.user_id).ok();
                            self.forget(|_, known| {
                                known.caller.tenant_id == tenant
                                    && user.is_none_or(|user| known.caller.user_id == user)
                            });
                            self.tell(Ending::Access);
                        }
                        None => return,
                    },
                    () = &mut lost => {
                        self.forget(|_, _| true);
                        self.tell(Ending::Unknown);
                        lost.set(bus.lost());
                    }
                    () = self.shutdown.cancelled() => return,
                }
            }
        })
    }

    /// Nobody may be listening.
    fn tell(&self, ending: Ending) {
        let _ = self.endings.send(ending);
    }

    /// What ends from now on, as far as it may be about the caller with this token.
    pub fn endings(&self, metadata: &MetadataMap) -> Endings {
        let token = text(metadata, "authorization").and_then(|value| value.strip_prefix("Bearer "));
        Endings {
            token_hash: Sha256::digest(token.unwrap_or_default().as_bytes()).to_vec(),
            heard: self.endings.subscribe(),
        }
    }

    fn forget(&self, which: impl Fn(&TokenHash, &Known) -> bool) {
        let mut cache = self.lock();
        cache.forgotten += 1;
        cache.callers.retain(|hash, known| !which(hash, known));
    }

    /// Notes the client's address where [`Self::context`] finds it: the peer's, or the one that a
    /// trusted proxy names.
    pub fn note_address(&self, headers: &mut HeaderMap, peer: Option<IpAddr>) {
        headers.remove(CLIENT_ADDRESS);
        let forwarded = headers.get_all("x-forwarded-for");
        let named = forwarded.iter().filter_map(|value| value.to_str().ok());
        let Some(address) = peer.map(|peer| client_address(peer, named, &self.proxies)) else {
            return;
        };
        if let Ok(value) = HeaderValue::from_str(&address.to_string()) {
            headers.insert(CLIENT_ADDRESS, value);
        }
    }

    /// What travels beside a call: caller, deadline, request id, idempotency key.
    pub async fn context(&self, metadata: &MetadataMap) -> Result<Context, Status> {
        let request_id = text(metadata, "x-request-id")
            .filter(|id| id.len() <= 64 && id.bytes().all(|b| b.is_ascii_graphic()))
            .map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let patience = text(metadata, "grpc-timeout")
            .and_then(parse_timeout)
            .unwrap_or(platform::rpc::DEFAULT_TIMEOUT)
            .min(LONGEST_CALL);
        let mut context = Context {
            caller: None,
            deadline: Some(SystemTime::now() + patience),
            idempotency_key: text(metadata, "idempotency-key").map(str::to_owned),
            request_id,
            address: text(metadata, CLIENT_ADDRESS).and_then(|address| address.parse().ok()),
            user_agent: text(metadata, "user-agent").map(plain),
        };
        if let Some(value) = text(metadata, "authorization") {
            let token = value.strip_prefix("Bearer ").ok_or_else(|| {
                Status::unauthenticated("send the token as \"authorization: Bearer TOKEN\"")
            })?;
            context.caller = Some(self.resolve(token, &context).await?);
        }
        Ok(context)
    }

    async fn resolve(&self, token: &str, context: &Context) -> Result<Caller, Status> {
        let hash = Sha256::digest(token.as_bytes()).to_vec();
        let (known, forgotten) = {
            let cache = self.lock();
            (cache.callers.get(&hash).cloned(), cache.forgotten)
        };
        if let Some(known) = known.filter(|known| known.until > Instant::now()) {
            return Ok(known.caller);
        }
        let request = AuthenticateRequest {
            token: token.to_owned(),
        };
        let answer = self.auth.authenticate(context, request).await?;
        let caller =
            caller_of(&answer).ok_or_else(|| Status::internal("the session could not be read"))?;
        let mut cache = self.lock();
        // Something was revoked while auth was being asked; its answer may be from before that.
        if cache.forgotten != forgotten {
            return Ok(caller);
        }
        if cache.callers.len() > MANY {
            let now = Instant::now();
            cache.callers.retain(|_, known| known.until > now);
        }
        cache.callers.insert(
            hash,
            Known {
                caller: caller.clone(),
                until: Instant::now() + self.memory.min(left(&answer)),
            },
        );
        Ok(caller)
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last address on the way that no trusted proxy has: further back, anybody may have written
/// anything.
fn client_address<'h>(
    peer: IpAddr,
    forwarded: impl Iterator<Item = &'h str>,
    proxies: &Networks,
) -> IpAddr {
    let named: Vec<&str> = forwarded.flat_map(|value| value.split(',')).collect();
    let mut address = peer;
    for name in named.into_iter().rev() {
        if !proxies.contain(address) {
            break;
        }
        match name.trim().parse() {
            Ok(before) => address = before,
            Err(_) => break,
        }
    }
    address.to_canonical()
}

/// Printable ASCII alone, and not too much of it.
fn plain(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(USER_AGENT_MAX)
        .collect()
}

fn caller_of(answer: &AuthenticateResponse) -> Option<Caller> {
    Some(Caller {
        user_id: Uuid::try_parse(&answer.user_id).ok()?,
        tenant_id: Uuid::try_parse(&answer.organization_id).ok()?,
        role: answer.role(),
        session_id: Uuid::try_parse(&answer.session_id).ok()?,
    })
}

/// Until the end of the session itself.
fn left(answer: &AuthenticateResponse) -> Duration {
    answer
        .expires_at
        .as_ref()
        .and_then(wire::datetime)
        .and_then(|at| SystemTime::from(at).duration_since(SystemTime::now()).ok())
        .unwrap_or_default()
}

fn text<'m>(metadata: &'m MetadataMap, name: &str) -> Option<&'m str> {
    metadata.get(name).and_then(|value| value.to_str().ok())
}

/// gRPC writes a timeout as up to eight digits and a unit.
fn parse_timeout(value: &str) -> Option<Duration> {
    let (digits, unit) = value.split_at_checked(value.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    match unit {
        "H" => Some(Duration::from_secs(amount * 3600)),
        "M" => Some(Duration::from_secs(amount * 60)),
        "S" => Some(Duration::from_secs(amount)),
        "m" => Some(Duration::from_millis(amount)),
        "u" => Some(Duration::from_micros(amount)),
        "n" => Some(Duration::from_nanos(amount)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_name_addresses() {
        let proxies: Networks = "10.0.0.0/8".parse().expect("parses");
        let client = |peer: &str, forwarded: &[&str]| {
            let peer = peer.parse().expect("parses");
            client_address(peer, forwarded.iter().copied(), &proxies).to_string()
        };
        assert_eq!(client("192.0.2.1", &["198.51.100.7"]), "192.0.2.1");
        assert_eq!(client("10.0.0.1", &["198.51.100.7"]), "198.51.100.7");
        assert_eq!(
            client("10.0.0.1", &["6.6.6.6, 198.51.100.7, 10.0.0.2"]),
            "198.51.100.7"
        );
        assert_eq!(
            client("10.0.0.1", &["6.6.6.6", "198.51.100.7"]),
            "198.51.100.7"
        );
        assert_eq!(client("10.0.0.1", &["nonsense"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn reads_grpc_timeouts() {
        assert_eq!(parse_timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        for bad in ["", "S", "5", "123456789S", "5x", "-1S"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
    }
}
