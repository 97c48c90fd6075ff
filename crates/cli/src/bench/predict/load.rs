//! The client of the benchmark: the same for everything that is measured, with messages as bytes, so
//! that what it costs to read an answer does not depend on the answer. Deliberately a closed loop: a
//! caller asks again when it has its answer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use proto::raw::RawCodec;
use tokio::task::JoinSet;
use tonic::{Request, codegen::http::uri::PathAndQuery};

use super::figures::Calls;
use crate::{
    bench::figures::quantile,
    client::Connection,
    error::{Error, Result},
};

/// Makes one call.
///
/// # Errors
/// What the server refused it with.
pub async fn one(connection: &Connection, path: &'static str, payload: Bytes) -> Result<Bytes> {
    let mut client = connection.raw();
    client.ready().await.map_err(failed)?;
    let path = PathAndQuery::from_static(path);
    let answer = client.unary(Request::new(payload), path, RawCodec).await?;
    Ok(answer.into_inner())
}

/// Makes so many calls from so many callers.
///
/// # Errors
/// What the server refused one with.
pub async fn calls(
    connection: &Connection,
    path: &'static str,
    payload: &[Bytes],
    callers: usize,
    count: usize,
) -> Result<Calls> {
    let payload: Arc<[Bytes]> = payload.into();
    let next = Arc::new(AtomicUsize::new(0));
    let mut running = JoinSet::new();
    let start = Instant::now();
    for _ in 0..callers {
        let (connection, payload, next) =
            (connection.clone(), Arc::clone(&payload), Arc::clone(&next));
        running.spawn(async move {
            let mut times = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok::<_, Error>(times);
                }
                let asked = Instant::now();
                one(&connection, path, payload[number % payload.len()].clone()).await?;
                times.push(asked.elapsed().as_secs_f64() * 1000.0);
            }
        });
    }
    let mut times = Vec::with_capacity(count);
    while let Some(done) = running.join_next().await {
        times.extend(done.map_err(failed)??);
    }
    let seconds = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    let per_second = times.len() as f64 / seconds;
    Ok(Calls {
        callers,
        calls: times.len(),
        per_second,
        p50_ms: quantile(times.clone(), 0.5),
        p99_ms: quantile(times, 0.99),
    })
}

/// Sends so many messages through so many streams and waits for as many answers; answers the
/// seconds.
///
/// # Errors
/// What the server refused a stream with, or that an answer is missing.
pub async fn streams(
    connection: &Connection,
    path: &'static str,
    payload: &[Bytes],
    streams: u64,
    count: u64,
) -> Result<f64> {
    let payload: Arc<[Bytes]> = payload.into();
    let mut running = JoinSet::new();
    let start = Instant::now();
    for number in 0..streams {
        let share = count / streams + u64::from(number < count % streams);
        let (connection, payload) = (connection.clone(), Arc::clone(&payload));
        running.spawn(async move {
            let share = usize::try_from(share).map_err(failed)?;
            let turns = (0..share).map(move |at| payload[at % payload.len()].clone());
            let mut client = connection.raw();
            client.ready().await.map_err(failed)?;
            let path = PathAndQuery::from_static(path);
            let messages = Request::new(stream::iter(turns));
            let answers = client.streaming(messages, path, RawCodec).await?;
            let mut answers = answers.into_inner();
            let mut answered = 0;
            while let Some(answer) = answers.next().await {
                answer?;
                answered += 1;
            }
            match answered == share {
                true => Ok(()),
                false => Err(failed(format!("{answered} of {share} answers came"))),
            }
        });
    }
    while let Some(done) = running.join_next().await {
        done.map_err(failed)??;
    }
    Ok(start.elapsed().as_secs_f64())
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Failed(error.to_string())
}
