//! Imports into a dataset that has quotes: updated, revised, unchanged, left aside, and taken back.
//! Deliberately against a real Postgres and NATS, as it is there that quotes supersede each other.

use prost::Message as _;
use proto::{common::BlobRef, ingestion as pb};
use testkit::{TestResult, World, eventually};
use uuid::Uuid;

use crate::support::{Tenant, count, header, tenant};

const HEADER: &str = "Quote,Revision,Outcome,Price,Quote Date,Customer,Contact E-mail\n";

/// A row: number, revision, outcome and price of a quote.
fn row(number: usize, revision: &str, outcome: &str, price: &str) -> String {
    let month = number % 12 + 1;
    let customer = ["ACME", "Bolt", "Core"][number % 3];
    format!(
        "Q{number:03},{revision},{outcome},{price},2024-{month:02}-15,{customer},p{number}@mail.example\n"
    )
}

/// Sixty quotes, a fifth of them open.
fn first_file() -> String {
    let rows = (0..60).map(|number| {
        let outcome = ["won", "lost", "lost", "open", "won"][number % 5];
        row(number, "1", outcome, &format!("{}.00", 100 + number))
    });
    HEADER.to_owned() + &rows.collect::<String>()
}

fn into(dataset: &str) -> pb::UploadHeader {
    pb::UploadHeader {
        dataset_id: dataset.to_owned(),
        ..header(false)
    }
}

fn personal(header: pb::UploadHeader) -> pb::UploadHeader {
    pb::UploadHeader {
        personal_columns: vec!["Contact E-mail".to_owned()],
        ..header
    }
}

async fn snapshot(world: &World, ours: &Tenant, dataset: &str) -> TestResult<pb::Snapshot> {
    let sql = "SELECT snapshot_key, snapshot_size_bytes, snapshot_sha256 FROM ingestion.dataset WHERE id = $1";
    let (key, size_bytes, sha256) = sqlx::query_as(sql)
        .bind(Uuid::try_parse(dataset)?)
        .fetch_one(&mut world.admin().await?)
        .await?;
    let blob = BlobRef {
        key,
        size_bytes,
        sha256,
    };
    let bytes = ours.blobs.get(ours.id, &blob).await?;
    Ok(pb::Snapshot::decode(bytes.as_slice())?)
}

