//! The yardstick: a bare tonic server that answers each call with its own bytes. Deliberately nothing
//! else: no authentication, no decoding, nothing stored.

use std::convert::Infallible;

use bytes::Bytes;
use futures::future::{BoxFuture, Ready, ready};
use proto::raw::RawCodec;
use tokio::{net::TcpListener, task::JoinHandle};
use tonic::{
    Request, Response, Status,
    body::Body,
    codegen::{Service, http},
    server::{Grpc, NamedService, UnaryService},
    transport::server::{Server, TcpIncoming},
};

use crate::error::{Error, Result};

/// The one method.
pub const PATH: &str = "/valutai.bench.v1.Echo/Echo";

/// A running echo.
#[derive(Debug)]
pub struct Echo {
    /// Where it listens.
    pub endpoint: String,
    serving: JoinHandle<()>,
}

impl Echo {
    /// Starts it on a free port, with the gateway's settings of the transport.
    ///
    /// # Errors
    /// Where no port can be had.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.map_err(Error::file("a port"))?;
        let address = listener.local_addr().map_err(Error::file("a port"))?;
        let serving = tokio::spawn(async move {
            let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
            let server = Server::builder()
                .max_concurrent_streams(Some(1000))
                .add_service(EchoServer)
                .serve_with_incoming(incoming);
            if let Err(error) = server.await {
                eprintln!("the echo ended: {error}");
            }
        });
        Ok(Self {
            endpoint: format!("http://{address}"),
            serving,
        })
    }

    /// Ends it.
    pub fn stop(self) {
        self.serving.abort();
    }
}

#[derive(Debug, Clone)]
struct EchoServer;

impl NamedService for EchoServer {
    const NAME: &'static str = "valutai.bench.v1.Echo";
}

impl Service<http::Request<Body>> for EchoServer {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move { Ok(Grpc::new(RawCodec).unary(Method, request).await) })
    }
}

struct Method;

impl UnaryService<Bytes> for Method {
    type Response = Bytes;
    type Future = Ready<Result<Response<Bytes>, Status>>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        ready(Ok(Response::new(request.into_inner())))
    }
}
