//! A collector of traces of the test's own, by the protocol of OpenTelemetry, which keeps what it is sent. Deliberately no
//! pipeline.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use testkit::TestResult;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};

/// A span and whose it is.
#[derive(Debug, Clone)]
pub struct Seen {
    pub service: String,
    pub span: Span,
}

impl Seen {
    /// What a field of it says.
    pub fn field(&self, name: &str) -> Option<String> {
        field(&self.span.attributes, name)
    }

    /// 2 where it failed, by the protocol's `StatusCode`.
    pub fn status(&self) -> i32 {
        self.span.status.as_ref().map_or(0, |status| status.code)
    }
}

fn field(all: &[KeyValue], name: &str) -> Option<String> {
    let found = all.iter().find(|field| field.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

/// What has come.
#[derive(Debug, Clone, Default)]
pub struct Collector(Arc<Mutex<Vec<Seen>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        for process in request.into_inner().resource_spans {
            let resource = process.resource.unwrap_or_default();
            let service = field(&resource.attributes, "valutai.service").unwrap_or_default();
            let spans = process
                .scope_spans
                .into_iter()
                .flat_map(|scope| scope.spans);
            let seen = spans.map(|span| Seen {
                service: service.clone(),
                span,
            });
            self.lock().extend(seen);
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// A collector at work, and its address.
    pub async fn start() -> TestResult<(Self, String)> {
        let collector = Self::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let server = Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Ok((collector, endpoint))
    }

    /// Everything that has come.
    pub fn all(&self) -> Vec<Seen> {
        self.lock().clone()
    }

    /// What has come of a trace.
    pub fn of(&self, trace: &str) -> Vec<Seen> {
        let mut spans = self.all();
        spans.retain(|seen| hex(&seen.span.trace_id) == trace);
        spans
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An id as headers have it.
pub fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}
