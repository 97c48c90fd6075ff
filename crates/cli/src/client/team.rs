//! `valutai team`: members and organisations. Deliberately no judgement of who may what: the server has
//! it.

mod organizations;
mod service_accounts;

use clap::{Subcommand, ValueEnum};
use proto::{
    access::role_name,
    auth::{
        AcceptInvitationRequest, ChangeMemberRoleRequest, Invitation, InviteMemberRequest,
        ListInvitationsRequest, ListMembersRequest, Member, RemoveMemberRequest,
        RevokeInvitationRequest, Role, TransferOwnershipRequest,
    },
};

use super::{
    Connection, Credentials,
    auth::{PasswordArgs, identity},
    connect, present, token,
};
use crate::{
    args::Global,
    error::Result,
    output,
    table::{Table, print_facts},
    text::moment,
};

/// Commands of `valutai team`.
#[derive(Debug, Subcommand)]
pub enum TeamCommand {
    /// Invite a person by mail
    Invite {
        /// E-mail address of the person
        #[arg(long)]
        email: String,
        /// What the person may do
        #[arg(long, value_enum)]
        role: RoleName,
    },
    /// List the invitations that can still be accepted
    Invitations,
    /// Withdraw an invitation
    RevokeInvitation {
        /// Id of the invitation
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Join an organisation by the token of an invitation: signed in, or with a password
    Accept {
        /// Token of the mail
        #[arg(id = "mail_token", value_name = "TOKEN")]
        token: String,
        /// Where the password comes from, unless you are signed in.
        #[command(flatten)]
        password: PasswordArgs,
        /// Code of your authenticator, where your account has a second factor
        #[arg(long, value_name = "CODE", default_value = "")]
        code: String,
    },
    /// List the members of your organisation
    List,
    /// Give a member another role
    Role {
        /// Id of the member
        #[arg(value_name = "USER")]
        user: String,
        /// The role
        #[arg(value_enum)]
        role: RoleName,
    },
    /// Remove a member
    Remove {
        /// Id of the member
        #[arg(value_name = "USER")]
        user: String,
    },
    /// Make another member owner, and yourself an analyst
    Transfer {
        /// Id of the member
        #[arg(value_name = "USER")]
        user: String,
    },
    /// A command about organisations.
    #[command(flatten)]
    Organizations(organizations::OrganizationsCommand),
    /// Make and end service accounts: keys that belong to the organisation
    #[command(subcommand)]
    ServiceAccounts(service_accounts::ServiceAccountsCommand),
}

/// A role as it is written on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RoleName {
    /// Reads predictions and reports
    Viewer,
    /// Also uploads, trains, predicts, exports
    Analyst,
    /// Everything, with the team and deletion
    Owner,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Viewer => Self::Viewer,
            RoleName::Analyst => Self::Analyst,
            RoleName::Owner => Self::Owner,
        }
    }
}

/// Runs a command of `valutai team`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: TeamCommand, global: &Global) -> Result<()> {
    match command {
        TeamCommand::Organizations(command) => return organizations::run(command, global).await,
        TeamCommand::ServiceAccounts(command) => {
            return service_accounts::run(command, global).await;
        }
        TeamCommand::Accept {
            token,
            password,
            code,
        } => return accept(global, token, password, code).await,
        _ => {}
    }
    let connection = connect(global).await?;
    let mut auth = connection.auth();
    match command {
        TeamCommand::Invite { email, role } => {
            let request = connection.request(InviteMemberRequest {
                email,
                role: Role::from(role).into(),
            });
            let reply = auth.invite_member(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                invitations(reply.invitation.as_slice()).print(out)
            })
        }
        TeamCommand::Invitations => {
            let request = connection.request(ListInvitationsRequest {});
            let reply = auth.list_invitations(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                invitations(&reply.invitations).print(out)
            })
        }
        TeamCommand::RevokeInvitation { id } => {
            let request = connection.request(RevokeInvitationRequest { id });
            let reply = auth.revoke_invitation(request).await?.into_inner();
            output::reply(global.output, &reply, |out| writeln!(out, "withdrawn"))
        }
        TeamCommand::List => {
            let request = connection.request(ListMembersRequest {});
            let reply = auth.list_members(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                members(&reply.members).print(out)
            })
        }
        TeamCommand::Role { user, role } => {
            let request = connection.request(ChangeMemberRoleRequest {
                user_id: user,
                role: Role::from(role).into(),
            });
            let reply = auth.change_member_role(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                writeln!(out, "changed; the member signs in again")
            })
        }
        TeamCommand::Remove { user } => {
            let request = connection.request(RemoveMemberRequest { user_id: user });
            let reply = auth.remove_member(request).await?.into_inner();
            output::reply(global.output, &reply, |out| writeln!(out, "removed"))
        }
        TeamCommand::Transfer { user } => {
            let request = connection.request(TransferOwnershipRequest { user_id: user });
            let reply = auth.transfer_ownership(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                writeln!(out, "transferred; both of you sign in again")
            })
        }
        TeamCommand::Accept { .. }
        | TeamCommand::Organizations(_)
        | TeamCommand::ServiceAccounts(_) => Ok(()),
    }
}

async fn accept(
    global: &Global,
    invitation: String,
    password: PasswordArgs,
    code: String,
) -> Result<()> {
    let session = token(global)?;
    let connection = Connection::open(global, session.as_deref()).await?;
    let password = match session {
        Some(_) => String::new(),
        None => password.read(false)?.reveal().to_owned(),
    };
    let request = connection.request(AcceptInvitationRequest {
        token: invitation,
        password,
        totp_code: code,
    });
    let reply = connection.auth().accept_invitation(request).await?;
    let reply = reply.into_inner();
    let who = present(reply.identity.as_ref(), "identity")?;
    Credentials::locate(global)?.store(&global.endpoint, &who.email, &reply.token)?;
    output::reply(global.output, &reply, |out| {
        let mut facts = identity(who);
        facts.push(("session ends", moment(reply.expires_at.as_ref())));
        print_facts(out, &facts)
    })
}

fn members(members: &[Member]) -> Table {
    let mut table = Table::new()
        .left("user")
        .left("e-mail")
        .left("role")
        .left("joined");
    for member in members {
        table.row([
            member.user_id.as_str(),
            &member.email,
            role_name(member.role()),
            &moment(member.created_at.as_ref()),
        ]);
    }
    table
}

fn invitations(invitations: &[Invitation]) -> Table {
    let mut table = Table::new()
        .left("id")
        .left("e-mail")
        .left("role")
        .left("ends");
    for invitation in invitations {
        table.row([
            invitation.id.as_str(),
            &invitation.email,
            role_name(invitation.role()),
            &moment(invitation.expires_at.as_ref()),
        ]);
    }
    table
}
