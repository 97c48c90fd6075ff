//! A connection to a gateway: channel, TLS, session token, time limit, and a client for each service.
//! Deliberately no retry: a call that was refused is shown as it came.

use std::{error::Error as StdError, fs, io, path::Path, time::Duration};

use proto::{
    auth::auth_service_client::AuthServiceClient,
    ingestion::ingestion_service_client::IngestionServiceClient,
    prediction::{
        prediction_service_client::PredictionServiceClient,
        webhook_service_client::WebhookServiceClient,
    },
    reporting::reporting_service_client::ReportingServiceClient,
    training::training_service_client::TrainingServiceClient,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

use crate::{
    args::Global,
    error::{Error, Result, innermost},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(30);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(15);
// Report pages and models with many columns pass tonic's 4 MiB.
const LARGEST_REPLY_BYTES: usize = 32 * 1024 * 1024;

/// What every client of a service sends through.
pub type Authorized = InterceptedService<Channel, Bearer>;

/// Adds the session token to each call.
#[derive(Clone)]
pub struct Bearer(Option<MetadataValue<Ascii>>);

impl std::fmt::Debug for Bearer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bearer(..)")
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(value) = &self.0 {
            request
                .metadata_mut()
                .insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// An open connection; cheap to clone.
#[derive(Debug, Clone)]
pub struct Connection {
    channel: Channel,
    bearer: Bearer,
    timeout: Duration,
}

macro_rules! client {
    ($(#[$doc:meta])* $name:ident, $client:ident) => {
        $(#[$doc])*
        #[must_use]
        pub fn $name(&self) -> $client<Authorized> {
            $client::with_interceptor(self.channel.clone(), self.bearer.clone())
                .max_decoding_message_size(LARGEST_REPLY_BYTES)
        }
    };
}

impl Connection {
    /// Connects by the options of every command.
    ///
    /// # Errors
    /// Those of [`Connection::connect_trusting`].
    pub async fn open(global: &Global, token: Option<&str>) -> Result<Self> {
        Self::connect_trusting(&global.endpoint, global.ca(), token, global.timeout()).await
    }

    /// Connects, trusting whom the system trusts.
    ///
    /// # Errors
    /// Those of [`Connection::connect_trusting`].
    pub async fn connect(endpoint: &str, token: Option<&str>, timeout: Duration) -> Result<Self> {
        Self::connect_trusting(endpoint, None, token, timeout).await
    }

    /// Connects, so that an endpoint where nobody listens is told at once. A gateway with TLS is judged by the
    /// authorities in a file of PEM, or by those that the system trusts.
    ///
    /// # Errors
    /// [`Error::Unreachable`] where nobody answers, [`Error::Misuse`] where the address is none or does not go
    /// with the file, [`Error::Failed`] where the gateway's certificate is not trusted.
    pub async fn connect_trusting(
        endpoint: &str,
        ca: Option<&Path>,
        token: Option<&str>,
        timeout: Duration,
    ) -> Result<Self> {
        let has_scheme = ["http://", "https://"]
            .iter()
            .any(|scheme| endpoint.starts_with(scheme));
        let not_an_address = || {
            Error::Misuse(format!(
                "{endpoint:?} is not an address of a gateway: write it as https://HOST:PORT, or http://HOST:PORT without TLS"
            ))
        };
        if !has_scheme {
            return Err(not_an_address());
        }
        let mut channel = Endpoint::new(endpoint.to_owned()).map_err(|_| not_an_address())?;
        if let Some(tls) = tls_config(endpoint, ca)? {
            channel = channel.tls_config(tls).map_err(|error| {
                Error::Failed(format!("TLS cannot be used: {}", innermost(&error)))
            })?;
        }
        let channel = channel
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .user_agent(concat!("valutai/", env!("CARGO_PKG_VERSION")))
            .map_err(|_| not_an_address())?
            .connect()
            .await
            .map_err(|error| not_connected(endpoint, &error))?;
        Ok(Self {
            channel,
            bearer: bearer(token)?,
            timeout,
        })
    }

    /// The same connection for another session.
    ///
    /// # Errors
    /// Where the token cannot be sent.
    pub fn with_token(&self, token: &str) -> Result<Self> {
        Ok(Self {
            bearer: bearer(Some(token))?,
            ..self.clone()
        })
    }

    /// A connection of the same session to another endpoint.
    ///
    /// # Errors
    /// Those of [`Connection::connect`].
    pub async fn with_endpoint(&self, endpoint: &str) -> Result<Self> {
        let other = Self::connect(endpoint, None, self.timeout).await?;
        Ok(Self {
            bearer: self.bearer.clone(),
            ..other
        })
    }

    /// A client of messages as bytes, for who does not read them.
    #[must_use]
    pub fn raw(&self) -> tonic::client::Grpc<Authorized> {
        let channel = InterceptedService::new(self.channel.clone(), self.bearer.clone());
        tonic::client::Grpc::new(channel).max_decoding_message_size(LARGEST_REPLY_BYTES)
    }

    /// A request that ends at the time limit; streams are sent without one.
    pub fn request<M>(&self, message: M) -> Request<M> {
        let mut request = Request::new(message);
        request.set_timeout(self.timeout);
        request
    }

    client!(
        /// The service of accounts, sessions and members.
        auth, AuthServiceClient
    );
    client!(
        /// The service of datasets.
        ingestion, IngestionServiceClient
    );
    client!(
        /// The service of models.
        training, TrainingServiceClient
    );
    client!(
        /// The service of predictions.
        prediction, PredictionServiceClient
    );
    client!(
        /// The service of webhooks.
        webhooks, WebhookServiceClient
    );
    client!(
        /// The service of reports.
        reporting, ReportingServiceClient
    );
}

/// Whom to trust; `None` for a gateway in the clear.
fn tls_config(endpoint: &str, ca: Option<&Path>) -> Result<Option<ClientTlsConfig>> {
    if !endpoint.starts_with("https://") {
        return match ca {
            Some(_) => Err(Error::Misuse(format!(
                "{endpoint} is an address without TLS, and --ca (or VALUTAI_CA_FILE) says whose certificate to trust: write the address with https://, or leave --ca out"
            ))),
            None => Ok(None),
        };
    }
    let Some(path) = ca else {
        return Ok(Some(ClientTlsConfig::new().with_native_roots()));
    };
    let pem = fs::read_to_string(path).map_err(Error::file(path))?;
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        let problem = "holds no certificate: it has to be PEM, with \"BEGIN CERTIFICATE\"";
        return Err(Error::content(path, problem));
    }
    let authority = Certificate::from_pem(pem);
    Ok(Some(ClientTlsConfig::new().ca_certificate(authority)))
}

/// Why there is no connection, with what to do about it.
fn not_connected(endpoint: &str, error: &(dyn StdError + 'static)) -> Error {
    use rustls::{CertificateError, Error as Tls};
    match tls_error(error) {
        None => Error::Unreachable {
            endpoint: endpoint.to_owned(),
            detail: innermost(error),
        },
        Some(Tls::InvalidMessage(_)) => Error::Failed(format!(
            "{endpoint} does not speak TLS: write the address with http://, or have the operator give the gateway a certificate"
        )),
        Some(Tls::InvalidCertificate(CertificateError::UnknownIssuer)) => Error::Failed(format!(
            "the certificate of {endpoint} comes from an authority that is not trusted here: name the file with that authority's certificate by --ca"
        )),
        Some(error) => Error::Failed(format!("there is no TLS with {endpoint}: {error}")),
    }
}

/// What TLS says, wherever in the chain.
fn tls_error<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            .and_then(|inner| inner.downcast_ref());
        if let Some(found) = error.downcast_ref().or(wrapped) {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn bearer(token: Option<&str>) -> Result<Bearer> {
    let Some(token) = token else {
        return Ok(Bearer(None));
    };
    let mut value: MetadataValue<Ascii> = format!("Bearer {token}").parse().map_err(|_| {
        Error::Credentials("the session token has characters that no token has".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(Bearer(Some(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_endpoint_where_nobody_listens_is_named() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let endpoint = format!("http://{}", listener.local_addr().expect("has an address"));
        drop(listener);
        let error = Connection::connect(&endpoint, None, Duration::from_secs(1))
            .await
            .expect_err("nobody listens");
        assert_eq!(error.exit_code(), 1);
        assert!(error.to_string().contains(&endpoint), "{error}");
    }

    #[tokio::test]
    async fn an_address_needs_a_scheme() {
        let error = Connection::connect("localhost:50051", None, Duration::from_secs(1))
            .await
            .expect_err("is no address");
        assert_eq!(error.exit_code(), 2);
    }

    #[test]
    fn the_token_is_sent_and_not_shown() {
        let mut bearer = bearer(Some("abc")).expect("can be sent");
        assert!(!format!("{bearer:?}").contains("abc"));
        let request = bearer.call(Request::new(())).expect("passes");
        let sent = request.metadata().get("authorization").expect("is sent");
        assert_eq!(sent, "Bearer abc");
        assert!(super::bearer(Some("a\nb")).is_err());
    }
}
