//! The main job from upload to report, over real gRPC.

mod support;

use indicatif::ProgressBar;
use platform::dead;
use proto::{
    auth::ListAuditEntriesRequest,
    ingestion::{Dataset, TargetField},
    prediction::{ListPredictionsRequest, PredictionMade},
    reporting::ReportKind,
    training::GetModelRequest,
};
use support::{TempFile, history, import, sign_up, train, world};
use testkit::{TestResult, eventually};
use valutai::client::{
    predict,
    predict_file::{self, FileJob},
    predictions, reports,
};

#[tokio::test(flavor = "multi_thread")]
async fn from_upload_to_report() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "ada").await?;
    let dataset = import(&owner, &history(800, 1)?).await?;
    assert_eq!(dataset.row_count, 800);
    assert_eq!(dataset.won_count + dataset.lost_count, 800);
    let field_of = |name: &str| {
        dataset
            .columns
            .iter()
            .find(|column| column.name == name)
            .map(proto::ingestion::ColumnReport::field)
    };
    assert_eq!(field_of("outcome"), Some(TargetField::Outcome));
    assert_eq!(field_of("price"), Some(TargetField::Price));
    assert_eq!(field_of("quote_date"), Some(TargetField::Date));
    assert_eq!(field_of("quote_id"), Some(TargetField::QuoteId));

    let model = train(&owner, &dataset.id).await?;
    let scores = model.scores.clone().ok_or("no scores")?;
    assert!(model.champion, "the first model answers by default");
    assert!(model.tested_on_newest, "the history has dates");
    assert!(scores.auc_roc.ok_or("no AUC")? > 0.6);
    assert!(scores.log_loss < scores.base_rate_log_loss);
    assert_eq!(model.train_row_count + model.test_row_count, 800);
    assert!(!model.importances.is_empty());

    let rows = predict_a_file(&owner).await?;
    let events = hear(&owner, rows).await?;
    assert_eq!(events.len(), rows);
    assert!(events.iter().all(|event| event.model_id == model.id));

    let report = reports::generate(&owner.connection, &model.id).await?;
    let page = reports::get(&owner.connection, &report.id, true)
        .await?
        .html;
    assert!(page.contains("<svg") && page.contains("</html>"));
    assert!(!report.report.ok_or("no report")?.insights.is_empty());

    analysis_counts_every_quote(&owner, &dataset).await?;

    audit_is_complete(&owner).await?;
    world.stop().await;
    world.assert_outboxes_empty().await?;
    let dead = dead::list(&world.bus().await?, 10).await?;
    assert!(dead.is_empty(), "{dead:?}");
    Ok(())
}

/// The win/loss analysis is made of the snapshot, and adds up to what was imported.
async fn analysis_counts_every_quote(owner: &support::Person, dataset: &Dataset) -> TestResult {
    let analysed = reports::analyse(&owner.connection, &dataset.id).await?;
    let report = analysed.report.ok_or("no report")?;
    assert_eq!(report.kind(), ReportKind::WinLoss);
    let about = (report.dataset_id.as_str(), report.model_id.as_str());
    assert_eq!(about, (dataset.id.as_str(), ""));
    let content: serde_json::Value = serde_json::from_str(&report.content_json)?;
    let columns = content["columns"].as_array().ok_or("no columns")?;
    assert!(columns.len() >= 4, "{columns:?}");
    for column in columns {
        let sum = |figure: &str| -> u64 {
            let groups = column["groups"].as_array().into_iter().flatten();
            groups.filter_map(|group| group[figure].as_u64()).sum()
        };
        let others = column["other_quotes"].as_u64().ok_or("no number")?;
        // Few enough groups that all of them are shown.
        assert_eq!(
            sum("quotes") + others,
            u64::from(dataset.row_count),
            "{column}"
        );
        assert!(sum("won") <= u64::from(dataset.won_count));
    }
    let page = reports::get(&owner.connection, &report.id, true)
        .await?
        .html;
    assert!(page.contains("Win/loss analysis") && page.contains("</html>"));
    let unknown = reports::analyse(&owner.connection, &uuid::Uuid::now_v7().to_string()).await;
    assert!(unknown.is_err_and(|error| error.to_string().contains("no dataset")));
    Ok(())
}

