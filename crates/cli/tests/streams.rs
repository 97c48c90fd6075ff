//! The client's three streams against a gateway that is made up: upload, bulk prediction, watch.
//! Deliberately no real service: tests with a whole system stand with the launcher.

use std::{fs, path::PathBuf, time::Duration};

use indicatif::ProgressBar;
use proto::ingestion::{ErrorsFormat, UploadHeader};
use valutai::client::{
    datasets,
    predict_file::{self, FileJob},
    predictions,
};

use gateway::{connect, connect_to, listen, serve};

mod gateway;

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
        ..FileJob::default()
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
async fn a_preview_comes_with_its_errors_file() {
    let (connection, folder) = (connect().await, Folder::new());
    let file = folder.file("q.csv", &vec![b'x'; 600_001]);
    let bar = ProgressBar::hidden();
    let header = |name: &str, errors: ErrorsFormat| UploadHeader {
        name: name.into(),
        errors_format: errors.into(),
        ..UploadHeader::default()
    };
    for (format, wanted) in [
        (ErrorsFormat::Unspecified, b"".as_slice()),
        (ErrorsFormat::Csv, b"row,what is wrong\n"),
    ] {
        let mut errors = Vec::new();
        let header = header("history", format);
        let (preview, bytes) = datasets::preview(&connection, header, &file, &bar, &mut errors)
            .await
            .expect("previews");
        assert_eq!(preview.row_count, 600_001);
        assert_eq!((errors.as_slice(), bytes), (wanted, wanted.len() as u64));
    }
    for (name, part) in [("refused", "no"), ("broken", "restarting")] {
        let mut errors = Vec::new();
        let header = header(name, ErrorsFormat::Csv);
        let error = datasets::preview(&connection, header, &file, &bar, &mut errors)
            .await
            .expect_err("half a preview is none");
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_file_is_annotated_row_for_row() {
    let (connection, folder) = (connect().await, Folder::new());
    let input = quotes(20_000);
    let file = folder.file("q.csv", input.as_bytes());
    let out = folder.0.join("out.csv");
    let bar = ProgressBar::hidden();
    let rows = predict_file::annotate(&connection, &job(file, "m"), &out, false, &bar)
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
        let error =
            predict_file::annotate(&connection, &job(file.clone(), model), &out, false, &bar)
                .await
                .expect_err("breaks");
        assert!(error.to_string().contains(part), "{error}");
    }
    let broken = folder.file("b.csv", b"quote_id,share\nQ1,0.5\nQ2\n");
    let error = predict_file::annotate(&connection, &job(broken, ""), &out, false, &bar)
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
