//! Uploads against a real Postgres and NATS: what is stored, what is refused, what is left behind.
//! Deliberately without the gateway: the calls come as it would forward them.

use prost::Message as _;
use proto::{common::BlobRef, ingestion as pb};
use testkit::{TestResult, World, eventually};
use uuid::Uuid;

use crate::support::{count, header, history, tenant};

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_stored_listed_and_deleted() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let (ours, theirs) = (
        tenant(&world, "ada@example.com").await?,
        tenant(&world, "eve@example.com").await?,
    );
    let (upload, answer) = ours.upload(history(90).as_bytes(), header(false)).await?;
    let id = answer?.id;
    let dataset = ours.until_ready(&id).await?;
    assert_eq!(dataset.name, "quotes.csv");
    assert_eq!(
        (dataset.row_count, dataset.won_count, dataset.lost_count),
        (90, 30, 60)
    );
    assert_eq!(dataset.columns.len(), 6);

    let first = ours.quotes(&id, "").await?;
    let second = ours.quotes(&id, &first.next_page_token).await?;
    let rows: Vec<u32> = first
        .quotes
        .iter()
        .chain(&second.quotes)
        .map(|q| q.row)
        .collect();
    assert_eq!(rows, (2..=61).collect::<Vec<u32>>());
    assert_eq!(first.quotes[0].quoted_on, "1990-01-15");
    assert_eq!(first.quotes[0].price_minor, 10_025);
    assert!(first.quotes[0].raw_json.contains("a, \\\"b\\\""));

    let stored = count(&world, "SELECT count(*) FROM ingestion.quote").await?;
    let other = count(&world, "SELECT count(*) FROM ingestion.quote_before").await?;
    assert_eq!((stored, other), (90, 0));

    let hidden = theirs.dataset(&id).await.expect_err("it is not theirs");
    assert_eq!(hidden.code(), tonic::Code::NotFound);
    let request = pb::ListDatasetsRequest::default();
    let listed = theirs
        .ingestion
        .list_datasets(&theirs.context, request)
        .await?;
    assert!(listed.datasets.is_empty());

    let request = pb::DeleteDatasetRequest { id: id.clone() };
    ours.ingestion
        .delete_dataset(&ours.context, request)
        .await?;
    assert!(ours.dataset(&id).await.is_err());
    assert_eq!(
        count(&world, "SELECT count(*) FROM ingestion.quote").await?,
        0
    );
    assert!(
        ours.blobs.get(ours.id, &upload).await.is_err(),
        "the file is gone"
    );
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_or_only_checked_leaves_nothing() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let ours = tenant(&world, "ada@example.com").await?;
    let broken = history(40).replace("107.25", "cheap");
    let header = |dry_run| pb::UploadHeader {
        mappings: vec![pb::ColumnMapping {
            field: pb::TargetField::Price as i32,
            column: "Price".to_owned(),
        }],
        ..header(dry_run)
    };

    let (checked, answer) = ours.upload(broken.as_bytes(), header(true)).await?;
    let answer = answer?;
    assert!(answer.id.is_empty() && answer.dataset.is_none());
    let problem = &answer.report.unwrap_or_default().problems[0];
    assert_eq!((problem.rule.as_str(), problem.row), ("price_number", 3));

    let (refused, answer) = ours.upload(broken.as_bytes(), header(false)).await?;
    let status = answer.expect_err("a price is no number");
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    assert!(
        status.message().starts_with("row 3, column \"Price\""),
        "{status}"
    );
    for blob in [checked, refused] {
        assert!(
            ours.blobs.get(ours.id, &blob).await.is_err(),
            "the file is gone"
        );
    }
    assert_eq!(
        count(&world, "SELECT count(*) FROM ingestion.dataset").await?,
        0
    );
    let audited = "SELECT count(*) FROM auth.audit_entry WHERE action IN ('ingestion.preview_dataset', 'ingestion.reject_upload')";
    eventually("both attempts are in the audit trail", || async {
        Ok(count(&world, audited).await? == 2)
    })
    .await?;
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redelivery_stores_nothing_twice() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let ours = tenant(&world, "ada@example.com").await?;
    let (blob, answer) = ours.upload(history(60).as_bytes(), header(false)).await?;
    let answer = answer?;
    let (id, import_id) = (answer.id, answer.import.unwrap_or_default().id);
    ours.until_ready(&id).await?;
    let again = pb::DatasetUploaded {
        dataset_id: id.clone(),
        blob: Some(blob),
        import_id,
    };
    let gone = pb::DatasetUploaded {
        dataset_id: Uuid::now_v7().to_string(),
        import_id: Uuid::now_v7().to_string(),
        ..again.clone()
    };
    let mut tx = world.database("ingestion").await?.begin(ours.id).await?;
    tx.publish(&again).await?;
    tx.publish(&gone).await?;
    tx.commit().await?;
    // Events are handled in order, so a later import proves that the earlier ones are done.
    let (_, answer) = ours.upload(history(50).as_bytes(), header(false)).await?;
    ours.until_ready(&answer?.id).await?;
    assert_eq!(
        count(&world, "SELECT count(*) FROM ingestion.quote").await?,
        110
    );

    let sql = "SELECT snapshot_key, snapshot_size_bytes, snapshot_sha256 FROM ingestion.dataset WHERE id = $1";
    let (key, size_bytes, sha256) = sqlx::query_as(sql)
        .bind(Uuid::try_parse(&id)?)
        .fetch_one(&mut world.admin().await?)
        .await?;
    let blob = BlobRef {
        key,
        size_bytes,
        sha256,
    };
    let snapshot = ours.blobs.get(ours.id, &blob).await?;
    let snapshot = pb::Snapshot::decode(snapshot.as_slice())?;
    assert_eq!((snapshot.row_count, snapshot.dates.len()), (60, 60));
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_damaged_behind_our_back_fails_its_dataset() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let ours = tenant(&world, "ada@example.com").await?;
    let (_, answer) = ours.upload(history(60).as_bytes(), header(false)).await?;
    let answer = answer?;
    let (id, import_id) = (answer.id, answer.import.unwrap_or_default().id);
    ours.until_ready(&id).await?;
    // As it stood before the import, with a checksum that is another file's.
    let mut admin = world.admin().await?;
    sqlx::raw_sql(
        "DELETE FROM ingestion.quote;
         UPDATE ingestion.dataset SET state = 'importing';
         UPDATE ingestion.import SET state = 'importing', upload_sha256 = '\\x00'",
    )
    .execute(&mut admin)
    .await?;
    let mut tx = world.database("ingestion").await?.begin(ours.id).await?;
    tx.publish(&pb::DatasetUploaded {
        dataset_id: id.clone(),
        blob: None,
        import_id,
    })
    .await?;
    tx.commit().await?;
    eventually("the dataset has failed", || async {
        Ok(ours.dataset(&id).await?.state() == pb::DatasetState::Failed)
    })
    .await?;
    assert_eq!(
        ours.dataset(&id).await?.problem,
        "the stored file is damaged: import it again"
    );
    world.stop().await;
    world.assert_outboxes_empty().await
}

