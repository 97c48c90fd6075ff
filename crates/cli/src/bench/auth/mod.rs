//! `valutai bench auth`: what it costs that callers are known. Authenticated calls beside the same calls without a
//! token, in turn, in one run; sign-ins; and how long an ended session is still served. Deliberately no call that does
//! anything: the cheaper what is behind the gateway, the more a caller's token weighs.

use std::io::{self, Write};

use bytes::Bytes;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;

use self::{
    probe::Probe,
    revocation::Revocation,
    signing::{Person, SignIn},
};
use super::{
    figures::{Machine, median, print},
    import::with_system,
    predict::{figures::Calls, load},
    system::System,
};
use crate::{args::Secret, client::auth, error::Result, output::Format, server::stack::ServerArgs};

pub mod probe;
pub mod revocation;
pub mod signing;

/// Bytes of a call, about as many as a quote has.
const PAYLOAD_BYTES: usize = 256;

/// Options of `bench auth`.
#[derive(Debug, Args)]
pub struct AuthBench {
    /// Rounds, each of as many calls without a token as with one
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// Calls of each kind in a round
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    pub calls: u32,
    /// Callers at once
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub callers: u32,
    /// Sign-ins of each kind
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub sign_ins: u32,
    /// Sessions that are ended while two gateways serve them
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub revocations: u32,
    /// Where to find the servers.
    #[command(flatten)]
    pub servers: ServerArgs,
}

/// The same calls without and with a token, one after the other.
#[derive(Debug, Serialize)]
pub struct Round {
    /// Without a token.
    pub plain: Calls,
    /// With one that the gateway remembers.
    pub authenticated: Calls,
    /// Time of an authenticated call over that of a plain one.
    pub ratio: f64,
}

/// What `bench auth` found.
#[derive(Debug, Serialize)]
pub struct AuthFigures {
    /// Where.
    pub machine: Machine,
    /// Time of an authenticated call over that of a plain one: median of the rounds.
    pub authenticated_to_plain_ratio: f64,
    /// 99th percentiles likewise.
    pub authenticated_to_plain_p99_ratio: f64,
    /// In the order of time.
    pub rounds: Vec<Round>,
    /// Sign-ins.
    pub sign_in: SignIn,
    /// Ended sessions.
    pub revocation: Revocation,
}

/// Runs `bench auth`.
///
/// # Errors
/// Where a step fails; everything is stopped all the same.
pub async fn run(args: AuthBench, format: Format) -> Result<()> {
    let figures = with_system(&args.servers, async |system| measure(&args, system).await);
    figures.await?.print(format)
}

async fn measure(args: &AuthBench, system: &mut System) -> Result<AuthFigures> {
    let machine = Machine::look();
    eprintln!("calls without and with a token");
    let probe = Probe::start(system.launch()).await?;
    let rounds = rounds(args, &probe).await;
    probe.stop().await;
    let rounds = rounds?;

    eprintln!("sign-ins");
    let person = Person {
        email: "bench@example.com".to_owned(),
        password: Uuid::new_v4().to_string(),
    };
    let password = Secret::verbatim(&person.password);
    auth::sign_up(&system.connection, &person.email, "Signing in", &password).await?;
    let (cost, count) = (system.launch().accounts.argon2, args.sign_ins as usize);
    let sign_in = signing::measure(&system.connection, &person, cost, count).await?;

    eprintln!("sessions that end");
    let other = system.another_gateway().await?;
    let gateways = [system.connection.clone(), other.connection.clone()];
    let revocation = revocation::measure(&gateways, &person, args.revocations as usize).await;
    other.stop().await;
    let of = |ratio: fn(&Round) -> f64| median(rounds.iter().map(ratio).collect());
    Ok(AuthFigures {
        machine: machine.until_now(),
        authenticated_to_plain_ratio: of(|round| round.ratio),
        authenticated_to_plain_p99_ratio: of(|round| {
            round.authenticated.p99_ms / round.plain.p99_ms
        }),
        rounds,
        sign_in,
        revocation: revocation?,
    })
}

async fn rounds(args: &AuthBench, probe: &Probe) -> Result<Vec<Round>> {
    let payload = [Bytes::from_static(&[7; PAYLOAD_BYTES])];
    let (callers, calls) = (args.callers as usize, args.calls as usize);
    let run =
        async |connection| load::calls(connection, probe::PATH, &payload, callers, calls).await;
    // Both are warm before anything counts.
    run(&probe.plain).await?;
    run(&probe.authenticated).await?;
    let mut rounds = Vec::new();
    for number in 0..args.rounds {
        // In turn, so that whatever drifts is on neither side.
        let (plain, authenticated) = match number % 2 {
            0 => {
                let plain = run(&probe.plain).await?;
                (plain, run(&probe.authenticated).await?)
            }
            _ => {
                let authenticated = run(&probe.authenticated).await?;
                (run(&probe.plain).await?, authenticated)
            }
        };
        rounds.push(Round {
            ratio: plain.per_second / authenticated.per_second,
            plain,
            authenticated,
        });
    }
    Ok(rounds)
}

impl AuthFigures {
    /// Prints the figures.
    ///
    /// # Errors
    /// Where the standard output does not take them.
    pub fn print(&self, format: Format) -> Result<()> {
        print(format, self, |out| self.write(out))
    }

    fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.machine.write(out)?;
        writeln!(
            out,
            "\n{:>8} {:>14} {:>9} {:>14} {:>9} {:>7}",
            "callers", "plain/s", "p99 ms", "with token/s", "p99 ms", "ratio"
        )?;
        for round in &self.rounds {
            let (plain, known) = (&round.plain, &round.authenticated);
            writeln!(
                out,
                "{:>8} {:>14.0} {:>9.2} {:>14.0} {:>9.2} {:>7.3}",
                plain.callers,
                plain.per_second,
                plain.p99_ms,
                known.per_second,
                known.p99_ms,
                round.ratio
            )?;
        }
        writeln!(
            out,
            "\nauthenticated over plain, median: time {:.3} x, p99 {:.3} x",
            self.authenticated_to_plain_ratio, self.authenticated_to_plain_p99_ratio
        )?;
        let sign_in = &self.sign_in;
        writeln!(
            out,
            "argon2id with {} KiB, {} passes, {} lanes: {:.1} ms alone; a sign-in {:.1} ms (p99 {:.1}), {:.1} a second on each core",
            sign_in.argon2id_memory_kib,
            sign_in.argon2id_passes,
            sign_in.argon2id_lanes,
            sign_in.argon2id_ms,
            sign_in.sign_in_p50_ms,
            sign_in.sign_in_p99_ms,
            sign_in.sign_ins_per_second_per_core
        )?;
        writeln!(
            out,
            "refused: an unknown address after {:.1} ms, a wrong password after {:.1} ms, {:.3} x",
            sign_in.unknown_address_p50_ms,
            sign_in.wrong_password_p50_ms,
            sign_in.unknown_to_wrong_ratio
        )?;
        let revocation = &self.revocation;
        writeln!(
            out,
            "an ended session was served for {:.1} ms, at the most {:.1} ms ({} sessions, {} gateways)",
            revocation.p50_ms, revocation.max_ms, revocation.sessions, revocation.gateways
        )
    }
}
