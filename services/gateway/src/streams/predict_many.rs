//! `PredictMany`: a stream of any length, cut into batches of what has arrived, with a few of them
//! under way at once, answered in order. Quotes and predictions are moved as bytes. Deliberately no buffer
//! beyond those batches.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use futures::{StreamExt as _, future::BoxFuture, stream, stream::BoxStream};
use platform::{overload::retry_delay, rpc::DEFAULT_TIMEOUT};
use prost::Message as _;
use proto::{
    access::Method,
    prediction::prediction_nats::NAME,
    raw::RawPredictions,
    rpc::{Context, Transport as _},
};
use tonic::{Request, Response, Status, Streaming, server::StreamingService};
use tracing::{Instrument as _, Span};

use crate::rpc::Gateway;

/// Quotes in one call.
const BATCH: usize = 100;
/// Calls under way at once.
const UNDER_WAY: usize = 4;
/// Longest that a batch is offered again to a service that has too much to do.
const PATIENCE: Duration = Duration::from_secs(60);

/// `PredictManyRequest`, its quote as it came.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RawRequest {
    #[prost(string, tag = "1")]
    model_id: String,
    #[prost(bytes = "bytes", tag = "2")]
    quote: Bytes,
    #[prost(uint64, tag = "3")]
    offset: u64,
}

/// `PredictManyResponse`, its prediction as it came.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RawResponse {
    #[prost(uint64, tag = "1")]
    index: u64,
    #[prost(bytes = "bytes", tag = "2")]
    prediction: Bytes,
}

/// `PredictBatchRequest`.
#[derive(Clone, PartialEq, prost::Message)]
struct RawBatch {
    #[prost(string, tag = "1")]
    model_id: String,
    #[prost(bytes = "bytes", repeated, tag = "2")]
    quotes: Vec<Bytes>,
}

/// Predicts one stream.
#[derive(Debug)]
pub struct PredictMany {
    pub gateway: Arc<Gateway>,
    pub method: &'static Method,
}

type Responses = BoxStream<'static, Result<RawResponse, Status>>;

impl StreamingService<RawRequest> for PredictMany {
    type Response = RawResponse;
    type ResponseStream = Responses;
    type Future = BoxFuture<'static, Result<Response<Responses>, Status>>;

    fn call(&mut self, request: Request<Streaming<RawRequest>>) -> Self::Future {
        let (gateway, method) = (Arc::clone(&self.gateway), self.method);
        Box::pin(async move {
            let (metadata, _, quotes) = request.into_parts();
            let context = gateway.admit(method, &metadata).await?;
            Ok(Response::new(predict(gateway, context, quotes)))
        })
    }
}

fn predict(gateway: Arc<Gateway>, context: Context, quotes: Streaming<RawRequest>) -> Responses {
    // With a key the batches have to be the same when the stream is sent again, however it arrives.
    let chunks: BoxStream<'static, Vec<Result<RawRequest, Status>>> =
        match context.idempotency_key.is_some() {
            true => quotes.chunks(BATCH).boxed(),
            false => quotes.ready_chunks(BATCH).boxed(),
        };
    let mut batches = Batches::default();
    let has_key = context.idempotency_key.is_some();
    // The stream is read when the call's own future is over.
    let span = Span::current();
    chunks
        .map(move |chunk| batches.next(chunk, has_key))
        .map(move |batch| {
            let (gateway, context) = (Arc::clone(&gateway), context.clone());
            let answered = async move {
                let (first_index, batch) = batch?;
                let answers = call(&gateway, &context, first_index, &batch).await?;
                Ok((first_index, answers.predictions))
            };
            answered.instrument(span.clone())
        })
        .buffered(UNDER_WAY)
        .flat_map(|answer| match answer {
            Ok((first_index, predictions)) => stream::iter(predictions)
                .enumerate()
                .map(move |(offset, prediction)| {
                    Ok(RawResponse {
                        index: first_index + offset as u64,
                        prediction,
                    })
                })
                .boxed(),
            Err(status) => stream::once(std::future::ready(Err(status))).boxed(),
        })
        .boxed()
}

