//! `valutai bench predict`: predictions one by one and in bulk through a whole running system, beside
//! a bare echo that is called by the same client with the same payload, and the scorer by itself.
//! Deliberately with everything that listens to predictions at work, since it is in production too.

use std::{
    fs,
    time::{Duration, Instant},
};

use bytes::Bytes;
use clap::Args;
use indicatif::ProgressBar;
use platform::patience::eventually;
use prost::Message as _;
use proto::{
    ingestion::UploadHeader,
    prediction::{PredictManyRequest, PredictRequest, PredictResponse, QuoteInput},
    training::ModelState,
};

use self::figures::{Bulk, FirstAfterPromotion, PredictFigures, resident_mib};
use super::{
    figures::Machine,
    import::{time_import, with_system},
    system::System,
};
use crate::{
    client::{Connection, models, predict::quote},
    error::{Error, Result},
    output::Format,
    sample::{self, SampleQuote},
    server::stack::ServerArgs,
};

pub mod echo;
pub mod figures;
pub mod load;
pub mod scorer;

const PREDICT: &str = "/valutai.prediction.v1.PredictionService/Predict";
const PREDICT_MANY: &str = "/valutai.prediction.v1.PredictionService/PredictMany";
/// Seeds of the history and of what is asked, so that the quotes asked about are new.
const SEEDS: (u64, u64) = (1, 2);
/// Different quotes asked about, in turn.
const ASKED: usize = 500;
/// Looks at the memory along the bulk.
const MEMORY_STEPS: u64 = 10;
/// Longest wait for the news of a promotion.
const PROMOTION_LIMIT: Duration = Duration::from_secs(60);
/// Longest wait for the outbox to run empty.
const RELAY_LIMIT: Duration = Duration::from_secs(600);

/// Options of `bench predict`.
#[derive(Debug, Args)]
pub struct PredictBench {
    /// Quotes of the history that the model learns from
    #[arg(long, value_name = "N", default_value_t = 2000, value_parser = clap::value_parser!(u32).range(200..=500_000))]
    pub rows: u32,
    /// Calls of each kind with many callers; a tenth of them with a single one
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub calls: u32,
    /// Callers at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub callers: u32,
    /// Predictions in bulk, along which the memory is looked at
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1000..=100_000_000))]
    pub predictions: u64,
    /// Streams that the bulk comes through
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    pub streams: u64,
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// Runs `bench predict`.
///
/// # Errors
/// Where a step fails; everything is stopped all the same.
pub async fn run(args: PredictBench, format: Format) -> Result<()> {
    eprintln!("the scorer alone");
    let scorer = tokio::task::spawn_blocking(scorer::measure)
        .await
        .map_err(|error| Error::Failed(error.to_string()))??;
    let figures = with_system(&args.servers, async |system| {
        measure(&args, scorer, system).await
    });
    figures.await?.print(format)
}

async fn measure(
    args: &PredictBench,
    scorer: scorer::Scorer,
    system: &mut System,
) -> Result<PredictFigures> {
    let quotes = sample::generate(args.rows as usize, SEEDS.0);
    eprintln!("importing and training");
    let dataset = import(system, &quotes).await?;
    train(&system.connection, &dataset, 1).await?;
    let asked = questions()?;
    let machine = Machine::look();
    let unary: Vec<Bytes> = asked
        .iter()
        .map(|quote| encoded(quote, Some(0), Some(false)))
        .collect();
    let (calls, callers) = (args.calls as usize, args.callers as usize);
    let few = (calls / 10).max(100);

    let echo = echo::Echo::start().await?;
    let token = system.connection.with_endpoint(&echo.endpoint).await?;
    eprintln!("echo");
    load::calls(&token, echo::PATH, &unary, 1, 100).await?;
    let echo_one = load::calls(&token, echo::PATH, &unary, 1, few).await?;
    let echo_many = load::calls(&token, echo::PATH, &unary, callers, calls).await?;

    eprintln!("predictions one by one");
    load::calls(&system.connection, PREDICT, &unary, 1, 100).await?;
    let unary_one = load::calls(&system.connection, PREDICT, &unary, 1, few).await?;
    let unary_many = load::calls(&system.connection, PREDICT, &unary, callers, calls).await?;
    let advised: Vec<Bytes> = asked
        .iter()
        .map(|quote| encoded(quote, None, None))
        .collect();
    load::calls(&system.connection, PREDICT, &advised, 1, 5).await?;
    let advised = load::calls(&system.connection, PREDICT, &advised, 1, few.min(300)).await?;
    until_published(system).await?;

    eprintln!("predictions in bulk");
    let bulk = bulk(args, system, &asked).await?;
    eprintln!("a promotion");
    let first = promote(system, &dataset, &unary).await?;
    echo.stop();
    let mut store = system.store().await?;
    Ok(PredictFigures {
        machine: machine.until_now(),
        unary_to_echo_ratio: unary_many.per_second / echo_many.per_second,
        unary_to_echo_p99_ratio: unary_many.p99_ms / echo_many.p99_ms,
        bulk_rows_per_second: bulk.rows_per_second,
        scorer_rows_per_second_per_core: scorer.rows_per_second,
        first_after_promotion_to_p99_ratio: first.milliseconds / unary_one.p99_ms,
        echo: vec![echo_one, echo_many],
        unary: vec![unary_one, unary_many],
        unary_with_advice: advised,
        bulk,
        scorer,
        first_after_promotion: first,
        stored_predictions: store.count_predictions().await?,
    })
}