/// Predicts 250 rows through the bulk stream and checks that each answer stands beside its row.
async fn predict_a_file(owner: &support::Person) -> TestResult<usize> {
    let input = TempFile::new(&history(250, 7)?)?;
    let job = FileJob {
        model_id: String::new(),
        file: input.0.clone(),
        ref_column: Some("quote_id".to_owned()),
    };
    let out = TempFile::new(b"")?;
    predict_file::annotate(&owner.connection, &job, &out.0, &ProgressBar::hidden()).await?;
    let given = std::fs::read_to_string(&input.0)?;
    let answered = std::fs::read_to_string(&out.0)?;
    assert_eq!(given.lines().count(), answered.lines().count());
    for (row, answer) in given.lines().zip(answered.lines()) {
        assert!(
            answer.starts_with(row),
            "{answer} does not begin with {row}"
        );
    }
    let header = answered.lines().next().ok_or("no header")?;
    assert!(header.ends_with(
        "win_probability,win_probability_low,win_probability_high,evidence,top_reasons"
    ));
    // The same quote alone gets the same answer as in the file.
    let mut reader = csv::Reader::from_reader(answered.as_bytes());
    let columns = reader.headers()?.clone();
    let first = reader.records().next().ok_or("no row")??;
    let fields = columns
        .iter()
        .zip(&first)
        .take(14)
        .map(|(column, text)| (column.to_owned(), text.to_owned()));
    let reply = predict::predict(&owner.connection, "", predict::quote("again", fields)).await?;
    let alone = reply.prediction.ok_or("no prediction")?;
    let in_file: f64 = first.get(14).ok_or("no probability")?.parse()?;
    assert!((alone.win_probability - in_file).abs() < 1e-6);
    let total: f64 = alone.contributions.iter().map(|c| c.log_odds).sum();
    let odds = alone.win_probability / (1.0 - alone.win_probability);
    assert!(
        (alone.base_log_odds + total - odds.ln()).abs() < 1e-6,
        "contributions add up"
    );
    Ok(251)
}

async fn hear(owner: &support::Person, count: usize) -> TestResult<Vec<PredictionMade>> {
    let mut heard = Vec::new();
    predictions::watch(
        &owner.connection,
        "0".to_owned(),
        Some(count as u64),
        |_, event| {
            heard.push(event.clone());
            Ok(())
        },
    )
    .await?;
    let request = ListPredictionsRequest {
        page_size: 200,
        ..ListPredictionsRequest::default()
    };
    let listed = owner
        .connection
        .prediction()
        .list_predictions(request)
        .await?;
    assert_eq!(listed.into_inner().predictions.len(), 200);
    Ok(heard)
}

async fn audit_is_complete(owner: &support::Person) -> TestResult {
    let expected = [
        "auth.sign_up",
        "ingestion.import_dataset",
        "training.train_model",
        "prediction.predict",
        "reporting.generate_report",
    ];
    eventually("every operation is in the audit trail", || async {
        let request = ListAuditEntriesRequest {
            page_size: 200,
            ..ListAuditEntriesRequest::default()
        };
        let entries = owner.connection.auth().list_audit_entries(request).await?;
        let entries = entries.into_inner().entries;
        let gapless = entries
            .iter()
            .rev()
            .zip(1..)
            .all(|(entry, number)| entry.sequence == number);
        let complete = expected
            .iter()
            .all(|action| entries.iter().any(|entry| entry.action == *action));
        Ok(gapless && complete)
    })
    .await
}

/// One price against a fixed list price; who quotes low wins. `keep` decides how many wins remain.
fn history_with_win_rate(percent_won: usize) -> Vec<u8> {
    let mut file = String::from("quoted,price,region,result\n");
    for row in 0..400_usize {
        let won = row % 100 < percent_won;
        // Overlapping prices, so that the outcome is likely and not certain.
        let price = if won { 900 } else { 1000 } + (row * 37) % 150;
        let day = 1 + row % 28;
        let month = 1 + (row / 28) % 12;
        let region = ["North", "South"][row % 2];
        let result = if won { "won" } else { "lost" };
        file.push_str(&format!(
            "2024-{month:02}-{day:02},{price},{region},{result}\n"
        ));
    }
    file.into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn rare_and_frequent_wins_both_point_the_right_way() -> TestResult {
    let mut world = world().await?;
    for percent_won in [20, 80] {
        let owner = sign_up(&world, &format!("rate{percent_won}")).await?;
        let dataset = import(&owner, &history_with_win_rate(percent_won)).await?;
        let model = train(&owner, &dataset.id).await?;
        let read = GetModelRequest { id: model.id };
        let model = owner
            .connection
            .training()
            .get_model(read)
            .await?
            .into_inner();
        assert!(model.model.ok_or("no model")?.beats_base_rate);
        let mut probability = Vec::new();
        for price in ["920", "1020", "1120"] {
            let fields = [
                ("price", price),
                ("region", "North"),
                ("quoted", "2025-01-10"),
            ]
            .map(|(column, text)| (column.to_owned(), text.to_owned()));
            let reply = predict::predict(&owner.connection, "", predict::quote("", fields)).await?;
            probability.push(reply.prediction.ok_or("no prediction")?.win_probability);
        }
        assert!(
            probability[0] > probability[1] && probability[1] > probability[2],
            "at {percent_won} % wins a higher price must not help: {probability:?}"
        );
    }
    world.stop().await;
    Ok(())
}
