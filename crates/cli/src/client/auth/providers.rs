//! Signing in with identity providers, and the links of the account to them.

use clap::Subcommand;
use proto::auth::{
    BeginProviderLinkRequest, BeginProviderSignInRequest, CompleteProviderLinkRequest,
    CompleteProviderLinkResponse, CompleteProviderSignInRequest, CompleteProviderSignInResponse,
    ContinueProviderSignInRequest, ContinueProviderSignInResponse, ListProviderLinksRequest,
    ListProvidersRequest, ProviderSignInNeed, UnlinkProviderRequest,
};

use super::{PasswordArgs, anonymous, ask, identity, redirect::through_browser};
use crate::{
    args::Global,
    client::{Connection, Credentials, connect, present},
    error::{Error, Result},
    output,
    table::{Table, print_facts},
    text::moment,
};

/// Commands about identity providers.
#[derive(Debug, Subcommand)]
pub enum ProvidersCommand {
    /// List the identity providers that you can sign in with
    Providers,
    /// List the providers that your account is linked to
    Links,
    /// Link your account to a provider, to sign in with it
    Link {
        /// Name of the provider
        #[arg(value_name = "PROVIDER")]
        provider: String,
    },
    /// End a link, unless it is the last way to sign in
    Unlink {
        /// Name of the provider
        #[arg(value_name = "PROVIDER")]
        provider: String,
    },
}

/// Runs a command about providers.
///
/// # Errors
/// Whatever the command could not do.
pub async fn run(command: ProvidersCommand, global: &Global) -> Result<()> {
    match command {
        ProvidersCommand::Providers => list(global).await,
        ProvidersCommand::Links => links(global).await,
        ProvidersCommand::Link { provider } => {
            let connection = connect(global).await?;
            let reply = link(&connection, &provider, tell).await?;
            let linked = present(reply.link.as_ref(), "link")?;
            let said = format!("linked to {} as {}", linked.title, linked.email);
            output::reply(global.output, &reply, |out| writeln!(out, "{said}"))
        }
        ProvidersCommand::Unlink { provider } => {
            let connection = connect(global).await?;
            let request = connection.request(UnlinkProviderRequest { provider });
            let reply = connection.auth().unlink_provider(request).await?;
            output::reply(global.output, &reply.into_inner(), |out| {
                writeln!(out, "unlinked")
            })
        }
    }
}

/// What somebody is asked for who signs in with a provider.
#[derive(Debug)]
pub struct SignInArgs {
    /// Name of the provider.
    pub provider: String,
    /// Name of the organisation to create, where there is no account yet.
    pub organization: String,
    /// Code of the second factor, where there is one.
    pub code: String,
    /// Where the password comes from, where one is needed.
    pub password: PasswordArgs,
}

/// Tells on the standard error which address to open.
fn tell(url: &str) {
    eprintln!("open this address in your browser:\n{url}");
}

/// Signs in with a provider and keeps the token.
///
/// # Errors
/// Whatever could not be done.
pub async fn sign_in(global: &Global, args: SignInArgs) -> Result<()> {
    let store = Credentials::locate(global)?;
    let connection = anonymous(global).await?;
    let first = complete(&connection, &args.provider, tell).await?;
    let reply = match first.need() {
        ProviderSignInNeed::Unspecified => ContinueProviderSignInResponse {
            id: first.id,
            token: first.token,
            expires_at: first.expires_at,
            identity: first.identity,
        },
        need => go_on(&connection, &first, need, args).await?,
    };
    let who = present(reply.identity.as_ref(), "identity")?;
    store.store(&global.endpoint, &who.email, &reply.token)?;
    output::reply(global.output, &reply, |out| {
        let mut facts = identity(who);
        facts.push(("session ends", moment(reply.expires_at.as_ref())));
        print_facts(out, &facts)
    })
}

/// Goes to the provider and back; the server says what is still needed.
///
/// # Errors
/// What the server, or the provider, refused it with.
pub async fn complete(
    connection: &Connection,
    provider: &str,
    tell: impl FnOnce(&str),
) -> Result<CompleteProviderSignInResponse> {
    let mut auth = connection.auth();
    let begin = async |redirect_uri| {
        let request = connection.request(BeginProviderSignInRequest {
            provider: provider.to_owned(),
            redirect_uri,
        });
        let reply = connection.auth().begin_provider_sign_in(request).await?;
        Ok(reply.into_inner())
    };
    let (begun, redirected) = through_browser(begin, tell).await?;
    let request = connection.request(CompleteProviderSignInRequest {
        flow_token: begun.flow_token,
        state: begun.state,
        code: redirected.code,
        iss: redirected.iss,
    });
    Ok(auth.complete_provider_sign_in(request).await?.into_inner())
}

