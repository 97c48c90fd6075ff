//! The span of handling events: who handles what, and whether it failed. Requests, errors and durations of each consumer are
//! made of these. Deliberately not why it failed, which the log says.

use tracing::{Instrument as _, Span, field::Empty};

use super::Handling;
use crate::{error::Fate, telemetry};

/// A span that is still in nobody's trace.
pub(super) fn begin(consumer: &str, event_type: &str) -> Span {
    tracing::info_span!(
        "event",
        otel.kind = "consumer",
        consumer,
        event = event_type,
        trace_id = Empty
    )
}

/// Handles inside a span, and marks it where that failed. Waiting for what everybody needs is no failure of the handler.
pub(super) fn within(span: Span, handling: Handling) -> Handling {
    Box::pin(async move {
        let outcome = handling.instrument(span.clone()).await;
        if outcome
            .as_ref()
            .is_err_and(|failure| failure.fate != Fate::Wait)
        {
            telemetry::mark_failed(&span);
        }
        outcome
    })
}
