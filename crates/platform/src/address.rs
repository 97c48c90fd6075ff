//! Addresses of Postgres and NATS, held to what they say about TLS: nothing is half done in silence. Deliberately no
//! connecting, and no word of what is asked there.

use std::{fs, net::IpAddr, path::Path};

use async_nats::ServerAddr;
use percent_encoding::percent_decode_str;
use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};

use crate::error::{Error, Result};

/// What a file of authorities has to have in it.
const PEM: &str = "-----BEGIN CERTIFICATE-----";

/// The parameters that name files, each with its other names.
const FILES: [(&str, &[&str]); 3] = [
    ("sslrootcert", &["sslrootcert", "ssl-root-cert", "ssl-ca"]),
    ("sslcert", &["sslcert", "ssl-cert"]),
    ("sslkey", &["sslkey", "ssl-key"]),
];

/// Reads an address of Postgres. `sslmode` is left open on this machine only: elsewhere it has to be a mode that
/// checks who answers, or `disable`.
///
/// # Errors
/// [`Error::Setting`] where TLS is asked for by half; else where the address is malformed.
pub fn postgres(url: &str) -> Result<PgConnectOptions> {
    let options: PgConnectOptions = url.parse()?;
    let mode = options.get_ssl_mode();
    let checks = matches!(mode, PgSslMode::VerifyCa | PgSslMode::VerifyFull);
    let host = options.get_host();
    if !checks && !matches!(mode, PgSslMode::Disable) && !is_here(&options) {
        let mode = mode_name(mode);
        return Err(Error::Setting(format!(
            "the address of Postgres at {host} says {mode}, which lets anybody answer: write sslmode=verify-full with \
             sslrootcert=FILE behind the address, or sslmode=disable where the network is trusted"
        )));
    }
    let Some(file) = parameter(url, FILES[0].1) else {
        return Ok(options);
    };
    if !checks {
        let mode = mode_name(mode);
        return Err(Error::Setting(format!(
            "the address of Postgres at {host} names sslrootcert, and says {mode}, which does not look at it: write \
             sslmode=verify-full"
        )));
    }
    require_authorities("sslrootcert", Path::new(&file))?;
    Ok(options)
}

/// Options as an address again. The files of TLS are those of the address that the options were read from: sqlx writes
/// them in a form that it does not read.
#[must_use]
pub fn postgres_url(options: &PgConnectOptions, read_from: &str) -> String {
    let mut url = options.to_url_lossy();
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut query = url.query_pairs_mut();
    query.clear();
    for (name, value) in pairs {
        let names = FILES.iter().find(|(file, _)| *file == name);
        let file = names.and_then(|(_, names)| parameter(read_from, names));
        query.append_pair(&name, &file.unwrap_or(value));
    }
    drop(query);
    url.to_string()
}

/// Reads the addresses of a NATS system, separated by commas: one, or those of all servers of a cluster, any of which will do.
/// With the file of the authorities that their certificates are judged by.
///
/// # Errors
/// [`Error::Setting`] where an address is malformed, the addresses have different users or ask for TLS by half, authorities are
/// named for a connection in the clear, or their file is none.
pub fn nats(urls: &str, authorities: Option<&Path>) -> Result<Vec<ServerAddr>> {
    let addresses = urls
        .split(',')
        .map(|url| nats_server(url.trim(), authorities))
        .collect::<Result<Vec<_>>>()?;
    let said = |address: &ServerAddr| {
        (
            address.username().map(str::to_owned),
            address.password().map(str::to_owned),
            address.tls_required(),
        )
    };
    if addresses.iter().any(|one| said(one) != said(&addresses[0])) {
        return Err(Error::Setting(
            "the addresses of NATS differ in user, password or TLS: servers of one cluster have the same".to_owned(),
        ));
    }
    Ok(addresses)
}

fn nats_server(url: &str, authorities: Option<&Path>) -> Result<ServerAddr> {
    let address: ServerAddr = url
        .parse()
        .map_err(|error| Error::Setting(format!("the address of NATS is malformed: {error}")))?;
    if let Some(file) = authorities {
        if !address.tls_required() {
            return Err(Error::Setting(format!(
                "VALUTAI_NATS_CA_FILE is set, and the address of NATS begins with {}://, which does not insist on TLS: \
                 write tls://",
                address.scheme()
            )));
        }
        require_authorities("VALUTAI_NATS_CA_FILE", file)?;
    }
    Ok(address)
}

