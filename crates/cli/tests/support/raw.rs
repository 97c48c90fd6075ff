//! Calls of any method by its descriptor, with any bytes and any token. Deliberately without the
//! typed clients: a walk over the contract must not miss a method.

#![allow(
    dead_code,
    clippy::allow_attributes,
    reason = "each test binary uses a part"
)]

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, Value};
use proto::{access::Method, raw::RawCodec};
use testkit::TestResult;
use tonic::{Code, Request, Status, client::Grpc, transport::Channel};

/// What a call came to: the first reply, or the refusal.
pub async fn call(
    channel: &Channel,
    method: &Method,
    token: Option<&str>,
    body: Bytes,
) -> TestResult<Result<Bytes, Status>> {
    call_named(channel, method, token, "", body).await
}

/// The same under a request id.
pub async fn call_named(
    channel: &Channel,
    method: &Method,
    token: Option<&str>,
    request_id: &str,
    body: Bytes,
) -> TestResult<Result<Bytes, Status>> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await?;
    let mut request = Request::new(futures::stream::iter([body]));
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse()?;
        request.metadata_mut().insert("authorization", value);
    }
    if !request_id.is_empty() {
        let id = request_id.parse()?;
        request.metadata_mut().insert("x-request-id", id);
    }
    let path = method.path().parse()?;
    // Unary and streaming look alike on the wire, so one call serves for every method.
    let answered = client.streaming(request, path, RawCodec).await;
    Ok(match answered {
        Err(status) => Err(status),
        Ok(response) => response
            .into_inner()
            .message()
            .await
            .map(Option::unwrap_or_default),
    })
}

/// A request whose every text field is one of `values` by its name, else a word.
pub fn request(method: &Method, value_of: &dyn Fn(&str) -> String) -> Bytes {
    filled(&method.descriptor.input(), value_of)
        .encode_to_vec()
        .into()
}

fn filled(descriptor: &MessageDescriptor, value_of: &dyn Fn(&str) -> String) -> DynamicMessage {
    let mut message = DynamicMessage::new(descriptor.clone());
    for field in descriptor.fields() {
        if field.is_list() || field.is_map() {
            continue;
        }
        match field.kind() {
            Kind::String if !field.name().ends_with("token") && field.name() != "cursor" => {
                message.set_field(&field, Value::String(value_of(field.name())));
            }
            Kind::Message(inner) if field.containing_oneof().is_none() => {
                message.set_field(&field, Value::Message(filled(&inner, value_of)));
            }
            _ => {}
        }
    }
    message
}

/// Whether a refusal is about who is calling.
pub fn is_about_rights(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::Unauthenticated | Code::PermissionDenied
    )
}
