//! The account itself: its address and its password.

use clap::Subcommand;
use proto::auth::{
    ChangeEmailRequest, ChangePasswordRequest, RequestPasswordResetRequest, ResetPasswordRequest,
    SendVerificationEmailRequest, VerifyEmailRequest,
};

use super::{PasswordArgs, anonymous, ask, identity, keep_token, line, password};
use crate::{
    args::Global,
    client::{Credentials, connect},
    error::{Error, Result},
    output,
    table::print_facts,
    text::moment,
};

/// Commands about the account itself.
#[derive(Debug, Subcommand)]
pub enum AccountCommand {
    /// Confirm your address by the token of a mail; without a token, have the mail sent again
    Verify {
        /// Token of the mail
        #[arg(id = "mail_token", value_name = "TOKEN")]
        token: Option<String>,
        /// The mail is of a sign-up: asks for the password that you chose
        #[arg(long, requires = "mail_token")]
        sign_up: bool,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Ask for another e-mail address; it counts once it is confirmed
    ChangeEmail {
        /// New e-mail address
        #[arg(long)]
        email: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Set a new password; ends your other sessions
    ChangePassword {
        /// Read the old and the new password from two lines of the standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Set a new password by the token of a mail; without a token, have that mail sent
    ResetPassword {
        /// Token of the mail
        #[arg(
            id = "mail_token",
            value_name = "TOKEN",
            required_unless_present = "email"
        )]
        token: Option<String>,
        /// Your e-mail address, to have the mail sent
        #[arg(long, conflicts_with = "mail_token")]
        email: Option<String>,
        /// Where the new password comes from.
        #[command(flatten)]
        password: PasswordArgs,
    },
}

/// Runs a command about the account.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: AccountCommand, global: &Global) -> Result<()> {
    match command {
        AccountCommand::Verify { token: None, .. } => send_again(global).await,
        AccountCommand::Verify {
            token: Some(token),
            sign_up,
            password,
        } => verify(global, token, sign_up.then_some(password)).await,
        AccountCommand::ChangeEmail { email, password } => {
            change_email(global, email, password).await
        }
        AccountCommand::ChangePassword { password_stdin } => {
            change_password(global, password_stdin).await
        }
        AccountCommand::ResetPassword {
            token,
            email,
            password,
        } => match (token, email) {
            (Some(token), _) => reset_password(global, token, password).await,
            (None, Some(email)) => ask_reset(global, email).await,
            (None, None) => Err(Error::Misuse("give --email or a token".to_owned())),
        },
    }
}

async fn send_again(global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let request = connection.request(SendVerificationEmailRequest {});
    let reply = connection.auth().send_verification_email(request).await?;
    output::reply(global.output, &reply.into_inner(), |out| {
        writeln!(out, "a mail is on its way: go on with the command in it")
    })
}

async fn verify(global: &Global, token: String, password: Option<PasswordArgs>) -> Result<()> {
    let connection = anonymous(global).await?;
    let password = match password {
        Some(args) => args.read(false)?.reveal().to_owned(),
        None => String::new(),
    };
    let request = connection.request(VerifyEmailRequest { token, password });
    let reply = connection.auth().verify_email(request).await?.into_inner();
    if !reply.token.is_empty() {
        Credentials::locate(global)?.store(&global.endpoint, &reply.email, &reply.token)?;
    }
    output::reply(global.output, &reply, |out| {
        let mut facts = vec![("confirmed", reply.email.clone())];
        if let Some(who) = &reply.identity {
            facts.extend(identity(who));
            facts.push(("session ends", moment(reply.expires_at.as_ref())));
        }
        print_facts(out, &facts)
    })
}

async fn change_email(global: &Global, email: String, password: PasswordArgs) -> Result<()> {
    let connection = connect(global).await?;
    let password = password.read(false)?.reveal().to_owned();
    let request = connection.request(ChangeEmailRequest {
        email: email.clone(),
        password,
    });
    let reply = connection.auth().change_email(request).await?.into_inner();
    output::reply(global.output, &reply, |out| {
        writeln!(
            out,
            "a mail is on its way to {email}: go on with the command in it"
        )
    })
}

async fn change_password(global: &Global, from_stdin: bool) -> Result<()> {
    let connection = connect(global).await?;
    let old = if from_stdin {
        line()?
    } else {
        ask("Password as it is: ")?
    };
    let new = PasswordArgs {
        password_stdin: from_stdin,
    };
    let request = connection.request(ChangePasswordRequest {
        old_password: password(&old)?.reveal().to_owned(),
        new_password: new.read(true)?.reveal().to_owned(),
    });
    let reply = connection.auth().change_password(request).await?;
    let reply = reply.into_inner();
    keep_token(global, &reply.token)?;
    output::reply(global.output, &reply, |out| {
        writeln!(
            out,
            "the password is changed, and your other sessions have ended"
        )
    })
}

async fn ask_reset(global: &Global, email: String) -> Result<()> {
    let connection = anonymous(global).await?;
    let request = connection.request(RequestPasswordResetRequest {
        email: email.clone(),
    });
    let reply = connection.auth().request_password_reset(request).await?;
    output::reply(global.output, &reply.into_inner(), |out| {
        writeln!(
            out,
            "where {email} has an account, a mail is on its way to it"
        )
    })
}

async fn reset_password(global: &Global, token: String, password: PasswordArgs) -> Result<()> {
    let connection = anonymous(global).await?;
    let request = connection.request(ResetPasswordRequest {
        token,
        password: password.read(true)?.reveal().to_owned(),
    });
    let reply = connection.auth().reset_password(request).await?;
    output::reply(global.output, &reply.into_inner(), |out| {
        writeln!(
            out,
            "the password is set, and all sessions have ended: sign in"
        )
    })
}
