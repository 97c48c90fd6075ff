//! Unary calls, handed on as the bytes they came as. Deliberately blind: it never decodes a message,
//! so a new method needs no new gateway.

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use proto::{access::Method, rpc::Transport as _};
use tonic::{Request, Response, Status, server::UnaryService};

use crate::rpc::Gateway;

/// Forwards one method.
#[derive(Debug)]
pub struct Forward {
    pub gateway: Arc<Gateway>,
    pub method: &'static Method,
}

impl UnaryService<Bytes> for Forward {
    type Response = Bytes;
    type Future = BoxFuture<'static, Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let (gateway, method) = (Arc::clone(&self.gateway), self.method);
        Box::pin(async move {
            let (metadata, _, body) = request.into_parts();
            let context = gateway.admit(method, &metadata).await?;
            let reply = gateway
                .kit
                .transport
                .call(&method.service, &method.name, &context, body.into())
                .await?;
            let mut response = Response::new(reply);
            if let Ok(id) = context.request_id.parse() {
                response.metadata_mut().insert("x-request-id", id);
            }
            Ok(response)
        })
    }
}
