//! `valutai team` and `valutai audit`: members, and the record of what they did. Deliberately no
//! check of the chain of that record: the server does that.

use clap::{Subcommand, ValueEnum};
use proto::{
    access::role_name,
    auth::{AddMemberRequest, ListAuditEntriesRequest, ListMembersRequest, Member, Role},
};

use super::{auth::PasswordArgs, connect, tell_next_page};
use crate::{
    args::{Global, PageArgs},
    error::Result,
    output,
    table::Table,
    text::moment,
};

/// Commands of `valutai team`.
#[derive(Debug, Subcommand)]
pub enum TeamCommand {
    /// Add a person with a first password
    Add {
        /// E-mail address of the person
        #[arg(long)]
        email: String,
        /// What the person may do
        #[arg(long, value_enum)]
        role: RoleName,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// List the members of your organisation
    List,
}

/// Commands of `valutai audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// List what was done, newest first
    List {
        /// Which page.
        #[command(flatten)]
        page: PageArgs,
    },
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
    let connection = connect(global).await?;
    match command {
        TeamCommand::Add {
            email,
            role,
            password,
        } => {
            let request = connection.request(AddMemberRequest {
                email,
                password: password.read(true)?.reveal().to_owned(),
                role: Role::from(role).into(),
            });
            let reply = connection.auth().add_member(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                members(reply.member.as_slice()).print(out)
            })
        }
        TeamCommand::List => {
            let request = connection.request(ListMembersRequest {});
            let reply = connection.auth().list_members(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                members(&reply.members).print(out)
            })
        }
    }
}

/// Runs a command of `valutai audit`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run_audit(command: AuditCommand, global: &Global) -> Result<()> {
    let AuditCommand::List { page } = command;
    let connection = connect(global).await?;
    let request = connection.request(ListAuditEntriesRequest {
        page_size: page.page_size,
        page_token: page.page_token,
    });
    let reply = connection
        .auth()
        .list_audit_entries(request)
        .await?
        .into_inner();
    output::reply(global.output, &reply, |out| {
        // Two ids and a time leave no room to keep the second id whole; JSON has it.
        let mut table = Table::new()
            .right("no.")
            .left("time")
            .left("action")
            .left("what")
            .left("user");
        for entry in &reply.entries {
            let user = match entry.user_id.as_str() {
                "" => "the system",
                user => user,
            };
            table.row([
                entry.sequence.to_string().as_str(),
                &moment(entry.occurred_at.as_ref()),
                &entry.action,
                &entry.entity_id,
                user,
            ]);
        }
        table.print(out)
    })?;
    tell_next_page(&reply.next_page_token);
    Ok(())
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
