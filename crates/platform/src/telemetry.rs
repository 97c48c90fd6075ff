//! Logs and traces: a subscriber for the process, and trace context carried through headers.
//! Deliberately no metrics, which the collector makes of the spans, and never personal data in a field.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
};

use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector},
    trace::{SpanContext, Status, TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tonic::Code;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::TelemetryConfig;

/// Whether this process exports traces.
static EXPORTS: AtomicBool = AtomicBool::new(false);

/// Keeps the exporter alive; flushes it when told.
#[derive(Debug, Default)]
pub struct Telemetry(Option<SdkTracerProvider>);

/// Sets up logs on stderr, and traces by OTLP where an endpoint is configured.
///
/// # Errors
/// A sentence, where the filter or the endpoint is malformed or a subscriber is set already.
pub fn init(config: &TelemetryConfig) -> Result<Telemetry, String> {
    global::set_text_map_propagator(TraceContextPropagator::new());
    let filter = EnvFilter::try_new(&config.log_filter)
        .map_err(|error| format!("VALUTAI_LOG is not a filter: {error}"))?;
    let logs = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let logs = if config.json {
        logs.json().boxed()
    } else {
        logs.compact().boxed()
    };
    let provider = config.otlp_endpoint.as_deref().map(provider).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        // The exporter's own transport would trace itself for ever.
        let quiet = Targets::new()
            .with_default(tracing::Level::INFO)
            .with_targets(
                ["h2", "hyper", "tonic", "tower", "async_nats"]
                    .map(|target| (target, tracing_subscriber::filter::LevelFilter::OFF)),
            );
        tracing_opentelemetry::layer()
            .with_tracer(provider.tracer("valutai"))
            .with_filter(quiet)
    });
    tracing_subscriber::registry()
        .with(traces)
        .with(logs.with_filter(filter))
        .try_init()
        .map_err(|error| error.to_string())?;
    EXPORTS.store(provider.is_some(), Ordering::Relaxed);
    Ok(Telemetry(provider))
}

fn provider(endpoint: &str) -> Result<SdkTracerProvider, String> {
    let exporter = SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .build()
        .map_err(|error| format!("VALUTAI_OTLP_ENDPOINT is not usable: {error}"))?;
    Ok(SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(Resource::builder().with_service_name("valutai").build())
        .build())
}

impl Telemetry {
    /// Sends the last spans. Blocks; call it outside the runtime's workers.
    pub fn shutdown(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            eprintln!("the last traces could not be sent: {error}");
        }
    }
}

struct Carrier(HashMap<String, String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

/// The current span as a `traceparent` header; `None` where nothing is traced.
#[must_use]
pub fn traceparent() -> Option<String> {
    let mut carrier = Carrier(HashMap::new());
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&Span::current().context(), &mut carrier);
    });
    carrier.0.remove("traceparent")
}

/// The id of the current trace; `None` where nothing is traced.
#[must_use]
pub fn trace_id() -> Option<String> {
    traceparent().as_deref().and_then(trace_id_in)
}

/// The id of the trace in a `traceparent` header, by W3C Trace Context; `None` where it is no such header.
#[must_use]
pub fn trace_id_in(traceparent: &str) -> Option<String> {
    traceparent.split('-').nth(1).map(str::to_owned)
}

/// Whether spans go anywhere, for those to whom it costs something to find out whose trace they are in.
#[must_use]
pub(crate) fn is_exporting() -> bool {
    EXPORTS.load(Ordering::Relaxed)
}

/// Makes a span a child of the trace in a `traceparent` header, or else the first of a trace of its own. The id of the trace
/// is noted in its field `trace_id`, where it has one, so that lines of the log lead to the trace.
pub fn continue_trace(span: &Span, traceparent: Option<&str>) {
    if let Some(value) = traceparent
        && let Err(error) = span.set_parent(context_of(value))
    {
        tracing::debug!(%error, "the trace could not be continued");
    }
    let context = span_context(span);
    if context.is_valid() {
        span.record("trace_id", tracing::field::display(context.trace_id()));
    }
}

/// Ties the span of work for several callers to the traces of all of them: it can be the child of one only.
pub fn link_traces<'t>(span: &Span, traceparents: impl Iterator<Item = &'t str>) {
    let mut traceparents = traceparents.peekable();
    let first = traceparents.next();
    if traceparents.peek().is_none() {
        return continue_trace(span, first);
    }
    continue_trace(span, None);
    for value in first.into_iter().chain(traceparents) {
        span.add_link(context_of(value).span().span_context().clone());
    }
}

/// Ties the span of a caller to that of work that was done for it and others, in a trace of its own.
pub fn link(caller: &Span, work: &Span) {
    caller.add_link(span_context(work));
}

/// Notes what a call was answered with. Faults of ours are errors of the span, by the conventions of OpenTelemetry for servers
/// of gRPC; what a caller did wrong is none.
pub fn note_status(span: &Span, code: Code) {
    span.set_attribute("rpc.grpc.status_code", i64::from(code as i32));
    let is_fault = matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    if is_fault {
        mark_failed(span);
    }
}

/// Marks the span of work that failed. Why, the log says.
pub fn mark_failed(span: &Span) {
    span.set_status(Status::error(""));
}

fn span_context(span: &Span) -> SpanContext {
    span.context().span().span_context().clone()
}

/// What a `traceparent` header says, by the propagator that was set up.
fn context_of(traceparent: &str) -> Context {
    let carrier = Carrier(HashMap::from([(
        "traceparent".to_owned(),
        traceparent.to_owned(),
    )]));
    global::get_text_map_propagator(|propagator| propagator.extract(&carrier))
}