/// Gives what is needed, and asks for what was not given.
async fn go_on(
    connection: &Connection,
    first: &CompleteProviderSignInResponse,
    need: ProviderSignInNeed,
    args: SignInArgs,
) -> Result<ContinueProviderSignInResponse> {
    let mut request = ContinueProviderSignInRequest {
        pending_token: first.pending_token.clone(),
        totp_code: args.code,
        organization_name: args.organization,
        ..ContinueProviderSignInRequest::default()
    };
    match need {
        ProviderSignInNeed::TotpCode if request.totp_code.is_empty() => {
            request.totp_code = ask("Code: ")?;
        }
        ProviderSignInNeed::Password => {
            eprintln!(
                "{} has an account that is not linked: its password links it",
                first.email
            );
            args.password
                .read(false)?
                .reveal()
                .clone_into(&mut request.password);
        }
        ProviderSignInNeed::OrganizationName if request.organization_name.is_empty() => {
            return Err(Error::Failed(format!(
                "{} has no account: name the organisation to create with --organization",
                first.email
            )));
        }
        _ => {}
    }
    let mut auth = connection.auth();
    let outcome = auth
        .continue_provider_sign_in(connection.request(request.clone()))
        .await;
    match outcome {
        Err(status)
            if need == ProviderSignInNeed::Password
                && status.code() == tonic::Code::FailedPrecondition
                && request.totp_code.is_empty()
                && !args.password.password_stdin =>
        {
            eprintln!("{}", status.message());
            request.totp_code = ask("Code: ")?;
            let request = connection.request(request);
            Ok(auth.continue_provider_sign_in(request).await?.into_inner())
        }
        other => Ok(other?.into_inner()),
    }
}

/// Links the account of a connection's token.
///
/// # Errors
/// What the server, or the provider, refused it with.
pub async fn link(
    connection: &Connection,
    provider: &str,
    tell: impl FnOnce(&str),
) -> Result<CompleteProviderLinkResponse> {
    let begin = async |redirect_uri| {
        let request = connection.request(BeginProviderLinkRequest {
            provider: provider.to_owned(),
            redirect_uri,
        });
        let reply = connection.auth().begin_provider_link(request).await?;
        Ok(reply.into_inner())
    };
    let (begun, redirected) = through_browser(begin, tell).await?;
    let request = connection.request(CompleteProviderLinkRequest {
        flow_token: begun.flow_token,
        state: begun.state,
        code: redirected.code,
        iss: redirected.iss,
    });
    let reply = connection.auth().complete_provider_link(request).await?;
    Ok(reply.into_inner())
}

async fn list(global: &Global) -> Result<()> {
    let connection = anonymous(global).await?;
    let request = connection.request(ListProvidersRequest {});
    let reply = connection.auth().list_providers(request).await?;
    output::reply(global.output, reply.get_ref(), |out| {
        let mut table = Table::new().left("name").flexible("provider");
        for provider in &reply.get_ref().providers {
            table.row([&provider.name, &provider.title]);
        }
        if table.is_empty() {
            return writeln!(out, "this server has none: sign in with a password");
        }
        table.print(out)
    })
}

async fn links(global: &Global) -> Result<()> {
    let connection = connect(global).await?;
    let request = connection.request(ListProviderLinksRequest {});
    let reply = connection.auth().list_provider_links(request).await?;
    let reply = reply.into_inner();
    output::reply(global.output, &reply, |out| {
        let mut table = Table::new()
            .left("name")
            .left("provider")
            .left("since")
            .left("last used")
            .flexible("e-mail there");
        for link in &reply.links {
            let title = match link.title.as_str() {
                "" => "not offered any more",
                title => title,
            };
            table.row([
                link.provider.as_str(),
                title,
                &moment(link.created_at.as_ref()),
                &moment(link.last_used_at.as_ref()),
                &link.email,
            ]);
        }
        if !table.is_empty() {
            table.print(out)?;
        }
        let password = if reply.has_password { "a" } else { "no" };
        writeln!(out, "this account has {password} password")
    })
}
