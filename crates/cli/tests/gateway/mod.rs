//! A made-up gateway that answers the client's three streams. Deliberately no rule of the product:
//! it does what a test asks for by the name of a dataset or model.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use proto::{
    ingestion::{
        Dataset, Preview, PreviewDatasetResponse, UploadDatasetRequest, UploadDatasetResponse,
        UploadHeader, preview_dataset_response::Part as Answer, upload_dataset_request::Part,
    },
    prediction::{
        Contribution, Evidence, PredictManyRequest, PredictManyResponse, Prediction,
        PredictionMade, WatchPredictionsRequest, WatchPredictionsResponse, field_value::Value,
    },
};
use sha2::{Digest as _, Sha256};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    codegen::{BoxFuture, Service},
    server::{Grpc, NamedService},
    transport::Server,
};
use tonic_prost::ProstCodec;
use valutai::client::Connection;

type Replies<M> = mpsc::Sender<Result<M, Status>>;

/// Answers one method by a task that reads requests and sends replies; on the wire every kind of
/// method is such a pair of streams.
struct Method<Req, Res>(Box<dyn Fn(Streaming<Req>, Replies<Res>) + Send>);

fn method<Req, Res, Task>(
    answer: impl Fn(Streaming<Req>, Replies<Res>) -> Task + Send + 'static,
) -> Method<Req, Res>
where
    Task: Future<Output = ()> + Send + 'static,
{
    Method(Box::new(move |requests, replies| {
        tokio::spawn(answer(requests, replies));
    }))
}

impl<Req, Res: Send + 'static> Service<Request<Streaming<Req>>> for Method<Req, Res> {
    type Response = Response<ReceiverStream<Result<Res, Status>>>;
    type Error = Status;
    type Future = BoxFuture<Self::Response, Status>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Streaming<Req>>) -> Self::Future {
        let (replies, stream) = mpsc::channel(4);
        self.0(request.into_inner(), replies);
        Box::pin(async { Ok(Response::new(ReceiverStream::new(stream))) })
    }
}

#[derive(Clone, Default)]
struct Ingestion;

impl NamedService for Ingestion {
    const NAME: &'static str = "valutai.ingestion.v1.IngestionService";
}

#[derive(Clone, Default)]
struct Predictions {
    watched: Arc<AtomicUsize>,
}

impl NamedService for Predictions {
    const NAME: &'static str = "valutai.prediction.v1.PredictionService";
}

macro_rules! service {
    ($name:ty) => {
        impl Service<http::Request<Body>> for $name {
            type Response = http::Response<Body>;
            type Error = Infallible;
            type Future = BoxFuture<Self::Response, Infallible>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: http::Request<Body>) -> Self::Future {
                let service = self.clone();
                Box::pin(async move { Ok(service.answer(request).await) })
            }
        }
    };
}
service!(Ingestion);
service!(Predictions);

impl Ingestion {
    async fn answer(self, request: http::Request<Body>) -> http::Response<Body> {
        if request.uri().path().ends_with("/PreviewDataset") {
            return Grpc::new(ProstCodec::default())
                .streaming(method(preview), request)
                .await;
        }
        Grpc::new(ProstCodec::default())
            .streaming(method(receive), request)
            .await
    }
}

/// Reads a file to its end and answers what was said about it, and its size; nothing where it is to be
/// refused.
async fn read(parts: &mut Streaming<UploadDatasetRequest>) -> Option<(UploadHeader, u32)> {
    let mut said = None;
    let mut digest = Sha256::new();
    let mut size = 0;
    let mut checked = false;
    while let Ok(Some(message)) = parts.message().await {
        assert!(!checked, "the checksum is the last message");
        match message.part {
            Some(Part::Header(header)) if header.name == "refused" => return None,
            Some(Part::Header(header)) => said = Some(header),
            Some(Part::Chunk(chunk)) => {
                assert!(chunk.len() <= 256 * 1024);
                digest.update(&chunk);
                size += u32::try_from(chunk.len()).expect("is small");
            }
            Some(Part::Sha256(sha256)) => {
                assert_eq!(sha256, digest.clone().finalize().to_vec());
                checked = true;
            }
            None => {}
        }
    }
    assert!(checked, "the client announces what it sent");
    Some((said.expect("the header comes first"), size))
}

async fn receive(
    mut parts: Streaming<UploadDatasetRequest>,
    replies: Replies<UploadDatasetResponse>,
) {
    let reply = match read(&mut parts).await {
        None => Err(Status::invalid_argument("no")),
        Some((header, size)) => Ok(UploadDatasetResponse {
            id: "d1".into(),
            dataset: Some(Dataset {
                name: header.name,
                row_count: size,
                ..Dataset::default()
            }),
            ..UploadDatasetResponse::default()
        }),
    };
    let _ = replies.send(reply).await;
}

