//! The gRPC health service on a port of its own, for probes. Deliberately no dependency checks: a
//! restart does not mend a database.

use std::net::SocketAddr;

use tokio_util::task::AbortOnDropHandle;
use tonic_health::{
    ServingStatus,
    server::{HealthReporter, health_reporter},
};

use crate::{
    error::{Error, Result},
    shutdown::Shutdown,
};

/// The service's name that serves as long as the process lives, for probes that restart it. The empty name serves
/// while calls are answered: not while the service waits for what it needs, nor once it was told to stop.
pub const LIVENESS: &str = "liveness";

/// The health service at work; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Health {
    reporter: HealthReporter,
    stop: Shutdown,
    serving: AbortOnDropHandle<()>,
}

impl Health {
    /// Serves at an address; the service counts as alive, and as not ready.
    ///
    /// # Errors
    /// Where the address cannot be listened on.
    pub(crate) async fn serve(address: SocketAddr) -> Result<Self> {
        let (reporter, service) = health_reporter();
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|source| Error::Io {
                what: format!("cannot listen on {address} for health checks"),
                source,
            })?;
        let incoming = tonic::transport::server::TcpIncoming::from(listener);
        let stop = Shutdown::new();
        let stopped = stop.clone().cancelled_owned();
        let serving = AbortOnDropHandle::new(tokio::spawn(async move {
            let server = tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming_shutdown(incoming, stopped);
            if let Err(error) = server.await {
                tracing::error!(%error, "the health service ended");
            }
        }));
        reporter
            .set_service_status(LIVENESS, ServingStatus::Serving)
            .await;
        let health = Self {
            reporter,
            stop,
            serving,
        };
        health.set_ready(false).await;
        Ok(health)
    }

    /// Says whether calls are answered.
    pub(crate) async fn set_ready(&self, is_ready: bool) {
        let status = if is_ready {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.reporter.set_service_status("", status).await;
    }

    /// Ends it. A probe that watches would keep it open, so it is not waited for.
    pub(crate) fn stop(self) {
        self.stop.cancel();
        drop(self.serving);
    }
}
