//! The gateway: gRPC and gRPC-Web in front, calls over NATS behind.
//!
//! Layout: [`rpc`] finds the method in the contract; `callers` tells who calls; `forward` hands unary
//! calls on as raw bytes; `streams` has the streaming methods, each by its own file. Deliberately no
//! word of the product on the unary way, and no database.

mod callers;
mod forward;
mod rpc;
mod streams;

use std::sync::Arc;

use http::{HeaderName, header};
use platform::{
    Error, Kit, Result, Service, Wiring,
    error::chain,
    listen::{Certificates, incoming},
    overload::RateLimiter,
};
use tokio::net::TcpListener;
use tonic::transport::server::Server;
use tonic_web::GrpcWebLayer;
use tower_http::cors::{Any, CorsLayer};

/// The service.
pub const SERVICE: Service = Service {
    name: "gateway",
    migrations: None,
    wire: |kit| Box::pin(wire(kit)),
};

async fn wire(kit: Kit) -> Result<Wiring> {
    let address = kit.config.listen;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| Error::Io {
            what: format!("cannot listen on {address}"),
            source,
        })?;
    let address = listener.local_addr().map_err(|source| Error::Io {
        what: "the listening address is unknown".to_owned(),
        source,
    })?;
    let certificates = kit.config.tls.as_ref();
    let certificates = certificates
        .map(|files| Certificates::load(files, kit.clock.now()))
        .transpose()?;
    if certificates.is_none() && !address.ip().is_loopback() {
        tracing::warn!(%address, "clients are served in the clear: see VALUTAI_TLS_CERT_FILE");
    }
    let connections = incoming(listener, certificates.as_ref());
    let following = certificates.map(|pair| pair.follow(kit.clock.clone(), kit.shutdown.clone()));
    let callers = callers::Callers::new(&kit);
    let forgetting = callers.clone().forget_revoked(&kit).await?;
    let shutdown = kit.shutdown.clone();
    let sweeping = streams::sweep::run(kit.clone());
    let rates = RateLimiter::new(kit.config.calls);
    let gateway = rpc::Gateway {
        callers,
        rates,
        kit,
    };
    let routes = rpc::routes(Arc::new(gateway)).await;
    let serving = async move {
        let server = Server::builder()
            .accept_http1(true)
            .http2_keepalive_interval(Some(std::time::Duration::from_secs(20)))
            .max_concurrent_streams(Some(1000))
            .layer(cors())
            .layer(GrpcWebLayer::new())
            .add_routes(routes)
            .serve_with_incoming_shutdown(connections, shutdown.cancelled_owned());
        if let Err(error) = server.await {
            tracing::error!(error = %chain(&error), "the gateway ended");
        }
    };
    let mut wiring = Wiring::new();
    if let Some(following) = following {
        wiring = wiring.task("certificates", following);
    }
    Ok(wiring
        .listening(address)
        .task("revocations", forgetting)
        .task("sweep", sweeping)
        .task("grpc", serving))
}

/// Browsers may call from anywhere: what counts is the token, and no cookie is ever used.
fn cors() -> CorsLayer {
    let exposed = [
        "grpc-status",
        "grpc-message",
        "grpc-status-details-bin",
        "x-request-id",
    ];
    let allowed = [
        "x-grpc-web",
        "x-user-agent",
        "grpc-timeout",
        "x-request-id",
        "idempotency-key",
    ];
    CorsLayer::new()
        .allow_origin(Any)
        .allow_headers(
            allowed
                .map(HeaderName::from_static)
                .into_iter()
                .chain([header::AUTHORIZATION, header::CONTENT_TYPE])
                .collect::<Vec<_>>(),
        )
        .expose_headers(exposed.map(HeaderName::from_static))
}
