//! `valutai auth totp`: the second factor.

use clap::Subcommand;
use proto::auth::{
    BeginTotpRequest, ConfirmTotpRequest, DisableTotpRequest, RenewRecoveryCodesRequest,
};

use super::{PasswordArgs, keep_token};
use crate::{args::Global, client::connect, error::Result, output, table::print_facts};

/// Commands of `valutai auth totp`.
#[derive(Debug, Subcommand)]
pub enum TotpCommand {
    /// Begin: shows a secret to type or scan into an authenticator
    Begin {
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Turn the second factor on by the code that the authenticator shows; shows recovery codes
    Confirm {
        /// The code
        #[arg(value_name = "CODE")]
        code: String,
    },
    /// Turn the second factor off
    Disable {
        /// Code of the authenticator, or a recovery code
        #[arg(value_name = "CODE")]
        code: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Make new recovery codes; those before are void
    RecoveryCodes {
        /// Code of the authenticator
        #[arg(value_name = "CODE")]
        code: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
    },
}

/// Runs a command of `valutai auth totp`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: TotpCommand, global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let mut auth = connection.auth();
    match command {
        TotpCommand::Begin { password } => {
            let password = password.read(false)?.reveal().to_owned();
            let request = connection.request(BeginTotpRequest { password });
            let reply = auth.begin_totp(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                print_facts(
                    out,
                    &[
                        ("secret", reply.secret.clone()),
                        ("address", reply.url.clone()),
                        ("next", "valutai auth totp confirm CODE".to_owned()),
                    ],
                )
            })
        }
        TotpCommand::Confirm { code } => {
            let request = connection.request(ConfirmTotpRequest { code });
            let reply = auth.confirm_totp(request).await?.into_inner();
            keep_token(global, &reply.token)?;
            output::reply(global.output, &reply, |out| {
                writeln!(
                    out,
                    "the second factor is on; each of these codes opens once when the authenticator is lost:"
                )?;
                reply
                    .recovery_codes
                    .iter()
                    .try_for_each(|code| writeln!(out, "  {code}"))
            })
        }
        TotpCommand::Disable { code, password } => {
            let password = password.read(false)?.reveal().to_owned();
            let request = connection.request(DisableTotpRequest { password, code });
            let reply = auth.disable_totp(request).await?.into_inner();
            keep_token(global, &reply.token)?;
            output::reply(global.output, &reply, |out| {
                writeln!(out, "the second factor is off")
            })
        }
        TotpCommand::RecoveryCodes { code, password } => {
            let password = password.read(false)?.reveal().to_owned();
            let request = connection.request(RenewRecoveryCodesRequest { password, code });
            let reply = auth.renew_recovery_codes(request).await?.into_inner();
            output::reply(global.output, &reply, |out| {
                reply
                    .recovery_codes
                    .iter()
                    .try_for_each(|code| writeln!(out, "{code}"))
            })
        }
    }
}
