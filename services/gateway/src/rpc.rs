//! The door: every gRPC path is looked up in the contract, judged, and handed to the forwarder or to
//! its stream. Deliberately no list of methods: the contract is the list.

use std::sync::Arc;

use axum::{Router, body::Body as HttpBody, extract::State};
use http::{Request, Response};
use platform::{Kit, overload::RateLimiter, telemetry};
use proto::{
    access::{METHODS, Method, Right},
    auth::{RecordRefusalRequest, auth_nats::Client},
    raw::RawCodec,
    rpc::Context,
};
use tonic::{
    Code, Status, body::Body, metadata::MetadataMap, server::Grpc, service::Routes,
    transport::server::TcpConnectInfo,
};
use tonic_prost::ProstCodec;
use tracing::{Instrument as _, field::Empty};

use crate::{
    callers::Callers,
    forward::Forward,
    streams::{
        export_audit::ExportAudit, export_model::ExportModel, predict_many::PredictMany,
        preview_dataset::PreviewDataset, upload_dataset::UploadDataset,
        watch_predictions::WatchPredictions,
    },
};

/// Largest message a client may send in one piece.
const MESSAGE_LIMIT: usize = 3 * 1024 * 1024;

/// What every call needs.
#[derive(Debug)]
pub struct Gateway {
    pub callers: Callers,
    pub rates: RateLimiter,
    pub kit: Kit,
}

impl Gateway {
    /// Establishes and judges the caller of a method, and counts the call.
    pub async fn admit(
        &self,
        method: &'static Method,
        metadata: &MetadataMap,
    ) -> Result<Context, Status> {
        if method.right == Right::Operator {
            return self.admit_operator(metadata).await;
        }
        let context = self.callers.context(metadata).await?;
        if let Err(refusal) = method.authorize(context.caller.as_ref()) {
            self.record_refusal(method, context);
            return Err(refusal);
        }
        if let Some(caller) = &context.caller {
            self.rates.check(caller.tenant_id)?;
        }
        Ok(context)
    }

    /// Establishes an operator, who belongs to no organisation.
    async fn admit_operator(&self, metadata: &MetadataMap) -> Result<Context, Status> {
        let mut metadata = metadata.clone();
        let sent = metadata.remove("authorization");
        let token = sent.as_ref().and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer "));
        let known = self.kit.config.operator.as_ref();
        match token.zip(known) {
            Some((token, known)) if known.is(token) => self.callers.context(&metadata).await,
            _ => Err(Status::unauthenticated(
                "this call is an operator's: send the operator's token as \"authorization: Bearer TOKEN\", whose SHA-256 the gateway has in VALUTAI_OPERATOR_TOKEN_HASH",
            )),
        }
    }

    /// Has a refused caller noted in the audit trail of the organisation; nobody waits for it.
    fn record_refusal(&self, method: &'static Method, context: Context) {
        if context.caller.is_none() {
            return;
        }
        let auth = Client(self.kit.transport.clone());
        tokio::spawn(async move {
            let request = RecordRefusalRequest {
                path: method.path(),
            };
            if let Err(status) = auth.record_refusal(&context, request).await {
                tracing::error!(method = %method.path(), code = ?status.code(), "a refusal is missing in the audit trail");
            }
        });
    }
}

/// Health, reflection, and behind them the whole contract.
pub async fn routes(gateway: Arc<Gateway>) -> Routes {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter
        .set_service_status("", tonic_health::ServingStatus::Serving)
        .await;
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(proto::DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let mut routes = Routes::new(health);
    match (reflection().build_v1(), reflection().build_v1alpha()) {
        (Ok(v1), Ok(v1alpha)) => routes = routes.add_service(v1).add_service(v1alpha),
        _ => tracing::error!("reflection is off: the contract's descriptors are not readable"),
    }
    let contract = Router::new().fallback(call).with_state(gateway);
    Routes::from(routes.into_axum_router().fallback_service(contract))
}

async fn call(
    State(gateway): State<Arc<Gateway>>,
    mut request: Request<HttpBody>,
) -> Response<Body> {
    let peer = request.extensions().get::<TcpConnectInfo>();
    let peer = peer.and_then(TcpConnectInfo::remote_addr).map(|at| at.ip());
    gateway.callers.note_address(request.headers_mut(), peer);
    let path = request.uri().path();
    let known = METHODS
        .get(path)
        .filter(|method| method.right != Right::Internal);
    let Some(method) = known else {
        return Status::unimplemented(format!("there is no method {path}")).into_http();
    };
    let span =
        tracing::info_span!("call", otel.kind = "server", otel.name = %path, trace_id = Empty);
    let traceparent = request.headers().get("traceparent");
    telemetry::continue_trace(&span, traceparent.and_then(|value| value.to_str().ok()));
    let response = serve(gateway, method, request)
        .instrument(span.clone())
        .await;
    // A refusal is in the headers already; of a stream only how it began is known here.
    let refusal = Status::from_header_map(response.headers());
    telemetry::note_status(&span, refusal.map_or(Code::Ok, |status| status.code()));
    response
}

async fn serve(
    gateway: Arc<Gateway>,
    method: &'static Method,
    request: Request<HttpBody>,
) -> Response<Body> {
    if method.is_unary() {
        return limited(RawCodec)
            .unary(Forward { gateway, method }, request)
            .await;
    }
    match method.name.as_str() {
        "UploadDataset" => {
            limited(ProstCodec::default())
                .client_streaming(UploadDataset { gateway, method }, request)
                .await
        }
        "PreviewDataset" => {
            limited(ProstCodec::default())
                .streaming(PreviewDataset { gateway, method }, request)
                .await
        }
        "PredictMany" => {
            limited(ProstCodec::default())
                .streaming(PredictMany { gateway, method }, request)
                .await
        }
        "ExportAuditTrail" => {
            limited(ProstCodec::default())
                .server_streaming(ExportAudit { gateway, method }, request)
                .await
        }
        "ExportModel" => {
            limited(ProstCodec::default())
                .server_streaming(ExportModel { gateway, method }, request)
                .await
        }
        "WatchPredictions" => {
            limited(ProstCodec::default())
                .server_streaming(WatchPredictions { gateway, method }, request)
                .await
        }
        name => Status::unimplemented(format!("{name} is a stream that the gateway does not have"))
            .into_http(),
    }
}

fn limited<C: tonic::codec::Codec>(codec: C) -> Grpc<C> {
    Grpc::new(codec).apply_max_message_size_config(Some(MESSAGE_LIMIT), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream added to the contract has to be given a file here.
    #[test]
    fn every_stream_of_the_contract_is_served() {
        let streams: Vec<_> = METHODS
            .values()
            .filter(|method| !method.is_unary())
            .map(|method| method.name.as_str())
            .collect();
        assert_eq!(
            streams,
            [
                "ExportAuditTrail",
                "PreviewDataset",
                "UploadDataset",
                "ExportModel",
                "PredictMany",
                "WatchPredictions"
            ]
        );
    }
}
