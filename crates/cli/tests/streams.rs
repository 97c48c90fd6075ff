//! The client's three streams against a gateway that is made up: upload, bulk prediction, watch.
//! Deliberately no real service: tests with a whole system stand with the launcher.

use std::{
    convert::Infallible,
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use indicatif::ProgressBar;
use proto::{
    ingestion::{
        Dataset, UploadDatasetRequest, UploadDatasetResponse, UploadHeader,
        upload_dataset_request::Part,
    },
    prediction::{
        Contribution, Evidence, PredictManyRequest, PredictManyResponse, Prediction,
        PredictionMade, WatchPredictionsRequest, WatchPredictionsResponse, field_value::Value,
    },
};
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
use valutai::client::{
    Connection, datasets,
    predict_file::{self, FileJob},
    predictions,
};

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
        Grpc::new(ProstCodec::default())
            .streaming(method(receive), request)
            .await
    }
}

async fn receive(
    mut parts: Streaming<UploadDatasetRequest>,
    replies: Replies<UploadDatasetResponse>,
) {
    let mut name = String::new();
    let mut size = 0;
    while let Ok(Some(message)) = parts.message().await {
        match message.part {
            Some(Part::Header(header)) if header.name == "refused" => {
                let _ = replies.send(Err(Status::invalid_argument("no"))).await;
                return;
            }
            Some(Part::Header(header)) => name = header.name,
            Some(Part::Chunk(chunk)) => {
                assert!(chunk.len() <= 256 * 1024);
                size += u32::try_from(chunk.len()).expect("is small");
            }
            None => {}
        }
    }
    let dataset = Dataset {
        name,
        row_count: size,
        ..Dataset::default()
    };
    let reply = UploadDatasetResponse {
        id: "d1".into(),
        dataset: Some(dataset),
        report: None,
    };
    let _ = replies.send(Ok(reply)).await;
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
    };
    if watched.fetch_add(1, Ordering::SeqCst) == 0 {
        assert_eq!(asked.cursor, "0");
        let heartbeat = WatchPredictionsResponse {
            cursor: "2".into(),
            event: None,
        };
        let _ = replies.send(Ok(event("1", "p1"))).await;
        let _ = replies.send(Ok(heartbeat)).await;
        let _ = replies.send(Err(Status::unavailable("restarting"))).await;
    } else {
        assert_eq!(asked.cursor, "2");
        let _ = replies.send(Ok(event("3", "p2"))).await;
    }
}

async fn serve(listener: TcpListener) {
    let server = Server::builder()
        .add_service(Ingestion)
        .add_service(Predictions::default());
    let served = server.serve_with_incoming(TcpListenerStream::new(listener));
    served.await.expect("serves");
}

async fn listen() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let endpoint = format!("http://{}", listener.local_addr().expect("has an address"));
    (listener, endpoint)
}

async fn connect_to(endpoint: &str) -> Connection {
    Connection::connect(endpoint, Some("token"), Duration::from_secs(10))
        .await
        .expect("connects")
}

async fn connect() -> Connection {
    let (listener, endpoint) = listen().await;
    tokio::spawn(serve(listener));
    connect_to(&endpoint).await
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("valutai-{}", uuid::Uuid::new_v4()));
        fs::create_dir(&path).expect("makes a folder");
        Self(path)
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).expect("writes");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn job(file: PathBuf, model_id: &str) -> FileJob {
    FileJob {
        model_id: model_id.into(),
        file,
        ref_column: None,
    }
}

fn quotes(rows: usize) -> String {
    let mut text = String::from("quote_id,share,note\n");
    for row in 0..rows {
        text.push_str(&format!("Q{row},0.{row:05},\"a, \"\"b\"\" {row}\"\n"));
    }
    text
}

#[tokio::test]
async fn a_file_is_uploaded_whole() {
    let (connection, folder) = (connect().await, Folder::new());
    let file = folder.file("q.csv", &vec![b'x'; 1_000_001]);
    let header = UploadHeader {
        name: "history".into(),
        ..UploadHeader::default()
    };
    let bar = ProgressBar::hidden();
    let reply = datasets::upload(&connection, header, &file, &bar)
        .await
        .expect("uploads");
    let dataset = reply.dataset.expect("is there");
    assert_eq!(
        (dataset.name.as_str(), dataset.row_count),
        ("history", 1_000_001)
    );
    assert_eq!(bar.position(), 1_000_001);
}

