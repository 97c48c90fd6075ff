//! Dead letters, read back as they were buried. Deliberately no replay yet: whoever mends the cause
//! decides what is sent again.

use bytes::Bytes;

use crate::{
    bus::{Bus, bus_error},
    error::Result,
};

/// A message that could not be handled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Position in the stream of dead letters.
    pub position: u64,
    /// Subject it came on.
    pub subject: String,
    /// Consumer that gave up.
    pub consumer: String,
    /// Why.
    pub reason: String,
    /// The body, byte for byte.
    pub body: Bytes,
}

/// The oldest dead letters.
///
/// # Errors
/// Where NATS refuses.
pub async fn list(bus: &Bus, limit: usize) -> Result<Vec<DeadLetter>> {
    bus.ensure_dead_stream().await?;
    let mut stream = bus
        .context()
        .get_stream(bus.subjects().dead_stream())
        .await
        .map_err(bus_error)?;
    let state = stream.info().await.map_err(bus_error)?.state.clone();
    let mut letters = Vec::new();
    if state.messages == 0 {
        return Ok(letters);
    }
    for position in state.first_sequence..=state.last_sequence {
        if letters.len() == limit {
            break;
        }
        let message = stream.get_raw_message(position).await.map_err(bus_error)?;
        let header = |name: &str| {
            message
                .headers
                .get(name)
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        letters.push(DeadLetter {
            position,
            subject: header("valutai-dead-subject"),
            consumer: header("valutai-dead-consumer"),
            reason: header("valutai-dead-reason"),
            body: message.payload.clone(),
        });
    }
    Ok(letters)
}
