//! What the gateway promises about files that are sent to it: whole or refused, and nothing of them
//! stays that nobody needs. Deliberately without a real ingestion: see `ingestion.rs`.

mod ingestion;

use std::path::Path;

use platform::config::ClamdAddress;
use proto::{
    auth::{SignUpRequest, auth_service_client::AuthServiceClient},
    ingestion::{
        ErrorsFormat, PreviewDatasetResponse, UploadDatasetRequest, UploadDatasetResponse,
        UploadHeader, ingestion_service_client::IngestionServiceClient,
        preview_dataset_response::Part as Answer, upload_dataset_request::Part,
    },
};
use sha2::{Digest as _, Sha256};
use testkit::{TestResult, World, eventually};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinHandle,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming, transport::Channel};

const MAX_BYTES: u64 = 2_000_000;

struct Client {
    ingestion: IngestionServiceClient<Channel>,
    token: String,
}

impl Client {
    async fn sign_up(world: &World) -> TestResult<Self> {
        Self::sign_up_by(world.channel().await?, "owner@example.com").await
    }

    async fn sign_up_by(channel: Channel, email: &str) -> TestResult<Self> {
        let request = SignUpRequest {
            email: email.to_owned(),
            password: platform::config::Key::generate().to_base64(),
            organization_name: "Example Ltd".to_owned(),
        };
        let reply = AuthServiceClient::new(channel.clone())
            .sign_up(request)
            .await?;
        Ok(Self {
            ingestion: IngestionServiceClient::new(channel),
            token: reply.into_inner().token,
        })
    }

    fn request<M>(&self, message: M) -> TestResult<Request<M>> {
        let mut request = Request::new(message);
        let value = format!("Bearer {}", self.token).parse()?;
        request.metadata_mut().insert("authorization", value);
        Ok(request)
    }

    async fn upload(&self, parts: Vec<Part>) -> TestResult<Result<UploadDatasetResponse, Status>> {
        let request = self.request(tokio_stream::iter(messages(parts)))?;
        let reply = self.ingestion.clone().upload_dataset(request).await;
        Ok(reply.map(tonic::Response::into_inner))
    }

    async fn refused(&self, parts: Vec<Part>) -> TestResult<Status> {
        match self.upload(parts).await? {
            Err(status) => Ok(status),
            Ok(reply) => Err(format!("it was taken: {reply:?}").into()),
        }
    }

    async fn preview(&self, parts: Vec<Part>) -> TestResult<Streaming<PreviewDatasetResponse>> {
        let request = self.request(tokio_stream::iter(messages(parts)))?;
        Ok(self
            .ingestion
            .clone()
            .preview_dataset(request)
            .await?
            .into_inner())
    }
}

fn messages(parts: Vec<Part>) -> Vec<UploadDatasetRequest> {
    parts.into_iter().map(message).collect()
}

fn message(part: Part) -> UploadDatasetRequest {
    UploadDatasetRequest { part: Some(part) }
}

fn header(name: &str, errors: ErrorsFormat) -> Part {
    Part::Header(UploadHeader {
        name: name.to_owned(),
        errors_format: errors.into(),
        ..UploadHeader::default()
    })
}

fn plain() -> Part {
    header("history", ErrorsFormat::Unspecified)
}

fn content(size: usize) -> Vec<u8> {
    (0..size).map(|n| (n % 251) as u8).collect()
}

fn chunks(content: &[u8]) -> Vec<Part> {
    content
        .chunks(200_000)
        .map(|chunk| Part::Chunk(chunk.to_vec()))
        .collect()
}

fn sha256(content: &[u8]) -> Part {
    Part::Sha256(Sha256::digest(content).to_vec())
}

async fn world() -> TestResult<World> {
    let mut world = World::new(&[auth::SERVICE, ingestion::SERVICE, gateway::SERVICE]).await?;
    world.launch.uploads.max_bytes = MAX_BYTES;
    Ok(world)
}