async fn import(system: &System, quotes: &[SampleQuote]) -> Result<String> {
    let mut file = Vec::new();
    sample::csv::write_history(&mut file, quotes).map_err(failed)?;
    let path = system.dir().join("history.csv");
    fs::write(&path, file).map_err(Error::file(&path))?;
    let header = UploadHeader {
        name: "history".to_owned(),
        file_name: "history.csv".to_owned(),
        ..UploadHeader::default()
    };
    let imported = time_import(system, &header, &path).await?;
    Ok(imported.dataset.to_string())
}

/// Trains a model; answers its id.
async fn train(connection: &Connection, dataset: &str, seed: u64) -> Result<String> {
    let started = models::train(connection, dataset, seed, "").await?;
    let model = models::wait_until_trained(connection, &started.id, &ProgressBar::hidden()).await?;
    if model.state() != ModelState::Ready {
        return Err(Error::Failed(model.problem));
    }
    Ok(model.id)
}

/// New quotes, as a client would send them.
fn questions() -> Result<Vec<QuoteInput>> {
    let mut file = Vec::new();
    sample::csv::write_history(&mut file, &sample::generate(ASKED, SEEDS.1)).map_err(failed)?;
    let mut reader = csv::Reader::from_reader(file.as_slice());
    let columns = reader.headers().map_err(failed)?.clone();
    reader
        .records()
        .enumerate()
        .map(|(number, row)| {
            let row = row.map_err(failed)?;
            let fields = columns
                .iter()
                .zip(&row)
                .filter(|(column, _)| !matches!(*column, "outcome" | "quote_id"))
                .map(|(column, text)| (column.to_owned(), text.to_owned()));
            Ok(quote(&format!("asked-{number}"), fields))
        })
        .collect()
}

fn encoded(quote: &QuoteInput, similar: Option<u32>, recommendations: Option<bool>) -> Bytes {
    let request = PredictRequest {
        model_id: String::new(),
        quote: Some(quote.clone()),
        similar_quotes: similar,
        recommendations,
    };
    request.encode_to_vec().into()
}

async fn bulk(args: &PredictBench, system: &System, asked: &[QuoteInput]) -> Result<Bulk> {
    let payload: Vec<Bytes> = asked
        .iter()
        .map(|quote| {
            let request = PredictManyRequest {
                quote: Some(quote.clone()),
                ..PredictManyRequest::default()
            };
            request.encode_to_vec().into()
        })
        .collect();
    let mut store = system.store().await?;
    let before = store.count_predictions().await?;
    let step = (args.predictions / MEMORY_STEPS).max(1);
    let (mut resident, mut seconds, mut sent) = (vec![resident_mib()], 0.0, 0);
    while sent < args.predictions {
        let wanted = step.min(args.predictions - sent);
        let connection = &system.connection;
        seconds += load::streams(connection, PREDICT_MANY, &payload, args.streams, wanted).await?;
        sent += wanted;
        resident.push(resident_mib());
    }
    let stored = store.count_predictions().await? - before;
    if stored != sent {
        return Err(Error::Failed(format!(
            "{stored} of {sent} predictions are stored"
        )));
    }
    let start = Instant::now();
    until_published(system).await?;
    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    let rows_per_second = sent as f64 / seconds;
    Ok(Bulk {
        predictions: sent,
        streams: args.streams,
        seconds,
        rows_per_second,
        published_after_seconds: start.elapsed().as_secs_f64(),
        resident_mib: resident.into_iter().flatten().collect(),
    })
}

/// Waits until every event has left the outbox.
async fn until_published(system: &System) -> Result<()> {
    let mut store = system.store().await?;
    let deadline = Instant::now() + RELAY_LIMIT;
    while store.count_outbox().await? > 0 {
        if Instant::now() > deadline {
            return Err(Error::Failed("the outbox does not run empty".to_owned()));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(())
}

/// Trains and promotes another model, and times the first answer that it gives.
async fn promote(system: &System, dataset: &str, unary: &[Bytes]) -> Result<FirstAfterPromotion> {
    let connection = &system.connection;
    let second = train(connection, dataset, 2).await?;
    models::champion::promote(connection, &second, "measuring the first call", true).await?;
    let mut ahead = 0_u64;
    let answered = eventually(PROMOTION_LIMIT, || {
        ahead += 1;
        async {
            let start = Instant::now();
            let reply = load::one(connection, PREDICT, unary[0].clone()).await?;
            let taken = start.elapsed();
            let reply = PredictResponse::decode(reply).map_err(failed)?;
            let model = reply.prediction.unwrap_or_default().model_id;
            Ok::<_, Error>((model == second).then_some(taken))
        }
    });
    let taken = answered.await?;
    let taken =
        taken.ok_or_else(|| Error::Failed("the promoted model does not answer".to_owned()))?;
    Ok(FirstAfterPromotion {
        milliseconds: taken.as_secs_f64() * 1000.0,
        answers_of_the_model_before: ahead - 1,
    })
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Failed(error.to_string())
}
