//! `PredictMany`: a stream of any length, cut into batches of what has arrived, with a few of them
//! under way at once, answered in order. Deliberately no buffer beyond those.

use std::sync::Arc;

use futures::{StreamExt as _, future::BoxFuture, stream, stream::BoxStream};
use platform::rpc::NatsTransport;
use proto::{
    access::Method,
    prediction::{
        PredictBatchRequest, PredictManyRequest, PredictManyResponse, prediction_nats::Client,
    },
    rpc::Context,
};
use tonic::{Request, Response, Status, Streaming, server::StreamingService};

use crate::rpc::Gateway;

/// Quotes in one call.
const BATCH: usize = 100;
/// Calls under way at once.
const UNDER_WAY: usize = 4;

/// Predicts one stream.
#[derive(Debug)]
pub struct PredictMany {
    pub gateway: Arc<Gateway>,
    pub method: &'static Method,
}

type Responses = BoxStream<'static, Result<PredictManyResponse, Status>>;

impl StreamingService<PredictManyRequest> for PredictMany {
    type Response = PredictManyResponse;
    type ResponseStream = Responses;
    type Future = BoxFuture<'static, Result<Response<Responses>, Status>>;

    fn call(&mut self, request: Request<Streaming<PredictManyRequest>>) -> Self::Future {
        let (gateway, method) = (Arc::clone(&self.gateway), self.method);
        Box::pin(async move {
            let (metadata, _, quotes) = request.into_parts();
            let mut context = gateway.admit(method, &metadata).await?;
            // The deadline is of a batch, not of a stream that may last for hours.
            context.deadline = None;
            let client = Client(gateway.kit.transport.clone());
            Ok(Response::new(predict(client, context, quotes)))
        })
    }
}

fn predict(
    client: Client<NatsTransport>,
    context: Context,
    quotes: Streaming<PredictManyRequest>,
) -> Responses {
    let mut model_id: Option<String> = None;
    let mut next_index = 0_u64;
    quotes
        .ready_chunks(BATCH)
        .map(move |chunk| {
            let first_index = next_index;
            next_index += chunk.len() as u64;
            batch(&mut model_id, chunk).map(|request| (first_index, request))
        })
        .map(move |batch| {
            let (client, context) = (client.clone(), context.clone());
            async move {
                let (first_index, request) = batch?;
                let answer = client.predict_batch(&context, request).await?;
                Ok((first_index, answer.predictions))
            }
        })
        .buffered(UNDER_WAY)
        .flat_map(|answer| match answer {
            Ok((first_index, predictions)) => stream::iter(predictions)
                .enumerate()
                .map(move |(offset, prediction)| {
                    Ok(PredictManyResponse {
                        index: first_index + offset as u64,
                        prediction: Some(prediction),
                    })
                })
                .boxed(),
            Err(status) => stream::once(std::future::ready(Err(status))).boxed(),
        })
        .boxed()
}

/// One call out of what has arrived; the model is that of the first message.
fn batch(
    model_id: &mut Option<String>,
    chunk: Vec<Result<PredictManyRequest, Status>>,
) -> Result<PredictBatchRequest, Status> {
    let mut quotes = Vec::with_capacity(chunk.len());
    for message in chunk {
        let message = message?;
        model_id.get_or_insert(message.model_id);
        quotes.push(message.quote.unwrap_or_default());
    }
    Ok(PredictBatchRequest {
        model_id: model_id.clone().unwrap_or_default(),
        quotes,
        ..PredictBatchRequest::default()
    })
}
