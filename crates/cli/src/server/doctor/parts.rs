//! Keys, gateway, health services, blobs and mail of a running system. Deliberately nothing is called that could change anything.

use std::{fs, io::Read as _, path::Path, time::Duration};

use platform::{
    Config,
    config::{MailSink, Secret},
    error::chain,
};
use proto::auth::WhoAmIRequest;
use sqlx::PgConnection;
use tokio::{net::TcpStream, time::timeout};
use tonic::{Code, Request, transport::Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use uuid::Uuid;

use super::finding::Finding;
use crate::{args::Global, client::Connection};

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks whether every key is there that something is sealed by.
pub(super) async fn keys(
    config: &Config,
    postgres: Option<&mut PgConnection>,
    findings: &mut Vec<Finding>,
) {
    const WHAT: &str = "key-encryption keys";
    let ids: Vec<String> = config
        .kek
        .ids()
        .iter()
        .map(|id| id.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    let held = format!("{} held, {} seals", ids.len(), ids[0]);
    let Some(postgres) = postgres else {
        return findings.push(Finding::ok(WHAT, held));
    };
    let sealed = match auth::count_sealed(postgres).await {
        Ok(sealed) => sealed,
        Err(error) => {
            let remedy = "run `valutai migrate`, and look with an administrator who sees all rows";
            return findings.push(Finding::fault(WHAT, chain(&error), remedy));
        }
    };
    let lost: Vec<String> = sealed
        .iter()
        .filter(|(_, id, _)| !ids.contains(id))
        .map(|(what, id, count)| format!("{count} {what} by {id}"))
        .collect();
    let older: i64 = sealed
        .iter()
        .filter(|(_, id, _)| *id != ids[0] && ids.contains(id))
        .map(|(_, _, count)| count)
        .sum();
    findings.push(match (lost.is_empty(), older) {
        (false, _) => Finding::fault(
            WHAT,
            format!("{held}; sealed by keys that are not there: {}", lost.join(", ")),
            "put these keys back into the key file, from the copy that was made of it: without them the data is lost",
        ),
        (true, 0) => Finding::ok(WHAT, format!("{held}, and everything is sealed by it")),
        (true, older) => Finding::warning(
            WHAT,
            format!("{held}; {older} things are sealed by older ones"),
            "auth seals them anew within seconds while it runs: look again, and at its log",
        ),
    });
}

/// Asks health services.
pub(super) async fn health(services: &[String], findings: &mut Vec<Finding>) {
    for service in services {
        let Some((name, address)) = service.split_once('=') else {
            findings.push(Finding::fault(
                format!("health of {service}"),
                "no address",
                "write it as NAME=HOST:PORT",
            ));
            continue;
        };
        let what = format!("health of {name} at {address}");
        findings.push(match timeout(PATIENCE, ask_health(address)).await {
            Ok(Ok(ServingStatus::Serving)) => Finding::ok(what, "ready"),
            Ok(Ok(_)) => Finding::fault(
                what,
                "alive, and not ready",
                "its log says what it waits for, or that it was told to stop",
            ),
            Ok(Err(error)) => Finding::fault(
                what,
                error,
                "start it, or set VALUTAI_HEALTH_LISTEN and correct the address",
            ),
            Err(_) => Finding::fault(
                what,
                "no answer",
                "look whether a firewall or a network policy is between",
            ),
        });
    }
}

async fn ask_health(address: &str) -> Result<ServingStatus, String> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"));
    let endpoint = endpoint.map_err(|error| chain(&error))?;
    let channel = endpoint.connect().await.map_err(|error| chain(&error))?;
    let mut client = HealthClient::new(channel);
    let answer = client.check(HealthCheckRequest::default()).await;
    Ok(answer
        .map_err(|status| status.message().to_owned())?
        .into_inner()
        .status())
}

/// Asks the gateway who one is, which it refuses to a stranger.
pub(super) async fn gateway(global: &Global, findings: &mut Vec<Finding>) {
    let what = format!("gateway at {}", global.endpoint);
    let connected =
        Connection::connect_trusting(&global.endpoint, global.ca(), None, PATIENCE).await;
    let connection = match connected {
        Ok(connection) => connection,
        Err(error) => {
            let remedy = "start it, or name its address with --endpoint";
            return findings.push(Finding::fault(what, error.to_string(), remedy));
        }
    };
    let mut auth = connection.auth();
    let answer = auth.who_am_i(Request::new(WhoAmIRequest {}));
    findings.push(match timeout(PATIENCE, answer).await {
        Ok(Ok(_)) => Finding::ok(what, "answers"),
        Ok(Err(status)) if status.code() == Code::Unauthenticated => Finding::ok(what, "answers"),
        Ok(Err(status)) => Finding::fault(
            what,
            format!("{:?}: {}", status.code(), status.message()),
            "its log says what it waits for",
        ),
        Err(_) => Finding::fault(what, "no answer", "its log says what it waits for"),
    });
}

/// Writes, reads and removes a file beside the blobs.
pub(super) fn blobs(dir: Option<&Path>, findings: &mut Vec<Finding>) {
    const WHAT: &str = "blobs";
    let Some(dir) = dir else {
        return findings.push(Finding::fault(
            WHAT,
            "no folder",
            "give VALUTAI_BLOB_DIR as services have it",
        ));
    };
    let file = dir.join(format!(".doctor-{}", Uuid::now_v7().simple()));
    let tried = || {
        let written = Uuid::now_v7();
        fs::write(&file, written.as_bytes())?;
        let mut read = Vec::new();
        fs::File::open(&file)?.read_to_end(&mut read)?;
        fs::remove_file(&file)?;
        match read == written.as_bytes() {
            true => Ok(()),
            false => Err(std::io::Error::other(
                "what was read is not what was written",
            )),
        }
    };
    findings.push(match tried() {
        Ok(()) => Finding::ok(
            WHAT,
            format!("written, read and removed in {}", dir.display()),
        ),
        Err(error) => Finding::fault(
            WHAT,
            format!("{}: {error}", dir.display()),
            "mount it, give it to the user of the services, or make room",
        ),
    });
}

/// Looks whether the mail server listens.
pub(super) async fn mail(config: &Config, findings: &mut Vec<Finding>) {
    const WHAT: &str = "mail";
    let sink = config.accounts.mail.as_ref();
    findings.push(match sink {
        None => Finding::warning(
            WHAT,
            "off",
            "set VALUTAI_MAIL for auth: nobody can be invited, set a forgotten password or delete an organisation",
        ),
        Some(MailSink::Stderr) => Finding::warning(
            WHAT,
            "written to the standard error",
            "set VALUTAI_MAIL to a mail server: whoever reads the log can open accounts",
        ),
        Some(MailSink::Folder(dir)) => Finding::warning(
            WHAT,
            format!("written to {}", dir.display()),
            "set VALUTAI_MAIL to a mail server: whoever reads the folder can open accounts",
        ),
        Some(MailSink::Smtp(url)) => match mail_server(url) {
            None => Finding::fault(
                WHAT,
                "VALUTAI_MAIL names no server",
                "write it as smtps://USER:PASSWORD@HOST",
            ),
            Some((host, port)) => reach(WHAT, &host, port).await,
        },
    });
}

async fn reach(what: &str, host: &str, port: u16) -> Finding {
    let server = format!("{host}:{port}");
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(_)) => Finding::ok(what, format!("{server} listens")),
        Ok(Err(error)) => Finding::fault(
            what,
            format!("{server}: {error}"),
            "correct VALUTAI_MAIL or the firewall: mail waits for a day and is then given up",
        ),
        Err(_) => Finding::fault(
            what,
            format!("{server} does not answer"),
            "look whether a firewall is between: mail waits for a day and is then given up",
        ),
    }
}

/// Host and port of a mail server's address, as SMTP has them where none is said.
fn mail_server(url: &Secret) -> Option<(String, u16)> {
    let (scheme, rest) = url.expose().split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let place = authority
        .rsplit_once('@')
        .map_or(authority, |(_, place)| place);
    let usual = if scheme == "smtps" { 465 } else { 25 };
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (place, usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_is_found_in_its_address() {
        let found = |url: &str| mail_server(&Secret::new(url));
        let at = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(
            found("smtps://u:p%40x@mail.example.com"),
            at("mail.example.com", 465)
        );
        assert_eq!(
            found("smtp://u:p@mail.example.com:587?tls=required"),
            at("mail.example.com", 587)
        );
        assert_eq!(found("smtp://[::1]:2525"), at("::1", 2525));
        assert_eq!(found("smtp://[::1]"), at("::1", 25));
        assert_eq!(found("smtps://"), None);
        assert_eq!(found("smtp://host:many"), None);
    }
}
