//! The span of a message's way out of the outbox, in the trace of whoever caused its events. The message keeps the
//! `traceparent` that was committed with it: whoever handles it is a sibling of this span. Deliberately nothing where nobody
//! collects traces, since a batch has to be opened to see whose they are.

use tracing::{Span, field::Empty};

use crate::{
    batch::{self, Carried},
    bus::Outgoing,
    error::Result,
    telemetry,
};

/// Publishes messages inside a span each; those that belong to no trace have none.
pub(super) async fn during(
    messages: &[Outgoing],
    publishing: impl Future<Output = Result<()>>,
) -> Result<()> {
    let spans: Vec<Span> = match telemetry::is_exporting() {
        true => messages.iter().filter_map(span_of).collect(),
        false => Vec::new(),
    };
    let outcome = publishing.await;
    if outcome.is_err() {
        spans.iter().for_each(telemetry::mark_failed);
    }
    outcome
}

fn span_of(message: &Outgoing) -> Option<Span> {
    let events: Vec<Carried> = batch::unpack(Some(&message.headers), &message.body).ok()?;
    let mut traces = batch::traces(events.iter()).peekable();
    traces.peek()?;
    let span = tracing::info_span!(
        parent: None,
        "publish",
        otel.kind = "producer",
        event = message.headers.get("ce-type").map(|name| name.as_str()),
        events = events.len(),
        trace_id = Empty
    );
    telemetry::link_traces(&span, traces);
    Some(span)
}