#[tokio::test(flavor = "multi_thread")]
async fn quotes_are_updated_revised_and_given_back() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let ours = tenant(&world, "ada@example.com").await?;
    let first = ours.import(&first_file(), personal(header(false))).await?;
    let id = first.dataset_id.clone();
    let dataset = ours.until_ready(&id).await?;
    let counts = (dataset.won_count, dataset.lost_count, dataset.open_count);
    assert_eq!(counts, (24, 24, 12));
    assert_eq!(snapshot(&world, &ours, &id).await?.row_count, 48);
    let before = ours.state(&id).await?;

    // Q003 and Q008 were open; Q001 gets a second revision; Q100 is new; Q000 stands as it stood.
    let second = HEADER.to_owned()
        + &row(3, "1", "won", "103.00")
        + &row(8, "1", "lost", "108.00")
        + &row(1, "2", "won", "90.00")
        + &row(100, "1", "lost", "77.00")
        + &row(0, "1", "won", "100.00");
    let import = ours.import(&second, into(&id)).await?;
    let effect = import.effect.unwrap_or_default();
    let told = (
        effect.created,
        effect.updated,
        effect.unchanged,
        effect.refused,
    );
    assert_eq!(told, (1, 3, 1, 0));
    let after = ours.state(&id).await?;
    assert_eq!(after.len(), 61);
    assert!(
        after["Q003"].starts_with("1 Won 10300"),
        "{}",
        after["Q003"]
    );
    assert!(after["Q001"].starts_with("2 Won 9000"), "{}", after["Q001"]);
    assert!(after["Q000"] == before["Q000"]);
    assert!(
        after["Q003"].contains("p3@mail.example"),
        "the mapping is remembered"
    );
    let dataset = ours.dataset(&id).await?;
    let counts = (dataset.won_count, dataset.lost_count, dataset.open_count);
    assert_eq!(
        counts,
        (26, 25, 10),
        "an outcome counts once, whatever the revisions"
    );
    assert_eq!(dataset.import_count, 2);
    let learnt = snapshot(&world, &ours, &id).await?;
    assert_eq!(learnt.row_count, 51);

    let refused = ours
        .undo(&first.id)
        .await
        .expect_err("the second stands on it");
    assert_eq!(refused.code(), tonic::Code::FailedPrecondition);
    assert!(refused.message().contains(&import.id), "{refused}");
    ours.undo(&import.id).await?;
    ours.until(&import.id, pb::ImportState::Undone).await?;
    assert_eq!(ours.state(&id).await?, before, "as if it had never been");
    assert_eq!(snapshot(&world, &ours, &id).await?.row_count, 48);
    let again = ours
        .undo(&import.id)
        .await
        .expect_err("it is undone already");
    assert_eq!(again.code(), tonic::Code::FailedPrecondition);

    ours.undo(&first.id).await?;
    ours.until(&first.id, pb::ImportState::Undone).await?;
    assert_eq!(ours.dataset(&id).await?.state(), pb::DatasetState::Empty);
    assert_eq!(
        count(&world, "SELECT count(*) FROM ingestion.quote").await?,
        0
    );
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_file_again_changes_nothing() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let ours = tenant(&world, "ada@example.com").await?;
    let first = ours.import(&first_file(), header(false)).await?;
    let (blob, answer) = ours
        .upload(first_file().as_bytes(), into(&first.dataset_id))
        .await?;
    let answer = answer?;
    assert!(answer.already_imported);
    assert_eq!(answer.import.unwrap_or_default().id, first.id);
    assert!(
        ours.blobs.get(ours.id, &blob).await.is_err(),
        "nothing is kept"
    );
    let mistaken = pb::UploadHeader {
        mappings: vec![pb::ColumnMapping {
            field: pb::TargetField::Price as i32,
            column: "Prise".to_owned(),
        }],
        ..header(false)
    };
    let (_, answer) = ours.upload(first_file().as_bytes(), mistaken).await?;
    let refused = answer.expect_err("no memory hides a mistake");
    assert!(refused.message().contains("\"Prise\""), "{refused}");
    let (_, answer) = ours.upload(first_file().as_bytes(), header(false)).await?;
    let answer = answer?;
    ours.until_ready(&answer.id).await?;
    let warnings = answer.report.unwrap_or_default().warnings;
    let known = warnings.iter().find(|warning| warning.rule == "file_known");
    assert!(known.is_some_and(|warning| warning.message.contains("quotes.csv")));
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn modes_and_blank_cells_are_obeyed() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let ours = tenant(&world, "ada@example.com").await?;
    let first = ours.import(&first_file(), personal(header(false))).await?;
    let id = first.dataset_id;
    // Blank: the price of Q003 and the customer of Q008.
    let blank = |price: &str| {
        let other = row(8, "1", "lost", "500.00").replace("Core", "");
        HEADER.to_owned() + &row(3, "1", "won", price) + &other + &row(200, "1", "won", "5.00")
    };
    let import = ours
        .import(
            &blank(""),
            pb::UploadHeader {
                mode: pb::ImportMode::UpdateOnly as i32,
                ..into(&id)
            },
        )
        .await?;
    let effect = import.effect.unwrap_or_default();
    assert_eq!((effect.updated, effect.skipped), (2, 1));
    let state = ours.state(&id).await?;
    assert!(
        state["Q003"].starts_with("1 Won 10300"),
        "kept: {}",
        state["Q003"]
    );
    assert!(state["Q008"].contains("Core"), "kept: {}", state["Q008"]);
    assert!(!state.contains_key("Q200"));

    let import = ours
        .import(
            &blank("1.00"),
            pb::UploadHeader {
                mode: pb::ImportMode::InsertOnly as i32,
                ..into(&id)
            },
        )
        .await?;
    let effect = import.effect.unwrap_or_default();
    assert_eq!(
        (effect.created, effect.skipped, effect.unchanged),
        (1, 1, 1)
    );

    let unknown = blank("2.00");
    ours.import(
        &unknown,
        pb::UploadHeader {
            blank_cells: pb::BlankCells::Unknown as i32,
            ..into(&id)
        },
    )
    .await?;
    let state = ours.state(&id).await?;
    assert!(state["Q008"].contains("unknown"), "{}", state["Q008"]);
    assert!(state["Q003"].starts_with("1 Won 200 "), "{}", state["Q003"]);
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_rows_are_left_aside_with_consent_only() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let ours = tenant(&world, "ada@example.com").await?;
    let broken = first_file()
        .replace(",104.00,", ",much,")
        .replace(",105.00,", ",-3,");
    let (_, answer) = ours
        .upload(broken.as_bytes(), personal(header(false)))
        .await?;
    assert_eq!(
        answer.expect_err("is refused").code(),
        tonic::Code::InvalidArgument
    );
    let consenting = pb::UploadHeader {
        leave_bad_rows_aside: true,
        ..personal(header(false))
    };
    let import = ours.import(&broken, consenting).await?;
    let effect = import.effect.unwrap_or_default();
    assert_eq!((effect.created, effect.refused), (58, 2));
    let request = pb::ListQuarantinedRowsRequest {
        import_id: import.id.clone(),
        ..Default::default()
    };
    let listed = ours
        .ingestion
        .list_quarantined_rows(&ours.context, request)
        .await?;
    let rows: Vec<_> = listed.rows.iter().map(|row| row.row).collect();
    assert_eq!(rows, [6, 7]);
    let problem = &listed.rows[0].problems[0];
    assert_eq!(
        (problem.column.as_str(), problem.value.as_str()),
        ("Price", "much")
    );
    assert!(listed.rows[0].raw_json.contains("p4@mail.example"));
    let audited =
        "SELECT count(*) FROM auth.audit_entry WHERE action = 'ingestion.read_quarantined_rows'";
    eventually("the look is in the audit trail", || async {
        Ok(count(&world, audited).await? == 1)
    })
    .await?;
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn personal_cells_are_nowhere_in_clear() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let ours = tenant(&world, "ada@example.com").await?;
    let import = ours.import(&first_file(), personal(header(false))).await?;
    let sql = "SELECT count(*) FROM ingestion.quote q WHERE q::text LIKE '%mail.example%'";
    assert_eq!(count(&world, sql).await?, 0);
    let sql = "SELECT count(*) FROM ingestion.dataset d WHERE d::text LIKE '%mail.example%'";
    assert_eq!(count(&world, sql).await?, 0);
    let request = |include_personal| pb::ListQuotesRequest {
        dataset_id: import.dataset_id.clone(),
        include_personal,
        ..Default::default()
    };
    let shown = ours.list(request(false)).await?;
    assert!(shown.iter().all(|quote| quote.personal_json.is_empty()));
    let asked = ours.list(request(true)).await?;
    assert!(
        asked
            .iter()
            .all(|quote| quote.personal_json.contains("@mail.example"))
    );
    let audited =
        "SELECT count(*) FROM auth.audit_entry WHERE action = 'ingestion.read_personal_columns'";
    eventually("the look is in the audit trail", || async {
        Ok(count(&world, audited).await? == 2)
    })
    .await?;
    world.stop().await;
    world.assert_outboxes_empty().await
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_agree_with_the_file() -> TestResult {
    let mut world = World::running(&[auth::SERVICE, ingestion::SERVICE]).await?;
    let ours = tenant(&world, "ada@example.com").await?;
    let import = ours.import(&first_file(), header(false)).await?;
    let names = |filter: pb::QuoteFilter, order: pb::QuoteOrder| {
        let request = pb::ListQuotesRequest {
            dataset_id: import.dataset_id.clone(),
            page_size: 4,
            filter: Some(filter),
            order: order as i32,
            ..Default::default()
        };
        let ours = &ours;
        async move {
            let quotes = ours.list(request).await?;
            let names = quotes.into_iter().map(|quote| quote.quote_ref[1..].parse());
            Ok::<Vec<usize>, testkit::Failure>(names.collect::<Result<_, _>>()?)
        }
    };
    let open = pb::QuoteFilter {
        outcome: pb::Outcome::Open as i32,
        ..Default::default()
    };
    let cheapest = names(open.clone(), pb::QuoteOrder::Cheapest).await?;
    assert_eq!(cheapest, (0..60).filter(|n| n % 5 == 3).collect::<Vec<_>>());
    let won = pb::QuoteFilter {
        outcome: pb::Outcome::Won as i32,
        customer: "Bolt".to_owned(),
        price_minor_min: Some(11_000),
        price_minor_max: Some(14_000),
        ..Default::default()
    };
    let dearest = names(won, pb::QuoteOrder::Dearest).await?;
    let wanted = |n: &usize| n % 3 == 1 && [0, 4].contains(&(n % 5)) && (10..=40).contains(n);
    assert_eq!(dearest, (0..60).rev().filter(wanted).collect::<Vec<_>>());
    let spring = pb::QuoteFilter {
        quoted_from: "2024-03-01".to_owned(),
        quoted_to: "2024-04-30".to_owned(),
        ..Default::default()
    };
    let newest = names(spring.clone(), pb::QuoteOrder::Newest).await?;
    let mut oldest = names(spring, pb::QuoteOrder::Oldest).await?;
    oldest.reverse();
    assert_eq!(newest, oldest);
    assert_eq!(newest.len(), 10);
    let prefix = pb::QuoteFilter {
        quote_ref_prefix: "Q01".to_owned(),
        ..Default::default()
    };
    let found = names(prefix, pb::QuoteOrder::Row).await?;
    assert_eq!(found, (10..20).collect::<Vec<_>>());
    world.stop().await;
    world.assert_outboxes_empty().await
}
