//! `valutai auth keys`: API keys of one's own; and what service accounts share with them.

use clap::{Args, Subcommand};
use proto::{
    access::role_name,
    auth::{ApiKey, CreateApiKeyRequest, ListApiKeysRequest, RevokeApiKeyRequest, Role},
};

use crate::{
    args::Global,
    client::{connect, team::RoleName},
    error::Result,
    output,
    table::{Table, print_facts},
    text::moment,
};

/// Commands of `valutai auth keys`.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and show it, once; programs give it as VALUTAI_TOKEN
    Create(NewKeyArgs),
    /// List your keys in this organisation
    List,
    /// End a key
    Revoke {
        /// Id of the key
        #[arg(value_name = "ID")]
        id: String,
    },
}

/// What a new key is to be.
#[derive(Debug, Args)]
pub struct NewKeyArgs {
    /// Name to tell it by
    #[arg(long)]
    pub name: String,
    /// The most it may do
    #[arg(long, value_enum)]
    pub role: RoleName,
    /// Days until it ends
    #[arg(long, value_name = "N", default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=366))]
    pub days: u32,
}

/// Runs a command of `valutai auth keys`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: KeysCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let mut auth = connection.auth();
    match command {
        KeysCommand::Create(args) => {
            let request = connection.request(CreateApiKeyRequest {
                name: args.name,
                role: Role::from(args.role).into(),
                days: args.days,
            });
            let reply = auth.create_api_key(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                print_facts(out, &new_key(&reply.token, reply.api_key.as_ref()))
            })
        }
        KeysCommand::List => {
            let request = connection.request(ListApiKeysRequest {});
            let reply = auth.list_api_keys(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                table(&reply.api_keys).print(out)
            })
        }
        KeysCommand::Revoke { id } => {
            let request = connection.request(RevokeApiKeyRequest { id });
            let reply = auth.revoke_api_key(request).await?.into_inner();
            output::reply(global.output, &reply, |out| writeln!(out, "ended"))
        }
    }
}

/// A key just made, with the only sight of it.
pub fn new_key(token: &str, key: Option<&ApiKey>) -> Vec<(&'static str, String)> {
    let mut facts = vec![("key, shown once", token.to_owned())];
    if let Some(key) = key {
        facts.push(("id", key.id.clone()));
        facts.push(("role", role_name(key.role()).to_owned()));
        facts.push(("ends", moment(key.expires_at.as_ref())));
    }
    facts
}

/// Keys as they are listed.
pub fn table(keys: &[ApiKey]) -> Table {
    let mut table = Table::new()
        .left("id")
        .flexible("name")
        .left("begins with")
        .left("role")
        .left("ends")
        .left("last used");
    for key in keys {
        table.row([
            key.id.as_str(),
            &key.name,
            &key.prefix,
            role_name(key.role()),
            &moment(key.expires_at.as_ref()),
            &moment(key.last_used_at.as_ref()),
        ]);
    }
    table
}
