//! How clients' connections come in: in the clear, or by TLS 1.3 and 1.2 with certificates that are read
//! again when their files change. Deliberately no word of gRPC but the one that a client in the clear is
//! answered with, and no certificates asked of clients: tokens say who they are.

mod certificates;
mod connection;

use std::{io, sync::Arc, time::Duration};

use axum::Router;
use futures::{Stream, StreamExt as _, future::Either};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tonic::{
    Status,
    body::Body,
    service::Routes,
    transport::server::{Server, TcpIncoming},
};

pub use self::{certificates::Certificates, connection::Connection};

/// What clients are told who speak plain text to a gateway with TLS.
pub const SPEAKS_TLS: &str =
    "this gateway speaks TLS: write its address with https:// instead of http://";

/// Longest a client may take to agree on keys.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Clients agreeing at once; more of them wait at the door.
const HANDSHAKES_AT_ONCE: usize = 1024;
/// Longest that a client in the clear is listened to.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);

/// First byte of a TLS handshake.
const HANDSHAKE: u8 = 0x16;

/// Connections as they come in, those with TLS when keys are agreed on. A slow client holds nobody up, and
/// one that fails is no error of the stream.
pub fn incoming(
    listener: TcpListener,
    certificates: Option<&Arc<Certificates>>,
) -> impl Stream<Item = io::Result<Connection>> + use<> {
    let accepted = TcpIncoming::from(listener).with_nodelay(Some(true));
    let Some(acceptor) = certificates.map(Certificates::acceptor) else {
        return Either::Left(accepted.map(|tcp| tcp.map(Connection::Plain)));
    };
    let agreed = accepted
        // In tasks of their own: whoever takes connections does not compute signatures.
        .map(move |tcp| {
            let acceptor = acceptor.clone();
            tokio::spawn(async move { agree(tcp, acceptor).await.transpose() })
        })
        .buffer_unordered(HANDSHAKES_AT_ONCE)
        .filter_map(|ended| std::future::ready(ended.unwrap_or(None)));
    Either::Right(agreed)
}

/// Agrees on keys; `None` where the client does not, which is no business of others.
async fn agree(
    tcp: io::Result<TcpStream>,
    acceptor: TlsAcceptor,
) -> io::Result<Option<Connection>> {
    let tcp = tcp?;
    let agreeing = async {
        let mut first = [0];
        if tcp.peek(&mut first).await? > 0 && first[0] != HANDSHAKE {
            refuse_plain_text(tcp).await;
            return Ok(None);
        }
        let tls = acceptor.accept(tcp).await?;
        Ok(Some(Connection::Tls(Box::new(tls))))
    };
    match timeout(HANDSHAKE_TIMEOUT, agreeing).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => {
            let error: io::Error = error;
            tracing::debug!(%error, "a client did not agree on TLS");
            Ok(None)
        }
        Err(_) => {
            tracing::debug!("a client did not agree on TLS in time");
            Ok(None)
        }
    }
}

/// Tells a client why it is not served, by HTTP/2 or HTTP/1.1 as it speaks.
async fn refuse_plain_text(tcp: TcpStream) {
    let routes = Routes::from(Router::new().fallback(told));
    let one = futures::stream::iter([Ok::<_, io::Error>(tcp)]);
    let served = Server::builder()
        .accept_http1(true)
        .max_connection_age(REFUSAL_TIMEOUT)
        .add_routes(routes)
        .serve_with_incoming(one)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a client in the clear could not be told so");
    }
}

async fn told(request: axum::extract::Request) -> http::Response<Body> {
    let kind = request.headers().get(http::header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        return Status::failed_precondition(SPEAKS_TLS).into_http();
    }
    let mut answer = http::Response::new(Body::new(axum::body::Body::from(SPEAKS_TLS)));
    *answer.status_mut() = http::StatusCode::BAD_REQUEST;
    answer
}
