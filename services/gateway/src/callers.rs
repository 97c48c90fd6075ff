//! Who is calling: session tokens resolved by auth and remembered for seconds. Deliberately no
//! judgement: the contract says who may call what.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use futures::StreamExt as _;
use platform::{Kit, Result, rpc::NatsTransport, shutdown::Shutdown, wire};
use proto::{
    auth::{AuthenticateRequest, AuthenticateResponse, SessionRevoked, auth_nats::Client},
    rpc::{Caller, Context},
};
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;
use tonic::{Status, metadata::MetadataMap};
use uuid::Uuid;

/// How long a resolved token is believed; a revocation is heard long before.
const REMEMBERED: Duration = Duration::from_secs(5);
/// More than this and the old ones are swept out.
const MANY: usize = 10_000;
/// Longest a call may take, whatever the client asks for.
const LONGEST_CALL: Duration = Duration::from_secs(300);

type TokenHash = Vec<u8>;

/// Resolves callers.
#[derive(Debug, Clone)]
pub struct Callers {
    auth: Client<NatsTransport>,
    known: Arc<Mutex<HashMap<TokenHash, Known>>>,
    shutdown: Shutdown,
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
            shutdown: kit.shutdown.clone(),
        }
    }

    /// Forgets sessions as soon as auth tells that they were revoked.
    pub async fn forget_revoked(self, kit: &Kit) -> Result<impl Future<Output = ()> + use<>> {
        let mut revoked = Box::pin(kit.bus.hear::<SessionRevoked>().await?);
        Ok(async move {
            loop {
                tokio::select! {
                    heard = revoked.next() => match heard {
                        Some((_, event)) => drop(self.lock().remove(&event.token_hash)),
                        None => return,
                    },
                    () = self.shutdown.cancelled() => return,
                }
            }
        })
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
        let known = self.lock().get(&hash).cloned();
        if let Some(known) = known.filter(|known| known.until > Instant::now()) {
            return Ok(known.caller);
        }
        let request = AuthenticateRequest {
            token: token.to_owned(),
        };
        let answer = self.auth.authenticate(context, request).await?;
        let caller =
            caller_of(&answer).ok_or_else(|| Status::internal("the session could not be read"))?;
        let mut all = self.lock();
        if all.len() > MANY {
            let now = Instant::now();
            all.retain(|_, known| known.until > now);
        }
        all.insert(
            hash,
            Known {
                caller: caller.clone(),
                until: Instant::now() + remembered(&answer),
            },
        );
        Ok(caller)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TokenHash, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn caller_of(answer: &AuthenticateResponse) -> Option<Caller> {
    Some(Caller {
        user_id: Uuid::try_parse(&answer.user_id).ok()?,
        tenant_id: Uuid::try_parse(&answer.organization_id).ok()?,
        role: answer.role(),
        session_id: Uuid::try_parse(&answer.session_id).ok()?,
    })
}

/// Never beyond the end of the session itself.
fn remembered(answer: &AuthenticateResponse) -> Duration {
    answer
        .expires_at
        .as_ref()
        .and_then(wire::datetime)
        .and_then(|at| SystemTime::from(at).duration_since(SystemTime::now()).ok())
        .map_or(Duration::ZERO, |left| left.min(REMEMBERED))
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
    fn reads_grpc_timeouts() {
        assert_eq!(parse_timeout("5S"), Some(Duration::from_secs(5)));
        assert_eq!(parse_timeout("250m"), Some(Duration::from_millis(250)));
        for bad in ["", "S", "5", "123456789S", "5x", "-1S"] {
            assert_eq!(parse_timeout(bad), None, "{bad}");
        }
    }
}
