//! What a sign-in costs: the hash of a password by itself, and the whole call. Deliberately with the parameters that the
//! system was started with, since the cost is a setting.

use std::time::{Duration, Instant};

use platform::config::Argon2Cost;
use serde::Serialize;
use tokio::task::JoinSet;
use tonic::Code;

use crate::{
    args::Secret,
    bench::figures::{median, quantile},
    client::{Connection, auth},
    error::{Error, Result},
};

/// Somebody who signs in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Address.
    pub email: String,
    /// Made for this run and forgotten with it.
    pub password: String,
}

/// What a sign-in costs.
#[derive(Debug, Serialize)]
pub struct SignIn {
    /// Memory of a hash, in KiB.
    pub argon2id_memory_kib: u32,
    /// Passes over it.
    pub argon2id_passes: u32,
    /// Lanes.
    pub argon2id_lanes: u32,
    /// One hash alone, median, in milliseconds.
    pub argon2id_ms: f64,
    /// Sign-ins, one after the other, median, in milliseconds.
    pub sign_in_p50_ms: f64,
    /// Their 99th percentile.
    pub sign_in_p99_ms: f64,
    /// A sign-in refused because nobody has the address, median, in milliseconds.
    pub unknown_address_p50_ms: f64,
    /// A sign-in refused because the password is wrong, median, in milliseconds.
    pub wrong_password_p50_ms: f64,
    /// The former over the latter: 1 where refusals do not tell whether an address has an account.
    pub unknown_to_wrong_ratio: f64,
    /// Sign-ins a second with as many callers as processors, over the processors.
    pub sign_ins_per_second_per_core: f64,
}

/// Measures with so many sign-ins of each kind.
///
/// # Errors
/// Where one is refused.
pub async fn measure(
    connection: &Connection,
    person: &Person,
    cost: Argon2Cost,
    count: usize,
) -> Result<SignIn> {
    let hash = tokio::task::spawn_blocking(move || hash(cost, count)).await;
    let argon2id_ms = hash.map_err(failed)??;
    let times = sign_ins(connection.clone(), person.clone(), count).await?;
    let (unknown, wrong) = refusals(connection, person, count).await?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let start = Instant::now();
    let mut running = JoinSet::new();
    for _ in 0..processors {
        running.spawn(sign_ins(connection.clone(), person.clone(), count));
    }
    while let Some(done) = running.join_next().await {
        done.map_err(failed)??;
    }
    #[expect(clippy::cast_precision_loss, reason = "for showing")]
    let per_core = count as f64 / start.elapsed().as_secs_f64();
    Ok(SignIn {
        argon2id_memory_kib: cost.memory_kib,
        argon2id_passes: cost.passes,
        argon2id_lanes: cost.lanes,
        argon2id_ms,
        sign_in_p50_ms: median(times.clone()),
        sign_in_p99_ms: quantile(times, 0.99),
        unknown_address_p50_ms: unknown,
        wrong_password_p50_ms: wrong,
        unknown_to_wrong_ratio: unknown / wrong,
        sign_ins_per_second_per_core: per_core,
    })
}

async fn sign_ins(connection: Connection, person: Person, count: usize) -> Result<Vec<f64>> {
    let password = Secret::verbatim(&person.password);
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        auth::sign_in(&connection, &person.email, &password, "").await?;
        times.push(milliseconds(start.elapsed()));
    }
    Ok(times)
}

/// Medians, in milliseconds, of refusals of unknown addresses and of wrong passwords, asked for in turn.
async fn refusals(connection: &Connection, person: &Person, count: usize) -> Result<(f64, f64)> {
    let wrong = Secret::verbatim("not the password of anybody");
    let (mut unknown_times, mut wrong_times) = (Vec::new(), Vec::new());
    for number in 0..count {
        let nobody = format!("nobody{number}@example.com");
        for (email, times) in [
            (&nobody, &mut unknown_times),
            (&person.email, &mut wrong_times),
        ] {
            let start = Instant::now();
            match auth::sign_in(connection, email, &wrong, "").await {
                Err(Error::Refused {
                    code: Code::Unauthenticated,
                    ..
                }) => {
                    times.push(milliseconds(start.elapsed()));
                }
                Err(error) => return Err(error),
                Ok(_) => return Err(failed("a wrong password opened an account")),
            }
        }
    }
    Ok((median(unknown_times), median(wrong_times)))
}

fn hash(cost: Argon2Cost, count: usize) -> Result<f64> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        ::auth::domain::password::hash(cost, "a password of a usual length").map_err(failed)?;
        times.push(milliseconds(start.elapsed()));
    }
    Ok(median(times))
}

/// A time for showing.
#[must_use]
pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::Failed(error.to_string())
}
