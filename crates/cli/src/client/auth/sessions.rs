//! Sessions: listed and ended.

use clap::Subcommand;
use proto::auth::{ListSessionsRequest, RevokeAllSessionsRequest, RevokeSessionRequest};

use crate::{args::Global, client::connect, error::Result, output, table::Table, text::moment};

/// Commands about sessions.
#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// List your open sessions
    Sessions,
    /// End one of your sessions
    RevokeSession {
        /// Id of the session
        #[arg(value_name = "ID")]
        id: String,
    },
    /// End your other sessions, in every organisation
    RevokeSessions {
        /// End this one too
        #[arg(long)]
        including_this: bool,
    },
}

/// Runs a command about sessions.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: SessionsCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let mut auth = connection.auth();
    match command {
        SessionsCommand::Sessions => {
            let request = connection.request(ListSessionsRequest {});
            let reply = auth.list_sessions(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                let mut table = Table::new()
                    .left("id")
                    .left("last used")
                    .left("ends")
                    .left("from")
                    .flexible("client")
                    .left("this one");
                for session in &reply.sessions {
                    table.row([
                        session.id.as_str(),
                        &moment(session.last_used_at.as_ref()),
                        &moment(session.expires_at.as_ref()),
                        &session.address,
                        &session.user_agent,
                        if session.current { "yes" } else { "" },
                    ]);
                }
                table.print(out)
            })
        }
        SessionsCommand::RevokeSession { id } => {
            let request = connection.request(RevokeSessionRequest { id });
            let reply = auth.revoke_session(request).await?.into_inner();
            output::reply(global.output, &reply, |out| writeln!(out, "ended"))
        }
        SessionsCommand::RevokeSessions { including_this } => {
            let request = connection.request(RevokeAllSessionsRequest {
                including_current: including_this,
            });
            let reply = auth.revoke_all_sessions(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                writeln!(out, "{} ended", reply.count)
            })
        }
    }
}
