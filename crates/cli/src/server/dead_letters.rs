//! `valutai dead-letters`: events that could not be handled, by NATS itself and an operator's credentials. Deliberately without
//! the gateway and the services, which may be what is broken.

use std::{path::PathBuf, time::Duration};

use chrono::SecondsFormat;
use clap::{Args, Subcommand};
use platform::{
    Clock, address,
    bus::Bus,
    config::Secret,
    dead::{self, DeadLetter, Filter, reconcile::reconcile},
    error::chain,
};
use serde_json::{Value, json};
use sqlx::ConnectOptions as _;
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    output::{self, Format},
    table::{Table, print_facts},
};

/// Longest wait for NATS.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);

/// Commands of `valutai dead-letters`.
#[derive(Debug, Subcommand)]
pub enum DeadLettersCommand {
    /// List dead letters, the oldest first
    List {
        /// Where NATS is.
        #[command(flatten)]
        nats: NatsArgs,
        /// Which dead letters.
        #[command(flatten)]
        filter: FilterArgs,
        /// Letters shown
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// Only those behind this position
        #[arg(long, value_name = "POSITION", default_value_t = 0)]
        after: u64,
    },
    /// Show a dead letter with its headers and its events as JSON
    Show {
        /// Where NATS is.
        #[command(flatten)]
        nats: NatsArgs,
        /// Position, as `list` shows it
        position: u64,
    },
    /// Give dead letters back to the consumers that refused them, once the cause is mended
    Replay {
        /// Which.
        #[command(flatten)]
        which: WhichArgs,
        /// Give them to every consumer of their stream, for when the one that refused them has another name now
        #[arg(long)]
        to_all: bool,
    },
    /// Remove dead letters for good
    Discard {
        /// Which.
        #[command(flatten)]
        which: WhichArgs,
    },
    /// Compare what consumers have acknowledged with what their services remember having handled
    Reconcile {
        /// Where NATS is.
        #[command(flatten)]
        nats: NatsArgs,
        /// The database, as a user who sees every schema
        #[arg(
            long,
            env = "VALUTAI_ADMIN_POSTGRES_URL",
            value_name = "URL",
            hide_env_values = true
        )]
        postgres_url: String,
    },
}

/// Where NATS is.
#[derive(Debug, Args)]
pub struct NatsArgs {
    /// NATS with an operator's credentials
    #[arg(
        long,
        env = "VALUTAI_OPERATOR_NATS_URL",
        value_name = "URL",
        hide_env_values = true
    )]
    pub nats_url: String,
    /// File with the authorities that the certificate of NATS is judged by
    #[arg(long, env = "VALUTAI_NATS_CA_FILE", value_name = "FILE")]
    pub nats_ca: Option<PathBuf>,
    /// First word of every subject and stream
    #[arg(
        long,
        env = "VALUTAI_SUBJECT_PREFIX",
        value_name = "WORD",
        default_value = "valutai"
    )]
    pub prefix: String,
}

/// Which dead letters.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Only of this consumer
    #[arg(long, value_name = "NAME")]
    pub consumer: Option<String>,
    /// Only events of this type, such as PredictionMade
    #[arg(long, value_name = "TYPE")]
    pub event: Option<String>,
    /// Only of this organisation
    #[arg(long, value_name = "ID")]
    pub organization: Option<Uuid>,
    /// Only those whose reason holds this text
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// Some dead letters, by position or by filter.
#[derive(Debug, Args)]
pub struct WhichArgs {
    /// Where NATS is.
    #[command(flatten)]
    pub nats: NatsArgs,
    /// Positions, as `list` shows them
    #[arg(value_name = "POSITION", conflicts_with_all = ["consumer", "event", "organization", "reason", "all"])]
    pub positions: Vec<u64>,
    /// Which dead letters.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// All that there are
    #[arg(long)]
    pub all: bool,
}

impl NatsArgs {
    async fn connect(&self) -> Result<Bus> {
        let url = Secret::new(&self.nats_url);
        let opening = Bus::open(&url, self.nats_ca.as_deref(), &self.prefix, "operator");
        tokio::time::timeout(CONNECTED_WITHIN, opening)
            .await
            .map_err(|_| {
                Error::Failed(
                    "NATS does not answer: is it running, and is the URL with its user and password right?"
                        .to_owned(),
                )
            })?
            .map_err(failed)
    }
}

impl FilterArgs {
    fn filter(&self) -> Filter {
        Filter {
            consumer: self.consumer.clone(),
            event: self.event.clone(),
            tenant: self.organization,
            reason: self.reason.clone(),
        }
    }
}

impl WhichArgs {
    /// The letters that are meant; by filter those that are there now, not what is buried meanwhile.
    async fn letters(&self, bus: &Bus) -> Result<Vec<DeadLetter>> {
        let filter = self.filter.filter();
        if self.positions.is_empty() {
            if filter == Filter::default() && !self.all {
                return Err(Error::Failed(
                    "say which: positions, a filter such as --consumer NAME, or --all".to_owned(),
                ));
            }
            return dead::search(bus, &filter, 0, usize::MAX)
                .await
                .map_err(failed);
        }
        let mut letters = Vec::new();
        for position in &self.positions {
            letters.push(found(bus, *position).await?);
        }
        Ok(letters)
    }
}

fn failed(error: platform::Error) -> Error {
    Error::Failed(chain(&error))
}

async fn found(bus: &Bus, position: u64) -> Result<DeadLetter> {
    let letter = dead::find(bus, position).await.map_err(failed)?;
    letter.ok_or_else(|| {
        Error::Failed(format!(
            "there is no dead letter {position}: list them with `valutai dead-letters list`"
        ))
    })
}

