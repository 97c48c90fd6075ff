//! Several organisations of one person, and the end of one.

use clap::Subcommand;
use proto::{
    access::role_name,
    auth::{
        CancelOrganizationDeletionRequest, ConfirmOrganizationDeletionRequest,
        CreateOrganizationRequest, LeaveOrganizationRequest, ListOrganizationsRequest,
        RequestOrganizationDeletionRequest, SwitchOrganizationRequest,
    },
};

use crate::{
    args::Global,
    client::{
        Connection,
        auth::{PasswordArgs, identity, keep_token},
        connect, present,
    },
    error::{Error, Result},
    output,
    table::{Table, print_facts},
    text::moment,
};

/// Commands about organisations.
#[derive(Debug, Subcommand)]
pub enum OrganizationsCommand {
    /// List the organisations that you belong to
    Organizations,
    /// Move to another of your organisations
    Switch {
        /// Id of the organisation
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Create another organisation that you own
    Create {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Leave the organisation
    Leave,
    /// Delete the organisation with all its data: ask, confirm by mail, and a time of grace
    #[command(group(clap::ArgGroup::new("step").required(true)))]
    Delete {
        /// Ask for it, by the organisation's name
        #[arg(long, value_name = "NAME", group = "step")]
        name: Option<String>,
        /// Confirm it by the token of the mail
        #[arg(long, value_name = "TOKEN", group = "step")]
        confirm: Option<String>,
        /// Take it back, while the time of grace lasts
        #[arg(long, group = "step")]
        cancel: bool,
        /// Where the password comes from, when asking.
        #[command(flatten)]
        password: PasswordArgs,
    },
}

/// Runs a command about organisations.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: OrganizationsCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let mut auth = connection.auth();
    match command {
        OrganizationsCommand::Organizations => list(global, &connection).await,
        OrganizationsCommand::Switch { id } => {
            let request = connection.request(SwitchOrganizationRequest {
                organization_id: id,
            });
            let reply = auth.switch_organization(request).await?.into_inner();
            keep_token(global, &reply.token)?;
            let who = present(reply.identity.as_ref(), "identity")?;
            output::reply(global.output, &reply, |out| {
                print_facts(out, &identity(who))
            })
        }
        OrganizationsCommand::Create { name } => {
            let request = connection.request(CreateOrganizationRequest { name });
            let reply = auth.create_organization(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                writeln!(
                    out,
                    "created; go there by: valutai team switch {}",
                    reply.id
                )
            })
        }
        OrganizationsCommand::Leave => {
            let request = connection.request(LeaveOrganizationRequest {});
            let reply = auth.leave_organization(request).await?.into_inner();
            output::reply(global.output, &reply, |out| writeln!(out, "left"))
        }
        OrganizationsCommand::Delete {
            name: Some(name),
            password,
            ..
        } => {
            let password = password.read(false)?.reveal().to_owned();
            let request = RequestOrganizationDeletionRequest { name, password };
            let request = connection.request(request);
            let reply = auth.request_organization_deletion(request).await?;
            output::reply(global.output, &reply.into_inner(), |out| {
                writeln!(out, "a mail is on its way: go on with the command in it")
            })
        }
        OrganizationsCommand::Delete {
            confirm: Some(token),
            ..
        } => {
            let request = connection.request(ConfirmOrganizationDeletionRequest { token });
            let reply = auth.confirm_organization_deletion(request).await?;
            let reply = reply.into_inner();
            output::reply(global.output, &reply, |out| {
                let at = moment(reply.deleted_at.as_ref());
                writeln!(
                    out,
                    "the organisation will be deleted at {at}; until then: valutai team delete --cancel"
                )
            })
        }
        OrganizationsCommand::Delete { cancel: true, .. } => {
            let request = connection.request(CancelOrganizationDeletionRequest {});
            let reply = auth.cancel_organization_deletion(request).await?;
            output::reply(global.output, &reply.into_inner(), |out| {
                writeln!(out, "the organisation stays")
            })
        }
        OrganizationsCommand::Delete { .. } => Err(Error::Misuse(
            "give --name, --confirm or --cancel".to_owned(),
        )),
    }
}

async fn list(global: &Global, connection: &Connection) -> Result<()> {
    let request = connection.request(ListOrganizationsRequest {});
    let reply = connection.auth().list_organizations(request).await?;
    let reply = reply.into_inner();
    output::reply(global.output, &reply, |out| {
        let mut table = Table::new()
            .left("id")
            .flexible("name")
            .left("role")
            .left("this one");
        for organization in &reply.organizations {
            table.row([
                organization.id.as_str(),
                &organization.name,
                role_name(organization.role()),
                if organization.current { "yes" } else { "" },
            ]);
        }
        table.print(out)
    })
}
