//! `valutai models`: train, look, promote. Deliberately no judgement of scores: the server's notes
//! are shown as they are.

use std::path::PathBuf;

use clap::Subcommand;
use indicatif::ProgressBar;
use proto::training::{
    GetModelRequest, GetModelResponse, ListModelsRequest, Model, ModelState, PromoteModelRequest,
    PromoteModelResponse, TrainModelRequest, TrainModelResponse,
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
    /// Show a model: scores, importances, parameters, cost
    Show {
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
    /// Make a model the one that answers by default
    Promote {
        /// Id of the model
        id: String,
        /// Why, for the audit trail
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
}

/// Starts training.
///
/// # Errors
/// What the server refused it with.
pub async fn train(
    connection: &Connection,
    dataset_id: &str,
    seed: u64,
) -> Result<TrainModelResponse> {
    let request = connection.request(TrainModelRequest {
        dataset_id: dataset_id.to_owned(),
        seed,
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

/// Waits until a model is ready or has failed, and answers it; `bar` shows the stage.
///
/// # Errors
/// What the server refused a question with; a failed training is no error here.
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
            matches!(model.state(), ModelState::Ready | ModelState::Failed)
        },
    )
    .await
}

/// Makes a model the one that answers by default.
///
/// # Errors
/// What the server refused it with.
pub async fn promote(
    connection: &Connection,
    id: &str,
    reason: &str,
) -> Result<PromoteModelResponse> {
    let request = connection.request(PromoteModelRequest {
        id: id.to_owned(),
        reason: reason.to_owned(),
    });
    Ok(connection
        .training()
        .promote_model(request)
        .await?
        .into_inner())
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
            wait,
        } => run_train(&connection, &dataset, seed, wait, global).await,
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
            output::reply(global.output, &reply, |out| show::model(out, model))
        }
        ModelsCommand::Export { id, out } => model_export::run(&connection, &id, &out).await,
        ModelsCommand::Promote { id, reason } => {
            let reply = promote(&connection, &id, &reason).await?;
            output::reply(global.output, &reply, |out| {
                show::models(reply.model.as_slice()).print(out)
            })
        }
    }
}

async fn run_train(
    connection: &Connection,
    dataset: &str,
    seed: u64,
    wait: bool,
    global: &Global,
) -> Result<()> {
    let mut reply = train(connection, dataset, seed).await?;
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
    Ok(())
}
