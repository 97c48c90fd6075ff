//! Bad input: the right code, a sentence that says what to do, and nothing half-written.

mod support;

use proto::{
    auth::Role,
    ingestion::{ListDatasetsRequest, TargetField, UploadHeader},
    prediction::ListPredictionsRequest,
    training::{ListModelsRequest, TrainModelRequest},
};
use support::{Person, add_member, history, import, sign_up, upload, world};
use testkit::{TestResult, World};
use tonic::Code;
use valutai::{
    Error,
    args::Secret,
    client::{Connection, auth, models, predict},
};

async fn refused(person: &Person, content: &[u8]) -> TestResult<String> {
    refused_as(person, content, UploadHeader::default()).await
}

/// The refusal where the caller says which column is the outcome.
async fn refused_as(person: &Person, content: &[u8], header: UploadHeader) -> TestResult<String> {
    match upload(person, content, header).await {
        Err(Error::Refused { code, message }) => {
            assert_eq!(code, Code::InvalidArgument, "{message}");
            Ok(message)
        }
        other => Err(format!("{other:?}").into()),
    }
}

fn rows(count: usize, outcome: impl Fn(usize) -> &'static str) -> Vec<u8> {
    let mut file = String::from("date,price,result\n");
    for row in 0..count {
        file.push_str(&format!(
            "2024-01-{:02},{},{}\n",
            1 + row % 28,
            100 + row,
            outcome(row)
        ));
    }
    file.into_bytes()
}

fn won_or_lost(row: usize) -> &'static str {
    ["won", "lost"][row % 2]
}

/// Datasets, quotes and blobs that exist, past all policies.
async fn leftovers(world: &World) -> TestResult<(i64, i64, usize)> {
    let mut admin = world.admin().await?;
    let datasets = sqlx::query_scalar("SELECT count(*) FROM ingestion.dataset")
        .fetch_one(&mut admin)
        .await?;
    let quotes = sqlx::query_scalar("SELECT count(*) FROM ingestion.quote")
        .fetch_one(&mut admin)
        .await?;
    Ok((datasets, quotes, files_below(&world.launch.blob_dir)?))
}

fn files_below(dir: &std::path::Path) -> TestResult<usize> {
    let mut files = 0;
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        files += if path.is_dir() {
            files_below(&path)?
        } else {
            1
        };
    }
    Ok(files)
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_cannot_be_learned_from() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "files").await?;

    let message = refused(&owner, &rows(29, won_or_lost)).await?;
    assert!(message.contains("30"), "{message}");

    let without = String::from_utf8(rows(40, won_or_lost))?.replace(",result", ",remark");
    let message = refused(
        &owner,
        without
            .replace(",won", ",x")
            .replace(",lost", ",y")
            .as_bytes(),
    )
    .await?;
    assert!(message.contains("outcome"), "{message}");

    let outcome_is_result = || UploadHeader {
        mappings: vec![support::mapping(TargetField::Outcome, "result")],
        ..UploadHeader::default()
    };
    let three = rows(60, |row| ["won", "lost", "maybe"][row % 3]);
    let message = refused_as(&owner, &three, outcome_is_result()).await?;
    assert!(message.contains("maybe"), "{message}");

    let message = refused(&owner, b"").await?;
    assert!(message.contains("empty"), "{message}");

    let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01";
    let message = refused(&owner, png).await?;
    assert!(message.contains("PNG"), "{message}");

    let always = rows(60, |_| "won");
    let message = refused_as(&owner, &always, outcome_is_result()).await?;
    assert!(message.contains("lost"), "{message}");

    assert_eq!(leftovers(&world).await?, (0, 0, 0));
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_keeps_nothing() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "dry").await?;
    let header = UploadHeader {
        dry_run: true,
        ..UploadHeader::default()
    };
    let reply = upload(&owner, &history(100, 1)?, header).await?;
    assert_eq!(reply.id, "");
    assert_eq!(reply.report.ok_or("no report")?.row_count, 100);
    assert_eq!(leftovers(&world).await?, (0, 0, 0));
    let listed = owner
        .connection
        .ingestion()
        .list_datasets(ListDatasetsRequest::default())
        .await?;
    assert!(listed.into_inner().datasets.is_empty());
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn people_who_may_not() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "people").await?;
    let anonymous =
        Connection::connect(&owner.endpoint, None, std::time::Duration::from_secs(30)).await?;
    for (email, password) in [
        ("people@example.com", "not the password"),
        ("stranger@example.com", support::PASSWORD.as_str()),
    ] {
        let answer = auth::sign_in(&anonymous, email, &Secret::verbatim(password), "").await;
        match answer {
            Err(Error::Refused { code, message }) => {
                assert_eq!(code, Code::Unauthenticated);
                assert!(message.contains("e-mail or password is wrong"), "{message}");
            }
            other => return Err(format!("{other:?}").into()),
        }
    }
    let dataset = import(&owner, &history(60, 1)?).await?;
    let viewer = add_member(&owner, "people-viewer", Role::Viewer).await?;
    let request = TrainModelRequest {
        dataset_id: dataset.id,
        ..TrainModelRequest::default()
    };
    let status = viewer
        .connection
        .training()
        .train_model(request)
        .await
        .err()
        .ok_or("a viewer trained")?;
    assert_eq!(status.code(), Code::PermissionDenied);
    assert!(status.message().contains("analyst"), "{}", status.message());
    let listed = owner
        .connection
        .training()
        .list_models(ListModelsRequest::default())
        .await?;
    assert!(
        listed.into_inner().models.is_empty(),
        "a model was written all the same"
    );
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn things_that_are_not_there() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "things").await?;
    let unknown = uuid::Uuid::now_v7().to_string();
    let quote = || predict::quote("q", [("price".to_owned(), "1".to_owned())]);

    let found = predict::predict(&owner.connection, &unknown, quote()).await;
    assert_code(found, Code::NotFound, "model")?;
    let found = predict::predict(&owner.connection, "nonsense", quote()).await;
    assert_code(found, Code::NotFound, "alias")?;
    let found = predict::predict(&owner.connection, "Non sense", quote()).await;
    assert_code(found, Code::InvalidArgument, "Non sense")?;
    let found = predict::predict(&owner.connection, "", quote()).await;
    assert_code(found, Code::FailedPrecondition, "train")?;
    let found = models::train(&owner.connection, &unknown, 1, "").await;
    assert_code(found, Code::NotFound, "dataset")?;

    let request = ListPredictionsRequest::default();
    let listed = owner
        .connection
        .prediction()
        .list_predictions(request)
        .await?;
    assert!(listed.into_inner().predictions.is_empty());
    world.stop().await;
    Ok(())
}

fn assert_code<T: std::fmt::Debug>(
    found: valutai::Result<T>,
    wanted: Code,
    word: &str,
) -> TestResult {
    match found {
        Err(Error::Refused { code, message }) => {
            assert_eq!(code, wanted, "{message}");
            assert!(message.contains(word), "{message}");
            Ok(())
        }
        other => Err(format!("{other:?}").into()),
    }
}