async fn preview(
    mut parts: Streaming<UploadDatasetRequest>,
    replies: Replies<PreviewDatasetResponse>,
) {
    let Some((header, size)) = read(&mut parts).await else {
        let _ = replies.send(Err(Status::invalid_argument("no"))).await;
        return;
    };
    let answer = |part| Ok(PreviewDatasetResponse { part: Some(part) });
    let preview = Preview {
        row_count: size,
        ..Preview::default()
    };
    let _ = replies.send(answer(Answer::Preview(preview))).await;
    if header.errors_format != 0 {
        for piece in [b"row,".to_vec(), b"what is wrong\n".to_vec()] {
            let _ = replies.send(answer(Answer::ErrorsChunk(piece))).await;
        }
    }
    if header.name == "broken" {
        let _ = replies.send(Err(Status::unavailable("restarting"))).await;
    }
}

impl Predictions {
    async fn answer(self, request: http::Request<Body>) -> http::Response<Body> {
        if request.uri().path().ends_with("/WatchPredictions") {
            let watched = self.watched;
            let method = method(move |requests, replies| watch(requests, replies, watched.clone()));
            return Grpc::new(ProstCodec::default())
                .streaming(method, request)
                .await;
        }
        Grpc::new(ProstCodec::default())
            .streaming(method(predict), request)
            .await
    }
}

async fn predict(
    mut requests: Streaming<PredictManyRequest>,
    replies: Replies<PredictManyResponse>,
) {
    let mut index = 0;
    let mut model = String::new();
    while let Ok(Some(request)) = requests.message().await {
        if index == 0 {
            model = request.model_id;
        }
        if model == "short" && index == 3 {
            return;
        }
        let quote = request.quote.expect("has a quote");
        let Some(Value::Text(share)) = &quote.fields["share"].value else {
            panic!("is text");
        };
        let prediction = Prediction {
            quote_ref: quote.quote_ref,
            win_probability: share.parse().expect("is a number"),
            evidence: Evidence::Usable.into(),
            contributions: vec![Contribution {
                column: "=share".into(),
                value: share.clone(),
                ..Contribution::default()
            }],
            ..Prediction::default()
        };
        let shift = u64::from(model == "wrong");
        let reply = PredictManyResponse {
            index: index + shift,
            prediction: Some(prediction),
        };
        if replies.send(Ok(reply)).await.is_err() {
            return;
        }
        index += 1;
    }
}

// The first stream breaks after an event and a heartbeat, the second has the next event.
async fn watch(
    mut requests: Streaming<WatchPredictionsRequest>,
    replies: Replies<WatchPredictionsResponse>,
    watched: Arc<AtomicUsize>,
) {
    let asked = requests.message().await.expect("arrives").expect("is one");
    let event = |cursor: &str, id: &str| WatchPredictionsResponse {
        cursor: cursor.into(),
        event: Some(PredictionMade {
            prediction_id: id.into(),
            ..PredictionMade::default()
        }),
        ..WatchPredictionsResponse::default()
    };
    if watched.fetch_add(1, Ordering::SeqCst) == 0 {
        assert_eq!(asked.cursor, "0");
        let heartbeat = WatchPredictionsResponse {
            cursor: "2".into(),
            event: None,
            ..WatchPredictionsResponse::default()
        };
        let _ = replies.send(Ok(event("1", "p1"))).await;
        let _ = replies.send(Ok(heartbeat)).await;
        let _ = replies.send(Err(Status::unavailable("restarting"))).await;
    } else {
        assert_eq!(asked.cursor, "2");
        let _ = replies.send(Ok(event("3", "p2"))).await;
    }
}

pub async fn serve(listener: TcpListener) {
    let server = Server::builder()
        .add_service(Ingestion)
        .add_service(Predictions::default());
    let served = server.serve_with_incoming(TcpListenerStream::new(listener));
    served.await.expect("serves");
}

pub async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let endpoint = format!("http://{}", listener.local_addr().expect("has an address"));
    (listener, endpoint)
}

pub async fn connect_to(endpoint: &str) -> Connection {
    Connection::connect(endpoint, Some("token"), Duration::from_secs(10))
        .await
        .expect("connects")
}

pub async fn connect() -> Connection {
    let (listener, endpoint) = listen().await;
    tokio::spawn(serve(listener));
    connect_to(&endpoint).await
}
