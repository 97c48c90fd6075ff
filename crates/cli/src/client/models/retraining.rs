//! `valutai models retraining`: when a dataset is trained on again without being asked. Deliberately a policy
//! for each dataset and no more: the work is the server's.

use clap::{Args, Subcommand};
use proto::training::{
    GetRetrainingPolicyRequest, GetRetrainingPolicyResponse, RetrainingPolicy,
    SetRetrainingPolicyRequest,
};

use super::super::{Connection, present, show};
use crate::{args::Global, error::Result, output};

/// Commands of `valutai models retraining`.
#[derive(Debug, Subcommand)]
pub enum RetrainingCommand {
    /// Show the policy of a dataset, and how many outcomes are new
    Show {
        /// Id of the dataset
        dataset: String,
    },
    /// Train again whenever enough outcomes are new; the model becomes the challenger
    On(OnArgs),
    /// Do not train without being asked any more
    Off {
        /// Id of the dataset
        dataset: String,
    },
}

/// Options of `valutai models retraining on`.
#[derive(Debug, Args)]
pub struct OnArgs {
    /// Id of the dataset
    pub dataset: String,
    /// Fewest outcomes that have to be new since the last training
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub outcomes: u32,
    /// Fewest days since the last training
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u32).range(0..=1_000_000))]
    pub days: u32,
    /// Let the new model become the champion by itself where it passes the gate
    #[arg(long)]
    pub promote: bool,
}

pub(super) async fn run(
    connection: &Connection,
    command: RetrainingCommand,
    global: &Global,
) -> Result<()> {
    let policy = match command {
        RetrainingCommand::Show { dataset } => {
            let reply = get(connection, dataset).await?;
            let policy = present(reply.policy.as_ref(), "policy")?;
            return output::reply(global.output, &reply, |out| show::retraining(out, policy));
        }
        RetrainingCommand::On(args) => RetrainingPolicy {
            dataset_id: args.dataset,
            enabled: true,
            least_new_outcomes: args.outcomes,
            least_days_between: args.days,
            promote_automatically: args.promote,
            ..RetrainingPolicy::default()
        },
        // Who switches it on again finds the figures as they were.
        RetrainingCommand::Off { dataset } => {
            let known = present(get(connection, dataset).await?.policy, "policy")?;
            RetrainingPolicy {
                enabled: false,
                least_new_outcomes: known.least_new_outcomes.max(1),
                ..known
            }
        }
    };
    let request = connection.request(SetRetrainingPolicyRequest {
        policy: Some(policy),
    });
    let reply = connection
        .training()
        .set_retraining_policy(request)
        .await?
        .into_inner();
    let policy = present(reply.policy.as_ref(), "policy")?;
    output::reply(global.output, &reply, |out| show::retraining(out, policy))
}

async fn get(connection: &Connection, dataset_id: String) -> Result<GetRetrainingPolicyResponse> {
    let request = connection.request(GetRetrainingPolicyRequest { dataset_id });
    Ok(connection
        .training()
        .get_retraining_policy(request)
        .await?
        .into_inner())
}
