//! `valutai team service-accounts`: keys that belong to the organisation and to no person.

use clap::Subcommand;
use proto::auth::{
    CreateServiceAccountRequest, ListServiceAccountsRequest, RevokeServiceAccountRequest, Role,
};

use crate::{
    args::Global,
    client::{
        auth::keys::{NewKeyArgs, new_key, table},
        connect,
    },
    error::Result,
    output,
    table::print_facts,
};

/// Commands of `valutai team service-accounts`.
#[derive(Debug, Subcommand)]
pub enum ServiceAccountsCommand {
    /// Make a service account and show its key, once; programs give it as VALUTAI_TOKEN
    Create(NewKeyArgs),
    /// List the service accounts
    List,
    /// End a service account and its key
    Revoke {
        /// Id of the service account
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// Runs a command of `valutai team service-accounts`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: ServiceAccountsCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let mut auth = connection.auth();
    match command {
        ServiceAccountsCommand::Create(args) => {
            let request = connection.request(CreateServiceAccountRequest {
                name: args.name,
                role: Role::from(args.role).into(),
                days: args.days,
            });
            let reply = auth.create_service_account(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                print_facts(out, &new_key(&reply.token, reply.service_account.as_ref()))
            })
        }
        ServiceAccountsCommand::List => {
            let request = connection.request(ListServiceAccountsRequest {});
            let reply = auth.list_service_accounts(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                table(&reply.service_accounts).print(out)
            })
        }
        ServiceAccountsCommand::Revoke { id } => {
            let request = connection.request(RevokeServiceAccountRequest { id });
            let reply = auth.revoke_service_account(request).await?.into_inner();
            output::reply(global.output, &reply, |out| writeln!(out, "ended"))
        }
    }
}
