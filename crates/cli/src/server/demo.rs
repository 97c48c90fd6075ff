//! `valutai demo`: the main job from an empty machine to a report, with a history whose truth is
//! known. Deliberately through the same client functions and the same services as everybody else.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use clap::Args;
use platform::{config::TelemetryConfig, telemetry};
use proto::{
    ingestion::{DatasetState, UploadDatasetResponse, UploadHeader},
    prediction::{PredictResponse, PredictionMade},
    training::{Model, ModelState},
};

use super::stack::{ServerArgs, Stack};
use crate::{
    args::{DEFAULT_TIMEOUT, Secret},
    client::{Connection, auth, datasets, models, predict, predictions, present, reports, show},
    error::{Error, Result},
    output::{line, print},
    progress,
    sample::{self, SampleQuote},
    text::percent,
};

const HISTORY_ROWS: usize = 2_000;
const HISTORY_SEED: u64 = 1;
const NEW_QUOTES: usize = 5;
/// Another seed than the history's, so that the quotes are new.
const NEW_SEED: u64 = 2;

/// Options of `demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Where to write the report's page
    #[arg(long, value_name = "FILE", default_value = "valutai-demo-report.html")]
    pub report: PathBuf,
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// Runs `demo`.
///
/// # Errors
/// Where a step fails; everything is stopped all the same.
pub async fn run(args: DemoArgs) -> Result<()> {
    let telemetry = telemetry::init(&TelemetryConfig::from_env("warn")).map_err(Error::Misuse)?;
    let data_dir = std::env::temp_dir().join(format!("valutai-demo-{}", std::process::id()));
    heading("1. Postgres, NATS and six services")?;
    let listen = SocketAddr::from(([127, 0, 0, 1], 0));
    let stack = Stack::start(&args.servers, &data_dir, listen, false, |text| {
        eprintln!("   {text}");
    })
    .await?;
    line(&format!(
        "   all in this process, listening at {}",
        stack.endpoint
    ))?;
    let shown = tokio::select! {
        shown = show_all(&stack.endpoint, &data_dir, &args.report) => shown,
        _ = tokio::signal::ctrl_c() => Err(Error::Failed("interrupted".to_owned())),
    };
    let stopped = stack.stop().await;
    let removed = fs::remove_dir_all(&data_dir).map_err(Error::file(data_dir));
    tokio::task::spawn_blocking(|| telemetry.shutdown())
        .await
        .map_err(|error| Error::Failed(error.to_string()))?;
    shown?;
    stopped?;
    removed?;
    line("\nEverything is stopped. Next: `cargo valutai up`, and README.md.")
}

async fn show_all(endpoint: &str, data_dir: &Path, report: &Path) -> Result<()> {
    let history = data_dir.join("history.csv");
    heading(&format!(
        "2. A quote history of {HISTORY_ROWS} rows whose truth is known"
    ))?;
    let quotes = sample::generate(HISTORY_ROWS, HISTORY_SEED);
    write_history(&history, &quotes)?;
    line(&format!("   {}", history.display()))?;

    heading("3. An owner with an organisation")?;
    let connection = sign_up(endpoint).await?;
    line("   signed up as owner@example.com of Example Pumps")?;

    heading("4. Upload: mapping and validation")?;
    let imported = import(&connection, &history).await?;
    print(|out| show::import(out, &imported))?;

    heading("5. Training")?;
    let model = train(&connection, &imported.id).await?;
    print(|out| show::model(out, &model))?;
    compare_with_truth(&model, &quotes)?;

    heading("6. Five new quotes, and what a subscriber hears")?;
    let events = subscribe(&connection);
    for quote in sample::generate(NEW_QUOTES, NEW_SEED) {
        show_prediction(&predict_quote(&connection, &quote).await?, &quote)?;
    }
    heading("7. The events that the subscriber received")?;
    for event in events
        .await
        .map_err(|error| Error::Failed(error.to_string()))??
    {
        line(&format!(
            "   PredictionMade  {}  {} ({} to {}), {}",
            event.quote_ref,
            percent(event.win_probability),
            percent(event.win_probability_low),
            percent(event.win_probability_high),
            event.evidence
        ))?;
    }

    heading("8. A report")?;
    let generated = reports::generate(&connection, &model.id).await?;
    let reply = reports::get(&connection, &generated.id, true).await?;
    reports::save_page(&reply, report)?;
    for insight in &present(generated.report, "report")?.insights {
        line(&format!("   - {insight}"))?;
    }
    line(&format!("   page: {}", report.display()))
}

fn heading(text: &str) -> Result<()> {
    line(&format!("\n{text}"))
}

fn write_history(path: &Path, quotes: &[SampleQuote]) -> Result<()> {
    let mut file = Vec::new();
    sample::csv::write_history(&mut file, quotes)
        .map_err(|error| Error::Failed(error.to_string()))?;
    fs::write(path, file).map_err(Error::file(path))
}

