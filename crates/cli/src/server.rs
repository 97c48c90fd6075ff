//! The commands that run the system or look after it. Deliberately no other way of running a
//! service than production's: what differs is configuration.

use clap::Subcommand;

use crate::{args::Global, error::Result};

pub mod dead_letters;
pub mod demo;
pub mod doctor;
pub mod keys;
pub mod migrate;
pub mod nats_config;
pub mod serve;
pub mod stack;
pub mod up;

/// Commands of the server side.
#[derive(Debug, Subcommand)]
pub enum ServerCommand {
    /// Run everything in one process, with Postgres and NATS of its own unless told otherwise
    Up(up::UpArgs),
    /// Show the whole product in a minute: import, training, predictions, events, report
    Demo(demo::DemoArgs),
    /// Run one service by the settings in the environment, as in production
    Serve(serve::ServeArgs),
    /// Make the database's roles and bring every schema to its newest version
    Migrate(migrate::MigrateArgs),
    /// Rotate the key-encryption keys, and say what each has sealed
    #[command(subcommand)]
    Keys(keys::KeysCommand),
    /// Write the users of nats-server, with what each service may say and hear
    NatsConfig(nats_config::NatsConfigArgs),
    /// Look at events that could not be handled, and give them back or discard them; works while services are down
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// Say what is missing or misconfigured on this machine, and how to mend it
    Doctor(doctor::DoctorArgs),
}

/// Runs a command.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: ServerCommand, global: &Global) -> Result<()> {
    match command {
        ServerCommand::Up(args) => up::run(args).await,
        ServerCommand::Demo(args) => demo::run(args).await,
        ServerCommand::Serve(args) => serve::run(&args).await,
        ServerCommand::Migrate(args) => migrate::run(&args).await,
        ServerCommand::Keys(command) => keys::run(command).await,
        ServerCommand::NatsConfig(args) => nats_config::run(&args),
        ServerCommand::DeadLetters(command) => dead_letters::run(command, global.output).await,
        ServerCommand::Doctor(args) => doctor::run(&args, global).await,
    }
}