/// Files of the blob store, unfinished ones included.
fn files(dir: &Path) -> TestResult<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        found += if path.is_dir() { files(&path)? } else { 1 };
    }
    Ok(found)
}

async fn eventually_files(world: &World, wanted: usize) -> TestResult {
    eventually("the blob store has what it should", || async {
        Ok(files(&world.launch.blob_dir)? == wanted)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_checked_against_its_checksum_and_the_limit() -> TestResult {
    let mut world = world().await?;
    world.start().await?;
    let client = Client::sign_up(&world).await?;
    let file = content(1_500_000);

    let whole = [vec![plain()], chunks(&file), vec![sha256(&file)]].concat();
    let reply = client.upload(whole.clone()).await??;
    let dataset = reply.dataset.ok_or("no dataset")?;
    assert_eq!((reply.id.as_str(), dataset.row_count), ("d1", 1_500_000));
    assert_eq!(reply.import.ok_or("no import")?.id, "i1");
    assert!(reply.already_imported);
    let without = [vec![plain()], chunks(&file)].concat();
    assert!(client.upload(without).await?.is_ok());

    let cut = [vec![plain()], chunks(&file[1..]), vec![sha256(&file)]].concat();
    let status = client.refused(cut).await?;
    assert_eq!(status.code(), Code::DataLoss, "{status}");
    assert!(status.message().contains("send it again"), "{status}");

    let after = |part| [whole.clone(), vec![part]].concat();
    for more in [Part::Chunk(vec![1]), sha256(&file), plain()] {
        let status = client.refused(after(more)).await?;
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains("last message"), "{status}");
    }
    let twice = vec![plain(), Part::Chunk(vec![1]), plain()];
    let status = client.refused(twice).await?;
    assert!(status.message().contains("header once"), "{status}");
    let status = client.refused(chunks(&file)).await?;
    assert!(status.message().contains("first message"), "{status}");

    let most = content(usize::try_from(MAX_BYTES)?);
    let fits = [vec![plain()], chunks(&most)].concat();
    assert!(client.upload(fits).await?.is_ok());
    let more = [vec![plain()], chunks(&most), vec![Part::Chunk(vec![1])]].concat();
    let status = client.refused(more).await?;
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
    assert!(status.message().contains("2000000 bytes"), "{status}");

    assert_eq!(files(&world.launch.blob_dir)?, 0);
    world.stop().await;
    Ok(())
}

/// A wire to the gateway that can be cut: a call that is dropped here would end its stream in good
/// order, and a complete stream is a complete file.
async fn wire(world: &World) -> TestResult<(JoinHandle<()>, String)> {
    let gateway = world.endpoint()?.replace("http://", "");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let endpoint = format!("http://{}", listener.local_addr()?);
    let wire = tokio::spawn(async move {
        let Ok((mut client, _)) = listener.accept().await else {
            return;
        };
        if let Ok(mut server) = TcpStream::connect(gateway).await {
            // However it ends, the test looks at what the gateway makes of it.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
        }
    });
    Ok((wire, endpoint))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_leaves_nothing() -> TestResult {
    let mut world = world().await?;
    world.start().await?;
    for (preview, email) in [(false, "a@example.com"), (true, "b@example.com")] {
        let (wire, endpoint) = wire(&world).await?;
        let channel = Channel::from_shared(endpoint)?.connect().await?;
        let client = Client::sign_up_by(channel, email).await?;
        let (parts, stream) = mpsc::channel(4);
        let request = client.request(ReceiverStream::new(stream))?;
        let mut ingestion = client.ingestion.clone();
        let call = tokio::spawn(async move {
            if preview {
                let mut answers = ingestion.preview_dataset(request).await?.into_inner();
                answers.message().await.map(drop)
            } else {
                ingestion.upload_dataset(request).await.map(drop)
            }
        });
        parts.send(message(plain())).await?;
        for part in chunks(&content(1_000_000)) {
            parts.send(message(part)).await?;
        }
        eventually_files(&world, 1).await?;
        wire.abort();
        assert!(call.await?.is_err(), "a broken call was answered");
        eventually_files(&world, 0).await?;
    }
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_followed_by_its_errors_file_and_nothing_stays() -> TestResult {
    let mut world = world().await?;
    world.start().await?;
    let client = Client::sign_up(&world).await?;
    let file = content(300_000);
    let parts = |first| [vec![first], chunks(&file), vec![sha256(&file)]].concat();

    let mut answers = client
        .preview(parts(header("h", ErrorsFormat::Csv)))
        .await?;
    let first = answers.message().await?.and_then(|answer| answer.part);
    assert!(
        matches!(&first, Some(Answer::Preview(preview)) if preview.row_count == 300_000),
        "{first:?}"
    );
    let mut errors = Vec::new();
    while let Some(answer) = answers.message().await? {
        let Some(Answer::ErrorsChunk(chunk)) = answer.part else {
            return Err("something else among the errors".into());
        };
        assert!(chunk.len() <= 64 * 1024);
        errors.extend(chunk);
    }
    assert!(
        errors == ingestion::errors_file(),
        "the errors file changed"
    );

    let mut answers = client.preview(parts(plain())).await?;
    assert!(answers.message().await?.is_some());
    assert!(
        answers.message().await?.is_none(),
        "errors nobody asked for"
    );

    let refused = parts(header("unreadable", ErrorsFormat::Csv));
    let status = client.preview(refused).await?.message().await;
    let status = status.expect_err("it is unreadable");
    assert_eq!(status.message(), "it is unreadable");
    let cut = [vec![plain()], chunks(&file[1..]), vec![sha256(&file)]].concat();
    let status = client.preview(cut).await?.message().await;
    assert_eq!(status.expect_err("it was cut").code(), Code::DataLoss);
    eventually_files(&world, 0).await?;

    // A client that reads the preview and none of the errors.
    let mut answers = client
        .preview(parts(header("h", ErrorsFormat::Xlsx)))
        .await?;
    assert!(answers.message().await?.is_some());
    assert_eq!(files(&world.launch.blob_dir)?, 1, "the errors wait");
    drop(answers);
    eventually_files(&world, 0).await?;
    world.stop().await;
    Ok(())
}

async fn find_something(mut stream: TcpStream) -> std::io::Result<()> {
    stream.read_exact(&mut [0; 10]).await?;
    loop {
        let length = stream.read_u32().await?;
        if length == 0 {
            break;
        }
        stream.read_exact(&mut vec![0; length as usize]).await?;
    }
    stream.write_all(b"stream: Test.Virus FOUND\0").await
}

/// A scanner that finds something in every file.
async fn suspicious_scanner() -> TestResult<ClamdAddress> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            find_something(stream).await?;
        }
        Ok::<_, std::io::Error>(())
    });
    Ok(ClamdAddress::Tcp(address))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_scanner_finds_is_refused_and_gone() -> TestResult {
    let mut world = world().await?;
    world.launch.clamd = Some(suspicious_scanner().await?);
    world.start().await?;
    let client = Client::sign_up(&world).await?;
    let parts = || [vec![plain()], chunks(&content(300_000))].concat();
    let status = client.refused(parts()).await?;
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.message().contains("Test.Virus"), "{status}");
    let status = client.preview(parts()).await?.message().await;
    assert!(status.expect_err("found").message().contains("Test.Virus"));
    eventually_files(&world, 0).await?;
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_scanner_nothing_is_taken() -> TestResult {
    let mut world = world().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    world.launch.clamd = Some(ClamdAddress::Tcp(listener.local_addr()?.to_string()));
    drop(listener);
    world.start().await?;
    let client = Client::sign_up(&world).await?;
    let status = client.refused(vec![plain(), Part::Chunk(vec![1])]).await?;
    assert_eq!(status.code(), Code::Unavailable, "{status}");
    assert_eq!(files(&world.launch.blob_dir)?, 0);
    world.stop().await;
    Ok(())
}
