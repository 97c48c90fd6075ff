//! The commands that talk to a gateway, one group a file. Deliberately thin: a command reads its
//! options, calls a function that others can call too, and prints the reply.

use clap::Subcommand;

use crate::{
    args::Global,
    error::{Error, Result},
};

pub mod annotate;
pub mod audit;
pub mod auth;
pub mod connection;
pub mod credentials;
pub mod datasets;
pub mod model_export;
pub mod models;
pub mod outcomes;
pub mod part_file;
pub mod policy;
pub mod predict;
pub mod predict_file;
pub mod predictions;
pub mod quote_file;
pub mod quotes;
pub mod reports;
pub mod show;
pub mod streams;
pub mod team;
pub mod wait;
pub mod watch;
pub mod webhooks;
pub mod workbook;

pub use connection::Connection;
pub use credentials::Credentials;

/// Commands that talk to a gateway.
#[derive(Debug, Subcommand)]
pub enum ClientCommand {
    /// Your account: sign up and in, password, second factor, sessions, API keys
    #[command(subcommand)]
    Auth(auth::AuthCommand),
    /// Look at your team, change it, and move between organisations
    #[command(subcommand)]
    Team(team::TeamCommand),
    /// Read, export and verify the record of everything that was done
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    /// Import quote histories and look at them
    #[command(subcommand)]
    Datasets(datasets::DatasetsCommand),
    /// Look at the quotes of a dataset
    #[command(subcommand)]
    Quotes(quotes::QuotesCommand),
    /// Train models and look at them
    #[command(subcommand)]
    Models(models::ModelsCommand),
    /// Predict one quote, or all quotes of a CSV file or workbook
    Predict(predict::PredictArgs),
    /// Say what may be recommended to change
    #[command(subcommand)]
    Policy(policy::PolicyCommand),
    /// Read past predictions, or watch them being made
    #[command(subcommand)]
    Predictions(predictions::PredictionsCommand),
    /// Have events sent to addresses of your own
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Record how quotes ended, and what people thought beforehand
    #[command(subcommand)]
    Outcomes(outcomes::OutcomesCommand),
    /// Generate reports and read them
    #[command(subcommand)]
    Reports(reports::ReportsCommand),
    /// Let programs read your events on NATS
    #[command(subcommand)]
    Streams(streams::StreamsCommand),
}

/// Runs a command.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: ClientCommand, global: Global) -> Result<()> {
    match command {
        ClientCommand::Auth(command) => auth::run(command, &global).await,
        ClientCommand::Team(command) => team::run(command, &global).await,
        ClientCommand::Audit(command) => audit::run(command, &global).await,
        ClientCommand::Datasets(command) => datasets::run(command, &global).await,
        ClientCommand::Quotes(command) => quotes::run(command, &global).await,
        ClientCommand::Models(command) => models::run(command, &global).await,
        ClientCommand::Predict(args) => predict::run(args, &global).await,
        ClientCommand::Policy(command) => policy::run(command, &global).await,
        ClientCommand::Predictions(command) => predictions::run(command, &global).await,
        ClientCommand::Webhooks(command) => webhooks::run(command, &global).await,
        ClientCommand::Outcomes(command) => outcomes::run(command, &global).await,
        ClientCommand::Reports(command) => reports::run(command, &global).await,
        ClientCommand::Streams(command) => streams::run(command, &global).await,
    }
}

/// Connects as the user whose token was given or is stored.
///
/// # Errors
/// Where there is no token, or nobody answers.
pub async fn connect(global: &Global) -> Result<Connection> {
    let token = token(global)?.ok_or_else(|| {
        Error::Credentials(format!(
            "nobody is signed in at {}: run `valutai auth sign-in --email YOU` or set VALUTAI_TOKEN",
            global.endpoint
        ))
    })?;
    Connection::open(global, Some(&token)).await
}

fn token(global: &Global) -> Result<Option<String>> {
    match &global.token {
        Some(token) if !token.reveal().is_empty() => Ok(Some(token.reveal().to_owned())),
        _ => Credentials::locate(global)?.token(&global.endpoint),
    }
}

/// Tells on the standard error where a list goes on.
pub fn tell_next_page(token: &str) {
    if !token.is_empty() {
        eprintln!("there are more: go on with --page-token {token}");
    }
}

/// Takes a part out of a reply that must have it.
///
/// # Errors
/// Where the server left it out.
pub fn present<T>(part: Option<T>, what: &str) -> Result<T> {
    part.ok_or_else(|| Error::Failed(format!("the server's reply lacks its {what}")))
}
