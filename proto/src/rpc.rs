//! What the generated NATS clients and servers stand on: the caller's context, and the two traits
//! that join typed code to a transport. Deliberately no transport: `platform` has it.

use std::{marker::PhantomData, net::IpAddr, time::SystemTime};

use bytes::Bytes;
use prost::Message;
use tonic::Status;
use uuid::Uuid;

use crate::auth::Role;

/// Who is calling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The user.
    pub user_id: Uuid,
    /// The organisation on whose data the call works.
    pub tenant_id: Uuid,
    /// The user's role there.
    pub role: Role,
    /// The session that was used.
    pub session_id: Uuid,
}

/// What travels beside every call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// Who is calling; `None` for public methods called without a session and for calls between services.
    pub caller: Option<Caller>,
    /// When the client stops waiting.
    pub deadline: Option<SystemTime>,
    /// The client's key for doing a thing once.
    pub idempotency_key: Option<String>,
    /// Names the client's request in logs, traces and the audit trail.
    pub request_id: String,
    /// Address that the client came from; `None` for calls between services.
    pub address: Option<IpAddr>,
    /// What the client says that it is.
    pub user_agent: Option<String>,
}

impl Context {
    /// The caller, for methods that need one.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` where the call has none.
    pub fn caller(&self) -> Result<&Caller, Status> {
        self.caller
            .as_ref()
            .ok_or_else(|| Status::unauthenticated("sign in first: this call needs a session"))
    }

    /// A context for a call of the system's own.
    #[must_use]
    pub fn system(request_id: impl Into<String>) -> Self {
        Self {
            request_id: request_id.into(),
            ..Self::default()
        }
    }
}

/// A service's unary methods behind their names.
#[async_trait::async_trait]
pub trait Dispatch: Send + Sync + 'static {
    /// Full protobuf name of the service.
    fn service(&self) -> &'static str;
    /// Runs one call on its encoded request and answers the encoded reply.
    async fn dispatch(
        &self,
        method: &str,
        context: Context,
        request: Bytes,
    ) -> Result<Vec<u8>, Status>;
}

/// Carries an encoded call to a service.
#[async_trait::async_trait]
pub trait Transport: Clone + Send + Sync {
    /// Sends the call and awaits its reply.
    async fn call(
        &self,
        service: &str,
        method: &str,
        context: &Context,
        request: Vec<u8>,
    ) -> Result<Bytes, Status>;
}

/// Decodes a message, or says that the bytes are not one.
///
/// # Errors
/// `INVALID_ARGUMENT` where the bytes are not such a message.
pub fn decode<M: Message + Default>(bytes: Bytes) -> Result<M, Status> {
    M::decode(bytes).map_err(|error| {
        Status::invalid_argument(format!("the message cannot be decoded: {error}"))
    })
}

/// Encodes a message.
pub fn encode<M: Message>(message: &M) -> Vec<u8> {
    message.encode_to_vec()
}

/// A message that is encoded, for whom its type is all that is left to check.
#[derive(Debug, Clone)]
pub struct Encoded<M> {
    bytes: Vec<u8>,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Encoded<M> {
    /// Encodes a message that has the fields of `M`, some of them as bytes that were encoded before.
    pub fn like(message: &impl Message) -> Self {
        Self {
            bytes: message.encode_to_vec(),
            message: PhantomData,
        }
    }

    /// The bytes of the message.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// The answer to a method that the service does not have.
#[must_use]
pub fn unknown_method(service: &str, method: &str) -> Status {
    Status::unimplemented(format!("{service} has no method {method}"))
}
