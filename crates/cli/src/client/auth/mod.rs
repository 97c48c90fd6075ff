//! `valutai auth`: accounts, sessions and keys. Deliberately no password on the command line.

mod account;
pub(super) mod keys;
pub mod providers;
pub mod redirect;
mod sessions;
mod totp;

use std::io::BufRead;

use clap::{Args, Subcommand};
use proto::{
    access::role_name,
    auth::{
        Identity, SignInRequest, SignInResponse, SignOutRequest, SignOutResponse, SignUpRequest,
        SignUpResponse, WhoAmIRequest,
    },
};
use tonic::Code;

use super::{Connection, Credentials, present};
use crate::{
    args::{Global, Secret},
    error::{Error, Result},
    output,
    table::print_facts,
    text::moment,
};

/// Commands of `valutai auth`.
#[derive(Debug, Subcommand)]
pub enum AuthCommand {
    /// Create an account and an organisation that you own, and sign in
    SignUp {
        /// Your e-mail address
        #[arg(long)]
        email: String,
        /// Name of the organisation to create
        #[arg(long, value_name = "NAME")]
        organization: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
    },
    /// Open a session and keep its token on this machine
    SignIn {
        /// Your e-mail address
        #[arg(long, required_unless_present = "with")]
        email: Option<String>,
        /// Sign in with an identity provider instead of a password
        #[arg(long, value_name = "PROVIDER", conflicts_with = "email")]
        with: Option<String>,
        /// Name of the organisation to create, where the provider's address has no account yet
        #[arg(long, value_name = "NAME", default_value = "", requires = "with")]
        organization: String,
        /// Where the password comes from.
        #[command(flatten)]
        password: PasswordArgs,
        /// Code of your authenticator or a recovery code, where the account has a second factor
        #[arg(long, value_name = "CODE", default_value = "")]
        code: String,
    },
    /// End the session and forget its token
    SignOut,
    /// Tell who is signed in
    Whoami,
    /// A command about the account itself.
    #[command(flatten)]
    Account(account::AccountCommand),
    /// A command about identity providers.
    #[command(flatten)]
    Providers(providers::ProvidersCommand),
    /// Set up a second factor: codes of an authenticator
    #[command(subcommand)]
    Totp(totp::TotpCommand),
    /// A command about sessions.
    #[command(flatten)]
    Sessions(sessions::SessionsCommand),
    /// Make and end API keys of your own, for programs
    #[command(subcommand)]
    Keys(keys::KeysCommand),
}

/// Where a password comes from.
#[derive(Debug, Clone, Copy, Args)]
pub struct PasswordArgs {
    /// Read the password from the first line of the standard input instead of asking
    #[arg(long)]
    pub password_stdin: bool,
}

impl PasswordArgs {
    /// Reads the password; a new one is asked for twice.
    ///
    /// # Errors
    /// Where there is nobody to ask, or the two differ.
    pub fn read(self, is_new: bool) -> Result<Secret> {
        let prompt = if is_new {
            "New password: "
        } else {
            "Password: "
        };
        if self.password_stdin {
            return password(&line()?);
        }
        let first = ask(prompt)?;
        if is_new && ask("The same again: ")? != first {
            return Err(Error::Failed("the two passwords differ: try again".into()));
        }
        password(&first)
    }
}

/// The next line of the standard input.
fn line() -> Result<String> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(Error::file("standard input"))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn ask(prompt: &str) -> Result<String> {
    rpassword::prompt_password(prompt).map_err(|_| {
        Error::Misuse("there is no terminal to ask for a password: use --password-stdin".into())
    })
}

fn password(text: &str) -> Result<Secret> {
    if text.is_empty() {
        return Err(Error::Failed("the password is empty".into()));
    }
    Ok(Secret::verbatim(text))
}

/// Creates an account with its organisation.
///
/// # Errors
/// What the server refused it with.
pub async fn sign_up(
    connection: &Connection,
    email: &str,
    organization: &str,
    password: &Secret,
) -> Result<SignUpResponse> {
    let request = connection.request(SignUpRequest {
        email: email.to_owned(),
        password: password.reveal().to_owned(),
        organization_name: organization.to_owned(),
    });
    Ok(connection.auth().sign_up(request).await?.into_inner())
}

/// Opens a session; `code` is of the second factor, where the account has one.
///
/// # Errors
/// What the server refused it with.
pub async fn sign_in(
    connection: &Connection,
    email: &str,
    password: &Secret,
    code: &str,
) -> Result<SignInResponse> {
    let request = connection.request(SignInRequest {
        email: email.to_owned(),
        password: password.reveal().to_owned(),
        totp_code: code.to_owned(),
    });
    match connection.auth().sign_in(request).await {
        Ok(reply) => Ok(reply.into_inner()),
        Err(status) if status.code() == Code::Unauthenticated => Err(Error::refused(
            &status,
            "check both, or sign up with `valutai auth sign-up`",
        )),
        Err(status) => Err(status.into()),
    }
}

/// Ends the calling session; one that has ended already is ended.
///
/// # Errors
/// What the server refused it with.
pub async fn sign_out(connection: &Connection) -> Result<SignOutResponse> {
    let request = connection.request(SignOutRequest {});
    match connection.auth().sign_out(request).await {
        Ok(reply) => Ok(reply.into_inner()),
        Err(status) if status.code() == Code::Unauthenticated => Ok(SignOutResponse {}),
        Err(status) => Err(status.into()),
    }
}