#[tokio::test]
async fn an_upload_ends_with_its_refusal_or_its_file() {
    let (connection, folder) = (connect().await, Folder::new());
    let file = folder.file("q.csv", &vec![b'x'; 20_000_000]);
    let header = UploadHeader {
        name: "refused".into(),
        ..UploadHeader::default()
    };
    let bar = ProgressBar::hidden();
    let error = datasets::upload(&connection, header, &file, &bar)
        .await
        .expect_err("is refused");
    assert_eq!(error.to_string(), "no");
    // A folder opens as a file but cannot be read.
    let error = datasets::upload(&connection, UploadHeader::default(), &folder.0, &bar)
        .await
        .expect_err("cannot be read");
    assert!(
        matches!(error, valutai::Error::File { .. }),
        "an upload that broke off must not count as complete: {error}"
    );
}

#[tokio::test]
async fn a_file_is_annotated_row_for_row() {
    let (connection, folder) = (connect().await, Folder::new());
    let input = quotes(20_000);
    let file = folder.file("q.csv", input.as_bytes());
    let out = folder.0.join("out.csv");
    let bar = ProgressBar::hidden();
    let rows = predict_file::annotate(&connection, &job(file, "m"), &out, &bar)
        .await
        .expect("predicts");
    assert_eq!(rows, 20_000);
    assert_eq!(bar.position(), input.len() as u64 - 20);
    let text = fs::read_to_string(&out).expect("reads");
    assert_eq!(text.lines().count(), 20_001);
    for (row, (line, source)) in text.lines().zip(input.lines()).enumerate().skip(1) {
        let number = row - 1;
        let added =
            format!("0.{number:05}0,0.000000,0.000000,usable,'=share=0.{number:05} +0.0 pts");
        assert_eq!(line, format!("{source},{added}"));
    }
}

#[tokio::test]
async fn a_broken_stream_leaves_no_file() {
    let (connection, folder) = (connect().await, Folder::new());
    let file = folder.file("q.csv", quotes(50).as_bytes());
    let out = folder.file("out.csv", b"old");
    let bar = ProgressBar::hidden();
    for (model, part) in [("short", "after 3 rows"), ("wrong", "order")] {
        let error = predict_file::annotate(&connection, &job(file.clone(), model), &out, &bar)
            .await
            .expect_err("breaks");
        assert!(error.to_string().contains(part), "{error}");
    }
    let broken = folder.file("b.csv", b"quote_id,share\nQ1,0.5\nQ2\n");
    let error = predict_file::annotate(&connection, &job(broken, ""), &out, &bar)
        .await
        .expect_err("is broken");
    assert!(error.to_string().contains("row 3"), "{error}");
    assert_eq!(fs::read(&out).expect("reads"), b"old");
    assert_eq!(fs::read_dir(&folder.0).expect("lists").count(), 3);
}

#[tokio::test]
async fn watching_goes_on_after_a_break() {
    let connection = connect().await;
    let mut seen = Vec::new();
    predictions::watch(&connection, "0".into(), Some(2), |message, event| {
        seen.push(format!("{}={}", message.cursor, event.prediction_id));
        Ok(())
    })
    .await
    .expect("watches");
    assert_eq!(seen, ["1=p1", "3=p2"]);
}

#[tokio::test]
async fn a_server_that_went_away_is_told_as_such() {
    // A runtime of its own, because that takes the open connections along when it ends.
    let server = tokio::runtime::Runtime::new().expect("starts");
    let (listener, endpoint) = server.spawn(listen()).await.expect("listens");
    server.spawn(serve(listener));
    let connection = connect_to(&endpoint).await;
    server.shutdown_background();
    tokio::time::sleep(Duration::from_millis(200)).await;
    let error = datasets::get(&connection, "d1").await.expect_err("is away");
    assert!(error.is_unavailable(), "{error}");
    assert!(error.to_string().contains("connection"), "{error}");
    assert_eq!(error.exit_code(), 1);
}