/// Runs a command of `valutai dead-letters`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: DeadLettersCommand, format: Format) -> Result<()> {
    match command {
        DeadLettersCommand::List {
            nats,
            filter,
            limit,
            after,
        } => {
            let bus = nats.connect().await?;
            let letters = dead::search(&bus, &filter.filter(), after, limit).await;
            let letters = letters.map_err(failed)?;
            let state = dead::state(&bus).await.map_err(failed)?;
            list(&letters, state, format)
        }
        DeadLettersCommand::Show { nats, position } => {
            let bus = nats.connect().await?;
            show(&found(&bus, position).await?, format)
        }
        DeadLettersCommand::Replay { which, to_all } => {
            let bus = which.nats.connect().await?;
            let letters = which.letters(&bus).await?;
            let clock = Clock::system();
            for letter in &letters {
                dead::replay(&bus, letter, to_all, clock.now())
                    .await
                    .map_err(|error| at(letter, error))?;
            }
            tell("replayed", letters.len(), format)
        }
        DeadLettersCommand::Discard { which } => {
            let bus = which.nats.connect().await?;
            let letters = which.letters(&bus).await?;
            let clock = Clock::system();
            for letter in &letters {
                dead::discard(&bus, letter, clock.now())
                    .await
                    .map_err(|error| at(letter, error))?;
            }
            tell("discarded", letters.len(), format)
        }
        DeadLettersCommand::Reconcile { nats, postgres_url } => {
            compare(&nats, &postgres_url, format).await
        }
    }
}

fn at(letter: &DeadLetter, error: platform::Error) -> Error {
    Error::Failed(format!(
        "dead letter {}: {}",
        letter.position,
        chain(&error)
    ))
}

fn tell(what: &str, count: usize, format: Format) -> Result<()> {
    match format {
        Format::Json => output::line(&json!({ what: count }).to_string()),
        Format::Table => output::line(&format!("{count} {what}")),
    }
}

fn time(letter: &DeadLetter) -> String {
    letter.buried_at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn list(letters: &[DeadLetter], state: dead::State, format: Format) -> Result<()> {
    if format == Format::Json {
        let rows: Vec<Value> = letters.iter().map(as_json).collect();
        let oldest = state.oldest_at.map(|at| at.to_rfc3339());
        let all = json!({ "dead_letters": rows, "count": state.count, "oldest_buried_at": oldest });
        return output::line(&all.to_string());
    }
    let mut table = Table::new()
        .right("position")
        .left("buried")
        .left("consumer")
        .left("event")
        .right("tries")
        .flexible("reason");
    for letter in letters {
        table.row([
            letter.position.to_string().as_str(),
            &time(letter),
            &letter.consumer,
            letter.event_type.rsplit('.').next().unwrap_or_default(),
            &letter.attempts.to_string(),
            &letter.reason,
        ]);
    }
    output::print(|out| table.print(out))?;
    eprintln!("{} dead letters in all", state.count);
    Ok(())
}

fn as_json(letter: &DeadLetter) -> Value {
    json!({
        "position": letter.position,
        "buried_at": time(letter),
        "consumer": letter.consumer,
        "event_type": letter.event_type,
        "organization_id": letter.tenant,
        "subject": letter.subject,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "headers": letter.headers,
    })
}

fn show(letter: &DeadLetter, format: Format) -> Result<()> {
    let events: Vec<Value> = letter
        .events()
        .into_iter()
        .map(|shown| match shown.event {
            Ok(event) => json!({ "id": shown.id, "event": event }),
            Err(problem) => json!({ "id": shown.id, "problem": problem }),
        })
        .collect();
    if format == Format::Json {
        let mut all = as_json(letter);
        all["events"] = Value::Array(events);
        return output::line(&all.to_string());
    }
    let mut facts = vec![
        ("position", letter.position.to_string()),
        ("buried", time(letter)),
        ("consumer", letter.consumer.clone()),
        ("subject", letter.subject.clone()),
        ("tries", letter.attempts.to_string()),
        ("reason", letter.reason.clone()),
    ];
    let headers = letter.headers.iter();
    facts.extend(headers.map(|(name, value)| ("header", format!("{name}: {value}"))));
    facts.extend(events.iter().map(|event| ("event", event.to_string())));
    output::print(|out| print_facts(out, &facts))
}

async fn compare(nats: &NatsArgs, postgres_url: &str, format: Format) -> Result<()> {
    let bus = nats.connect().await?;
    let mut postgres = address::postgres(postgres_url)
        .map_err(failed)?
        .connect()
        .await
        .map_err(|error| Error::Failed(format!("Postgres: {error}")))?;
    let found = reconcile(&bus, &mut postgres).await.map_err(failed)?;
    match format {
        Format::Json => {
            let rows: Vec<Value> = found
                .iter()
                .map(|one| {
                    json!({
                        "consumer": one.consumer,
                        "acknowledged": one.acknowledged,
                        "missing": one.missing,
                    })
                })
                .collect();
            output::line(&json!({ "consumers": rows }).to_string())?;
        }
        Format::Table => {
            let mut table = Table::new()
                .left("consumer")
                .right("acknowledged")
                .right("missing")
                .flexible("positions");
            for one in &found {
                let some = one.missing.iter().take(20).map(u64::to_string);
                table.row([
                    one.consumer.clone(),
                    one.acknowledged.to_string(),
                    one.missing.len().to_string(),
                    some.collect::<Vec<_>>().join(" "),
                ]);
            }
            output::print(|out| table.print(out))?;
        }
    }
    let missing: usize = found.iter().map(|one| one.missing.len()).sum();
    if missing > 0 {
        return Err(Error::Failed(format!(
            "{missing} messages were acknowledged, and no inbox knows them: their positions are above"
        )));
    }
    Ok(())
}
