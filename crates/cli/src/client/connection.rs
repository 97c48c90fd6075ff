//! A connection to a gateway: channel, session token, time limit, and a client for each service.
//! Deliberately no retry: a call that was refused is shown as it came.

use std::time::Duration;

use proto::{
    auth::auth_service_client::AuthServiceClient,
    ingestion::ingestion_service_client::IngestionServiceClient,
    prediction::prediction_service_client::PredictionServiceClient,
    reporting::reporting_service_client::ReportingServiceClient,
    training::training_service_client::TrainingServiceClient,
};
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

use crate::error::{Error, Result, innermost};

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
    /// Connects, so that an endpoint where nobody listens is told at once.
    ///
    /// # Errors
    /// [`Error::Unreachable`] where nobody answers, [`Error::Misuse`] where the address is none.
    pub async fn connect(endpoint: &str, token: Option<&str>, timeout: Duration) -> Result<Self> {
        let has_scheme = ["http://", "https://"]
            .iter()
            .any(|scheme| endpoint.starts_with(scheme));
        let not_an_address = || {
            Error::Misuse(format!(
                "{endpoint:?} is not an address of a gateway: write it as http://HOST:PORT"
            ))
        };
        if !has_scheme {
            return Err(not_an_address());
        }
        let channel = Endpoint::new(endpoint.to_owned())
            .map_err(|_| not_an_address())?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE_EVERY)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .keep_alive_while_idle(true)
            .user_agent(concat!("valutai/", env!("CARGO_PKG_VERSION")))
            .map_err(|_| not_an_address())?
            .connect()
            .await
            .map_err(|error| Error::Unreachable {
                endpoint: endpoint.to_owned(),
                detail: innermost(&error),
            })?;
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
        /// The service of reports.
        reporting, ReportingServiceClient
    );
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