async fn sign_up(endpoint: &str) -> Result<Connection> {
    let connection = Connection::connect(endpoint, None, DEFAULT_TIMEOUT).await?;
    // Made for this run and forgotten with it.
    let password = Secret::verbatim(&uuid::Uuid::new_v4().to_string());
    let reply = auth::sign_up(&connection, "owner@example.com", "Example Pumps", &password).await?;
    connection.with_token(&reply.token)
}

async fn import(connection: &Connection, history: &Path) -> Result<UploadDatasetResponse> {
    let size = fs::metadata(history).map_err(Error::file(history))?.len();
    let bar = progress::of_bytes(size, "uploading");
    let header = UploadHeader {
        name: "history".to_owned(),
        file_name: "history.csv".to_owned(),
        ..UploadHeader::default()
    };
    let mut reply = datasets::upload(connection, header, history, &bar).await?;
    bar.finish_and_clear();
    let bar = progress::of_share("importing");
    let dataset = datasets::wait_until_imported(connection, &reply.id, &bar).await?;
    bar.finish_and_clear();
    if dataset.state() != DatasetState::Ready {
        return Err(Error::Failed(dataset.problem));
    }
    reply.dataset = Some(dataset);
    Ok(reply)
}

async fn train(connection: &Connection, dataset_id: &str) -> Result<Model> {
    let started = models::train(connection, dataset_id, 1, "").await?;
    let bar = progress::of_share("training");
    let model = models::wait_until_trained(connection, &started.id, &bar).await?;
    bar.finish_and_clear();
    if model.state() != ModelState::Ready {
        return Err(Error::Failed(model.problem));
    }
    Ok(model)
}

/// The best log loss that anybody could reach: that of the probabilities the outcomes were drawn with.
fn compare_with_truth(model: &Model, quotes: &[SampleQuote]) -> Result<()> {
    let newest = &quotes[quotes.len() - quotes.len() / 5..];
    let total: f64 = newest
        .iter()
        .map(|quote| {
            let right = if quote.won {
                quote.true_probability
            } else {
                1.0 - quote.true_probability
            };
            -right.ln()
        })
        .sum();
    let scores = model.scores.clone().unwrap_or_default();
    #[expect(clippy::cast_precision_loss, reason = "a few hundred rows")]
    let best = total / newest.len() as f64;
    line(&format!(
        "   log loss on the newest 20 %: base rate {:.3}, this model {:.3}, the truth itself {best:.3}",
        scores.base_rate_log_loss, scores.log_loss
    ))
}

fn subscribe(connection: &Connection) -> tokio::task::JoinHandle<Result<Vec<PredictionMade>>> {
    let connection = connection.clone();
    tokio::spawn(async move {
        let mut heard = Vec::new();
        let wanted = Some(NEW_QUOTES as u64);
        predictions::watch(&connection, "0".to_owned(), wanted, |_, event| {
            heard.push(event.clone());
            Ok(())
        })
        .await?;
        Ok(heard)
    })
}

async fn predict_quote(connection: &Connection, quote: &SampleQuote) -> Result<PredictResponse> {
    let mut file = Vec::new();
    sample::csv::write_history(&mut file, std::slice::from_ref(quote))
        .map_err(|error| Error::Failed(error.to_string()))?;
    let mut reader = csv::Reader::from_reader(file.as_slice());
    let failed = |error: csv::Error| Error::Failed(error.to_string());
    let columns = reader.headers().map_err(failed)?.clone();
    let row = reader
        .records()
        .next()
        .ok_or_else(|| Error::Failed("the sample has no row".to_owned()))?
        .map_err(failed)?;
    let fields = columns
        .iter()
        .zip(&row)
        .filter(|(column, _)| *column != "outcome" && *column != "quote_id")
        .map(|(column, text)| (column.to_owned(), text.to_owned()));
    let input = predict::quote(&format!("new-{}", quote.quote_id), fields);
    predict::predict(connection, "", input).await
}

fn show_prediction(reply: &PredictResponse, quote: &SampleQuote) -> Result<()> {
    let found = present(reply.prediction.as_ref(), "prediction")?;
    line(&format!(
        "\n   {} {} for {}, {} of {} listed: win {} ({} to {}), in truth {}",
        found.quote_ref,
        quote.product,
        quote.customer,
        money(quote.price_cents),
        money(quote.list_price_cents),
        percent(found.win_probability),
        percent(found.win_probability_low),
        percent(found.win_probability_high),
        percent(quote.true_probability)
    ))?;
    line(&format!(
        "      because  {}",
        show::top_reasons(&found.contributions)
    ))?;
    match &found.price_recommendation {
        Some(advice) => line(&format!("      advice   {}", advice.statement)),
        None => line(&format!(
            "      advice   none: {}",
            found.no_recommendation_reason
        )),
    }
}

fn money(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