/// The rows of a history from one number to another.
fn part(rows: std::ops::Range<usize>) -> String {
    let all = history(rows.end);
    let mut lines = all.lines();
    let header = lines.next().unwrap_or_default().to_owned();
    let some = lines.skip(rows.start).map(|line| format!("\n{line}"));
    header + &some.collect::<String>()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_later_import_has_too_outlives_the_first() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let ours = tenant(&world, "ada@example.com").await?;
    let first = ours.import(&part(0..90), header(false)).await?;
    let id = first.dataset_id.clone();
    let into = || pb::UploadHeader {
        dataset_id: id.clone(),
        ..header(false)
    };
    // Both confirm a part of the first, and the second brings quotes of its own.
    let second = ours.import(&part(40..120), into()).await?;
    let effect = second.effect.unwrap_or_default();
    assert_eq!((effect.created, effect.unchanged), (30, 50));
    let third = ours.import(&part(70..100), into()).await?;
    let effect = third.effect.unwrap_or_default();
    assert_eq!((effect.created, effect.unchanged), (0, 30));
    let all = ours.state(&id).await?;
    let have = |state: &std::collections::BTreeMap<String, String>,
                rows: std::ops::Range<usize>| {
        rows.clone().all(|row| {
            let name = format!("Q{row}");
            state.get(&name).is_some_and(|quote| {
                // What is derived from earlier quotes may change, the cells may not.
                let cells = |text: &str| text.split(" {\"derived").next().map(str::to_owned);
                all.get(&name)
                    .is_some_and(|before| cells(before) == cells(quote))
            })
        }) && state.len() == rows.len()
    };
    assert!(have(&all, 0..120));

    ours.undo(&first.id).await?;
    ours.until(&first.id, pb::ImportState::Undone).await?;
    assert!(
        have(&ours.state(&id).await?, 40..120),
        "the second has them"
    );
    let quotes = ours.quotes(&id, "").await?.quotes;
    let row_of = |name: &str| quotes.iter().find(|quote| quote.quote_ref == name);
    let inherited = row_of("Q40").ok_or("is there")?;
    assert_eq!(
        (inherited.row, inherited.import_id.as_str()),
        (2, second.id.as_str())
    );

    ours.undo(&second.id).await?;
    ours.until(&second.id, pb::ImportState::Undone).await?;
    assert!(have(&ours.state(&id).await?, 70..100), "the third has them");
    ours.undo(&third.id).await?;
    ours.until(&third.id, pb::ImportState::Undone).await?;
    assert_eq!(ours.dataset(&id).await?.state(), pb::DatasetState::Empty);
    let left = count(&world, "SELECT count(*) FROM ingestion.confirmed_quote").await?;
    assert_eq!(left, 0);
    world.stop().await;
    world.assert_outboxes_empty().await
}