/// Runs a command of `valutai auth`.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: AuthCommand, global: &Global) -> Result<()> {
    match command {
        AuthCommand::SignUp {
            email,
            organization,
            password,
        } => run_sign_up(global, &email, &organization, password).await,
        AuthCommand::SignIn {
            with: Some(provider),
            organization,
            password,
            code,
            ..
        } => {
            let args = providers::SignInArgs {
                provider,
                organization,
                code,
                password,
            };
            providers::sign_in(global, args).await
        }
        AuthCommand::SignIn {
            email,
            password,
            code,
            ..
        } => run_sign_in(global, &email.unwrap_or_default(), password, &code).await,
        AuthCommand::SignOut => run_sign_out(global).await,
        AuthCommand::Whoami => run_whoami(global).await,
        AuthCommand::Account(command) => account::run(command, global).await,
        AuthCommand::Providers(command) => providers::run(command, global).await,
        AuthCommand::Totp(command) => totp::run(command, global).await,
        AuthCommand::Sessions(command) => sessions::run(command, global).await,
        AuthCommand::Keys(command) => keys::run(command, global).await,
    }
}

pub(super) async fn anonymous(global: &Global) -> Result<Connection> {
    Connection::open(global, None).await
}

async fn run_sign_up(
    global: &Global,
    email: &str,
    organization: &str,
    password: PasswordArgs,
) -> Result<()> {
    let store = Credentials::locate(global)?;
    let connection = anonymous(global).await?;
    let reply = sign_up(&connection, email, organization, &password.read(true)?).await?;
    if reply.confirmation_needed {
        return output::reply(global.output, &reply, |out| {
            writeln!(
                out,
                "a mail is on its way to {email}: go on with the command in it"
            )
        });
    }
    store.store(&global.endpoint, email, &reply.token)?;
    output::reply(global.output, &reply, |out| {
        print_facts(
            out,
            &[
                ("signed up", email.to_owned()),
                ("user", reply.id.clone()),
                ("organisation", organization.to_owned()),
                ("organisation id", reply.organization_id.clone()),
                ("session ends", moment(reply.expires_at.as_ref())),
            ],
        )
    })
}

async fn run_sign_in(
    global: &Global,
    email: &str,
    password: PasswordArgs,
    code: &str,
) -> Result<()> {
    let store = Credentials::locate(global)?;
    let connection = anonymous(global).await?;
    let secret = password.read(false)?;
    let reply = match sign_in(&connection, email, &secret, code).await {
        Err(Error::Refused {
            code: Code::FailedPrecondition,
            message,
        }) if code.is_empty() && !password.password_stdin => {
            eprintln!("{message}");
            sign_in(&connection, email, &secret, &ask("Code: ")?).await?
        }
        reply => reply?,
    };
    store.store(&global.endpoint, email, &reply.token)?;
    output::reply(global.output, &reply, |out| {
        let mut facts = reply.identity.as_ref().map(identity).unwrap_or_default();
        facts.push(("session ends", moment(reply.expires_at.as_ref())));
        print_facts(out, &facts)
    })
}

async fn run_sign_out(global: &Global) -> Result<()> {
    let Some(token) = super::token(global)? else {
        return Err(Error::Credentials(format!(
            "nobody is signed in at {}",
            global.endpoint
        )));
    };
    let connection = Connection::open(global, Some(&token)).await?;
    let reply = sign_out(&connection).await?;
    Credentials::locate(global)?.forget(&global.endpoint, &token)?;
    output::reply(global.output, &reply, |out| writeln!(out, "signed out"))
}

async fn run_whoami(global: &Global) -> Result<()> {
    let connection = super::connect(global).await?;
    let request = connection.request(WhoAmIRequest {});
    let reply = connection.auth().who_am_i(request).await?.into_inner();
    let who = present(reply.identity.as_ref(), "identity")?;
    output::reply(global.output, &reply, |out| {
        print_facts(out, &identity(who))
    })
}

/// Keeps the token that a reply put in place of the one in use.
pub(super) fn keep_token(global: &Global, token: &str) -> Result<()> {
    match &global.token {
        Some(given) if !given.reveal().is_empty() => {
            eprintln!(
                "the token that you gave has ended: -o json shows the new one, or sign in again"
            );
            Ok(())
        }
        _ => Credentials::locate(global)?.replace(&global.endpoint, token),
    }
}

/// Who somebody is, line by line.
pub(super) fn identity(who: &Identity) -> Vec<(&'static str, String)> {
    let mut facts = match who.service_account.as_str() {
        "" => vec![("e-mail", who.email.clone())],
        name => vec![("service account", name.to_owned())],
    };
    if who.service_account.is_empty() && !who.email_verified {
        facts.push((
            "not confirmed",
            "run `valutai auth verify` for another mail".to_owned(),
        ));
    }
    facts.extend([
        ("role", role_name(who.role()).to_owned()),
        ("user", who.user_id.clone()),
        ("organisation", who.organization_name.clone()),
        ("organisation id", who.organization_id.clone()),
    ]);
    if who.totp_enabled {
        facts.push(("second factor", "on".to_owned()));
    }
    if who.organization_deleted_at.is_some() {
        let at = moment(who.organization_deleted_at.as_ref());
        facts.push(("will be deleted", at));
    }
    facts
}
