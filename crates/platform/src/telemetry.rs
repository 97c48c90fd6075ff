//! Logs and traces: a subscriber for the process, and trace context carried through headers.
//! Deliberately no metrics yet, and never personal data in a field.

use std::collections::HashMap;

use opentelemetry::{
    Context, global,
    propagation::{Extractor, Injector},
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer as _, filter::Targets, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::TelemetryConfig;

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

/// Makes a span a child of the trace in a `traceparent` header.
pub fn continue_trace(span: &Span, traceparent: Option<&str>) {
    let Some(value) = traceparent else { return };
    if let Err(error) = span.set_parent(context_of(value)) {
        tracing::debug!(%error, "the trace could not be continued");
    }
}

/// Ties the span of work for several callers to the traces of all of them: it can be the child of one only.
pub fn link_traces<'t>(span: &Span, traceparents: impl Iterator<Item = &'t str>) {
    let mut traceparents = traceparents.peekable();
    let first = traceparents.next();
    if traceparents.peek().is_none() {
        return continue_trace(span, first);
    }
    for value in first.into_iter().chain(traceparents) {
        span.add_link(context_of(value).span().span_context().clone());
    }
}

/// What a `traceparent` header says, by the propagator that was set up.
fn context_of(traceparent: &str) -> Context {
    let carrier = Carrier(HashMap::from([(
        "traceparent".to_owned(),
        traceparent.to_owned(),
    )]));
    global::get_text_map_propagator(|propagator| propagator.extract(&carrier))
}
