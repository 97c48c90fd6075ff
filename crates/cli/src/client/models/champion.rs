//! Which model answers: promotion, the way back, and the names that models are asked by. Deliberately no
//! question before a promotion: it can be taken back.

use clap::Subcommand;
use proto::training::{
    ListModelAliasesRequest, PromoteModelRequest, PromoteModelResponse, RollbackModelRequest,
    SetModelAliasRequest,
};

use super::super::{Connection, present, show};
use crate::{args::Global, error::Result, output};

/// Commands of `valutai models alias`.
#[derive(Debug, Subcommand)]
pub enum AliasCommand {
    /// List the names with their models
    List,
    /// Give a name to a model, or move it there; what is called challenger answers in the champion's shadow
    Set {
        /// The name: lower-case letters, digits and hyphens
        name: String,
        /// Id of the model
        id: String,
        /// Why
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
    /// Take a name away
    Remove {
        /// The name
        name: String,
        /// Why
        #[arg(long, default_value = "", hide_default_value = true)]
        reason: String,
    },
}

/// Makes a model the champion; against the gate where `overrides`.
///
/// # Errors
/// What the server refused it with.
pub async fn promote(
    connection: &Connection,
    id: &str,
    reason: &str,
    overrides: bool,
) -> Result<PromoteModelResponse> {
    let request = connection.request(PromoteModelRequest {
        id: id.to_owned(),
        reason: reason.to_owned(),
        r#override: overrides,
    });
    Ok(connection
        .training()
        .promote_model(request)
        .await?
        .into_inner())
}

pub(super) async fn run_promote(
    connection: &Connection,
    id: &str,
    (reason, overrides): (&str, bool),
    global: &Global,
) -> Result<()> {
    let reply = promote(connection, id, reason, overrides).await?;
    let model = present(reply.model.as_ref(), "model")?;
    output::reply(global.output, &reply, |out| {
        show::models(std::slice::from_ref(model)).print(out)?;
        match &model.gate {
            Some(gate) => show::losses(out, gate, &[]),
            None => Ok(()),
        }
    })
}

pub(super) async fn run_rollback(
    connection: &Connection,
    reason: String,
    global: &Global,
) -> Result<()> {
    let request = connection.request(RollbackModelRequest { reason });
    let reply = connection
        .training()
        .rollback_model(request)
        .await?
        .into_inner();
    output::reply(global.output, &reply, |out| {
        writeln!(
            out,
            "{} answers no longer; again does",
            reply.previous_model_id
        )?;
        show::models(reply.model.as_slice()).print(out)
    })
}

pub(super) async fn run_alias(
    connection: &Connection,
    command: AliasCommand,
    global: &Global,
) -> Result<()> {
    let (alias, model_id, reason) = match command {
        AliasCommand::List => {
            let request = connection.request(ListModelAliasesRequest {});
            let reply = connection
                .training()
                .list_model_aliases(request)
                .await?
                .into_inner();
            return output::reply(global.output, &reply, |out| {
                show::aliases(&reply.aliases).print(out)
            });
        }
        AliasCommand::Set { name, id, reason } => (name, id, reason),
        AliasCommand::Remove { name, reason } => (name, String::new(), reason),
    };
    let request = connection.request(SetModelAliasRequest {
        alias: alias.clone(),
        model_id,
        reason,
    });
    let reply = connection
        .training()
        .set_model_alias(request)
        .await?
        .into_inner();
    output::reply(global.output, &reply, |out| match &reply.alias {
        Some(alias) => show::aliases(std::slice::from_ref(alias)).print(out),
        None => writeln!(out, "no model is called {alias} any more"),
    })
}
