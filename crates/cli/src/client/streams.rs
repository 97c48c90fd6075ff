//! `valutai streams`: credentials by which programs read the organisation's events on NATS. Deliberately no reading of them:
//! any client of NATS does that, see docs/events.md.

use chrono::{DateTime, Utc};
use clap::{Args, Subcommand, ValueEnum};
use proto::auth::{
    IssueStreamCredentialRequest, IssueStreamCredentialResponse, ListStreamCredentialsRequest,
    RevokeStreamCredentialRequest, StreamCredential, StreamEvent,
    issue_stream_credential_request::Start,
};

use super::connect;
use crate::{
    args::Global,
    error::Result,
    output,
    table::{Table, print_facts},
    text::moment,
};

/// Commands of `valutai streams`.
#[derive(Debug, Subcommand)]
pub enum StreamsCommand {
    /// Issue, list and revoke credentials for NATS
    #[command(subcommand)]
    Credentials(CredentialsCommand),
}

/// Commands of `valutai streams credentials`.
#[derive(Debug, Subcommand)]
pub enum CredentialsCommand {
    /// Issue a credential and show its address with the secret, once
    Issue(IssueArgs),
    /// List the credentials that have not ended
    List,
    /// End a credential: nothing more is read by it
    Revoke {
        /// Id of the credential
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Options of `valutai streams credentials issue`.
#[derive(Debug, Args)]
pub struct IssueArgs {
    /// Name to tell it by
    #[arg(long)]
    pub name: String,
    /// Days until it ends
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub days: u32,
    /// What it reads; repeatable [default: everything]
    #[arg(long = "event", value_enum)]
    pub events: Vec<Event>,
    /// Begin with the events of this time, such as 2026-11-26T08:00:00Z [default: with the next one]
    #[arg(long, value_name = "TIME", conflicts_with = "from_beginning")]
    pub since: Option<DateTime<Utc>>,
    /// Begin with the oldest event that is kept
    #[arg(long)]
    pub from_beginning: bool,
}

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Event {
    /// Predictions as they are made
    Made,
    /// Predictions that say something else of a quote than the one before
    Changed,
    /// Outcomes as they are recorded
    Outcome,
    /// Models that begin and cease to drift
    Drift,
    /// Models that begin to answer by default
    Promoted,
}

const NAMES: [(StreamEvent, Event); 5] = [
    (StreamEvent::Made, Event::Made),
    (StreamEvent::Changed, Event::Changed),
    (StreamEvent::Outcome, Event::Outcome),
    (StreamEvent::Drift, Event::Drift),
    (StreamEvent::Promoted, Event::Promoted),
];

impl From<Event> for StreamEvent {
    fn from(event: Event) -> Self {
        let named = NAMES.iter().find(|(_, name)| *name == event);
        named.map_or(Self::Unspecified, |(number, _)| *number)
    }
}

impl IssueArgs {
    fn request(self) -> IssueStreamCredentialRequest {
        let since = self.since.map(|since| {
            Start::FromTime(prost_types::Timestamp {
                seconds: since.timestamp(),
                nanos: i32::try_from(since.timestamp_subsec_nanos()).unwrap_or(0),
            })
        });
        let beginning = self.from_beginning.then_some(Start::FromBeginning(true));
        IssueStreamCredentialRequest {
            name: self.name,
            days: self.days,
            events: self
                .events
                .into_iter()
                .map(|event| StreamEvent::from(event) as i32)
                .collect(),
            start: since.or(beginning),
        }
    }
}

/// Runs a command of `valutai streams`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: StreamsCommand, global: &Global) -> Result<()> {
    let StreamsCommand::Credentials(command) = command;
    let connection = connect(global).await?;
    let mut auth = connection.auth();
    match command {
        CredentialsCommand::Issue(args) => {
            let request = connection.request(args.request());
            let reply = auth.issue_stream_credential(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                print_facts(out, &issued(&reply))?;
                // Whole on a line, so that it can be copied.
                writeln!(out, "address with the secret, shown once:\n{}", reply.url)
            })
        }
        CredentialsCommand::List => {
            let request = connection.request(ListStreamCredentialsRequest {});
            let reply = auth.list_stream_credentials(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                table(&reply.credentials).print(out)
            })
        }
        CredentialsCommand::Revoke { id } => {
            let request = connection.request(RevokeStreamCredentialRequest { id });
            let reply = auth.revoke_stream_credential(request).await?.into_inner();
            output::reply(global.output, &reply, |out| writeln!(out, "ended"))
        }
    }
}

fn issued(reply: &IssueStreamCredentialResponse) -> Vec<(&'static str, String)> {
    let credential = reply.credential.clone().unwrap_or_default();
    vec![
        ("id", reply.id.clone()),
        ("name", credential.name.clone()),
        ("domain", reply.domain.clone()),
        ("stream", reply.stream.clone()),
        ("consumer", reply.consumer.clone()),
        ("inbox prefix", reply.inbox_prefix.clone()),
        ("reads", names(&credential)),
        ("begins", begins(&credential)),
        ("ends", moment(credential.expires_at.as_ref())),
    ]
}

fn table(credentials: &[StreamCredential]) -> Table {
    let mut table = Table::new()
        .left("id")
        .flexible("name")
        .left("reads")
        .left("ends")
        .left("last used");
    for credential in credentials {
        table.row([
            credential.id.clone(),
            credential.name.clone(),
            names(credential),
            moment(credential.expires_at.as_ref()),
            credential
                .last_used_at
                .as_ref()
                .map_or_else(|| "never".to_owned(), |at| moment(Some(at))),
        ]);
    }
    table
}

fn begins(credential: &StreamCredential) -> String {
    match &credential.starts_at {
        Some(at) => moment(Some(at)),
        None => "oldest kept".to_owned(),
    }
}

fn names(credential: &StreamCredential) -> String {
    let name = |event: StreamEvent| {
        let named = NAMES.iter().find(|(number, _)| *number == event);
        named.and_then(|(_, name)| name.to_possible_value())
    };
    if credential.events.len() == NAMES.len() {
        return "everything".to_owned();
    }
    let names: Vec<String> = credential
        .events()
        .filter_map(name)
        .map(|name| name.get_name().to_owned())
        .collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_has_a_name_and_every_name_an_event() {
        let all: Vec<i32> = Event::value_variants()
            .iter()
            .map(|event| StreamEvent::from(*event) as i32)
            .collect();
        assert_eq!(all, [1, 2, 3, 4, 5]);
        let credential = StreamCredential {
            events: all,
            ..StreamCredential::default()
        };
        assert_eq!(names(&credential), "everything");
        let some = StreamCredential {
            events: vec![1, 4],
            ..StreamCredential::default()
        };
        assert_eq!(names(&some), "made, drift");
    }
}
