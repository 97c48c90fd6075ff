//! The gRPC health service on a port of its own, for probes. Deliberately no dependency checks: a
//! restart does not mend a database.

use std::net::SocketAddr;

use tonic_health::server::{HealthReporter, health_reporter};

use crate::{
    error::{Error, Result},
    shutdown::Shutdown,
};

/// Serves health at an address until told to stop; answers the switch for it.
///
/// # Errors
/// Where the address cannot be listened on.
pub(crate) async fn serve(
    address: SocketAddr,
    shutdown: Shutdown,
) -> Result<(HealthReporter, impl Future<Output = ()>)> {
    let (reporter, service) = health_reporter();
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .map_err(|source| Error::Io {
            what: format!("cannot listen on {address} for health checks"),
            source,
        })?;
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let serving = async move {
        let server = tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming_shutdown(incoming, shutdown.cancelled_owned());
        if let Err(error) = server.await {
            tracing::error!(%error, "the health service ended");
        }
    };
    Ok((reporter, serving))
}
