//! `valutai models`: train, look, compare, decide which one answers. Deliberately no judgement of scores:
//! the server's notes are shown as they are.
//!
//! Layout: `champion` has what decides who answers, `retraining` what trains without being asked.

pub mod champion;
mod retraining;

use std::path::PathBuf;

use clap::Subcommand;
use indicatif::ProgressBar;
use proto::training::{
    CancelTrainingRequest, CompareModelsRequest, GetModelRequest, GetModelResponse,
    ListModelsRequest, Model, ModelState, TrainModelRequest, TrainModelResponse,
};

pub use self::{
    champion::{AliasCommand, promote},
    retraining::RetrainingCommand,
};
use super::{Connection, connect, model_export, present, show, tell_next_page, wait};
use crate::{
    args::{Global, PageArgs},
    error::{Error, Result},
    output, progress,
};

/// Commands of `valutai models`.
#[derive(Debug, Subcommand)]
pub enum ModelsCommand {
    /// Train a model on a dataset
    Train {
        /// Id of the dataset
        #[arg(long, value_name = "ID")]
        dataset: String,
        /// Seed of everything random; the same data and seed give the same model
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// Why, for whoever looks later
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
        /// Wait until the model is ready
        #[arg(long)]
        wait: bool,
    },
    /// List models, newest first
    List {
        /// Only models of this dataset
        #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
        dataset: String,
        /// Which page.
        #[command(flatten)]
        page: PageArgs,
    },
    /// Show a model: scores, importances, parameters, cost, what it was made of
    Show {
        /// Id of the model, or an alias such as champion
        id: String,
    },
    /// Compare two models: scores, what made them, and which open quotes they judge differently
    Compare {
        /// Id of a model, or an alias
        a: String,
        /// Id of another, or an alias
        b: String,
        /// Percentage points from which on an open quote counts as moved
        #[arg(long, value_name = "POINTS", default_value_t = 10.0)]
        threshold: f64,
        /// Most moved quotes to list
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1000))]
        quotes: u32,
    },
    /// End a training that waits or runs
    Cancel {
        /// Id of the model
        id: String,
    },
    /// Write a model to a file that predicts without a server, by `valutai score`
    Export {
        /// Id of the model
        id: String,
        /// The file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Make a model the champion, which answers by default, where it is not worse than the present one
    Promote {
        /// Id of the model
        id: String,
        /// Why; needed for an override
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
        /// Promote it although it is worse or cannot be compared
        #[arg(long = "override", requires = "reason")]
        overrides: bool,
    },
    /// Let the champion before the present one answer again
    Rollback {
        /// Why
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Names that models are asked by: champion, challenger, and your own
    #[command(subcommand)]
    Alias(AliasCommand),
    /// Train again without being asked, whenever enough outcomes are new
    #[command(subcommand)]
    Retraining(RetrainingCommand),
}

/// Starts training.
///
/// # Errors
/// What the server refused it with.
pub async fn train(
    connection: &Connection,
    dataset_id: &str,
    seed: u64,
    reason: &str,
) -> Result<TrainModelResponse> {
    let request = connection.request(TrainModelRequest {
        dataset_id: dataset_id.to_owned(),
        seed,
        reason: reason.to_owned(),
    });
    Ok(connection
        .training()
        .train_model(request)
        .await?
        .into_inner())
}

/// Reads a model.
///
/// # Errors
/// What the server refused it with.
pub async fn get(connection: &Connection, id: &str) -> Result<GetModelResponse> {
    let request = connection.request(GetModelRequest { id: id.to_owned() });
    Ok(connection.training().get_model(request).await?.into_inner())
}

/// Waits until a training has ended in whatever way, and answers its model; `bar` shows the stage.
///
/// # Errors
/// What the server refused a question with; a failed or cancelled training is no error here.
pub async fn wait_until_trained(
    connection: &Connection,
    id: &str,
    bar: &ProgressBar,
) -> Result<Model> {
    wait::until(
        || async { present(get(connection, id).await?.model, "model") },
        |model| {
            let stage = match model.state() {
                ModelState::Queued => "waiting for a worker",
                _ => &model.stage,
            };
            progress::show_share(bar, model.progress, stage);
            !matches!(model.state(), ModelState::Queued | ModelState::Training)
        },
    )
    .await
}

/// Runs a command of `valutai models`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: ModelsCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    match command {
        ModelsCommand::Train {
            dataset,
            seed,
            reason,
            wait,
        } => {
            let started = train(&connection, &dataset, seed, &reason).await?;
            run_train(&connection, started, wait, global).await
        }
        ModelsCommand::List { dataset, page } => {
            let request = connection.request(ListModelsRequest {
                dataset_id: dataset,
                page_size: page.page_size,
                page_token: page.page_token,
            });
            let reply = connection
                .training()
                .list_models(request)
                .await?
                .into_inner();
            output::reply(global.output, &reply, |out| {
                show::models(&reply.models).print(out)
            })?;
            tell_next_page(&reply.next_page_token);
            Ok(())
        }
        ModelsCommand::Show { id } => {
            let reply = get(&connection, &id).await?;
            let model = present(reply.model.as_ref(), "model")?;
            output::reply(global.output, &reply, |out| {
                show::model(out, model)?;
                show::provenance(out, model)
            })
        }
        ModelsCommand::Export { id, out } => model_export::run(&connection, &id, &out).await,
        ModelsCommand::Compare {
            a,
            b,
            threshold,
            quotes,
        } => {
            let request = connection.request(CompareModelsRequest {
                model_a: a,
                model_b: b,
                threshold: threshold / 100.0,
                most_quotes: quotes,
            });
            let reply = connection
                .training()
                .compare_models(request)
                .await?
                .into_inner();
            output::reply(global.output, &reply, |out| show::comparison(out, &reply))
        }
        ModelsCommand::Cancel { id } => {
            let request = connection.request(CancelTrainingRequest { id });
            let reply = connection
                .training()
                .cancel_training(request)
                .await?
                .into_inner();
            output::reply(global.output, &reply, |out| {
                show::models(reply.model.as_slice()).print(out)
            })
        }
        ModelsCommand::Promote {
            id,
            reason,
            overrides,
        } => champion::run_promote(&connection, &id, (&reason, overrides), global).await,
        ModelsCommand::Rollback { reason } => {
            champion::run_rollback(&connection, reason, global).await
        }
        ModelsCommand::Alias(command) => champion::run_alias(&connection, command, global).await,
        ModelsCommand::Retraining(command) => retraining::run(&connection, command, global).await,
    }
}

async fn run_train(
    connection: &Connection,
    mut reply: TrainModelResponse,
    wait: bool,
    global: &Global,
) -> Result<()> {
    if wait {
        let bar = progress::of_share("training");
        let waited = wait_until_trained(connection, &reply.id, &bar).await;
        bar.finish_and_clear();
        match waited {
            Ok(model) => reply.model = Some(model),
            Err(error) => {
                eprintln!("the training was accepted as model {}", reply.id);
                return Err(error);
            }
        }
    }
    let model = present(reply.model.as_ref(), "model")?;
    output::reply(global.output, &reply, |out| show::model(out, model))?;
    if model.state() == ModelState::Failed {
        return Err(Error::Failed(format!(
            "the training failed: {}",
            model.problem
        )));
    }
    if model.state() == ModelState::Cancelled {
        return Err(Error::Failed("the training was cancelled".to_owned()));
    }
    Ok(())
}