/// Calls the service; where it has too much to do, again when it says so: a stream can wait.
async fn call(
    gateway: &Gateway,
    context: &Context,
    first_index: u64,
    batch: &RawBatch,
) -> Result<RawPredictions, Status> {
    let patience = SystemTime::now() + PATIENCE;
    let key = context.idempotency_key.as_ref();
    let mut context = Context {
        idempotency_key: key.map(|key| format!("{key}/{first_index}")),
        ..context.clone()
    };
    loop {
        // The deadline is of a batch: a stream may last for hours, and nothing of it is begun once its
        // client is gone.
        context.deadline = Some(SystemTime::now() + DEFAULT_TIMEOUT);
        let transport = &gateway.kit.transport;
        let answered = transport
            .call(NAME, "PredictBatch", &context, batch.encode_to_vec())
            .await;
        match answered {
            Ok(bytes) => return proto::rpc::decode(bytes),
            Err(status) => match retry_delay(&status) {
                Some(delay) if SystemTime::now() + delay < patience => {
                    tokio::time::sleep(delay).await;
                }
                _ => return Err(status),
            },
        }
    }
}

/// Cuts the stream into calls.
#[derive(Default)]
struct Batches {
    /// Of the first message.
    model_id: Option<String>,
    next_index: u64,
}

impl Batches {
    /// One call out of what has arrived; model and offset are those of the first message.
    fn next(
        &mut self,
        chunk: Vec<Result<RawRequest, Status>>,
        has_key: bool,
    ) -> Result<(u64, RawBatch), Status> {
        let mut quotes = Vec::with_capacity(chunk.len());
        for message in chunk {
            let message = message?;
            if self.model_id.is_none() {
                if has_key && !message.offset.is_multiple_of(BATCH as u64) {
                    return Err(Status::invalid_argument(format!(
                        "with an idempotency key the offset has to be a multiple of {BATCH}: begin at {}",
                        message.offset / BATCH as u64 * BATCH as u64
                    )));
                }
                self.model_id = Some(message.model_id);
                self.next_index = message.offset;
            }
            quotes.push(message.quote);
        }
        let first_index = self.next_index;
        self.next_index += quotes.len() as u64;
        Ok((
            first_index,
            RawBatch {
                model_id: self.model_id.clone().unwrap_or_default(),
                quotes,
            },
        ))
    }
}

#[cfg(test)]
mod tests {
    use proto::prediction::{
        PredictBatchRequest, PredictManyRequest, PredictManyResponse, Prediction, QuoteInput,
    };

    use super::*;

    fn message(model_id: &str, offset: u64) -> RawRequest {
        let quote = QuoteInput {
            quote_ref: "q".to_owned(),
            ..QuoteInput::default()
        };
        let sent = PredictManyRequest {
            model_id: model_id.to_owned(),
            quote: Some(quote),
            offset,
        };
        RawRequest::decode(sent.encode_to_vec().as_slice()).expect("the same message")
    }

    #[test]
    fn messages_are_moved_as_they_are() {
        let (mut batches, first) = (Batches::default(), message("m", 7));
        let (index, batch) = batches
            .next(vec![Ok(first), Ok(message("", 0))], false)
            .expect("a batch");
        assert_eq!(index, 7);
        let batch = PredictBatchRequest::decode(batch.encode_to_vec().as_slice()).expect("a batch");
        assert_eq!((batch.model_id.as_str(), batch.quotes.len()), ("m", 2));
        assert_eq!(batch.quotes[1].quote_ref, "q");
        let (index, _) = batches.next(vec![Ok(message("", 0))], false).expect("more");
        assert_eq!(index, 9);
        let prediction = Prediction {
            id: "p".to_owned(),
            ..Prediction::default()
        };
        let raw = RawResponse {
            index: 3,
            prediction: prediction.encode_to_vec().into(),
        };
        let told = PredictManyResponse::decode(raw.encode_to_vec().as_slice()).expect("a response");
        assert_eq!((told.index, told.prediction), (3, Some(prediction)));
    }

    #[test]
    fn with_a_key_a_stream_goes_on_where_a_batch_began() {
        let mut batches = Batches::default();
        let refused = batches.next(vec![Ok(message("", 250))], true);
        let refused = refused.expect_err("not a multiple");
        assert!(refused.message().ends_with("begin at 200"), "{refused}");
        let mut batches = Batches::default();
        assert!(batches.next(vec![Ok(message("", 200))], true).is_ok());
    }
}