fn require_authorities(name: &str, file: &Path) -> Result<()> {
    let text = fs::read_to_string(file).map_err(|error| {
        Error::Setting(format!("{name} {} cannot be read: {error}", file.display()))
    })?;
    match text.contains(PEM) {
        true => Ok(()),
        false => Err(Error::Setting(format!(
            "{name} {} holds no certificate: it has to be PEM, with \"BEGIN CERTIFICATE\"",
            file.display()
        ))),
    }
}

/// Whether what is said stays on this machine.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

fn mode_name(mode: PgSslMode) -> &'static str {
    match mode {
        PgSslMode::Disable => "sslmode=disable",
        PgSslMode::Allow => "sslmode=allow",
        PgSslMode::Prefer => "nothing of sslmode (or prefer)",
        PgSslMode::Require => "sslmode=require",
        PgSslMode::VerifyCa => "sslmode=verify-ca",
        PgSslMode::VerifyFull => "sslmode=verify-full",
    }
}

/// The last value of a parameter behind an address.
fn parameter(url: &str, names: &[&str]) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.rfind(|(name, _)| names.contains(name))?;
    let value = value.replace('+', " ");
    let value = percent_decode_str(&value).decode_utf8().ok()?;
    Some(value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<T>(outcome: Result<T>) -> String {
        match outcome {
            Ok(_) => "taken".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_address_of_postgres_elsewhere_says_whether_it_is_safe() {
        let far = "postgres://u:p@db.example.com:5432/valutai";
        for (query, says) in [
            ("", "lets anybody answer"),
            ("?sslmode=prefer", "lets anybody answer"),
            ("?sslmode=allow", "lets anybody answer"),
            ("?sslmode=require", "lets anybody answer"),
            ("?sslmode=disable", "taken"),
            ("?sslmode=verify-ca", "taken"),
            ("?sslmode=verify-full", "taken"),
            (
                "?sslmode=verify-full&sslrootcert=/nowhere/ca.crt",
                "cannot be read",
            ),
            (
                "?sslmode=disable&sslrootcert=/nowhere/ca.crt",
                "does not look at it",
            ),
            (
                "?sslmode=verify-full&sslrootcert=%2Fetc%2Fhostname",
                "holds no certificate",
            ),
        ] {
            let said = refusal(postgres(&format!("{far}{query}")));
            assert!(said.contains(says), "{query}: {said}");
        }
    }

    #[test]
    fn on_this_machine_it_may_be_left_open() {
        for host in ["localhost", "127.0.0.1", "[::1]", "127.1.2.3"] {
            let said = refusal(postgres(&format!("postgres://u:p@{host}:5432/valutai")));
            assert_eq!(said, "taken", "{host}");
        }
        let said = refusal(postgres(
            "postgres://u:p@127.0.0.1/valutai?sslrootcert=/nowhere/ca.crt",
        ));
        assert!(said.contains("does not look at it"), "{said}");
    }

    #[test]
    fn an_address_names_its_files_again() -> Result<()> {
        let file = std::env::temp_dir().join(format!("valutai test {}.crt", uuid::Uuid::now_v7()));
        fs::write(&file, PEM).expect("the folder of temporary files is writable");
        let path = file.to_string_lossy().replace(' ', "%20");
        let url = format!("postgres://u:p@db:5432/one?sslmode=verify-full&ssl-root-cert={path}");
        let options = postgres(&url)?.database("two");
        let again = postgres_url(&options, &url);
        // Reads the file, which is found by its name alone.
        let options = postgres(&again)?;
        assert_eq!(options.get_database(), Some("two"));
        assert!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull));
        assert!(parameter(&again, FILES[0].1).is_some_and(|found| Path::new(&found) == file));
        fs::remove_file(file).expect("removes");
        Ok(())
    }

    #[test]
    fn authorities_of_nats_need_an_address_that_insists() {
        let file = Path::new("/nowhere/ca.crt");
        for (url, authorities, says) in [
            ("nats://u:p@nats:4222", None, "taken"),
            ("tls://u:p@nats:4222", None, "taken"),
            ("nats://u:p@nats:4222", Some(file), "write tls://"),
            ("tls://u:p@nats:4222", Some(file), "cannot be read"),
            ("not an address", None, "malformed"),
            ("nats://u:p@a:4222,nats://u:p@b:4222", None, "taken"),
            ("nats://u:p@a:4222,not an address", None, "malformed"),
            ("nats://u:p@a:4222,nats://v:p@b:4222", None, "differ"),
            ("nats://u:p@a:4222,tls://u:p@b:4222", None, "differ"),
        ] {
            let said = refusal(nats(url, authorities));
            assert!(said.contains(says), "{url}: {said}");
        }
    }
}
